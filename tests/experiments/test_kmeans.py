"""K-means baseline: finds what is plainly there, restarts count separately, spaces weigh the same."""

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.evaluation.metrics import clustering_accuracy
from hume.experiments.baselines.kmeans import concatenate, kmeans
from tests.support.rules import cases


def blobs(seed=0, num_classes=3, size=30, noise=0.05, dim=4):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(num_classes), size)
    return np.eye(dim)[truth] + noise * rng.normal(size=(truth.size, dim)), truth


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_separated_blobs_are_found(dtype):
    features, truth = blobs()
    result = kmeans(features.astype(dtype), 3)
    assert result.labelings.shape == (10, 90)
    best = result.labelings[np.argmin(result.inertia)]
    assert clustering_accuracy(truth, best) == 1
    assert result.seconds > 0


def test_inertia_is_the_sum_of_squared_distances():
    features, _ = blobs(1, noise=0.6)
    result = kmeans(features, 3, restarts=4, normalize=False)
    for labeling, inertia in zip(result.labelings, result.inertia, strict=True):
        centres = np.array([features[labeling == k].mean(axis=0) for k in range(3)])
        assert inertia == pytest.approx(((features - centres[labeling]) ** 2).sum())


def test_restarts_differ_and_do_not_depend_on_their_number():
    features, _ = blobs(2, noise=1.0)
    few, more = kmeans(features, 5, restarts=3), kmeans(features, 5, restarts=6)
    np.testing.assert_array_equal(few.labelings, more.labelings[:3])
    assert len(np.unique(more.inertia)) > 1
    other = kmeans(features, 5, restarts=3, seed=1)
    assert not np.array_equal(few.labelings, other.labelings)


def test_normalization_removes_the_length_of_rows():
    features, _ = blobs(3)
    lengths = 2.0 ** np.random.default_rng(3).integers(-6, 6, size=(90, 1))
    first, second = kmeans(features, 3, restarts=2), kmeans(features * lengths, 3, restarts=2)
    np.testing.assert_array_equal(first.labelings, second.labelings)


def test_zero_rows_stay_zero():
    features, _ = blobs(4)
    features[7] = 0
    assert np.isfinite(kmeans(features, 3, restarts=1).inertia).all()
    assert not concatenate(features, features)[7].any()


def test_neither_space_drowns_the_other():
    phi1, coarse = blobs(5, num_classes=2, size=40)
    phi2, _ = blobs(6, num_classes=2, size=40)
    phi2 = phi2[np.arange(80) // 20 % 2 * 40 + np.arange(80) % 20]  # splits each half of phi1 once more
    truth = 2 * coarse + np.arange(80) // 20 % 2
    joined = concatenate(phi1, 1e4 * phi2)
    assert joined.shape == (80, 8)
    np.testing.assert_allclose(np.linalg.norm(joined[:, :4], axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(joined[:, 4:], axis=1), 1)
    result = kmeans(joined, 4)
    assert clustering_accuracy(truth, result.labelings[np.argmin(result.inertia)]) == 1


@cases(
    ("call", "says"),
    [
        (lambda: kmeans(np.ones(3), 2), r"features has shape \(3,\)"),
        (lambda: kmeans(np.ones((3, 2)), 4), "num_classes is 4"),
        (lambda: kmeans(np.ones((3, 2)), 2, restarts=0), "restarts is 0"),
        (lambda: kmeans(np.array([[1.0], [np.inf]]), 1), "row 1 of features"),
        (lambda: concatenate(np.ones((3, 2)), np.ones((4, 2))), "3 rows and phi2 4"),
        (lambda: concatenate(np.ones((3, 2)), np.full((3, 2), np.nan)), "row 0 of phi2"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError, match=says):
        call()
