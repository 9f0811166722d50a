"""The estimator behaves as scikit-learn users expect and finds planted classes."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from hume import HUME
from hume.evaluation.metrics import clustering_accuracy
from tests.support.planted import planted
from tests.support.rules import cases

CLASSES, SIZE = 3, 80


def unfitted():
    return HUME(CLASSES, num_seeds=5, class_sizes="equal")


@pytest.fixture(scope="module")
def data():
    return planted()


@pytest.fixture(scope="module")
def fitted(data):
    return unfitted().fit(*data[:2])


def test_parameters_are_scikit_learns():
    estimator = HUME(7, num_seeds=3, preset="paper", random_state=4, device="auto")
    expected = {"num_classes": 7, "num_seeds": 3, "preset": "paper", "random_state": 4}
    assert estimator.get_params() == {**expected, "device": "auto", "refine": None, "class_sizes": None}
    assert estimator.set_params(num_seeds=9) is estimator
    assert estimator.num_seeds == 9
    with pytest.raises(ValueError, match="colour"):
        estimator.set_params(colour=1)
    assert "num_classes=7" in repr(estimator)


def test_a_clone_is_equal_and_unfitted(fitted, data):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(data[0])


def test_planted_classes_are_found(fitted, data):
    assert clustering_accuracy(data[2], fitted.labels_) > 0.9
    assert fitted.labels_.shape == fitted.vote_share_.shape == (CLASSES * SIZE,)
    assert fitted.cv_scores_.shape == fitted.objective_.shape == (5,)
    assert fitted.prototypes_.shape == (5, CLASSES, 8)
    assert fitted.n_features_in_ == 8
    assert (fitted.vote_share_ >= 1 / CLASSES).all()
    assert (fitted.vote_share_ <= 1).all()


def test_fit_predict_is_the_labels_and_a_seed_gives_them_again(fitted, data):
    again = unfitted()
    labels = again.fit_predict(*data[:2])
    np.testing.assert_array_equal(labels, again.labels_)
    np.testing.assert_array_equal(labels, fitted.labels_)


def test_another_random_state_starts_elsewhere(fitted, data):
    other = unfitted().set_params(random_state=100).fit(*data[:2])
    assert np.abs(other.prototypes_[0] - fitted.prototypes_[0]).max() > 1e-3


def test_predictions_on_the_training_rows_are_their_labels(fitted, data):
    assert np.mean(fitted.predict(data[0]) == fitted.labels_) >= 0.99


def test_new_rows_are_labelled_by_the_classes_found(fitted, data):
    """Rows near a training row get its class, in any scale of numbers a list can hold."""
    rows = data[0][:50]
    near = rows + 0.001 * np.random.default_rng(0).normal(size=rows.shape)
    assert np.mean(fitted.predict(near.tolist()) == fitted.labels_[:50]) >= 0.95
    assert fitted.predict(rows[:1]).shape == (1,)


@pytest.mark.parametrize("convert", [lambda a: a.astype(np.float64).tolist(), lambda a: a.astype(np.float64)])
def test_double_precision_and_lists_are_accepted(convert, fitted, data):
    found = unfitted().fit(*map(convert, data[:2]))
    np.testing.assert_array_equal(found.labels_, fitted.labels_)


@pytest.mark.parametrize("convert", [lambda a: a.astype(np.float16), lambda a: list(a.astype(np.float16))])
def test_half_precision_is_accepted(convert, data):
    found = unfitted().fit(*map(convert, data[:2]))
    assert clustering_accuracy(data[2], found.labels_) > 0.9


@cases("side", [0, 1])
@cases("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value, side, data):
    spaces = [data[0].copy(), data[1].copy()]
    spaces[side][3, 2] = value
    with pytest.raises(ValueError, match=f"phi{side + 1}"):
        unfitted().fit(*spaces)


def test_spaces_that_do_not_fit_are_refused(fitted, data):
    phi1, phi2, _ = data
    with pytest.raises(ValueError, match="same rows"):
        unfitted().fit(phi1, phi2[:-1])
    with pytest.raises(ValueError, match="2D array"):
        unfitted().fit(phi1[:, 0], phi2)
    with pytest.raises(ValueError, match="dimensions"):
        HUME(9, num_seeds=1).fit(phi1, phi2)
    with pytest.raises(ValueError, match="num_classes=1"):
        HUME(1, num_seeds=1).fit(phi1, phi2)
    with pytest.raises(ValueError, match="at least 1 seed"):
        HUME(3, num_seeds=0).fit(phi1, phi2)
    for wrong in (phi1[:, :5], phi1[:, :1]):
        with pytest.raises(ValueError, match="features"):
            fitted.predict(wrong)
    with pytest.raises(ValueError, match="NaN"):
        fitted.predict(np.full((2, 8), np.nan))


# --- a few known classes ---------------------------------------------------------------------------


def test_known_classes_give_the_labels_their_numbers_and_stay(data):
    phi1, phi2, truth = data
    y = np.full(len(truth), -1)
    y[np.flatnonzero(truth == 0)[:3]], y[np.flatnonzero(truth == 2)[:3]] = 7, 4
    wrong = np.flatnonzero(truth == 1)[0]
    y[wrong] = 7
    fitted = unfitted().fit(phi1, phi2, y)
    assert fitted.classes_.tolist() == [4, 7, 8]
    assert (fitted.labels_[y >= 0] == y[y >= 0]).all()
    renamed = np.array([7, 8, 4])[truth]
    assert (fitted.labels_ == renamed).mean() > 0.9
    assert (fitted.predict(phi1, phi2) == renamed).mean() > 0.9
    assert (fitted.predict(phi1) == renamed).mean() > 0.9
    assert fitted.predict(phi1, phi2)[wrong] == 8  # the classifier is not bent by one wrong answer


def test_nothing_known_is_the_search_alone(fitted, data):
    assert np.array_equal(unfitted().fit(*data[:2], np.full(CLASSES * SIZE, -1)).labels_, fitted.labels_)


@cases("y, why", [
    (np.zeros(3, int), "y has shape"), (np.full(CLASSES * SIZE, 0.5), "an integer for each"),
    (np.full(CLASSES * SIZE, -2), "−1 where unknown"), (np.arange(CLASSES * SIZE), "240 classes"),
])  # fmt: skip
def test_known_classes_that_do_not_fit_are_one_sentence(data, y, why):
    with pytest.raises(ValueError, match=why):
        unfitted().fit(*data[:2], y)
