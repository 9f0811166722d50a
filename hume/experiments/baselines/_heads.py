"""Common code of clustering heads on frozen features: rows of unit length, neighbours, batches, starts, checks.

Many heads are trained in parallel: S seeds with H heads each. Rows of a seed are (S, n, d), the weights of a layer
(S, H · out, in), and the heads' outputs (S, H, K, n). The samples are last, so that a softmax over the K classes reads
memory in order. Every seed draws from its own generator: its result does not depend on the other seeds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.errors import InputError
from hume.evaluation.neighbors import UnitRows, clipped, nearest

Features: TypeAlias = NDArray[np.floating[Any]]

BLOCK_ELEMENTS = 16_000_000  # numbers of the heads' outputs that are held at once


@dataclass(frozen=True, eq=False, kw_only=True)
class ChosenHeads:
    """One labeling a seed: that of its head with the lowest loss."""

    labelings: NDArray[np.int64]  # (S, N) classes in 0..K − 1
    loss: NDArray[np.float64]  # (S,) nats, lower is better; over the rows that the method's docstring names
    heads: NDArray[np.int64]  # (S,) the chosen head
    seconds: float  # of all seeds together


def open_space(features: Features, num_classes: int, device: torch.device | str) -> UnitRows:
    """The rows (N, d) with unit L2 norm, in float32; raises InputError for fewer samples than classes or bad values."""
    space = UnitRows(np.asarray(features), device)
    if not 2 <= num_classes <= space.num_samples:
        raise InputError(f"num_classes is {num_classes}: choose 2 to {space.num_samples}, the number of samples.")
    return space


def all_rows(space: UnitRows) -> Tensor:
    """Every row of a space, (N, d)."""
    return space.take(np.arange(space.num_samples))


def neighbors_of(space: UnitRows, num_neighbors: int) -> Tensor:
    """The nearest neighbours (N, k) of every row, nearest first, without the row itself."""
    rows = np.arange(space.num_samples)
    return torch.from_numpy(nearest(space, rows, clipped(num_neighbors, space.num_samples))).to(space.device)


def check_settings(counts: dict[str, int], positive: dict[str, float]) -> None:
    """Raise InputError for a count below 1 or a number that is not positive."""
    for name, count in counts.items():
        if count < 1:
            raise InputError(f"{name} is {count}: give at least 1.")
    for name, number in positive.items():
        if not number > 0:
            raise InputError(f"{name} is {number}: give a positive number.")


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One generator a seed; raises InputError when there are none."""
    if len(seeds) == 0:
        raise InputError("there are no seeds: give at least one.")
    return [torch.Generator().manual_seed(int(seed)) for seed in seeds]


def random_linear(
    drawing: list[torch.Generator], heads: int, num_in: int, num_out: int, device: torch.device | str
) -> tuple[Tensor, Tensor]:
    """Weight (S, H · out, in) and bias (S, H · out, 1), uniform in ±1/√in: the start of torch.nn.Linear."""
    bound = num_in**-0.5
    shape = heads * num_out, num_in + 1
    both = torch.stack([torch.empty(shape).uniform_(-bound, bound, generator=rng) for rng in drawing]).to(device)
    return both[..., :-1].clone().requires_grad_(), both[..., -1:].clone().requires_grad_()


def by_head(numbers: Tensor, heads: int) -> Tensor:
    """(S, H · out, n) as (S, H, out, n)."""
    return numbers.view(len(numbers), heads, -1, numbers.shape[2])


def epoch_batches(drawing: list[torch.Generator], num_samples: int, size: int) -> Iterator[Tensor]:
    """Row numbers (S, B) of one pass in a random order for each seed; an incomplete last batch is dropped.

    B is `size`, or all samples where there are fewer.
    """
    size = min(size, num_samples)
    order = torch.stack([torch.randperm(num_samples, generator=rng) for rng in drawing])
    for start in range(0, num_samples - size + 1, size):
        yield order[:, start : start + size]


def endless_batches(drawing: list[torch.Generator], num_samples: int, size: int) -> Iterator[Tensor]:
    """`epoch_batches` pass after pass."""
    while True:
        yield from epoch_batches(drawing, num_samples, size)


def draw_neighbors(drawing: list[torch.Generator], batch: Tensor, neighbors: Tensor) -> Tensor:
    """One of the nearest neighbours (N, k) of every sample in a batch (S, B), drawn uniformly."""
    k = neighbors.shape[1]
    chosen = torch.stack([torch.randint(k, (batch.shape[1],), generator=rng) for rng in drawing])
    return neighbors[batch.to(neighbors.device), chosen.to(neighbors.device)]


def best_heads(losses: Tensor) -> tuple[Tensor, NDArray[np.float64]]:
    """The head (S,) with the lowest of the losses (S, H) of each seed, and that loss (S,)."""
    lowest, head = losses.min(dim=1)
    return head, lowest.double().cpu().numpy()


def blocks(space: UnitRows, numbers_a_sample: int) -> Iterator[tuple[slice, Tensor]]:
    """All rows in order, in blocks for which the heads' outputs stay small."""
    yield from space.blocks(max(1, BLOCK_ELEMENTS // numbers_a_sample))
