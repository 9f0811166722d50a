"""Measurements of the machine: seconds, peak memory, other processes' load, and the rate of matrix products."""

import multiprocessing
import os
import platform
import resource
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple, Self, TypeVar

import psutil
import torch

from benchmarks.estimate import busy_seconds
from hume.engine.config import Config, uses_bfloat16

Result = TypeVar("Result")

GIBIBYTE = 2**30
TRIES, TRYING_SECONDS = 7, 1.0  # of every product


def alone(work: Callable[..., Result], *args: object) -> Result:
    """Call a function in its own process; a killed one raises BrokenProcessPool."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *args).result()


def machine(device: str) -> str:
    """The machine and its software."""
    cores = f"{psutil.cpu_count(logical=False) or '?'} cores, {os.cpu_count()} logical"
    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    numbers = "bfloat16" if uses_bfloat16("auto", device) else "float32"
    return (
        f"{processor(device)}, {cores}, {torch.get_num_threads()} threads, {memory}, torch {torch.__version__}, "
        f"auto is {numbers}"
    )


class Clock:
    """Measure the seconds of a block, the peak memory of this process, and the cores that other processes used.

    On a GPU it synchronizes, and the memory is that of the GPU.
    """

    def __init__(self, device: str):
        self._device = device

    def __enter__(self) -> Self:
        synchronize(self._device)
        self._busy, self._own, self._begin = busy_seconds(), process_time(), perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        synchronize(self._device)
        self.seconds = perf_counter() - self._begin
        own = process_time() - self._own
        self.others = max(0.0, busy_seconds() - self._busy - own) / self.seconds
        self.peak_bytes = peak_bytes(self._device)


def synchronize(device: str) -> None:
    """Wait for a GPU."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def peak_bytes(device: str) -> int:
    """The peak memory of this process."""
    if torch.device(device).type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    status = Path("/proc/self/status")
    if status.exists():  # getrusage includes the memory of the parent process
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def processor(device: str) -> str:
    """The name of the processor."""
    if torch.device(device).type == "cuda":
        return str(torch.cuda.get_device_name(device))
    known = Path("/proc/cpuinfo")
    if known.exists():
        for line in known.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


# --- matrix products -------------------------------------------------------------------------


class Product(NamedTuple):
    """So many products of a (rows, inner) matrix, stored as it is or transposed, with an (inner, columns) one."""

    rows: int
    inner: int
    columns: int
    transposed: bool
    times: int

    @property
    def flop(self) -> int:
        return 2 * self.rows * self.inner * self.columns * self.times


def products(config: Config, d1: int, rank: int, inner_steps: int, num_seeds: int) -> list[Product]:
    """The matrix products of one iteration of `Implicit` for S seeds: see `hume.engine.search` and `hume.engine.inner`.

    rank is the number of whitened directions. The products of the orthogonalization, K² d1 numbers a seed, are omitted.
    """
    drawn, columns = config.num_train + config.num_test, config.num_classes * num_seeds
    of_one_split = [
        Product(drawn, d1, columns, False, 1),  # cosines with the prototypes
        Product(d1, drawn, columns, True, 1),  # the gradient in them
        Product(config.num_train, rank, columns, False, 2 * inner_steps + 1),  # classifier, adjoint, task
        Product(rank, config.num_train, columns, True, 2 * inner_steps),
        Product(config.num_test, rank, columns, False, 1),  # held-out cross-entropy
        Product(rank, config.num_test, columns, True, 1),
    ]
    return [product._replace(times=product.times * config.num_splits) for product in of_one_split]


def flop(wanted: Sequence[Product]) -> int:
    return sum(product.flop for product in wanted)


def multiplication_rate(wanted: Sequence[Product], dtype: torch.dtype, device: str) -> float:
    """FLOP/s of the same products alone: torch's matrix product into allocated memory."""
    return flop(wanted) / sum(product.times * _seconds_of(product, dtype, device) for product in wanted)


def _seconds_of(product: Product, dtype: torch.dtype, device: str) -> float:
    """The median of several tries."""
    generator = torch.Generator().manual_seed(0)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).to(device, dtype)

    left = numbers(product.inner, product.rows).mT if product.transposed else numbers(product.rows, product.inner)
    right = numbers(product.inner, product.columns)
    out = right.new_empty(product.rows, product.columns)
    torch.mm(left, right, out=out)  # warm
    tries: list[float] = []
    while not tries or (len(tries) < TRIES and sum(tries) < TRYING_SECONDS):
        synchronize(device)
        start = perf_counter()
        torch.mm(left, right, out=out)
        synchronize(device)
        tries.append(perf_counter() - start)
    return sorted(tries)[len(tries) // 2]
