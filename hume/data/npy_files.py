"""The arrays of .npy files: read without Python's parser, mapped, or read by row; every bad file is one sentence."""

import errno
import io
import math
import re
import tokenize
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hume.common.devices import free_bytes
from hume.common.errors import InputError

PLAIN_HEADER = re.compile(
    rb"\{'descr': '(?P<descr>[<>|][biufcSU?]\d+)', 'fortran_order': (?P<by_column>True|False), "
    rb"'shape': \((?P<shape>[\d, ]*)\), \}\s*"
)
# What numpy and Python's parser raise for a header that is none.
HEADER_ERRORS = (TypeError, OverflowError, SyntaxError, tokenize.TokenError, RecursionError)
LARGE_BYTES = 2**30  # larger files are neither mapped nor read when they are opened
MAPPED_SHARE = 1 / 8  # of the free memory that one memory map may take
AS_ROWS = "save it row by row, with numpy.save(path, numpy.ascontiguousarray(features))"


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
        try:
            shape, by_column, dtype = read(io.BytesIO(length + header))
        except HEADER_ERRORS as error:
            raise ValueError(f"its header cannot be read ({str(error)[:80]})") from None
        if any(type(length) is not int or length < 0 for length in shape):
            raise ValueError(f"its shape is {shape}")
        return tuple(shape), by_column, dtype
    numbers = re.findall(rb"\d+", plain["shape"])
    try:
        dtype = np.dtype(plain["descr"].decode())
    except TypeError as error:
        raise ValueError(str(error)) from None
    return tuple(map(int, numbers)), plain["by_column"] == b"True", dtype


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
    if offset + math.prod(shape) * dtype.itemsize > path.stat().st_size:
        raise ValueError("the array is cut short")
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
        self._row_bytes = math.prod(shape[1:]) * dtype.itemsize

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


def load_array(path: Path) -> NDArray[Any]:
    """Memory-map one .npy file; raises InputError when it is missing, pickled, cut short or something else."""
    if path.exists() and not (path.is_file() or path.is_dir()):  # opening a pipe would block
        raise InputError(f"{path} is a device or a pipe: name a file")
    with suppress(ValueError, OSError):
        return map_npy(path)
    try:  # what numpy.load accepts beyond, or its error
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                raise InputError(f"{path} is an archive of arrays: save the features alone with numpy.save")
        with np.errstate(over="ignore"):
            array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path} does not exist: check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder: name a .npy file in it") from None
    except PermissionError:
        raise InputError(f"{path} may not be read: check its permissions") from None
    except InputError:
        raise
    except (ValueError, EOFError, OSError, *HEADER_ERRORS) as error:
        raise InputError(_load_problem(path, error)) from None
    return array


def open_features(path: Path) -> "NDArray[Any] | FileArray":
    """Map a .npy file, or open it for reading rows if it is large; raises InputError as `load_array` does."""
    try:
        if path.is_file() and path.stat().st_size > min(LARGE_BYTES, MAPPED_SHARE * free_bytes("cpu")):
            return FileArray.open(path)
    except (ValueError, OSError):
        pass  # load_array reports the error; a file stored by column can only be mapped
    return load_array(path)


def _load_problem(path: Path, error: Exception) -> str:
    """The error message for a file that numpy.load rejects."""
    with path.open("rb") as file:
        magic = file.read(6)
    if path.stat().st_size == 0:
        return f"{path} is empty: write it again"
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return f"{path} is larger than the memory this process may map: {AS_ROWS}"
    if magic != b"\x93NUMPY":
        return f"{path} is not a .npy file: save the features with numpy.save"
    if "object" in str(error).lower() or "pickle" in str(error).lower():
        return f"{path} holds pickled Python objects, which are never loaded: save a plain floating-point array"
    return f"{path} is cut short or damaged ({str(error)[:80]}): write it again"
