"""A run: what is on disk of it, and its two verbs, the choice of how even its classes are kept and its execution.

    run = store.create(dataset, ...)
    run.execute()

`hume.runs.execution` does the work, and is loaded with torch when there is some: a run that is only read needs neither.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hume.common.files import disk_errors, sweep
from hume.common.progress import Progress
from hume.runs.record import Record
from hume.runs.request import write_request

if TYPE_CHECKING:
    from hume.engine.search import Step

LEFTOVER = 60.0  # seconds after which a file that is not complete has been left by a process that was killed


@dataclass(frozen=True, eq=False)
class Run(Record):
    """One run on disk, and the work that is missing."""

    def with_evenness(self, on_progress: Progress | None = None) -> "Run":
        """The run once it is chosen how even its classes should be; the same run where that is settled.

        The choice is written with the request. Raises InputError for data that cannot be searched, RunError as
        `execute` does.
        """
        request = self.request
        if request.sizes != "auto" or request.evenness is not None or self.finished_seeds:
            return self
        from hume.runs import execution

        with disk_errors(self.folder), self.held():
            chosen = execution.choose_evenness(self, on_progress)
            if chosen is None:
                return self
            decided = replace(request, evenness=chosen, config=chosen.applied(request.config))
            write_request(self.folder, decided)
            return replace(self, request=decided)

    def execute(
        self,
        *,
        search: bool = True,
        record: bool = True,
        on_step: "Callable[[Step], None] | None" = None,
        on_fold: Callable[[int], None] | None = None,
        on_refine: Progress | None = None,
    ) -> dict[str, Any]:
        """Search the seeds that are missing, score and refine all, and return the content of `scores.json`.

        Every seed is written as soon as it has ended, with `record` its trajectory too. Without
        `search` only the finished seeds are scored; a later call may search the others. `on_fold` is called
        at every fold of the searched labelings, then of the refined ones. An exception of a callback ends the work
        and leaves the run interrupted. Raises RunError when another process works on the run, its data have changed
        or the disk is full.
        """
        if search:
            self = self.with_evenness()
        with disk_errors(self.folder), self.held():
            search = search and bool(self.missing_seeds)
            if not search and (self.folder / "scores.json").exists():
                return self.scores()
            from hume.runs import execution

            sweep(self.folder, LEFTOVER)
            return execution.execute(self, search, record, on_step, on_fold, on_refine)
