"""The work of a run: the choice of how even its classes are kept, its search, its scores, its refinement.

    run = store.create(dataset, ...)
    run.execute()

Every stage goes on from what `hume.runs.record` has on disk.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common import devices
from hume.common.errors import InputError, RunError
from hume.common.files import disk_errors
from hume.common.progress import Progress
from hume.data import splits
from hume.data.dataset import Dataset
from hume.engine.search import Step
from hume.runs import checkpoint, cost, evenness, ray_cluster, result, searching
from hume.runs.record import Record
from hume.runs.refinement import Final, RefinedLabelings, Refinement
from hume.runs.request import write_request
from hume.runs.trajectory import Recorder


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
        with disk_errors(self.folder), self.held():
            dataset, pair = self.dataset(), (request.phi1, request.phi2)
            if not evenness.can_choose(dataset, request.config, request.setting):
                return self
            chosen = evenness.choose(
                dataset, *pair, request.config, request.solver, request.setting,
                device=devices.choose_device(request.device), on_progress=on_progress,
            )  # fmt: skip
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
        on_step: Callable[[Step], None] | None = None,
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
            return self._execute(search, record, on_step, on_fold, on_refine)

    def _execute(
        self,
        search: bool,
        record: bool,
        on_step: Callable[[Step], None] | None,
        on_fold: Callable[[int], None] | None,
        on_refine: Progress | None,
    ) -> dict[str, Any]:
        search = search and bool(self.missing_seeds)
        if not search and (self.folder / "scores.json").exists():
            return self.scores()
        start = perf_counter() - self.seconds_so_far()
        request, dataset = self.request, self.dataset()
        device = devices.choose_device(request.device)
        if search:
            if request.origin == "authors":
                raise RunError(f"the import of run {self.name!r} is not complete: import its tasks again, as a new run")
            recorder = Recorder(self.folder, request.seeds, request.config.num_iterations) if record else None
            self._search(dataset, device, start, recorder, on_step)
        searched = perf_counter()
        labelings, K = self.labelings(), request.config.num_classes
        scored = result.score_labelings(dataset, request.phi2, labelings, K, device=device, on_fold=on_fold)
        found, problem, begun = None, None, perf_counter()
        if request.refine == "joint":
            try:
                seeds, refined, final = self._refine(dataset, labelings, scored.cv_score, device, on_refine)
            except InputError as error:
                problem = str(error)
            else:
                refine_seconds = perf_counter() - begun
                found = (
                    seeds,
                    result.score_refined(dataset, request.phi2, refined, final, K, device=device, on_fold=on_fold),
                )
        seconds = {"search_seconds": searched - start, "score_seconds": perf_counter() - searched}
        if found is not None:
            seconds |= {"score_seconds": seconds["score_seconds"] - refine_seconds, "refine_seconds": refine_seconds}
        device = device if request.cluster is None else "cluster"
        return self.write_scores(scored, seconds, device, request.config.precision, found, problem)

    def _refine(
        self,
        dataset: Dataset,
        labelings: NDArray[np.int32],
        cv_score: NDArray[np.float64],
        device: str,
        on_progress: Progress | None,
    ) -> tuple[tuple[int, ...], RefinedLabelings, Final]:
        """Refine the labelings (S, N) of the finished seeds that are not refined yet, and write each batch of them.

        All of them, or those with the best scores where all would take longer than the search. Raises InputError for
        data that cannot be refined.
        """
        request, files = self.request, self.refined
        searched = splits.searched_rows(dataset, request.setting)
        stage = Refinement.of(
            dataset, request.phi1, request.phi2, request.config, searched, device, files.whitenings(device)
        )
        files.write_whitenings(stage.fitted.whitenings)
        wanted = cost.seeds_to_refine(stage, cv_score)
        known = set(files.seeds)
        missing = [int(i) for i in wanted if self.finished_seeds[i] not in known]
        for numbers, some in stage.batches(labelings, missing, on_progress):
            files.write([self.finished_seeds[i] for i in numbers], some)
        seeds = tuple(self.finished_seeds[i] for i in wanted)
        refined = files.read(seeds)
        final = stage.final(refined, len(labelings))
        files.write_final(final)
        return seeds, refined, final

    def _search(
        self,
        dataset: Dataset,
        device: str,
        start: float,
        recorder: Recorder | None,
        on_step: Callable[[Step], None] | None,
    ) -> None:
        """Search the seeds that are missing, here or on the cluster, and write each when it has ended."""
        request, stand = self.request, checkpoint.read(self.folder, device, self.missing_seeds)
        if recorder is not None and stand.frames:
            recorder.load(stand.frames)
        saver, missing = checkpoint.Saver(self.folder, recorder), set(self.missing_seeds)
        callbacks = [None if recorder is None else recorder.record, on_step, saver.save]
        arguments = (
            dataset, request.phi1, request.phi2, request.config, request.solver, self.missing_seeds, request.setting
        )  # fmt: skip
        phi1, steps = (
            searching.prepare_search(
                *arguments,
                device,
                request.seed_batch or stand.batch_size,
                refines=request.refine == "joint",
                resumed=stand.checkpoint,
            )
            if request.cluster is None
            else ray_cluster.prepare_search(*arguments, request.cluster)
        )
        try:
            for number, step in enumerate(steps):
                # Existing scores are of fewer seeds than there will be; a search that fails to start keeps them.
                if number == 0:
                    (self.folder / "scores.json").unlink(missing_ok=True)
                ended = [seed for seed in step.finished if seed.seed in missing]  # others ended before a kill
                if ended:
                    for seed, labeling in zip(ended, searching.label_all(phi1, ended), strict=True):
                        self.write_seed(seed, labeling, perf_counter() - start)
                for callback in callbacks:
                    if callback is not None:
                        callback(step)
        finally:
            if isinstance(steps, Generator):
                steps.close()  # a cluster is released before the error is reported
        checkpoint.remove(self.folder)
