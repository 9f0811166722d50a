"""All baselines under one roof: every one finds planted classes, sees what it may, and is scored as it should be."""

from dataclasses import replace

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.data.dataset import Dataset, Space
from hume.evaluation import metrics
from hume.experiments.baselines.registry import BASELINES, BaselineRun, agreement_table, run_baseline
from tests.support.planted import planted
from tests.support.rules import cases

SLOW = ("umap-kmeans", "umap-hdbscan")  # numba compiles UMAP first
KEYS = [pytest.param(key, marks=pytest.mark.slow if key in SLOW else ()) for key in BASELINES]
PROBES = [key for key, baseline in BASELINES.items() if baseline.needs_labels]


def dataset(*, labelled=True, split=False, noise=0.1, size=40):
    phi1, phi2, truth = planted(noise=noise, size=size)
    made = {name: Space(name, rows) for name, rows in (("one", 5 * phi1), ("two", 20 * phi2))}
    test_rows = np.arange(truth.size) % 3 == 0 if split else None
    return Dataset("planted", made, labels=truth if labelled else None, test_rows=test_rows)


def run(key, data, **settings):
    return run_baseline(key, data, "one", "two", num_classes=3, quick=True, **({"seeds": range(2)} | settings))


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Budgets for a hundred rows."""
    for key, baseline in BASELINES.items():
        if key.startswith("turtle"):
            monkeypatch.setitem(baseline.quick_settings, "num_iterations", 300)
    monkeypatch.setitem(BASELINES["temi"].quick_settings, "num_iterations", 1500)


@pytest.mark.parametrize("key", KEYS)
def test_planted_classes_are_found(key):
    data, told = dataset(), []
    found = run(key, data, seeds=[0], on_progress=told.append)
    table = agreement_table(data, found)
    assert table.acc.mean > 0.95
    assert table.acc.n == table.ari.n == table.nmi.n == 1
    assert found.key == key
    assert found.labelings.shape == (1, data.num_samples)
    assert found.labelings.dtype == np.int64
    assert found.seconds > 0
    assert found.note
    assert told == sorted(told)
    assert told[-1] == 1


@pytest.mark.parametrize("key", ["kmeans-both", "gmm-both", "diffusion-both", "scan", "spice", "turtle-phi1"])
def test_without_labels_everything_but_the_probe_finds_the_same(key):
    few = {"seeds": [3]}
    known, unknown = dataset(noise=0.5), dataset(noise=0.5, labelled=False)
    first, second = run(key, known, **few), run(key, unknown, **few)
    np.testing.assert_array_equal(first.labelings, second.labelings)
    assert agreement_table(unknown, second) is None


def test_every_key_says_what_it_is():
    for key, baseline in BASELINES.items():
        assert baseline.key == key
        assert baseline.does.endswith(".")
        assert all((baseline.title, baseline.source, baseline.left_out, baseline.full, baseline.quick))
        assert 1 <= baseline.quick_seeds <= baseline.num_seeds
    assert len({baseline.title for baseline in BASELINES.values()}) == len(BASELINES)
    assert {BASELINES[key].uses for key in PROBES} == {"phi1", "phi2", "both"}
    assert BASELINES["kmeans-both"].num_seeds == 100


def test_a_method_on_one_space_leaves_the_other_alone():
    data = dataset()
    data = replace(data, spaces=data.spaces | {"two": Space("two", np.zeros((data.num_samples, 2), np.float32))})
    for key in ("kmeans-phi1", "scan", "probe-phi1"):
        assert agreement_table(data, run(key, data, seeds=[0])).acc.mean > 0.95
    assert agreement_table(data, run("probe-phi2", data, seeds=[0])).acc.mean < 0.7


def test_seeds_default_to_those_of_a_quick_run():
    data = dataset()
    assert len(run("kmeans-phi1", data, seeds=None).labelings) == BASELINES["kmeans-phi1"].quick_seeds
    one, two = run("kmeans-phi1", data, seeds=[5]), run("kmeans-phi1", data, seeds=[4, 5])
    np.testing.assert_array_equal(one.labelings[0], two.labelings[1])


def test_the_probe_learns_the_train_rows_only():
    """Wrong labels on all test rows: who has seen them would repeat them."""
    data = dataset(split=True)
    wrong = np.where(data.test_rows, (data.labels + 1) % 3, data.labels)
    misled = Dataset("planted", data.spaces, labels=wrong, test_rows=data.test_rows)
    found = run("probe-both", misled, seeds=[0])
    assert agreement_table(misled, found).acc.mean < 0.05  # its classes have names: a permutation is wrong
    assert (found.labelings[0] == data.labels).mean() > 0.98
    assert "no split" not in found.note
    assert "no split" in run("probe-phi1", dataset(), seeds=[0]).note
    assert "without labels" in run("kmeans-phi1", data, seeds=[0]).note


def test_what_was_found_stands_in_the_note():
    data = dataset(noise=0.01)
    assert "3 parts without a connection" in run("spectral-both", data).note
    assert "without a connection" not in run("spectral-both", dataset(noise=1.0)).note


@pytest.mark.parametrize("key", ["kmeans-both", "gmm-both", "spectral-both", "diffusion-both"])
def test_fewer_distinct_rows_than_classes_are_no_warning(key):
    three = np.repeat(np.eye(3, dtype=np.float32), 10, axis=0)
    data = Dataset("three", {"one": Space("one", three), "two": Space("two", three)})
    found = run_baseline(key, data, "one", "two", num_classes=5, seeds=[0])
    assert found.labelings.max() < 5


@pytest.mark.slow
def test_the_number_of_clusters_stands_in_the_note():
    note = run("umap-hdbscan", dataset()).note
    assert "cluster" in note
    assert "of the rows were noise" in note


def test_agreement_is_on_the_evaluated_rows():
    data = dataset(split=True)
    labelings = np.stack([np.where(data.test_rows, (data.labels + 1) % 3, 0), np.zeros_like(data.labels)])
    table = agreement_table(data, BaselineRun("kmeans-phi1", labelings, 1.0, ""))
    each = [metrics.agreement(data.labels[data.test_rows], labeling[data.test_rows]) for labeling in labelings]
    assert each[0].acc == 1
    assert table.acc.mean == pytest.approx(np.mean([some.acc for some in each]))
    assert table.acc.std == pytest.approx(np.std([some.acc for some in each]))
    assert table.nmi.mean == pytest.approx(np.mean([some.nmi for some in each]))


def test_what_progress_raises_ends_the_work():
    def stop(share):
        raise KeyboardInterrupt

    for key in ("kmeans-phi1", "turtle-phi1", "temi"):
        with pytest.raises(KeyboardInterrupt):
            run(key, dataset(), on_progress=stop)


@cases(
    ("call", "says"),
    [
        (lambda: run("k-means", dataset()), "no baseline 'k-means': choose one of probe-phi1"),
        (lambda: run("probe-phi1", dataset(labelled=False)), "planted has no labels"),
        (lambda: run_baseline("scan", dataset(), "three", "two", num_classes=3), "no space 'three'"),
        (lambda: run("kmeans-phi1", dataset(), seeds=[]), "no seeds"),
        (lambda: run("scan", dataset(), device="tpu"), "no device 'tpu'"),
        (lambda: run_baseline("turtle-both", dataset(), "one", "two", num_classes=1000), "num_classes is 1000"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError, match=says):
        call()
