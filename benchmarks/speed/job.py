"""Input and output of a row of the table, and helpers of rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import hume
from benchmarks.speed.machine import Clock
from benchmarks.speed.sizes import SIZES
from hume.data import space_rows
from hume.data.dataset import Dataset
from hume.evaluation import cross_validation


@dataclass(frozen=True, kw_only=True)
class Job:
    """The data of a row, and earlier results on them."""

    size: str
    scale: float
    num_seeds: int
    device: str
    labelings: NDArray[np.int32] | None = None  # (S, N)
    cv_scores: NDArray[np.float64] | None = None  # (S,)

    def load(self) -> Dataset:
        return SIZES[self.size].load(self.scale)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A row of the table."""

    what: str
    seconds: float
    peak_bytes: int
    others: float  # cores that other processes used meanwhile
    rate: float | None = None  # FLOP/s
    share: float | None = None  # of what the same products reach alone
    objective: float | None = None  # Eq. 7 or, where the note says so, its first term
    cv_score: float | None = None
    acc: float | None = None
    note: str = ""
    counts: Mapping[str, float] = field(default_factory=dict)  # of the units of work in these seconds, to compare by
    ours: bool = False  # what others are compared with
    labelings: NDArray[np.int32] | None = None
    cv_scores: NDArray[np.float64] | None = None


def measured(clock: Clock, what: str, **more: Any) -> Measured:
    return Measured(**{"seconds": clock.seconds} | more, what=what, peak_bytes=clock.peak_bytes, others=clock.others)


def labelings_of(job: Job) -> NDArray[np.int32]:
    if job.labelings is None:
        raise ValueError("there are no labelings to score: run a search first")
    return job.labelings


def features_of(dataset: Dataset) -> list[NDArray[np.float32]]:
    return [np.asarray(dataset.space(name).features, np.float32) for name in dataset.default_pair]


def cv_of(job: Job, dataset: Dataset, labeling: NDArray[Any]) -> float:
    """The cross-validation score of one labeling."""
    phi2 = space_rows.as_tensor(dataset.space(dataset.default_pair[1]), job.device)
    labelings = torch.from_numpy(labeling.astype(np.int32))[None]
    return float(cross_validation.cross_validation_scores(phi2, labelings, dataset.num_classes or 0)[0])


def accuracy(dataset: Dataset, *labelings: NDArray[Any]) -> float | None:
    """The mean accuracy of labelings where the classes are known."""
    if dataset.labels is None:
        return None
    return float(np.mean([hume.clustering_accuracy(dataset.labels, labeling) for labeling in labelings]))
