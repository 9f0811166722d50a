"""Run a search on a dataset: check that it fits into memory, search all seeds, score them and let them vote.

Ground truth is optional everywhere. Where it is missing, what needs it is None.
"""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.devices import choose_device, fits, free_bytes
from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data import space_rows
from hume.data.dataset import Dataset, Space
from hume.data.rows import Rows, subset
from hume.data.splits import Setting, evaluated_rows, searched_rows
from hume.engine.config import Config, PresetName
from hume.engine.config import preset as preset_named
from hume.engine.inner import InnerSolver
from hume.engine.multi_gpu import search_on
from hume.engine.refinement import enough_rows
from hume.engine.search import FinishedSeed, Step, search
from hume.runs import cost
from hume.runs.refinement import Refine, Refinement, default_refine
from hume.runs.result import Result, label_all, score_labelings


def discover(
    dataset: Dataset,
    *,
    phi1: str | None = None,
    phi2: str | None = None,
    num_classes: int | None = None,
    seeds: Sequence[int] = range(100),
    preset: PresetName = "fast",
    setting: Setting = "transductive",
    config: Config | None = None,
    solver: InnerSolver | None = None,
    refine: Refine | None = None,
    device: str = "auto",
    on_step: Callable[[Step], None] | None = None,
) -> Result:
    """Search a dataset for its human labeling, score the labelings of all seeds and let them vote, all in memory.

    phi1, phi2 name two of the dataset's spaces, its default pair if left out; num_classes
    defaults to the dataset's; `config` and `solver` replace the preset's; refine: `joint` or `none`, by default
    joint for the preset `fast`. `on_step` is called with every iteration. `Store` does the same on disk.
    Raises InputError for data that cannot be searched.
    """
    start = perf_counter()
    device = choose_device(device)
    if len(seeds) == 0:
        raise InputError("a search needs at least 1 seed: name the seeds to start from")
    first, second = phi1 or dataset.default_pair[0], phi2 or dataset.default_pair[1]
    rows = searched_rows(dataset, setting)
    if config is None or solver is None:
        chosen = preset_named(
            preset,
            num_classes=classes_of(dataset, num_classes),
            num_samples=int(rows.sum()),
            setting=setting,
        )
        config, solver = config or chosen[0], solver or chosen[1]
    phi1_rows, steps = prepare_search(dataset, first, second, config, solver, seeds, setting, device)
    finished: list[FinishedSeed] = []
    for step in steps:
        finished.extend(step.finished)
        if on_step is not None:
            on_step(step)
    finished.sort(key=lambda seed: seed.seed)
    labelings = label_all(phi1_rows, finished)
    stage = refined = final = None
    if (refine or default_refine(preset)) == "joint" and enough_rows(int(rows.sum()), config.num_classes):
        stage = Refinement.of(dataset, first, second, config, rows, device)
        refined = stage.refine(labelings)
        final = stage.final(refined, len(finished))
    return Result(
        config=config,
        solver=solver,
        setting=setting,
        evaluated=evaluated_rows(dataset),
        seeds=tuple(seed.seed for seed in finished),
        prototypes=np.stack([seed.prototypes for seed in finished]),
        labelings=labelings,
        objective=np.array([seed.final_objective for seed in finished]),
        scores=score_labelings(dataset, second, labelings, config.num_classes, device=device),
        refinement=stage,
        refined=refined,
        final=final,
        seconds=perf_counter() - start,
        device=device,
    )


def classes_of(dataset: Dataset, requested: int | None) -> int:
    """The number of classes to search for; raises InputError when neither the caller nor the dataset gives one."""
    number = requested if requested is not None else dataset.num_classes
    if number is None:
        raise InputError(f"{dataset.name} does not say how many classes it has: give num_classes")
    return number


def prepare_search(
    dataset: Dataset,
    phi1: str,
    phi2: str,
    config: Config,
    solver: InnerSolver,
    seeds: Sequence[int],
    setting: Setting,
    device: str,
    seed_batch: int | None = None,
) -> tuple[Rows, Iterator[Step]]:
    """All rows of φ1 as the search sees them, (N, d1) on the device, and the iterator of the search's steps.

    Spaces whose copies do not fit comfortably into memory stay on disk. Where there are several
    GPUs, `cuda` searches on all of them. Raises InputError when there is not enough memory for the rest.
    """
    rows = searched_rows(dataset, setting)
    space1, space2 = dataset.space(phi1), dataset.space(phi2)
    space_rows.check_varies(space2)
    N, d1, d2 = len(space1.features), space1.features.shape[1], space2.features.shape[1]
    on_disk = not fits(cost.copies(N, d1, d2, searched=int(rows.sum())), device)
    _check_memory(cost.least_bytes(N, d1, d2, config, solver, len(seeds), on_disk=on_disk), on_disk, device)
    first, searched = searched_pair(space1, space2, config, rows, device, on_disk=on_disk)
    return first, _search(device, searched, config, solver, seeds, seed_batch)


def searched_pair(
    phi1: Space, phi2: Space, config: Config, searched: NDArray[np.bool_], device: str, *, on_disk: bool
) -> tuple[Rows, tuple[Rows, Rows]]:
    """All rows of φ1 as the search sees them, and the `searched` rows (N,) of both spaces."""
    if on_disk:
        for space in (phi1, phi2):
            space_rows.check_order(space)
    first = space_rows.rows(phi1, unit=True, centre=config.centre, mean_rows=searched, device=device, on_disk=on_disk)
    second = space_rows.rows(phi2, device=device, on_disk=on_disk)
    return first, (subset(first, searched), subset(second, searched))


def _search(
    device: str,
    pair: tuple[Rows, Rows],
    config: Config,
    solver: InnerSolver,
    seeds: Sequence[int],
    seed_batch: int | None,
) -> Iterator[Step]:
    count = torch.cuda.device_count() if device == "cuda" else 1
    if count > 1:
        gpus = [f"cuda:{number}" for number in range(count)]
        return search_on(gpus, *pair, config, solver=solver, seeds=seeds, seed_batch=seed_batch)
    return search(*pair, config, solver=solver, seeds=seeds, seed_batch=seed_batch)


def _check_memory(needed: int, on_disk: bool, device: str) -> None:
    """Raise InputError when a search needs more memory than there is, wherever its spaces are."""
    free = min(free_bytes("cpu"), free_bytes(device))
    if needed > free:
        raise InputError(
            f"this search needs {needed / 2**30:.1f} GiB of memory{', with its spaces on disk' if on_disk else ''}, "
            f"and {free / 2**30:.1f} GiB are free: lower num_train and num_test, the number of classes or of seeds"
        )


SEARCHED = 0.8  # the search's share of the time of a search with its scores


def of_search(on_progress: Progress | None, share: float = SEARCHED) -> Callable[[Step], None]:
    """An `on_step` that reports the progress of a search that is a share of the work: its scores follow."""
    report = part(on_progress, 0, share)
    return lambda step: report(min(1.0, step.progress))
