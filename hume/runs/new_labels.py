"""Labels of samples that a run has not seen, and their table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.runs.review_state import Review

COLUMNS = ("class", "class_name", "probability", "far")


@dataclass(frozen=True, eq=False)
class NewLabels:
    """Classes of new samples, in the numbers of the run's labeling."""

    run: str
    files: list[str] | None  # (M,)
    classes: NDArray[np.int64]  # (M,)
    probability: NDArray[np.float64]  # (M,) posterior of the class; of a run that is not refined the share of votes
    far: NDArray[np.bool_] | None  # (M,) whether a sample is far from all that the run has seen; None if unknown
    set_aside: list[tuple[str, str]] = field(default_factory=list)  # files that are no pictures, and why

    def table(self, review: Review, files: Sequence[str] | None = None) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
        """A header and a row a sample, by its file or its number; files: shown in place of its own."""
        names = files or self.files
        columns = zip(self.classes.tolist(), self.probability.tolist(), strict=True)
        far = ["" if self.far is None else "yes" if is_far else "no" for is_far in self._far]
        return ["row" if names is None else "file", *COLUMNS], (
            (i if names is None else names[i], k, review.names.get(k, ""), f"{probability:.4f}", far[i])
            for i, (k, probability) in enumerate(columns)
        )

    @property
    def _far(self) -> NDArray[np.bool_]:
        return np.zeros(len(self.classes), bool) if self.far is None else self.far
