"""What runs in the process that is connected to the cluster, see `hume.runs.ray_cluster.search`."""

import importlib
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic, sleep
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import HumeError, InputError, RunError
from hume.common.process import ROOT, first_line
from hume.engine.config import Config
from hume.engine.solvers import InnerSolver
from hume.runs.ray_cluster.worker import Reply, Worker

# A worker computes one product of all its seeds at a time: more cores than these gain it little, and more workers
# would each hold the features in the solver's coordinates.
CPUS_PER_WORKER = 4
FREE_SECONDS = 5.0  # in which the cluster hears that a former search gave its slots back
BEGIN_SECONDS = 120.0  # until some worker has begun
LOOK_EVERY = 1.0  # seconds, whether any worker has begun
MAX_DEATHS = 3  # of a batch's workers in a row, none of which finished a seed


@dataclass(frozen=True)
class Slots:
    """What a cluster has for workers now."""

    number: int
    threads: int | None  # of the CPU for each, None where each takes a GPU

    @property
    def options(self) -> dict[str, int]:
        """What a worker asks Ray for."""
        return {"num_gpus": 1, "num_cpus": 0} if self.threads is None else {"num_cpus": self.threads}


class Batch:
    """Seeds that one worker searches; when it dies, another takes over those that are missing."""

    def __init__(self, seeds: Sequence[int], hire: Callable[[list[int]], Any]):
        self.missing = list(seeds)
        self._hire = hire
        self._deaths = 0
        self.start()

    def start(self) -> None:
        """Ask for the first replies; two are under way, so that the worker never waits for this process."""
        self.begun = False
        self.worker = self._hire(self.missing)
        self.replies = deque([self.worker.begin.remote(), self.worker.advance.remote(), self.worker.advance.remote()])

    def heard(self, reply: Reply | None) -> None:
        """Take note of the first reply that was waited for, and ask for another."""
        self.replies.popleft()
        self.begun = True
        if reply is None:  # it has begun
            return
        finished = {seed.seed for seed in reply.finished}
        if finished:
            self._deaths = 0
            self.missing = [seed for seed in self.missing if seed not in finished]
        if self.missing:
            self.replies.append(self.worker.advance.remote())

    def died(self, reason: str) -> None:
        """Start again with the seeds that are missing; raises RunError when that is of no use."""
        self._deaths += 1
        if "ModuleNotFoundError" in reason:
            missing = reason.rpartition("No module named")[2].split()[0]
            raise RunError(f"a node of the cluster lacks the Python package {missing}: install requirements.txt there")
        if self._deaths == MAX_DEATHS:
            raise RunError(
                f"{MAX_DEATHS} workers of the cluster died one after the other over seeds {self.missing[0]} to "
                f"{self.missing[-1]} ({first_line(reason)}): finished seeds are kept, look at the cluster's logs "
                "and resume the run"
            )
        self.start()


def serve(
    report: Callable[[int | Reply], None],
    address: str,
    phi1: list[NDArray[np.float32]],
    phi2: list[NDArray[np.float32]],
    config: Config | None,
    solver: InnerSolver | None,
    seeds: Sequence[int],
) -> None:
    """Report how many batches the cluster takes, then what its workers reply until all seeds are there.

    Each space comes in a list, which is emptied: once Ray has it, this process lets go of it.
    """
    with _connected(address) as ray:
        slots = _slots(ray, address)
        report(slots.number)
        if not seeds:
            return
        hire = partial(_hire, ray, slots, ray.put(phi1.pop()), ray.put(phi2.pop()), config, solver)
        shares = [seeds[i :: slots.number] for i in range(slots.number)]
        _search(ray, [Batch(share, hire) for share in shares if share], report)


def _hire(ray: Any, slots: Slots, *given: Any) -> Any:
    """A worker on a free slot, see `Worker`."""
    return ray.remote(Worker).options(**slots.options).remote(*given, slots.threads)


def _search(ray: Any, batches: list[Batch], report: Callable[[Reply], None]) -> None:
    """Pass on what the workers reply until all seeds are there."""
    heard = monotonic()
    while batches:
        waited = {batch.replies[0]: batch for batch in batches}
        ready, _ = ray.wait(list(waited), timeout=LOOK_EVERY)
        for reply in ready:
            batch = waited[reply]
            try:
                answer = ray.get(reply)
            except ray.exceptions.RayTaskError as error:
                raise _failure(error) from None
            except ray.exceptions.RayError as error:
                ray.kill(batch.worker)  # it may only be out of reach
                batch.died(str(error))
                continue
            heard = monotonic()
            batch.heard(answer)
            if answer is not None:
                report(answer)
            if not batch.missing:
                ray.kill(batch.worker)
        batches = [batch for batch in batches if batch.missing]
        if monotonic() - heard > BEGIN_SECONDS and not any(batch.begun for batch in batches):
            raise RunError(
                f"no worker of the cluster began in {BEGIN_SECONDS:.0f} s: finished seeds are kept, "
                "see `ray status` and resume the run"
            )


def _failure(error: Any) -> HumeError:
    """What a worker raised, in one sentence."""
    cause = error.cause
    if isinstance(cause, HumeError):
        return cause
    said = f"{type(cause).__name__}: {first_line(str(cause))}"
    if "memory" in said.lower():
        return RunError(f"a node of the cluster is out of memory ({said}): use a smaller split, or larger nodes")
    return RunError(f"a worker of the cluster failed ({said}): finished seeds are kept")


# --- the cluster -----------------------------------------------------------------------------------


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Ray, connected to a cluster that exists; raises InputError when it cannot be."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if os.environ.get("RAY_ADDRESS") == "local":
        del os.environ["RAY_ADDRESS"]  # Ray would start a cluster
    ray: Any = importlib.import_module("ray")
    # Every node gets this code: the same seeds have to give the same labelings.
    code = {"py_modules": [str(ROOT / "hume")], "excludes": ["/datasets", "__pycache__"]}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # where Ray packs the code
        try:
            ray.init(address=address, runtime_env=code, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise InputError(_refusal(address, str(error))) from None
        try:
            yield ray
        finally:
            ray.shutdown()
            os.chdir(ROOT)


def _refusal(address: str, said: str) -> str:
    """One sentence about a cluster that cannot be connected to."""
    if "ersion mismatch" in said:
        versions = ", ".join(line.strip() for line in said.splitlines() if line.strip().startswith(("Ray:", "Python:")))
        return f"the Ray cluster at {address} has other versions than this process ({versions}): install the same ones"
    if address == "auto" and "Could not find" in said:
        return "no Ray cluster runs on this machine: start one with `ray start --head`, or give its address"
    return (
        f"the Ray cluster at {address} cannot be joined ({first_line(said)}): check the address; "
        "from a machine outside the cluster it is ray://HOST:10001"
    )


def _slots(ray: Any, address: str) -> Slots:
    """What is free: the GPUs that the cluster declares, else groups of CPUs; raises RunError when nothing is."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    kind = "GPU" if any(node.get("GPU", 0) >= 1 for node in nodes) else "CPU"
    each = 1 if kind == "GPU" else min(CPUS_PER_WORKER, max(int(node.get(kind, 0)) for node in nodes))
    if each == 0:
        raise RunError(f"the Ray cluster at {address} declares neither GPUs nor CPUs: add a node to it")
    total = sum(int(node.get(kind, 0)) // each for node in nodes)
    end = monotonic() + FREE_SECONDS
    while (free := min(total, int(ray.available_resources().get(kind, 0)) // each)) == 0:
        if monotonic() > end:
            raise RunError(f"the Ray cluster at {address} has no free {kind}: wait for those who use it, or add a node")
        sleep(0.2)
    return Slots(free, None if kind == "GPU" else each)
