"""The class's groups beside the found classes and people's labels, on the pictures that were sorted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.evaluation.metrics import Agreement, agreement
from hume.lesson.guesses import Guesses

LEAST_SORTED = 2  # pictures, to have a pair

IntArray = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Grouping:
    """One way to group some samples, for the alluvial picture: what it is, what its groups are called."""

    title: str
    names: Sequence[str]
    labels: NDArray[np.integer[Any]]  # (n,) places in `names`


@dataclass(frozen=True, eq=False)
class Beside:
    """The sorted pictures as the class, the search and people's labels group them; n pictures."""

    rows: NDArray[np.int64]  # (n,)
    guessed: NDArray[np.int64]  # (n,)
    found: NDArray[np.int64]  # (n,)
    true: NDArray[np.int64] | None  # (n,), None where it is missing or not to be shown
    guessed_found: Agreement
    guessed_true: Agreement | None
    found_true: Agreement | None


def compare(guesses: Guesses, labeling: IntArray, truth: IntArray | None) -> Beside:
    """Tell how alike the guesses, a labeling (N,) and the truth (N,) are on the pictures that were sorted.

    Raises InputError when fewer than two pictures were sorted.
    """
    if len(guesses.placed) < LEAST_SORTED:
        raise InputError("the class has sorted no two pictures yet: sort some in the first step")
    rows = np.array([row for row in guesses.rows if row in guesses.placed], np.int64)
    guessed = np.array([guesses.placed[row] for row in rows.tolist()], np.int64)
    found = labeling[rows].astype(np.int64)
    true = None if truth is None else truth[rows].astype(np.int64)
    return Beside(
        rows=rows,
        guessed=guessed,
        found=found,
        true=true,
        guessed_found=agreement(guessed, found),
        guessed_true=None if true is None else agreement(true, guessed),
        found_true=None if true is None else agreement(true, found),
    )


def groupings(
    guesses: Guesses, beside: Beside, found_names: Sequence[str], true_names: Sequence[str]
) -> list[Grouping]:
    """The columns of the alluvial picture: the class's groups, the found classes and, where known, people's labels."""
    columns = [
        Grouping("Our groups", guesses.shown_names, beside.guessed),
        Grouping("Found classes", list(found_names), beside.found),
    ]
    return columns if beside.true is None else [*columns, Grouping("People's labels", list(true_names), beside.true)]


def agreement_table(beside: Beside) -> dict[str, list[Any]]:
    """How alike every two of the groupings are, as the columns of a table."""
    pairs = (
        ("our groups and the found classes", beside.guessed_found),
        ("our groups and people's labels", beside.guessed_true),
        ("the found classes and people's labels", beside.found_true),
    )
    known = [(name, value) for name, value in pairs if value is not None]
    return {
        "between": [name for name, _ in known],
        "ACC": [value.acc for _, value in known],
        "ARI": [value.ari for _, value in known],
        "NMI": [value.nmi for _, value in known],
    }


def in_words(beside: Beside) -> str:
    """One sentence on how alike class and search are, and which of them is closer to people's labels."""
    n = len(beside.rows)
    words = (
        f"Matched one to one, the class and the search put **{round(beside.guessed_found.acc * n)} of {n}** pictures "
        "into the same group."
    )
    if beside.guessed_true is None or beside.found_true is None:
        return words
    ours, found = (round(each.acc * n) for each in (beside.guessed_true, beside.found_true))
    return f"{words} With people's labels the class agrees on **{ours}**, the search on **{found}**."
