"""What a method is asked and what it answers: a method is a function from a `Task` to `Labelings`.

Because every method has this one shape, another step on its labelings is a function around it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hume.common.progress import Progress
from hume.data.dataset import Dataset
from hume.data.features import Matrix

__all__ = ["Labelings", "Method", "Task", "one_by_one"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """The data and settings of one method's run."""

    dataset: Dataset
    features: tuple[Matrix, ...]  # of one space or two, (N, d) each
    num_classes: int
    seeds: Sequence[int]
    settings: Mapping[str, Any]
    device: str
    on_progress: Progress


@dataclass(frozen=True, eq=False)
class Labelings:
    """The labelings of all seeds, and what is to be known about them besides the method's settings."""

    labelings: NDArray[np.int64]  # (S, N)
    note: str = ""


Method: TypeAlias = Callable[[Task], Labelings]


def one_by_one(task: Task, label: Callable[[int], NDArray[np.int64]]) -> Labelings:
    """The labelings of all seeds, one after another."""
    labelings = []
    for done, seed in enumerate(task.seeds, 1):
        labelings.append(label(seed))
        task.on_progress(done / len(task.seeds))
    return Labelings(np.stack(labelings))
