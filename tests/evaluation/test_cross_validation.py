"""Cross-validation accuracy against scikit-learn, one labeling against many, and the corners."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict, cross_val_score

from hume.common.errors import InputError
from hume.data import dataset, space_rows
from hume.engine.whitening import Whitening
from hume.evaluation.cross_validation import cross_validation_scores, held_out_predictions
from tests.support.rules import cases


def blobs(seed=0, num_samples=150, dim=6, num_classes=3, spread=1.5):
    """Rows of overlapping classes (N, d2) and three labelings of them: true, half random, random."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(num_classes, size=num_samples)
    x = spread * rng.normal(size=(num_classes, dim))[truth] + rng.normal(size=(num_samples, dim))
    noise = rng.integers(num_classes, size=num_samples)
    half = np.where(rng.random(num_samples) < 0.5, noise, truth)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(np.stack([truth, half, noise]))


def folds_of(num_samples, num_folds, seed=0):
    """The folds that are promised: a permutation of the rows, cut into even parts."""
    order = torch.randperm(num_samples, generator=torch.Generator().manual_seed(seed))
    everything = np.arange(num_samples)
    return [(np.setdiff1d(everything, test), test) for test in (part.numpy() for part in order.tensor_split(num_folds))]


@cases("ridge", [0.01, 0.3, None])
@cases("seed", range(3))
@cases("num_folds", [2, 5])
def test_scores_agree_with_scikit_learn(ridge, seed, num_folds):
    phi2, labelings = blobs(seed)
    found = cross_validation_scores(
        phi2, labelings, 3, num_folds=num_folds, ridge=ridge, tolerance=1e-5, max_steps=5000, truncation=0
    )
    strength = Whitening.of(phi2, ridge).ridge
    folds = folds_of(150, num_folds)
    num_train = 150 - 150 // num_folds
    model = LogisticRegression(C=1 / (strength * num_train), fit_intercept=False, tol=1e-8, max_iter=5000)
    for labels, score in zip(labelings.numpy(), found, strict=True):
        assert score == pytest.approx(cross_val_score(model, phi2.numpy(), labels, cv=folds).mean(), abs=0.01)


def test_the_default_tolerance_is_enough():
    phi2, labelings = blobs()
    exact = cross_validation_scores(phi2, labelings, 3, tolerance=1e-5, max_steps=5000, truncation=0)
    np.testing.assert_allclose(cross_validation_scores(phi2, labelings, 3), exact, atol=0.02)


def test_all_labelings_at_once_are_each_alone(monkeypatch):
    phi2, labelings = blobs()
    options = {"tolerance": 1e-5, "max_steps": 3000}
    together = cross_validation_scores(phi2, labelings, 3, **options)
    alone = [cross_validation_scores(phi2, one[None], 3, **options)[0] for one in labelings]
    # A tie in a prediction is at stake, no more: a row in 150.
    np.testing.assert_allclose(together, alone, atol=1 / 150)
    monkeypatch.setattr(
        "hume.evaluation.cross_validation.BLOCK_ELEMENTS", 2 * 150 * 3
    )  # batches of two labelings and of one
    np.testing.assert_allclose(cross_validation_scores(phi2, labelings, 3, **options), together, atol=1 / 150)


def test_coarse_factors_move_a_score_less_than_the_tolerance_does():
    phi2, labelings = blobs()
    exact = cross_validation_scores(phi2, labelings, 3, precision="float32")
    coarse = cross_validation_scores(phi2, labelings, 3, precision="bfloat16")
    tight = cross_validation_scores(phi2, labelings, 3, precision="float32", tolerance=1e-5, max_steps=3000)
    np.testing.assert_allclose(coarse, exact, atol=2.01 / 150)
    assert np.abs(coarse - tight).max() <= np.abs(exact - tight).max() + 1.01 / 150


def test_the_order_of_scores_is_that_of_how_learnable_labelings_are():
    phi2, labelings = blobs()
    truth, half, noise = cross_validation_scores(phi2, labelings, 3)
    assert truth > 0.85
    assert truth > half + 0.1
    assert half > noise + 0.1


def test_names_of_classes_do_not_matter():
    phi2, labelings = blobs()
    names = torch.tensor([2, 0, 1])
    renamed = cross_validation_scores(phi2, names[labelings], 3)
    np.testing.assert_allclose(renamed, cross_validation_scores(phi2, labelings, 3), atol=1 / 150)


def test_the_scale_of_features_does_not_matter():
    phi2, labelings = blobs()
    scaled = cross_validation_scores(1000 * phi2, labelings, 3)
    np.testing.assert_allclose(scaled, cross_validation_scores(phi2, labelings, 3), atol=1 / 150)


def test_empty_classes_cost_nothing():
    phi2, labelings = blobs()
    with_empty = cross_validation_scores(phi2, labelings, 5)
    np.testing.assert_allclose(with_empty, cross_validation_scores(phi2, labelings, 3), atol=0.03)
    assert cross_validation_scores(phi2, torch.zeros(1, 150), 3) == pytest.approx(1)  # one class for all


@cases("dtype", [torch.int32, torch.int64, torch.uint8])
def test_any_integer_type_and_constant_columns_will_do(dtype):
    phi2, labelings = blobs()
    padded = torch.cat([phi2, torch.zeros(150, 2)], dim=1)
    found = cross_validation_scores(padded, labelings.to(dtype), 3)
    np.testing.assert_allclose(found, cross_validation_scores(phi2, labelings, 3), atol=1 / 150)


def test_folds_are_reported_one_by_one():
    phi2, labelings = blobs()
    told = []
    cross_validation_scores(phi2, labelings, 3, num_folds=4, on_fold=told.append)
    assert told == [1, 2, 3, 4]


@cases(("rows", "num_folds"), [(9, 10), (150, 1), (1, 2)])
def test_too_few_rows_or_folds(rows, num_folds):
    phi2, labelings = blobs()
    with pytest.raises(InputError, match=f"num_folds is {num_folds}: choose 2 to {rows},"):
        cross_validation_scores(phi2[:rows], labelings[:, :rows], 3, num_folds=num_folds)


def test_a_row_a_fold_is_leaving_one_out():
    phi2, labelings = blobs(num_samples=20)
    found = cross_validation_scores(phi2, labelings, 3, num_folds=20)
    np.testing.assert_allclose(found * 20, np.round(found * 20), atol=1e-4)


def test_people_label_digits_in_a_way_that_can_be_learned():
    digits = dataset.load_dataset("digits")
    rng = np.random.default_rng(0)
    mixed = np.where(rng.random(digits.num_samples) < 0.3, rng.integers(10, size=digits.num_samples), digits.labels)
    labelings = torch.tensor(np.stack([digits.labels, mixed, rng.permutation(digits.labels)]))
    human, partly, random = cross_validation_scores(space_rows.as_tensor(digits.space("lite0")), labelings, 10)
    assert human > 0.75
    assert human > partly > random
    assert random < 0.2


# --- what is expected of every sample ----------------------------------------------------------------


@cases("num_folds", [2, 5, 10])
def test_the_score_is_the_share_of_samples_that_are_as_expected(num_folds):
    phi2, labelings = blobs()
    for labeling in labelings:
        expected = held_out_predictions(phi2, labeling, 3, num_folds=num_folds)
        assert expected.shape == (150,)
        assert expected.dtype == np.int64
        score = cross_validation_scores(phi2, labeling[None], 3, num_folds=num_folds)
        assert np.mean(expected == labeling.numpy()) == pytest.approx(score[0], abs=1e-6)


def test_what_is_expected_agrees_with_scikit_learn():
    phi2, labelings = blobs()
    strength = Whitening.of(phi2, 0.01).ridge
    model = LogisticRegression(C=1 / (strength * 120), fit_intercept=False, tol=1e-8, max_iter=5000)
    for labels in labelings:
        found = held_out_predictions(
            phi2, labels, 3, num_folds=5, ridge=0.01, tolerance=1e-5, max_steps=5000, truncation=0
        )
        expected = cross_val_predict(model, phi2.numpy(), labels.numpy(), cv=folds_of(150, 5))
        assert np.mean(found == expected) >= 0.99


def test_a_sample_in_a_wrong_class_is_not_expected_there():
    phi2, (truth, _, _) = blobs(spread=6)
    np.testing.assert_array_equal(held_out_predictions(phi2, truth, 3), truth)
    wrong = truth.clone()
    moved = torch.tensor([3, 50, 99, 140])
    wrong[moved] = (truth[moved] + 1) % 3
    np.testing.assert_array_equal(held_out_predictions(phi2, wrong, 3), truth)


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8])
def test_what_is_expected_needs_no_certain_type_nor_all_classes(dtype):
    phi2, (truth, _, _) = blobs()
    expected = held_out_predictions(phi2, truth, 3)
    np.testing.assert_array_equal(held_out_predictions(phi2, truth.to(dtype), 3), expected)
    assert np.mean(held_out_predictions(phi2, truth, 5) == expected) >= 0.97


@pytest.mark.parametrize(("rows", "num_folds"), [(9, 10), (150, 1)])
def test_nothing_is_expected_of_too_few_rows_or_folds(rows, num_folds):
    phi2, labelings = blobs()
    with pytest.raises(InputError, match=f"num_folds is {num_folds}: choose 2 to {rows},"):
        held_out_predictions(phi2[:rows], labelings[0, :rows], 3, num_folds=num_folds)
