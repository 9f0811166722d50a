"""Rows about the search: whole, an iteration, by the paper's solver, by plain autograd."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np
import torch

import hume
from benchmarks.speed.job import Job, Measured, accuracy, measured
from benchmarks.speed.machine import Clock, flop, multiplication_rate, products, synchronize
from benchmarks.speed.reference import held_out, plain_iteration
from hume.data import space_rows
from hume.data.dataset import Dataset
from hume.data.rows import Rows
from hume.engine.config import Config, Precision, uses_bfloat16
from hume.engine.finished_seed import FinishedSeed
from hume.engine.inner import ImplicitProblem
from hume.engine.search import Step
from hume.engine.solvers import Implicit, InnerSolver, Unrolled
from hume.runs import searching

UNROLLED_SEEDS = 10
JUDGED_SEEDS, JUDGED_ITERATIONS = 4, 60
WARM_UP, BLOCK, BLOCKS, PACE_SECONDS = 3, 5, 6, 20.0  # iterations that are timed


@dataclass(frozen=True, kw_only=True)
class Observed(Implicit):
    """`Implicit` that records the rank of its problems."""

    ranks: list[int] = field(default_factory=list)

    def start(self, phi2: Rows, num_classes: int, seeds: Sequence[int]) -> ImplicitProblem:
        problem = super().start(phi2, num_classes, seeds)
        self.ranks.append(problem.rows(torch.zeros(1, dtype=torch.int64)).shape[1])
        return problem


def begin(
    job: Job, config: Config, solver: InnerSolver, dataset: Dataset, num_seeds: int
) -> tuple[Any, Iterator[Step]]:
    """All rows of φ1 and a search that has not begun, on the dataset's default pair."""
    phi1, phi2 = dataset.default_pair
    seeds = range(num_seeds)
    return searching.prepare_search(dataset, phi1, phi2, config, solver, seeds, "transductive", job.device)


def fast(job: Job, **changes: Any) -> tuple[Dataset, Config, Observed]:
    """The data with the preset `fast`, some of its fields changed."""
    dataset = job.load()
    K = dataset.num_classes or 0
    config, solver = hume.preset("fast", num_classes=K, num_samples=dataset.num_samples)
    return dataset, replace(config, **changes), Observed(**asdict(solver))  # type: ignore[call-overload]


def warm_up(job: Job) -> None:
    """Compile kernels by a short search, so that no row includes the compilation."""
    dataset, config, solver = fast(job, patience=None, num_iterations=2)
    for _ in begin(job, config, solver, dataset, 1)[1]:
        pass


def whole_search(job: Job, precision: Precision) -> Measured:
    dataset, config, solver = fast(job, precision=precision)
    stamps, active, finished = [], [], list[FinishedSeed]()
    with Clock(job.device) as clock:
        rows, steps = begin(job, config, solver, dataset, job.num_seeds)
        for step in steps:
            stamps.append(perf_counter())
            active.append(len(step.seeds))
            finished += step.finished
        finished.sort(key=lambda seed: seed.seed)
        labelings = searching.label_all(rows, finished)
    of_one_seed = products(config, rows.shape[1], solver.ranks[0], solver.inner_steps, 1)
    rate = flop(of_one_seed) * sum(active[1:]) / (stamps[-1] - stamps[0])
    return measured(
        clock,
        f"search, {job.num_seeds} seeds, {named(precision, job.device)}",
        rate=rate,
        share=rate / alone(job, config, solver, rows.shape[1], round(statistics.mean(active))),
        objective=float(np.mean([seed.final_objective for seed in finished])),
        acc=accuracy(dataset, *labelings),
        note=f"{sum(active) / job.num_seeds:.0f} iterations a seed",
        labelings=labelings,
        counts={"a seed and iteration": sum(active), "a labeling": job.num_seeds},
        ours=True,
    )


def iteration(job: Job, precision: Precision) -> Measured:
    dataset, config, solver = fast(job, precision=precision, patience=None)
    with Clock(job.device) as clock:
        rows, steps = begin(job, config, solver, dataset, job.num_seeds)
        seconds = pace(steps, job.device)
    rate = flop(products(config, rows.shape[1], solver.ranks[0], solver.inner_steps, job.num_seeds)) / seconds
    return measured(
        clock,
        f"one iteration, {job.num_seeds} seeds, {named(precision, job.device)}",
        seconds=seconds,
        rate=rate,
        share=rate / alone(job, config, solver, rows.shape[1], job.num_seeds),
        note=f"{config.num_train} + {config.num_test} rows, d1 = {rows.shape[1]}, r = {solver.ranks[0]}",
    )


def pace(steps: Iterator[Step], device: str) -> float:
    """Seconds of an iteration, the median over blocks of iterations after a warm-up."""
    taken: list[float] = []
    for _ in range(WARM_UP):
        next(steps)
    while not taken or (len(taken) < BLOCKS and BLOCK * sum(taken) < PACE_SECONDS):
        synchronize(device)
        start = perf_counter()
        for _ in range(BLOCK):
            next(steps)
        synchronize(device)
        taken.append((perf_counter() - start) / BLOCK)
    return statistics.median(taken)


def alone(job: Job, config: Config, solver: Observed, d1: int, num_seeds: int) -> float:
    """FLOP/s of the search's products alone, in the search's precision."""
    dtype = torch.bfloat16 if uses_bfloat16(config.precision, job.device) else torch.float32
    wanted = products(config, d1, solver.ranks[0], solver.inner_steps, max(1, num_seeds))
    return multiplication_rate(wanted, dtype, job.device)


def named(precision: Precision, device: str) -> str:
    return "bfloat16" if uses_bfloat16(precision, device) else "float32"


def unrolled(job: Job) -> Measured:
    dataset, config, _ = fast(job, patience=None, num_iterations=2, precision="float32")
    with Clock(job.device) as clock:
        _, steps = begin(job, config, Unrolled(), dataset, UNROLLED_SEEDS)
        next(steps)
        synchronize(job.device)
        start = perf_counter()
        next(steps)
        synchronize(job.device)
        seconds = (perf_counter() - start) / UNROLLED_SEEDS
    note = f"300 steps, {UNROLLED_SEEDS} seeds side by side"
    counts = {"a seed and iteration": 1}
    return measured(clock, "Unrolled, a seed and iteration", seconds=seconds, note=note, counts=counts)


def reference(job: Job) -> Measured:
    dataset, config, _ = fast(job)
    phi1, phi2 = (dataset.space(name) for name in dataset.default_pair)
    first, second = space_rows.unit_rows(phi1, centre=config.centre), space_rows.as_tensor(phi2)
    rows = torch.randperm(len(first), generator=torch.Generator().manual_seed(0))
    rows = rows[: config.num_train + config.num_test]
    first, second = first[rows].to(job.device), second[rows].to(job.device)
    with Clock(job.device) as clock:
        plain_iteration(first, second, config, Unrolled())
    what, counts = "plain autograd, a seed and iteration", {"a seed and iteration": 1}
    return measured(clock, what, note="300 steps, 1 seed", counts=counts)


def judged(job: Job, name: str, solver: InnerSolver) -> Measured:
    """A short search by a solver from the same starts on the same splits, evaluated by the paper's solver."""
    dataset, config, _ = fast(job, patience=None, num_iterations=JUDGED_ITERATIONS, precision="float32")
    with Clock(job.device) as clock:
        rows, steps = begin(job, config, solver, dataset, JUDGED_SEEDS)
        finished = [seed for step in steps for seed in step.finished]
    phi2 = space_rows.as_tensor(dataset.space(dataset.default_pair[1]), job.device)
    return measured(
        clock,
        f"{name}, {JUDGED_SEEDS} seeds, {JUDGED_ITERATIONS} iterations",
        objective=held_out(rows, phi2, config, finished).mean().item(),
        note="objective: held-out cross-entropy by Unrolled",
    )
