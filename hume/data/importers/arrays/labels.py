"""Labels and splits in whatever form they come, as classes 0..C−1 and the rows of the test split."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hume.common.errors import InputError
from hume.data.importers.arrays.stored import texts
from hume.data.importers.folder_listing import ordered, split_of


def encode_labels(
    labels: ArrayLike, num_rows: int, names: Sequence[str] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Turn labels (N,), words or integers, into classes 0..C−1 and their names.

    names: of integers 0..C−1, or of the values that occur in ascending order; of words, all of them in
    the order wanted. Raises InputError, naming the row, for a label that is missing or not whole.
    """
    given = np.asarray(labels)
    given = given[:, 0] if given.ndim == 2 and given.shape[1] == 1 else given
    if given.ndim != 1 or len(given) != num_rows:
        raise InputError(f"labels have shape {given.shape} for {num_rows} rows: give one a row, in their order")
    if given.dtype.kind in "OS":
        given = texts([each.decode() if isinstance(each, bytes) else each for each in given.tolist()])
    if given.dtype.kind not in "fiubU":
        raise InputError(f"labels are {given.dtype}: give integers or words")
    if given.dtype.kind == "U":
        return _encode_words(np.char.strip(given), names)
    if given.dtype.kind == "f":
        _refuse(np.isnan(given), "has no label: give each row one, or give no labels")
        _refuse(given != np.round(given), "has a label that is no whole number: give integers or words")
    _refuse(given < 0, "has a negative label, which stands for none: give each row one, or give no labels")
    values, numbers = np.unique(given.astype(np.int64), return_inverse=True)
    if names is None:
        return numbers.astype(np.int64), tuple(map(str, values.tolist()))
    if values[-1] < len(names):
        return given.astype(np.int64), _distinct(names)
    if len(values) != len(names):
        raise InputError(f"there are {len(names)} names for {len(values)} classes: give one a class, or none")
    return numbers.astype(np.int64), _distinct(names)


def _encode_words(words: NDArray[Any], names: Sequence[str] | None) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    _refuse(words == "", "has no label: give each row one, or give no labels")
    values, numbers = np.unique(words, return_inverse=True)
    known = {name: k for k, name in enumerate(ordered(values.tolist()) if names is None else _distinct(names))}
    _refuse(~np.isin(words, list(known)), f"has a label that is none of {', '.join(list(known)[:10])}: mend it")
    return np.array([known[value] for value in values.tolist()])[numbers], tuple(known)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    found = tuple(name.strip() for name in names)
    if len(set(found)) < len(found) or not all(found):
        raise InputError("two classes have one name, or one has none: give each class a name of its own")
    return found


def _refuse(bad: NDArray[np.bool_], why: str) -> None:
    if bad.any():
        more = f" (and {int(bad.sum()) - 1} more)" if bad.sum() > 1 else ""
        raise InputError(f"row {int(bad.argmax())}{more} {why}")


def encode_split(split: ArrayLike, num_rows: int) -> NDArray[np.bool_]:
    """Turn a split (N,), booleans, 0 and 1, or words as train and test, into the rows of the test split.

    Words for validation stand for the test split where no row says test. Raises InputError for any
    other word or number.
    """
    given = np.asarray(split)
    if given.shape != (num_rows,):
        raise InputError(f"the split has shape {given.shape} for {num_rows} rows: give one entry a row")
    if given.dtype.kind in "OSU":
        words = texts([each.decode() if isinstance(each, bytes) else each for each in given.tolist()])
        has_test = any(
            split_of(word, has_test=False) == "test" and "test" in word.lower() for word in set(words.tolist())
        )
        parts = {word: split_of(word, has_test=has_test) for word in set(words.tolist())}
        _refuse(np.array([parts[word] is None for word in words.tolist()]), "is in none of train, test and validation")
        return np.array([parts[word] == "test" for word in words.tolist()])
    if given.dtype.kind not in "biuf":
        raise InputError(f"the split is {given.dtype}: give booleans, or words as train and test")
    _refuse(~np.isin(given, (0, 1)), "has a split that is neither 0 nor 1: give 1 for rows of the test split")
    return given.astype(bool)
