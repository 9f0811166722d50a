"""Encode labels and splits of various forms as classes 0..C−1 and the rows of the test split."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hume.common.errors import InputError
from hume.data.importers.arrays.stored import texts
from hume.data.importers.folder_meaning import ordered, split_of


def encode_labels(
    labels: ArrayLike, num_rows: int, names: Sequence[str] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Encode labels (N,), text or integers, as classes 0..C−1 with their names.

    names: of integers 0..C−1, or of the values that occur in ascending order; of text, all of them in
    the order of the classes. Raises InputError, naming the row, for a missing or non-integer label.
    """
    given = np.asarray(labels)
    given = given[:, 0] if given.ndim == 2 and given.shape[1] == 1 else given
    if given.ndim != 1 or len(given) != num_rows:
        raise InputError(f"labels have shape {given.shape} for {num_rows} rows: give one per row, in order")
    if given.dtype.kind in "OS":
        given = texts([value.decode() if isinstance(value, bytes) else value for value in given.tolist()])
    if given.dtype.kind not in "fiubU":
        raise InputError(f"labels are {given.dtype}: give integers or text")
    if given.dtype.kind == "U":
        return _encode_text(np.char.strip(given), names)
    if given.dtype.kind == "f":
        _refuse(np.isnan(given), "has no label: label every row or none")
        _refuse(given != np.round(given), "has a label that is not a whole number: give integers or text")
    _refuse(given < 0, "has a negative label, which means none: label every row or none")
    values, numbers = np.unique(given.astype(np.int64), return_inverse=True)
    if names is None:
        return numbers.astype(np.int64), tuple(map(str, values.tolist()))
    if values[-1] < len(names):
        return given.astype(np.int64), _distinct(names)
    if len(values) != len(names):
        raise InputError(f"there are {len(names)} names for {len(values)} classes: give one per class, or none")
    return numbers.astype(np.int64), _distinct(names)


def _encode_text(labels: NDArray[Any], names: Sequence[str] | None) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    _refuse(labels == "", "has no label: label every row or none")
    values, numbers = np.unique(labels, return_inverse=True)
    numbering = {name: k for k, name in enumerate(ordered(values.tolist()) if names is None else _distinct(names))}
    _refuse(~np.isin(labels, list(numbering)), f"has a label that is none of {', '.join(list(numbering)[:10])}: fix it")
    return np.array([numbering[value] for value in values.tolist()])[numbers], tuple(numbering)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    stripped = tuple(name.strip() for name in names)
    if len(set(stripped)) < len(stripped) or not all(stripped):
        raise InputError("class names are empty or repeated: give every class its own name")
    return stripped


def _refuse(bad: NDArray[np.bool_], reason: str) -> None:
    if bad.any():
        more = f" (and {int(bad.sum()) - 1} more)" if bad.sum() > 1 else ""
        raise InputError(f"row {int(bad.argmax())}{more} {reason}")


def encode_split(split: ArrayLike, num_rows: int) -> NDArray[np.bool_]:
    """Encode a split (N,), booleans, 0 and 1, or text as train and test, as the rows of the test split.

    Validation is the test split if no row says test. Raises InputError for any
    other text or number.
    """
    given = np.asarray(split)
    if given.shape != (num_rows,):
        raise InputError(f"the split has shape {given.shape} for {num_rows} rows: give one entry per row")
    if given.dtype.kind in "OSU":
        text = texts([value.decode() if isinstance(value, bytes) else value for value in given.tolist()])
        has_test = any(
            split_of(name, has_test=False) == "test" and "test" in name.lower() for name in set(text.tolist())
        )
        splits = {name: split_of(name, has_test=has_test) for name in set(text.tolist())}
        _refuse(np.array([splits[name] is None for name in text.tolist()]), "is in none of train, test and validation")
        return np.array([splits[name] == "test" for name in text.tolist()])
    if given.dtype.kind not in "biuf":
        raise InputError(f"the split is {given.dtype}: give booleans, or text as train and test")
    _refuse(~np.isin(given, (0, 1)), "has a split that is neither 0 nor 1: give 1 for rows of the test split")
    return given.astype(bool)
