"""Trajectories: the prototypes of a search at some of its iterations, so that any finished run can be replayed.

    <run>/trajectories/<seed>.safetensors   iterations (F,), prototypes (F, K, d1) float16

Objective and test error of every iteration are in the seed's own file. `hume.runs.replay` computes labelings from both.

Frames are recorded at iterations in geometric progression: 0, 1, 2, … to 16, then at growing distances. Labels change
most at the beginning: on the embedded images half of the rows have their final class after 3 iterations of about 360,
four fifths after 20, so evenly spaced frames would show all of it in the first three. And the resolution is the same
wherever a search ends.
"""

import shutil
import weakref
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor

from hume.common.devices import out_of_memory
from hume.common.files import write_atomically
from hume.engine.finished_seed import FinishedSeed
from hume.engine.search import Step

MEBIBYTE = 2**20
MAX_FRAMES = 64  # a seed
MIN_FRAMES = 16  # rather than fewer, only some of the seeds are recorded
MAX_BYTES = 64 * MEBIBYTE  # a run
ROOM = 256 * MEBIBYTE  # that stay free on the disk: results matter more than trajectories


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One seed's prototypes during the search, from the random start to the final ones."""

    seed: int
    iterations: NDArray[np.int64]  # (F,) updates so far, ascending
    prototypes: NDArray[np.float16]  # (F, K, d1)


@dataclass(frozen=True)
class Plan:
    """What is recorded of a run: at most `frames` frames a seed, of the first `seeds` seeds."""

    frames: int
    seeds: int


def plan(num_seeds: int, num_classes: int, dim: int, max_bytes: int = MAX_BYTES) -> Plan:
    """Fit the trajectories of a run's seeds, prototypes (K, d1) a frame, into `max_bytes`.

    Every seed has 64 frames where there is room for them, else fewer, down to 16; where these are too many, only
    the first seeds are recorded, or none.
    """
    room = max_bytes // (2 * num_classes * dim + 4)  # frames of all seeds
    frames = min(MAX_FRAMES, max(room // num_seeds, MIN_FRAMES))
    return Plan(frames, min(num_seeds, room // frames))


def times(num_iterations: int, number: int) -> tuple[int, ...]:
    """The iterations, from 0 and at most `number`, at which frames are recorded; the end of the search is one more.

    The next one is where a geometric progression to the end has it, at least one iteration later.
    """
    iterations = [0]
    while len(iterations) < number and iterations[-1] < num_iterations - 1:
        last = max(iterations[-1], 1)
        ratio = (num_iterations / last) ** (1 / (number - len(iterations) + 1))
        iterations.append(max(iterations[-1] + 1, round(iterations[-1] * ratio)))
    return tuple(iterations)


# --- recording -----------------------------------------------------------------------------------


@dataclass(eq=False)
class _Frame:
    """The prototypes of one batch; they stay on its device, without synchronization, until their seeds end."""

    iteration: int
    seeds: tuple[int, ...]
    prototypes: Tensor  # (A, K, d1) float16
    source: "weakref.ref[Tensor]"  # the tensor of the step


class Recorder:
    """Record a search's steps and write every seed's trajectory when it ends, without slowing the search.

    folder: the run's; seeds: all requested ones, of which the first are recorded, see `plan`. At most `max_bytes` are
    held and written, and nothing is written where less than `room` bytes would stay free on the disk. Recording never
    ends a search: where the disk or the memory fails, recording ends, nothing is raised, and what is written stays.
    """

    def __init__(
        self,
        folder: Path,
        seeds: Sequence[int],
        num_iterations: int,
        *,
        max_bytes: int = MAX_BYTES,
        room: int = ROOM,
    ):
        self._folder, self._seeds, self._num_iterations = folder / "trajectories", tuple(seeds), num_iterations
        self._max_bytes, self._room = max_bytes, room
        self._times: tuple[int, ...] = ()
        self._chosen: frozenset[int] | None = None  # once the size of the prototypes is known
        self._frames: dict[int, list[_Frame]] = {}  # of every seed under way

    def record(self, step: Step) -> None:
        """Take a frame of the step's seeds if one is due, and write the trajectories of those that end with it."""
        try:
            self._record(step)
        except (OSError, RuntimeError, MemoryError) as error:
            if not (isinstance(error, OSError) or out_of_memory(error)):
                raise
            self._frames, self._chosen = {}, frozenset()

    def _record(self, step: Step) -> None:
        if self._chosen is None:
            _, num_classes, dim = step.prototypes.shape
            fitting = plan(len(self._seeds), num_classes, dim, self._max_bytes)
            self._times = times(self._num_iterations, fitting.frames - 1)
            self._chosen = frozenset(self._seeds[: fitting.seeds])
        positions = [
            i for i, seed in enumerate(step.seeds)
            if seed in self._chosen and (step.iteration == 0 or seed in self._frames)
        ]  # fmt: skip
        if not positions:
            return
        self._take(step, positions)
        for seed in step.finished:
            if seed.seed in self._frames:
                self._write(seed, self._frames.pop(seed.seed))

    def state(self) -> dict[str, Tensor]:
        """The frames so far of the seeds under way, to go on with them after a kill."""
        frames = {id(frame): frame for each in self._frames.values() for frame in each}
        state = {}
        for number, frame in enumerate(frames.values()):
            state[f"{number}.iteration"] = torch.tensor(frame.iteration)
            state[f"{number}.seeds"] = torch.tensor(frame.seeds)
            state[f"{number}.prototypes"] = frame.prototypes
        return state

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the frames of an earlier search; a seed without any is not recorded."""
        for number in range(len(state) // 3):
            iteration, seeds, prototypes = (state[f"{number}.{name}"] for name in ("iteration", "seeds", "prototypes"))
            own = tuple(seeds.tolist())
            frame = _Frame(int(iteration), own, prototypes, weakref.ref(prototypes))
            for seed in own:
                self._frames.setdefault(seed, []).append(frame)

    def _take(self, step: Step, positions: list[int]) -> None:
        seeds = tuple(step.seeds[i] for i in positions)
        if step.iteration == 0:  # also of a batch that is started again, in halves or by another worker
            self._frames.update({seed: [] for seed in seeds})
        taken = self._frames.setdefault(seeds[0], [])  # a batch's seeds have the same ones
        latest = taken[-1] if taken else None
        if latest is not None and latest.source() is step.prototypes:
            latest.iteration = step.iteration  # steps from a cluster share the prototypes of the last of them
            return
        if latest is not None and bisect_right(self._times, step.iteration) == bisect_right(
            self._times, latest.iteration
        ):
            return
        chosen = step.prototypes if len(positions) == len(step.seeds) else step.prototypes[positions]
        frame = _Frame(step.iteration, seeds, chosen.half(), weakref.ref(step.prototypes))
        for seed in seeds:
            self._frames.setdefault(seed, []).append(frame)

    def _write(self, seed: FinishedSeed, frames: list[_Frame]) -> None:
        if shutil.disk_usage(self._folder.parent).free < self._room:
            raise OSError(f"less than {self._room} bytes are free")
        recorded = torch.stack([frame.prototypes[frame.seeds.index(seed.seed)] for frame in frames]).cpu().numpy()
        arrays = {
            "iterations": np.array([*(frame.iteration for frame in frames), len(seed.objective)], np.int32),
            "prototypes": np.concatenate([recorded, seed.prototypes[None].astype(np.float16)]),
        }
        self._folder.mkdir(exist_ok=True)
        # Flushing is several times slower; a file damaged by a power cut is detected when read.
        write_atomically(trajectory_path(self._folder.parent, seed.seed), save(arrays), flush=False)


def trajectory_path(folder: Path, seed: int) -> Path:
    return folder / "trajectories" / f"{seed:05d}.safetensors"
