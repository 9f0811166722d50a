"""Replay of a run: the labelings of its seeds at every recorded frame, from `hume.runs.trajectory`.

Everything is computed on a sample of rows, 1,000 by default: a share of them is off by at most 3 percentage points,
95 % of the time, and a hundred seeds take seconds. Ground truth is optional, and only displayed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import safetensors
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.errors import InputError
from hume.common.files import regular
from hume.common.progress import Progress
from hume.data import splits
from hume.data.dataset import Dataset
from hume.engine.finished_seed import FINAL_WINDOW
from hume.engine.prototypes import hard_labels
from hume.evaluation import metrics
from hume.runs.run import Run
from hume.runs.trajectory import MAX_BYTES, MAX_FRAMES, Trajectory, plan, trajectory_path

NUM_ROWS = 1000
Labels = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Cloud:
    """The state of every seed at every frame; a seed that has ended keeps its last state."""

    seeds: NDArray[np.int64]  # (S,)
    iterations: NDArray[np.int64]  # (F,) updates so far, 0 first, ascending
    ends: NDArray[np.int64]  # (S,) the iteration after which each seed ended
    objective: NDArray[np.float64]  # (F, S) Eq. 7, nats, averaged over the iterations before
    settled: NDArray[np.float64]  # (F, S) share of the rows that have their final class
    changes: NDArray[np.float64]  # (F − 1, S) share of the rows that change class from one frame to the next
    acc: NDArray[np.float64] | None  # (F, S) clustering accuracy on the rows; None without ground truth
    rows: NDArray[np.int64]  # (n,) the sampled rows


@dataclass(frozen=True, eq=False)
class Movers:
    """Rows that change class between two frames."""

    rows: NDArray[np.int64]  # (m,)
    number: NDArray[np.int64]  # (m,) of changes
    latest: NDArray[np.int64]  # (m,) the frame of the last change
    before: Labels  # (m,) class at the first frame
    after: Labels  # (m,) at the last; the same as `before` for a row that changed back


Reason = Literal["imported", "unfinished", "not recorded", "too many seeds", "too many frames"]


@dataclass(frozen=True)
class MissingTrajectories:
    """Why trajectories of a run are missing."""

    reason: Reason
    recorded: int  # seeds that have one
    finished: int  # seeds
    frames: int  # of each seed, at most
    max_bytes: int  # of a run


def sample_rows(dataset: Dataset, num_rows: int = NUM_ROWS) -> NDArray[np.int64]:
    """A fixed random sample (n,), ascending, of the rows that scores are computed on."""
    rows = np.flatnonzero(splits.evaluated_rows(dataset))
    if len(rows) > num_rows:
        rows = np.sort(np.random.default_rng(0).choice(rows, num_rows, replace=False))
    return rows.astype(np.int64)


def labelings(phi1_rows: Tensor, trajectory: Trajectory) -> Labels:
    """The labeling of some rows by a seed at every frame, (F, n): the class of the closest prototype.

    phi1_rows: (n, d1) as the search saw them, from `Run.phi1_rows`. Frames hold 11 bits of each number, so a row
    between two classes may get the other one: the last frame is the seed's labeling except for these.
    """
    prototypes = torch.from_numpy(trajectory.prototypes).float().to(phi1_rows.device)
    return hard_labels(phi1_rows, prototypes).cpu().numpy().astype(np.int32)


def changes(labeled: Labels) -> NDArray[np.float64]:
    """The share of the rows that change class from each frame to the next, (F − 1,), of labelings (F, n)."""
    return np.asarray((labeled[1:] != labeled[:-1]).mean(axis=1), np.float64)


def settled(labeled: Labels) -> NDArray[np.float64]:
    """The share of the rows that have their final class, (F,), of labelings (F, n): 1 at the last."""
    return np.asarray((labeled == labeled[-1]).mean(axis=1), np.float64)


def accuracy(labeled: Labels, truth: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """The clustering accuracy of every frame, (F,), of labelings (F, n) against the classes (n,)."""
    return np.array([metrics.clustering_accuracy(truth, labeling) for labeling in labeled])


def objective_at(curve: NDArray[np.float32], iterations: NDArray[np.int64]) -> NDArray[np.float64]:
    """Eq. 7 at some iterations, (F,), from a seed's curve (T,), averaged because single splits are noisy.

    The average is over the last quarter of the iterations so far, 20 at most, and over the last 20 at the seed's end,
    which gives the objective that the run reports.
    """
    T = len(curve)
    sums = np.concatenate([[0.0], np.cumsum(curve, dtype=np.float64)])
    stop = np.minimum(iterations + 1, T)
    length = np.where(iterations >= T, FINAL_WINDOW, np.clip(iterations // 4, 1, FINAL_WINDOW))
    start = np.maximum(stop - length, 0)
    return np.asarray((sums[stop] - sums[start]) / (stop - start), np.float64)


def cloud(
    run: Run,
    dataset: Dataset,
    seeds: Sequence[int] | None = None,
    *,
    num_rows: int = NUM_ROWS,
    on_progress: Progress | None = None,
) -> Cloud:
    """Align all recorded seeds, or those of `seeds` that were recorded, at the same frames.

    The frames are those of the seed that took longest; every other seed shows its latest frame at each.
    Raises InputError when none of the seeds was recorded.
    """
    read = [read_trajectory(run, seed) for seed in recorded_seeds(run) if seeds is None or seed in seeds]
    trajectories = [trajectory for trajectory in read if trajectory is not None]
    if not trajectories:
        raise InputError(f"nothing of run {run.name!r} was recorded: search again to replay it")
    iterations = max(trajectories, key=lambda trajectory: int(trajectory.iterations[-1])).iterations
    rows = sample_rows(dataset, num_rows)
    phi1 = run.phi1_rows(dataset)[torch.from_numpy(rows)]
    truth = None if dataset.labels is None else dataset.labels[rows]
    columns: list[list[NDArray[np.float64]]] = []
    for number, trajectory in enumerate(trajectories):
        labeled = labelings(phi1, trajectory)
        latest = _latest(trajectory.iterations, iterations)
        curve = run.seed_array(trajectory.seed, "objective")
        acc = np.zeros(0) if truth is None else accuracy(labeled, truth)[latest]
        objective = objective_at(curve, trajectory.iterations)[latest]
        columns.append([objective, settled(labeled)[latest], changes(labeled[latest]), acc])
        if on_progress is not None:
            on_progress((number + 1) / len(trajectories))
    objective, still, moved, acc = (np.stack(column, axis=1) for column in zip(*columns, strict=True))
    return Cloud(
        seeds=np.array([trajectory.seed for trajectory in trajectories], np.int64),
        iterations=iterations,
        ends=np.array([trajectory.iterations[-1] for trajectory in trajectories], np.int64),
        objective=objective,
        settled=still,
        changes=moved,
        acc=None if truth is None else acc,
        rows=rows,
    )


def followed(run: Run, dataset: Dataset, cloud: Cloud, seed: int, reference: NDArray[np.integer[Any]]) -> Labels:
    """The labelings of a cloud's rows by one of its seeds at every frame, (F, n), in the classes of a reference.

    reference: (N,) the seed's last labeling with its classes renamed, as those of `Findings.aligned` are. Raises
    InputError for a seed that was not recorded.
    """
    trajectory = read_trajectory(run, seed)
    if trajectory is None:
        raise InputError(f"seed {seed} of run {run.name!r} was not recorded: follow another one")
    latest = _latest(trajectory.iterations, cloud.iterations)
    labeled = labelings(run.phi1_rows(dataset)[torch.from_numpy(cloud.rows)], trajectory)
    names = metrics.match_classes(labeled[-1], reference[cloud.rows], run.request.config.num_classes)
    return names.astype(np.int32)[labeled[latest]]


def movers(
    labeled: Labels,
    rows: NDArray[np.int64],
    *,
    start: int = 0,
    end: int | None = None,
    order: Literal["recent", "often"] = "recent",
) -> Movers:
    """Find the rows that change class from frame `start` to frame `end`, by default the last one.

    labeled: (F, n), see `labelings`; rows: (n,) their numbers. A row that changes back counts. First come those with
    the latest change, or those that change most often; ties are sorted by the other of the two, then by position.
    """
    frames = labeled[start : (len(labeled) - 1 if end is None else end) + 1]
    moved = frames[1:] != frames[:-1]  # (f − 1, n)
    number = moved.sum(axis=0)
    chosen = np.flatnonzero(number)
    number = number[chosen]
    latest = start + len(moved) - np.argmax(moved[::-1, chosen], axis=0) if len(chosen) else number
    keys = (-number, -latest) if order == "recent" else (-latest, -number)  # the last key counts most
    ranked = np.lexsort(keys)
    chosen = chosen[ranked]
    return Movers(rows[chosen], number[ranked], latest[ranked], frames[0, chosen], frames[-1, chosen])


def _latest(frames: NDArray[np.int64], iterations: NDArray[np.int64]) -> NDArray[np.int64]:
    """The position of a seed's latest frame at each of some iterations; both ascending, frames in iterations."""
    return np.maximum(np.searchsorted(frames, iterations, side="right") - 1, 0)


def recorded_seeds(run: Run) -> tuple[int, ...]:
    """The finished seeds that have a trajectory, in ascending order."""
    return tuple(seed for seed in run.finished_seeds if trajectory_path(run.folder, seed).exists())


def read_trajectory(run: Run, seed: int) -> Trajectory | None:
    """The trajectory of a seed, None where there is none or where it is damaged."""
    try:
        with safetensors.safe_open(regular(trajectory_path(run.folder, seed)), framework="numpy") as file:
            iterations, prototypes = file.get_tensor("iterations"), file.get_tensor("prototypes")
    except (OSError, safetensors.SafetensorError):
        return None
    if prototypes.ndim != 3 or iterations.shape != prototypes.shape[:1] or len(iterations) == 0:
        return None
    return Trajectory(seed, iterations.astype(np.int64), prototypes)


def missing_trajectories(run: Run, max_bytes: int = MAX_BYTES) -> MissingTrajectories | None:
    """Which trajectories of a run are missing, and why; None where every finished seed has all its frames."""
    recorded, finished, frames = len(recorded_seeds(run)), run.finished_seeds, 0
    reason: Reason
    if run.request.origin == "authors":
        reason = "imported"
    elif not finished:
        reason = "unfinished"
    else:
        num_classes, dim = run.seed_array(finished[0], "prototypes").shape
        fitting = plan(len(run.request.seeds), num_classes, dim, max_bytes)
        frames = fitting.frames
        if recorded < len(set(run.request.seeds[: fitting.seeds]) & set(finished)):
            reason = "not recorded"
        elif fitting.seeds < len(run.request.seeds):
            reason = "too many seeds"
        elif frames < MAX_FRAMES:
            reason = "too many frames"
        else:
            return None
    return MissingTrajectories(reason, recorded, len(finished), frames, max_bytes)
