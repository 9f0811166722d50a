"""Arrays in several files, read and written in blocks of rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.once import once
from hume.data.dataset import Space
from hume.data.feature_files import write_npy_header
from hume.data.features import spread_over
from hume.data.npy_files import load_array
from hume.exchange.releases.records import Part

BLOCK_BYTES = 64 * 2**20
SAMPLE_ROWS = 1024


class Joined:
    """The rows of several files concatenated, (N, d) or (N,), read on access."""

    def __init__(self, parts: Sequence[Part]):
        self.parts = tuple(parts)
        self._arrays = [load_array(part.path) for part in parts]
        self._ends = np.cumsum([len(array) for array in self._arrays])
        self.dtype: np.dtype[Any] = np.result_type(*self._arrays)
        self.shape = (int(self._ends[-1]), *self._arrays[0].shape[1:])

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: NDArray[np.integer[Any]]) -> NDArray[Any]:
        result = np.empty((len(rows), *self.shape[1:]), self.dtype)
        owner = np.searchsorted(self._ends, rows, side="right")
        for number, array in enumerate(self._arrays):
            mine = owner == number
            result[mine] = array[rows[mine] - (self._ends[number] - len(array))]
        return result

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape))

    @property
    def in_one_file(self) -> bool:
        """Whether one file has all rows in the format in which they are stored."""
        first = self._arrays[0]
        return len(self._arrays) == 1 and bool(first.flags.c_contiguous) and first.dtype.isnative

    @once
    def fingerprint(self) -> str:
        """The fingerprint of a space with these rows."""
        space = Space(name="", features=self)  # type: ignore[arg-type]
        return space.fingerprint

    def sample(self) -> NDArray[np.int64]:
        """Up to 1,024 evenly spaced row numbers."""
        return spread_over(len(self), SAMPLE_ROWS)

    def blocks(self) -> Iterator[NDArray[Any]]:
        """All rows in order, in blocks."""
        size = max(1, BLOCK_BYTES * len(self) // (self.size * self.dtype.itemsize))
        for array in self._arrays:
            for start in range(0, len(array), size):
                yield np.asarray(array[start : start + size])

    def mean(self, stop: int) -> NDArray[np.float64]:
        """The mean of the first `stop` rows, (d,)."""
        total, count = np.zeros(self.shape[1:]), 0
        for block in self.blocks():
            block = block[: stop - count]
            total += block.sum(0, dtype=np.float64)
            count += len(block)
        return total / stop

    def write(self, path: Path, on_block: Callable[[int], None]) -> None:
        """Write these rows as one .npy file: a hard link where that is possible, else a copy."""
        if self.in_one_file:
            with suppress(OSError):  # another disk, or one without hard links
                path.hardlink_to(self.parts[0].path.resolve())
                on_block(self.size)
                return
        write_rows(path, self.shape, self.dtype, self.blocks(), on_block)


def write_rows(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    blocks: Iterable[NDArray[Any]],
    on_block: Callable[[int], None] | None = None,
) -> Path:
    """Write blocks of rows as one .npy file, (N, d) or (N,); `on_block` gets the number of elements of each."""
    dtype = dtype.newbyteorder("=")
    with path.open("xb") as file:
        write_npy_header(file, shape, dtype)
        for block in blocks:
            ordered = np.ascontiguousarray(block, dtype)
            file.write(ordered.data)
            if on_block is not None:
                on_block(ordered.size)
    return path
