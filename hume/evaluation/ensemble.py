"""One labeling from many: match the seeds' labelings to the best of them and let them vote (Sec. 3.1, Fig. 3a)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hume.common.errors import InputError
from hume.common.once import once
from hume.evaluation.metrics import FloatArray, IntArray, adjusted_rand_index, clustering_accuracy, match_classes

__all__ = ["TopNCurve", "Vote", "align", "count_winners", "majority_vote", "rank", "top_n_curve", "vote_counts"]

BLOCK_COUNTS = 2**24  # votes (samples, K) that are counted at once


@dataclass(frozen=True, eq=False)
class Vote:
    """The majority vote of the seeds, in the class numbers of the best-scored seed."""

    labeling: NDArray[np.int64]  # (N,) the class with the most votes
    share: FloatArray  # (N,) the winning class's share of the votes, 1/K to 1
    reference: int  # position of the seed to which the others were matched
    aligned: NDArray[np.integer]  # (S, N) the labelings that voted, in the classes of the reference
    num_classes: int

    @once
    def counts(self) -> NDArray[np.int32]:
        """(N, K) votes for every class; each row sums to the number of seeds."""
        return vote_counts(self.aligned, self.num_classes)


@dataclass(frozen=True, eq=False)
class TopNCurve:
    """Accuracy of the vote of the n best seeds, for every n (Fig. 3a); acc and ari are None without ground truth."""

    n: NDArray[np.int64]  # (S,) 1 to S
    acc: FloatArray | None  # (S,)
    ari: FloatArray | None  # (S,)
    consistency: FloatArray  # (S,) share of samples on which the n best agree with all; needs no truth


def rank(cv_scores: ArrayLike) -> NDArray[np.int64]:
    """Sort the seeds by descending cross-validation score, HUME's objective.

    cv_scores: (S,), higher is better. Returns (S,) positions, best first; equal scores keep their order and NaN comes
    last. Raises InputError for another shape.
    """
    scores = np.asarray(cv_scores, dtype=np.float64)
    if scores.ndim != 1 or scores.size == 0:
        raise InputError(f"cv_scores has shape {scores.shape}: give one score a seed, with at least one.")
    return np.argsort(-scores, kind="stable").astype(np.int64, copy=False)


def align(
    labelings: IntArray, cv_scores: ArrayLike, num_classes: int, rows: ArrayLike | None = None
) -> NDArray[np.integer]:
    """Name the classes of every labeling after those of the best-scored one, so that they can vote (Sec. 3.1).

    labelings: (S, N) classes in 0..K − 1; cv_scores: (S,), higher is better; rows: a boolean mask (N,) or sample
    numbers on which agreement is measured, all by default (a row listed twice counts once). Returns (S, N) for all
    samples, in the type of `labelings` or a wider one if that cannot hold K − 1. Raises InputError for bad input.
    """
    labelings, order = _checked(labelings, cv_scores, num_classes)
    chosen = _chosen(rows, labelings.shape[1])
    reference = labelings[order[0], chosen]
    aligned = np.empty(labelings.shape, dtype=np.result_type(labelings.dtype, np.min_scalar_type(num_classes - 1)))
    for labeling, renamed in zip(labelings, aligned, strict=True):
        renamed[:] = match_classes(labeling[chosen], reference, num_classes)[labeling]
    return aligned


def vote_counts(aligned: IntArray, num_classes: int) -> NDArray[np.int32]:
    """Count the votes: counts[x, k] = Σ_i [τ_i(x) = k], line 1 of Algorithm G1.

    aligned: (S, N) classes in 0..K − 1. Returns (N, K); nothing larger is held in memory. Raises InputError for other
    shapes, types or values.
    """
    aligned = _checked_labelings(aligned, num_classes)
    counts = np.zeros((aligned.shape[1], num_classes), dtype=np.int32)
    samples = np.arange(aligned.shape[1])
    for labeling in aligned:
        counts[samples, labeling] += 1
    return counts


def count_winners(aligned: IntArray, num_classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The class with the most votes of every sample, the lowest of equals, and its votes: (N,) both.

    Arguments and errors as for `vote_counts`, whose table is held for some samples at a time: with a thousand
    classes that of all samples would be larger than the labelings.
    """
    aligned = _checked_labelings(aligned, num_classes)
    labeling, votes = np.empty((2, aligned.shape[1]), np.int64)
    size = max(1, BLOCK_COUNTS // num_classes)
    for start in range(0, aligned.shape[1], size):
        some = slice(start, start + size)
        counts = vote_counts(aligned[:, some], num_classes)
        labeling[some], votes[some] = counts.argmax(axis=1), counts.max(axis=1)
    return labeling, votes


def majority_vote(labelings: IntArray, cv_scores: ArrayLike, num_classes: int, rows: ArrayLike | None = None) -> Vote:
    """Aggregate the labelings of all seeds: τ_MAJ(x) = argmax_k Σ_i [τ_i(x) = k] (Sec. 3.1, Alg. G1 line 1).

    Arguments and errors as for `align`; the vote is over all samples, also when `rows` limits the matching. A tie goes
    to the lowest class number of the reference, the best-scored labeling.
    """
    return vote_of(align(labelings, cv_scores, num_classes, rows), num_classes, int(rank(cv_scores)[0]))


def vote_of(aligned: NDArray[np.integer], num_classes: int, reference: int) -> Vote:
    """The vote of labelings (S, N) that `align` has matched to the one at position `reference`."""
    labeling, votes = count_winners(aligned, num_classes)
    return Vote(
        labeling=labeling,
        share=votes / len(aligned),
        reference=reference,
        aligned=aligned,
        num_classes=num_classes,
    )


def top_n_curve(
    labelings: IntArray,
    cv_scores: ArrayLike,
    num_classes: int,
    truth: IntArray | None = None,
    rows: ArrayLike | None = None,
) -> TopNCurve:
    """How many seeds the vote needs: the vote of the n best-scored seeds for n = 1..S (Fig. 3a, App. F).

    Arguments and errors as for `align`; truth: (N,) integers or None. Given `rows`, matching, vote and scores use
    these rows only. Point n equals `majority_vote` of the n best seeds. One pass: a further seed costs O(N).
    """
    labelings, order = _checked(labelings, cv_scores, num_classes)
    num_seeds, num_samples = labelings.shape
    if truth is not None and np.shape(truth) != (num_samples,):
        raise InputError(f"truth has shape {np.shape(truth)}: give one class for each of the {num_samples} samples.")
    if rows is not None:
        chosen = _chosen(rows, num_samples)
        labelings, truth = labelings[:, chosen], None if truth is None else np.asarray(truth)[chosen]
    aligned = align(labelings, cv_scores, num_classes)
    final, _ = count_winners(aligned, num_classes)

    scores, consistency = np.empty((2, num_seeds)), np.empty(num_seeds)
    for i, vote in enumerate(_growing_votes(aligned[order], num_classes)):
        consistency[i] = np.mean(vote == final)
        if truth is not None:
            scores[:, i] = clustering_accuracy(truth, vote), adjusted_rand_index(truth, vote)
    acc, ari = (None, None) if truth is None else scores
    return TopNCurve(n=np.arange(1, num_seeds + 1), acc=acc, ari=ari, consistency=consistency)


def _growing_votes(ballots: NDArray[np.integer], num_classes: int) -> NDArray[np.integer]:
    """Replace each ballot (S, N) by the majority vote up to it; ties go to the lowest class, as in argmax."""
    size = max(1, BLOCK_COUNTS // num_classes)
    for start in range(0, ballots.shape[1], size):
        some = ballots[:, start : start + size]
        counts = np.zeros((some.shape[1], num_classes), dtype=np.int32)
        samples = np.arange(len(counts))
        winner = np.zeros(len(counts), dtype=np.int64)
        for cast in some:
            ballot = cast.astype(np.int64)
            counts[samples, ballot] += 1
            # Only the class just voted for can overtake: no other has to be compared.
            lead = counts[samples, ballot] - counts[samples, winner]
            winner = np.where((lead > 0) | ((lead == 0) & (ballot < winner)), ballot, winner)
            cast[:] = winner
    return ballots


def _checked_labelings(labelings: IntArray, num_classes: int) -> IntArray:
    labelings = np.asarray(labelings)
    if labelings.ndim != 2 or labelings.size == 0:
        raise InputError(f"the labelings have shape {labelings.shape}: give (seeds, samples), at least one of each.")
    if not np.issubdtype(labelings.dtype, np.integer):
        raise InputError(f"the labelings hold {labelings.dtype} values: give the classes as integers.")
    if labelings.min() < 0 or labelings.max() >= num_classes:
        classes = f"{labelings.min()} to {labelings.max()}"
        raise InputError(f"the labelings hold classes {classes}: number them from 0 to {num_classes - 1}.")
    return labelings


def _checked(labelings: IntArray, cv_scores: ArrayLike, num_classes: int) -> tuple[IntArray, NDArray[np.int64]]:
    labelings, order = _checked_labelings(labelings, num_classes), rank(cv_scores)
    if order.size != labelings.shape[0]:
        raise InputError(f"there are {labelings.shape[0]} labelings and {order.size} cv_scores: give one score each.")
    return labelings, order


def _chosen(rows: ArrayLike | None, num_samples: int) -> NDArray[np.intp] | slice:
    """Turn a mask or row numbers into ascending row numbers, each once; None means all."""
    if rows is None:
        return slice(None)
    rows = np.asarray(rows)
    if rows.dtype == np.bool_ and rows.shape == (num_samples,):
        mask = rows
    elif rows.ndim == 1 and np.issubdtype(rows.dtype, np.integer):
        if rows.size and (rows.min() < 0 or rows.max() >= num_samples):
            raise InputError(f"rows holds {rows.min()} to {rows.max()}: give numbers from 0 to {num_samples - 1}.")
        mask = np.zeros(num_samples, dtype=np.bool_)
        mask[rows] = True
    else:
        raise InputError(
            f"rows has shape {rows.shape} and type {rows.dtype}: give a mask of {num_samples} booleans or row numbers."
        )
    if not mask.any():
        raise InputError("rows selects no sample: choose at least one, or leave it out for all.")
    return np.flatnonzero(mask)
