"""The rows of a space, in memory or on disk: spaces larger than memory are read by row or in blocks.

Functions on rows take `Rows`: a tensor, or `StreamedRows`, which supports what the search
needs of a tensor (`x[index]`, `len(x)`, `x @ matrix`, `shape`, `device`) and reads from the disk
only then. `blocks` iterates over all rows of either in bounded memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.errors import InputError
from hume.common.once import once
from hume.data.features import Features, refuse_not_finite
from hume.data.npy_files import FileArray

BLOCK_BYTES = 64 * 2**20  # of float32 rows in memory at once during a pass over all rows
MOMENT_ROWS = 8192  # of them converted to float64 at once


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

    @once
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


# --- checks ----------------------------------------------------------------------------------


def check_finite(rows: Tensor, source: str, numbers: Sequence[int] | NDArray[np.int64]) -> None:
    """Raise InputError, naming the first of these rows (n, d) that has NaN or infinite values."""
    refuse_not_finite(rows.isfinite().all(1).cpu().numpy(), source, numbers)


def norms(rows: Tensor, source: str, problem: str, numbers: Sequence[int] | NDArray[np.int64] | None = None) -> Tensor:
    """The L2 norm of every row, (n, 1); raises InputError for a row whose norm is 0 or overflows."""
    norm: Tensor = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    indices = range(len(rows)) if numbers is None else numbers
    if not norm.isfinite().all():
        bad = int((~norm.isfinite()).nonzero()[0, 0])
        raise InputError(f"row {indices[bad]} of {source} is too large: scale this space down")
    if not (norm > 0).all():
        bad = int((norm.squeeze(1) <= 0).nonzero()[0])
        if rows[bad].any():
            raise InputError(f"row {indices[bad]} of {source} is too small: scale this space up")
        raise InputError(f"row {indices[bad]} of {source} {problem} and has no direction: drop this sample")
    return norm
