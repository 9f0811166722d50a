"""UMAP of both spaces and its clusters: every row has one of at most K classes, whatever HDBSCAN finds."""

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.evaluation import metrics
from hume.experiments.baselines.kmeans import concatenate
from hume.experiments.baselines.umap_clusters import Layouts, density_clusters
from tests.support.planted import planted
from tests.support.rules import cases

RNG = np.random.default_rng(0)


def blobs(*sizes, spread=0.1):
    """Positions of groups in a row, one apart, and the group of each."""
    truth = np.repeat(range(len(sizes)), sizes)
    positions = np.stack([truth, 0 * truth], axis=1) + spread * RNG.uniform(-1, 1, (len(truth), 2))
    return positions.astype(np.float32), truth


def test_as_many_clusters_as_classes_are_the_classes():
    positions, truth = blobs(60, 50, 40)
    found = density_clusters(positions, 3)
    assert found.num_clusters == 3
    assert metrics.clustering_accuracy(truth, found.labeling) == 1


def test_of_too_many_clusters_the_largest_stay_and_the_others_join_the_nearest():
    positions, truth = blobs(60, 20, 50, 15)
    found = density_clusters(positions, 2)
    assert found.num_clusters == 4
    first, second = found.labeling[0], found.labeling[80]
    assert (first, second) == (0, 1), "largest first"
    assert (found.labeling[truth == 3] == second).all()
    assert (found.labeling[truth == 0] == first).all()
    assert (found.labeling[truth == 2] == second).all()


def test_noise_joins_the_nearest_cluster():
    positions, truth = blobs(60, 60)
    alone = np.array([[0.3, 3], [0.7, -3]], np.float32)
    found = density_clusters(np.vstack([positions, alone]), 2)
    assert found.noise > 0
    assert found.labeling[-2:].tolist() == [found.labeling[0], found.labeling[60]]
    assert metrics.clustering_accuracy(truth, found.labeling[:-2]) == 1


def test_fewer_clusters_are_fewer_classes_and_none_is_one():
    positions, _ = blobs(60, 60, spread=0.01)
    few = density_clusters(positions, 12)
    assert set(few.labeling) == set(range(min(12, few.num_clusters)))
    none = density_clusters(RNG.normal(size=(6, 2)).astype(np.float32), 3)
    assert (none.num_clusters, none.noise, set(none.labeling)) == (0, 1.0, {0})


@pytest.mark.slow  # numba compiles UMAP first
def test_a_layout_has_the_planted_classes_and_is_the_same_for_a_seed():
    phi1, phi2, truth = planted(noise=0.2)
    layouts = Layouts(concatenate(phi1, phi2), num_neighbors=15, num_epochs=100)
    positions = layouts.layout(0)
    assert positions.shape == (truth.size, 2)
    assert metrics.clustering_accuracy(truth, density_clusters(positions, 3).labeling) > 0.95
    np.testing.assert_array_equal(layouts.layout(0), positions)
    assert not np.array_equal(layouts.layout(1), positions)
    for rows in (RNG.normal(size=(4, 2)), np.repeat(np.eye(3), 10, axis=0), np.ones((30, 3))):
        assert np.isfinite(Layouts(rows, num_epochs=20).layout(0)).all()


@cases(
    ("call", "says"),
    [
        (lambda: Layouts(np.ones((3, 2))), "at least 4 samples, got 3"),
        (lambda: Layouts(np.ones((9, 2)), num_neighbors=0), "num_neighbors is 0"),
        (lambda: Layouts(np.full((9, 2), np.nan)), "row 0 of features"),
        (lambda: density_clusters(np.ones((5, 2), np.float32), 6), "num_classes is 6"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError, match=says):
        call()
