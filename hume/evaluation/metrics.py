"""How well two labelings agree, and whether the objective predicts it (Fig. 1, Tables 1 to 3).

Renaming the classes changes none of the scores of a labeling.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, overload

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from hume.common.errors import InputError

__all__ = [
    "Agreement",
    "Correlation",
    "adjusted_rand_index",
    "agreement",
    "assign_classes",
    "clustering_accuracy",
    "contingency_table",
    "correlation",
    "match_classes",
    "normalized_mutual_information",
    "rank_within_class",
    "renumber",
]

IntArray: TypeAlias = NDArray[np.integer[Any]]
FloatArray: TypeAlias = NDArray[np.float64]

SMALL_RANGE = 1024  # classes below this number stay as they are, which is faster than sorting the samples
MIN_PAIRS = 3  # two points are always on a line
MIN_RESAMPLES = 100  # with fewer the ends of an interval mean nothing
LEVEL = 0.05  # of p, as of the 95 % intervals
MOST_NEEDED = 1000  # pairs
CONSTANT = 1e-13  # spread relative to the mean below which rounding is all there is; SciPy's own bound


@dataclass(frozen=True)
class Agreement:
    """How well a labeling agrees with the ground truth: 1 is perfect for all three."""

    acc: float  # clustering accuracy, 0 to 1
    ari: float  # adjusted Rand index, about 0 for a random labeling
    nmi: float  # normalized mutual information, 0 to 1


@dataclass(frozen=True)
class Correlation:
    """Pearson's r of n pairs, its two-sided p-value and a bootstrap interval [low, high]."""

    r: float
    p: float
    low: float
    high: float
    n: int

    @property
    def is_settled(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0

    @property
    def p_agrees(self) -> bool:
        """Whether p and the interval say the same; outliers, or few pairs, set them apart."""
        return (self.p < LEVEL) == self.is_settled

    @property
    def num_needed(self) -> int | None:
        """How many pairs would settle it if r stayed as it is; None for more than `MOST_NEEDED`.

        On Fisher's scale, where the interval narrows with the square root of the number of pairs.
        """
        low, r, high = np.arctanh(np.clip([self.low, self.r, self.high], -0.999, 0.999))
        needed = self.n * ((high - low) / 2 / max(abs(r), 1e-9)) ** 2
        return max(int(np.ceil(needed / 10)), self.n // 10 + 1) * 10 if needed <= MOST_NEEDED else None


def contingency_table(a: IntArray, b: IntArray, num_a: int, num_b: int) -> NDArray[np.int64]:
    """Count the samples of every pair of classes: table[i, j] = Σ_x [a(x) = i] [b(x) = j].

    a, b: (N,) classes in 0..num_a − 1 and 0..num_b − 1. Returns (num_a, num_b); empty classes are rows or columns
    of zeros. Raises InputError for other shapes, types or values.
    """
    a, b = _classes(a, "a", num_a), _classes(b, "b", num_b)
    if a.size != b.size:
        raise InputError(f"two labelings have {a.size} and {b.size} samples: give both for the same samples.")
    pairs = a.astype(np.intp, copy=False) * num_b + b.astype(np.intp, copy=False)
    return np.bincount(pairs, minlength=num_a * num_b).reshape(num_a, num_b).astype(np.int64, copy=False)


def assign_classes(table: IntArray) -> NDArray[np.int64]:
    """Give every row of a contingency table a column of its own: argmax over one-to-one maps of Σ_i table[i, map(i)].

    table: (A, B) counts. Returns (A,) columns, −1 for the rows left over when A > B. The Hungarian algorithm [35].
    """
    assigned = np.full(table.shape[0], -1, dtype=np.int64)
    rows, columns = scipy.optimize.linear_sum_assignment(table, maximize=True)
    assigned[rows] = columns
    return assigned


def match_classes(labeling: IntArray, reference: IntArray, num_classes: int) -> NDArray[np.int64]:
    """Name a labeling's classes after a reference's so that most samples agree (Sec. 3.1).

    labeling, reference: (N,) classes in 0..K − 1. Returns (K,), where result[k] is the reference's class for the
    labeling's class k: a permutation, empty classes included. Of several best permutations it is one that keeps the
    most names, so that a labeling matched to itself is never renamed. Raises InputError as `contingency_table` does.
    """
    table = contingency_table(labeling, reference, num_classes, num_classes)
    # At most K names can be kept, so K + 1 of them never outweigh one sample.
    return assign_classes(table * (num_classes + 1) + np.eye(num_classes, dtype=np.int64))


def clustering_accuracy(truth: IntArray, labeling: IntArray) -> float:
    """Share of samples whose found class is matched to their true one: max over one-to-one maps of mean [map(τ) = y].

    truth, labeling: (N,) integers of any range; the numbers of classes may differ, and samples of a class left
    without a partner count as wrong. Higher is better, 0 to 1. Raises InputError for other shapes or types.
    """
    table = _table(truth, labeling)
    rows, columns = scipy.optimize.linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / table.sum())


def adjusted_rand_index(truth: IntArray, labeling: IntArray) -> float:
    """Share of sample pairs on which two labelings agree, corrected for chance: (index − E) / (max − E).

    truth, labeling: (N,) integers of any range. Higher is better, 1 for equal labelings, about 0 by chance. Source:
    scikit-learn's `adjusted_rand_score`. Raises InputError for other shapes or types.
    """
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(_classes(truth, "truth"), _classes(labeling, "labeling")))


def normalized_mutual_information(truth: IntArray, labeling: IntArray) -> float:
    """Information that two labelings share: I(y; τ) / ((H(y) + H(τ)) / 2).

    truth, labeling: (N,) integers of any range. Higher is better, 0 to 1. Source: scikit-learn's
    `normalized_mutual_info_score`. Raises InputError for other shapes or types.
    """
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(_classes(truth, "truth"), _classes(labeling, "labeling")))


@overload
def agreement(truth: None, labeling: IntArray) -> None: ...
@overload
def agreement(truth: IntArray, labeling: IntArray) -> Agreement: ...
def agreement(truth: IntArray | None, labeling: IntArray) -> Agreement | None:
    """Score a labeling by ACC, ARI and NMI at once; None where there is no ground truth.

    truth, labeling: (N,) integers of any range. Raises InputError for other shapes or types.
    """
    if truth is None:
        return None
    return Agreement(
        acc=clustering_accuracy(truth, labeling),
        ari=adjusted_rand_index(truth, labeling),
        nmi=normalized_mutual_information(truth, labeling),
    )


def renumber(labels: IntArray, name: str = "labels") -> tuple[NDArray[np.int64], int]:
    """Renumber integers of any range from 0 up, in their order: (N,) codes and how many numbers these may take.

    Small numbers are kept as they are, which can leave gaps. Raises InputError for other shapes or types.
    """
    labels = _classes(labels, name)
    if labels.min() >= 0 and labels.max() < SMALL_RANGE:
        return labels.astype(np.int64, copy=False), int(labels.max()) + 1
    values, codes = np.unique(labels, return_inverse=True)
    return codes.astype(np.int64, copy=False), values.size


def rank_within_class(classes: IntArray, counted: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """How many earlier entries have the class of each entry, (n,): its rank from 0 in a list that is sorted already.

    counted: (n,) which entries count, all by default.
    """
    order = np.argsort(classes, kind="stable")
    within = classes[order]
    count = np.ones(len(order), np.int64) if counted is None else counted[order].astype(np.int64)
    before = np.cumsum(count) - count
    ranks = np.empty(len(order), np.int64)
    ranks[order] = before - before[np.searchsorted(within, within)]
    return ranks


def correlation(
    x: ArrayLike, y: ArrayLike, *, confidence: float = 0.95, num_resamples: int = 2000, seed: int = 0
) -> Correlation | None:
    """Measure whether the objective predicts accuracy: Pearson's r over seeds, Figure 1 of the paper.

    With x the seeds' cross-validation scores and y their accuracies a positive r is good: labelings that generalize
    better resemble the human one more (with an error in place of the score, negative is good).

    x, y: (S,) numbers; pairs with a NaN or an infinity are left out. `p` is two-sided. [low, high] is the percentile
    bootstrap interval over pairs; resamples in which either side is constant have no r and are left out. Returns None
    when fewer than 3 pairs are left or either side is constant. Raises InputError for other shapes or settings.
    """
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}: give a number between 0 and 1, such as 0.95.")
    if num_resamples < MIN_RESAMPLES:
        raise InputError(f"num_resamples is {num_resamples}: give at least {MIN_RESAMPLES}.")
    pairs = _finite_pairs(x, y)  # (2, n)
    n = pairs.shape[1]
    if n < MIN_PAIRS or _is_constant(pairs[0]) or _is_constant(pairs[1]):
        return None
    # Centred and scaled, so that squares neither overflow nor vanish; r does not change.
    pairs = pairs - pairs.mean(axis=1, keepdims=True)
    pairs = pairs / np.abs(pairs).max(axis=1, keepdims=True)
    result = scipy.stats.pearsonr(*pairs)
    rows = np.random.default_rng(seed).integers(n, size=(num_resamples, n))
    tail = (1 - confidence) / 2
    low, high = np.quantile(_row_correlations(*pairs[:, rows]), [tail, 1 - tail])
    return Correlation(r=float(result.statistic), p=float(result.pvalue), low=float(low), high=float(high), n=n)


def _classes(labels: IntArray, name: str, num_classes: int | None = None) -> IntArray:
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.size == 0:
        raise InputError(f"{name} has shape {labels.shape}: give a list of one class a sample, with at least one.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"{name} holds {labels.dtype} values: give the classes as integers.")
    if num_classes is not None and (labels.min() < 0 or labels.max() >= num_classes):
        raise InputError(
            f"{name} holds classes {labels.min()} to {labels.max()}: number them from 0 to {num_classes - 1}."
        )
    return labels


def _table(truth: IntArray, labeling: IntArray) -> NDArray[np.int64]:
    true_codes, num_true = renumber(truth, "truth")
    found_codes, num_found = renumber(labeling, "labeling")
    return contingency_table(true_codes, found_codes, num_true, num_found)


def _finite_pairs(x: ArrayLike, y: ArrayLike) -> FloatArray:
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise InputError(f"x and y have shapes {first.shape} and {second.shape}: give two lists of one number a seed.")
    pairs = np.stack([first, second])
    return pairs[:, np.isfinite(pairs).all(axis=0)]


def _is_constant(values: FloatArray) -> bool:
    spread = np.abs(values - values.mean()).max()
    return bool(np.ptp(values) == 0 or spread <= CONSTANT * abs(values.mean()))


def _row_correlations(x: FloatArray, y: FloatArray) -> FloatArray:
    """Pearson's r of every row of x and y, (B, n) each, without the rows that have none."""
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    length = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    varies = (np.ptp(x, axis=1) > CONSTANT) & (np.ptp(y, axis=1) > CONSTANT)
    covariance = (x[varies] * y[varies]).sum(axis=1)
    r: FloatArray = np.clip(covariance / length[varies], -1.0, 1.0)
    return r


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of n numbers."""

    mean: float
    std: float
    n: int


def spread(numbers: Sequence[float] | NDArray[np.float64] | NDArray[np.int64]) -> Spread:
    """Mean and standard deviation of some numbers."""
    return Spread(mean=float(np.mean(numbers)), std=float(np.std(numbers)), n=len(numbers))
