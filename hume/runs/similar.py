"""The samples of a run that are most like one of them, and how well words fit its classes: records and their tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from hume.common.errors import InputError
from hume.evaluation.metrics import FloatArray
from hume.evaluation.neighbors import UnitRows
from hume.evaluation.similarity import Similar, most_similar
from hume.runs.findings import Findings
from hume.runs.review_state import Review
from hume.runs.seed_view import SpaceOf

Where: TypeAlias = Literal["both", "phi1", "phi2"]


@dataclass(frozen=True, eq=False)
class Proposals:
    """How well words fit the found classes."""

    classes: list[int]  # (K,) those with samples
    words: list[str]  # (W,)
    fit: FloatArray  # (K, W) cosine of the class's mean with the word, above that of all samples

    def best(self, number: int = 3) -> dict[int, list[str]]:
        """The words that fit every class best, the best first."""
        order = np.argsort(-self.fit, axis=1, kind="stable")[:, :number]
        return {k: [self.words[i] for i in line] for k, line in zip(self.classes, order.tolist(), strict=True)}


def like_row(found: Findings, row: int, where: Where = "both", number: int = 24) -> Similar:
    """The samples most like one of the run's; raises InputError for a row or a space that there is not."""
    if not 0 <= row < found.dataset.num_samples:
        raise InputError(f"there is no sample {row}: choose 0 to {found.dataset.num_samples - 1}")
    spaces = [found.space(which) for which in chosen(where)]
    queries = [UnitRows(space).take(np.array([row]))[0].numpy() for space in spaces]
    return most_similar(spaces, queries, number, without=row)


def chosen(where: Where) -> list[SpaceOf]:
    """The spaces to compare in; raises InputError for another word."""
    if where not in get_args(Where):
        raise InputError(f"there is no space {where!r}: choose both, phi1 or phi2")
    return ["phi1", "phi2"] if where == "both" else [where]


def table(
    found: Findings, near: Similar, given: Review, files: Sequence[str] | None
) -> tuple[list[str], list[list[object]]]:
    """Header and rows of a table of similar samples: row, file, class, its name, a distance a space."""
    spaces = ["distance"] if len(near.distances) == 1 else ["distance_phi1", "distance_phi2"]
    classes = found.vote.labeling[near.rows].tolist()
    lines = [
        [row, "" if files is None else files[row], k, given.names.get(k, ""), *(f"{value:.4f}" for value in values)]
        for row, k, values in zip(near.rows.tolist(), classes, near.distances.T.tolist(), strict=True)
    ]
    return ["row", "file", "class", "class_name", *spaces], lines
