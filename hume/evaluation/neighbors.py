"""Exact nearest neighbours by inner products, of a space in memory or on disk (Algorithm G1, lines 3 and 4)."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from hume.common.errors import InputError
from hume.data.rows import StreamedRows
from hume.evaluation.metrics import FloatArray, IntArray, renumber

Device: TypeAlias = torch.device | str

CHUNK_BYTES = 64 * 2**20
HELD_BYTES = 2**30  # a space that takes no more in float32 is held in memory
BLOCK_ROWS = 16_384  # rows of a larger one that are read at once


class RowSource(Protocol):
    """A space (N, d) indexed by a slice or an array of row numbers: an array, a memory map, `StreamedRows`."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


class SomeRows:
    """Some rows of a space (N, d), renumbered from 0 and read lazily."""

    def __init__(self, phi1: RowSource, numbers: NDArray[np.int64]):
        self._phi1, self._numbers = phi1, numbers
        self.shape = (len(numbers), *phi1.shape[1:])

    def __getitem__(self, rows: Any, /) -> Any:
        return _rows_of(self._phi1, self._numbers[rows])


class UnitRows:
    """A space whose rows are read in float32 with unit L2 norm; a zero row stays zero.

    The space is held in memory where it takes no more than HELD_BYTES, else rows are read again when needed.
    Raises InputError for what is not a matrix, and when a row that is read has values that are not finite.
    """

    def __init__(self, phi1: RowSource, device: Device = "cpu"):
        if len(phi1.shape) != 2 or 0 in phi1.shape:
            raise InputError(f"phi1 has shape {tuple(phi1.shape)}: give (samples, dimensions), at least one of each.")
        self.num_samples, self.dim = phi1.shape
        self.device = torch.device(device)
        self._phi1 = phi1
        fits = 4 * self.num_samples * self.dim <= HELD_BYTES
        self.block_rows = self.num_samples if fits else BLOCK_ROWS
        self._held = self._read(slice(0, self.num_samples)) if fits else None

    def take(self, numbers: NDArray[np.int64]) -> Tensor:
        """The rows of these numbers, (c, d)."""
        if self._held is None:
            return self._read(numbers)
        return self._held[torch.from_numpy(numbers).to(self.device)]

    def blocks(self, size: int) -> Iterator[tuple[slice, Tensor]]:
        """All rows in their order, `size` at once."""
        for start in range(0, self.num_samples, size):
            rows = slice(start, min(start + size, self.num_samples))
            yield rows, self._read(rows) if self._held is None else self._held[rows]

    def _read(self, rows: slice | NDArray[np.int64]) -> Tensor:
        with np.errstate(over="ignore"):  # what overflows is reported below
            features = np.array(_rows_of(self._phi1, rows), dtype=np.float32, order="C")
        space = torch.from_numpy(features).to(self.device)
        norm = space.norm(dim=1, keepdim=True)
        if not norm.isfinite().all():
            row = np.arange(self.num_samples)[rows][int((~norm.isfinite()).nonzero()[0, 0])]
            raise InputError(f"row {row} of phi1 holds values that are not finite or too large: drop or fix the row.")
        return space.div_(torch.where(norm > 0, norm, 1.0))


def _rows_of(phi1: RowSource, rows: slice | NDArray[np.int64]) -> Any:
    if isinstance(phi1, StreamedRows):
        return phi1[torch.from_numpy(np.arange(len(phi1))[rows])].cpu().numpy()
    return phi1[rows]


def nearest_neighbors(
    phi1: RowSource, rows: ArrayLike, num_neighbors: int, *, chunk_bytes: int = CHUNK_BYTES, device: Device = "cpu"
) -> NDArray[np.int64]:
    """Nearest neighbours of the given samples: N(x) = argmax^k over z ≠ x of ⟨φ1(x), φ1(z)⟩ (Alg. G1 line 3).

    rows: (R,) sample numbers. Returns (R, k) sample numbers, nearest first. The other arguments, k and errors are as
    for `neighbor_agreement`.
    """
    space = UnitRows(phi1, device)
    rows = np.asarray(rows)
    numbers = rows.ndim == 1 and np.issubdtype(rows.dtype, np.integer)
    if not numbers or (rows.size and (rows.min() < 0 or rows.max() >= space.num_samples)):
        raise InputError(f"rows is {rows}: give a list of row numbers from 0 to {space.num_samples - 1}.")
    return nearest(space, rows.astype(np.int64), clipped(num_neighbors, space.num_samples), chunk_bytes)


def nearest(space: UnitRows, rows: NDArray[np.int64], k: int, chunk_bytes: int = CHUNK_BYTES) -> NDArray[np.int64]:
    """`nearest_neighbors` in an open space; k is at most N − 1."""
    nearest_rows = np.empty((rows.size, k), dtype=np.int64)
    for chunk, neighbors in _chunks(space, rows, k, chunk_bytes):
        nearest_rows[chunk] = neighbors.cpu().numpy()
    return nearest_rows


def neighbor_agreement(
    phi1: RowSource,
    labeling: IntArray,
    num_neighbors: int = 500,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    device: Device = "cpu",
    on_progress: Callable[[float], None] | None = None,
) -> NDArray[np.int64]:
    """Count the nearest neighbours with the same class: A^nn(x) = Σ over z in N(x) of [τ(z) = τ(x)] (Alg. G1 line 4).

    phi1: (N, d1), the self-supervised space, in memory or on disk; its rows are brought to unit L2 norm, so that inner
    products rank as distances do. labeling: (N,) integers. Returns (N,) counts. Neighbours are exact, in float32: no
    sample is its own neighbour, not even among duplicates, and of equally near ones at the last rank the lower row
    numbers are taken. A sample has only N − 1 others, so `num_neighbors` beyond that counts all of these. `chunk_bytes`
    bounds the block of similarities held at once (never less than one row of N, or of a block of a space on disk) and
    changes nothing beyond rounding. `on_progress` is called with the share of samples that is done. Raises InputError
    for other shapes, values that are not finite, or num_neighbors < 1.
    """
    space = UnitRows(phi1, device)
    labels = torch.tensor(codes_of(labeling, space.num_samples), device=space.device)
    k = clipped(num_neighbors, space.num_samples)
    agreed = np.empty(space.num_samples, dtype=np.int64)
    for chunk, neighbors in _chunks(space, np.arange(space.num_samples), k, chunk_bytes):
        agreed[chunk] = (labels[neighbors] == labels[chunk, None]).sum(dim=1).cpu().numpy()
        if on_progress is not None:
            on_progress(chunk.stop / space.num_samples)
    return agreed


def shared_class(neighbors: NDArray[np.int64], labelings: IntArray) -> FloatArray:
    """How well labelings (S, n) keep near samples together: (S,) the mean share of neighbours in a sample's own class.

    neighbors: (n, k) sample numbers, see `nearest_neighbors`.
    """
    return np.array([(labeling[neighbors] == labeling[:, None]).mean() for labeling in labelings])


def shared_neighbors(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """The share of the nearest neighbours (n, k) in one space that are among those in another."""
    return float(np.mean([np.isin(one, other) for one, other in zip(first, second, strict=True)]))


def codes_of(labeling: IntArray, num_samples: int) -> NDArray[np.int64]:
    """The labeling with classes renumbered from 0; raises InputError when it is not one integer a sample."""
    codes, _ = renumber(labeling, "labeling")
    if codes.size != num_samples:
        raise InputError(f"phi1 has {num_samples} rows and the labeling {codes.size}: give both for the same samples.")
    return codes


def clipped(num_neighbors: int, num_samples: int) -> int:
    """As many neighbours as a sample can have; raises InputError for less than one."""
    if num_neighbors < 1:
        raise InputError(f"num_neighbors is {num_neighbors}: give at least 1.")
    return min(num_neighbors, num_samples - 1)


def _chunks(space: UnitRows, rows: NDArray[np.int64], k: int, chunk_bytes: int) -> Iterator[tuple[slice, Tensor]]:
    """Yield chunks of `rows` with the (c, k) nearest neighbours of each, nearest first."""
    size = max(1, chunk_bytes // (4 * space.block_rows))
    for start in range(0, rows.size, size):
        chunk = slice(start, min(start + size, rows.size))
        yield chunk, _nearest(space, rows[chunk], k)


def _nearest(space: UnitRows, rows: NDArray[np.int64], k: int) -> Tensor:
    """(c, k) numbers of the samples nearest to the given ones, nearest first, holding c similarities a row of a block.

    Candidates are carried from block to block by ascending number, so that of equals the lower ones stay.
    """
    queries, own = space.take(rows), torch.from_numpy(rows).to(space.device)
    values, numbers = queries.new_empty(len(rows), 0), own.new_empty(len(rows), 0)
    for some, block in space.blocks(space.block_rows):
        similarity = queries @ block.T  # (c, rows of the block)
        here = ((own >= some.start) & (own < some.stop)).nonzero()[:, 0]
        similarity[here, own[here] - some.start] = -torch.inf
        if len(block) == space.num_samples:
            return _top_columns(similarity, k)
        near = _top_columns(similarity, min(k, len(block))).sort(dim=1).values
        values = torch.cat([values, similarity.gather(1, near)], dim=1)
        numbers = torch.cat([numbers, near + some.start], dim=1)
        kept = _top_columns(values, min(k, values.shape[1])).sort(dim=1).values
        values, numbers = values.gather(1, kept), numbers.gather(1, kept)
    return numbers.gather(1, values.argsort(dim=1, descending=True, stable=True))


def _top_columns(similarity: Tensor, k: int) -> Tensor:
    """The k largest entries of each row, (c, k) columns; of equal ones the first, which topk does not guarantee."""
    values, columns = similarity.topk(k, dim=1)
    if k == 0:
        return columns
    last = values[:, -1:]
    for i in ((similarity >= last).sum(dim=1) > k).nonzero()[:, 0]:
        larger = int((values[i] > last[i]).sum())
        columns[i, larger:] = (similarity[i] == last[i]).nonzero()[: k - larger, 0]
    return columns
