"""How many labelings seeds found: groups of nearly equal labelings, whatever their classes are called."""

import numpy as np
import pytest

from hume.evaluation import metrics
from hume.evaluation.modes import CUT, find_modes, group, vote_within
from hume.evaluation.neighbors import nearest_neighbors, shared_class
from hume.evaluation.seed_statistics import SeedStatistics
from tests.support.planted import planted
from tests.support.rules import cases

K, N = 4, 400


def two_kinds(sizes=(5, 7), noise=0.01):
    """Labelings near one of two different ones, each with class numbers of its own, and which it is near to."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(K, size=(2, N))
    which = rng.permutation(np.repeat([0, 1], sizes))
    noisy = [np.where(rng.random(N) < noise, rng.integers(K, size=N), kinds[kind]) for kind in which]
    return np.stack([rng.permutation(K)[labeling] for labeling in noisy]), which, kinds


def statistics(labelings, likelihood=None, cv_score=None):
    score = np.linspace(0.5, 0.6, len(labelings)) if cv_score is None else cv_score
    return SeedStatistics(cv_score=score, num_classes=K, read=lambda: labelings, likelihood=likelihood)


def found_in(labelings, **scores):
    seeds = statistics(labelings, **scores)
    near = nearest_neighbors(np.random.default_rng(1).normal(size=(N, 3)), np.arange(N), 10)
    return find_modes(
        seeds, (near, near), lambda some: vote_within(labelings[some], seeds.criterion[some], labelings[0], K)
    )


def test_seeds_near_two_labelings_found_two():
    labelings, which, kinds = two_kinds()
    likelihood = np.where(which == 1, -1.0, -2.0) + np.linspace(0, 0.1, len(which))
    first, second = found_in(labelings, likelihood=likelihood)
    assert [set(which[mode.members]) for mode in (first, second)] == [{1}, {0}]
    assert (first.number, first.size, first.share) == (1, 7, 7 / 12)
    assert first.best_likelihood == likelihood.max() == likelihood[first.members[0]]
    assert second.mean_likelihood == pytest.approx(likelihood[which == 0].mean())
    for mode, kind in ((first, 1), (second, 0)):
        assert metrics.clustering_accuracy(kinds[kind], mode.vote.labeling) > 0.98


def test_what_ranks_the_seeds_ranks_the_modes():
    labelings, which, _ = two_kinds()
    first = found_in(labelings, cv_score=np.where(which == 0, 0.9, 0.8))[0]
    assert set(which[first.members]) == {0}
    assert first.best_likelihood is None
    assert first.mean_score == pytest.approx(0.9)


@cases("number", [1, 2])
def test_few_seeds_that_are_alike_found_one(number):
    labelings, _, _ = two_kinds((5, 0), noise=0)
    [mode] = found_in(labelings[:number])
    assert mode.size == number


def test_modes_are_further_apart_than_the_cut_on_average():
    at = np.array([0.0, 0.06, 0.12, 0.5])
    distances = np.abs(at[:, None] - at)
    together = group(1 - distances)
    assert together[0] == together[1] == together[2] != together[3]
    assert len(set(group(1 - distances, CUT / 2))) == 4


def test_the_vote_within_a_mode_has_the_class_numbers_of_the_reference():
    labelings, which, kinds = two_kinds()
    vote = vote_within(labelings[which == 0], np.ones(5), kinds[0], K)
    assert np.array_equal(vote.labeling, kinds[0])
    assert (vote.aligned == kinds[0]).mean() > 0.98


def test_neighbours_share_the_true_class_more_than_one_at_random():
    phi1, _, truth = planted()
    near = nearest_neighbors(phi1, np.arange(len(truth)), 10)
    true, random = shared_class(near, np.stack([truth, np.random.default_rng(0).permutation(truth)]))
    assert true > 0.95
    assert random == pytest.approx(1 / 3, abs=0.05)
    assert shared_class(near, np.zeros_like(truth)[None])[0] == 1
