"""Found labels for other programs: their own readers open what was written, and nothing is lost or leaked."""

import hashlib
import importlib.util
import io
import json
import zipfile
from base64 import b64decode
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from hume.common.errors import InputError, RunError
from hume.data.dataset import load_dataset
from hume.data.importers.arrays import import_array_file
from hume.exchange import export
from hume.exchange.export import FORMATS, ExportRequest, as_file, available, export_request, file_name, names, write
from hume.exchange.export.anndata import annotate
from hume.exchange.export.labeled_index import labeled_index
from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.store import Store
from tests.support import torchvision_here  # noqa: F401
from tests.support.planted_runs import create, save_files, save_folder
from tests.support.rules import cases

K, PER_CLASS, SEEDS = 10, 4, 20
ODD = ["../x", "con", "", "Übung ü", "=1+1", "bag", "bag", "日本\n語", "<a \"b\"> & c: 'd'", "x" * 60]
UNIQUE = [
    "../x", "con", "class 2", "Übung ü", "=1+1", "bag (5)", "bag (6)", "日本 語", '<a "b"> & c: \'d\'', "x" * 60
]  # fmt: skip
PICTURES = [key for key, form in FORMATS.items() if form.needs_pictures]


def chosen(dataset, labeling, num_classes=K, per_class=PER_CLASS, **changes):
    """The first samples of every class, the last of each class first, as a reader might have kept them."""
    rows = np.concatenate([np.flatnonzero(labeling == k)[:per_class][::-1] for k in range(num_classes)])
    R = len(rows)
    known = {
        "dataset": dataset,
        "rows": rows,
        "classes": labeling[rows],
        "num_classes": num_classes,
        "names": ODD[:num_classes],
        "vote_agreement": np.arange(R) % SEEDS + 1,
        "neighbor_agreement": 100 + np.arange(R),
        "rank": np.arange(R) % per_class + 1,
        "num_seeds": SEEDS,
        "run": "a run",
        "labeling": labeling,
        "vote_share": np.full(len(labeling), 0.5),
        "provenance": {"Dataset": "Digits: of 1,797 rows", "Classes K": "10"},
    }
    return ExportRequest(**{**known, **changes})


@pytest.fixture(scope="module")
def digits():
    """The embedded digits with a labeling that is not the ground truth: its classes are numbered otherwise."""
    dataset = load_dataset("digits")
    return chosen(dataset, (dataset.labels + 3) % K)


@pytest.fixture(scope="module")
def written(digits, tmp_path_factory):
    """Every format as a folder, by its key."""
    place = tmp_path_factory.mktemp("written")
    reports = {key: write(digits, form, place / key) for key, form in FORMATS.items()}
    return place, reports


@pytest.fixture
def photographs(tmp_path):
    """A dataset of eight files: what two of them were is gone, of one even the name leads out of the folder."""
    folder = tmp_path / "photographs"
    (folder / "originals").mkdir(parents=True)
    kinds = ["a.jpg", "sub/b.png", "c.gif", "d.tif", "e.webp", "gone.jpg", "../secret.jpg", "text.jpg"]
    rng = np.random.default_rng(0)
    for name in kinds:
        path = folder / "originals" / name
        path.parent.mkdir(exist_ok=True)
        if name == "text.jpg":
            path.write_text("no picture")
        elif name != "gone.jpg":
            Image.fromarray(rng.integers(0, 255, (40, 60, 3), np.uint8)).save(path)
    (folder / "files.txt").write_text("\n".join(kinds) + "\n", encoding="utf-8")
    (folder / "spaces").mkdir()
    np.save(folder / "spaces" / "phi1.npy", rng.standard_normal((8, 3)).astype(np.float32))
    (folder / "card.json").write_text(json.dumps({"originals": "originals", "classes": ["secret truth", "other"]}))
    return folder


def with_copies(folder):
    np.save(folder / "images.npy", np.full((8, 5, 5, 3), 200, np.uint8))
    return load_dataset(folder)


def two_classes(dataset, **changes):
    return chosen(dataset, np.arange(dataset.num_samples) % 2, num_classes=2, per_class=dataset.num_samples, **changes)


def named(archive):
    return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


# --- an image folder -----------------------------------------------------------------------------


def test_torchvision_reads_an_image_folder_with_the_same_classes(written, digits):
    from torchvision.datasets import ImageFolder

    place, reports = written
    data = ImageFolder(place / "image-folder")
    assert data.classes == names.folders(ODD)
    found = {int(path.rsplit("/", 1)[1].split(".")[0]): label for path, label in data.samples}
    assert found == dict(zip(digits.rows.tolist(), digits.classes.tolist(), strict=True))
    for (path, _), row in zip(data.samples, found, strict=True):
        np.testing.assert_array_equal(pixels(path), digits.dataset.images[row])
    assert (reports["image-folder"].given, reports["image-folder"].used) == (K * PER_CLASS, K * PER_CLASS)


def test_an_empty_class_keeps_its_folder_and_the_others_their_numbers(digits, tmp_path):
    from torchvision.datasets import ImageFolder

    kept = digits.classes != 4
    fields = ("rows", "classes", "vote_agreement", "neighbor_agreement", "rank")
    lacking = replace(digits, **{name: getattr(digits, name)[kept] for name in fields})
    write(lacking, FORMATS["image-folder"], tmp_path / "made")
    data = ImageFolder(tmp_path / "made", allow_empty=True)
    assert data.classes == names.folders(ODD)
    assert sorted(set(data.targets)) == [k for k in range(K) if k != 4]
    assert "04-1-1 have no sample" in (tmp_path / "made" / "README.txt").read_text(encoding="utf-8")
    with zipfile.ZipFile(io.BytesIO(as_file(lacking, FORMATS["image-folder"]))) as archive:
        assert "a-run-image-folder/04-1-1/" in archive.namelist()


def test_the_manifest_says_where_each_picture_is_from(written, digits):
    lines = (written[0] / "image-folder" / "manifest.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "file,row,source_file,label,class_name,vote_agreement,neighbor_agreement,rank,picture"
    assert len(lines) == 1 + len(digits.rows)
    assert next(line for line in lines if line.startswith("04")).split(",")[4] == "=1+1"


def test_original_files_are_copied_as_they_are(photographs, tmp_path):
    handed = two_classes(with_copies(photographs))
    report = write(handed, FORMATS["image-folder"], tmp_path / "made")
    assert report.used == 8
    folders = {row: next((tmp_path / "made").glob(f"*/{row}.*")) for row in range(8)}
    for row, name in ((0, "a.jpg"), (1, "sub/b.png"), (4, "e.webp")):
        assert folders[row].read_bytes() == (photographs / "originals" / name).read_bytes()
    for row, size in ((2, (60, 40)), (3, (60, 40)), (5, (5, 5)), (6, (5, 5)), (7, (5, 5))):
        assert folders[row].suffix == ".png"
        assert pixels(folders[row]).shape == (*size[::-1], 3), row


def test_what_has_no_picture_is_set_aside_counted_and_listed(photographs, tmp_path):
    handed = two_classes(load_dataset(photographs))
    for key in PICTURES:
        report = write(handed, FORMATS[key], tmp_path / key)
        assert (report.given, report.used, sorted(row for row, _ in report.set_aside)) == (8, 5, [5, 6, 7])
        lines = (tmp_path / key / "set-aside.csv").read_text().splitlines()
        assert "7,text.jpg,its picture is not an image" in " ".join(lines)
        assert len(lines) == 4
        assert report.files == sum(path.is_file() for path in (tmp_path / key).rglob("*"))


def test_copies_of_few_grey_values_are_spread_from_black_to_white(tmp_path):
    folder = tmp_path / "masks"
    save_folder(folder, classes=3, size=2)
    masks = np.random.default_rng(0).integers(0, 2, (6, 4, 4), np.uint8)
    np.save(folder / "images.npy", masks)
    handed = two_classes(load_dataset(folder))
    write(handed, FORMATS["image-folder"], tmp_path / "pictures")
    write(handed, FORMATS["usb"], tmp_path / "usb")
    for row in range(6):
        np.testing.assert_array_equal(pixels(next((tmp_path / "pictures").glob(f"*/{row}.png"))), masks[row] * 255)
    np.testing.assert_array_equal(np.load(tmp_path / "usb" / "data" / "masks-found" / "images.npy"), masks * 255)


def test_no_picture_at_all_is_an_error(photographs, tmp_path):
    (photographs / "originals").rename(photographs / "elsewhere")
    for key in PICTURES:
        with pytest.raises(InputError, match="none of the 8 samples has a picture"):
            write(two_classes(load_dataset(photographs)), FORMATS[key], tmp_path / key)
        assert not list(tmp_path.glob(".part-*"))


# --- Hugging Face --------------------------------------------------------------------------------


@pytest.fixture
def loader(tmp_path, monkeypatch):
    """`datasets.load_dataset`, away from the network and from the user's cache."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    yield lambda *given, **options: datasets.load_dataset(*given, cache_dir=str(tmp_path / "cache"), **options)
    datasets.enable_progress_bars()


def test_datasets_reads_a_hugging_face_folder_with_the_names_of_the_classes(written, digits, loader):
    data = loader(str(written[0] / "hugging-face"), split="train")
    assert data.features["label"].names == UNIQUE
    assert data["row"][:] == digits.rows.tolist()
    assert data["label"][:] == digits.classes.tolist()
    assert data["vote_agreement"][:] == digits.vote_agreement.tolist()
    assert data[0]["image"].size == (8, 8)


def test_its_reader_of_image_folders_reads_it_too(written, digits, loader):
    data = loader("imagefolder", data_dir=str(written[0] / "hugging-face"), split="train")
    assert data["label"][:] == digits.classes.tolist()
    assert data["class_name"][:] == [UNIQUE[k] for k in digits.classes]


# --- FiftyOne and Label Studio, whose readers are too heavy for the tests ----------------------------


def test_fiftyone_finds_a_picture_for_each_label(written, digits):
    folder = written[0] / "fiftyone"
    content = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    assert content["classes"] == UNIQUE
    assert set(content["labels"]) == {path.stem for path in (folder / "data").iterdir()}
    label = content["labels"][f"{digits.rows[5]:04}"]
    assert (label["label"], label["confidence"]) == (int(digits.classes[5]), 6 / SEEDS)
    assert label["attributes"] == {
        "class_number": int(digits.classes[5]), "row": int(digits.rows[5]), "source_file": "", "vote_agreement": 6,
        "neighbor_agreement": 105, "rank": 2,
    }  # fmt: skip


def test_label_studio_gets_tasks_whose_predictions_fit_its_interface(written, digits):
    folder = written[0] / "label-studio"
    root = ElementTree.parse(folder / "labeling_config.xml").getroot()
    assert [choice.get("value") for choice in root.iter("Choice")] == UNIQUE
    tasks = json.loads((folder / "tasks-001.json").read_text(encoding="utf-8"))
    assert [task["data"]["row"] for task in tasks] == digits.rows.tolist()
    for i, task in enumerate(tasks):
        (prediction,) = task["predictions"]
        (result,) = prediction["result"]
        assert result["value"] == {"choices": [UNIQUE[digits.classes[i]]]}
        assert {tag.tag for tag in root.iter() if tag.get("name") == result["from_name"]} == {"Choices"}
        assert (prediction["score"], prediction["model_version"]) == (digits.vote_agreement[i] / SEEDS, "a run")
    kind, content = tasks[0]["data"]["image"].split(",")
    assert kind == "data:image/webp;base64"
    assert Image.open(io.BytesIO(b64decode(content))).size == (8, 8)


def test_many_tasks_come_in_several_files(digits, tmp_path, monkeypatch):
    monkeypatch.setattr("hume.exchange.export.label_studio.FILE_BYTES", 5000)
    write(digits, FORMATS["label-studio"], tmp_path / "made")
    files = sorted((tmp_path / "made").glob("tasks-*.json"))
    tasks = [task for path in files for task in json.loads(path.read_text(encoding="utf-8"))]
    assert [task["data"]["row"] for task in tasks] == digits.rows.tolist()
    assert len(files) > 2
    assert all(path.stat().st_size <= 5100 for path in files)


# --- USB -------------------------------------------------------------------------------------------


def test_usb_has_its_rows_found_labels_and_pictures(written, digits):
    folder = written[0] / "usb"
    data = folder / "data" / "digits-found"
    rows, others = (np.load(data / "labeled_idx" / f"{kind}_labels40_1_seed0_idx.npy") for kind in ("lb", "ulb"))
    assert sorted(np.concatenate([rows, others]).tolist()) == list(range(1797))
    targets = np.load(data / "targets.npy")
    np.testing.assert_array_equal(targets[rows], np.load(data / "found_labels.npy"))
    np.testing.assert_array_equal(targets[digits.rows], digits.classes)
    assert (targets[others] == -1).all()
    images = np.load(data / "images.npy")
    np.testing.assert_array_equal(images, digits.dataset.images)
    assert images.dtype == np.uint8
    same = labeled_index(digits.rows, digits.classes, num_samples=1797, num_classes=K, names=digits.choices)
    assert (data / "classes.txt").read_bytes() == same["classes.txt"]


@pytest.mark.parametrize("algorithm", ["freematch", "fixmatch"])
def test_usb_comes_with_configurations_that_name_the_data(written, algorithm):
    yaml = pytest.importorskip("yaml")
    values = yaml.safe_load((written[0] / "usb" / f"{algorithm}.yaml").read_text(encoding="utf-8"))
    assert values["algorithm"] == algorithm
    assert (values["dataset"], values["num_labels"], values["num_classes"]) == ("digits-found", 40, K)
    assert (values["lb_imb_ratio"], values["ulb_imb_ratio"], values["seed"]) == (1, 1, 0)  # as in the files' names
    compile((written[0] / "usb" / "train.py").read_text(encoding="utf-8"), "train.py", "exec")


def test_usb_without_pictures_says_what_is_missing(tmp_path):
    dataset = save_folder(tmp_path / "plain")
    write(two_classes(dataset), FORMATS["usb"], tmp_path / "made")
    assert not list((tmp_path / "made").rglob("images.npy"))
    assert "save those of all rows" in (tmp_path / "made" / "README.txt").read_text()


# --- AnnData ---------------------------------------------------------------------------------------


def test_anndata_reads_a_new_file_of_all_rows(written, digits):
    anndata = pytest.importorskip("anndata")
    data = anndata.read_h5ad(written[0] / "anndata" / "digits.h5ad")
    assert data.n_obs == 1797
    assert data.obs["hume_class"].cat.categories.tolist() == UNIQUE
    np.testing.assert_array_equal(data.obs["hume_class"].cat.codes, digits.labeling)
    np.testing.assert_array_equal(np.flatnonzero(data.obs["hume_reliable"]), np.sort(digits.rows))
    share = np.full(1797, 0.5)
    share[digits.rows] = digits.vote_agreement / SEEDS
    np.testing.assert_allclose(data.obs["hume_vote_agreement"], share)
    for name, space in digits.dataset.spaces.items():
        np.testing.assert_array_equal(data.obsm[f"X_{name}"], np.asarray(space.features, np.float32))


def test_a_file_of_the_same_cells_is_copied_and_gets_the_columns(tmp_path):
    anndata = pytest.importorskip("anndata")
    dataset = save_folder(tmp_path / "cells", files=[f"cell {i}" for i in range(90)], classes=3, size=30)
    cells = anndata.AnnData(
        X=np.arange(180, dtype=np.float32).reshape(90, 2),
        obs={"obs_names": [f"cell {i}" for i in range(90)], "batch": np.arange(90) % 4},
        uns={"kept": "yes"},
    )
    cells.write_h5ad(tmp_path / "cells.h5ad")
    before = (tmp_path / "cells.h5ad").read_bytes()
    handed = replace(chosen(dataset, np.arange(90) % 3, num_classes=3), labeling=None, vote_share=None)
    handed.dataset.card["h5ad"] = str(tmp_path / "cells.h5ad")
    write(handed, FORMATS["anndata"], tmp_path / "made")
    data = anndata.read_h5ad(tmp_path / "made" / "cells.h5ad")
    np.testing.assert_array_equal(data.X, cells.X)
    assert (data.uns["kept"], data.obs_names.tolist()) == ("yes", cells.obs_names.tolist())
    assert list(data.obs) == ["batch", "hume_class", "hume_vote_agreement", "hume_reliable"]
    assert data.obs["hume_class"].isna().sum() == 90 - len(handed.rows)  # only the reliable ones are known
    assert (tmp_path / "cells.h5ad").read_bytes() == before
    annotate(handed, tmp_path / "made" / "cells.h5ad", tmp_path / "again.h5ad")
    assert list(anndata.read_h5ad(tmp_path / "again.h5ad").obs) == list(data.obs)


def test_the_labels_of_an_imported_file_go_into_a_copy_of_it_while_it_is_the_same(tmp_path):
    anndata = pytest.importorskip("anndata")
    source = tmp_path / "atlas.h5ad"
    counts = np.random.default_rng(0).poisson(1.0, (90, 5)).astype(np.float32)
    names = [f"cell {i}" for i in range(90)]
    cells = anndata.AnnData(X=counts, obs={"obs_names": names, "batch": np.arange(90) % 4}, uns={"kept": "yes"})
    cells.write_h5ad(source)
    dataset = import_array_file(source, tmp_path / "root", "cells").load()
    handed = chosen(dataset, np.arange(90) % 3, num_classes=3)

    def made(name):
        write(handed, FORMATS["anndata"], tmp_path / name)
        return anndata.read_h5ad(tmp_path / name / "cells.h5ad")

    copy = made("copy")
    assert (copy.uns["kept"], copy.obs_names.tolist()) == ("yes", names)
    np.testing.assert_array_equal(copy.X, counts)
    np.testing.assert_array_equal(copy.obs["hume_class"].cat.codes, handed.labeling)
    order = np.random.default_rng(1).permutation(90)
    cells[order].write_h5ad(source)
    resorted = made("sorted")
    assert resorted.obs_names.tolist() == [names[row] for row in order]
    np.testing.assert_array_equal(resorted.obs["hume_class"].cat.codes, handed.labeling[order])
    other = cells.copy()
    other.obs_names = [*names[:-1], "another cell"]
    changes = {
        "another cell": lambda: other.write_h5ad(source),
        "other cells": lambda: cells[:80].write_h5ad(source),
        "damaged": lambda: source.write_bytes(b"no such thing"),
        "gone": source.unlink,
    }
    for name, change in changes.items():
        change()
        new = made(name)
        assert (new.obs_names.tolist(), list(new.obsm), new.X) == (names, ["X_X"], None)
        np.testing.assert_array_equal(new.obs["hume_class"].cat.codes, handed.labeling)


def test_text_with_a_mask_goes_into_the_copy_as_it_is(tmp_path):
    anndata, pandas = pytest.importorskip("anndata"), pytest.importorskip("pandas")
    index = pandas.Index([f"{i:03}" for i in range(90)], dtype="string")
    obs = pandas.DataFrame({"cell_type": pandas.array(["B", "T", "NK"] * 30, dtype="string")}, index=index)
    cells = anndata.AnnData(X=np.eye(90, 5, dtype=np.float32) + 1, obs=obs)
    with anndata.settings.override(allow_write_nullable_strings=True):
        cells.write_h5ad(tmp_path / "cells.h5ad")
    dataset = import_array_file(tmp_path / "cells.h5ad", tmp_path / "root", "cells").load()
    handed = chosen(dataset, np.arange(90) % 3, num_classes=3)
    write(handed, FORMATS["anndata"], tmp_path / "made")
    copy = anndata.read_h5ad(tmp_path / "made" / "cells.h5ad")
    assert (copy.obs_names.tolist(), copy.obs["cell_type"].tolist()) == (index.tolist(), obs["cell_type"].tolist())
    np.testing.assert_array_equal(copy.obs["hume_class"].cat.codes, handed.labeling)


def test_a_file_of_other_cells_is_refused(digits, tmp_path):
    anndata = pytest.importorskip("anndata")
    anndata.AnnData(obs={"obs_names": ["a", "b"]}).write_h5ad(tmp_path / "two.h5ad")
    with pytest.raises(InputError, match="has 2 observations, digits has 1797 samples"):
        annotate(digits, tmp_path / "two.h5ad", tmp_path / "made.h5ad")
    (tmp_path / "broken.h5ad").write_bytes(b"no such thing")
    with pytest.raises(InputError, match="cannot be read as"):
        annotate(digits, tmp_path / "broken.h5ad", tmp_path / "made.h5ad")


# --- all of them -----------------------------------------------------------------------------------


@cases("key", FORMATS)
def test_the_same_labels_give_the_same_bytes(digits, key):
    first, second = (hashlib.sha256(as_file(digits, FORMATS[key])).hexdigest() for _ in range(2))
    assert first == second


@cases("key", FORMATS)
def test_the_file_holds_what_the_folder_does(written, digits, key):
    form, folder = FORMATS[key], written[0] / key
    content = as_file(digits, form)
    expected = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert written[1][key].files == len(expected)
    if form.ending != ".zip":
        assert content == next(iter(expected.values())).read_bytes()
        return
    top = file_name(digits, form).removesuffix(".zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert named(archive) == {f"{top}/{name}": path.read_bytes() for name, path in expected.items()}


@cases("key", FORMATS)
def test_the_ground_truth_is_nowhere(photographs, key):
    """What is written is the same for data with labels and without, whatever the truth calls its classes."""
    blind = as_file(two_classes(with_copies(photographs)), FORMATS[key])
    np.save(photographs / "labels.npy", np.arange(8) % 2)
    seeing = load_dataset(photographs)
    assert seeing.labels is not None
    assert as_file(two_classes(seeing), FORMATS[key]) == blind
    assert b"secret truth" not in blind


def test_a_large_file_stays_on_disk(digits, monkeypatch):
    monkeypatch.setattr(export, "IN_MEMORY", 1000)
    path = as_file(digits, FORMATS["usb"])
    assert path.name == "a-run-usb.zip"
    assert zipfile.is_zipfile(path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    path.unlink()
    path.parent.rmdir()


def test_progress_goes_up_to_the_whole_and_may_end_the_work(digits, tmp_path):
    for key, form in FORMATS.items():
        told = []
        write(digits, form, tmp_path / key, told.append)
        assert told == sorted(told), key
        assert told[-1] == 1.0

        def stop(share):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write(digits, form, tmp_path / "stopped", stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FORMATS)


def test_nothing_is_written_over(digits, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="exists already"):
        write(digits, FORMATS["usb"], tmp_path / "there")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="choose another folder"):
        write(digits, FORMATS["usb"], tmp_path / "file" / "below")


def test_a_format_says_why_it_cannot_be_written(digits, tmp_path, monkeypatch):
    plain = save_files(tmp_path / "files")
    assert {key for key, form in FORMATS.items() if available(form, plain)} == set(PICTURES)
    assert available(FORMATS["fiftyone"], plain) == f"{plain.name} has no pictures"
    assert all(available(form, digits.dataset) is None for form in FORMATS.values())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert available(FORMATS["anndata"], plain) == "needs another package: pip install anndata"
    with pytest.raises(InputError, match="AnnData cannot be written: needs another package"):
        write(digits, FORMATS["anndata"], tmp_path / "made")


# --- what is handed over -----------------------------------------------------------------------------


def test_a_run_hands_over_what_was_kept(tmp_path):
    store = Store(tmp_path)
    run = create(store, save_folder(tmp_path / "datasets" / "birds", labels=True, names=["true", "truer", "truest"]))
    run.execute()
    found = Findings(run)
    samples, _ = found.reliable_samples(found.ranking(10), 5)
    first = int(samples.rows[0])
    given = review.reject(run, first)
    given = review.name_class(run, 1, "jay")
    handed = export_request(found, samples, given)
    table = [line for line in found.reliable_table(samples, given) if line[-2] == "yes"]
    assert first not in handed.rows
    assert handed.names == ["Class 0", "jay", "Class 2"]
    columns = (handed.rows, handed.classes, handed.vote_agreement, handed.neighbor_agreement, handed.rank)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == [
        (row, number, votes, neighbors, rank) for row, _, number, _, votes, neighbors, rank, _, _ in table
    ]
    np.testing.assert_array_equal(handed.labeling, found.vote.labeling)
    assert handed.provenance["Reliable samples"] == "5 a class requested, 1 rejected by hand"
    report = write(handed, FORMATS["usb"], tmp_path / "made")
    assert (report.given, report.used) == (14, 14)
    for row in samples.rows.tolist():
        given = review.reject(run, row)
    with pytest.raises(InputError, match="no sample to export"):
        export_request(found, samples, given)


def test_arrays_that_do_not_fit_are_refused(digits):
    with pytest.raises(InputError, match="9 names for 10 classes"):
        replace(digits, names=ODD[:9])
    with pytest.raises(InputError, match="rank has shape"):
        replace(digits, rank=digits.rank[1:])
    with pytest.raises(InputError, match="labeling has shape"):
        replace(digits, labeling=digits.labeling[1:])
    with pytest.raises(InputError, match="a row occurs twice"):
        replace(digits, rows=np.zeros_like(digits.rows))


def test_names_become_choices_that_differ():
    assert names.choices(ODD) == UNIQUE
    assert names.choices(["a", "a", "a (1)", "\x00", "class 3"]) == [
        "a (0)",
        "a (1) (1)",
        "a (1)",
        "class 3 (3)",
        "class 3 (4)",
    ]


def test_names_become_folders_in_the_order_of_the_classes():
    made = names.folders(ODD)
    assert made == sorted(made)
    assert made == [
        "00-x", "01-con", "02", "03-Übung-ü", "04-1-1", "05-bag", "06-bag", "07-日本-語", "08-a-b-c-d", "09-" + "x" * 40
    ]  # fmt: skip
    assert names.folders(["..", "a/../..", "A", "a"] * 30)[-3:] == ["117-a", "118-A", "119-a"]
