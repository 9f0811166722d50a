"""The main job on real images: the embedded Fashion-MNIST, at full size."""

from dataclasses import replace

import numpy as np
import pytest

import hume
from benchmarks.speed.reference import held_out
from hume.data import space_rows
from hume.experiments.baselines.kmeans import concatenate, kmeans


@pytest.fixture(scope="module")
def dataset():
    return hume.load_dataset("fashion-mnist")


@pytest.mark.slow
def test_the_vote_of_a_hundred_seeds_beats_k_means(dataset):
    result = hume.discover(dataset, seeds=range(100), device="cpu")
    first, second = (np.asarray(dataset.space(name).features, np.float32) for name in dataset.default_pair)
    for features in (first, second, concatenate(first, second)):
        labelings = kmeans(features, 10, restarts=5).labelings
        accuracies = [hume.clustering_accuracy(dataset.labels, labeling) for labeling in labelings]
        assert result.scores.vote_agreement.acc > np.mean(accuracies)
    assert result.scores.correlation.r > 0
    assert len(set(result.seeds)) == 100


@pytest.mark.slow
def test_both_solvers_reach_the_same_held_out_objective(dataset):
    """From the same starts on the same splits, judged by the paper's solver on splits of their own."""
    phi1 = hume.unit_rows(dataset.space("simclr"), centre=True)
    phi2 = space_rows.as_tensor(dataset.space("lite0"))
    config, _ = hume.preset("fast", num_classes=10, num_samples=dataset.num_samples)
    config = replace(config, patience=None, num_iterations=60)
    unrolled = hume.Unrolled()
    errors = []
    for solver in (unrolled, hume.Implicit.like(unrolled)):
        *_, last = hume.search(phi1, phi2, config, solver=solver, seeds=range(4))
        errors.append(held_out(phi1, phi2, config, list(last.finished)).mean().item())
    assert errors[1] == pytest.approx(errors[0], rel=0.02)
