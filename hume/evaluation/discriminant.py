"""Classes of one shared covariance in both spaces, in closed form from moments of the rows: the supervised refinement.

The model is that of `hume.engine.refinement`; here classes are given, for rows that are read in blocks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from hume.common.errors import InputError
from hume.data import space_rows
from hume.data.dataset import Space
from hume.data.rows import Rows
from hume.engine.joint_rows import Whitening, block_rows
from hume.engine.refinement import LEAST_WITHIN, SHRINKAGE

Whitenings: TypeAlias = tuple[Whitening, Whitening]


@dataclass(frozen=True, eq=False)
class WhitenedPair:
    """The rows of two spaces, of unit norm and whitened, read in blocks."""

    spaces: tuple[Rows, Rows]
    whitenings: Whitenings

    @classmethod
    def of(cls, phi1: Space, phi2: Space, whitenings: Whitenings | None = None) -> "WhitenedPair":
        """Whiten spaces of the same samples, as other rows where `whitenings` are given; raises InputError."""
        first, second = (space_rows.rows(space, unit=True) for space in (phi1, phi2))
        if len(first) != len(second):
            raise InputError(f"phi1 has {len(first)} rows and phi2 {len(second)}: give both for the same samples")
        for space, white in zip((first, second), whitenings or (), strict=False):
            if space.shape[1] != len(white.mean):
                raise InputError(f"rows have {space.shape[1]} dimensions and the seen ones {len(white.mean)}")
        return cls((first, second), whitenings or (Whitening.of(first, "φ1"), Whitening.of(second, "φ2")))

    def __len__(self) -> int:
        return len(self.spaces[0])

    @property
    def dim(self) -> int:
        """D, the directions of both spaces."""
        return sum(white.transform.shape[1] for white in self.whitenings)

    def blocks(self, columns: int) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Row numbers, whitened rows (n, D) of both spaces, and the squared length (n, 2) that these leave out."""
        size = block_rows(columns, max(space.shape[1] for space in self.spaces))
        for start in range(0, len(self), size):
            rows = torch.arange(start, min(start + size, len(self)))
            blocks = [space[rows] for space in self.spaces]
            whitened = [white(block) for white, block in zip(self.whitenings, blocks, strict=True)]
            missed = [_missed(*each) for each in zip(blocks, whitened, self.whitenings, strict=True)]
            yield slice(start, start + len(rows)), torch.cat(whitened, 1), torch.stack(missed, 1)


def _missed(rows: Tensor, whitened: Tensor, white: Whitening) -> Tensor:
    """The squared length (n,) of rows less their mean outside of the leading directions."""
    return ((rows - white.mean).square().sum(1) - (whitened * white.deviations).square().sum(1)).clamp_(min=0)


@dataclass(frozen=True, eq=False)
class Moments:
    """Rows (K,), sums (K, D) of every class, and the sum of zzᵀ (D, D) of all, float64."""

    counts: Tensor
    sums: Tensor
    second: Tensor

    @classmethod
    def none(cls, num_classes: int, dim: int) -> "Moments":
        """Of no row."""
        float64 = torch.float64
        sums, second = torch.zeros(num_classes, dim, dtype=float64), torch.zeros(dim, dim, dtype=float64)
        return cls(torch.zeros(num_classes, dtype=float64), sums, second)

    def add(self, z: Tensor, labels: Tensor) -> None:
        """Add whitened rows z (n, D) of classes (n,)."""
        self.counts.add_(torch.bincount(labels, minlength=len(self.counts)))
        self.sums.index_add_(0, labels, z.double())
        self.second.add_((z.mT @ z).double())

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.counts + other.counts, self.sums + other.sums, self.second + other.second)

    def __sub__(self, other: "Moments") -> "Moments":
        return Moments(self.counts - other.counts, self.sums - other.sums, self.second - other.second)

    @property
    def means(self) -> Tensor:
        """(K, D); zeros for a class without rows."""
        return self.sums / self.counts.clamp(min=1).unsqueeze(1)

    def factor(self) -> Tensor:
        """The Cholesky factor (D, D) of the covariance within classes, shrunk as in the refinement."""
        within = (self.second - self.means.mT @ self.sums) / self.counts.sum()
        level = (within.diagonal().mean() * SHRINKAGE).clamp(min=LEAST_WITHIN)
        factor: Tensor = torch.linalg.cholesky((1 - SHRINKAGE) * within + level * torch.eye(len(within)).double())
        return factor

    def classifier(self) -> tuple[Tensor, Tensor]:
        """Weights (D, K) and bias (K,) of the linear classifier; classes without rows are never predicted."""
        weights = torch.cholesky_solve(self.means.mT, self.factor())
        bias = (self.counts / self.counts.sum()).log() - 0.5 * (weights.mT * self.means).sum(1)
        return weights.float(), bias.float()
