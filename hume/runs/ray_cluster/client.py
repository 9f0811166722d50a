"""A search over a cluster as its caller sees it: steps, and one sentence for whatever goes wrong."""

import importlib.util
import os
import re
import socket
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Any

import torch
from torch import Tensor

from hume.common.devices import fits
from hume.common.errors import InputError, RunError
from hume.common.process import Process, ProcessError
from hume.data import space_rows, splits
from hume.data.dataset import Dataset
from hume.data.rows import subset
from hume.data.splits import Setting
from hume.engine.config import Config
from hume.engine.search import Step
from hume.engine.solvers import InnerSolver
from hume.runs import cost
from hume.runs.ray_cluster.worker import Reply

ADDRESS = re.compile(r"auto|(ray://)?[^\s/]+:\d{1,5}")
ANSWER_SECONDS = 5.0  # until something listens at an address
CONNECT_SECONDS = 60.0  # until Ray is loaded and connected
LEAVE_SECONDS = 10.0  # until it has taken its leave


def offered() -> str | None:
    """The cluster that HUME_CLUSTER names, None where it names none or Ray is not installed."""
    return os.environ.get("HUME_CLUSTER") or None if _has_ray() else None


def check(address: str) -> int:
    """How many batches of seeds a cluster can search side by side now, at least 1.

    address is auto for a cluster that runs on this machine, HOST:PORT of its head from one of its nodes, or
    ray://HOST:PORT from anywhere. Raises InputError or RunError when it cannot be searched on: Ray is not
    installed, nothing answers, the versions differ, no worker is free.
    """
    [slots] = _reports(address, [], [], None, None, ())
    return int(slots)


def search(
    phi1: Tensor, phi2: Tensor, config: Config, *, solver: InnerSolver, seeds: Sequence[int], address: str
) -> Generator[Step, None, None]:
    """Find what `hume.engine.search.search` finds for every seed, on all GPUs of a Ray cluster, else on its CPUs.

    A step is an iteration of one batch; batches come as they are, several under way at a time. A worker tells of
    its iterations twice a second, or when a seed ends, and of the prototypes at the last of these: the other
    steps of such a reply carry the same ones. Seeds whose worker dies are searched again by another, from their
    start, and come once. Ending the generator ends the search on the cluster.
    Raises as `check` does, and RunError when the cluster is lost or its workers keep dying.
    """
    reached = dict.fromkeys(seeds, 0.0)
    reports = _reports(address, [phi1.cpu().numpy()], [phi2.cpu().numpy()], config, solver, list(seeds))
    del phi1, phi2  # the process gets them
    with closing(reports):
        next(reports)
        for reply in reports:
            yield from _steps(reply, config, reached)


def prepare_search(
    dataset: Dataset,
    phi1: str,
    phi2: str,
    config: Config,
    solver: InnerSolver,
    seeds: Sequence[int],
    setting: Setting,
    address: str,
) -> tuple[Tensor, Generator[Step, None, None]]:
    """What `results.prepare_search` prepares, for a cluster: all rows of φ1, (N, d1), and the search, not yet begun.

    Raises InputError for spaces that do not fit into memory, from where the cluster gets them.
    """
    rows = splits.searched_rows(dataset, setting)
    one, other = dataset.space(phi1), dataset.space(phi2)
    num_samples, d1 = one.features.shape
    if not fits(cost.copies(num_samples, d1, other.features.shape[1], searched=int(rows.sum())), "cpu"):
        raise InputError(
            f"a cluster gets the spaces from memory, and {phi1} and {phi2} do not fit into it: "
            "search on this machine, which reads them from the disk"
        )
    first = space_rows.unit_rows(one, centre=config.centre, mean_rows=rows)
    searched = subset(first, rows), subset(space_rows.as_tensor(other), rows)
    return first, search(*searched, config, solver=solver, seeds=seeds, address=address)


# --- the process ---------------------------------------------------------------------------------


def _reports(address: str, *request: Any) -> Generator[Any, None, None]:
    """What `driver.serve` reports of a request."""
    _check_address(address)
    silent = RunError(
        f"the Ray cluster at {address} did not answer in {CONNECT_SECONDS:.0f} s: check that it is a Ray cluster"
    )
    process = Process("hume.runs.ray_cluster.driver:serve", address, *request)
    del request
    connected = False
    try:
        if not process.wait(CONNECT_SECONDS):
            process.popen.kill()
        for report in process.reports():
            connected = True
            yield report
    except ProcessError as error:
        if error.code is None:
            raise RunError(f"the search on the Ray cluster at {address} failed ({error})") from None
        raise (_lost(address) if connected else silent) from None
    finally:
        process.close(LEAVE_SECONDS)


def _check_address(address: str) -> None:
    """Raise InputError when Ray is missing or nothing listens at an address."""
    if not _has_ray():
        raise InputError(
            "a search over a cluster needs Ray: install it with `python -m pip install -r requirements-cluster.txt`"
        )
    if not ADDRESS.fullmatch(address):
        raise InputError(f"{address!r} is no address of a cluster: give auto, HOST:PORT or ray://HOST:PORT")
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"no Ray cluster answers at {address} ({reason}): check the address, or start one with `ray start --head`"
        ) from None


def _has_ray() -> bool:
    return importlib.util.find_spec("ray") is not None


def _lost(address: str) -> RunError:
    return RunError(
        f"the connection to the Ray cluster at {address} was lost: finished seeds are kept, "
        "resume the run when the cluster is back"
    )


# --- steps ---------------------------------------------------------------------------------------


def _steps(reply: Reply, config: Config, reached: dict[int, float]) -> Iterator[Step]:
    """The iterations of a reply; keeps how far every seed is."""
    curves = [torch.from_numpy(curve) for curve in (reply.objective, reply.test_error, reply.label_shares)]
    prototypes = torch.from_numpy(reply.prototypes)
    for i, (objective, test_error, label_shares) in enumerate(zip(*curves, strict=True)):
        iteration = reply.iteration + i
        finished = reply.finished if i + 1 == len(reply.objective) else ()
        reached.update(dict.fromkeys(reply.seeds, (iteration + 1) / config.num_iterations))
        reached.update({seed.seed: 1.0 for seed in finished})
        yield Step(
            iteration=iteration,
            seeds=reply.seeds,
            objective=objective,
            test_error=test_error,
            label_shares=label_shares,
            prototypes=prototypes,
            finished=finished,
            progress=sum(reached.values()) / len(reached),
        )
