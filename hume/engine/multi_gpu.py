"""Search on several devices of one machine in parallel.

Each device takes the next batch of seeds when its last one is done; the steps of all devices
are yielded as they arrive. A seed's result does not depend on the device.
"""

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from hume.common.devices import free_bytes
from hume.data.rows import Rows
from hume.engine.config import Config, check_seeds, check_sizes
from hume.engine.search import Step, largest_batch, search
from hume.engine.solvers import InnerSolver


@dataclass(eq=False)
class _Shared:
    """State shared by the threads."""

    batches: list[list[int]]  # of seeds, not yet taken by a device
    steps: "queue.Queue[tuple[int, Step] | Exception | None]"  # None: a device is done
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> list[int] | None:
        with self.lock:
            return self.batches.pop(0) if self.batches and not self.stopped.is_set() else None

    def send(self, message: "tuple[int, Step] | Exception | None") -> None:
        """Put a message into the queue, waiting for room unless the search is stopped."""
        while not self.stopped.is_set():
            try:
                self.steps.put(message, timeout=0.1)
            except queue.Full:
                continue
            return


def search_on(
    devices: Sequence[torch.device | str],
    phi1: Rows,
    phi2: Rows,
    config: Config,
    *,
    solver: InnerSolver,
    seeds: Sequence[int] = range(100),
    seed_batch: int | None = None,
) -> Iterator[Step]:
    """Search on several devices at once, with one thread and one copy of both spaces per device.

    Arguments, steps and errors as for `hume.engine.search.search`; the steps of different devices alternate.
    An error on one device ends the search on all.
    """
    check_sizes(tuple(phi1.shape), tuple(phi2.shape), config)
    check_seeds(seeds, seed_batch)
    seeds = list(seeds)
    largest = seed_batch or min(
        largest_batch(phi1.shape[1], phi2.shape[1], config, solver, free_bytes(device)) for device in devices
    )
    size = max(1, min(largest, -(-len(seeds) // len(devices))))
    batches = [seeds[start : start + size] for start in range(0, len(seeds), size)]
    shared = _Shared(batches, queue.Queue(maxsize=2 * len(devices)))
    threads = [
        threading.Thread(target=_work, args=(slot, device, phi1, phi2, config, solver, shared), daemon=True)
        for slot, device in enumerate(devices)
    ]
    for thread in threads:
        thread.start()
    try:
        yield from _arriving(shared, len(devices), len(seeds))
    finally:
        shared.stopped.set()
        for thread in threads:
            thread.join()


def _arriving(shared: _Shared, num_devices: int, num_seeds: int) -> Iterator[Step]:
    """The steps of all devices, with the progress over all seeds."""
    finished, working = 0, num_devices
    in_progress = dict.fromkeys(range(num_devices), 0.0)  # work done on unfinished seeds, in seeds
    while working:
        message = shared.steps.get()
        if isinstance(message, Exception):
            raise message
        if message is None:
            working -= 1
            continue
        slot, step = message
        finished += len(step.finished)
        in_progress[slot] = step.progress
        yield replace(step, progress=(finished + sum(in_progress.values())) / num_seeds)


def _work(
    slot: int, device: torch.device | str, phi1: Rows, phi2: Rows, config: Config, solver: InnerSolver, shared: _Shared
) -> None:
    try:
        first, second = _on(phi1, device), _on(phi2, device)
        while (batch := shared.take()) is not None:
            num_finished = 0
            for step in search(first, second, config, solver=solver, seeds=batch):
                num_finished += len(step.finished)
                progress = step.progress * len(batch) - num_finished
                shared.send((slot, replace(step, progress=progress, checkpoint=None)))
                if shared.stopped.is_set():
                    return
        shared.send(None)
    except Exception as error:  # any error must reach the caller
        shared.send(error)


def _on(rows: Rows, device: torch.device | str) -> Rows:
    if isinstance(rows, Tensor):
        return rows.to(device)
    mean, factor = (None if x is None else x.to(device) for x in (rows.mean, rows.factor))
    return replace(rows, device=torch.device(device), mean=mean, factor=factor)
