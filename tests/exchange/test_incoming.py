"""What people bring is told by what it is; everything given is used or set aside, in the background too."""

import io
import os
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from hume import Store
from hume.common.errors import InputError
from hume.exchange.detection import detect_format
from hume.exchange.incoming import STALE, import_path, sweep
from hume.exchange.preview import look
from hume.features.pretrain import PretrainConfig
from hume.jobs.datasets import DatasetJobs, upload
from hume.jobs.runs import RunJobs
from tests.support.app_driver import until
from tests.support.rules import cases

CLASSES = ("cat", "dog")
EACH = 5


def png(seed, size=(12, 10)):
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)).save(content, "PNG")
    return content.getvalue()


def fill(folder):
    """Class folders with pictures, one file cut short and one that is no picture."""
    for k, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for i in range(EACH):
            (folder / name / f"{i}.png").write_bytes(png(10 * k + i))
    (folder / "cat" / "cut.png").write_bytes(png(99)[:60])
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path / "pets")


@pytest.fixture
def archive(tmp_path, folder):
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as made:
        for file in sorted(folder.rglob("*.*")):
            made.write(file, f"pets/{file.relative_to(folder)}")
    return path


@pytest.fixture
def work(store):
    jobs = RunJobs(store)
    yield DatasetJobs(jobs)
    jobs.close()


def done(work, name):
    until(lambda: not work.jobs.status(name).under_way)
    return work.jobs.status(name)


def check(data):
    assert data.num_samples == 2 * EACH
    assert data.images.shape == (2 * EACH, 12, 10, 3)
    assert data.classes == CLASSES
    assert data.labels.tolist() == [0] * EACH + [1] * EACH
    assert data.card["rows"] == {"given": 12, "used": 10, "set_aside": 2}
    assert np.array_equal(data.images[0], np.asarray(Image.open(io.BytesIO(png(0)))))


@pytest.mark.parametrize("kind", ["images", "zip"])
def test_pictures_become_a_dataset_and_the_rest_is_counted(store, folder, archive, kind):
    found = detect_format(folder if kind == "images" else archive)
    assert found.kind == kind
    assert found.suggested_name == "pets"
    shares = []
    report = import_path(found, store, on_progress=shares.append)
    assert report.summary.startswith("10 of 12 given files are in pets; 2 were set aside")
    assert sorted(name for name, _ in report.set_aside) == ["cat/cut.png", "notes.txt"]
    assert shares == sorted(shares)
    check(store.load_dataset("pets"))
    left = [path.name for path in store.dataset_roots[0].iterdir()]
    assert left == ["pets"], "what was unpacked is gone"


@pytest.mark.parametrize("kind", ["images", "zip"])
def test_what_would_come_in_is_said_before_and_no_picture_is_lost_by_its_place(store, tmp_path, kind):
    given = tmp_path / "album"
    (given / "holiday").mkdir(parents=True)
    names = [f"holiday/{i}.png" for i in range(6)] + [f"{i}.png" for i in range(3)]
    for i, name in enumerate(names):
        (given / name).write_bytes(png(i))
    (given / "text.jpg").write_text("no picture")
    (given / "cut.png").write_bytes(png(99)[:60])
    (given / "notes.txt").write_text("no picture")
    path = given
    if kind == "zip":
        path = tmp_path / "album.zip"
        with zipfile.ZipFile(path, "w") as made:
            for file in sorted(given.rglob("*.*")):
                made.write(file, f"album/{file.relative_to(given)}")
            made.writestr("__MACOSX/album/._0.png", b"x")
    found = detect_format(path)
    usual, other = found.outcomes
    assert (usual.meaning, usual.classes) == ("nothing", {})
    assert (other.meaning, other.classes) == ("classes", {"holiday": 6, "no folder": 5})
    seen = look(found, path, shown=99)
    bad = {name.removeprefix("album/"): why for name, why in (*found.set_aside, *seen.unreadable)}
    assert bad.pop("__MACOSX/album/._0.png", None) == ("is a file of the operating system" if kind == "zip" else None)
    assert bad.pop("cut.png").startswith("is ")
    assert bad == {"text.jpg": "is not an image", "notes.txt": "is not an image by its ending"}
    assert {name.removeprefix("album/") for name, _ in seen.pictures} == set(names)
    import_path(found, store, "plain")
    assert store.load_dataset("plain").labels is None
    assert sorted(store.load_dataset("plain").file_names) == sorted(names)
    import_path(detect_format(path, meaning="classes"), store, "classes")
    data = store.load_dataset("classes")
    assert data.classes == ("holiday", "no folder")
    assert np.bincount(data.labels).tolist() == [6, 3]
    with pytest.raises(InputError, match="no train and test folders"):
        detect_format(path, meaning="split")


def test_a_table_says_where_pictures_lie_and_what_they_are(store, folder, tmp_path):
    lines = ["file,kind", *(f"{name}/{i}.png,{name}" for name in CLASSES for i in range(EACH)), "cat/none.png,cat"]
    table = folder / "pets.csv"
    table.write_text("\n".join(lines))
    report = import_path(detect_format(table, label_column="kind"), store)
    assert report.summary.startswith("10 of 11 given files are in pets")
    assert store.load_dataset("pets").classes == CLASSES


def test_arrays_become_a_dataset(store, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(20) % 4
    np.savez(tmp_path / "cells.npz", rna=rng.normal(size=(20, 5)), labels=labels)
    found = detect_format(tmp_path / "cells.npz")
    assert "rna 20 × 5 (space)" in found.summary
    assert "labels 20 (labels)" in found.summary
    import_path(found, store)
    data = store.load_dataset("cells")
    assert list(data.spaces) == ["rna"]
    assert data.labels.tolist() == labels.tolist()


def write_shard(path, seeds):
    """A Parquet file as Hugging Face writes them, with a class for each picture."""
    datasets = pytest.importorskip("datasets")
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(CLASSES))}
    rows = {"image": [{"bytes": png(i), "path": None} for i in seeds], "label": [i % 2 for i in seeds]}
    datasets.Dataset.from_dict(rows, features=datasets.Features(kinds)).to_parquet(path)


def test_a_folder_of_nothing_but_parquet_is_a_dataset_of_hugging_face(store, tmp_path):
    place, outside = tmp_path / "shards", tmp_path / "outside.parquet"
    write_shard(place / "data" / "train-00000-of-00002.parquet", range(4))
    write_shard(place / "data" / "train-00001-of-00002.parquet", range(4, 7))
    write_shard(place / "data" / "test-00000-of-00001.pq", range(7, 10))
    write_shard(place / "data" / "more.parquet", range(10, 12))
    write_shard(outside, range(12, 20))
    config = f"configs:\n- config_name: default\n  data_files: {outside}\n"
    (place / "README.md").write_text(f"---\n{config}---\n")
    (place / ".gitattributes").touch()
    found = detect_format(place, roots=[place])
    told = "A dataset of Hugging Face in 4 Parquet files. label is taken for the labels, as it has classes."
    assert (found.kind, found.summary) == ("hugging-face", told)
    import_path(found, store)
    data = store.load_dataset("shards")
    assert data.card["rows"] == {"given": 12, "used": 10, "set_aside": 2}
    assert data.classes == CLASSES
    assert data.test_rows.sum() == 3
    seeds = [*range(7), *range(7, 10)]
    order = np.argsort(data.test_rows, kind="stable")
    for row, seed in zip(order, seeds, strict=True):
        np.testing.assert_array_equal(data.images[row], np.asarray(Image.open(io.BytesIO(png(seed)))))
    (place / "data" / "linked.parquet").symlink_to(outside)
    with pytest.raises(InputError, match="is outside the folders that may be read"):
        detect_format(place, roots=[place])
    (place / "notes.csv").write_text("a,b")
    with pytest.raises(InputError, match="no image"):
        detect_format(place)


def test_both_endings_of_parquet_are_told_apart_by_what_they_hold(store, folder):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    pictures = [f"{name}/{i}.png" for name in CLASSES for i in range(EACH)]
    parquet.write_table(pyarrow.table({"file": pictures}), folder / "paths.pq")
    parquet.write_table(pyarrow.table({"a": [0.5, 1.5], "b": [2.0, 3.0]}), folder / "cells.pq")
    assert detect_format(folder / "paths.pq").summary == "10 images."
    assert detect_format(folder / "cells.pq").summary == "Arrays: cells 2 × 2 (space)."


def test_what_lies_elsewhere_or_is_nothing_known_is_told(tmp_path, folder):
    with pytest.raises(InputError, match="is outside the folders that may be read"):
        detect_format(folder, roots=[tmp_path / "allowed"])
    with pytest.raises(InputError, match="does not exist"):
        detect_format(tmp_path / "nowhere")
    (tmp_path / "film.mp4").write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match=r"unsupported input: .*film\.mp4\. Supported: a folder"):
        detect_format(tmp_path / "film.mp4")
    (tmp_path / "torn.zip").write_bytes(b"PK\3\4" + b"\0" * 50)
    with pytest.raises(InputError, match="is no zip archive, or is cut short"):
        detect_format(tmp_path / "torn.zip")


@pytest.mark.parametrize("ending", ["parquet", "pq"])
def test_one_parquet_file_of_whole_images_is_a_dataset_of_hugging_face(store, tmp_path, ending):
    write_shard(tmp_path / f"shard.{ending}", range(6))
    found = detect_format(tmp_path / f"shard.{ending}")
    told = "A dataset of Hugging Face in 1 Parquet file. label is taken for the labels, as it has classes."
    assert (found.kind, found.summary) == ("hugging-face", told)
    assert import_path(found, store).summary == "6 rows are in shard."
    assert store.load_dataset("shard").classes == CLASSES


def make_release(folder):
    """A release of one space, as its authors lay it out."""
    rng = np.random.default_rng(0)
    place = folder / "data" / "representations" / "clip"
    place.mkdir(parents=True)
    for split, number in (("train", 12), ("val", 6)):
        np.save(place / f"pets_{split}.npy", rng.normal(size=(number, 3)).astype(np.float32))
    return folder


def packed(path, folder, *more):
    """A zip of a folder, and of entries (name, content) besides."""
    with zipfile.ZipFile(path, "w") as made:
        for file in sorted(folder.rglob("*")):
            made.write(file, file.relative_to(folder.parent))
        for name, content in more:
            made.writestr(name, content)
    return path


@pytest.mark.parametrize("kind", ["release", "hugging-face"])
def test_what_an_archive_sets_aside_is_told_whatever_it_holds(store, tmp_path, kind):
    if kind == "release":
        folder = make_release(tmp_path / "it")
    else:
        folder = tmp_path / "it"
        write_shard(folder / "train.parquet", range(6))
    report = import_path(detect_format(packed(tmp_path / "it.zip", folder, ("../up.npy", b"x"))), store)
    assert "Of the files of the archive, 1 was set aside." in report.summary
    assert ("../up.npy", "has a name that leads out of the archive") in report.set_aside


def test_a_release_keeps_its_own_names(store, tmp_path):
    folder = make_release(tmp_path / "it")
    assert "keeps its own names" not in import_path(detect_format(folder), store).summary
    archive = packed(tmp_path / "it.zip", folder)
    assert "keeps its own names" not in import_path(detect_format(archive), store).summary
    for path in (folder, archive):
        assert (
            "A release keeps its own names, mine is not used."
            in import_path(detect_format(path), store, "mine").summary
        )


@pytest.mark.parametrize("name", ["tasks", "representations"])
def test_a_class_may_be_named_as_a_part_of_a_release(store, tmp_path, name):
    for kind in (name, "mails"):
        (tmp_path / "in" / kind).mkdir(parents=True)
        for i in range(3):
            (tmp_path / "in" / kind / f"{i}.png").write_bytes(png(i))
    found = detect_format(tmp_path / "in")
    assert (found.kind, found.summary) == ("images", "6 images in 2 classes.")
    assert import_path(found, store, "in").datasets == ("in",)


def test_a_release_without_a_dataset_is_no_success(tmp_path):
    folder = tmp_path / "it" / "data" / "representations" / "clip"
    folder.mkdir(parents=True)
    (folder / "pets_train.npy").write_bytes(b"nothing")
    with pytest.raises(InputError, match="has the layout of a release, but no usable dataset"):
        detect_format(tmp_path / "it")


def test_every_file_of_an_archive_is_counted(store, tmp_path):
    hidden = [(f"pets/.hidden/{i}.png", png(i)) for i in range(7)]
    made = packed(tmp_path / "pets.zip", fill(tmp_path / "in" / "pets"), *hidden)
    report = import_path(detect_format(made), store)
    assert report.summary.startswith("10 of 19 given files are in pets; 9 were set aside")
    assert len(report.set_aside) == 9


def test_a_table_never_takes_files_out_of_other_folders(store, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.png").write_bytes(png(i, (40, 40)))
    (tmp_path / "mine").mkdir()
    table = tmp_path / "mine" / "t.csv"
    table.write_text("\n".join(["path", *(str(path) for path in sorted(folder.iterdir()))]))
    import_path(detect_format(table), store, "t", keep="move", side=16)
    assert len(list(folder.iterdir())) == 3
    assert len(list((store.dataset_roots[0] / "t" / "originals").rglob("*.png"))) == 3


def test_paths_that_cannot_be_read_and_options_that_do_not_apply_are_reported(tmp_path, folder, archive):
    with pytest.raises(InputError, match="cannot be read"):
        detect_format(tmp_path / ("a" * 300))
    np.save(tmp_path / "a.npy", np.ones((4, 2)))
    for path in (folder, archive):
        with pytest.raises(InputError, match="is not a table, so it has no label column"):
            detect_format(path, path_column=None, label_column="kind")
    raw = bytearray(archive.read_bytes())
    entry = raw.rfind(b"PK\x01\x02")
    raw[entry + 9] |= 0x08  # its name is said to be UTF-8
    raw[entry + 46] = 0xFF
    archive.write_bytes(raw)
    with pytest.raises(InputError, match="is no zip archive, or is cut short"):
        detect_format(archive)


def test_what_is_still_written_is_not_swept_away(store):
    root = store.dataset_roots[0]
    old = time.time() - STALE.total_seconds() - 60
    for name in (".unpacked-1", ".part-2"):
        (root / name / "cat").mkdir(parents=True)
        (root / name / "cat" / "a.png").write_bytes(b"x")
        (root / name / "gone").symlink_to("nowhere")
        os.utime(root / name, (old, old))
        os.utime(root / name / "gone", (old, old), follow_symlinks=False)
    os.utime(root / ".part-2" / "cat" / "a.png", (old, old))
    sweep(store)
    assert [path.name for path in root.iterdir()] == [".unpacked-1"]


def test_what_an_import_that_was_killed_left_is_swept_away(store, folder):
    root = store.dataset_roots[0]
    for name in (".unpacked-1", ".part-2", "kept"):
        (root / name / "spaces").mkdir(parents=True)
    (root / ".part-new").mkdir()
    old = time.time() - STALE.total_seconds() - 60
    for name in (".unpacked-1", ".part-2", "kept"):
        os.utime(root / name, (old, old))
    (store.home / "runs" / ".part-3" / "seeds").mkdir(parents=True)
    os.utime(store.home / "runs" / ".part-3", (old, old))
    sweep(store)
    assert sorted(path.name for path in root.iterdir()) == [".part-new", "kept"]
    assert list((store.home / "runs").iterdir()) == []


# --- in the background -----------------------------------------------------------------------------


def test_an_upload_is_brought_and_taken_away(work, store, archive):
    with archive.open("rb") as file:
        place = upload(store.home, [("pets.zip", file)])
    name = work.add_uploaded(place, "pets", side=96)
    status = done(work, name)
    assert status.state == "finished"
    assert status.result.summary.startswith("10 of 12 given files are in pets")
    assert not place.exists()
    check(store.load_dataset("pets"))
    assert [each.name for each in work.statuses()] == [name]
    work.forget(name)
    assert work.statuses() == []


def test_single_pictures_can_be_uploaded(work, store):
    place = upload(store.home, [(f"{i}.png", io.BytesIO(png(i))) for i in range(3)])
    assert done(work, work.add_uploaded(place, "three", side=96)).state == "finished"
    assert store.load_dataset("three").num_samples == 3


@cases("names", [["a.png", "a.png"], ["x/../../a.png", "a.png"], [".."], ["a\0.png"]])
def test_uploads_stay_in_a_folder_of_their_own(store, names):
    with pytest.raises(InputError):
        upload(store.home, [(name, io.BytesIO(b"x")) for name in names])
    outside = [path for path in store.home.rglob("*") if path.is_file() and path.parents[1].name != "uploads"]
    assert outside == []


def test_a_failing_import_says_why_and_leaves_no_dataset(work, store):
    place = upload(store.home, [("torn.zip", io.BytesIO(b"PK nothing"))])
    status = done(work, work.add_uploaded(place, "torn", side=96))
    assert status.state == "failed"
    assert "is no zip archive" in status.message
    assert not store.dataset_roots[0].exists() or list(store.dataset_roots[0].iterdir()) == []


def test_a_training_shows_its_loss_and_can_be_cancelled_and_gone_on_with(work, store, folder):
    from hume.features.pretrain import pending
    from hume.runs.dataset_library import own_dataset

    import_path(detect_format(folder), store)
    own = own_dataset(store, "pets")
    config = PretrainConfig(epochs=400, batch_size=8)
    name = work.pretrain(own, config, device="cpu")
    until(lambda: len(work.live(name)) > 2)
    assert work.is_busy(own)
    second = work.pretrain(own, config, device="cpu")
    assert second == f"{name} (2)"
    work.jobs.cancel(second)
    work.jobs.cancel(name)
    assert done(work, name).state == "cancelled"
    assert np.isfinite([record.loss for record in work.live(name)]).all()
    (left,) = pending(own)
    assert left.config == config
    assert 0 < left.step < left.num_steps
    assert not work.is_busy(own)
