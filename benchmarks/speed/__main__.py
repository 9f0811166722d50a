"""Parse the options, time the rows, show the results."""

import argparse
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.console import Console

from benchmarks import speed
from benchmarks.speed.job import Job, Measured
from benchmarks.speed.lines import Line
from benchmarks.speed.machine import alone, machine
from benchmarks.speed.parts import LINES, NEEDED, PARTS, measure
from benchmarks.speed.searches import warm_up
from benchmarks.speed.show import LEGEND, draw, line_table, ratio_table, rows_table, write_csv
from benchmarks.speed.sizes import SIZES
from hume.common.errors import HumeError
from hume.engine.config import uses_bfloat16

BUSY = 0.25  # cores of other processes that distort a measurement


def main() -> None:
    options = arguments()
    console, before = Console(width=180), psutil.getloadavg()
    print(f"{machine(options.device)}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    alone(warm_up, Job(size="digits", scale=options.scale, num_seeds=1, device=options.device))
    rows: dict[str, list[Measured]] = {}
    lines: dict[str, list[Line]] = {}
    for size in options.sizes:
        names = ordered(options.only or usual(size, options.device))
        job = Job(size=size, scale=options.scale, num_seeds=options.seeds, device=options.device)
        rows[size], lines[size] = timed(names, job)
        console.print(rows_table(SIZES[size].title, rows[size]))
        console.print(ratio_table(SIZES[size].title, rows[size]))
        for line in lines[size]:
            console.print(line_table(SIZES[size].title, line))
        console.print()
    print(LEGEND)
    print(f"load average before {before[0]:.1f}, after {psutil.getloadavg()[0]:.1f}")
    warn(rows)
    if options.csv:
        write_csv(rows, lines, options.csv)
    if options.plot:
        draw(lines, options.plot)


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


# --- timing ----------------------------------------------------------------------------------


def usual(size: str, device: str) -> list[str]:
    """The default rows; without the duplicates where `auto` is float32."""
    names = SIZES[size].parts
    if uses_bfloat16("auto", device):
        return list(names)
    return [name for name in names if not (name.endswith("-float32") and name.removesuffix("-float32") in names)]


def ordered(names: Sequence[str]) -> list[str]:
    """The parts with what they need, in the order of `PARTS` and `LINES`."""
    wanted = set(names)
    while missing := {NEEDED[name] for name in wanted if name in NEEDED} - wanted:
        wanted |= missing
    return [name for name in (*PARTS, *LINES) if name in wanted]


def timed(names: Sequence[str], job: Job) -> tuple[list[Measured], list[Line]]:
    """All rows and lines of one size; the results of a row are passed to those after it."""
    rows: list[Measured] = []
    lines: list[Line] = []
    status = Console(stderr=True)
    for name in names:
        with status.status(f"{job.size}: {name}"):
            try:
                result = alone(measure, name, job)
            except (BrokenProcessPool, MemoryError, HumeError, ValueError) as error:
                print(f"{job.size}: {name} failed: {error}")
                continue
        if isinstance(result, Line):
            lines.append(result)
            continue
        rows.append(result)
        known = {name: getattr(result, name) for name in ("labelings", "cv_scores")}
        job = replace(job, **{name: values for name, values in known.items() if values is not None})
    return rows, lines


def warn(rows: dict[str, list[Measured]]) -> None:
    disturbed = [
        f"{size}: {row.what} ({row.others:.1f} cores)"
        for size, result in rows.items()
        for row in result
        if row.others > BUSY
    ]
    if disturbed:
        print(
            "WARNING: other processes used the machine, so these measurements are too slow:",
            *disturbed,
            sep="\n  ",
        )


if __name__ == "__main__":
    main()
