"""Reliable samples: many seeds and many neighbours agree on their label (Algorithm G1, App. E and G)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.once import once
from hume.evaluation.approximate_neighbors import Method, Recall, count_agreement
from hume.evaluation.ensemble import count_winners
from hume.evaluation.metrics import FloatArray, IntArray, assign_classes, contingency_table, rank_within_class, renumber
from hume.evaluation.neighbors import CHUNK_BYTES, Device, RowSource, clipped, nearest_neighbors, neighbor_agreement

__all__ = [
    "ReliabilityRanking",
    "ReliabilityStatistics",
    "ReliableSamples",
    "nearest_neighbors",
    "neighbor_agreement",
    "reliability_curve",
    "reliability_ranking",
    "reliability_statistics",
    "reliable_samples",
]

Order: TypeAlias = Literal["algorithm", "prose"]

MIN_NEIGHBORS, MAX_NEIGHBORS = 5, 500


@dataclass(frozen=True, eq=False)
class ReliableSamples:
    """The R most reliable samples, class by class, best first within a class."""

    rows: NDArray[np.int64]  # (R,) sample numbers
    classes: NDArray[np.int64]  # (R,) the vote's class of each
    vote_agreement: NDArray[np.int64]  # (R,) seeds that agree with the vote
    neighbor_agreement: NDArray[np.int64]  # (R,) neighbours with the same class
    num_classes: int
    per_class: int  # how many were requested of each class
    shortages: dict[int, int]  # class -> how many samples it has where these are fewer; 0 for an empty class
    neighbor_recall: Recall | None = None  # of approximate neighbours, as measured; None where they are exact


@dataclass(frozen=True, eq=False)
class ReliabilityRanking:
    """All samples with the counts of Algorithm G1, from which `top` takes the best of every class at no further cost.

    `dataclasses.replace(ranking, order="prose")` sorts the same counts the other way. Raises InputError for an
    unknown order.
    """

    labeling: NDArray[np.int64]  # (N,) the majority vote
    vote_agreement: NDArray[np.int64]  # (N,) A^τ, out of num_labelings
    neighbor_agreement: NDArray[np.int64]  # (N,) A^nn, out of num_neighbors
    num_classes: int
    num_labelings: int
    num_neighbors: int
    order: Order = "algorithm"
    neighbor_recall: Recall | None = None  # of approximate neighbours, as measured; None where they are exact

    def __post_init__(self) -> None:
        _check_order(self.order)

    @once
    def sequence(self) -> NDArray[np.int64]:
        """(N,) sample numbers class by class, best first; samples equal in both counts by ascending number."""
        first, second = self.neighbor_agreement, self.vote_agreement
        if self.order == "prose":
            first, second = second, first
        # lexsort is stable and takes its leading key last.
        return np.lexsort((-second, -first, self.labeling)).astype(np.int64, copy=False)

    @once
    def neighbor_share(self) -> FloatArray:
        """(N,) neighbours with the same class as a share of the most there can be, which the class size limits."""
        sizes = np.bincount(self.labeling, minlength=self.num_classes)[self.labeling]
        most = np.clip(np.minimum(self.num_neighbors, sizes - 1), 1, None)
        share: FloatArray = self.neighbor_agreement / most
        return share

    @once
    def ranks(self) -> NDArray[np.int64]:
        """(N,) the rank within its class, from 0, of each entry of `sequence`."""
        return rank_within_class(self.labeling[self.sequence])

    def top(self, per_class: int, among: NDArray[np.bool_] | None = None) -> ReliableSamples:
        """Take the `per_class` best samples of every class, or all of a class that has fewer (lines 6 to 10).

        among: (N,) the samples to take from, by default all; their counts stay those among all.
        """
        if per_class < 1:
            raise InputError(f"per_class is {per_class}: give at least 1 sample a class.")
        sequence = self.sequence if among is None else self.sequence[among[self.sequence]]
        ranks = self.ranks if among is None else rank_within_class(self.labeling[sequence])
        rows = sequence[ranks < per_class]
        sizes = np.bincount(self.labeling[sequence], minlength=self.num_classes)
        return ReliableSamples(
            rows=rows,
            classes=self.labeling[rows],
            vote_agreement=self.vote_agreement[rows],
            neighbor_agreement=self.neighbor_agreement[rows],
            num_classes=self.num_classes,
            per_class=per_class,
            shortages={k: int(size) for k, size in enumerate(sizes) if size < per_class},
            neighbor_recall=self.neighbor_recall,
        )


@dataclass(frozen=True, eq=False)
class ReliabilityStatistics:
    """Balance and accuracy of a set of reliable samples, against the ground truth (Tables E1 and E2)."""

    balance: NDArray[np.int64]  # (K_true,) samples of every true class
    balance_mean: float
    balance_std: float  # over the true classes
    accuracy_per_class: FloatArray  # (K,) share of right ones per found class; NaN for a class without samples
    accuracy_mean: float
    accuracy_std: float  # over the found classes with samples
    accuracy: float  # share of right ones among all samples
    true_classes: NDArray[np.integer[Any]]  # (K_true,) the truth's own numbers, ascending, as `balance` lists them


def default_neighbors(num_samples: int, num_classes: int) -> int:
    """How many neighbours tell whether a label is reliable: the paper's 500, at most half of an even class.

    With as many as a class has, samples at its border and in its middle look alike. Half was the best or within .02 of
    it in AUC of right against wrong labels, on digits and Fashion-MNIST at 300 to 10,000 rows.
    """
    return max(MIN_NEIGHBORS, min(MAX_NEIGHBORS, num_samples // (2 * max(num_classes, 1))))


def reliability_ranking(
    aligned: IntArray,
    phi1: RowSource,
    num_classes: int,
    *,
    labeling: IntArray | None = None,
    num_neighbors: int | None = None,
    order: Order = "algorithm",
    neighbors_method: Method = "auto",
    chunk_bytes: int = CHUNK_BYTES,
    device: Device = "cpu",
    on_progress: Callable[[float], None] | None = None,
) -> ReliabilityRanking:
    """Rank the samples of every class by how many neighbours and seeds agree: lines 1 to 5 and 8 of Algorithm G1.

    aligned: (S, N) classes in 0..K − 1, as `ensemble.align` returns them; phi1: (N, d1). labeling: (N,) the one to be
    ranked, in the same classes, by default the majority's. num_neighbors: by default `default_neighbors`. order:
    "algorithm" sorts by (neighbours, votes), both descending, as Algorithm G1 is printed; "prose" by (votes,
    neighbours), as the text of Appendix G has it. Equal samples come by ascending number. neighbors_method: as for
    `approximate_neighbors.count_agreement`; `neighbor_recall` is not None where they are approximate. The remaining
    arguments and errors are as for `neighbor_agreement` and `ensemble.count_winners`. For reliable samples in any
    number: `.top(per_class)`.
    """
    _check_order(order)
    if num_neighbors is None:
        num_neighbors = default_neighbors(np.shape(aligned)[1], num_classes)
    if labeling is None:
        ranked, votes = count_winners(aligned, num_classes)
    else:
        ranked = np.asarray(labeling, np.int64)
        votes = (np.asarray(aligned) == ranked).sum(0)
    neighbors = count_agreement(
        phi1,
        ranked,
        num_neighbors,
        method=neighbors_method,
        chunk_bytes=chunk_bytes,
        device=device,
        on_progress=on_progress,
    )
    return ReliabilityRanking(
        labeling=ranked,
        vote_agreement=votes,
        neighbor_agreement=neighbors.agreement,
        num_classes=num_classes,
        num_labelings=np.shape(aligned)[0],
        num_neighbors=clipped(num_neighbors, ranked.size),
        order=order,
        neighbor_recall=neighbors.recall,
    )


def reliable_samples(
    aligned: IntArray,
    phi1: RowSource,
    num_classes: int,
    per_class: int,
    *,
    num_neighbors: int | None = None,
    order: Order = "algorithm",
    neighbors_method: Method = "auto",
    device: Device = "cpu",
) -> ReliableSamples:
    """Pick a balanced set of reliable pseudo-labels: R = ∪_k top-N_k of the ranked class k (Algorithm G1).

    per_class: N_k, at least 1; a class with fewer gives all it has and is listed in `shortages`. The other arguments,
    the rule for ties and the errors are as for `reliability_ranking`, which serves several `per_class` at once.
    """
    ranking = reliability_ranking(
        aligned,
        phi1,
        num_classes,
        num_neighbors=num_neighbors,
        order=order,
        neighbors_method=neighbors_method,
        device=device,
    )
    return ranking.top(per_class)


def reliability_statistics(
    samples: ReliableSamples, truth: IntArray | None, labeling_for_matching: IntArray
) -> ReliabilityStatistics | None:
    """Measure a set R of reliable samples: balance Σ over j in R of [y_j = k] and accuracy per class (App. E).

    truth: (N,) integers, whose distinct values are the true classes, or None, which gives None.
    labeling_for_matching: (N,) the whole vote; each found class is matched to the true class that the Hungarian
    algorithm gives it over all N samples, and a found class left without one counts as wrong. Standard deviations are
    those of a population. Raises InputError for other shapes or types.
    """
    if truth is None:
        return None
    correct = _is_correct(samples.rows, samples.classes, truth, labeling_for_matching, samples.num_classes)
    sizes = np.bincount(samples.classes, minlength=samples.num_classes)
    hits = np.bincount(samples.classes, weights=correct, minlength=samples.num_classes)
    per_class = np.full(samples.num_classes, np.nan)
    np.divide(hits, sizes, out=per_class, where=sizes > 0)
    true_classes, codes = np.unique(truth, return_inverse=True)
    balance = np.bincount(codes[samples.rows], minlength=true_classes.size)
    return ReliabilityStatistics(
        balance=balance.astype(np.int64, copy=False),
        balance_mean=float(balance.mean()),
        balance_std=float(balance.std()),
        accuracy_per_class=per_class,
        accuracy_mean=float(per_class[sizes > 0].mean()),
        accuracy_std=float(per_class[sizes > 0].std()),
        accuracy=float(correct.mean()),
        true_classes=true_classes,
    )


def reliability_curve(
    ranking: ReliabilityRanking, truth: IntArray | None, max_per_class: int
) -> tuple[NDArray[np.int64], FloatArray] | None:
    """Accuracy of the n most reliable samples of every class, for every n (Figs. 3b and E1).

    Returns n = 1..max_per_class and the accuracy over all samples of `ranking.top(n)`, matched to the truth as in
    `reliability_statistics`; None where truth is None. Raises InputError for other shapes or max_per_class < 1.
    """
    if truth is None:
        return None
    if max_per_class < 1:
        raise InputError(f"max_per_class is {max_per_class}: give at least 1 sample a class.")
    rows, labeling = ranking.sequence, ranking.labeling
    correct = _is_correct(rows, labeling[rows], truth, labeling, ranking.num_classes)
    # How many samples have each rank in their class, and how many of these are right.
    samples = np.bincount(ranking.ranks, minlength=max_per_class)[:max_per_class]
    right = np.bincount(ranking.ranks, weights=correct, minlength=max_per_class)[:max_per_class]
    return np.arange(1, max_per_class + 1), right.cumsum() / samples.cumsum()


def _check_order(order: str) -> None:
    if order not in get_args(Order):
        raise InputError(f"order is {order!r}: choose 'algorithm' or 'prose'.")


def _is_correct(
    rows: IntArray, classes: IntArray, truth: IntArray, labeling: IntArray, num_classes: int
) -> NDArray[np.bool_]:
    """(R,) whether the true class of each row is the one its found class is matched to over all samples."""
    codes, num_true = renumber(truth, "truth")
    match = assign_classes(contingency_table(labeling, codes, num_classes, num_true))
    right: NDArray[np.bool_] = match[classes] == codes[rows]
    return right
