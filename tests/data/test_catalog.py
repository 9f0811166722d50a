"""Public datasets by name, from tiny files in their true formats, and datasets of Hugging Face."""

import gzip
import io
import json
import shutil
import struct

import numpy as np
import pytest
from PIL import Image

from hume.common.errors import InputError
from hume.data.catalog import CATALOG, import_named
from hume.data.importers.hugging_face import import_hugging_face
from hume.exchange.detection import detect_format
from tests.support import torchvision_here  # noqa: F401 - before torchvision
from tests.support.rules import cases


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 255, (6, 32, 32, 3), np.uint8)


@pytest.fixture
def files(tmp_path):
    place = tmp_path / "files"
    place.mkdir()
    return place


def imported(name, tmp_path, files):
    return import_named(name, tmp_path / "root", data_folder=files, download=False).load()


def records(labels, images):
    """CIFAR's binary rows: labels, then the red, the green and the blue plane."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.hstack([np.array(labels, np.uint8).reshape(len(images), -1), planes]).tobytes()


def words(*lines):
    return "".join(f"{line}\n" for line in lines) + "\n"


# --- formats that are read here ------------------------------------------------------------------


def write_cifar10(files, pixels):
    place = files / "cifar-10-batches-bin"
    place.mkdir()
    for i in range(5):
        (place / f"data_batch_{i + 1}.bin").write_bytes(records([i], pixels[i : i + 1]))
    (place / "test_batch.bin").write_bytes(records([9], pixels[5:]))
    (place / "batches.meta.txt").write_text(words(*"abcdefghij"))
    return place


def test_cifar10(tmp_path, files, pixels):
    write_cifar10(files, pixels)
    dataset = imported("cifar10", tmp_path, files)
    np.testing.assert_array_equal(dataset.images, pixels)
    assert dataset.labels.tolist() == [0, 1, 2, 3, 4, 9]
    assert dataset.classes == tuple("abcdefghij")
    assert dataset.test_rows.tolist() == [False] * 5 + [True]
    assert dataset.card["name"] == "CIFAR-10"
    assert "Krizhevsky" in dataset.card["source"]
    assert dataset.card["licence"] == "not stated"


def test_cifar100_and_its_superclasses(tmp_path, files, pixels):
    place = files / "cifar-100-binary"
    place.mkdir()
    (place / "train.bin").write_bytes(records([(1, 0), (0, 2), (1, 3), (0, 1)], pixels[:4]))
    (place / "test.bin").write_bytes(records([(1, 3), (0, 2)], pixels[4:]))
    (place / "fine_label_names.txt").write_text(words("apple", "beaver", "carp", "daisy"))
    (place / "coarse_label_names.txt").write_text(words("animals", "plants"))
    fine, coarse = (imported(name, tmp_path, files) for name in ("cifar100", "cifar100-20"))
    np.testing.assert_array_equal(fine.images, pixels)
    assert fine.labels.tolist() == [0, 2, 3, 1, 3, 2]
    assert fine.classes == ("apple", "beaver", "carp", "daisy")
    assert coarse.labels.tolist() == [1, 0, 1, 0, 1, 0]
    assert coarse.classes == ("animals", "plants")
    assert coarse.test_rows.sum() == 2


def test_the_version_of_pickles_is_refused(tmp_path, files):
    (files / "cifar-10-batches-py").mkdir()
    with pytest.raises(
        InputError, match=r"pickled version, which is never loaded: put the folder cifar-10-batches-bin from"
    ):
        imported("cifar10", tmp_path, files)


def test_stl10(tmp_path, files):
    place = files / "stl10_binary"
    place.mkdir()
    images = np.random.default_rng(0).integers(0, 255, (9, 96, 96, 3), np.uint8)
    for part, some in (("train", images[:4]), ("test", images[4:7]), ("unlabeled", images[7:])):
        # The authors: "the images are stored in column-major order, one channel at a time".
        (place / f"{part}_X.bin").write_bytes(b"".join(np.asarray(image).T.tobytes() for image in some))
    (place / "train_y.bin").write_bytes(bytes([1, 2, 10, 3]))
    (place / "test_y.bin").write_bytes(bytes([4, 10, 1]))
    (place / "class_names.txt").write_text(words(*"abcdefghij"))
    dataset = imported("stl10", tmp_path, files)
    np.testing.assert_array_equal(dataset.images, images[:7])
    assert dataset.labels.tolist() == [0, 1, 9, 2, 3, 9, 0]
    assert dataset.test_rows.sum() == 3
    unlabeled = imported("stl10-unlabeled", tmp_path, files)
    np.testing.assert_array_equal(unlabeled.images, images[7:])
    assert unlabeled.labels is None


@pytest.mark.parametrize("place", [".", "FashionMNIST/raw"])
def test_fashion_mnist(tmp_path, files, place):
    images = np.random.default_rng(0).integers(0, 255, (7, 28, 28), np.uint8)
    labels = np.array([0, 9, 2, 3, 4, 5, 5], np.uint8)
    (files / place).mkdir(parents=True, exist_ok=True)
    for part, rows in (("train", slice(0, 4)), ("t10k", slice(4, 7))):
        for name, array in (("images-idx3", images[rows]), ("labels-idx1", labels[rows])):
            content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
            (files / place / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(content))
    dataset = imported("fashion-mnist", tmp_path, files)
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)
    assert dataset.classes[9] == "Ankle boot"
    assert dataset.test_rows.sum() == 3


def test_svhn(tmp_path, files, pixels):
    from scipy.io import savemat

    savemat(files / "train_32x32.mat", {"X": pixels[:4].transpose(1, 2, 3, 0), "y": np.array([[1], [10], [3], [9]])})
    savemat(files / "test_32x32.mat", {"X": pixels[4:].transpose(1, 2, 3, 0), "y": np.array([[10], [2]])})
    dataset = imported("svhn", tmp_path, files)
    np.testing.assert_array_equal(dataset.images, pixels)
    assert dataset.labels.tolist() == [1, 0, 3, 9, 0, 2]
    assert dataset.classes == tuple("0123456789")
    (files / "test_32x32.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(300))
    with pytest.raises(InputError, match=r"test_32x32.mat is damaged"):
        imported("svhn", tmp_path, files)


def test_damaged_files_are_named(tmp_path, files, pixels):
    place = write_cifar10(files, pixels)
    (place / "data_batch_3.bin").write_bytes(records([11], pixels[:1]))
    with pytest.raises(InputError, match=r"row 0 of .*data_batch_3.bin has the label 11"):
        imported("cifar10", tmp_path, files)
    (place / "data_batch_3.bin").write_bytes(records([1], pixels[:1])[:-1])
    with pytest.raises(InputError, match=r"data_batch_3.bin has 3,072 bytes, no multiple of 3,073"):
        imported("cifar10", tmp_path, files)
    assert not (tmp_path / "root").exists()


# --- names and places ----------------------------------------------------------------------------


def test_every_entry_says_what_is_known():
    assert {"stl10", "cifar10", "cifar100", "cifar100-20", "mnist", "svhn", "eurosat", "food101"} <= set(CATALOG)
    for known in CATALOG.values():
        assert all(text.strip() for text in (known.title, known.source, known.licence, known.files))


@cases("name", [name for name in CATALOG if name != "fashion-mnist"])
def test_what_is_missing_is_named(tmp_path, files, name):
    with pytest.raises(InputError, match=r"put .* into .*files, or download it"):
        imported(name, tmp_path, files)


def test_an_unknown_name_and_a_download_that_fails(tmp_path, files, monkeypatch):
    with pytest.raises(InputError, match="choose one of stl10"):
        imported("cifar11", tmp_path, files)

    def unreachable(*_, **__):
        raise OSError("network is\nunreachable")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", unreachable)
    with pytest.raises(InputError, match=r"CIFAR-10 cannot be downloaded \(network is unreachable\): put the folder"):
        import_named("cifar10", tmp_path / "root", data_folder=files, download=True)


def test_a_download_is_read_where_it_lies(tmp_path, files, pixels, monkeypatch):
    def unpacked(url, root, md5):
        assert url.endswith("cifar-10-binary.tar.gz")
        write_cifar10(files, pixels)

    monkeypatch.setattr("torchvision.datasets.utils.download_and_extract_archive", unpacked)
    folder = import_named("cifar10", tmp_path / "root", data_folder=files, download=True)
    assert folder.load().num_samples == 6


# --- files that torchvision knows ----------------------------------------------------------------


def save_image(path, seed, size=(120, 100)):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), np.uint8)
    Image.fromarray(noise).save(path)


def test_eurosat(tmp_path, files):
    for i, name in enumerate(["Forest", "Forest", "River"]):
        save_image(files / "eurosat" / "2750" / name / f"{name}_{i}.jpg", i, (64, 64))
    dataset = imported("eurosat", tmp_path, files)
    assert dataset.images.shape == (3, 64, 64, 3)
    assert dataset.classes == ("Forest", "River")
    assert dataset.labels.tolist() == [0, 0, 1]
    assert dataset.test_rows is None


def test_oxford_pets_keep_their_originals_and_set_aside_what_is_damaged(tmp_path, files):
    place = files / "oxford-iiit-pet"
    for i in range(3):
        save_image(place / "images" / f"Birman_{i}.jpg", i)
        save_image(place / "images" / f"pug_{i}.jpg", 10 + i, (100, 130))
    (place / "images" / "pug_1.jpg").write_bytes(b"no image")
    (place / "annotations").mkdir()
    lines = [f"{name}_{i} {label} 1 1\n" for i in range(3) for label, name in ((1, "Birman"), (2, "pug"))]
    (place / "annotations" / "trainval.txt").write_text("".join(lines[:4]))
    (place / "annotations" / "test.txt").write_text("".join(lines[4:]))
    folder = import_named("oxford-pets", tmp_path / "root", data_folder=files, download=False)
    dataset = folder.load()
    assert dataset.images.shape == (5, 96, 96, 3)
    assert dataset.classes == ("Birman", "Pug")
    assert dataset.test_rows.tolist() == [False, False, False, True, True]
    assert (folder.originals / dataset.file_names[0]).samefile(place / "images" / "Birman_0.jpg")
    assert "pug_1.jpg,is not an image" in (folder.path / "set_aside.csv").read_text()
    assert dataset.card["rows"] == {"given": 6, "used": 5, "set_aside": 1}


def test_food101_and_a_path_that_leads_out(tmp_path, files):
    for i in range(4):
        save_image(files / "food-101" / "images" / "pho" / f"{i}.jpg", i)
    save_image(tmp_path / "secret.jpg", 9)
    meta = files / "food-101" / "meta"
    meta.mkdir()
    (meta / "train.json").write_text(json.dumps({"pho": ["pho/0", "pho/1", "pho/2"]}))
    (meta / "test.json").write_text(json.dumps({"pho": ["pho/3", "../../../secret"]}))
    folder = import_named("food101", tmp_path / "root", data_folder=files, download=False)
    assert folder.load().num_samples == 4
    assert "is outside" in (folder.path / "set_aside.csv").read_text()
    (meta / "test.json").write_text("{")
    with pytest.raises(InputError, match=r"the files of Food101 in .* are damaged"):
        imported("food101", tmp_path, files)


def test_textures_and_traffic_signs(tmp_path, files):
    for i, part in enumerate(("train", "val", "test")):
        save_image(files / "dtd" / "dtd" / "images" / "dotted" / f"dotted_{i}.jpg", i)
        (files / "dtd" / "dtd" / "labels").mkdir(exist_ok=True)
        (files / "dtd" / "dtd" / "labels" / f"{part}1.txt").write_text(f"dotted/dotted_{i}.jpg\n")
        save_image(files / "gtsrb" / "GTSRB" / "Training" / f"0000{i}" / "0.ppm", i)
        save_image(files / "gtsrb" / "GTSRB" / "Final_Test" / "Images" / f"{i}.ppm", i + 5)
    (files / "gtsrb" / "GT-final_test.csv").write_text("Filename;ClassId\n0.ppm;2\n1.ppm;0\n2.ppm;1\n")
    assert imported("dtd", tmp_path, files).test_rows.tolist() == [False, False, True]
    signs = imported("gtsrb", tmp_path, files)
    assert signs.labels.tolist() == [0, 1, 2, 2, 0, 1]
    assert signs.classes == ("0", "1", "2")


# --- Hugging Face --------------------------------------------------------------------------------


def png(seed, size=(20, 20)):
    content = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), np.uint8)
    Image.fromarray(noise).save(content, "PNG")
    return {"bytes": content.getvalue(), "path": None}


def hugging_face(parts, labels=None, **extra):
    """A dataset of Hugging Face: images by part, with labels where there are names for them."""
    datasets = pytest.importorskip("datasets")
    kinds = {"picture": datasets.Image()}
    if labels:
        kinds["kind"] = datasets.ClassLabel(names=labels)
    made = {}
    for part, images in parts.items():
        columns = {"picture": images, **{name: values[: len(images)] for name, values in extra.items()}}
        if labels:
            columns["kind"] = [i % len(labels) for i in range(len(images))]
        features = datasets.Features({**kinds, **{name: datasets.Value("string") for name in extra}})
        made[part] = datasets.Dataset.from_dict(columns, features=features)
    return datasets.DatasetDict(made) if "" not in made else made[""]


def test_a_dataset_saved_to_disk(tmp_path):
    parts = {"train": [png(i) for i in range(14)], "test": [png(i + 50) for i in range(6)]}
    hugging_face(parts, labels=["b", "a", "c"]).save_to_disk(tmp_path / "saved")
    told = []
    folder = import_hugging_face(str(tmp_path / "saved"), tmp_path / "root", "hf", on_progress=told.append)
    dataset = folder.load()
    first = np.asarray(Image.open(io.BytesIO(parts["train"][0]["bytes"])))
    np.testing.assert_array_equal(dataset.images[0], first)
    assert dataset.num_samples == 20
    assert dataset.classes == ("b", "a", "c")
    assert dataset.labels[:4].tolist() == [0, 1, 2, 0]
    assert dataset.test_rows.sum() == 6
    assert told == sorted(told)
    assert told[-1] == 1
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["hf"]


@cases("form", ["saved", "parquet"])
def test_further_columns_come_along_and_the_labels_are_told_before(tmp_path, form):
    datasets = pytest.importorskip("datasets")
    kinds = datasets.Features({
        "image": datasets.Image(), "age": datasets.Value("float64"), "site": datasets.Value("string"),
        "label": datasets.Value("string"), "colour": datasets.ClassLabel(names=["red", "blue"]),
        "kind": datasets.ClassLabel(names=["a", "b"]), "raw": datasets.Value("binary"),
        "box": datasets.Sequence(datasets.Value("int64")),
    })  # fmt: skip
    rows = {
        "image": [png(i) for i in range(6)], "age": [1.5, None, 3.0, 4.0, 5.0, 6.0], "site": list("uvwxyz"),
        "label": list("pqpqpq"), "colour": [0, 1, -1, 0, 1, 0], "kind": [0, 1] * 3, "raw": [b"\0"] * 6,
        "box": [[1, 2]] * 6,
    }  # fmt: skip
    made, path = datasets.Dataset.from_dict(rows, features=kinds), tmp_path / f"a.{form}"
    if form == "saved":
        made.save_to_disk(path)
    else:
        made.to_parquet(path)
    assert detect_format(path).summary.endswith("colour is taken for the labels, as it has classes.")
    dataset = import_hugging_face(path, tmp_path / "root", "hf", label_column="label").load()
    assert "The labels are the column label." in dataset.card["notes"]
    assert list(dataset.columns) == ["age", "site", "colour", "kind"]
    np.testing.assert_array_equal(dataset.columns["age"], [1.5, np.nan, 3, 4, 5, 6])
    assert dataset.columns["colour"].tolist() == ["red", "blue", "", "red", "blue", "red"]


def test_what_cannot_be_decoded_and_other_parts_are_set_aside(tmp_path):
    wide = [png(i, (130, 100)) for i in range(4)]
    wide[2] = {"bytes": b"not an image", "path": "a.jpg"}
    parts = {"train": wide, "validation": [png(8, (30, 99)), None], "unsupervised": [png(9)]}
    hugging_face(parts, kind=["x", "y", "", "y"]).save_to_disk(tmp_path / "saved")
    folder = import_hugging_face(tmp_path / "saved", tmp_path / "root", "hf", label_column="kind")
    dataset = folder.load()
    assert dataset.card["rows"] == {"given": 7, "used": 4, "set_aside": 3}
    assert dataset.images.shape == (4, 96, 96, 3)
    assert dataset.classes == ("x", "y")
    assert dataset.labels.tolist() == [0, 1, 1, 0]
    assert dataset.test_rows.tolist() == [False, False, False, True]
    aside = (folder.path / "set_aside.csv").read_text()
    assert "train/0000002.jpg,is not an image" in aside
    assert "neither train nor test" in aside
    assert "validation/0000001.png,has no image" in aside
    assert (folder.path / "originals" / dataset.file_names[0]).read_bytes() == wide[0]["bytes"]


def test_images_outside_the_dataset_are_not_read(tmp_path):
    save_image(tmp_path / "secret.png", 0)
    pictures = [*(png(i) for i in range(3)), {"bytes": None, "path": str(tmp_path / "secret.png")}]
    hugging_face({"": pictures}).to_parquet(tmp_path / "table.parquet")
    folder = import_hugging_face(tmp_path / "table.parquet", tmp_path / "root", "hf")
    dataset = folder.load()
    assert dataset.num_samples == 3
    assert dataset.labels is None
    assert "has no image" in (folder.path / "set_aside.csv").read_text()


@cases("way", ["file", "link", "part", "part above"])
def test_what_names_files_outside_its_folder_is_refused(tmp_path, way):
    hugging_face({"train": [png(i) for i in range(4)]}).save_to_disk(tmp_path / "outside")
    place = tmp_path / "in" / "saved"
    shutil.copytree(tmp_path / "outside", place)
    outside = tmp_path / "outside" / "train"
    (table,) = outside.glob("*.arrow")
    if way == "file":
        state = json.loads((place / "train" / "state.json").read_text())
        state["_data_files"] = [{"filename": f"../../../outside/train/{table.name}"}]
        (place / "train" / "state.json").write_text(json.dumps(state))
    elif way == "link":
        (place / "train" / table.name).unlink()
        (place / "train" / table.name).symlink_to(table)
    elif way == "part":
        shutil.rmtree(place / "train")
        (place / "train").symlink_to(outside)
    else:
        (place / "dataset_dict.json").write_text(json.dumps({"splits": ["../../outside/train"]}))
    with pytest.raises(InputError, match=r"which is outside it|has a split named"):
        import_hugging_face(place, tmp_path / "root", "hf")
    assert list((tmp_path / "root").iterdir()) == []


@pytest.mark.parametrize("beside", ["dataset_info.json", "notes.txt"])
def test_a_readme_never_says_what_is_read(tmp_path, beside):
    hugging_face({"": [png(i) for i in range(4)]}).to_parquet(tmp_path / "secret.parquet")
    place = tmp_path / "in"
    place.mkdir()
    (place / beside).write_text("{}")
    config = f"configs:\n- config_name: default\n  data_files: {tmp_path / 'secret.parquet'}\n"
    (place / "README.md").write_text(f"---\n{config}---\n")
    with pytest.raises(InputError, match="neither written by save_to_disk nor a folder of only Parquet files"):
        import_hugging_face(place, tmp_path / "root", "hf")


@cases("name", ["plain.parquet", "[ab]*.parquet", "zip::x.parquet"])
def test_images_in_a_parquet_file_need_no_word_of_hugging_face(tmp_path, name):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"picture": [png(i) for i in range(4)], "label": [3, 4, 4, 3]}), tmp_path / name)
    parquet.write_table(pa.table({"picture": [png(i) for i in range(9)]}), tmp_path / "a.parquet")
    dataset = import_hugging_face(tmp_path / name, tmp_path / "root", "hf").load()
    assert dataset.labels.tolist() == [0, 1, 1, 0]
    np.testing.assert_array_equal(dataset.images[2], np.asarray(Image.open(io.BytesIO(png(2)["bytes"]))))


@pytest.mark.parametrize("path", [None, "a.png"])
def test_a_label_that_is_no_class_is_told(tmp_path, path):
    pytest.importorskip("datasets")
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    kinds = {"picture": {"_type": "Image"}, "kind": {"names": ["a", "b"], "_type": "ClassLabel"}}
    table = pa.table({"picture": [{**png(i), "path": path} for i in range(4)], "kind": [0, 1, 1, 9]})
    described = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": kinds}})})
    parquet.write_table(described, tmp_path / "t.parquet")
    with pytest.raises(InputError, match="label 9 "):
        import_hugging_face(tmp_path / "t.parquet", tmp_path / "root", "hf")


def test_what_is_no_dataset_of_images(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict({"text": ["a", "b"]}).save_to_disk(tmp_path / "text")
    with pytest.raises(InputError, match="of the columns text, these have images: none"):
        import_hugging_face(tmp_path / "text", tmp_path / "root", "hf")
    with pytest.raises(InputError, match="no column 'image': choose one of text"):
        import_hugging_face(tmp_path / "text", tmp_path / "root", "hf", image_column="image")
    with pytest.raises(InputError, match="does not exist"):
        import_hugging_face(tmp_path / "nothing", tmp_path / "root", "hf")
    (tmp_path / "text" / "state.json").write_text("{")
    with pytest.raises(InputError, match=r"state\.json cannot be read"):
        import_hugging_face(tmp_path / "text", tmp_path / "root", "hf")

    def unreachable(name):
        raise ConnectionError("the hub is out of reach")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(
        InputError, match=r"somebody/birds cannot be loaded \(the hub is out of reach\): .*save_to_disk"
    ):
        import_hugging_face("somebody/birds", tmp_path / "root", "hf")
    assert list((tmp_path / "root").iterdir()) == []


def test_a_missing_library_is_named(tmp_path, files, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(InputError, match="pip install datasets"):
        import_hugging_face("somebody/birds", tmp_path, "hf")
    monkeypatch.setitem(__import__("sys").modules, "torchvision.datasets", None)
    with pytest.raises(InputError, match="pip install torchvision"):
        imported("eurosat", tmp_path, files)
