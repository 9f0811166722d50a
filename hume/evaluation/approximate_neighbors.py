"""Approximate nearest neighbours by faiss, where there are too many samples to compare all pairs, and their recall.

All pairs of ImageNet would take a day. An inverted file of faiss compares a sample only with those of the cells
nearest to it; the number of cells is chosen, and the recall measured, on samples whose exact neighbours are computed.
Only the leading directions of φ1 are held, in half precision.
"""

import importlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hume.common.errors import InputError
from hume.evaluation.metrics import IntArray
from hume.evaluation.neighbors import (
    CHUNK_BYTES,
    Device,
    RowSource,
    UnitRows,
    clipped,
    codes_of,
    nearest,
    neighbor_agreement,
)

Method: TypeAlias = Literal["auto", "exact", "approximate"]

EXACT_SECONDS = 150.0  # all pairs are compared where that takes no longer, as with 50,000 × 2048
LONG_SECONDS = 3600.0  # and up to here where faiss is missing
PER_NUMBER, PER_PAIR = 2.0e-11, 1.0e-8  # seconds of two cores to multiply two numbers, and to rank a pair, as measured
GPU_TIMES = 100.0  # assumed speed of a GPU relative to two cores; not measured

TARGET = 0.95  # recall that is enough
SAMPLED = 200  # samples to choose the number of cells with, and as many others to measure with
LEADING_SHARE = 0.98  # of the rows' squared length that the directions held make up, where INDEX_BYTES hold these
INDEX_BYTES = 2**30
VECTOR = 16  # a multiple of which faiss multiplies at once; other widths took ten times as long
BATCH_ROWS = 4096
BUILDING = 0.3  # share of the progress
ROWS_PER_CELL = 40  # to train the cells with
FEWEST_CELLS, LARGEST_SHARE = 4, 1 / 8  # of all cells that are searched for one sample
LEAST_GAIN = 0.01  # in recall, for which twice as many cells are searched


@dataclass(frozen=True)
class Recall:
    """Recall of an approximate search, as measured."""

    share: float  # of the exact nearest neighbours
    num_samples: int  # whose exact neighbours this was measured on


@dataclass(frozen=True, eq=False)
class NeighborCounts:
    """The counts of lines 3 and 4 of Algorithm G1, and their recall."""

    agreement: NDArray[np.int64]  # (N,) A^nn
    recall: Recall | None  # None where neighbours are exact


def count_agreement(
    phi1: RowSource,
    labeling: IntArray,
    num_neighbors: int = 500,
    *,
    method: Method = "auto",
    chunk_bytes: int = CHUNK_BYTES,
    device: Device = "cpu",
    on_progress: Callable[[float], None] | None = None,
) -> NeighborCounts:
    """Count A^nn(x) = Σ over z in N(x) of [τ(z) = τ(x)], exactly or approximately (Alg. G1 lines 3 and 4).

    method: "exact" compares all pairs, "approximate" uses faiss, "auto" compares all pairs where that takes a minute
    or two, for up to an hour where faiss is missing, and uses faiss beyond. It decides by sizes, not by how fast the
    machine is, so that the same data give the same counts. The other arguments are as for
    `neighbors.neighbor_agreement`; approximate neighbours are always computed on the CPU, and of equally near ones any
    may be taken. Raises InputError for an unknown method, and where faiss is needed and missing.
    """
    report = on_progress or (lambda fraction: None)
    if chosen_method(method, phi1.shape, device) == "exact":
        counts = neighbor_agreement(
            phi1, labeling, num_neighbors, chunk_bytes=chunk_bytes, device=device, on_progress=report
        )
        return NeighborCounts(counts, None)
    space = UnitRows(phi1)
    codes = codes_of(labeling, space.num_samples)
    k = clipped(num_neighbors, space.num_samples)
    index, recall = _chosen_cells(space, k, report, chunk_bytes)
    counts = np.empty(space.num_samples, np.int64)
    for rows, neighbors in index.all_rows(k, report):
        counts[rows] = ((codes[neighbors] == codes[rows, None]) & (neighbors >= 0)).sum(axis=1)
    return NeighborCounts(counts, recall)


def all_neighbors(
    phi1: RowSource, num_neighbors: int, *, on_progress: Callable[[float], None] | None = None
) -> NDArray[np.int64]:
    """The nearest neighbours (N, k) of every sample, nearest first, −1 where fewer are found.

    Exact up to sizes where comparing all pairs takes a minute or two, then approximate, as `count_agreement` with
    "auto". Raises InputError where faiss is needed and missing.
    """
    report = on_progress or (lambda fraction: None)
    space = UnitRows(phi1)
    N, k = space.num_samples, clipped(num_neighbors, space.num_samples)
    found = np.empty((N, k), np.int64)
    if chosen_method("auto", phi1.shape, "cpu") == "approximate":
        for rows, neighbors in _chosen_cells(space, k, report, CHUNK_BYTES)[0].all_rows(k, report):
            found[rows] = neighbors
        return found
    for start in range(0, N, BATCH_ROWS):
        rows = np.arange(start, min(start + BATCH_ROWS, N))
        found[rows] = nearest(space, rows, k)
        report((rows[-1] + 1) / N)
    return found


def _chosen_cells(
    space: UnitRows, k: int, report: Callable[[float], None], chunk_bytes: int
) -> tuple["CellIndex", Recall]:
    """An index that searches as many cells as k neighbours need, and its recall."""
    index = CellIndex(space, lambda fraction: report(BUILDING * fraction))
    sample = index.sample(2 * SAMPLED)
    exact, half = nearest(space, sample, k, chunk_bytes), len(sample) // 2
    index.choose_cells(sample[:half], exact[:half])
    recall = _recall(index.search(sample[half:], k), exact[half:])
    return index, Recall(recall, len(sample) - half)


def exact_seconds(num_samples: int, dim: int, device: Device = "cpu") -> float:
    """Predicted seconds for two processor cores, or one GPU, to compare all pairs of (num_samples, dim) features."""
    seconds = num_samples**2 * (dim * PER_NUMBER + PER_PAIR)
    return seconds / GPU_TIMES if torch.device(device).type == "cuda" else seconds


def chosen_method(method: str, shape: tuple[int, ...], device: Device) -> Literal["exact", "approximate"]:
    """The method for features of a shape; an invalid shape is left to the exact one to report."""
    if method not in get_args(Method):
        raise InputError(f"there is no neighbours' method {method!r}: choose 'auto', 'exact' or 'approximate'.")
    if method == "exact" or len(shape) != 2 or shape[0] < 2:
        return "exact"
    seconds = exact_seconds(shape[0], shape[1], device)
    if method == "auto" and seconds <= EXACT_SECONDS:
        return "exact"
    if _faiss() is not None:
        return "approximate"
    if method == "auto" and seconds <= LONG_SECONDS:
        return "exact"
    raise InputError(
        f"approximate neighbours need faiss: install it with `python -m pip install faiss-cpu`, or choose exact ones "
        f"(--neighbors-method exact), which for {shape[0]:,} samples take about {_duration(seconds)}."
    )


def _duration(seconds: float) -> str:
    size, unit = next((size, unit) for size, unit in ((3600, "hour"), (60, "minute"), (0, "second")) if seconds >= size)
    amount = max(1, round(seconds / (size or 1)))
    return f"{amount} {unit}{'s' * (amount != 1)}"


def _faiss() -> Any:
    """The module, None where it is not installed; `import hume` does not load it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its generated bindings, by newer Pythons
            return importlib.import_module("faiss")
    except ModuleNotFoundError:
        return None


class CellIndex:
    """The rows of a space in the cells of an inverted file, in half precision."""

    def __init__(self, space: UnitRows, on_progress: Callable[[float], None]):
        self._space = space
        self._random = np.random.default_rng(0)
        self._basis = self._directions()
        faiss = _faiss()
        cells = min(int(2 * space.num_samples**0.5), space.num_samples)
        dim = self._basis.shape[1]
        half, product = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        self._index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(dim), dim, cells, half, product, False)
        self._index.cp.min_points_per_centroid = 1
        train = self.sample(ROWS_PER_CELL * cells)
        batches = [train[start : start + BATCH_ROWS] for start in range(0, len(train), BATCH_ROWS)]
        self._index.train(np.concatenate([self._reduced(space.take(batch)) for batch in batches]))
        for rows, block in space.blocks(BATCH_ROWS):
            self._index.add(self._reduced(block))
            on_progress(rows.stop / space.num_samples)

    def sample(self, number: int) -> NDArray[np.int64]:
        """Numbers of that many samples, or of all."""
        total = self._space.num_samples
        return self._random.choice(total, min(number, total), replace=False)

    def choose_cells(self, rows: NDArray[np.int64], exact: NDArray[np.int64]) -> None:
        """Search the fewest cells that reach a recall of TARGET, or beyond which recall hardly grows."""
        most, best = max(FEWEST_CELLS, int(LARGEST_SHARE * self._index.nlist)), -1.0
        chosen = tried = FEWEST_CELLS
        while best < TARGET and tried <= most:
            self._index.nprobe = tried
            recall = _recall(self.search(rows, exact.shape[1]), exact)
            if recall < best + LEAST_GAIN:
                break
            best, chosen, tried = recall, tried, 2 * tried
        self._index.nprobe = chosen

    def search(self, rows: NDArray[np.int64], k: int) -> NDArray[np.int64]:
        """(c, k) numbers of samples near to the given ones, −1 where fewer are found."""
        _, found = self._index.search(self._reduced(self._space.take(rows)), k + 1)
        own = found == rows[:, None]
        own[:, -1] |= ~own.any(axis=1)  # a row that does not find itself has one too many
        others: NDArray[np.int64] = found[~own].reshape(len(rows), k)
        return others

    def all_rows(
        self, k: int, report: Callable[[float], None]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Samples in batches, with those near to them, as `search` gives them."""
        total = self._space.num_samples
        for start in range(0, total, BATCH_ROWS):
            rows = np.arange(start, min(start + BATCH_ROWS, total))
            yield rows, self.search(rows, k)
            report(BUILDING + (1 - BUILDING) * (rows[-1] + 1) / total)

    def _directions(self) -> Tensor:
        """(d, r) the leading directions of the rows: those that make up LEADING_SHARE, or as many as fit, and zeros."""
        rows = self._space.take(self.sample(4 * self._space.dim)).double()
        lengths, directions = torch.linalg.eigh(rows.T @ rows)  # ascending
        needed = int((lengths.cumsum(0) > (1 - LEADING_SHARE) * lengths.sum()).sum())
        fitting = INDEX_BYTES // (2 * self._space.num_samples)
        leading = directions[:, -max(1, min(needed, fitting)) :].float()
        return functional.pad(leading, (0, -leading.shape[1] % VECTOR))

    def _reduced(self, rows: Tensor) -> NDArray[np.float32]:
        reduced: NDArray[np.float32] = (rows @ self._basis).numpy()
        return reduced


def _recall(found: NDArray[np.int64], exact: NDArray[np.int64]) -> float:
    """The share of the exact neighbours that is found."""
    return float(np.mean([np.isin(one, other).mean() for one, other in zip(exact, found, strict=True)]))
