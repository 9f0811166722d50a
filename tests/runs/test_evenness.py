"""How even classes should be: kept where they are even, given up where they are not, written with the run."""

from dataclasses import replace

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.data.dataset import Dataset, Space
from hume.engine.config import preset
from hume.evaluation.metrics import clustering_accuracy
from hume.reporting import evenness_sentences
from hume.runs import choice_of_evenness
from hume.runs.store import Store
from tests.support.planted_runs import create, save_folder

AUTO = {"refine": "joint", "sizes": "auto"}


def classes_of(sizes, seed=0, dim=16):
    """Separable classes of these sizes in two spaces, away from the origin."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    spaces = {}
    for name in ("phi1", "phi2"):
        centres = 3 * rng.normal(size=(len(sizes), dim))
        spaces[name] = Space(name, (2 + centres[truth] + 0.5 * rng.normal(size=(len(truth), dim))).astype(np.float32))
    return Dataset(name="sizes", spaces=spaces, labels=truth)


def choose(dataset, num_classes, **options):
    config, solver = preset("fast", num_classes=num_classes, num_samples=dataset.num_samples)
    config = replace(config, patience=20)
    return choice_of_evenness.choose(dataset, "phi1", "phi2", config, solver, **options), config


def test_even_classes_keep_the_published_weight():
    chosen, config = choose(classes_of((100, 100, 100)), 3)
    assert chosen.chosen == 0
    assert chosen.applied(config) == config
    assert "kept even" in evenness_sentences.evenness(chosen)


@pytest.mark.parametrize("sizes", [(285, 15), (270, 15, 15)])
def test_one_large_class_gives_it_up(sizes):
    dataset = classes_of(sizes)
    chosen, config = choose(dataset, len(sizes))
    assert chosen.gain > choice_of_evenness.CLEARLY
    assert chosen.applied(config).entropy_weight == pytest.approx(1)
    assert "against classes of equal size" in evenness_sentences.evenness(chosen)


def test_labels_do_not_matter():
    dataset = classes_of((285, 15))
    blind = Dataset(name="sizes", spaces=dataset.spaces)
    assert choose(dataset, 2)[0] == choose(blind, 2)[0]


def test_progress_is_reported_to_its_end():
    shares = []
    choose(classes_of((60, 60)), 2, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_the_choice_is_written_with_the_run_and_made_once(tmp_path):
    store = Store(tmp_path)
    dataset = classes_of((285, 15))
    folder = tmp_path / "datasets" / "large"
    save_folder(folder, classes=2, size=150)
    for name, space in dataset.spaces.items():
        np.save(folder / "spaces" / f"{name}.npy", space.features)
    np.save(folder / "labels.npy", dataset.labels)
    run = create(store, store.load_dataset("large"), "auto", num_classes=2, of_run=AUTO)
    run.execute()
    again = store.open("auto")
    assert again.request.evenness.chosen > 0
    assert again.request.config.entropy_weight == pytest.approx(1)
    assert again.with_evenness() is again
    assert clustering_accuracy(dataset.labels, again.refined.final().labeling) == 1
    assert store.names() == ["auto"]


def test_given_sizes_leave_nothing_to_choose(tmp_path):
    store = Store(tmp_path)
    dataset = save_folder(tmp_path / "datasets" / "given", classes=2)
    run = create(store, dataset, "given", num_classes=2, of_run=AUTO, class_sizes=(90, 70))
    assert run.with_evenness().request.evenness is None


def test_a_constant_space_is_refused_before_anything_is_searched(tmp_path):
    dataset = save_folder(tmp_path / "datasets" / "constant", classes=2)
    np.save(tmp_path / "datasets" / "constant" / "spaces" / "phi2.npy", np.full((160, 4), 3, np.float32))
    dataset = Store(tmp_path).load_dataset("constant")
    with pytest.raises(InputError, match=r"all rows of .*phi2\.npy are the same"):
        create(Store(tmp_path), dataset, num_classes=2)
