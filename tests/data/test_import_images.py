"""Images become a dataset: every file is used or set aside, and what is stored is what was given."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hume.common.errors import InputError, RunError
from hume.data.dataset import dataset_folders, load_dataset
from hume.data.folder import DatasetFolder
from hume.data.image_files import fit
from hume.data.importers.folder_listing import Entry, Listing, list_folder
from hume.data.importers.images import import_arrays_of_images, import_images
from hume.data.importers.table_listing import list_table
from hume.data.importers.zip_archive import top_folder, unpack_zip
from hume.data.originals import Pictures
from tests.support.rules import cases

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def shelf(folder, shapes):
    """Image files of given shapes, by name."""
    return {name: save(folder / name, noise(*shape)) for name, shape in shapes.items()}


def bring(folder, root, name="birds", *, meaning=None, **options):
    return import_images(list_folder(folder, roots=None, meaning=meaning), root, name, **{"keep": "refer", **options})


@pytest.fixture
def given(tmp_path):
    return tmp_path / "given"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


def nothing_left(root):
    return not root.exists() or not list(root.iterdir())


# --- what is stored ------------------------------------------------------------------------


@pytest.mark.parametrize("colour", [(), (3,)])
def test_images_of_one_small_size_are_stored_exactly(given, root, colour):
    saved = shelf(given, {f"{label}/{i}.png": (20, 30, *colour) for label in "ab" for i in range(3)})
    folder, report = bring(given, root)
    dataset = folder.load()
    np.testing.assert_array_equal(dataset.images, list(saved.values()))
    assert dataset.file_names == list(saved)
    assert dataset.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.load(folder.path / "labels.npy").dtype == np.uint8
    assert dataset.classes == ("a", "b")
    assert dataset.test_rows is None
    assert "originals" not in dataset.card
    assert folder.originals is None
    assert (report.given, report.used, report.set_aside, report.notes) == (6, 6, [], [])
    assert dataset.card["summary"] == f"6 {'colour' if colour else 'grey'} images, stored at 30 × 20 pixels"
    assert "source" not in dataset.card
    assert not (folder.path / "set_aside.csv").exists()


def test_images_of_several_sizes_are_stored_as_squares(given, root):
    shapes = {"a.png": (20, 20), "b.png": (20, 20), "c.png": (40, 300, 3), "d.png": (9, 12, 3), "e.png": (500, 400)}
    saved = shelf(given, shapes)
    folder, _ = bring(given, root, side=32, source="my camera", licence="CC0")
    images = np.load(folder.path / "images.npy")
    assert images.shape == (5, 32, 32, 3)
    for row, pixels in zip(images, saved.values(), strict=True):
        square = fit(Image.fromarray(pixels).convert("RGB"), 32)
        assert abs(row.astype(int) - square).mean() < 6  # the largest was shrunk in two steps
    for row in (0, 1, 3):
        small = fit(Image.fromarray(list(saved.values())[row]).convert("RGB"), 32)
        np.testing.assert_array_equal(images[row], small)
    card = folder.card()
    assert (card["name"], card["source"], card["licence"]) == ("birds", "my camera", "CC0")
    assert card["originals"] == str(given)
    assert card["rows"] == {"given": 5, "used": 5, "set_aside": 0}
    assert card["added"].endswith("+00:00")


@cases("late", [(20, 20, 3), (21, 20), (99, 99), (99, 99, 3)])
def test_one_late_picture_changes_how_all_are_stored(given, root, late):
    saved = shelf(given, {f"{i:03}.png": (20, 20) for i in range(150)} | {"late.png": late})
    folder, _ = bring(given, root, side=24)
    images = np.load(folder.path / "images.npy")
    side = 20 if late[:2] == (20, 20) else 24
    assert images.shape == (151, side, side, *late[2:])
    first = Image.fromarray(saved["000.png"]).convert("RGB" if late[2:] else "L")
    np.testing.assert_array_equal(images[0], first if side == 20 else fit(first, 24))


def test_a_split_and_labels_come_along(given, root):
    shelf(given, {f"{part}/{label}/x.png": (8, 8) for part in ("train", "test") for label in ("9", "10")})
    dataset = bring(given, root)[0].load()
    assert dataset.file_names == ["train/9/x.png", "train/10/x.png", "test/9/x.png", "test/10/x.png"]
    assert dataset.test_rows.tolist() == [False, False, True, True]
    assert dataset.labels.tolist() == [0, 1, 0, 1]
    assert dataset.classes == ("9", "10")


def test_labels_and_splits_need_every_row(given, root):
    shelf(given, {f"{i}.png": (8, 8) for i in range(4)})
    parts = [("x", "train"), ("y", None), (None, None), ("y", "test")]
    entries = [Entry(f"{i}.png", given / f"{i}.png", *parts[i]) for i in range(4)]
    folder, report = import_images(Listing(entries, [], ["x", "y"], given), root, "d", keep="refer")
    assert report.notes == [
        "Labels are not imported: 1 of 4 images have none.",
        "The split is not imported: some images are neither train nor test.",
    ]
    assert not {"labels.npy", "test_rows.npy"} & {path.name for path in folder.path.iterdir()}
    assert "classes" not in folder.card()


def test_a_class_of_one_image_counts_and_one_without_any_does_not(given, root):
    shelf(given, {"a/1.png": (8, 8), "c/1.png": (8, 8), "c/2.png": (8, 8)})
    (given / "b").mkdir()
    (given / "b" / "1.png").write_bytes(b"text")
    folder, report = bring(given, root, meaning="classes")
    assert folder.load().classes == ("a", "c")
    assert folder.load().labels.tolist() == [0, 1, 1]
    assert report.notes == ["Classes without a usable image are removed: b."]


def test_more_than_256_classes(given, root):
    shelf(given, {f"{i}/x.png": (4, 4) for i in range(258)})
    dataset = bring(given, root, meaning="classes")[0].load()
    assert dataset.labels.tolist() == list(range(258))
    assert dataset.classes == tuple(map(str, range(258)))


def test_the_digest_stands_for_files_and_order(given, root):
    saved = shelf(given, {f"{i}.png": (8, 8) for i in range(3)})
    first = bring(given, root)[0]
    assert bring(given, root)[0].digest == first.digest
    assert [path.name for path in dataset_folders([root])][-2:] == ["birds", "birds-2"]
    save(given / "1.png", saved["0.png"])
    assert bring(given, root)[0].digest != first.digest


# --- what is set aside ---------------------------------------------------------------------


def test_bad_files_are_set_aside_and_everything_adds_up(given, root):
    shelf(given, {f"{i}.png": (64, 64, 3) for i in range(6)})
    whole = (given / "1.png").read_bytes()
    (given / "1.png").write_bytes(whole[: len(whole) // 2])
    (given / "2.png").write_bytes(b"only text")
    (given / "3.png").unlink()
    (given / "3.png").symlink_to("/etc/passwd")
    (given / "4.png").write_bytes(b"")
    (given / "=note.txt").write_bytes(b"")
    listing = list_folder(given, roots=None)
    (given / "gone.png").mkdir()
    listing.entries.append(Entry("gone.png", given / "gone.png"))
    folder, report = import_images(listing, root, "birds", keep="refer")
    reasons = {
        "1.png": "is cut short",
        "2.png": "is not an image",
        "3.png": "is a link out of the folder",
        "4.png": "is empty",
        "=note.txt": "is not an image by its ending",
        "gone.png": "is a folder",
    }
    assert dict(report.set_aside) == reasons
    assert report.given == report.used + len(report.set_aside) == 8
    assert folder.card()["rows"] == {"given": 8, "used": 2, "set_aside": 6}
    assert folder.load().file_names == ["0.png", "5.png"]
    with (folder.path / "set_aside.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["name", "reason"]
    assert {name.lstrip("'"): reason for name, reason in rows} == reasons


def test_names_that_are_no_text_can_be_listed(given, root):
    shelf(given, {"a.png": (8, 8), "b.png": (8, 8)})
    Path(str(given / "x\udcff.png")).write_bytes(b"")
    folder, report = bring(given, root)
    assert report.set_aside == [("x\udcff.png", "has a name that is not UTF-8")]
    assert b"x\\udcff.png" in (folder.path / "set_aside.csv").read_bytes()


def test_two_images_are_needed(given, root):
    shelf(given, {"a.png": (8, 8)})
    (given / "b.png").write_bytes(b"text")
    with pytest.raises(InputError, match=r"1 of 2 files of birds are usable images \(b.png is not an image\)"):
        bring(given, root)
    assert nothing_left(root)
    with pytest.raises(InputError, match="side is 2"):
        bring(given, root, side=2)


# --- where the originals are ---------------------------------------------------------------


def test_columns_of_a_table_come_along_without_those_of_bad_files(tmp_path, root):
    shelf(tmp_path, {"a.png": (9, 9), "b.png": (9, 9)})
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "t.csv").write_text("file,site,depth\nbad.png,east,1\nb.png,north,2.5\na.png,,x\n")
    folder, report = import_images(list_table(tmp_path / "t.csv", roots=None), root, "t", keep="refer")
    columns = folder.load().columns
    assert columns["site"].tolist() == ["north", ""]
    assert columns["depth"].tolist() == ["2.5", "x"]
    assert "The column depth holds numbers and other text: it is read as text." in report.notes


@cases("keep", ["refer", "copy", "move"])
def test_originals_stay_within_reach(given, root, keep):
    saved = shelf(given, {"a/1.png": (60, 40, 3), "b/2.png": (50, 70, 3), "b/3.png": (9, 9)})
    (given / "b" / "4.png").write_bytes(b"text")
    folder, _ = bring(given, root, keep=keep, side=16)
    assert folder.originals == (given if keep == "refer" else folder.path / "originals")
    assert (given / "a/1.png").exists() == (keep != "move")
    pictures = Pictures(folder)
    assert len(pictures) == 3
    for row, pixels in enumerate(saved.values()):
        picture, problem = pictures[row]
        assert problem is None
        assert picture.mode == ("L" if pixels.ndim == 2 else "RGB")
        np.testing.assert_array_equal(np.asarray(picture), pixels)
    with pytest.raises(IndexError):
        pictures[3]


def test_an_original_that_is_gone_is_replaced_by_its_stored_copy(given, root):
    shelf(given, {f"{i}.png": (40, 40, 3) for i in range(4)})
    folder, _ = bring(given, root, side=16)
    (given / "1.png").write_bytes((given / "1.png").read_bytes()[:900])
    (given / "2.png").unlink()
    (given / "3.png").unlink()
    (given / "3.png").symlink_to(save_outside(given))
    pictures = Pictures(folder)
    found = [pictures[row] for row in range(4)]
    assert [picture.size for picture, _ in found] == [(40, 40), (16, 16), (16, 16), (16, 16)]
    assert [problem and problem.split(":")[0] for _, problem in found] == [
        None,
        "1.png is cut short",
        "2.png does not exist",
        "3.png is outside the folder of the originals",
    ]
    np.testing.assert_array_equal(np.asarray(found[1][0]), folder.load().images[1])


def save_outside(given):
    save(given.parent / "secret.png", noise(5, 5))
    return given.parent / "secret.png"


def test_a_table_of_files_elsewhere_keeps_its_originals(tmp_path, root):
    saved = shelf(tmp_path, {"x/a.png": (60, 40), "y/b.png": (30, 30)})
    (tmp_path / "x" / "t.csv").write_text("path\na.png\n../y/b.png\n")
    folder, _ = import_images(list_table(tmp_path / "x" / "t.csv", roots=None), root, "t", keep="refer", side=16)
    assert folder.load().file_names == ["x/a.png", "y/b.png"]
    found = [np.asarray(Pictures(folder)[row][0]) for row in range(2)]
    for pixels, original in zip(found, saved.values(), strict=True):
        np.testing.assert_array_equal(pixels, original)


@pytest.mark.parametrize("own", [None, "x"])
def test_only_files_of_the_own_folder_are_moved(tmp_path, root, own):
    shelf(tmp_path, {"x/a.png": (60, 40), "y/b.png": (30, 30)})
    entries = [Entry(name, tmp_path / name) for name in ("x/a.png", "y/b.png")]
    listing = Listing(entries, [], None, tmp_path if own else tmp_path / "x")
    folder, _ = import_images(listing, root, "t", keep="move", own=own and tmp_path / own, side=16)
    assert not (tmp_path / "x" / "a.png").exists()
    assert (tmp_path / "y" / "b.png").exists()
    assert [Pictures(folder)[row][0].size for row in range(2)] == [(40, 60), (30, 30)]


def test_a_zip_becomes_a_dataset(tmp_path, given, root):
    shelf(given / "photos", {"cat/1.png": (60, 40, 3), "dog/1.png": (50, 70, 3)})
    packed = shutil.make_archive(str(tmp_path / "photos"), "zip", given)
    unpack_zip(Path(packed), tmp_path / "unpacked")
    folder, _ = bring(top_folder(tmp_path / "unpacked"), root, "My photos!", keep="move", meaning="classes")
    shutil.rmtree(tmp_path / "unpacked")
    assert folder.name == "My-photos"
    assert folder.card()["name"] == "My photos!"
    assert folder.load().classes == ("cat", "dog")
    assert Pictures(folder)[1][0].size == (70, 50)


@pytest.mark.parametrize(("name", "mode"), [("digits", "L"), ("earth", "RGB"), ("fashion-mnist", "L")])
def test_embedded_datasets_have_pictures(name, mode):
    folder = next(folder for folder in dataset_folders() if folder.name == name)
    pictures = Pictures(DatasetFolder(folder))
    assert len(pictures) == load_dataset(name).num_samples
    picture, problem = pictures[len(pictures) - 1]
    assert problem is None
    assert picture.mode == mode
    np.testing.assert_array_equal(picture, load_dataset(name).images[-1])


def test_pictures_need_images(root):
    (root / "d" / "spaces").mkdir(parents=True)
    np.save(root / "d" / "spaces" / "s.npy", np.ones((3, 2), dtype=np.float32))
    with pytest.raises(InputError, match="d has no images"):
        Pictures(DatasetFolder(root / "d"))


# --- ends that come early ------------------------------------------------------------------


def test_progress_is_told_and_may_end_the_work(given, root):
    shelf(given, {f"{i:03}.png": (12, 9) for i in range(130)})
    told = []
    bring(given, root, keep="copy", side=8, on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) == 6
    shutil.rmtree(root)

    class StopError(Exception):
        pass

    def stop(share):
        raise StopError

    with pytest.raises(StopError):
        bring(given, root, on_progress=stop)
    assert nothing_left(root)


@pytest.mark.parametrize(("keep", "free"), [("refer", 3000), ("copy", 20_000)])
def test_room_is_looked_at_before(given, root, monkeypatch, keep, free):
    shelf(given, {f"{i}.png": (80, 80) for i in range(16)})
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10**9, 10**9, free))
    with pytest.raises(RunError, match=r"has room for 0\.00 GB"):
        bring(given, root, keep=keep, side=16)
    assert nothing_left(root)
    with pytest.raises(RunError, match=r"has room for 0\.00 GB"):
        import_arrays_of_images(noise(40, 28, 28), root, "arrays")
    assert nothing_left(root)


def test_a_disk_that_fills_up_in_the_middle_leaves_nothing(given, root, monkeypatch):
    shelf(given, {f"{i}.png": (80, 80) for i in range(4)})

    def full(source, place):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(RunError, match="No space left on device"):
        bring(given, root, keep="copy", side=16)
    assert nothing_left(root)


# --- arrays --------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", [(), (3,)])
def test_arrays_of_images_become_a_dataset(root, colour):
    images = noise(5, 9, 7, *colour)
    folder = import_arrays_of_images(
        images,
        root,
        "five",
        labels=np.array([0, 2, 2, 0, 0]),
        classes=["a", "b", "c"],
        test_rows=np.array([0, 0, 0, 1, 1], dtype=bool),
        file_names=[f"{i}.png" for i in range(5)],
        card={"source": "a shelf", "summary": "Five of them."},
    )
    dataset = folder.load()
    np.testing.assert_array_equal(dataset.images, images)
    assert dataset.labels.tolist() == [0, 2, 2, 0, 0]
    assert dataset.classes == ("a", "b", "c")
    assert dataset.test_rows.sum() == 2
    assert dataset.file_names[4] == "4.png"
    card = json.loads((folder.path / "card.json").read_text())
    assert (card["name"], card["source"], card["summary"]) == ("five", "a shelf", "Five of them.")
    assert card["digest"] == DatasetFolder(folder.path)._digest_of_images()
    np.testing.assert_array_equal(np.asarray(Pictures(folder)[3][0]), images[3])


def test_a_memory_map_and_one_sided_rows(tmp_path, root):
    np.save(tmp_path / "x.npy", noise(6, 4, 4))
    folder = import_arrays_of_images(
        np.load(tmp_path / "x.npy", mmap_mode="r"), root, "x", test_rows=np.zeros(6, dtype=bool)
    )
    assert folder.load().test_rows is None
    assert len(folder.load().images) == 6


@cases(
    ("change", "message"),
    [
        ({"images": np.zeros((4, 5, 5))}, "images are float64"),
        ({"images": np.zeros((4, 3, 5, 5), dtype=np.uint8)}, "images are uint8 of shape"),
        ({"images": np.zeros((4, 0, 5), dtype=np.uint8)}, "images are uint8 of shape"),
        ({"images": np.zeros((1, 5, 5), dtype=np.uint8)}, "give at least 2"),
        ({"labels": np.array([0, 1, 1])}, "labels are int64 of shape"),
        ({"labels": np.array([0, 1, 1, -1])}, "labels are"),
        ({"labels": np.array([0, 1, 1, 2]), "classes": ["a", "b"]}, "a label 2 for 2 classes"),
        ({"test_rows": np.array([0, 1, 1, 1])}, "test rows are int64"),
        ({"file_names": ["a"]}, "1 file names for 4 images"),
        ({"file_names": ["a", "b", "c\nd", "e"]}, "cannot be a file name"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(root, change, message):
    arrays = {"images": np.zeros((4, 5, 5), dtype=np.uint8), **change}
    with pytest.raises(InputError, match=message):
        import_arrays_of_images(root=root, name="x", **arrays)
    assert nothing_left(root)


@pytest.mark.parametrize("side", [16, 32])  # smaller than the pictures, so that originals are read, or not
def test_pictures_of_more_than_eight_bits_share_black_and_white(given, root, side):
    given.mkdir()
    values = [200, 4000, 5000]
    for i, value in enumerate(values):
        Image.fromarray(np.full((24, 24), value, dtype=np.uint16)).save(given / f"{i}.png")
    Image.fromarray(np.full((24, 24), 200, dtype=np.uint8)).save(given / "3.png")
    folder, _ = bring(given, root, side=side)
    expected = [*np.rint(np.array(values) / 16383 * 255), 200]
    np.testing.assert_array_equal(folder.load().images[:, 0, 0], expected)
    np.testing.assert_array_equal([np.asarray(picture)[0, 0] for picture, _ in Pictures(folder)], expected)


def test_animated_cmyk_and_deep_files_are_used(given, root):
    given.mkdir()
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(given / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].convert("CMYK").save(given / "b.jpg")
    Image.fromarray(np.full((20, 20), 65535, dtype=np.uint16)).save(given / "c.png")
    content = io.BytesIO()
    frames[1].save(content, "PNG")
    (given / "d.jpg").write_bytes(content.getvalue())  # of another kind than its ending says
    images = bring(given, root)[0].load().images
    assert images.shape == (4, 20, 20, 3)
    centres = images[:, 10, 10].astype(int)
    assert abs(centres - [[255, 0, 0], [255, 0, 0], [255, 255, 255], [0, 0, 255]]).max() < 8
