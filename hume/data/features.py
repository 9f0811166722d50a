"""The features of a space as numpy has them, in memory or on disk; `hume.data.rows` reads them as tensors."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.data.npy_files import FileArray

Matrix: TypeAlias = NDArray[np.floating[Any]]  # (n, d) rows in memory
Features: TypeAlias = Matrix | FileArray


def spread_over(num_rows: int, most: int) -> NDArray[np.int64]:
    """Up to `most` row numbers, spread evenly over all rows: the first and the last are among them."""
    return np.linspace(0, num_rows - 1, min(num_rows, most)).astype(np.int64)


def unit_length(rows: Matrix) -> Matrix:
    """Rows (n, d) in memory divided by their L2 norms, in their own type; a row of zeros stays one."""
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norm > 0, norm, 1), dtype=rows.dtype)


def refuse_not_finite(finite: NDArray[np.bool_], source: str, numbers: Sequence[int] | NDArray[np.int64]) -> None:
    """Raise InputError, naming the first of these rows that is not `finite`, (n,); `numbers` are theirs in the file."""
    if not finite.all():
        raise InputError(
            f"row {numbers[int(finite.argmin())]} of {source} has NaN or infinite values as float32: "
            "compute these features again or drop the row"
        )
