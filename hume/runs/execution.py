"""The work of a run: the choice of how even its classes are kept, its search, its scores, its refinement.

Every stage goes on from what `hume.runs.record` has on disk.
"""

from collections.abc import Callable, Generator
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common import devices
from hume.common.errors import InputError, RunError
from hume.common.progress import Progress
from hume.data import splits
from hume.data.dataset import Dataset
from hume.engine.search import Step
from hume.runs import checkpoint, choice_of_evenness, cost, ray_cluster, result, searching
from hume.runs.evenness import Evenness
from hume.runs.record import Record
from hume.runs.refinement import Final, RefinedLabelings, Refinement
from hume.runs.trajectory import Recorder


def choose_evenness(run: Record, on_progress: Progress | None) -> Evenness | None:
    """How even a run's classes should be; None where there is nothing to choose."""
    request, dataset = run.request, run.dataset()
    if not choice_of_evenness.can_choose(dataset, request.config, request.setting):
        return None
    return choice_of_evenness.choose(
        dataset, request.phi1, request.phi2, request.config, request.solver, request.setting,
        device=devices.choose_device(request.device), on_progress=on_progress,
    )  # fmt: skip


def execute(
    run: Record,
    search: bool,
    record: bool,
    on_step: Callable[[Step], None] | None,
    on_fold: Callable[[int], None] | None,
    on_refine: Progress | None,
) -> dict[str, Any]:
    """Search, score and refine what is missing of a run whose lock is held, see `Run.execute`."""
    start = perf_counter() - run.seconds_so_far()
    request, dataset = run.request, run.dataset()
    device = devices.choose_device(request.device)
    if search:
        if request.origin == "authors":
            raise RunError(f"the import of run {run.name!r} is not complete: import its tasks again, as a new run")
        recorder = Recorder(run.folder, request.seeds, request.config.num_iterations) if record else None
        _search(run, dataset, device, start, recorder, on_step)
    searched = perf_counter()
    labelings, K = run.labelings(), request.config.num_classes
    scored = result.score_labelings(dataset, request.phi2, labelings, K, device=device, on_fold=on_fold)
    found, problem, begun = None, None, perf_counter()
    if request.refine == "joint":
        try:
            seeds, refined, final = _refine(run, dataset, labelings, scored.cv_score, device, on_refine)
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
    return run.write_scores(scored, seconds, device, request.config.precision, found, problem)


def _refine(
    run: Record,
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
    request, files = run.request, run.refined
    searched = splits.searched_rows(dataset, request.setting)
    stage = Refinement.of(
        dataset, request.phi1, request.phi2, request.config, searched, device, files.whitenings(device)
    )
    files.write_whitenings(stage.fitted.whitenings)
    wanted = cost.seeds_to_refine(stage, cv_score)
    known = set(files.seeds)
    done = [i for i, seed in enumerate(run.finished_seeds) if seed in known]
    for numbers, some in stage.batches(labelings, wanted.tolist(), on_progress, done=done):
        files.write([run.finished_seeds[i] for i in numbers], some)
    seeds = tuple(run.finished_seeds[i] for i in wanted)
    refined = files.read(seeds)
    final = stage.final(refined, len(labelings))
    files.write_final(final)
    return seeds, refined, final


def _search(
    run: Record,
    dataset: Dataset,
    device: str,
    start: float,
    recorder: Recorder | None,
    on_step: Callable[[Step], None] | None,
) -> None:
    """Search the seeds that are missing, here or on the cluster, and write each when it has ended."""
    request, stand = run.request, checkpoint.read(run.folder, device, run.missing_seeds)
    if recorder is not None and stand.frames:
        recorder.load(stand.frames)
    saver, missing = checkpoint.Saver(run.folder, recorder), set(run.missing_seeds)
    callbacks = [None if recorder is None else recorder.record, on_step, saver.save]
    arguments = (
        dataset, request.phi1, request.phi2, request.config, request.solver, run.missing_seeds, request.setting
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
                (run.folder / "scores.json").unlink(missing_ok=True)
            ended = [seed for seed in step.finished if seed.seed in missing]  # others ended before a kill
            if ended:
                for seed, labeling in zip(ended, searching.label_all(phi1, ended), strict=True):
                    run.write_seed(seed, labeling, perf_counter() - start)
            for callback in callbacks:
                if callback is not None:
                    callback(step)
    finally:
        if isinstance(steps, Generator):
            steps.close()  # a cluster is released before the error is reported
    checkpoint.remove(run.folder)
