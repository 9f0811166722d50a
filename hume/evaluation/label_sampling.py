"""Which rows a classifier is trained on: reliable samples of every class, or as many true labels drawn at random."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.evaluation.metrics import rank_within_class
from hume.evaluation.reliable import ReliabilityRanking

SampleNumbers = NDArray[np.int64]


Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Picked:
    """Reliable samples to train on."""

    rows: SampleNumbers  # (L,) sample numbers
    classes: SampleNumbers  # (L,) the vote's classes
    passed_over: SampleNumbers  # (P,) rejected samples that would otherwise be among them


def pick(ranking: ReliabilityRanking, numbers: SampleNumbers, per_class: int, rejected: Collection[int] = ()) -> Picked:
    """Take the n most reliable samples of every class that are not rejected; fewer where a class has no more.

    numbers: (n,) the sample numbers of the ranked rows. Raises InputError when all are rejected.
    """
    rows, classes = numbers[ranking.sequence], ranking.labeling[ranking.sequence]
    kept = ~np.isin(rows, np.array(list(rejected), np.int64))
    in_reach = rank_within_class(classes, kept) < per_class
    chosen = kept & in_reach
    if not chosen.any():
        raise InputError("every reliable sample is rejected: keep at least one to train on")
    return Picked(rows[chosen], classes[chosen], rows[~kept & in_reach])


def draw_labels(
    truth: SampleNumbers, numbers: SampleNumbers, per_class: int | SampleNumbers, seed: int
) -> SampleNumbers:
    """Draw n random rows of every true class among the given ones, all of a class that has fewer: (L,) sample numbers.

    truth: (N,) classes of all samples; per_class: n, or one number for every true class (C,). For one seed, a smaller
    draw is a subset of a larger one.
    """
    order = np.random.default_rng([seed, 2]).permutation(numbers)
    order = order[np.argsort(truth[order], kind="stable")]
    most = per_class[truth[order]] if isinstance(per_class, np.ndarray) else per_class
    drawn: SampleNumbers = order[rank_within_class(truth[order]) < most]
    return drawn
