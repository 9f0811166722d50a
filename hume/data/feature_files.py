"""Write features to disk block by block, in half precision where the loss is negligible."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.progress import Progress
from hume.data.folder import DIGEST_BYTES
from hume.data.npy_files import FileArray
from hume.data.rows import BLOCK_BYTES, check_finite

Matrix: TypeAlias = "NDArray[Any] | FileArray"

LOST_OF_A_ROW = 2e-3  # largest rounding error of a row in half precision, relative to its norm
LOST_OF_A_COLUMN = 1e-2  # of its values, relative to their spread around their mean


def write_npy_header(file: IO[bytes], shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Write the header of a .npy file whose rows are appended in order afterwards.

    Headers of arrays that differ only in the number of rows have the same length.
    """
    header = {"descr": dtype.str, "fortran_order": False, "shape": tuple(map(int, shape))}
    np.lib.format.write_array_header_1_0(file, header)


def float_blocks(matrix: Matrix, source: str) -> Iterator[NDArray[np.float32]]:
    """All rows in order, block by block, as float32; raises InputError for the first that is not finite."""
    size = max(1, BLOCK_BYTES // (4 * matrix.shape[1]))
    for start in range(0, len(matrix), size):
        with np.errstate(over="ignore"):  # values beyond float32 are reported as infinite
            rows = np.array(matrix[start : start + size], dtype=np.float32, order="C")
        check_finite(torch.from_numpy(rows), source, range(start, start + len(rows)))
        yield rows


def write_features(
    path: Path,
    shape: tuple[int, ...],
    blocks: Callable[[], Iterable[NDArray[np.float32]]],
    on_progress: Progress | None = None,
) -> str:
    """Write features (N, d), given in blocks of rows, as a .npy file; returns a digest of its content.

    Half precision is used unless it changes the norm of some row by more than 0.2 % or loses more than 1 % of the
    spread of some column around its mean, as for values beyond 65,504, columns far from zero for their spread and
    columns of tiny numbers: then it is single precision, and `blocks` is called again.
    """
    digest = _write_as(np.dtype(np.float16), path, shape, blocks(), on_progress)
    if digest is None:
        digest = _write_as(np.dtype(np.float32), path, shape, blocks(), on_progress)
    assert digest is not None  # float32 is lossless
    return digest


def _write_as(
    dtype: np.dtype[Any],
    path: Path,
    shape: tuple[int, ...],
    blocks: Iterable[NDArray[np.float32]],
    on_progress: Progress | None,
) -> str | None:
    """The digest of the written file; None as soon as too much is lost."""
    digest = hashlib.blake2b(f"{shape} {dtype}".encode(), digest_size=DIGEST_BYTES)
    done, origin = 0, np.zeros(shape[1])
    lost, squares, sums = np.zeros((3, shape[1]))  # of every column, around its first value: constant ones give zero
    with path.open("wb") as file:
        write_npy_header(file, shape, dtype)
        for rows in blocks:
            with np.errstate(over="ignore"):
                written = rows.astype(dtype)
            errors = written.astype(np.float32) - rows
            error, length = (np.einsum("nd,nd->n", x, x, dtype=np.float64) for x in (errors, rows))
            if not (error <= LOST_OF_A_ROW**2 * length).all():
                return None
            origin = rows[0].astype(np.float64) if done == 0 and len(rows) else origin
            apart = rows - origin
            lost += np.einsum("nd,nd->d", errors, errors, dtype=np.float64)
            squares += np.einsum("nd,nd->d", apart, apart)
            sums += apart.sum(0)
            file.write(written.data)
            digest.update(written.data)
            done += len(rows)
            if on_progress is not None:
                on_progress(done / shape[0])
    spread = squares - sums**2 / shape[0]
    return None if (lost > LOST_OF_A_COLUMN**2 * spread)[squares > 0].any() else digest.hexdigest()
