"""The whitened rows of both spaces side by side, in which a labeling is refined: in memory, or read from disk."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hume.common.devices import fits
from hume.common.errors import InputError
from hume.common.once import once
from hume.data.rows import Rows, moments

MAX_DIRECTIONS = 64  # of each space
LEAST_VARIANCE = 1e-6  # of a direction, relative to the first one's: below it rounding is all there is
BLOCK_ELEMENTS = 2**20  # numbers held at once for a block of rows: they stay in the processor's cache
MOST_ROWS = 2**13  # in a block: sums over more in float32 lose the variance within tight classes


def block_rows(num_columns: int, dim: int) -> int:
    """How many rows (n, dim) are held at once next to so many numbers each."""
    return max(1, min(MOST_ROWS, BLOCK_ELEMENTS // max(num_columns, dim)))


@dataclass(frozen=True, eq=False)
class Whitening:
    """The leading directions of one space, each of unit variance: z = (u − mean) transform for a row u of unit norm."""

    mean: Tensor  # (d,)
    transform: Tensor  # (d, r)

    @classmethod
    def of(cls, rows: Rows, name: str) -> "Whitening":
        """Whiten rows (N, d) of unit norm; raises InputError, naming the space, where all rows are the same."""
        mean, moment = moments(rows)
        covariance = (moment - torch.outer(mean, mean)).cpu()
        variances, directions = torch.linalg.eigh(covariance)
        variances, directions = variances.flip(0), directions.flip(1)
        if not variances[0] > LEAST_VARIANCE:
            raise InputError(f"{name} has the same direction in every row: it tells no samples apart, choose another")
        rank = min(MAX_DIRECTIONS, int((variances > LEAST_VARIANCE * variances[0]).sum()))
        transform = directions[:, :rank] * variances[:rank].rsqrt()
        # Row by row, as it is read again after a kill: the last bits of a product depend on the order in memory.
        return cls(mean.float(), transform.to(mean.device, torch.float32).contiguous())

    def __call__(self, rows: Tensor) -> Tensor:
        return (rows - self.mean) @ self.transform

    @property
    def deviations(self) -> Tensor:
        """The standard deviation (r,) of the rows along each direction: z times it is in the space's own scale."""
        return self.transform.square().sum(0).rsqrt()


@dataclass(frozen=True, eq=False)
class JointRows:
    """The whitened rows (N, D) of both spaces side by side: in memory where they fit, else read when needed."""

    spaces: tuple[Rows, Rows]  # (N, d1) and (N, d2), rows of unit norm
    whitenings: tuple[Whitening, Whitening]
    held: Tensor | None = None  # (N, D)

    @classmethod
    def of(
        cls,
        phi1: Rows,
        phi2: Rows,
        whitenings: tuple[Whitening, Whitening] | None = None,
        *,
        on_disk: bool | None = None,
    ) -> "JointRows":
        """Whiten both spaces, rows of unit norm in the same order (see `hume.data.space_rows.rows`).

        whitenings: of other rows of the same spaces, such as those that a model was fitted to; else these rows'.
        on_disk: read the rows at every pass, by the free memory if None. Raises InputError for a constant space.
        """
        rows = cls((phi1, phi2), whitenings or (Whitening.of(phi1, "φ1"), Whitening.of(phi2, "φ2")))
        if not fits(4 * len(rows) * rows.dim, phi1.device) if on_disk is None else on_disk:
            return rows
        held = torch.empty(len(rows), rows.dim, device=phi1.device)
        for start, block in rows.blocks(block_rows(1, rows.dim)):
            held[start : start + len(block)] = block
        return replace(rows, held=held, spaces=(held[:, :0], held[:, :0]))

    @property
    def dim(self) -> int:
        """D, the directions of both spaces."""
        return sum(whitening.transform.shape[1] for whitening in self.whitenings)

    @property
    def device(self) -> torch.device:
        return self.whitenings[0].mean.device

    @once
    def second(self) -> Tensor:
        """The second moment zᵀz/N (D, D) of all rows, float64: one pass over them serves every fit."""
        total = torch.zeros(self.dim, self.dim, dtype=torch.float64, device=self.device)
        for _, block in self.blocks(block_rows(1, self.dim)):
            total += (block.mT @ block).double()
        return total / len(self)

    def __len__(self) -> int:
        return len(self.spaces[0])

    def take(self, numbers: Tensor) -> Tensor:
        """Some rows (n, D), by their numbers."""
        if self.held is not None:
            return self.held[numbers.to(self.device)]
        numbers = numbers.to(self.spaces[0].device)
        return torch.cat([white(space[numbers]) for white, space in zip(self.whitenings, self.spaces, strict=True)], 1)

    def blocks(self, size: int) -> Iterator[tuple[int, Tensor]]:
        """All rows in order, at most `size` at once, each block with its first row's number."""
        if self.held is None:  # a block of a wide space with few directions is larger than what becomes of it
            size = min(size, block_rows(1, max(len(whitening.mean) for whitening in self.whitenings)))
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            yield start, self.take(torch.arange(start, stop)) if self.held is None else self.held[start:stop]
