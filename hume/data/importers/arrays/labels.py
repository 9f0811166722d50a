"""Encode labels and splits of various forms as classes 0..C−1 and the rows of the test split."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hume.common.errors import InputError
from hume.data.importers.arrays.stored import texts
from hume.data.importers.folder_meaning import ordered, split_of
from hume.data.importers.label_text import cleaned, not_imported


def encode_labels(
    labels: ArrayLike, num_rows: int, names: Sequence[str] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Encode labels (N,), text or integers, as classes 0..C−1 with their names.

    names: of integers 0..C−1, or of the values that occur in ascending order; of text, all of them in
    the order of the classes. Raises InputError, naming the row, for a non-integer label and for a missing one, see
    `hume.data.importers.label_text.cleaned`.
    """
    given = _whole_column(labels, num_rows)
    if given.dtype.kind == "f":
        bad = ~np.isnan(given) & ~(np.isfinite(given) & (given == np.round(given)))
        _refuse(bad, "has a label that is not a whole number: give integers or text")
    values, numbers = np.unique(given, return_inverse=True)
    found = cleaned(values.tolist())
    _refuse(np.array([label is None for label in found])[numbers], "has no label: label every row or none")
    present = [label for label in found if label is not None]
    if given.dtype.kind != "U" and names is not None:
        if values[0] >= 0 and values[-1] < len(names):
            return given.astype(np.int64), _distinct(names)
        if len(values) != len(names):
            raise InputError(f"there are {len(names)} names for {len(values)} classes: give one per class, or none")
        return numbers.astype(np.int64), _distinct(names)
    classes = tuple(ordered(set(present)) if names is None else _distinct(names))
    numbering = {name: k for k, name in enumerate(classes)}
    unknown = np.array([label not in numbering for label in present])
    _refuse(unknown[numbers], f"has a label that is none of {', '.join(classes[:10])}: fix it")
    return np.array([numbering[label] for label in present], dtype=np.int64)[numbers], classes


def missing_labels(labels: ArrayLike, num_rows: int) -> str | None:
    """A sentence that some rows have no label and how that is written; None where all or none have one."""
    values, numbers = np.unique(_whole_column(labels, num_rows), return_inverse=True)
    found = cleaned(values.tolist())
    return not_imported([found[k] for k in numbers], [values[k].item() for k in numbers], "rows")


def _whole_column(labels: ArrayLike, num_rows: int) -> NDArray[Any]:
    """Labels (N,) as numbers or text, those under a mask as missing ones."""
    given = _unmasked(labels)
    given = given[:, 0] if given.ndim == 2 and given.shape[1] == 1 else given
    if given.ndim != 1 or len(given) != num_rows:
        raise InputError(f"labels have shape {given.shape} for {num_rows} rows: give one per row, in order")
    if given.dtype.kind in "OS":
        given = texts([value.decode() if isinstance(value, bytes) else value for value in given.tolist()])
    if given.dtype.kind not in "fiubU":
        raise InputError(f"labels are {given.dtype}: give integers or text")
    return given.astype(np.uint8) if given.dtype.kind == "b" else given


def _unmasked(given: ArrayLike) -> NDArray[Any]:
    """An array whose values under a mask, if it has one, are None."""
    if not isinstance(given, np.ma.MaskedArray):
        return np.asarray(given)
    values = given.data.astype(object)
    values[np.ma.getmaskarray(given)] = None
    return values


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
    given = _unmasked(split)
    if given.shape != (num_rows,):
        raise InputError(f"the split has shape {given.shape} for {num_rows} rows: give one entry per row")
    if given.dtype.kind in "OSU":
        text = texts([value.decode() if isinstance(value, bytes) else value for value in given.tolist()])
        _refuse(text == "", "has no split: give one for every row")
        if set(text.tolist()) <= {"True", "False"}:
            return np.asarray(text == "True")
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
