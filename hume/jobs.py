"""Runs executed in the background: a queue for every device and one for the cluster, each served by one thread.

A page submits a run and reads its status; it never waits. Nothing but the queue itself
lives in memory: seeds are on disk as soon as they end, so that a server that is killed
leaves an interrupted run, which can be submitted again.
"""

import logging
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume import results, scores, task
from hume.errors import HumeError, RunError
from hume.estimate import TYPICAL_PATIENCES, iterations
from hume.run import Run
from hume.search import FINAL_WINDOW, Step, out_of_memory
from hume.store import Store

State = Literal["queued", "searching", "scoring", "cancelled", "failed", "finished"]
UNDER_WAY: tuple[State, ...] = ("queued", "searching", "scoring")

LOOK_EVERY = 0.5  # seconds between two looks at the accuracy, which cost a little
LOOK_ROWS = 2000  # samples that a look takes
NUM_TYPICAL = 12  # pictures a class

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Status:
    """How far a run has come."""

    name: str
    state: State
    share: float = 0.0  # of the phase under way, 0 to 1
    seconds_left: float | None = None  # of the phase under way, None while nothing can be said
    ahead: int = 0  # runs in the queue before this one
    message: str = ""  # why it failed, one sentence

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY


@dataclass(frozen=True, eq=False)
class Live:
    """What can be seen of a search while it runs; NaN where there is nothing yet."""

    seeds: tuple[int, ...]  # all that were asked for
    iteration: int  # of the batch under way, from 0
    objective: NDArray[np.float32]  # (S, T) Eq. 7 so far, nats
    label_shares: NDArray[np.float32]  # (S, K) the mean task
    accuracy: NDArray[np.float32]  # (S,) on a sample of the rows; all NaN without ground truth
    done: NDArray[np.bool_]  # (S,)
    leader: int | None  # the seed with the lowest objective of those under way, None before the first look
    typical: NDArray[np.int64]  # (K, m) the leader's most typical samples of every class, −1 where it has fewer

    @property
    def last_objective(self) -> NDArray[np.float32]:
        """(S,) Eq. 7 now, averaged over the last iterations because single splits are noisy; NaN before the first."""
        means = [_recent(curve) for curve in self.objective]
        return np.array([mean if np.isfinite(mean) else np.nan for mean in means], np.float32)


class Jobs:
    """The queues of one process; every method may be called from any thread."""

    def __init__(self, store: Store):
        self.store = store
        self._lock = threading.Lock()
        self._status: dict[str, Status] = {}
        self._recorders: dict[str, _Recorder] = {}
        self._stop: dict[str, threading.Event] = {}
        self._device: dict[str, str] = {}
        self._queues: dict[str, queue.Queue[tuple[str, bool, threading.Event] | None]] = {}
        self._threads: list[threading.Thread] = []
        self._closed = False

    def submit(self, name: str, *, search: bool = True) -> None:
        """Queue a run for the device it asks for; without `search` its finished seeds are only scored.

        A run that is queued or under way already stays where it is. Raises RunError for an
        unknown or damaged run and once the queues are closed, InputError when the device is missing.
        """
        run = self.store.open(name)
        device = results.choose_device(run.request.device)
        if search and run.request.cluster is not None:
            device = "cluster"
        with self._lock:
            if self._closed:
                raise RunError("the app is shutting down: start it again and resume the run")
            if name in self._status and self._status[name].under_way:
                return
            self._status.pop(name, None)  # its place is behind those that wait already
            self._status[name] = Status(name, "queued")
            self._stop[name] = threading.Event()
            self._device[name] = device
            if device not in self._queues:
                self._queues[device] = queue.Queue()
                thread = threading.Thread(target=self._serve, args=(device,), name=f"hume-{device}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._queues[device].put((name, search, self._stop[name]))

    def cancel(self, name: str) -> None:
        """Stop a run as soon as its iteration ends; finished seeds stay, and it can be submitted again."""
        with self._lock:
            self._cancel(name)

    def _cancel(self, name: str) -> None:
        status = self._status.get(name)
        if status is None or not status.under_way:
            return
        self._stop[name].set()
        if status.state == "queued":
            self._status[name] = Status(name, "cancelled")

    def status(self, name: str) -> Status | None:
        """How far a run has come, None when it was not submitted since the server started."""
        with self._lock:
            status = self._status.get(name)
            if status is None or status.state != "queued":
                return status
            names = list(self._status)
            earlier = [other for other in names[: names.index(name)] if self._device[other] == self._device[name]]
            return replace(status, ahead=sum(self._status[other].under_way for other in earlier))

    def statuses(self) -> list[Status]:
        """All runs that are queued or under way, in their order."""
        with self._lock:
            return [status for status in self._status.values() if status.under_way]

    def live(self, name: str) -> Live | None:
        """What can be seen of a run that this process searches or has searched, None before it has begun."""
        with self._lock:
            recorder = self._recorders.get(name)
        return None if recorder is None else recorder.snapshot()

    def forget(self, name: str) -> None:
        """Drop what is known of a run that was renamed or deleted."""
        with self._lock:
            if name in self._status and not self._status[name].under_way:
                del self._status[name], self._stop[name], self._device[name]
                self._recorders.pop(name, None)

    def close(self, timeout: float = 10.0) -> None:
        """Cancel everything and wait for the threads; afterwards nothing can be submitted."""
        with self._lock:
            self._closed = True
            for name in self._status:
                self._cancel(name)
            for waiting in self._queues.values():
                waiting.put(None)
        for thread in self._threads:
            thread.join(timeout)

    # --- in a device's thread ---------------------------------------------------------------

    def _serve(self, device: str) -> None:
        while (item := self._queues[device].get()) is not None:
            name, search, stop = item
            with self._lock:
                if stop.is_set():  # it may have been submitted again since, and stands further back
                    continue
                self._status[name] = Status(name, "searching" if search else "scoring")
            try:
                self._work(name, search, stop)
                outcome = Status(name, "finished", 1.0)
            except _CancelledError:
                outcome = Status(name, "cancelled")
            except HumeError as error:
                outcome = Status(name, "failed", message=str(error))
            except Exception as error:
                if not out_of_memory(error):
                    log.exception("run %s failed", name)
                outcome = Status(name, "failed", message=_OUT_OF_MEMORY if out_of_memory(error) else _sentence(error))
            self._set(outcome)

    def _work(self, name: str, search: bool, stop: threading.Event) -> None:
        run = self.store.open(name)
        self._set(Status(name, "searching" if search and run.missing_seeds else "scoring"))
        recorder = _Recorder(run)
        with self._lock:
            self._recorders[name] = recorder
        clock = _Clock()

        def on_step(step: Step) -> None:
            share = recorder.record(step)  # also the last one: what it finished is on disk
            if stop.is_set():
                raise _CancelledError
            self._set(Status(name, "searching", share, clock.seconds_left(share)))
            if len(step.finished) == len(step.seeds) and step.progress >= 1:
                clock.restart()
                self._set(Status(name, "scoring"))

        def on_fold(done: int) -> None:
            if stop.is_set():
                raise _CancelledError
            share = done / recorder.num_folds
            self._set(Status(name, "scoring", share, clock.seconds_left(share)))

        try:
            run.execute(search=search, on_step=on_step, on_fold=on_fold)
        finally:
            recorder.end()

    def _set(self, status: Status) -> None:
        with self._lock:
            self._status[status.name] = status


_OUT_OF_MEMORY = "out of memory: start a run with fewer seeds or a smaller split"


class _CancelledError(Exception):
    """Raised within a run to end it."""


def _sentence(error: Exception) -> str:
    """What is said of an error nobody foresaw; torch reports a lack of memory on the CPU as a RuntimeError."""
    if "not enough memory" in str(error) or "can't allocate memory" in str(error):
        return _OUT_OF_MEMORY
    return f"an unexpected {type(error).__name__} ended the run; the server's log has the details: resume it to go on"


class _Clock:
    """Seconds left, from the share that is done."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self._start = monotonic()

    def seconds_left(self, share: float) -> float | None:
        elapsed = monotonic() - self._start
        return None if share <= 0 or elapsed < 1 else elapsed * (1 - share) / share


class _Recorder:
    """Keeps what the steps of one run show, for whoever looks."""

    def __init__(self, run: Run):
        config = run.request.config
        self.seeds = run.request.seeds
        self.num_folds = min(10, int(results.evaluated_rows(run.dataset()).sum()))
        self._lock = threading.Lock()
        self._place = {seed: i for i, seed in enumerate(self.seeds)}
        S = len(self.seeds)
        self._iteration = 0
        self._objective = np.full((S, config.num_iterations), np.nan, np.float32)
        self._shares = np.full((S, config.num_classes), np.nan, np.float32)
        self._accuracy = np.full(S, np.nan, np.float32)
        self._done = np.zeros(S, bool)
        self._looked = np.full(S, -np.inf)
        self._elapsed = np.zeros(S, np.int64)  # iterations
        self._rows, self._phi1, self._truth = _sample(run)
        self._leader: int | None = None
        self._labeling: NDArray[np.int64] | None = None  # the leader's, of the sample
        self._typical = np.full((config.num_classes, NUM_TYPICAL), -1, np.int64)
        finished = run.finished_seeds
        self._config, self._found_before, self._most = config, len(finished), 0.0
        for seed, curve in zip(finished, run.array("objective"), strict=True):
            i = self._place[seed]
            self._objective[i, : len(curve)] = curve
            self._done[i] = True
        if finished:
            self._look(finished, torch.from_numpy(run.prototypes()))

    def record(self, step: Step) -> float:
        """Keep what a step shows; returns the share of the search that is done, if seeds end when they usually do."""
        places = [self._place[seed] for seed in step.seeds]
        with self._lock:
            self._iteration = step.iteration
            if step.iteration == 0:
                self._objective[places] = np.nan  # a worker of the cluster may have died and another begun again
            self._objective[places, step.iteration] = step.objective.cpu()
            self._shares[places] = step.label_shares.cpu()
            self._done[[self._place[seed.seed] for seed in step.finished]] = True
            self._elapsed[places] = step.iteration + 1
        if step.finished or monotonic() - self._looked[places].min() >= LOOK_EVERY:
            prototypes = step.prototypes.clone()
            for seed in step.finished:  # these have moved once more
                prototypes[step.seeds.index(seed.seed)] = torch.from_numpy(seed.prototypes)
            self._look(step.seeds, prototypes)
            self._looked[places] = monotonic()
        return self._share()

    def _share(self) -> float:
        config, elapsed = self._config, self._elapsed[~self._done]
        expected = iterations(config, TYPICAL_PATIENCES)
        longer = np.minimum(config.num_iterations, elapsed + (config.patience or 0))
        under_way = float((elapsed / np.where(elapsed < expected, expected, longer)).sum())
        done = int(self._done.sum()) - self._found_before + under_way
        self._most = max(self._most, done / (len(self.seeds) - self._found_before))
        return self._most

    def end(self) -> None:
        """Let go of what only a search needs."""
        self._phi1 = self._phi1.new_empty(0)

    def _look(self, seeds: Sequence[int], prototypes: Tensor) -> None:
        """Label the sample as these seeds do now: how right are they, and what does the best of them see?"""
        prototypes = prototypes.to(self._phi1.device)
        labelings = task.hard_labels(self._phi1, prototypes).numpy()
        places = [self._place[seed] for seed in seeds]
        best = int(np.argmin([_recent(self._objective[place]) for place in places]))
        with self._lock:
            if self._truth is not None:
                self._accuracy[places] = [scores.clustering_accuracy(self._truth, found) for found in labelings]
        if self._leads_elsewhere(places, places[best]):
            return
        labeling = labelings[best].astype(np.int64)
        closeness = (self._phi1 @ prototypes[best].T).max(dim=1).values.numpy()
        if self._labeling is not None:  # so that a class keeps its row when another seed takes the lead
            labeling = scores.match_classes(labeling, self._labeling, len(self._typical))[labeling]
        typical = np.full_like(self._typical, -1)
        for k, row in enumerate(typical):
            members = np.flatnonzero(labeling == k)
            chosen = members[np.argsort(-closeness[members], kind="stable")[:NUM_TYPICAL]]
            row[: len(chosen)] = self._rows[chosen]
        with self._lock:
            self._leader, self._labeling, self._typical = seeds[best], labeling, typical

    def _leads_elsewhere(self, places: Sequence[int], best: int) -> bool:
        """Whether a seed of another batch that is under way beside this one is better than the best of this."""
        if self._leader is None:
            return False
        leader = self._place[self._leader]
        if leader in places or self._done[leader]:
            return False
        return _recent(self._objective[leader]) < _recent(self._objective[best])

    def snapshot(self) -> Live:
        """A copy of what is known now."""
        with self._lock:
            return Live(
                seeds=self.seeds,
                iteration=self._iteration,
                objective=self._objective[:, : int(np.isfinite(self._objective).any(0).sum())].copy(),
                label_shares=self._shares.copy(),
                accuracy=self._accuracy.copy(),
                done=self._done.copy(),
                leader=self._leader,
                typical=self._typical,
            )


def _recent(curve: NDArray[np.float32]) -> float:
    """The mean of the last objectives that are there, as `FinishedSeed.final_objective` has it."""
    known = curve[np.isfinite(curve)][-FINAL_WINDOW:]
    return float(known.mean()) if len(known) else np.inf


def _sample(run: Run) -> tuple[NDArray[np.intp], Tensor, NDArray[np.int64] | None]:
    """A few evaluated rows: their numbers, their φ1, and their ground truth where there is one."""
    dataset = run.dataset()
    rows = np.flatnonzero(results.evaluated_rows(dataset))
    if len(rows) > LOOK_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, LOOK_ROWS, replace=False))
    truth = None if dataset.labels is None else dataset.labels[rows]
    return rows, run.phi1_rows(dataset)[torch.from_numpy(rows)].clone(), truth
