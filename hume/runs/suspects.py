"""The samples of a run to look at first, as tables: suspect labels, near-duplicates and outliers."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.once import once
from hume.common.progress import Progress
from hume.data.thumbnails import sample_images
from hume.evaluation.suspects import Duplicates, Seen, SuspectLabels, near_duplicates, suspect_labels
from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.review_state import NONE

Kind: TypeAlias = Literal["label", "duplicate", "outlier"]
Labels: TypeAlias = Literal["found", "given"]

OUTLIERS = 0.01  # share of the samples that are listed as outliers, and ...
FEWEST = 10  # ... how many at least
COLUMNS: dict[Kind, tuple[str, ...]] = {
    "label": ("row", "file", "label", "label_name", "predicted", "predicted_name", "label_probability",
              "predicted_probability"),
    "duplicate": ("row", "file", "of_row", "of_file", "phi1_similarity", "phi2_similarity", "same_picture", "label",
                  "label_name", "of_label", "of_label_name"),
    "outlier": ("row", "file", "distance", "label", "label_name"),
}  # fmt: skip


class Suspects:
    """Suspect labels, near-duplicates and outliers of one run, computed when first read."""

    def __init__(self, found: Findings, labels: Labels | None = None):
        """labels: the ones to judge, by default those that the dataset comes with, where it does, else the found ones.

        Raises InputError where given labels are asked for and there are none.
        """
        truth = found.dataset.labels
        if labels == "given" and truth is None:
            raise InputError(f"{found.dataset.name} comes without labels: judge the found ones")
        self.found = found
        self.which: Labels = labels or ("found" if truth is None else "given")
        self._found_labels = np.where(found.counted, found.vote.labeling, NONE).astype(np.int64)
        self.labels: NDArray[np.int64] = self._found_labels if truth is None or self.which == "found" else truth
        request = found.run.request
        self._spaces = found.dataset.space(request.phi1), found.dataset.space(request.phi2)

    @property
    def names(self) -> list[str]:
        """The names of the labels, numbers where they have none."""
        if self.which == "given":
            return self.found.true_names
        given = review.read(self.found.run)
        return [given.name(k) for k in range(self.found.num_classes)]

    @once
    def suspect(self) -> SuspectLabels:
        """Labels that a classifier trained on the other folds contradicts."""
        return suspect_labels(*self._spaces, self.labels, whitenings=self.found.run.refined.whitenings())

    @once
    def duplicates(self) -> Duplicates:
        """Samples that are nearly the same as an earlier one."""
        return self.find_duplicates()

    def find_duplicates(self, on_progress: Progress | None = None) -> Duplicates:
        """The same as `duplicates`, with progress; where pictures cannot be read, by features alone."""
        return near_duplicates(*self._spaces, sample_images(self.found.dataset), on_progress)

    @once
    def seen(self) -> Seen:
        """The distance of every sample to the found classes."""
        return Seen.of(*self._spaces, self._found_labels, self.found.run.refined.whitenings())

    @property
    def outliers(self) -> NDArray[np.int64]:
        """The samples farthest from the found classes, the farthest first."""
        number = max(FEWEST, round(OUTLIERS * len(self.labels)))
        return np.argsort(-self.seen.distances, kind="stable")[:number]

    def rows(self, kind: Kind) -> NDArray[np.int64]:
        """The listed samples, the most suspect first."""
        return {"label": lambda: self.suspect.rows, "duplicate": lambda: self.duplicates.rows,
                "outlier": lambda: self.outliers}[kind]()  # fmt: skip

    def table(self, kind: Kind, files: Sequence[str] | None, number: int | None = None) -> list[tuple[Any, ...]]:
        """The first rows of a list, or all, under `COLUMNS`."""
        rows = self.rows(kind)[:number].tolist()
        lines = {"label": self._label_lines, "duplicate": self._duplicate_lines, "outlier": self._outlier_lines}[kind]
        named = [(row, "" if files is None else files[row]) for row in rows]
        return [(*start, *line) for start, line in zip(named, lines(rows, files), strict=True)]

    def _label_lines(self, rows: list[int], files: Sequence[str] | None) -> list[tuple[Any, ...]]:
        each, names = self.suspect, self.names
        columns = (each.label, each.predicted, each.label_probability, each.predicted_probability)
        return [
            (label, names[label], predicted, names[predicted], f"{low:.3g}", f"{high:.3g}")
            for label, predicted, low, high in zip(*(column[: len(rows)].tolist() for column in columns), strict=True)
        ]

    def _duplicate_lines(self, rows: list[int], files: Sequence[str] | None) -> list[tuple[Any, ...]]:
        each, names = self.duplicates, self.names
        columns = (each.others, each.similarity, each.same_picture)
        return [
            (other, "" if files is None else files[other], f"{first:.5f}", f"{second:.5f}", "yes" if same else "no",
             *self._named(row, names), *self._named(other, names))
            for row, other, (first, second), same in zip(
                rows, *(column[: len(rows)].tolist() for column in columns), strict=True
            )
        ]  # fmt: skip

    def _outlier_lines(self, rows: list[int], files: Sequence[str] | None) -> list[tuple[Any, ...]]:
        names = self.names
        return [(f"{self.seen.distances[row]:.3f}", *self._named(row, names)) for row in rows]

    def _named(self, row: int, names: list[str]) -> tuple[int, str]:
        label = int(self.labels[row])
        return label, names[label] if label >= 0 else ""
