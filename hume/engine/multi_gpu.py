"""Several devices of one machine search side by side.

Every device takes the next batch of seeds when it has done with its last one; the steps of all
arrive as they come. A seed finds what it finds on any of them, so nothing else changes.
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
from hume.engine.inner import InnerSolver
from hume.engine.search import Step, largest_batch, search


@dataclass(eq=False)
class _Shared:
    """What the threads have in common."""

    batches: list[list[int]]  # of seeds, that no device has taken yet
    steps: "queue.Queue[tuple[int, Step] | Exception | None]"  # None: a device has nothing more to do
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> list[int] | None:
        with self.lock:
            return self.batches.pop(0) if self.batches and not self.stopped.is_set() else None

    def send(self, message: "tuple[int, Step] | Exception | None") -> None:
        """Wait for room, unless nobody listens any more."""
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
    """Search on several devices at once, a thread for each, which gets a copy of both spaces.

    Arguments, steps and errors as for `hume.engine.search.search`; the steps of different devices alternate.
    An error on one device ends the search on all.
    """
    check_sizes(tuple(phi1.shape), tuple(phi2.shape), config)
    check_seeds(seeds, seed_batch)
    seeds = list(seeds)
    fitting = seed_batch or min(
        largest_batch(phi1.shape[1], phi2.shape[1], config, solver, free_bytes(device)) for device in devices
    )
    size = max(1, min(fitting, -(-len(seeds) // len(devices))))
    batches = [seeds[start : start + size] for start in range(0, len(seeds), size)]
    shared = _Shared(batches, queue.Queue(maxsize=2 * len(devices)))
    threads = [
        threading.Thread(target=_work, args=(place, device, phi1, phi2, config, solver, shared), daemon=True)
        for place, device in enumerate(devices)
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
    """The steps of all devices, with what share of all seeds is done."""
    finished, working = 0, num_devices
    under_way = dict.fromkeys(range(num_devices), 0.0)  # seeds' worth of work that is done on unfinished ones
    while working:
        message = shared.steps.get()
        if isinstance(message, Exception):
            raise message
        if message is None:
            working -= 1
            continue
        place, step = message
        finished += len(step.finished)
        under_way[place] = step.progress
        yield replace(step, progress=(finished + sum(under_way.values())) / num_seeds)


def _work(
    place: int, device: torch.device | str, phi1: Rows, phi2: Rows, config: Config, solver: InnerSolver, shared: _Shared
) -> None:
    try:
        first, second = _on(phi1, device), _on(phi2, device)
        while (batch := shared.take()) is not None:
            num_finished = 0
            for step in search(first, second, config, solver=solver, seeds=batch):
                num_finished += len(step.finished)
                shared.send((place, replace(step, progress=step.progress * len(batch) - num_finished)))
                if shared.stopped.is_set():
                    return
        shared.send(None)
    except Exception as error:  # whatever it is, the caller has to hear of it
        shared.send(error)


def _on(rows: Rows, device: torch.device | str) -> Rows:
    if isinstance(rows, Tensor):
        return rows.to(device)
    mean, factor = (None if some is None else some.to(device) for some in (rows.mean, rows.factor))
    return replace(rows, device=torch.device(device), mean=mean, factor=factor)
