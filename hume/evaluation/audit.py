"""How many labels are right, estimated from samples drawn at random that a person labels, and nothing else.

The samples are drawn at random within each found class, as many as its share of the dataset asks for, and are kept
apart from the answers that improve the labeling. Their labels are compared with the predicted ones. The interval is
Wilson's with the effective number of samples; stratification makes it wider than needed, never narrower.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from hume.common.errors import InputError

LEVEL = 0.95
NUMBER = 40  # samples drawn unless asked otherwise


@dataclass(frozen=True)
class Estimate:
    """A share with its 95 % interval, from n samples."""

    share: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Audit:
    """The estimated accuracy of a labeling: overall and of every class that has audited samples."""

    overall: Estimate
    classes: dict[int, Estimate]  # of the samples that the labeling puts into the class


def draw(
    labeling: NDArray[np.integer[Any]], candidates: NDArray[np.int64], number: int, seed: int = 0
) -> list[tuple[int, int, float]]:
    """Draw samples at random, stratified by class: (sample number, class, how many samples it stands for).

    candidates: the sample numbers of which the audit is to speak. Every class gets its share of `number`, and at
    least one sample. Samples come in random order. Raises InputError for fewer candidates than samples asked for.
    """
    classes, sizes = np.unique(labeling[candidates], return_counts=True)
    if number < len(classes) or number > len(candidates):
        raise InputError(
            f"an audit of {number} samples: draw at least one of each of the {len(classes)} classes "
            f"and at most the {len(candidates)} samples that have no answer"
        )
    rng = np.random.default_rng(seed)
    drawn = []
    for number_of, k, size in zip(_shares(sizes, number), classes, sizes, strict=True):
        rows = rng.choice(candidates[labeling[candidates] == k], number_of, replace=False)
        drawn += [(int(row), int(k), size / number_of) for row in rows]
    return [drawn[i] for i in rng.permutation(len(drawn))]


def _shares(sizes: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """Whole numbers of samples in proportion to class sizes, each at least one and at most the size."""
    counts = np.ones(len(sizes), np.int64)
    for _ in range(number - len(sizes)):
        owed = np.where(counts < sizes, sizes / counts, -np.inf)
        counts[owed.argmax()] += 1
    return counts


def estimate(right: NDArray[np.bool_], classes: NDArray[np.integer[Any]], weights: NDArray[np.float64]) -> Audit:
    """Estimate accuracy from audited samples.

    right: (n,) whether the labeling has the person's class; classes: (n,) the labeling's class; weights: (n,) how many
    samples each stands for. Raises InputError when no sample is audited.
    """
    if not len(right):
        raise InputError("no sample of the audit is answered yet: answer some first")
    of_class = {int(k): _interval(right[classes == k], weights[classes == k]) for k in np.unique(classes)}
    return Audit(_interval(right, weights), of_class)


def _interval(right: NDArray[np.bool_], weights: NDArray[np.float64]) -> Estimate:
    """Wilson's interval of a weighted share, with Kish's effective number of samples."""
    p = float(weights @ right / weights.sum())
    n = float(weights.sum() ** 2 / (weights**2).sum())
    z = float(norm.ppf(0.5 + LEVEL / 2))
    centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)
    return Estimate(p, max(0.0, float(low)), min(1.0, float(high)), len(right))
