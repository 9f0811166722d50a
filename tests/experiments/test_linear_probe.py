"""The linear probe: recovers what is linear, is scikit-learn's, and never sees what it predicts."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hume.common.errors import InputError
from hume.experiments.baselines.linear_probe import cross_validated_probe, linear_probe
from tests.support.planted import planted
from tests.support.rules import cases


@cases("dtype", [np.float16, np.float32, np.float64])
def test_planted_classes_are_predicted_from_train_to_test(dtype):
    phi1, _, truth = planted(noise=0.1)
    phi1 = phi1.astype(dtype)
    result = linear_probe(phi1[:120], truth[:120], phi1[120:], truth[120:])
    assert result.accuracy is not None
    assert result.accuracy > 0.98
    assert result.accuracy == (result.predictions == truth[120:]).mean()
    assert result.predictions.dtype == np.int64
    assert result.seconds > 0


def test_without_test_labels_there_is_no_accuracy():
    phi1, _, truth = planted(noise=0.1)
    known, unknown = (linear_probe(phi1[:120], truth[:120], phi1[120:], some) for some in (truth[120:], None))
    assert unknown.accuracy is None
    np.testing.assert_array_equal(known.predictions, unknown.predictions)


def test_it_is_scikit_learns_classifier_on_the_rows_as_told():
    phi1, _, truth = planted(noise=0.6)
    ours = linear_probe(phi1[:120], truth[:120], 3 * phi1[120:], ridges=[0.01])
    rows = phi1 / np.linalg.norm(phi1, axis=1, keepdims=True)
    rows = (rows - rows[:120].mean(0)) / rows[:120].std(0)
    theirs = LogisticRegression(C=1 / (0.01 * 120), tol=1e-6, max_iter=1000).fit(rows[:120], truth[:120])
    assert ours.ridge == 0.01
    assert (ours.predictions == theirs.predict(rows[120:])).mean() > 0.99


def test_the_ridge_is_chosen_by_train_rows_that_were_held_out():
    """Many columns of noise: without a large ridge the probe learns them by heart."""
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=400)
    rows = np.hstack([truth[:, None] + 0.8 * rng.normal(size=(400, 1)), rng.normal(size=(400, 150))])
    free = linear_probe(rows[:200], truth[:200], rows[200:], truth[200:], ridges=[1e-6])
    chosen = linear_probe(rows[:200], truth[:200], rows[200:], truth[200:], ridges=[1e-6, 1.0])
    assert chosen.ridge == 1.0
    assert chosen.accuracy > free.accuracy
    # what the test labels are changes nothing
    other = linear_probe(rows[:200], truth[:200], rows[200:], 1 - truth[200:], ridges=[1e-6, 1.0])
    np.testing.assert_array_equal(chosen.predictions, other.predictions)


def test_cross_validation_predicts_rows_that_were_not_learned():
    phi1, _, truth = planted(noise=0.1)
    result = cross_validated_probe(phi1, truth)
    assert result.predictions.shape == truth.shape
    assert result.accuracy > 0.98
    # of labels without sense nothing can be known about rows that were held out
    rng = np.random.default_rng(1)
    wide = rng.normal(size=(200, 400))
    senseless = rng.integers(2, size=200)
    assert abs(cross_validated_probe(wide, senseless).accuracy - 0.5) < 0.15
    assert linear_probe(wide, senseless, wide, senseless, ridges=[1e-4]).accuracy == 1


def test_classes_may_have_any_numbers_and_a_seed_decides():
    phi1, _, truth = planted(noise=0.8)
    named = np.array([7, 100, 3])[truth]
    first, again = (cross_validated_probe(phi1, named, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first.predictions, again.predictions)
    assert set(first.predictions) <= {3, 7, 100}
    assert not np.array_equal(first.predictions, cross_validated_probe(phi1, named, seed=2).predictions)


def test_one_class_and_constant_columns_do_no_harm():
    rows = np.ones((20, 3))
    assert cross_validated_probe(rows, np.full(20, 4)).accuracy == 1
    assert linear_probe(rows, np.arange(20) % 2, rows).predictions.shape == (20,)


def test_progress_is_told_by_fold():
    phi1, _, truth = planted()
    told: list[float] = []
    cross_validated_probe(phi1, truth, num_folds=4, ridges=[0.1], on_progress=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


GOOD = np.eye(4)
LABELS = np.array([0, 1, 0, 1])


@cases(
    ("call", "says"),
    [
        (lambda: linear_probe(GOOD[0], LABELS, GOOD), r"train has shape \(4,\)"),
        (lambda: linear_probe(GOOD, LABELS, GOOD[0]), r"test has shape \(4,\)"),
        (lambda: linear_probe(np.full((4, 4), np.nan), LABELS, GOOD), "row 0 of train"),
        (lambda: linear_probe(GOOD, LABELS, GOOD[:, :2]), "train has 4 dimensions and test 2"),
        (lambda: linear_probe(GOOD, LABELS[:3], GOOD), "train_labels holds"),
        (lambda: linear_probe(GOOD, LABELS / 2, GOOD), "train_labels holds float64"),
        (lambda: linear_probe(GOOD, LABELS, GOOD, LABELS[:2]), "test_labels holds"),
        (lambda: linear_probe(GOOD, LABELS, GOOD, ridges=[]), r"ridges is \(\)"),
        (lambda: linear_probe(GOOD, LABELS, GOOD, ridges=[0.0]), r"ridges is \(0.0,\)"),
        (lambda: cross_validated_probe(GOOD, LABELS, num_folds=1), "num_folds is 1"),
        (lambda: cross_validated_probe(GOOD, LABELS, num_folds=5), "num_folds is 5"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError, match=says):
        call()
