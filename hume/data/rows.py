"""The rows of a space, in memory or on disk: spaces larger than memory are read by row or in blocks.

Functions on rows take `Rows`: a tensor, or `StreamedRows`, which supports what the search
needs of a tensor (`x[index]`, `len(x)`, `x @ matrix`, `shape`, `device`) and reads from the disk
only then. `blocks` iterates over all rows of either in bounded memory.
"""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from io import FileIO
from pathlib import Path
from typing import IO, Any, TypeAlias, overload

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from hume.common.errors import InputError

BLOCK_BYTES = 64 * 2**20  # of float32 rows in memory at once during a pass over all rows
PLAIN_HEADER = re.compile(
    rb"\{'descr': '(?P<descr>[<>|][biufcSU?]\d+)', 'fortran_order': (?P<by_column>True|False), "
    rb"'shape': \((?P<shape>[\d, ]*)\), \}\s*"
)
AS_ROWS = "save it row by row, with numpy.save(path, numpy.ascontiguousarray(features))"
MOMENT_ROWS = 8192  # of them converted to float64 at once


# --- on disk ---------------------------------------------------------------------------------


def read_npy_header(file: IO[bytes], most: int = 2**20) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the array is stored by column, and type, from a .npy file that is then at its first number.

    What numpy's own reader does by Python's parser, which until CPython 3.11.7 fails at times, and makes others fail,
    when two threads are in it (github.com/python/cpython/issues/106905): plain arrays need no parser, others are left
    to numpy. Raises ValueError for what is no .npy file of format 1 or 2, or a header of more than `most` bytes.
    """
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"format {version} is not known")
    length = file.read(2 if version == (1, 0) else 4)
    header_bytes = int.from_bytes(length, "little")
    if header_bytes > most:
        raise ValueError(f"a header of {header_bytes:,} bytes, {most:,} are allowed")
    header = file.read(header_bytes)
    plain = PLAIN_HEADER.fullmatch(header)
    if plain is None:
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_column, dtype = read(io.BytesIO(length + header))
        return tuple(shape), by_column, dtype
    numbers = re.findall(rb"\d+", plain["shape"])
    return tuple(map(int, numbers)), plain["by_column"] == b"True", np.dtype(plain["descr"].decode())


def read_npy(file: IO[bytes]) -> NDArray[Any]:
    """The array in an open .npy file, as of an archive; raises ValueError unless it is plain and whole."""
    shape, by_column, dtype = read_npy_header(file)
    if dtype.hasobject:
        raise ValueError("the array holds objects, which are never loaded")
    array = np.empty(shape[::-1] if by_column else shape, dtype)
    buffer = array.reshape(-1).view(np.uint8).data
    while buffer.nbytes:
        read = file.readinto(buffer)  # type: ignore[attr-defined]
        if not read:
            raise ValueError("the array is cut short")
        buffer = buffer[read:]
    return array.T if by_column else array


def map_npy(path: Path) -> NDArray[Any]:
    """Memory-map the array of a .npy file; raises ValueError unless it is plain, whole and not empty, and OSError."""
    with path.open("rb") as file:
        shape, by_column, dtype = read_npy_header(file)
        offset = file.tell()
    if dtype.hasobject:
        raise ValueError("the array holds objects, which are never loaded")
    return np.memmap(path, dtype, "r", offset, shape, "F" if by_column else "C")


class FileArray:
    """The array in a .npy file, whose rows are read on demand.

    A memory map of 20 GB takes 20 GB of address space even if little is read; this takes none, and
    keeps no file open. It supports what is needed of a memory-mapped array: shape, dtype, ndim, nbytes,
    `len`, an index along the first axis (a number, a slice, numbers or a mask) and `numpy.asarray`.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], offset: int):
        self.path, self.shape, self.dtype = path, shape, dtype
        self._offset = offset
        self._row_bytes = int(np.prod(shape[1:])) * dtype.itemsize

    @classmethod
    def open(cls, path: Path) -> "FileArray":
        """Read the header; raises ValueError for a file whose rows are not stored contiguously, and OSError."""
        with path.open("rb") as file:
            shape, by_column, dtype = read_npy_header(file)
            array = cls(path, shape, dtype, file.tell())
        if by_column or dtype.hasobject or not shape or path.stat().st_size < array._offset + array.nbytes:
            raise ValueError("the rows are stored by column, as objects, or incompletely")
        return array

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        return len(self) * self._row_bytes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        if isinstance(index, slice | int | np.integer):
            chosen = range(len(self))[index]
            if isinstance(chosen, int):
                row: NDArray[Any] = self._read(np.array([chosen]))[0]
                return row
            return self._read(np.arange(chosen.start, chosen.stop, chosen.step))
        numbers = np.asarray(index)
        if numbers.dtype == np.bool_ and numbers.shape == (len(self),):
            return self._read(np.flatnonzero(numbers))
        if numbers.ndim != 1 or not (np.issubdtype(numbers.dtype, np.integer) or numbers.size == 0):
            raise IndexError("index the rows by a number, a slice, a list of numbers or a mask")
        numbers = np.where(numbers < 0, numbers + len(self), numbers).astype(np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"there are {len(self)} rows, requested are {numbers.min()} to {numbers.max()}")
        return self._read(numbers)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("the rows are on disk: reading them requires a copy")
        rows = self._read(np.arange(len(self)))
        return rows if dtype is None else rows.astype(dtype, copy=False)

    def _read(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """Read the rows of these numbers in ascending order, consecutive ones at once."""
        raw = np.empty((len(numbers), self._row_bytes), np.uint8)
        order = np.argsort(numbers, kind="stable")
        ascending = numbers[order]
        apart = (np.diff(ascending) != 1) | (np.diff(order) != 1)
        starts = np.r_[0, np.flatnonzero(apart) + 1][: len(numbers)]
        ends = np.r_[starts[1:], len(numbers)]
        runs = zip(ascending[starts].tolist(), order[starts].tolist(), (ends - starts).tolist(), strict=True)
        try:
            with self.path.open("rb", buffering=0) as file:
                for first, position, count in runs:
                    file.seek(self._offset + first * self._row_bytes)
                    self._fill(file, raw[position : position + count].data.cast("B"), first)
        except OSError as error:
            raise InputError(f"{self.path} cannot be read ({error.strerror}): restore the file and try again") from None
        return raw.view(self.dtype).reshape(-1, *self.shape[1:])

    def _fill(self, file: FileIO, buffer: memoryview, first: int) -> None:
        while buffer.nbytes:
            read = file.readinto(buffer)
            if not read:
                raise InputError(f"{self.path} is cut short or damaged (at row {first}): write it again")
            buffer = buffer[read:]


Matrix: TypeAlias = NDArray[np.floating[Any]]  # (n, d) rows in memory
Features: TypeAlias = Matrix | FileArray


@dataclass(frozen=True, eq=False, kw_only=True)
class StreamedRows:
    """Rows (n, d) that stay on disk and are read on demand as float32 on a device.

    They can be a subset of all rows, centred, normalized to unit L2 norm, and multiplied by a
    matrix, in this order and each time they are read. Every row is checked then: raises InputError, naming
    file and row, for one that is not finite or, with `unit`, has zero length.
    """

    features: Features  # (N, d)
    source: str  # the file, or the space's name
    device: torch.device
    chosen: NDArray[np.int64] | None = None  # (n,) ascending numbers of these rows; None for all
    mean: Tensor | None = None  # (d,)
    unit: bool = False
    factor: Tensor | None = None  # (d, r)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self.features.shape[1] if self.factor is None else self.factor.shape[1]

    def __len__(self) -> int:
        return len(self.features) if self.chosen is None else len(self.chosen)

    def __getitem__(self, index: Tensor) -> Tensor:
        numbers = index.cpu().numpy()
        return self._prepared(numbers if self.chosen is None else self.chosen[numbers])

    def __matmul__(self, matrix: Tensor) -> "StreamedRows":
        return replace(self, factor=matrix if self.factor is None else self.factor @ matrix)

    def subset(self, mask: NDArray[np.bool_]) -> "StreamedRows":
        """The rows where the mask (n,) is true."""
        if mask.all():
            return self
        return replace(self, chosen=np.flatnonzero(mask) if self.chosen is None else self.chosen[mask])

    def blocks(self) -> Iterator[Tensor]:
        """All rows in order, in blocks of `BLOCK_BYTES`."""
        size = max(1, BLOCK_BYTES // (4 * self.features.shape[1]))
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            yield self._prepared(range(start, stop) if self.chosen is None else self.chosen[start:stop])

    def mean_row(self) -> Tensor:
        """The mean of all rows, (d,), summed in float64."""
        total = torch.zeros(self.shape[1], dtype=torch.float64, device=self.device)
        for block in self.blocks():
            total += block.sum(0, dtype=torch.float64)
        return (total / len(self)).float()

    def to_memory(self) -> Tensor:
        """All rows as one tensor."""
        rows = torch.empty(self.shape, device=self.device)
        start = 0
        for block in self.blocks():
            rows[start : start + len(block)] = block
            start += len(block)
        return rows

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """`moments` of these rows, cached, as it takes a pass over them."""
        return _moments(self)

    def _prepared(self, numbers: range | NDArray[np.int64]) -> Tensor:
        rows = self._read(numbers)
        if not rows.sum().isfinite():  # may be finite all the same: the sum can overflow
            check_finite(rows, self.source, numbers)
        rows = rows.to(self.device)
        if self.unit:
            norm = norms(rows, self.source, "is all zeros", numbers)
            if self.mean is not None:
                rows -= self.mean
                norm = norms(rows, self.source, "equals the mean row", numbers)
            rows /= norm
        return rows if self.factor is None else rows @ self.factor

    def _read(self, numbers: range | NDArray[np.int64]) -> Tensor:
        """The stored rows as float32, copied into memory."""
        index = slice(numbers.start, numbers.stop) if isinstance(numbers, range) else numbers
        rows = self.features[index]
        if not isinstance(self.features, FileArray):
            rows = np.array(rows, order="C")
        if not rows.dtype.isnative or rows.dtype.itemsize > 8:  # torch supports neither
            with np.errstate(over="ignore"):  # values beyond float32 are reported as infinite
                rows = rows.astype(np.float32)
        return torch.from_numpy(rows).float()


Rows: TypeAlias = Tensor | StreamedRows


@overload
def subset(rows: Tensor, mask: NDArray[np.bool_]) -> Tensor: ...
@overload
def subset(rows: StreamedRows, mask: NDArray[np.bool_]) -> StreamedRows: ...
@overload
def subset(rows: Rows, mask: NDArray[np.bool_]) -> Rows: ...
def subset(rows: Rows, mask: NDArray[np.bool_]) -> Rows:
    """The rows where the mask (n,) is true; the same object if all are."""
    if isinstance(rows, StreamedRows):
        return rows.subset(mask)
    return rows if mask.all() else rows[torch.from_numpy(mask).to(rows.device)]


def blocks(rows: Rows) -> Iterator[Tensor]:
    """Iterate over all rows in order: a tensor is one block, rows on disk come in blocks of `BLOCK_BYTES`."""
    if isinstance(rows, Tensor):
        yield rows
    else:
        yield from rows.blocks()


def moments(rows: Rows) -> tuple[Tensor, Tensor]:
    """The mean row (d,) and the second moment XᵀX/N (d, d) of rows X (N, d), in float64."""
    return rows.moments if isinstance(rows, StreamedRows) else _moments(rows)


def _moments(rows: Rows) -> tuple[Tensor, Tensor]:
    N, d = rows.shape
    mean = torch.zeros(d, dtype=torch.float64, device=rows.device)
    moment = torch.zeros(d, d, dtype=torch.float64, device=rows.device)
    for block in blocks(rows):
        for chunk in torch.split(block, MOMENT_ROWS):
            chunk = chunk.double()
            mean += chunk.sum(0)
            moment.addmm_(chunk.mT, chunk)
    return mean.div_(N), moment.div_(N)


def spread_over(num_rows: int, most: int) -> NDArray[np.int64]:
    """Up to `most` row numbers, spread evenly over all rows: the first and the last are among them."""
    return np.linspace(0, num_rows - 1, min(num_rows, most)).astype(np.int64)


# --- checks ----------------------------------------------------------------------------------


def check_finite(rows: Tensor, source: str, numbers: Sequence[int] | NDArray[np.int64]) -> None:
    """Raise InputError, naming the first of these rows (n, d) that has NaN or infinite values."""
    bad = (~rows.isfinite().all(1)).nonzero()
    if len(bad):
        raise InputError(
            f"row {numbers[int(bad[0])]} of {source} has NaN or infinite values as float32: "
            "compute these features again or drop the row"
        )


def unit_length(rows: Matrix) -> Matrix:
    """Rows (n, d) in memory divided by their L2 norms, in their own type; a row of zeros stays one."""
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norm > 0, norm, 1), dtype=rows.dtype)


def norms(rows: Tensor, source: str, problem: str, numbers: Sequence[int] | NDArray[np.int64] | None = None) -> Tensor:
    """The L2 norm of every row, (n, 1); raises InputError for a row whose norm is 0 or overflows."""
    norm: Tensor = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    indices = range(len(rows)) if numbers is None else numbers
    if not norm.isfinite().all():
        bad = int((~norm.isfinite()).nonzero()[0, 0])
        raise InputError(f"row {indices[bad]} of {source} is too large: scale this space down")
    if not (norm > 0).all():
        bad = int((norm.squeeze(1) <= 0).nonzero()[0])
        raise InputError(f"row {indices[bad]} of {source} {problem} and has no direction: drop this sample")
    return norm
