"""What every reader of arrays needs: an array that was not read yet, and words for files that cannot be read."""

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

SPLIT_NAMES = {"split", "fold", "subset", "partition", "test_rows", "is_test"}
LABEL_NAMES = {"label", "labels", "target", "targets", "class", "y", "fine_label", "coarse_label"}
TEXT_BYTES = 64  # what a short text takes in memory


@dataclass(frozen=True, eq=False)
class Stored:
    """An array that was not read yet."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], NDArray[Any]]
    mapped: bool = False  # reading takes no memory


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn whatever a reader says about a file into one sentence."""
    try:
        yield
    except HumeError:
        raise
    except PermissionError:
        raise InputError(f"{path} may not be read: check its permissions") from None
    except MemoryError:
        raise InputError(f"{path} holds more than the memory can: save single arrays as .npy files") from None
    # The bytes may be hostile or cut anywhere, and every library has its own exceptions for that.
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path} is cut short, damaged or of another format ({reason}): write it again") from None


def texts(values: list[Any]) -> NDArray[Any]:
    """Text as numpy's own, what is missing as ""."""
    words = ["" if value is None or value != value else str(value) for value in values]
    if not fits(4 * len(words) * max(map(len, words), default=0), "cpu"):  # all are as long as the longest
        raise InputError("there is more text than the free memory holds: shorten the longest texts")
    return np.array(words, np.str_)


def type_name(dtype: np.dtype[Any]) -> str:
    """A type in the words of a reader."""
    return {"U": "text", "S": "text", "O": "objects"}.get(dtype.kind, dtype.name)


def num_bytes(found: Stored) -> int:
    """What an array takes in memory, in integers without end, since a header may promise anything."""
    return math.prod(found.shape) * (found.dtype.itemsize or TEXT_BYTES)
