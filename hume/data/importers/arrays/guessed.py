"""What was guessed of a file of arrays: whether it can be used, and what the card says about it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.data.importers.arrays.labels import encode_labels, encode_split, missing_labels
from hume.data.importers.arrays.reading import ArrayFacts


def nothing_to_use(path: Path, facts: Sequence[ArrayFacts]) -> str:
    """Why a file of arrays makes no dataset."""
    vectors = [each for each in facts if len(each.shape) == 1 and each.role == "column" and each.dtype[0] == "f"]
    if len(vectors) > 1 and len(vectors) == len(facts) and len({each.shape for each in facts}) == 1:
        return (
            f"{path} has {len(vectors):,} arrays of {vectors[0].shape[0]:,} numbers each, and no matrix: if each is "
            "one sample, stack them into one matrix with one row per sample"
        )
    reasons = [f"{each.name} {each.why}" for each in facts if each.why]
    more = f" (and {len(reasons) - 3:,} more)" if len(reasons) > 3 else ""
    why = f" ({'; '.join(reasons[:3])}{more})" if reasons else ""
    return f"{path} has no features{why}: give at least one matrix with one row per sample"


def usable_labels(
    labels: NDArray[Any], name: str, label_names: Sequence[str] | None, notes: list[str]
) -> NDArray[Any] | None:
    """Guessed labels if every row has one, with a note that they were guessed or why they are left out."""
    try:
        missing = missing_labels(labels, len(labels))
        if missing is None:
            encode_labels(labels, len(labels), label_names)
    except InputError as error:
        missing = f"{name} is not used as labels: {error}."
    notes.append(missing or f"The labels are the column {name}, by its name.")
    return None if missing else labels


def usable_split(split: NDArray[Any], name: str, notes: list[str]) -> NDArray[Any] | None:
    """A guessed split if it can be used, with a note that it was guessed or why it is left out."""
    try:
        encode_split(split, len(split))
    except InputError as error:
        notes.append(f"{name} is not used as a split: {error}.")
        return None
    notes.append(f"The split is the column {name}, by its name.")
    return split
