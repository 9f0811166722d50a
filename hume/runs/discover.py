"""Run a search on a dataset: check that it fits into memory, search all seeds, score them and let them vote.

Ground truth is optional everywhere. Where it is missing, what needs it is None.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Literal, TypeAlias

import numpy as np

from hume.common.devices import choose_device
from hume.common.errors import InputError
from hume.data.dataset import Dataset
from hume.data.splits import Setting, evaluated_rows, searched_rows
from hume.engine.config import Config, PresetName
from hume.engine.config import preset as preset_named
from hume.engine.search import Step
from hume.engine.solvers import InnerSolver
from hume.runs import choice_of_evenness, cost
from hume.runs.refinement import Refinement
from hume.runs.request import Refine, default_refine
from hume.runs.result import Result, score_labelings
from hume.runs.searching import search_all

Sizes: TypeAlias = Literal["auto", "equal"] | Sequence[float]


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
    class_sizes: Sizes | None = None,
    device: str = "auto",
    on_step: Callable[[Step], None] | None = None,
) -> Result:
    """Search a dataset for its human labeling, score the labelings of all seeds and let them vote, all in memory.

    phi1, phi2 name two of the dataset's spaces, its default pair if left out; num_classes
    defaults to the dataset's; `config` and `solver` replace the preset's; refine: `joint` or `none`, by default
    joint for the preset `fast`, of the seeds that vote where all would take longer than the search; class_sizes:
    `equal`, `auto` to choose without labels how even the classes are kept, or K sizes in any order and unit, by default
    auto for `fast` where labelings are refined. `on_step` is called with every iteration. `Store` does the same on
    disk.
    Raises InputError for data that cannot be searched.
    """
    start = perf_counter()
    device = choose_device(device)
    if len(seeds) == 0:
        raise InputError("a search needs at least 1 seed: name the seeds to start from")
    first, second = phi1 or dataset.default_pair[0], phi2 or dataset.default_pair[1]
    rows = searched_rows(dataset, setting)
    refine = refine or default_refine(preset)
    if class_sizes is None:
        class_sizes = "auto" if config is None and preset == "fast" and refine == "joint" else "equal"
    if config is None or solver is None:
        chosen = preset_named(
            preset,
            num_classes=classes_of(dataset, num_classes),
            num_samples=int(rows.sum()),
            setting=setting,
        )
        config, solver = config or chosen[0], solver or chosen[1]
    if not isinstance(class_sizes, str):
        config = replace(config, class_sizes=tuple(class_sizes))
    even = None
    if class_sizes == "auto" and choice_of_evenness.can_choose(dataset, config, setting):
        even = choice_of_evenness.choose(dataset, first, second, config, solver, setting, device=device)
        config = config if even is None else even.applied(config)
    finished, labelings = search_all(
        dataset, first, second, config, solver, seeds, setting, device, on_step, refines=refine == "joint"
    )
    numbers = tuple(seed.seed for seed in finished)
    scores = score_labelings(dataset, second, labelings, config.num_classes, device=device)
    stage = refined = final = problem = None
    some: tuple[int, ...] = ()
    if refine == "joint":
        try:
            stage = Refinement.of(dataset, first, second, config, rows, device)
        except InputError as error:
            problem = str(error)
        else:
            wanted = cost.seeds_to_refine(stage, scores.cv_score)
            some = tuple(numbers[i] for i in wanted)
            refined = stage.refine(labelings[wanted])
            final = stage.final(refined, len(numbers))
    return Result(
        config=config,
        solver=solver,
        setting=setting,
        evaluated=evaluated_rows(dataset),
        seeds=numbers,
        prototypes=np.stack([seed.prototypes for seed in finished]),
        labelings=labelings,
        objective=np.array([seed.final_objective for seed in finished]),
        scores=scores,
        evenness=even,
        refinement=stage,
        refined_seeds=some,
        refined=refined,
        final=final,
        not_refined=problem,
        seconds=perf_counter() - start,
        device=device,
    )


def classes_of(dataset: Dataset, requested: int | None) -> int:
    """The number of classes to search for; raises InputError when neither the caller nor the dataset gives one."""
    number = requested if requested is not None else dataset.num_classes
    if number is None:
        raise InputError(f"{dataset.name} does not say how many classes it has: give num_classes")
    return number
