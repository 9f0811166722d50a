"""Runs executed in the background, and their live view.

A page submits a run and reads its status; it never waits. Seeds are saved as soon as they end, so a
killed server leaves an interrupted run, which can be submitted again.
"""

import threading
from collections.abc import Callable
from functools import partial

from hume.common import devices
from hume.common.progress import Progress
from hume.engine.search import Step
from hume.jobs.live_view import Live, LiveRecorder
from hume.jobs.queues import JobContext, Queues, Status
from hume.runs.store import Store


class RunJobs:
    """The queues of one process, for runs and other jobs; every method may be called from any thread."""

    def __init__(self, store: Store):
        self.store = store
        self._queues = Queues()
        self._lock = threading.Lock()
        self._recorders: dict[str, LiveRecorder] = {}

    def submit(self, name: str, *, search: bool = True) -> None:
        """Queue a run for its device; without `search` its finished seeds are only scored.

        A run that is queued or under way already stays where it is. Raises RunError for an
        unknown or damaged run and once the queues are closed, InputError when the device is missing.
        """
        run = self.store.open(name)
        device = devices.choose_device(run.request.device)
        if search and run.request.cluster is not None:
            device = "cluster"
        self._queues.submit(
            name, device, lambda context: self._work(name, search, context), "searching" if search else "scoring"
        )

    def submit_work(self, name: str, device: str, work: Callable[[Progress], object], *, kept: str = "") -> None:
        """Queue other work for a device: it reports the share done and may return a result.

        kept: a sentence on what is kept where it is cancelled. Its name may not be a run's: give it one with a space
        in it. Raises RunError once the queues are closed.
        """
        self._queues.submit(
            name, device, lambda context: work(lambda share: context.report("working", share)), kept=kept
        )

    def cancel(self, name: str) -> None:
        """Stop a run as soon as its iteration ends; finished seeds stay, and it can be submitted again."""
        self._queues.cancel(name)

    def status(self, name: str) -> Status | None:
        """The status of a run, None when it was not submitted since the server started."""
        return self._queues.status(name)

    def is_under_way(self, name: str) -> bool:
        """Whether a run, or other work, is queued or under way."""
        return self._queues.is_under_way(name)

    def statuses(self) -> list[Status]:
        """All runs and other work that are queued or under way, in their order."""
        return self._queues.statuses()

    def live(self, name: str) -> Live | None:
        """The live view of a run that this process searches or has searched, None before it has begun."""
        with self._lock:
            recorder = self._recorders.get(name)
        return None if recorder is None else recorder.snapshot()

    def forget(self, name: str) -> None:
        """Drop the status of a run that was renamed or deleted, or of an ended job."""
        if self._queues.forget(name):
            with self._lock:
                self._recorders.pop(name, None)

    def close(self, timeout: float = 10.0) -> None:
        """Cancel everything and wait for the threads; afterwards nothing can be submitted."""
        self._queues.close(timeout)

    def _work(self, name: str, search: bool, context: JobContext) -> None:
        run = self.store.open(name)
        if search:
            run = run.with_evenness(partial(context.report, "choosing"))
        context.report("searching" if search and run.missing_seeds else "scoring")
        recorder = LiveRecorder(run)
        with self._lock:
            self._recorders[name] = recorder

        def on_step(step: Step) -> None:
            context.report("searching", recorder.record(step))  # also the last one: what it finished is on disk
            if len(step.finished) == len(step.seeds) and step.progress >= 1:
                context.report("scoring")

        def on_fold(done: int) -> None:
            context.report("scoring", done / recorder.num_folds)

        try:
            run.execute(search=search, on_step=on_step, on_fold=on_fold, on_refine=partial(context.report, "refining"))
        finally:
            recorder.end()
