"""Shared by all readers of arrays: an array not read yet, and errors for unreadable files."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.devices import fits
from hume.common.errors import HumeError, InputError
from hume.data.importers.label_text import absent

SPLIT_NAMES = {"split", "fold", "subset", "partition", "test_rows", "is_test"}
LABEL_NAMES = {"label", "labels", "target", "targets", "class", "y", "fine_label", "coarse_label"}  # the likeliest
TEXT_BYTES = 64  # memory of a short text


@dataclass(frozen=True, eq=False)
class Stored:
    """An array that is not read yet."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], NDArray[Any]]
    mapped: bool = False  # reading takes no memory
    why: str = ""  # it is of no use, as "holds Python objects"


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn a reader's exception into an InputError."""
    try:
        yield
    except HumeError:
        raise
    except PermissionError:
        raise InputError(f"{path} may not be read: check its permissions") from None
    except MemoryError:
        raise InputError(f"{path} does not fit into memory: save single arrays as .npy files") from None
    # The bytes may be hostile or truncated, and every library has its own exceptions for that.
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path} is cut short, damaged or of another format ({reason}): write it again") from None


def texts(values: list[Any]) -> NDArray[Any]:
    """Text as a numpy array of strings, missing values as ""."""
    strings = ["" if absent(value) else str(value) for value in values]
    if not fits(4 * len(strings) * max(map(len, strings), default=0), "cpu"):  # all are as long as the longest
        raise InputError("the text does not fit into the free memory: shorten the longest texts")
    return np.array(strings, np.str_)


def type_name(dtype: np.dtype[Any]) -> str:
    """A readable name of a type."""
    return {"U": "text", "S": "text", "O": "objects"}.get(dtype.kind, dtype.name)


def num_bytes(array: Stored) -> int:
    """The memory of an array, as a Python integer, since a header may declare any shape."""
    return math.prod(array.shape) * (array.dtype.itemsize or TEXT_BYTES)
