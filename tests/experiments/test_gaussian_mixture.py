"""The Gaussian mixture on both spaces: what it is given, and what it finds."""

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.evaluation import metrics
from hume.experiments.baselines.gaussian_mixture import mixture_labeling, whitened
from hume.experiments.baselines.kmeans import kmeans
from tests.support.planted import planted
from tests.support.rules import cases

RNG = np.random.default_rng(0)


def test_directions_of_a_space_have_variance_one_and_are_not_correlated():
    phi1, phi2, _ = planted()
    rows = whitened([phi1, 100 * phi2])
    assert rows.shape == (240, 16)
    for part in (rows[:, :8], rows[:, 8:]):
        np.testing.assert_allclose(np.cov(part.T), np.eye(8), atol=1e-3)
    np.testing.assert_allclose(rows, whitened([phi1, phi2]), atol=1e-3)


def test_directions_are_no_more_than_64_or_a_quarter_of_the_rows_and_vary():
    assert whitened([RNG.normal(size=(400, 80))]).shape == (400, 64)
    assert whitened([RNG.normal(size=(40, 80))]).shape == (40, 10)
    assert whitened([np.repeat(RNG.normal(size=(40, 3)), 3, axis=1)]).shape[1] == 3
    assert whitened([RNG.normal(size=(40, 5)), np.ones((40, 5))]).shape[1] == 5


def test_classes_of_one_long_shape_are_told_apart():
    """K-means cuts across long parallel classes; a shared covariance follows their shape."""
    truth = np.repeat([0, 1], 300)
    rows = RNG.normal(size=(600, 2)) * [3, 1] + np.outer(truth, [4, 5])
    by_distance = kmeans(rows, 2, restarts=1, normalize=False).labelings[0]
    assert metrics.clustering_accuracy(truth, by_distance) < 0.96
    assert metrics.clustering_accuracy(truth, mixture_labeling(rows, 2)) > 0.98


def test_few_and_equal_rows_have_labelings():
    for rows, K in ((RNG.normal(size=(3, 8)), 2), (np.repeat(RNG.normal(size=(3, 4)), 20, axis=0), 5)):
        labeling = mixture_labeling(whitened([rows, rows]), K)
        assert labeling.shape == (len(rows),)
        assert 0 <= labeling.min() <= labeling.max() < K


@cases(
    ("call", "says"),
    [
        (lambda: whitened([np.ones((30, 4)), 2 * np.ones((30, 3))]), "all equal"),
        (lambda: whitened([RNG.normal(size=(30, 4)), RNG.normal(size=(20, 4))]), "have 30, 20 rows"),
        (lambda: whitened([np.full((30, 4), np.inf)]), "row 0 of phi1"),
        (lambda: mixture_labeling(np.ones((5, 2)), 6), "num_classes is 6"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError, match=says):
        call()
