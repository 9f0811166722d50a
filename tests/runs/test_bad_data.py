"""Data at their limits, searched and refined as a user would: finite numbers, or one sentence, and no labels lost."""

import json
from itertools import product

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.data.dataset import dataset_from_files
from hume.engine.config import Config
from hume.evaluation.metrics import clustering_accuracy
from hume.runs.discover import discover
from hume.runs.findings import Findings
from hume.runs.store import Store
from tests.support.planted import planted
from tests.support.planted_runs import create
from tests.support.rules import cases

K = 4
AUTO = {"refine": "joint", "sizes": "auto"}
SHORT = {"num_train": 60, "num_test": 30, "num_iterations": 30}


def as_it_is(x, truth):
    return x


def saved(folder, change1=as_it_is, change2=as_it_is, size=40):
    """Planted classes in two spaces, each changed, as files; and the classes."""
    phi1, phi2, truth = planted(classes=K, size=size)
    paths = [folder / name for name in ("phi1.npy", "phi2.npy", "labels.npy")]
    for path, array in zip(paths, (change1(phi1, truth), change2(phi2, truth), truth), strict=True):
        np.save(path, array)
    return dataset_from_files(*paths), truth


def searched(folder, dataset, **changes):
    """A run that is searched and refined to its end; its numbers are plain ones."""
    run = create(Store(folder / "home"), dataset, num_classes=K, seeds=range(3), of_run=AUTO, **SHORT | changes)
    json.dumps(run.execute(), allow_nan=False)
    assert np.isfinite(run.objective()).all()
    return run


def duplicate_columns(x, truth):
    return np.concatenate([x, x[:, :3], x[:, :3]], 1)


def constant_columns(x, truth):
    return np.concatenate([x, np.full((len(x), 3), 7, np.float32)], 1)


def one_row_a_class(x, truth):
    return np.eye(8, dtype=np.float32)[truth]


def two_directions(x, truth):
    return np.pad(x[:, :2], ((0, 0), (0, 6)))


@cases("change", [duplicate_columns, constant_columns, one_row_a_class])
def test_what_adds_nothing_to_the_spaces_takes_nothing_from_the_labels(tmp_path, change):
    dataset, truth = saved(tmp_path, change, change)
    found = Findings(searched(tmp_path, dataset))
    assert found.view == "refined"
    assert np.isfinite(found.likelihood).all()
    assert np.isfinite(found.final.confidence).all()
    assert clustering_accuracy(truth, found.vote.labeling) > 0.9


@cases("changes", [(two_directions, as_it_is), (as_it_is, two_directions), (two_directions, two_directions)])
def test_fewer_directions_than_classes_give_finite_numbers(tmp_path, changes):
    found = Findings(searched(tmp_path, saved(tmp_path, *changes)[0]))
    assert np.isfinite(found.likelihood).all()
    assert np.isfinite(found.final.confidence).all()


def test_fewer_dimensions_than_classes_are_refused(tmp_path):
    dataset, _ = saved(tmp_path, lambda x, truth: x[:, :3])
    with pytest.raises(InputError, match=r"4 orthonormal prototypes need a φ1 .*got 3: choose fewer classes"):
        searched(tmp_path, dataset)


@cases("value, which, centre", list(product([1, 0], [1, 2], [False, True])))
def test_a_space_without_variance_is_refused_instead_of_scoring_one(tmp_path, value, which, centre):
    dataset, _ = saved(tmp_path, **{f"change{which}": lambda x, truth: np.full_like(x, value)})
    says = rf"all rows of .*phi{which}\.npy are the same, so that it tells no samples apart"
    with pytest.raises(InputError, match=says):
        searched(tmp_path, dataset, centre=centre)
    with pytest.raises(InputError, match=says):
        discover(dataset, num_classes=K, config=Config(num_classes=K, centre=centre, **SHORT), device="cpu")


def test_a_phi2_of_one_direction_is_searched_and_it_is_said_why_it_is_not_refined(tmp_path):
    dataset, _ = saved(tmp_path, change2=lambda x, truth: np.outer(1 + truth, np.ones(8)).astype(np.float32))
    run = searched(tmp_path, dataset)
    why = "φ2 has the same direction in every row: it tells no samples apart, choose another"
    assert run.scores()["not_refined"] == why
    assert Findings(run).view == "searched"
    config = Config(num_classes=K, **SHORT)
    found = discover(dataset, num_classes=K, config=config, seeds=range(2), class_sizes="auto", device="cpu")
    assert (found.not_refined, found.evenness, found.final) == (why, None, None)


def test_more_classes_than_a_fifth_of_the_rows_are_searched_and_not_refined(tmp_path):
    dataset, _ = saved(tmp_path, size=4)
    run = searched(tmp_path, dataset, num_train=8, num_test=4)
    assert run.scores()["not_refined"].startswith("4 classes on 16 samples are fewer than 5 samples a class")


@cases("sizes", [(1, 2, 3), (1, 2, 3, 0), (1, 2, 3, float("inf"))])
def test_sizes_that_do_not_fit_are_refused(tmp_path, sizes):
    dataset, _ = saved(tmp_path)
    with pytest.raises(InputError, match=r"class_sizes=\(1, 2, 3"):
        discover(dataset, num_classes=K, class_sizes=sizes, seeds=range(2), device="cpu")
