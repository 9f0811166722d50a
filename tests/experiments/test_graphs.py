"""Clustering of the neighbour graph of both spaces: against scikit-learn, hand-made graphs, and graphs in parts."""

import numpy as np
import pytest
from scipy.sparse import block_diag, csr_matrix
from sklearn.cluster import SpectralClustering

from hume.common.errors import InputError
from hume.evaluation import metrics
from hume.experiments.baselines.graphs import (
    diffusion_labeling,
    diffusion_map,
    neighbor_graph,
    num_parts,
    spectral_labeling,
)
from tests.support.planted import planted
from tests.support.rules import cases


def test_edges_of_both_spaces_add_up():
    """On a half circle everybody's neighbour is the next one; in the other space rows 0 and 2 are alike, 1 and 3."""
    angles = np.array([0.0, 0.1, 1.0, 1.1])
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    crossed = circle[[0, 2, 1, 3]]
    expected = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
    np.testing.assert_array_equal(neighbor_graph([circle], 1).toarray(), expected)
    both = neighbor_graph([circle, 7 * crossed], 1).toarray()
    np.testing.assert_array_equal(both, expected + expected[[0, 2, 1, 3]][:, [0, 2, 1, 3]])
    assert num_parts(neighbor_graph([circle], 1)) == 2
    assert num_parts(neighbor_graph([circle, crossed], 1)) == 1


def test_the_labeling_is_scikit_learns():
    phi1, phi2, truth = planted(noise=0.3, size=60, classes=4)
    graph = neighbor_graph([phi1, phi2])
    reference = SpectralClustering(4, affinity="precomputed", random_state=0).fit_predict(graph)
    labeling = spectral_labeling(graph, 4)
    assert metrics.agreement(reference, labeling).ari > 0.99
    assert metrics.clustering_accuracy(truth, labeling) > 0.95
    assert metrics.clustering_accuracy(truth, diffusion_labeling(diffusion_map(graph, 8), 4)) > 0.95


@pytest.mark.parametrize("num_directions", [3, 60], ids=["sparse", "dense"])
def test_a_direction_shrinks_by_its_eigenvalue_at_every_step(num_directions):
    phi1, phi2, _ = planted(noise=0.5)
    graph = neighbor_graph([phi1, phi2])
    near, far = (diffusion_map(graph, num_directions, steps=steps) for steps in (1, 3))
    np.testing.assert_allclose(np.linalg.norm(near, axis=1), 1)
    scale = graph.sum(axis=1).A1 ** -0.5
    values = np.sort(np.linalg.eigvalsh(scale[:, None] * graph.toarray() * scale))[::-1][1 : num_directions + 1]
    ratio = (far[:, 1] / far[:, 0]) / (near[:, 1] / near[:, 0])
    np.testing.assert_allclose(np.abs(ratio), (values[1] / values[0]) ** 2, rtol=1e-6)


def test_parts_without_a_connection_are_the_classes():
    phi1, phi2, _ = planted(noise=0.3, classes=1, size=40)
    one = neighbor_graph([phi1, phi2])
    graph = csr_matrix(block_diag([one] * 3))
    truth = np.repeat(range(3), 40)
    assert num_parts(graph) == 3
    assert metrics.clustering_accuracy(truth, spectral_labeling(graph, 3)) == 1
    assert metrics.clustering_accuracy(truth, diffusion_labeling(diffusion_map(graph, 2), 3)) == 1


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_few_and_equal_rows_have_labelings():
    rng = np.random.default_rng(0)
    two = np.repeat(rng.normal(size=(2, 3)), 20, axis=0)
    for rows, K in ((rng.normal(size=(3, 2)), 2), (np.ones((30, 3)), 3), (two, 4)):
        graph = neighbor_graph([rows, rows])
        for labeling in (spectral_labeling(graph, K), diffusion_labeling(diffusion_map(graph, 2 * K), K)):
            assert labeling.shape == (len(rows),)
            assert 0 <= labeling.min() <= labeling.max() < K


@cases(
    ("call", "says"),
    [
        (lambda: neighbor_graph([np.ones((3, 2)), np.ones((4, 2))]), "have 3, 4 rows"),
        (lambda: neighbor_graph([np.ones((1, 2))]), "at least 2 samples"),
        (lambda: neighbor_graph([np.ones((5, 2))], 0), "1 neighbour"),
        (lambda: neighbor_graph([np.ones((5, 2)), np.full((5, 2), np.nan)]), "row 0 of phi2"),
        (lambda: spectral_labeling(neighbor_graph([np.ones((5, 2))]), 6), "num_classes is 6"),
        (lambda: diffusion_labeling(np.ones((5, 2)), 6), "num_classes is 6"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError, match=says):
        call()
