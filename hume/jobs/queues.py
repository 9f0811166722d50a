"""Jobs in the background: a queue for every device and one for files, each served by one thread.

The caller never waits: it names a job and reads its status. Only the queue is in memory; results are written at once,
so jobs of a killed server can be submitted again.
"""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Literal

from hume.common.devices import out_of_memory
from hume.common.errors import HumeError, RunError

Phase = Literal["choosing", "searching", "scoring", "refining", "working"]
State = Literal[
    "queued", "choosing", "searching", "scoring", "refining", "working", "cancelled", "failed", "finished"
]  # fmt: skip
UNDER_WAY: tuple[State, ...] = ("queued", "choosing", "searching", "scoring", "refining", "working")

RECENT = 60.0  # seconds whose pace tells how long a job still takes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Status:
    """The progress of a job."""

    name: str
    state: State
    share: float = 0.0  # of the phase under way, 0 to 1
    seconds_left: float | None = None  # of the phase under way, None while unknown
    ahead: int = 0  # jobs in the queue before this one
    waits_for: str = ""  # the first of them
    message: str = ""  # one sentence: why it failed, or what is kept of it after it was cancelled
    result: object = None  # what a finished job returns

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY


class CancelledError(Exception):
    """Raised within a job to end it."""


class JobContext:
    """The progress and cancellation of a job."""

    def __init__(self, publish: Callable[[Status], None], name: str, stop: threading.Event):
        self._publish, self._name, self._stop = publish, name, stop
        self._phase: Phase | None = None
        self._seen: deque[tuple[float, float]] = deque()  # when a share of the phase was reported

    def report(self, phase: Phase, share: float = 0.0) -> None:
        """Publish the share of a phase that is done; raises CancelledError once the job is cancelled."""
        if self._stop.is_set():
            raise CancelledError
        now = monotonic()
        if phase != self._phase:
            self._phase = phase
            self._seen.clear()
        self._seen.append((now, share))
        while len(self._seen) > 2 and now - self._seen[1][0] > RECENT:
            self._seen.popleft()
        self._publish(Status(self._name, phase, share, self._left()))

    def _left(self) -> float | None:
        """The seconds left of the phase at its recent pace: other work on the machine and a resumed start change it."""
        (before, share), (now, done) = self._seen[0], self._seen[-1]
        if done <= share or now - before < 1:
            return None
        return (now - before) * (1 - done) / (done - share)


Work = Callable[[JobContext], object]  # may return its result


class Queues:
    """The queues of one process; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._status: dict[str, Status] = {}
        self._stop: dict[str, threading.Event] = {}
        self._device: dict[str, str] = {}
        self._kept: dict[str, str] = {}
        self._queues: dict[str, queue.Queue[tuple[str, Phase, Work, threading.Event] | None]] = {}
        self._threads: list[threading.Thread] = []
        self._closed = False

    def submit(self, name: str, device: str, work: Work, phase: Phase = "working", *, kept: str = "") -> None:
        """Queue work under a name; work of that name that is queued or under way already stays where it is.

        phase: what its status says from the moment it begins; kept: a sentence on what is kept where it is cancelled.
        Raises RunError once the queues are closed.
        """
        with self._lock:
            if self._closed:
                raise RunError("the app is shutting down: restart it and try again")
            if name in self._status and self._status[name].under_way:
                return
            self._status.pop(name, None)  # its place is behind those that wait already
            self._status[name] = Status(name, "queued")
            self._stop[name] = threading.Event()
            self._device[name], self._kept[name] = device, kept
            if device not in self._queues:
                self._queues[device] = queue.Queue()
                thread = threading.Thread(target=self._serve, args=(device,), name=f"hume-{device}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._queues[device].put((name, phase, work, self._stop[name]))

    def cancel(self, name: str) -> None:
        """Stop a job when it next reports its progress; it can be submitted again."""
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
        """The status of a job, None when it was not submitted since the server started."""
        with self._lock:
            status = self._status.get(name)
            if status is None or status.state != "queued":
                return status
            names = list(self._status)
            earlier = [other for other in names[: names.index(name)] if self._device[other] == self._device[name]]
            ahead = [other for other in earlier if self._status[other].under_way]
            return replace(status, ahead=len(ahead), waits_for=ahead[0] if ahead else "")

    def is_under_way(self, name: str) -> bool:
        """Whether a job is queued or under way."""
        status = self.status(name)
        return status is not None and status.under_way

    def statuses(self) -> list[Status]:
        """All jobs queued or under way, in order."""
        with self._lock:
            return [status for status in self._status.values() if status.under_way]

    def forget(self, name: str) -> bool:
        """Drop the status of an ended job; returns whether there was one."""
        with self._lock:
            if name not in self._status or self._status[name].under_way:
                return False
            del self._status[name], self._stop[name], self._device[name], self._kept[name]
            return True

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
            name, phase, work, stop = item
            with self._lock:
                if stop.is_set():  # it may have been submitted again since, and stands further back
                    continue
                self._status[name] = Status(name, phase)
            try:
                outcome = Status(name, "finished", 1.0, result=work(JobContext(self._set, name, stop)))
            except CancelledError:
                outcome = Status(name, "cancelled", message=self._kept[name])
            except HumeError as error:
                outcome = Status(name, "failed", message=str(error))
            except BaseException as error:  # whatever a library raises, the thread serves the jobs behind
                if not out_of_memory(error):
                    log.exception("%s failed", name)
                outcome = Status(name, "failed", message=_sentence(error))
            self._set(outcome)

    def _set(self, status: Status) -> None:
        with self._lock:
            self._status[status.name] = status


def _sentence(error: BaseException) -> str:
    """The message of an unexpected error; torch reports a lack of memory on the CPU as a RuntimeError."""
    if out_of_memory(error) or "not enough memory" in str(error) or "can't allocate memory" in str(error):
        return "out of memory: try again with fewer seeds, a smaller split or smaller batches"
    return f"an unexpected {type(error).__name__} ended the work; the server's log has the details: resume it"
