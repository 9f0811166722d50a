"""Agreement of the class's groups with the found classes and with people's labels, on the sorted pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.evaluation.metrics import Agreement, agreement
from hume.lesson.guesses import Guesses

MIN_SORTED = 2  # pictures, to have a pair

IntArray = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Grouping:
    """One way to group n samples, for the alluvial picture."""

    title: str
    names: Sequence[str]
    labels: NDArray[np.integer[Any]]  # (n,) indices into `names`


@dataclass(frozen=True, eq=False)
class Comparison:
    """The sorted pictures as the class, the search and people's labels group them; n pictures."""

    rows: NDArray[np.int64]  # (n,)
    guessed: NDArray[np.int64]  # (n,)
    labeled: NDArray[np.int64]  # (n,)
    true: NDArray[np.int64] | None  # (n,), None where it is missing or not to be shown
    guessed_found: Agreement
    guessed_true: Agreement | None
    found_true: Agreement | None


def compare(guesses: Guesses, labeling: IntArray, truth: IntArray | None) -> Comparison:
    """Agreement of the guesses, a labeling (N,) and the truth (N,) on the sorted pictures.

    Raises InputError for fewer than two sorted pictures.
    """
    if len(guesses.placed) < MIN_SORTED:
        raise InputError("fewer than two pictures are sorted: sort some in the first step")
    rows = np.array([row for row in guesses.rows if row in guesses.placed], np.int64)
    guessed = np.array([guesses.placed[row] for row in rows.tolist()], np.int64)
    labeled = labeling[rows].astype(np.int64)
    true = None if truth is None else truth[rows].astype(np.int64)
    return Comparison(
        rows=rows,
        guessed=guessed,
        labeled=labeled,
        true=true,
        guessed_found=agreement(guessed, labeled),
        guessed_true=None if true is None else agreement(true, guessed),
        found_true=None if true is None else agreement(true, labeled),
    )


def groupings(
    guesses: Guesses, comparison: Comparison, found_names: Sequence[str], true_names: Sequence[str]
) -> list[Grouping]:
    """The columns of the alluvial picture: the class's groups, the found classes and, where known, people's labels."""
    columns = [
        Grouping("Our groups", guesses.shown_names, comparison.guessed),
        Grouping("Found classes", list(found_names), comparison.labeled),
    ]
    return (
        columns
        if comparison.true is None
        else [*columns, Grouping("People's labels", list(true_names), comparison.true)]
    )


def agreement_table(comparison: Comparison) -> dict[str, list[Any]]:
    """Agreement of every two of the groupings, as the columns of a table."""
    pairs = (
        ("our groups and the found classes", comparison.guessed_found),
        ("our groups and people's labels", comparison.guessed_true),
        ("the found classes and people's labels", comparison.found_true),
    )
    known = [(name, value) for name, value in pairs if value is not None]
    return {
        "between": [name for name, _ in known],
        "ACC": [value.acc for _, value in known],
        "ARI": [value.ari for _, value in known],
        "NMI": [value.nmi for _, value in known],
    }


def summary(comparison: Comparison) -> str:
    """One sentence on the agreement of class and search, and on which is closer to people's labels."""
    n = len(comparison.rows)
    same = round(comparison.guessed_found.acc * n)
    text = f"Matched one to one, the class and the search put **{same} of {n}** pictures into the same group."
    if comparison.guessed_true is None or comparison.found_true is None:
        return text
    ours, found = round(comparison.guessed_true.acc * n), round(comparison.found_true.acc * n)
    return f"{text} With people's labels the class agrees on **{ours}**, the search on **{found}**."
