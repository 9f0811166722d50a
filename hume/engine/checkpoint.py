"""A search in the middle of a batch: going on from there gives, bit for bit, what the undisturbed search gives.

A seed's numbers depend in their last bits on the seeds beside it, because one product serves all of them, and a search
amplifies last bits. So what is kept is the whole batch, not the seeds that are missing. The same bits need the same
machine, as many threads and the same libraries; elsewhere a search goes on as well, to other last bits.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

State = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a batch of seeds stands after an iteration."""

    seeds: tuple[int, ...]  # all of the batch, those that have ended too
    batch_size: int  # of the batches that follow
    iteration: int  # the next one
    state: State  # tensors on the search's device, which the next iteration changes


def part(state: State, name: str) -> dict[str, Tensor]:
    """The tensors of one owner, whose names in the whole state begin with `name.`."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}


def joined(**parts: State) -> dict[str, Tensor]:
    """The tensors of several owners, each name with its owner's in front."""
    return {f"{name}.{key}": tensor for name, state in parts.items() for key, tensor in state.items()}
