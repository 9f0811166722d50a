"""Statistics of one space: row norms, spectrum, duplicate rows, constant rows and columns."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.progress import Progress, part
from hume.data.dataset import Space
from hume.data.features import spread_over
from hume.data.rows import BLOCK_BYTES

BINS = 40
FIRST = 5  # examples listed of each kind
SPECTRUM_ROWS = 10_000  # spread over the space, where it has more
WIDE = 4096  # with more dimensions the spectrum is that of ...
WIDE_ROWS = 2048  # ... so many rows
READING = 0.6  # fraction of the progress for reading the rows


@dataclass(frozen=True, eq=False, kw_only=True)
class SpaceFacts:
    """Statistics of the rows X (N, d) of a space; rows that are not finite are counted and otherwise excluded."""

    num_rows: int  # N
    num_columns: int  # d
    dtype: str
    norm_median: float  # of the L2 norms of the rows
    norm_edges: NDArray[np.float64]  # (B + 1,) of a histogram of the norms
    norm_counts: NDArray[np.int64]  # (B,)
    spectrum: NDArray[np.float64]  # (d,) fractions of the variance, descending; zeros if all rows are equal
    spectrum_rows: int  # rows that it is computed from
    effective_rank: float  # (Σλ)² / Σλ², the participation ratio of the eigenvalues λ of the covariance
    directions_90: int  # leading directions with 90 % of the variance
    num_duplicates: int  # rows that are equal to an earlier one
    duplicate_pairs: tuple[tuple[int, int], ...]  # the first of them: (earlier row, row)
    num_zero: int  # rows of zeros
    zero_rows: tuple[int, ...]  # the first of them
    num_constant: int  # other rows of one repeated number
    constant_rows: tuple[int, ...]
    num_constant_columns: int
    num_not_finite: int  # rows with NaN, infinity or values beyond float32
    not_finite_rows: tuple[int, ...]

    @property
    def sampled(self) -> bool:
        """Whether the spectrum is computed from a sample of the rows."""
        return self.spectrum_rows < self.num_rows - self.num_not_finite


def space_facts(space: Space, on_progress: Progress | None = None) -> SpaceFacts:
    """Compute the statistics of a space in one pass over its rows, in bounded memory.

    The spectrum, eigenvalues of the covariance of the rows, is computed from at most 10,000 rows spread over the
    space (2,048 above 4,096 dimensions, where it has at most so many directions). Two rows are duplicates when
    all their numbers are equal. 20,000 × 2,048 take about 4 s on one core.
    """
    report = part(on_progress, 0, 1)
    totals = _RowStatistics(*space.features.shape)
    for start, rows in _blocks(space):
        totals.add(start, rows)
        report(READING * (start + len(rows)) / totals.num_rows)
    values, used = _eigenvalues(space, totals.finite)
    report(1.0)
    shares = np.zeros(totals.num_columns)
    total = values.sum()
    if total > 0:
        shares[: len(values)] = values / total
    norms = totals.norms[totals.finite].astype(np.float64)
    counts, edges = np.histogram(norms, bins=BINS) if len(norms) else (np.zeros(1, np.int64), np.array([0.0, 1.0]))
    zero = totals.finite & (totals.norms == 0)
    constant = totals.finite & totals.constant & ~zero
    columns = (totals.low == totals.high) if len(norms) else np.zeros(totals.num_columns, bool)
    pairs = _duplicates(totals.digests, totals.finite)
    return SpaceFacts(
        num_rows=totals.num_rows,
        num_columns=totals.num_columns,
        dtype=space.features.dtype.name,
        norm_median=float(np.median(norms)) if len(norms) else 0.0,
        norm_edges=edges.astype(np.float64),
        norm_counts=counts.astype(np.int64),
        spectrum=shares,
        spectrum_rows=used,
        effective_rank=float(1 / np.square(shares).sum()) if total > 0 else 0.0,
        directions_90=int(np.searchsorted(shares.cumsum(), 0.9 - 1e-9) + 1) if total > 0 else 0,
        num_duplicates=len(pairs),
        duplicate_pairs=tuple((int(a), int(b)) for a, b in pairs[:FIRST]),
        num_zero=int(zero.sum()),
        zero_rows=_first(zero),
        num_constant=int(constant.sum()),
        constant_rows=_first(constant),
        num_constant_columns=int(columns.sum()),
        num_not_finite=int((~totals.finite).sum()),
        not_finite_rows=_first(~totals.finite),
    )


@dataclass(eq=False)
class _RowStatistics:
    """What one pass over the rows collects: some bytes per row, some per column."""

    num_rows: int
    num_columns: int
    norms: NDArray[np.float32] = field(init=False)
    finite: NDArray[np.bool_] = field(init=False)
    constant: NDArray[np.bool_] = field(init=False)
    digests: NDArray[np.uint64] = field(init=False)
    low: NDArray[np.float32] = field(init=False)
    high: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        self.norms = np.zeros(self.num_rows, np.float32)
        self.finite = np.zeros(self.num_rows, bool)
        self.constant = np.zeros(self.num_rows, bool)
        self.digests = np.zeros((self.num_rows, 2), np.uint64)
        self.low = np.full(self.num_columns, np.inf, np.float32)
        self.high = np.full(self.num_columns, -np.inf, np.float32)

    def add(self, start: int, rows: NDArray[np.float32]) -> None:
        block = slice(start, start + len(rows))
        finite = self.finite[block] = np.isfinite(rows).all(1)
        with np.errstate(over="ignore", invalid="ignore"):
            self.norms[block] = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
        self.constant[block] = (rows == rows[:, :1]).all(1)
        good = rows if finite.all() else rows[finite]
        self.low = np.minimum(self.low, good.min(0, initial=np.inf))
        self.high = np.maximum(self.high, good.max(0, initial=-np.inf))
        digests = b"".join(hashlib.blake2b(row, digest_size=16).digest() for row in rows)
        self.digests[block] = np.frombuffer(digests, np.uint64).reshape(-1, 2)


def _blocks(space: Space) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """All rows in order as float32; adding zero turns −0 into 0."""
    features = space.features
    size = max(1, BLOCK_BYTES // (4 * features.shape[1]))
    for start in range(0, len(features), size):
        with np.errstate(over="ignore"):  # values beyond float32 count as infinite
            yield start, np.ascontiguousarray(features[start : start + size], np.float32) + np.float32(0)


def _eigenvalues(space: Space, finite: NDArray[np.bool_]) -> tuple[NDArray[np.float64], int]:
    """Eigenvalues of the covariance of a sample of rows, descending, and the number of these rows.

    With more dimensions than rows they come from the Gram matrix, which has the same nonzero ones.
    """
    d = space.features.shape[1]
    numbers = np.flatnonzero(finite)
    if not len(numbers):
        return np.zeros(0), 0
    limit = SPECTRUM_ROWS if d <= WIDE else WIDE_ROWS
    numbers = numbers[spread_over(len(numbers), limit)]
    rows = torch.from_numpy(np.ascontiguousarray(space.features[numbers], dtype=np.float32))
    rows = rows - rows.mean(0, dtype=torch.float64).float()
    largest = float(rows.abs().max())
    if largest == 0:
        return np.zeros(0), len(rows)
    rows /= largest  # so that no square overflows
    products = rows @ rows.mT if len(rows) < d else rows.mT @ rows
    values: NDArray[np.float64] = torch.linalg.eigvalsh(products.double()).flip(0).clamp(min=0).numpy()
    return values, len(rows)


def _duplicates(digests: NDArray[np.uint64], finite: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pairs (first equal row, row) of every row that equals an earlier one: (D, 2), by the later row's number."""
    numbers = np.flatnonzero(finite)
    order = numbers[np.lexsort((numbers, digests[numbers, 1], digests[numbers, 0]))]
    new = np.ones(len(order), bool)
    new[1:] = (digests[order[1:]] != digests[order[:-1]]).any(1)
    firsts = order[new][np.cumsum(new) - 1]
    pairs = np.stack([firsts[~new], order[~new]], 1)
    return pairs[np.argsort(pairs[:, 1])].astype(np.int64)


def _first(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(np.flatnonzero(mask)[:FIRST].tolist())
