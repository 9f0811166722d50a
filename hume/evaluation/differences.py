"""How do two labelings of the same samples differ? Who is in which class of each, without ground truth.

Classes of the second labeling are matched to those of the first, one to one, so that most samples agree; a sample has
moved where its two classes are not matched to each other.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.once import once
from hume.evaluation import metrics
from hume.evaluation.metrics import Agreement, IntArray

__all__ = ["Differences", "Flow", "differences"]


@dataclass(frozen=True)
class Flow:
    """The samples of one class of the first labeling that are in one class of the second."""

    first: int  # the class in the first labeling
    second: int  # in the second, numbered after the first
    size: int
    share_of_first: float  # of the samples of the first labeling's class

    @property
    def moved(self) -> bool:
        """Whether the two classes are not matched to each other."""
        return self.first != self.second


@dataclass(frozen=True, eq=False)
class Differences:
    """Two labelings of N samples, the classes of the second numbered after those of the first.

    Classes of the second that are matched to none have the numbers from `num_first` on.
    """

    first: NDArray[np.int64]  # (N,)
    second: NDArray[np.int64]  # (N,) in these numbers
    own: NDArray[np.int64]  # (num_second,) the class in the second labeling's own numbers, −1 for none
    num_first: int
    counted: NDArray[np.bool_]  # (N,) the samples that are compared; the others were set aside by a person

    @property
    def num_second(self) -> int:
        """The second labeling's classes have numbers below it."""
        return len(self.own)

    @once
    def rows(self) -> NDArray[np.int64]:
        """(n,) the compared samples."""
        return np.flatnonzero(self.counted)

    @once
    def table(self) -> NDArray[np.int64]:
        """(num_first, num_second) compared samples of every pair of classes; matched classes are on the diagonal."""
        return metrics.contingency_table(self.first[self.rows], self.second[self.rows], self.num_first, self.num_second)

    @once
    def agreement(self) -> Agreement:
        """Share of the samples in matched classes, adjusted Rand index and normalized mutual information."""
        first, second = self.first[self.rows], self.second[self.rows]
        return Agreement(
            acc=float((first == second).mean()),
            ari=metrics.adjusted_rand_index(first, second),
            nmi=metrics.normalized_mutual_information(first, second),
        )

    @once
    def moved(self) -> NDArray[np.int64]:
        """(m,) the samples whose two classes are not matched, ascending."""
        return np.flatnonzero(self.counted & (self.first != self.second))

    @once
    def flows(self) -> list[Flow]:
        """Every pair of classes with samples: the moved ones first, the largest first."""
        sizes = np.maximum(self.table.sum(1), 1)
        pairs = [
            Flow(int(a), int(b), int(self.table[a, b]), float(self.table[a, b] / sizes[a]))
            for a, b in np.argwhere(self.table)
        ]
        return sorted(pairs, key=lambda flow: (not flow.moved, -flow.size, flow.first, flow.second))

    def members(self, first: int, second: int) -> NDArray[np.int64]:
        """The samples of one pair of classes, ascending."""
        return np.flatnonzero(self.counted & (self.first == first) & (self.second == second))


def differences(first: IntArray, second: IntArray, set_aside: Iterable[int] = ()) -> Differences:
    """Compare two labelings of the same samples: max over one-to-one maps of Σ_x [map(second(x)) = first(x)].

    first, second: (N,) classes, numbers from 0 up; the numbers of classes may differ. set_aside: samples that are left
    out. Of several best maps it is one that keeps most numbers. The Hungarian algorithm [35]. Raises InputError for
    other shapes, types or values, and where no sample is left.
    """
    first, second = np.asarray(first), np.asarray(second)
    counted = np.ones(first.shape, np.bool_)
    counted[list(set_aside)] = False
    if not counted.any():
        raise InputError("all samples are set aside: there is nothing to compare")
    A, B = int(first.max()) + 1, int(second.max()) + 1
    table = metrics.contingency_table(first, second, A, B)
    kept = metrics.contingency_table(first[counted], second[counted], A, B)
    # At most min(A, B) names can be kept, so one more of them never outweighs one sample.
    matched = metrics.assign_classes((kept * (min(A, B) + 1) + np.eye(A, B, dtype=np.int64)).T)
    matched = np.where((matched >= 0) & (kept[np.maximum(matched, 0), np.arange(B)] > 0), matched, -1)
    rest = np.flatnonzero((matched < 0) & (table.sum(0) > 0))
    matched[rest] = A + np.arange(len(rest))
    own = np.full(A + len(rest), -1, np.int64)
    own[matched[matched >= 0]] = np.flatnonzero(matched >= 0)
    return Differences(first.astype(np.int64), matched[second], own, A, counted)
