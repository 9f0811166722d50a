"""Matching and voting: what permuted, noisy and partial labelings must give."""

from collections import Counter

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.evaluation import ensemble, metrics
from tests.support.rules import cases


def noisy_copies(seed, num_seeds=9, num_samples=120, num_classes=4, noise=0.3):
    """Permuted copies of one labeling with some samples relabeled, scores, and the labeling."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(num_classes, size=num_samples)
    labelings = np.array([rng.permutation(num_classes)[truth] for _ in range(num_seeds)])
    random = rng.integers(num_classes, size=labelings.shape)
    labelings = np.where(rng.random(labelings.shape) < noise, random, labelings)
    return labelings, rng.random(num_seeds), truth


def test_rank_sorts_from_best_to_worst():
    np.testing.assert_array_equal(ensemble.rank([0.2, np.nan, 0.9, 0.2, -np.inf, 0.5]), [2, 5, 0, 3, 4, 1])
    equal = np.arange(200) % 2
    np.testing.assert_array_equal(ensemble.rank(equal), np.r_[1:200:2, 0:200:2])


@cases("used", [4, 3, 1])
def test_align_puts_permuted_copies_back(used):
    labelings, cv_scores, _ = noisy_copies(0, noise=0)
    labelings = np.where(labelings[0] < used, labelings, labelings[:, :1])  # classes from `used` on are empty
    aligned = ensemble.align(labelings, cv_scores, 4)
    best = labelings[np.argmax(cv_scores)]
    np.testing.assert_array_equal(aligned, np.tile(best, (len(labelings), 1)))


def test_align_on_rows_looks_at_these_and_renames_all():
    labelings, cv_scores, _ = noisy_copies(1, noise=0)
    best = labelings[np.argmax(cv_scores)].copy()
    labelings[:, 60:] = np.random.default_rng(1).integers(4, size=(9, 60))
    mask = np.arange(120) < 60
    by_mask = ensemble.align(labelings, cv_scores, 4, rows=mask)
    np.testing.assert_array_equal(by_mask[:, :60], np.tile(best[:60], (9, 1)))
    for labeling, renamed in zip(labelings, by_mask, strict=True):
        assert len({*zip(labeling, renamed, strict=True)}) == len(np.unique(labeling))  # one name a class, on all rows
    by_number = ensemble.align(labelings, cv_scores, 4, rows=np.r_[np.arange(60)[::-1], 5, 5])
    np.testing.assert_array_equal(by_number, by_mask)


def test_align_never_renames_the_reference():
    labelings = np.array([[0, 0, 2, 1], [1, 1, 0, 2]])
    aligned = ensemble.align(labelings, [0.9, 0.1], 3, rows=[0, 1])  # classes 1 and 2 are empty on these rows
    np.testing.assert_array_equal(aligned[0], labelings[0])


@cases(
    ("dtype", "num_classes", "expected"), [(np.uint8, 4, np.uint8), (np.int8, 200, np.int16), (np.int64, 4, np.int64)]
)
def test_align_keeps_the_type_where_it_is_wide_enough(dtype, num_classes, expected):
    labelings, cv_scores, _ = noisy_copies(2)
    aligned = ensemble.align(labelings.astype(dtype), cv_scores, num_classes)
    assert aligned.dtype == expected
    np.testing.assert_array_equal(aligned, ensemble.align(labelings, cv_scores, num_classes))


@cases("seed", range(5))
def test_vote_is_the_literal_one(seed):
    labelings, cv_scores, _ = noisy_copies(seed, num_seeds=4, noise=0.7)  # few seeds, much noise: many ties
    vote = ensemble.majority_vote(labelings, cv_scores, 4)
    aligned = ensemble.align(labelings, cv_scores, 4)
    for x, ballots in enumerate(aligned.T.tolist()):
        counts = Counter(ballots)
        winner = min(counts, key=lambda k: (-counts[k], k))
        assert vote.labeling[x] == winner
        assert vote.share[x] == counts[winner] / 4
        assert vote.counts[x].tolist() == [counts[k] for k in range(4)]
    assert vote.reference == np.argmax(cv_scores)


def test_vote_of_noisy_copies_is_better_than_each():
    labelings, cv_scores, truth = noisy_copies(3, num_seeds=25)
    vote = ensemble.majority_vote(labelings, cv_scores, 4)
    single = [metrics.clustering_accuracy(truth, labeling) for labeling in labelings]
    assert metrics.clustering_accuracy(truth, vote.labeling) > max(single)


def test_vote_follows_the_rows_and_the_seeds():
    labelings, cv_scores, _ = noisy_copies(4)
    rng = np.random.default_rng(4)
    vote = ensemble.majority_vote(labelings, cv_scores, 4)
    rows, seeds = rng.permutation(120), rng.permutation(9)
    np.testing.assert_array_equal(
        ensemble.majority_vote(labelings[:, rows], cv_scores, 4).labeling, vote.labeling[rows]
    )
    np.testing.assert_array_equal(ensemble.majority_vote(labelings[seeds], cv_scores[seeds], 4).counts, vote.counts)


def test_vote_does_not_depend_on_the_names_of_the_others():
    labelings, cv_scores, _ = noisy_copies(5)
    rng = np.random.default_rng(5)
    best = np.argmax(cv_scores)
    renamed = np.array([row if s == best else rng.permutation(4)[row] for s, row in enumerate(labelings)])
    first, second = (ensemble.majority_vote(some, cv_scores, 4) for some in (labelings, renamed))
    np.testing.assert_array_equal(first.counts, second.counts)


@cases("rows", [None, np.arange(0, 120, 3)])
@cases("seed", range(3))
def test_every_point_of_the_curve_is_a_vote(seed, rows):
    labelings, cv_scores, truth = noisy_copies(seed, noise=0.6)
    cv_scores[2] = cv_scores[5] = 0.5
    cv_scores[7] = np.nan
    seen = slice(None) if rows is None else rows
    curve = ensemble.top_n_curve(labelings, cv_scores, 4, truth, rows)
    final = ensemble.majority_vote(labelings, cv_scores, 4, rows).labeling[seen]
    order = ensemble.rank(cv_scores)
    np.testing.assert_array_equal(curve.n, np.arange(1, 10))
    for i, n in enumerate(curve.n):
        best = order[:n]
        vote = ensemble.majority_vote(labelings[best], cv_scores[best], 4, rows).labeling[seen]
        assert curve.acc[i] == pytest.approx(metrics.clustering_accuracy(truth[seen], vote))
        assert curve.ari[i] == pytest.approx(metrics.adjusted_rand_index(truth[seen], vote))
        assert curve.consistency[i] == np.mean(vote == final)
    assert curve.consistency[-1] == 1
    assert curve.acc[-1] == pytest.approx(metrics.clustering_accuracy(truth[seen], final))


@cases("block", [1, 4 * 7, 4 * 120])
def test_votes_that_are_counted_for_some_samples_at_a_time_are_the_same(monkeypatch, block):
    labelings, cv_scores, truth = noisy_copies(9, noise=0.6)
    vote = ensemble.majority_vote(labelings, cv_scores, 4)
    curve = ensemble.top_n_curve(labelings, cv_scores, 4, truth)
    monkeypatch.setattr(ensemble, "BLOCK_COUNTS", block)
    again = ensemble.majority_vote(labelings, cv_scores, 4)
    np.testing.assert_array_equal(again.labeling, vote.labeling)
    np.testing.assert_array_equal(again.share, vote.share)
    np.testing.assert_array_equal(again.counts, vote.counts)
    np.testing.assert_array_equal(again.counts.argmax(1), vote.labeling)
    np.testing.assert_array_equal(ensemble.top_n_curve(labelings, cv_scores, 4, truth).acc, curve.acc)


def test_curve_without_truth_has_consistency_only():
    labelings, cv_scores, truth = noisy_copies(6)
    blind, seen = (ensemble.top_n_curve(labelings, cv_scores, 4, t) for t in (None, truth))
    assert blind.acc is None
    assert blind.ari is None
    np.testing.assert_array_equal(blind.consistency, seen.consistency)


def test_curve_on_rows_ignores_all_others():
    labelings, cv_scores, truth = noisy_copies(7)
    curve = ensemble.top_n_curve(labelings, cv_scores, 4, truth, np.arange(50))
    labelings[:, 50:], truth[50:] = 0, 99
    again = ensemble.top_n_curve(labelings, cv_scores, 4, truth, np.arange(120) < 50)
    np.testing.assert_array_equal(curve.acc, again.acc)
    np.testing.assert_array_equal(curve.consistency, again.consistency)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64])
def test_curve_takes_any_integer_type(dtype):
    labelings, cv_scores, truth = noisy_copies(8)
    narrow = ensemble.top_n_curve(labelings.astype(dtype), cv_scores, 4, truth.astype(dtype))
    np.testing.assert_array_equal(narrow.acc, ensemble.top_n_curve(labelings, cv_scores, 4, truth).acc)


@cases(
    ("change", "says"),
    [
        ({"labelings": np.zeros((0, 5), int)}, "at least one"),
        ({"labelings": np.zeros((3, 5))}, "as integers"),
        ({"labelings": np.full((3, 5), 4)}, "from 0 to 2"),
        ({"cv_scores": [1, 2]}, "3 labelings and 2 cv_scores"),
        ({"cv_scores": [[1, 2, 3]]}, "one score a seed"),
        ({"rows": [0, 5]}, "from 0 to 4"),
        ({"rows": [-1]}, "from 0 to 4"),
        ({"rows": [0.5]}, "row numbers"),
        ({"rows": [True, False]}, "5 booleans"),
        ({"rows": np.zeros(5, bool)}, "selects no sample"),
        ({"rows": np.zeros(0, int)}, "selects no sample"),
        ({"truth": np.zeros(4, int)}, "each of the 5 samples"),
    ],
)
def test_bad_input_is_named(change, says):
    good = {"labelings": np.zeros((3, 5), int), "cv_scores": [1, 2, 3], "num_classes": 3}
    with pytest.raises(InputError, match=says):
        ensemble.top_n_curve(**good | change)
