"""What runs on a node of the cluster: one batch of seeds, searched a little further at every call."""

import os
import socket
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.devices import free_bytes
from hume.common.errors import RunError
from hume.engine.config import Config
from hume.engine.finished_seed import FinishedSeed
from hume.engine.search import Step, largest_batch, search
from hume.engine.solvers import InnerSolver

REPLY_EVERY = 0.5  # seconds of searching in one reply, at least
BYTES_PER_SECOND = 50e6  # that the prototypes of the replies may take of the network


@dataclass(frozen=True, eq=False)
class Reply:
    """Some iterations of a batch, of which A seeds are under way."""

    iteration: int  # the first
    seeds: tuple[int, ...]  # (A,)
    objective: NDArray[np.float32]  # (n, A)
    test_error: NDArray[np.float32]  # (n, A)
    label_shares: NDArray[np.float32]  # (n, A, K)
    prototypes: NDArray[np.float32]  # (A, K, d1) of the last
    finished: tuple[FinishedSeed, ...]  # with the last


class Worker:
    """A batch of seeds on the two spaces phi1 (N, d1) and phi2 (N, d2), which lie in its node's object store.

    It searches on the GPU that Ray gave it, else with so many `threads` of the CPU.
    """

    def __init__(
        self,
        phi1: NDArray[np.float32],
        phi2: NDArray[np.float32],
        config: Config,
        solver: InnerSolver,
        seeds: Sequence[int],
        threads: int | None,
    ):
        self._spaces = phi1, phi2
        self._config, self._solver, self._seeds, self._threads = config, solver, seeds, threads
        self._steps: Iterator[Step] = iter(())

    def begin(self) -> None:
        """Take the spaces to the device; raises RunError when it is not there."""
        device, size = "cuda", None
        if self._threads is None and not torch.cuda.is_available():
            raise RunError(
                f"node {socket.gethostname()} declares a GPU that torch cannot use: "
                "install torch with CUDA there, or declare the node with --num-gpus 0"
            )
        if self._threads is not None:
            device = "cpu"
            # Batches on one node would otherwise each count on all of its memory.
            free = free_bytes("cpu") * min(self._threads, os.cpu_count() or 1) // (os.cpu_count() or 1)
            widths = self._spaces[0].shape[1], self._spaces[1].shape[1]
            size = largest_batch(*widths, self._config, self._solver, free)
        phi1, phi2 = (_as_tensor(space).to(device) for space in self._spaces)
        self._steps = search(phi1, phi2, self._config, solver=self._solver, seeds=self._seeds, seed_batch=size)

    def advance(self) -> Reply:
        """Search until a seed ends or some time is over, and report every iteration."""
        began = monotonic()
        passed: list[tuple[Tensor, ...]] = []
        for step in self._steps:
            if step.iteration == 0:
                passed.clear()  # short of memory, a search begins again with fewer seeds
            passed.append((step.objective, step.test_error, step.label_shares))
            if step.finished or monotonic() - began >= max(REPLY_EVERY, step.prototypes.nbytes / BYTES_PER_SECOND):
                break
        objective, test_error, label_shares = (
            torch.stack(values).cpu().numpy() for values in zip(*passed, strict=True)
        )
        return Reply(
            iteration=step.iteration + 1 - len(passed),
            seeds=step.seeds,
            objective=objective,
            test_error=test_error,
            label_shares=label_shares,
            prototypes=step.prototypes.cpu().numpy(),
            finished=step.finished,
        )


def _as_tensor(rows: NDArray[np.float32]) -> Tensor:
    """The rows (N, d) where they lie: nothing may write to them, and a search does not."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(rows)
