"""The audit's interval covers the true accuracy, whatever the classes are like."""

import numpy as np
import pytest
from scipy.stats import binomtest

from hume.common.errors import InputError
from hume.evaluation import audit
from tests.support.rules import cases


@cases("sizes, accuracy, number", [
    ((1000,) * 10, (0.9,) * 10, 40),
    ((1000,) * 10, (1.0, 0.2) * 5, 20),
    ((3000, 900, 300, 90, 30), (0.95, 0.8, 0.5, 0.3, 0.1), 30),
    ((500,) * 4, (1.0, 1.0, 1.0, 0.98), 50),
])  # fmt: skip
def test_nine_of_ten_intervals_and_more_cover_the_accuracy(sizes, accuracy, number):
    rng = np.random.default_rng(0)
    labeling = np.repeat(np.arange(len(sizes)), sizes)
    right = rng.random(len(labeling)) < np.repeat(accuracy, sizes)
    truth, rows = right.mean(), np.arange(len(labeling))
    covered = 0
    for seed in range(200):
        drawn = np.array([(row, weight) for row, _, weight in audit.draw(labeling, rows, number, seed)])
        chosen = drawn[:, 0].astype(int)
        found = audit.estimate(right[chosen], labeling[chosen], drawn[:, 1]).overall
        covered += found.low <= truth <= found.high
    assert covered >= 180


def test_samples_are_drawn_in_proportion_and_stand_for_all():
    labeling = np.repeat([0, 1, 5], [600, 300, 3])
    candidates = np.setdiff1d(np.arange(903), [0, 700])
    drawn = audit.draw(labeling, candidates, 31)
    rows, classes, weights = zip(*drawn, strict=True)
    assert len(set(rows)) == 31
    assert set(rows) <= set(candidates.tolist())
    assert np.array_equal(labeling[list(rows)], classes)
    assert np.bincount(classes, minlength=6).tolist() == [20, 10, 0, 0, 0, 1]
    assert sum(weights) == pytest.approx(len(candidates))
    assert audit.draw(labeling, candidates, 31) == drawn
    assert audit.draw(labeling, candidates, 31, seed=1) != drawn


def test_with_equal_weights_it_is_wilsons_interval():
    right = np.arange(40) < 33
    found = audit.estimate(right, np.arange(40) % 4, np.full(40, 25.0))
    expected = binomtest(33, 40).proportion_ci(method="wilson")
    assert (found.overall.share, found.overall.n) == (33 / 40, 40)
    assert (found.overall.low, found.overall.high) == pytest.approx((expected.low, expected.high))
    assert {k: each.n for k, each in found.classes.items()} == {0: 10, 1: 10, 2: 10, 3: 10}
    assert found.classes[0].share == right[::4].mean()


def test_an_audit_of_too_few_or_too_many_samples_is_refused():
    labeling = np.repeat(np.arange(5), 4)
    for number in (4, 21):
        with pytest.raises(InputError, match="at least one of each of the 5 classes and at most the 20"):
            audit.draw(labeling, np.arange(20), number)
    with pytest.raises(InputError, match="no sample of the audit is answered"):
        audit.estimate(np.zeros(0, bool), np.zeros(0, int), np.zeros(0))
