"""Which row of a file of features belongs to which sample of a dataset: by what both name their samples with.

A dataset knows its samples by their files and by columns of ids; a file of features by an array of such a name. Where
one of either is shared, rows are matched by it, in whatever order they are; else they are taken in order.
"""

import re
import unicodedata
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.data.columns import parse
from hume.data.dataset import Dataset

_OF_FILES = re.compile(r".*(file|path|image|picture|name|url).*|_?index|ids?|keys?|samples?")
_OF_IDS = re.compile(
    r".*(?<![a-z])(ids?|uuids?|guids?|keys?|barcodes?|index|names?)|.*(file|path).*|samples?|obs_?names"
)


@dataclass(frozen=True, eq=False)
class Matched:
    """The row (N,) of every sample, None for rows in order; and what is said of it."""

    rows: NDArray[np.int64] | None
    sentence: str


def match_rows(dataset: Dataset, path: Path, arrays: Mapping[str, NDArray[Any]], num_rows: int) -> Matched:
    """The row of every sample among the rows of a file; arrays: the file's others, by name.

    Raises InputError, with their number and an example, where some samples have no row.
    """
    given = _identities(arrays, num_rows)
    known = {name: column.tolist() for name, column in dataset.columns.items() if _OF_IDS.fullmatch(name.lower())}
    for name, values in given.items():
        same = next((values for other, values in known.items() if other.lower() == name), None)
        if same is not None and _are_distinct(same):
            return _by(name, _normal(same), values, dataset, path)
    files = dataset.file_names
    for name, values in given.items():
        if files is None or not _OF_FILES.fullmatch(name):
            continue
        for short in (False, True):
            theirs, ours = (_file_names(each, short) for each in (values, files))
            if _are_distinct(theirs) and _are_distinct(ours) and not set(theirs).isdisjoint(ours):
                return _by(name, ours, theirs, dataset, path)
    why = "names no samples" if not given else f"names its samples otherwise than {dataset.name}"
    return Matched(None, f"Rows are in the order of {path.name}, which {why}.")


def _identities(arrays: Mapping[str, NDArray[Any]], num_rows: int) -> dict[str, list[Hashable]]:
    """What a file names its rows with, by the last part of the array's name."""
    found: dict[str, list[Hashable]] = {}
    for array in arrays:
        name = array.rpartition("/")[2].lower()
        if not _OF_IDS.fullmatch(name) and not _OF_FILES.fullmatch(name):
            continue
        values = arrays[array]
        if values.ndim == 1 and len(values) == num_rows and values.dtype.kind in "iuSUO":
            cells = np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values
            read = _normal(parse([str(cell) for cell in cells.tolist()]).tolist())
            if _are_distinct(read):
                found[name] = read
    return found


def _normal(values: Sequence[Any]) -> list[Hashable]:
    return [unicodedata.normalize("NFC", value) if isinstance(value, str) else value for value in values]


def _file_names(values: Sequence[Any], short: bool) -> list[Hashable]:
    names = [str(value).replace("\\", "/") for value in values]
    return _normal([name.rpartition("/")[2] if short else name for name in names])


def _are_distinct(values: Sequence[Hashable]) -> bool:
    return "" not in values and len(set(values)) == len(values)


def _by(name: str, ours: Sequence[Hashable], theirs: Sequence[Hashable], dataset: Dataset, path: Path) -> Matched:
    position = {value: row for row, value in enumerate(theirs)}
    missing = [value for value in ours if value not in position]
    if missing:
        raise InputError(
            f"{path} has no row for {len(missing):,} of the {len(ours):,} samples of {dataset.name}, such as "
            f"{missing[0]}, by its {name}: give one row for each"
        )
    rows, unknown = np.array([position[value] for value in ours], np.int64), len(theirs) - len(ours)
    more = f", {unknown:,} rows of other samples are left out" if unknown else ""
    return Matched(rows, f"Rows are matched by {name}{more}.")
