"""Parse the options, run the parts that are missing, keep each."""

import argparse
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from time import perf_counter

from rich.console import Console

from benchmarks import gpu
from benchmarks.gpu import correctness, pace
from benchmarks.gpu.result import Report, Result, Setup
from benchmarks.speed.machine import alone, machine
from hume.common.devices import choose_device
from hume.common.errors import HumeError

PARTS: dict[str, Callable[[Setup], Result]] = {
    "labelings": correctness.labelings,
    "scores": correctness.scores,
    "refinement": correctness.refinement,
    "neighbors": correctness.neighbors,
    "memory": correctness.memory,
    "cifar": pace.cifar,
    "paper": pace.paper,
    "variants": pace.variants,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=gpu.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--small", action="store_true", help="digits and two seeds in place of the size of CIFAR-10")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--again", action="store_true", help="measure parts anew that were measured")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="a JSON file; the table is beside it")
    options = parser.parse_args(arguments)
    console, setup = Console(stderr=True), Setup(options.device, options.small)
    try:
        choose_device(setup.device)
        report = Report.open(options.out, machine(setup.device), setup)
    except HumeError as error:
        parser.error(str(error))
    for name in options.only:
        if name in report.results and not options.again:
            continue
        start = perf_counter()
        with console.status(name):
            result = _measured(name, setup)
        report.add(name, result, perf_counter() - start)
    print(report.table())
    if any(result["right"] is False for result in report.results.values()):
        raise SystemExit(1)


def _measured(name: str, setup: Setup) -> Result:
    """A part in a process of its own; one that fails is a finding of its own."""
    try:
        return alone(PARTS[name], setup)
    except (BrokenProcessPool, MemoryError, RuntimeError, AssertionError, HumeError) as error:
        return Result({"failed": f"{type(error).__name__}: {error}".splitlines()[0]}, False, "it runs")


if __name__ == "__main__":
    main()
