"""The cost of recording: the same search with and without it, alternating.

    python -m benchmarks.recording                     # the embedded images, 100 seeds, 60 iterations, 5 turns
    python -m benchmarks.recording --iterations 0      # until every seed has ended
    python -m benchmarks.recording --threads 1         # for a machine that is not idle

A search writes all its files, as a run on disk does, and is not scored. Few iterations are the hard case: frames are
dense at the beginning, and a file a seed is written for a shorter search. Other work affects wall-clock time; it
affects processor time less, and so the share of the seconds inside the recorder, disk included.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import psutil
import torch

import hume
from hume.runs import discover, searching
from hume.runs.store import Store
from hume.runs.trajectory import Recorder

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Measured:
    """The cost of one search."""

    wall: float  # seconds
    processor: float  # seconds
    inside: float  # seconds of the wall clock in the recorder
    iterations: float  # of a seed, on average
    seeds_bytes: int
    recorded_bytes: int


def searched(home: Path, options: argparse.Namespace, record: bool) -> Measured:
    """Search a new run completely, as `Run.execute` does."""
    dataset = hume.load_dataset(options.dataset)
    classes = discover.classes_of(dataset, None)
    config, solver = hume.preset("fast", num_classes=classes, num_samples=dataset.num_samples)
    if options.iterations:
        config = replace(config, num_iterations=options.iterations, patience=None)
    phi1, phi2 = dataset.default_pair
    seeds = range(options.seeds)
    run = Store(home).create(dataset, phi1=phi1, phi2=phi2, config=config, solver=solver, seeds=seeds)
    recorder = Recorder(run.folder, seeds, config.num_iterations)
    inside, lengths, begin = 0.0, [], (perf_counter(), process_time())
    rows, steps = searching.prepare_search(
        dataset, phi1, phi2, run.request.config, solver, seeds, "transductive", "cpu"
    )
    for step in steps:
        if step.finished:
            for seed, labeling in zip(step.finished, searching.label_all(rows, step.finished), strict=True):
                run.write_seed(seed, labeling, 0.0)
                lengths.append(len(seed.objective))
        if record:
            start = perf_counter()
            recorder.record(step)
            inside += perf_counter() - start
    return Measured(
        wall=perf_counter() - begin[0],
        processor=process_time() - begin[1],
        inside=inside,
        iterations=sum(lengths) / len(lengths),
        seeds_bytes=size(run.folder / "seeds"),
        recorded_bytes=size(run.folder / "trajectories"),
    )


def size(folder: Path) -> int:
    """The bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.glob("*"))


def table(plain: Sequence[Measured], recorded: Sequence[Measured]) -> str:
    """A table of medians, for docs/performance.md."""
    lines = ["| | without | with recording | more |", "| --- | --- | --- | --- |"]
    for name in ("wall", "processor"):
        without, with_it = (median(getattr(one, name) for one in some) for some in (plain, recorded))
        pairs = [getattr(b, name) / getattr(a, name) - 1 for a, b in zip(plain, recorded, strict=True)]
        spread = f"{min(pairs):+.1%} to {max(pairs):+.1%}"
        lines.append(f"| {name} s | {without:.2f} | {with_it:.2f} | {median(pairs):+.1%} ({spread}) |")
    share = [one.inside / (one.wall - one.inside) for one in recorded]
    seconds = median(one.inside for one in recorded)
    lines.append(f"| inside the recorder, s | | {seconds:.3f} | {median(share):.2%} (at most {max(share):.2%}) |")
    one = recorded[0]
    lines.append(f"| MiB on disk | {one.seeds_bytes / MEBIBYTE:.1f} | + {one.recorded_bytes / MEBIBYTE:.1f} | |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the cost of recording a search.")
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--iterations", type=int, default=60, help="of every seed; 0: until convergence")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    measured: dict[bool, list[Measured]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        searched(Path(folder, "warm"), argparse.Namespace(**{**vars(options), "iterations": 5}), True)
        for turn in range(options.turns):
            for record in (False, True) if turn % 2 == 0 else (True, False):
                measured[record].append(searched(Path(folder, f"{turn}-{record}"), options, record))
    load = psutil.getloadavg()[1]
    length = measured[True][0].iterations
    print(f"{options.dataset}, {options.seeds} seeds, {length:.0f} iterations each, {options.turns} turns")
    print(f"{options.threads} threads, load average {load:.1f} over five minutes: other work counts in the wall clock")
    print(table(measured[False], measured[True]))


if __name__ == "__main__":
    main()
