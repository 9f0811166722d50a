"""Work on data in the background keeps to its own folders, and no work blocks what waits behind it."""

import io

import numpy as np
import pytest
from PIL import Image

from hume import Store
from hume.common.errors import InputError
from hume.data.folder import new_dataset, write_array
from hume.data.importers.images import import_arrays_of_images
from hume.jobs.datasets import DatasetJobs, upload
from hume.jobs.queues import Queues
from hume.jobs.runs import RunJobs
from hume.runs.dataset_library import copy_dataset, own_dataset
from tests.support.app_driver import look, press, until, words


def png(seed, side=12):
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.fixture
def work(store):
    jobs = RunJobs(store)
    yield DatasetJobs(jobs)
    jobs.close()


@pytest.fixture
def outside(tmp_path):
    """A folder of somebody else's pictures and features."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for i in range(4):
        (folder / f"{i}.png").write_bytes(png(i, 200))
    np.save(folder / "secret.npy", np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32))
    return folder


def done(work, name):
    until(lambda: not work.jobs.status(name).under_way)
    return work.jobs.status(name)


def sent(store, **files):
    return upload(store.home, [(name, io.BytesIO(content)) for name, content in files.items()])


def test_an_uploaded_table_reaches_nothing_outside_its_upload(work, store, outside):
    before = {path: path.read_bytes() for path in outside.iterdir()}
    table = "path\n" + "\n".join(str(outside / f"{i}.png") for i in range(4))
    place = sent(store, **{"t.csv": table.encode()})
    status = done(work, work.add_uploaded(place, "stolen", side=32))
    assert status.state == "failed"
    assert {path: path.read_bytes() for path in outside.iterdir()} == before
    assert not (store.dataset_roots[0] / "stolen").exists()


def test_a_table_and_its_pictures_can_be_uploaded_together(work, store):
    files = {f"{i}.png": png(i) for i in range(4)} | {"t.csv": b"path,label\n0.png,a\n1.png,b\n2.png,a"}
    status = done(work, work.add_uploaded(sent(store, **files), "pets", side=96))
    assert status.result.summary.startswith("3 of 4 given files are in pets; 1 was set aside")
    assert "3.png,is not in the table" in (store.dataset_roots[0] / "pets" / "set_aside.csv").read_text()


@pytest.mark.parametrize("other", ["c.zip", "features.npy"])
def test_an_archive_is_uploaded_alone(work, store, other):
    place = sent(store, **{other: b"anything", "0.png": png(0), "1.png": png(1)})
    status = done(work, work.add_uploaded(place, "mixed", side=96))
    assert status.state == "failed"
    assert f"{other} came with other files" in status.message


def test_features_are_taken_from_the_upload_alone(work, store, outside):
    import_arrays_of_images(
        np.random.default_rng(0).integers(0, 256, (12, 8, 8), np.uint8), store.dataset_roots[0], "pets"
    )
    own = own_dataset(store, "pets")
    content = io.BytesIO()
    np.save(content, np.random.default_rng(1).normal(size=(12, 4)).astype(np.float32))
    place = upload(store.home, [("../../../outside/secret.npy", io.BytesIO(content.getvalue()))])
    assert [path.name for path in place.iterdir()] == ["secret.npy"]
    assert done(work, work.add_features(own, "mine", place)).state == "finished"
    assert own.load().space("mine").features.shape == (12, 4)
    assert (outside / "secret.npy").exists()
    assert not place.exists()


def test_an_upload_that_is_refused_leaves_nothing(store):
    with pytest.raises(InputError, match="two files"):
        upload(store.home, [("a.png", io.BytesIO(b"x")), ("b/a.png", io.BytesIO(b"y"))])
    assert list((store.home / "uploads").iterdir()) == []


def test_work_that_leaves_by_any_door_does_not_stop_the_queue(caplog):
    queues = Queues()
    try:

        def leave(_):
            raise SystemExit(3)

        queues.submit("first one", "cpu", leave)
        queues.submit("second one", "cpu", lambda _: "done")
        until(lambda: queues.status("second one").state == "finished")
        assert queues.status("first one").state == "failed"
        assert "SystemExit" in queues.status("first one").message
    finally:
        queues.close()


def test_a_copy_keeps_a_class_that_is_called_work(store):
    with new_dataset(store.dataset_roots[0], "jobs") as made:
        write_array(made.path / "images.npy", np.zeros((2, 4, 4), np.uint8))
    for name in ("originals/work", "originals/lock", "work"):
        (made.path / name).mkdir(parents=True)
        (made.path / name / "0.png").write_bytes(png(0))
    copied = copy_dataset(store, "jobs")
    assert sorted(path.name for path in (copied.path / "originals").iterdir()) == ["lock", "work"]
    assert not (copied.path / "work").exists()


def test_the_card_is_read_without_the_spaces(store, monkeypatch):
    folder = import_arrays_of_images(np.zeros((3, 4, 4), np.uint8), store.dataset_roots[0], "pets")
    folder.add_space("one", np.zeros((3, 2), np.float16), {"key": "k"})
    (folder.path / "spaces" / "one.npy").write_bytes(b"damaged")
    assert folder.card()["spaces"]["one"]["key"] == "k"
    assert folder.images.shape == (3, 4, 4)


# --- on the page ------------------------------------------------------------------------------------


def test_a_damaged_dataset_can_be_deleted_on_the_page(home):
    folder = import_arrays_of_images(np.zeros((3, 4, 4), np.uint8), home.dataset_roots[0], "torn")
    for name, rows in (("one", 3), ("two", 2)):
        np.save(folder.path / "spaces" / f"{name}.npy", np.ones((rows, 2), np.float32))
    at = look("data", data="torn")
    assert "must have the same rows" in at.error[0].value.replace("\\", "")
    press(at, "delete dataset")
    assert not folder.path.exists()


def test_a_blind_page_names_neither_files_nor_lost_classes(home):
    folder = import_arrays_of_images(
        np.zeros((4, 4, 4), np.uint8), home.dataset_roots[0], "pets", labels=np.arange(4) % 2, classes=["emu", "yak"]
    )
    folder.change_card(lambda card: card.update(rows={"given": 5, "used": 4, "set_aside": 1}, notes=["Lost: emuland."]))
    (folder.path / "set_aside.csv").write_text("name,reason\nemuland/0.png,is cut short\n")
    assert "emuland" in " ".join(words(look("data", data="pets")))
    at = look("data", data="pets", blind="true")
    assert "emuland" not in " ".join(words(at))
    assert not [button for button in at.download_button if button.key == "aside csv"]
