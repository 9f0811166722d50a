"""A search over a cluster as its caller sees it: steps, and one sentence for whatever goes wrong."""

import importlib.util
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hume.common.devices import fits
from hume.common.errors import HumeError, InputError, RunError
from hume.data import space_rows, splits
from hume.data.dataset import Dataset
from hume.data.rows import subset
from hume.data.splits import Setting
from hume.engine.config import Config
from hume.engine.inner import InnerSolver
from hume.engine.search import FinishedSeed, Step
from hume.runs import cost
from hume.runs.ray_cluster import wire

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
    installed, nobody answers, the versions differ, nothing is free.
    """
    with _connected(address, {"seeds": []}) as (_, slots):
        return slots


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
    kind = type(solver).__name__
    request = {
        "config": asdict(config),
        "solver": {"kind": kind, **asdict(solver)},  # type: ignore[call-overload]
        "seeds": list(seeds),
    }
    with _connected(address, request) as (process, _):
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # why is read below
            wire.send(process.stdin, {}, [phi1.cpu().numpy(), phi2.cpu().numpy()])
        del phi1, phi2  # the cluster has them
        while any(share < 1 for share in reached.values()):
            message = _receive(process, _lost(address))
            if "seeds" in message[0]:
                yield from _steps(message, config, reached)


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


@contextmanager
def _connected(address: str, request: dict[str, Any]) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A process that is connected to the cluster, and how many batches that can search side by side."""
    _check_address(address)
    # The package's own folder, so that `hume` is found wherever the program was started. In a session of its own,
    # because Ctrl-C is for this process, which then ends that one.
    process = subprocess.Popen(
        [sys.executable, "-m", "hume.runs.ray_cluster"],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    patience = threading.Timer(CONNECT_SECONDS, process.kill)
    patience.start()
    try:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # that it has ended is noticed below
            wire.send(process.stdin, {"address": address, **request})
        silent = (
            f"the Ray cluster at {address} did not answer in {CONNECT_SECONDS:.0f} s: check that it is a Ray cluster"
        )
        slots = _receive(process, RunError(silent))[0]["slots"]
        patience.cancel()
        yield process, slots
    except BaseException:
        process.terminate()
        raise
    finally:
        patience.cancel()
        _leave(process)


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


def _receive(process: "subprocess.Popen[bytes]", silent: HumeError) -> wire.Message:
    """The next message of the process; raises the error that it reports, or `silent` when it has ended."""
    assert process.stdout is not None
    message = wire.receive(process.stdout)
    if message is None:
        raise silent
    words = message[0]
    if "error" in words:
        raise (InputError if words["input"] else RunError)(words["error"])
    return message


def _lost(address: str) -> RunError:
    return RunError(
        f"the connection to the Ray cluster at {address} was lost: finished seeds are kept, "
        "resume the run when the cluster is back"
    )


def _leave(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with suppress(BrokenPipeError):  # of what it was not told any more
            pipe.close()


# --- steps ---------------------------------------------------------------------------------------


def _steps(message: wire.Message, config: Config, reached: dict[int, float]) -> Iterator[Step]:
    """The iterations that a worker tells of, see `Worker.advance`; keeps how far every seed is."""
    words, arrays = message
    objective, test_error, label_shares, prototypes = map(torch.from_numpy, arrays[:4])
    ended = arrays[4:]
    finished = tuple(
        FinishedSeed(seed, found, curve, errors, converged)
        for (seed, converged), found, curve, errors in zip(
            words["finished"], ended[::3], ended[1::3], ended[2::3], strict=True
        )
    )
    for i in range(len(objective)):
        last = i + 1 == len(objective)
        iteration = words["iteration"] + i
        reached.update(dict.fromkeys(words["seeds"], (iteration + 1) / config.num_iterations))
        if last:
            reached.update({seed.seed: 1.0 for seed in finished})
        yield Step(
            iteration=iteration,
            seeds=tuple(words["seeds"]),
            objective=objective[i],
            test_error=test_error[i],
            label_shares=label_shares[i],
            prototypes=prototypes,
            finished=finished if last else (),
            progress=sum(reached.values()) / len(reached),
        )
