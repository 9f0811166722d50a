"""How the labelings of one search relate to each other: agreement, stability, evenness, failed seeds."""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.evaluation.metrics import FloatArray, IntArray, contingency_table


def corrected_scores(
    labelings: NDArray[np.integer[Any]], cv_score: NDArray[np.float64], num_classes: int
) -> NDArray[np.float64]:
    """Cross-validation scores that can be compared over K: (score − p) / (1 − p), p the largest class's share.

    labelings: (S, n) on the rows that were scored; cv_score: (S,). Returns (S,): 0 is what whoever knows nothing
    reaches, 1 is perfect, and 0 where all samples are in one class, of which nothing can be foretold.
    """
    largest = np.array([np.bincount(labeling, minlength=num_classes).max() for labeling in labelings])
    chance = largest / labelings.shape[1]
    room = 1 - chance
    corrected: NDArray[np.float64] = np.divide(cv_score - chance, room, out=np.zeros(len(cv_score)), where=room > 0)
    return corrected


def stability(labelings: NDArray[np.integer[Any]], num_classes: int) -> float | None:
    """How far seeds find the same: mean adjusted Rand index of all pairs of labelings (S, n); None of a single one.

    1 is the same labeling each time, about 0 what labelings have in common by chance.
    """
    pairs = list(combinations(labelings, 2))
    return float(np.mean([_rand_index(*pair, num_classes) for pair in pairs])) if pairs else None


def occupied_classes(labelings: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """How many classes of every labeling (S, n) have samples: (S,)."""
    return np.array([len(np.unique(labeling)) for labeling in labelings], np.int64)


def _rand_index(a: NDArray[np.integer[Any]], b: NDArray[np.integer[Any]], num_classes: int) -> float:
    """The adjusted Rand index of two labelings with classes 0..K − 1, from their contingency table alone."""
    table = contingency_table(a, b, num_classes, num_classes).astype(np.float64)
    same = _pairs(table)
    in_a, in_b, everywhere = _pairs(table.sum(1)), _pairs(table.sum(0)), _pairs(table.sum())
    chance = in_a * in_b / everywhere if everywhere else 0.0
    room = (in_a + in_b) / 2 - chance
    return float((same - chance) / room) if room else 1.0


MOST_ROWS = 10_000  # rows on which seeds are compared with one another and judged in φ1


def agreement_with_others(labelings: IntArray, num_classes: int) -> FloatArray:
    """How much of what a seed finds the others find: mean adjusted Rand index with them, (S,); NaN of a single seed.

    labelings: (S, n); beyond 10,000 samples on as many of them.
    """
    some = _some_rows(np.ones(labelings.shape[1], bool))
    L = np.ascontiguousarray(labelings[:, some]).astype(np.int64)
    S, n = L.shape
    if S == 1:
        return np.array([np.nan])
    alone = np.array([_pairs(np.bincount(labeling)) for labeling in L])
    total = np.zeros(S)
    for i in range(S - 1):
        codes = num_classes * L[i]
        same = np.array([_pairs(np.bincount(codes + other)) for other in L[i + 1 :]])
        chance = alone[i] * alone[i + 1 :] / max(1.0, _pairs(np.array([n])))
        room = (alone[i] + alone[i + 1 :]) / 2 - chance
        index = np.divide(same - chance, room, out=np.ones(len(same)), where=room != 0)
        total[i] += index.sum()
        total[i + 1 :] += index
    mean: FloatArray = total / (S - 1)
    return mean


def _pairs(counts: NDArray[Any]) -> float:
    return float((counts * (counts - 1)).sum()) / 2


def _some_rows(rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Up to `MOST_ROWS` of the chosen rows, spread over all of them."""
    chosen = np.flatnonzero(rows)
    some = np.zeros(len(rows), bool)
    some[chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), MOST_ROWS)).astype(int)]] = True
    return some


def _class_shares(labelings: IntArray, num_classes: int) -> FloatArray:
    sizes = np.stack([np.bincount(labeling, minlength=num_classes) for labeling in labelings])
    shares: FloatArray = sizes / labelings.shape[1]
    return shares


def _entropy(shares: FloatArray) -> FloatArray:
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    entropy: FloatArray = -(shares * logs).sum(1) + 0.0
    return entropy


OUTLYING = 5.0


def failed(cv_score: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which seeds (S,) failed by their scores: below the median by more than `OUTLYING` standard deviations.

    The deviation is 1.4826 times the median absolute one, which failed seeds do not stretch.
    """
    median = np.median(cv_score)
    deviation = 1.4826 * np.median(np.abs(cv_score - median))
    below: NDArray[np.bool_] = cv_score < median - OUTLYING * max(deviation, np.finfo(np.float64).eps)
    return below
