"""How the labelings of one search relate to each other: order, failed seeds, agreement, class sizes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from hume.common.once import once
from hume.data.features import spread_over
from hume.evaluation import ensemble, metrics
from hume.evaluation.metrics import Correlation, FloatArray, IntArray, rank_within_class

MOST_ROWS = 10_000  # rows on which seeds are compared with one another and scored in φ1
OUTLYING = 5.0


def compared_rows(evaluated: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Up to `MOST_ROWS` of the evaluated rows (N,), spread evenly: their numbers, ascending."""
    numbers = np.flatnonzero(evaluated)
    return numbers[spread_over(len(numbers), MOST_ROWS)]


@dataclass(frozen=True, eq=False, kw_only=True)
class SeedStatistics:
    """Statistics of S labelings and their scores, each computed when first read.

    Renaming classes changes none of them; those that need the ground truth are None without it.
    """

    cv_score: FloatArray  # (S,) cross-validation score in φ2, 0 to 1
    num_classes: int  # K
    read: Callable[[], IntArray]  # the labelings (S, n), classes 0..K − 1 on the rows that were scored
    accuracy: FloatArray | None = None  # (S,) clustering accuracy; None without ground truth
    likelihood: FloatArray | None = None  # (S,) of refined labelings, nats a row; ranks them in place of the score

    @once
    def labelings(self) -> IntArray:
        """(S, n) classes on the rows that were scored."""
        return np.asarray(self.read())

    # --- scores -----------------------------------------------------------------------------

    @property
    def criterion(self) -> FloatArray:
        """(S,) what ranks the seeds: the likelihood of refined labelings, the score in φ2 of others."""
        return self.cv_score if self.likelihood is None else self.likelihood

    @once
    def order(self) -> NDArray[np.int64]:
        """(S,) positions of the seeds, the first-ranked first."""
        return ensemble.rank(self.criterion)

    @once
    def rank(self) -> NDArray[np.int64]:
        """(S,) the rank of each seed, 1 for the first."""
        rank = np.empty(len(self.order), np.int64)
        rank[self.order] = np.arange(len(rank)) + 1
        return rank

    @once
    def failed(self) -> NDArray[np.bool_]:
        """(S,) which seeds failed, by their scores."""
        return failed(self.cv_score)

    @once
    def main_correlation(self) -> Correlation | None:
        """Of score and accuracy over the seeds that did not fail; None without ground truth."""
        if self.accuracy is None:
            return None
        return metrics.correlation(self.cv_score[~self.failed], self.accuracy[~self.failed])

    @once
    def corrected(self) -> FloatArray:
        """(S,) scores that can be compared over K: (score − p) / (1 − p), p the largest class's share.

        0 is the score of a constant prediction, 1 is perfect; 0 where all samples are in one class.
        """
        chance = self.shares.max(1)
        room = 1 - chance
        corrected: FloatArray = np.divide(self.cv_score - chance, room, out=np.zeros(len(chance)), where=room > 0)
        return corrected

    # --- classes ----------------------------------------------------------------------------

    @once
    def shares(self) -> FloatArray:
        """(S, K) the share of the samples in each class."""
        sizes = np.stack([np.bincount(labeling, minlength=self.num_classes) for labeling in self.labelings])
        shares: FloatArray = sizes / self.labelings.shape[1]
        return shares

    @once
    def occupied(self) -> NDArray[np.int64]:
        """(S,) how many classes have samples."""
        occupied: NDArray[np.int64] = (self.shares > 0).sum(1)
        return occupied

    @once
    def label_entropy(self) -> FloatArray:
        """(S,) Eq. 6 of the hard labels, nats: log K for equal classes, 0 for a single one."""
        entropy: FloatArray = entr(self.shares).sum(1) + 0.0
        return entropy

    @once
    def evenness(self) -> FloatArray:
        """(S,) entropy of the class shares over log K: 1 for equal classes."""
        evenness: FloatArray = self.label_entropy / np.log(self.num_classes)
        return evenness

    # --- agreement --------------------------------------------------------------------------

    @once
    def vote(self) -> ensemble.Vote:
        """The majority vote of all seeds on these rows; raises InputError for shapes or classes that do not fit."""
        return ensemble.majority_vote(self.labelings, self.criterion, self.num_classes)

    @once
    def vote_share(self) -> FloatArray:
        """(S,) share of the samples on which a seed agrees with the vote."""
        share: FloatArray = (self.vote.aligned == self.vote.labeling).mean(1)
        return share

    @once
    def compared(self) -> IntArray:
        """(S, n) classes on up to 10,000 rows, spread evenly over those that were scored."""
        return self.labelings[:, spread_over(self.labelings.shape[1], MOST_ROWS)]

    @once
    def rand_indices(self) -> FloatArray:
        """(S, S) the adjusted Rand index of every pair of seeds, on the rows of `compared`."""
        return rand_indices(self.compared, self.num_classes)

    @once
    def agreement(self) -> FloatArray:
        """(S,) mean adjusted Rand index with the other seeds, on up to 10,000 rows; NaN of a single seed."""
        index = self.rand_indices
        S = len(index)
        return (index.sum(1) - 1) / (S - 1) if S > 1 else np.array([np.nan])

    @once
    def stability(self) -> float | None:
        """Mean adjusted Rand index of all pairs of seeds, on all rows; None of a single seed."""
        return stability(self.labelings, self.num_classes)


def stability(labelings: IntArray, num_classes: int) -> float | None:
    """How well labelings (S, n) agree: the mean adjusted Rand index of all pairs; None of a single one.

    1 for equal labelings, about 0 for agreement by chance.
    """
    pairs = rand_indices(labelings, num_classes)[np.triu_indices(len(labelings), 1)]
    return float(pairs.mean()) if len(pairs) else None


def rand_indices(labelings: IntArray, num_classes: int) -> FloatArray:
    """The adjusted Rand index of every pair of labelings (S, n) with classes 0..K − 1: (S, S), 1 on the diagonal.

    `metrics.adjusted_rand_index` for all pairs at once, from counts of pairs of samples.
    """
    L = np.ascontiguousarray(labelings, np.int64)
    S, n = L.shape
    alone = np.array([_pairs(np.bincount(labeling)) for labeling in L])
    index = np.ones((S, S))
    for i in range(S - 1):
        codes = num_classes * L[i]
        same = np.array([_pairs(np.bincount(codes + other)) for other in L[i + 1 :]])
        chance = alone[i] * alone[i + 1 :] / max(1.0, n * (n - 1) / 2)
        room = (alone[i] + alone[i + 1 :]) / 2 - chance
        pairs = np.divide(same - chance, room, out=np.ones(len(same)), where=room != 0)
        index[i, i + 1 :] = index[i + 1 :, i] = pairs
    return index


def _pairs(counts: NDArray[np.int64]) -> float:
    """How many pairs of samples are in the same group, for groups of these sizes."""
    return float((counts * (counts - 1)).sum()) / 2


def failed(cv_score: FloatArray) -> NDArray[np.bool_]:
    """Which seeds (S,) failed by their scores: below the median by more than `OUTLYING` standard deviations.

    The deviation is 1.4826 times the median absolute one, which is robust to failed seeds.
    """
    median = np.median(cv_score)
    deviation = 1.4826 * np.median(np.abs(cv_score - median))
    below: NDArray[np.bool_] = cv_score < median - OUTLYING * max(deviation, np.finfo(np.float64).eps)
    return below


def typical_samples(closeness: FloatArray, labeling: IntArray, num_classes: int, number: int) -> NDArray[np.int64]:
    """The samples of every class closest to its prototype, closest first.

    closeness: (N,) to the prototype of the sample's own class; labeling: (N,). Returns row numbers (K, number), −1
    where a class has fewer samples.
    """
    order = np.argsort(-closeness, kind="stable")
    classes = labeling[order]
    ranks = rank_within_class(classes)
    near = ranks < number
    typical = np.full((num_classes, number), -1, np.int64)
    typical[classes[near], ranks[near]] = order[near]
    return typical
