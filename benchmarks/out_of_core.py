"""A search of spaces larger than memory: two files of 20 GB together, one process limited to 6 GiB.

    python -m benchmarks.out_of_core

Writes two .npy files of ImageNet's widths with planted classes, searches, scores and refines them through the command
line under an address-space limit, and prints the cost. Needs Linux, 21 GB of disk, and some minutes; the files are
deleted afterwards.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, sleep

import numpy as np

WIDTHS = {"phi1": 2048, "phi2": 1536}
PLANTED = 64  # columns with the classes, repeated
NOISE = 2.5  # relative to centres with a variance of 1 in every column
BLOCK = 5_000


def write_space(path: Path, truth: np.ndarray, width: int, dtype: str, seed: int) -> None:
    """Write planted classes to a .npy file, their columns repeated to the given width."""
    rng, number = np.random.default_rng(seed), np.dtype(dtype)
    centres = rng.normal(size=(truth.max() + 1, PLANTED))
    with path.open("wb") as file:
        header = {"descr": number.str, "fortran_order": False, "shape": (truth.size, width)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, truth.size, BLOCK):
            some = truth[start : start + BLOCK]
            rows = centres[some] + NOISE * rng.normal(size=(some.size, PLANTED))
            file.write(np.tile(rows.astype(number), width // PLANTED))


def watched(process: subprocess.Popen[str]) -> dict[str, int]:
    """The last counters of a process before it ended, in bytes."""
    counters: dict[str, int] = {}
    while process.poll() is None:
        counters |= dict(_counters(process.pid))
        sleep(0.2)
    return counters


def _counters(pid: int) -> Iterator[tuple[str, int]]:
    names = {"VmPeak": 1024, "VmHWM": 1024, "rchar": 1}
    for file in ("status", "io"):
        try:
            lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
        except OSError:  # it has just ended
            return
        for name, _, value in (line.partition(":") for line in lines):
            if name in names:
                yield name, int(value.split()[0]) * names[name]


def run(folder: Path, rows: int, dtype: str, limit: float, seeds: int, classes: int, iterations: int) -> None:
    truth = np.random.default_rng(0).integers(classes, size=rows).astype(np.int64)
    np.save(folder / "labels.npy", truth)
    start = perf_counter()
    for seed, (name, width) in enumerate(WIDTHS.items()):
        write_space(folder / f"{name}.npy", truth, width, dtype, seed + 1)
    logical = sum((folder / f"{name}.npy").stat().st_size for name in WIDTHS)
    print(f"{rows:,} rows of {' and '.join(map(str, WIDTHS.values()))} {dtype} numbers: {logical / 1e9:.1f} GB")
    print(f"  written in {perf_counter() - start:.0f} s", flush=True)

    files = [f"--{name}={folder / name}.npy" for name in ("phi1", "phi2", "labels")]
    search = ["search", *files, f"--num-classes={classes}", f"--seeds={seeds}", f"--set=num_iterations={iterations}"]
    start = perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "hume", *search, "--device=cpu", "--json"],
        env={**os.environ, "HUME_HOME": str(folder / "home")},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (int(limit * 2**30),) * 2),
    )
    counters = watched(process)
    seconds = perf_counter() - start
    if process.returncode != 0 or process.stdout is None:
        sys.exit(f"the search ended with status {process.returncode}")
    values = json.loads(process.stdout.read().splitlines()[-1])
    print(f"{seeds} seeds, K = {classes}, at most {iterations} iterations, limit {limit:g} GiB of address space:")
    stages = {name: values.get(f"{name}_seconds", 0.0) for name in ("search", "refine", "score")}
    print(f"  {seconds:.0f} s in all: {', '.join(f'{name} {took:.0f} s' for name, took in stages.items())},")
    print("  the rest checks both files before a run is registered")
    print(f"  peak memory {counters['VmHWM'] / 2**30:.2f} GiB, peak address space {counters['VmPeak'] / 2**30:.2f} GiB")
    print(f"  {counters['rchar'] / 1e9:.0f} GB read, {counters['rchar'] / logical:.1f} times both files")
    print(f"  cv score {np.mean(values['cv_score']):.3f}, vote {values['vote']}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Search spaces larger than memory.")
    parser.add_argument("--folder", type=Path, help="where to write the files, by default a temporary folder")
    parser.add_argument("--rows", type=int, default=1_400_000)
    parser.add_argument("--type", default="float32", choices=["float16", "float32"])
    parser.add_argument("--limit", type=float, default=6, help="GiB of address space")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        run(Path(folder), options.rows, options.type, options.limit, options.seeds, options.classes, options.iterations)
