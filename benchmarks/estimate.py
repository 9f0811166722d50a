"""Estimated and measured cost of a run: seconds from a few iterations, and memory by formula.

    python -m benchmarks.estimate                       # everything, about three minutes on two cores
    python -m benchmarks.estimate --only digits-20 --repeats 3
    python -m benchmarks.estimate --threads 1           # for a machine that is not idle

Run it on an idle machine: it prints how many cores other processes used meanwhile. With one
thread, processor time is measured instead of wall-clock time, since other work hardly changes it.
Of several repeats the fastest counts. Every run has its own process, for its peak memory.
"""

import argparse
import multiprocessing
import platform
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from time import perf_counter, process_time
from typing import Any, Self

import numpy as np
import psutil
import torch

import hume
from hume.data.dataset import Dataset, Space
from hume.engine.solvers import Unrolled
from hume.runs import choice_of_evenness, result, searching
from hume.runs import pace as measuring
from hume.runs.cost import TYPICAL_PATIENCES, Sizes, iterations, most_bytes
from hume.runs.pace import Seconds
from hume.runs.refinement import Refinement

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Case:
    """One search: a dataset, the number of seeds, and what differs from the fast preset."""

    dataset: str
    num_seeds: int
    changes: dict[str, Any] = field(default_factory=dict)
    unrolled: bool = False

    @property
    def is_default(self) -> bool:
        """Whether it is a page's default search, which chooses how even classes should be and refines."""
        return not self.changes and not self.unrolled


KNOWN = {"patience": None}  # the number of iterations is known beforehand
CASES = {
    "digits-20": Case("digits", 20),
    "digits-100": Case("digits", 100),
    "fashion-20": Case("fashion-mnist", 20),
    "fashion-100": Case("fashion-mnist", 100),
    "digits-known": Case("digits", 20, KNOWN | {"num_iterations": 300}),
    "fashion-known": Case("fashion-mnist", 20, KNOWN | {"num_iterations": 100}),
    "digits-unrolled": Case("digits", 20, KNOWN | {"num_iterations": 4}, unrolled=True),
    "digits-householder": Case("digits", 20, KNOWN | {"num_iterations": 100, "encoder": "householder"}),
    "synthetic": Case("synthetic", 20, KNOWN | {"num_iterations": 40}),
}


@dataclass(frozen=True)
class Cost:
    """The measured or estimated cost of one run."""

    stages: Seconds
    bytes: int
    iterations: float  # of a seed, on average
    others: float = 0.0  # cores that other processes used meanwhile

    @property
    def seconds(self) -> float:
        return sum(self.stages)


class Watch:
    """Measure the growth of this process's memory to its peak."""

    def __enter__(self) -> Self:
        self._process, self._done = psutil.Process(), threading.Event()
        self._before = self.peak = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._done.wait(0.005):
            self.peak = max(self.peak, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.growth = self.peak - self._before


def compare(case: Case, num_threads: int) -> tuple[Cost, Cost]:
    """Measure a part of a search, then do all of it; for a process of its own."""
    torch.set_num_threads(num_threads)
    dataset = synthetic() if case.dataset == "synthetic" else hume.load_dataset(case.dataset)
    config, solver = hume.preset("fast", num_classes=10, num_samples=dataset.num_samples)
    config, solver = replace(config, **case.changes), Unrolled() if case.unrolled else solver
    phi1, phi2 = dataset.default_pair
    clock: Callable[[], float] = process_time if num_threads == 1 else perf_counter
    measuring.perf_counter = clock  # type: ignore[attr-defined]
    sizes = Sizes.of(dataset, phi1, phi2, config, solver, num_seeds=case.num_seeds)
    pace = measuring.measure(dataset, phi1, phi2, config, solver, sizes, "transductive", "cpu")
    if pace is None:
        raise RuntimeError(f"{case.dataset} cannot be searched with these settings")
    stages = pace.seconds(sizes, config, refines=case.is_default, chooses=case.is_default)
    estimated = Cost(
        stages, most_bytes(sizes, config, solver, refines=case.is_default), iterations(config, TYPICAL_PATIENCES)
    )
    busy, own, begin, start = busy_seconds(), process_time(), perf_counter(), clock()
    with Watch() as memory:
        if case.is_default:
            choice_of_evenness.choose(dataset, phi1, phi2, config, solver)
        chosen = clock()
        rows, steps = searching.prepare_search(
            dataset, phi1, phi2, config, solver, range(case.num_seeds), "transductive", "cpu"
        )
        finished = [seed for step in steps for seed in step.finished]
        labelings = searching.label_all(rows, finished)
        searched = clock()
        result.score_labelings(dataset, phi2, labelings, config.num_classes)
        scored = refined = clock()
        if case.is_default:
            stage = Refinement.of(dataset, phi1, phi2, config, np.ones(dataset.num_samples, bool))
            labeled = stage.refine(labelings)
            final = stage.final(labeled, len(labelings))
            refined = clock()
            result.score_refined(dataset, phi2, labeled, final, config.num_classes)
        end = clock()
    return estimated, Cost(
        stages=Seconds(searched - chosen, scored - searched + end - refined, refined - scored, chosen - start),
        bytes=memory.growth,
        iterations=float(np.mean([len(seed.objective) for seed in finished])),
        others=max(0.0, busy_seconds() - busy - (process_time() - own)) / (perf_counter() - begin),
    )


def busy_seconds() -> float:
    """Busy seconds of all cores since the machine started."""
    times = psutil.cpu_times()
    return sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))


def synthetic(num_samples: int = 20_000, dims: tuple[int, int] = (512, 1536)) -> Dataset:
    """Two spaces of ten classes with the decaying spectrum of deep features."""
    rng = np.random.default_rng(0)
    classes = rng.integers(10, size=num_samples)
    spaces = {}
    for name, dim in zip(("phi1", "phi2"), dims, strict=True):
        spread = np.arange(1, dim + 1) ** -0.5
        features = spread * rng.normal(size=(num_samples, dim)) + spread * rng.normal(size=(10, dim))[classes]
        spaces[name] = Space(name, features.astype(np.float32))
    return Dataset(name="synthetic", spaces=spaces)


def fastest(costs: Iterable[Cost]) -> Cost:
    """The one with the fewest seconds."""
    return min(costs, key=lambda one: one.seconds)


def best_of(case: Case, repeats: int, num_threads: int) -> tuple[Cost, Cost]:
    """The fastest estimate and the fastest run of several."""
    pairs = []
    for _ in range(repeats):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pairs.append(pool.apply(compare, (case, num_threads)))
    return fastest(estimated for estimated, _ in pairs), fastest(measured for _, measured in pairs)


def line(estimated: Cost, measured: Cost) -> str:
    """Estimated / measured (their ratio) for every quantity."""
    pairs = {
        "iterations": (estimated.iterations, measured.iterations, ".0f"),
        **{
            f"{name} s": (said, took, ".2f")
            for name, said, took in zip(Seconds._fields, estimated.stages, measured.stages, strict=True)
            if took
        },
        "all s": (estimated.seconds, measured.seconds, ".2f"),
        "MiB": (estimated.bytes / MEBIBYTE, measured.bytes / MEBIBYTE, ".0f"),
    }
    columns = [f"{what} {a:{digits}} / {b:{digits}} ({a / b:.2f})" for what, (a, b, digits) in pairs.items()]
    return ", ".join([*columns, f"others {measured.others:.1f} cores"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare the estimated cost of a search with the measured one.")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {given.threads} threads, torch {torch.__version__}")
    print("estimated / measured (ratio)")
    for name in given.only:
        print(f"{name:20}{line(*best_of(CASES[name], given.repeats, given.threads))}", flush=True)
