"""Planted errors, copies and strangers come first; the held-out classifier is scikit-learn's discriminant."""

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from hume import Space, load_dataset
from hume.common.errors import InputError
from hume.engine.refinement import SHRINKAGE
from hume.evaluation.discriminant import Moments, WhitenedPair
from hume.evaluation.suspects import Seen, near_duplicates, suspect_labels
from tests.support.planted import planted


@pytest.fixture(scope="module")
def digits():
    dataset = load_dataset("digits")
    return dataset.space("simclr"), dataset.space("lite0"), dataset.labels


def spaces(*arrays):
    return tuple(Space(f"phi{i}", array) for i, array in enumerate(arrays, 1))


def flipped(labels, num_classes, rng):
    """Labels of which one in twenty is another one, and which."""
    wrong = np.zeros(len(labels), bool)
    wrong[rng.choice(len(labels), len(labels) // 20, replace=False)] = True
    turned = (labels + rng.integers(1, num_classes, len(labels))) % num_classes
    return np.where(wrong, turned, labels), wrong


# --- labels ------------------------------------------------------------------------------------------


def test_planted_errors_head_the_list(digits):
    phi1, phi2, truth = digits
    labels, wrong = flipped(truth, 10, np.random.default_rng(0))
    found = suspect_labels(phi1, phi2, labels)
    assert wrong[found.rows[: wrong.sum()]].mean() > 0.85  # by chance 0.05
    assert (found.label == labels[found.rows]).all()
    hits = wrong[found.rows]
    assert (found.predicted == truth[found.rows])[hits].mean() > 0.9
    ratio = found.predicted_probability / found.label_probability
    assert (np.diff(ratio) <= 0).all()
    assert len(np.unique(found.rows)) == len(found.rows)
    again = suspect_labels(phi1, phi2, labels)
    assert (again.rows == found.rows).all()


def test_the_classifier_is_the_shrunk_linear_discriminant(digits):
    phi1, phi2, truth = digits
    pair = WhitenedPair.of(phi1, phi2)
    z = torch.cat([block for _, block, _ in pair.blocks(1)])
    moments = Moments.none(10, pair.dim)
    moments.add(z, torch.from_numpy(truth))
    weights, bias = moments.classifier()
    known = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE).fit(z.double().numpy(), truth)
    own = torch.log_softmax(z @ weights + bias, 1).numpy()
    assert np.allclose(own, known.predict_log_proba(z.double().numpy()), atol=1e-2)


def test_a_label_is_judged_only_by_other_samples_that_have_it():
    phi1, phi2, truth = planted()
    labels = np.where(np.arange(len(truth)) < 5, -1, truth)
    labels[5] = 3  # the only one of its class
    found = suspect_labels(*spaces(phi1, phi2), labels)
    assert found.num_judged == len(truth) - 6
    assert set(found.rows) & set(range(6)) == set()


def test_labels_that_cannot_be_judged_are_refused():
    both = spaces(*planted()[:2])
    with pytest.raises(InputError, match="240 integers"):
        suspect_labels(*both, np.zeros(3, int))
    with pytest.raises(InputError, match="only one class"):
        suspect_labels(*both, np.zeros(240, int))


# --- near-duplicates -----------------------------------------------------------------------------------


def test_copies_are_found_and_nothing_else():
    rng = np.random.default_rng(0)
    phi1, phi2, _ = planted(noise=0.5)
    copied = rng.choice(240, 20, replace=False)
    both = [np.concatenate([phi, phi[copied] + 0.002 * rng.normal(size=(20, 8))]).astype(np.float32)
            for phi in (phi1, phi2)]  # fmt: skip
    found = near_duplicates(*spaces(*both))
    assert dict(zip(found.rows.tolist(), found.others.tolist(), strict=True)) == {
        240 + i: int(row) for i, row in enumerate(copied)
    }
    assert not found.same_picture.any()
    only_one = near_duplicates(*spaces(both[0], np.concatenate([phi2, planted(1)[1][:20]])))
    assert len(only_one.rows) == 0


def test_equal_pictures_are_duplicates_whatever_their_features():
    phi1, phi2, _ = planted()
    images = np.random.default_rng(0).integers(0, 256, (240, 4, 4), np.uint8)
    images[[7, 9]] = images[3]
    found = near_duplicates(*spaces(phi1, phi2), images)
    assert list(zip(found.others, found.rows, found.same_picture, strict=True)) == [(3, 7, True), (3, 9, True)]


# --- outliers ----------------------------------------------------------------------------------------


def test_a_picture_of_noise_is_the_farthest():
    dataset = load_dataset("digits")
    rng = np.random.default_rng(0)
    pictures = np.concatenate([dataset.images, rng.integers(0, 256, (1, 8, 8), np.uint8)]).reshape(-1, 64) / 255
    mixed = np.maximum(pictures @ rng.normal(size=(64, 200)), 0)
    both = spaces(pictures.astype(np.float32), mixed.astype(np.float32))
    labels = np.append(dataset.labels, 0)
    assert Seen.of(*both, labels).distances.argmax() == len(pictures) - 1
    seen = Seen.of(*(Space(each.name, each.features[:-1]) for each in both), labels[:-1])
    assert seen.distance(*(Space(each.name, each.features[-1:]) for each in both)) > seen.far
    assert (seen.distances > seen.far).sum() <= 2


def test_seen_rows_have_the_same_distance_when_they_come_again(digits):
    phi1, phi2, truth = digits
    seen = Seen.of(phi1, phi2, truth)
    some = slice(100, 150)
    again = seen.distance(*(Space(each.name, each.features[some]) for each in (phi1, phi2)))
    assert np.allclose(again, seen.distances[some], rtol=1e-4)
    with pytest.raises(InputError, match="dimensions"):
        seen.distance(phi2, Space("short", np.ones((1797, 3), np.float32)))
