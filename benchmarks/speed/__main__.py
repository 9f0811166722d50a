"""Read what to time, time it, show it."""

import argparse
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import psutil
import torch
from rich.console import Console

from benchmarks import speed
from benchmarks.speed.job import Job, Measured
from benchmarks.speed.lines import Line
from benchmarks.speed.machine import processor
from benchmarks.speed.parts import LINES, NEEDED, PARTS, measure
from benchmarks.speed.searches import warm_up
from benchmarks.speed.show import LEGEND, draw, line_table, rows_table, write_csv
from benchmarks.speed.sizes import SIZES
from hume.common.errors import HumeError
from hume.engine.linear import uses_bfloat16

Found = TypeVar("Found")

BUSY = 0.25  # cores of other processes that distort a measurement


def main() -> None:
    given = arguments()
    console, before = Console(width=180), psutil.getloadavg()
    print(head(given.device))
    alone(warm_up, Job(size="digits", scale=given.scale, num_seeds=1, device=given.device))
    rows: dict[str, list[Measured]] = {}
    lines: dict[str, list[Line]] = {}
    for size in given.sizes:
        parts = ordered(given.only or usual(size, given.device))
        job = Job(size=size, scale=given.scale, num_seeds=given.seeds, device=given.device)
        rows[size], lines[size] = timed(parts, job)
        console.print(rows_table(SIZES[size].title, rows[size]))
        for line in lines[size]:
            console.print(line_table(SIZES[size].title, line))
        console.print()
    print(LEGEND)
    print(f"load average before {before[0]:.1f}, after {psutil.getloadavg()[0]:.1f}")
    warn(rows)
    if given.csv:
        write_csv(rows, lines, given.csv)
    if given.plot:
        draw(lines, given.plot)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=speed.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [*PARTS, *LINES]
    only = f"rows to time, and what these need first: {', '.join(names)}"
    parser.add_argument("--only", nargs="+", metavar="ROW", choices=names, help=only)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["digits", "embedded", "cifar"])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--scale", type=float, default=0.02, help="share of the rows of ImageNet")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--csv", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--plot", type=Path, help="draw time against seeds and rows into this HTML file")
    return parser.parse_args()


def head(device: str) -> str:
    """The machine, its software, the day."""
    cores = f"{psutil.cpu_count(logical=False) or '?'} cores, {os.cpu_count()} logical"
    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    numbers = "bfloat16" if uses_bfloat16("auto", device) else "float32"
    return (
        f"{processor(device)}, {cores}, {torch.get_num_threads()} threads, {memory}, torch {torch.__version__}, "
        f"auto is {numbers}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    )


# --- what is timed ---------------------------------------------------------------------------


def usual(size: str, device: str) -> list[str]:
    """What is timed unless something is asked for; where `auto` is float32, not both."""
    parts = SIZES[size].parts
    if uses_bfloat16("auto", device):
        return list(parts)
    return [part for part in parts if not (part.endswith("-float32") and part.removesuffix("-float32") in parts)]


def ordered(parts: Sequence[str]) -> list[str]:
    """The parts with what they need, in the order of `PARTS` and `LINES`."""
    wanted = set(parts)
    while missing := {NEEDED[part] for part in wanted if part in NEEDED} - wanted:
        wanted |= missing
    return [part for part in (*PARTS, *LINES) if part in wanted]


def timed(parts: Sequence[str], job: Job) -> tuple[list[Measured], list[Line]]:
    """All rows and lines of one size; what a row found is told to those after it."""
    rows: list[Measured] = []
    lines: list[Line] = []
    status = Console(stderr=True)
    for part in parts:
        with status.status(f"{job.size}: {part}"):
            try:
                found = alone(measure, part, job)
            except (BrokenProcessPool, MemoryError, HumeError, ValueError) as error:
                print(f"{job.size}: {part} came to nothing: {error}")
                continue
        if isinstance(found, Line):
            lines.append(found)
            continue
        rows.append(found)
        known = {name: getattr(found, name) for name in ("labelings", "cv_scores")}
        job = replace(job, **{name: values for name, values in known.items() if values is not None})
    return rows, lines


def alone(work: Callable[..., Found], *given: object) -> Found:
    """Work in a process that does nothing else; a killed one raises BrokenProcessPool."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *given).result()


def warn(rows: dict[str, list[Measured]]) -> None:
    disturbed = [
        f"{size}: {row.what} ({row.others:.1f} cores)"
        for size, found in rows.items()
        for row in found
        if row.others > BUSY
    ]
    if disturbed:
        print(
            "WARNING: other processes kept the machine busy, so these figures are worse than it:",
            *disturbed,
            sep="\n  ",
        )


if __name__ == "__main__":
    main()
