"""One sample of a run: how probable each class is, how the seeds voted, what is near it, what a person said of it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.once import once
from hume.data.rows import StreamedRows
from hume.runs import history
from hume.runs.findings import Findings
from hume.runs.history import Step
from hume.runs.seed_view import SpaceOf


@dataclass(frozen=True, eq=False)
class Near:
    """The nearest other samples in one space, nearest first."""

    rows: NDArray[np.int64]  # (n,)
    distances: NDArray[np.float64]  # (n,) one minus the cosine, 0 to 2


@dataclass(frozen=True, eq=False)
class SampleView:
    """One sample of a finished run; raises InputError for a row that is none."""

    found: Findings
    row: int
    _near: dict[tuple[SpaceOf, int], Near] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.row < self.found.dataset.num_samples:
            raise InputError(f"there is no sample {self.row}: they are 0 to {self.found.dataset.num_samples - 1}")

    @property
    def number(self) -> int:
        """Its class."""
        return int(self.found.vote.labeling[self.row])

    @once
    def votes(self) -> NDArray[np.int64]:
        """(K,) the seeds that vote for each class."""
        return np.bincount(self.found.vote.aligned[:, self.row], minlength=self.found.num_classes)

    @once
    def posterior(self) -> NDArray[np.float64] | None:
        """(K,) the probability of each class by the labeling's classifier in both spaces; None where it has none.

        Classes that were merged into others have none. An answer does not change it: it is the classifier's own.
        """
        found = self.found
        if found.classifier is None:
            return None
        model, classes = found.classifier
        try:
            z = found.stage.every.take(torch.tensor([self.row]))
        except InputError:  # a constant space: nothing was refined in it
            return None
        posterior = np.zeros(found.num_classes)
        posterior[classes] = model.posterior(z)[0, :, 0].cpu().numpy()
        return posterior

    def near(self, space: SpaceOf, number: int) -> Near:
        """The nearest samples in φ1, as the search saw it, or in φ2."""
        if (space, number) not in self._near:
            self._near[space, number] = self._nearest(space, number)
        return self._near[space, number]

    def _nearest(self, space: SpaceOf, number: int) -> Near:
        found = self.found
        source: Any = found.space(space)
        rows = found.neighbors(self.row, space, number)
        numbers = np.concatenate([[self.row], rows])
        some = source[torch.from_numpy(numbers)] if isinstance(source, StreamedRows) else source[numbers]
        vectors = np.asarray(some, np.float64)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float64).tiny)
        return Near(rows, 1 - vectors[1:] @ vectors[0])

    @once
    def columns(self) -> dict[str, str]:
        """What the columns of the data say of it, as text; without those that say nothing."""
        cells = {name: _text(values[self.row]) for name, values in self.found.dataset.columns.items()}
        return {name: text for name, text in cells.items() if text}

    @property
    def past(self) -> list[tuple[int, Step, bool]]:
        """The steps of the review that are about it, newest first: version, step, whether it still stands."""
        folder = self.found.run.folder
        now = history.read(folder)
        standing = {step["after"] for step in now.steps[1:]} | {now.version}
        return [
            (version, step, version in standing)
            for version, step in history.versions(folder)
            if self.row in step.get("rows", ())
        ]


def _text(value: Any) -> str:
    if isinstance(value, np.datetime64 | float | np.floating) and np.isnan(value):
        return ""
    if isinstance(value, np.datetime64):
        return str(np.datetime_as_string(value, "m")).replace("T", " ").removesuffix(" 00:00")
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)
