"""Predicted time of a search on this machine: a few of its iterations are timed, on some of its rows and seeds.

A search takes time in proportion to its seeds and its rows (R² 0.999 and 0.995), plus what it does once; scores and
refinement do too. So some of both are measured, in about a second on an idle machine; any other load on the machine is
part of the result.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from time import perf_counter
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.devices import out_of_memory
from hume.common.errors import HumeError
from hume.data import space_rows, splits
from hume.data.dataset import Dataset, Space
from hume.data.rows import moments
from hume.data.splits import Setting
from hume.engine.config import Config
from hume.engine.joint_rows import MAX_DIRECTIONS, JointRows
from hume.engine.prototypes import hard_labels
from hume.engine.refinement import enough_rows, refine
from hume.engine.search import Step, search
from hume.engine.solvers import Implicit, InnerSolver, Unrolled
from hume.engine.whitening import TRUNCATION, Whitening
from hume.evaluation import cross_validation
from hume.runs.choice_of_evenness import NUM_SEEDS, ways_of
from hume.runs.cost import (
    LONGEST_PATIENCES,
    TYPICAL_PATIENCES,
    TYPICAL_STEPS,
    Sizes,
    iterations,
    refined_seeds,
)

DRAWN_ROWS = 3000  # of a split; of larger ones a fraction is measured
SCORED_ROWS = 1000
TASKS = (40, 320)  # seeds times classes: a search takes a start and so much a seed, which two numbers of them show
ITERATIONS = 3
INNER_STEPS = 10  # at most, that are measured
REFINE_STEPS = 3

T = TypeVar("T")


class Seconds(NamedTuple):
    """The predicted seconds of the stages of a run."""

    search: float
    scores: float  # of the searched labelings and, where there are some, of the refined ones
    refinement: float = 0.0
    choice: float = 0.0  # how even the classes should be


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Measured time of a search and its scores: seconds by the number of seeds, for any patience and iterations."""

    num_classes: int
    reading: float  # seconds: the rows of both spaces, once
    start: float  # whitening φ2, for every batch of seeds
    iteration: tuple[tuple[int, float], ...]  # seeds and the seconds of an iteration with them
    scoring: float  # whitening φ2 for the scores
    scores: tuple[tuple[int, float], ...]  # seeds and the seconds of their scores
    refining: float = 0.0  # whitening both spaces for the refinement
    refinement: tuple[tuple[int, float], ...] = ()  # seeds and the seconds of a step; none for too few rows

    def seconds(self, sizes: Sizes, config: Config, *, refines: bool = False, chooses: bool = False) -> Seconds:
        """Seconds of a run: of its search and scores, of its refinement and of the choice of even classes, if any."""
        scores, refinement, choice = self._scores(sizes.num_seeds, config), 0.0, 0.0
        if refines and self.refinement:
            dim = min(sizes.d1, MAX_DIRECTIONS) + min(sizes.d2, MAX_DIRECTIONS)
            number = refined_seeds(sizes.searched, dim, sizes.d1, config, sizes.num_seeds)
            refinement = self._refinement(number, config)
            scores += self._scores(number, config)
        if chooses and self.refinement:
            few = replace(sizes, num_seeds=NUM_SEEDS, batch=min(sizes.batch, NUM_SEEDS))
            each = self._refinement(few.num_seeds, config)
            choice = sum(self._search(few, way) + each for way in ways_of(config))
        return Seconds(self._search(sizes, config), scores, refinement, choice)

    def _scores(self, num_seeds: int, config: Config) -> float:
        return self.scoring + self._of(self.scores, num_seeds, config)

    def _refinement(self, num_seeds: int, config: Config) -> float:
        return self.refining + TYPICAL_STEPS * self._of(self.refinement, num_seeds, config)

    def _search(self, sizes: Sizes, config: Config) -> float:
        """Every batch runs with all its seeds for a typical time, then with its last one."""
        typical, longest = (iterations(config, times) for times in (TYPICAL_PATIENCES, LONGEST_PATIENCES))
        full, rest = divmod(sizes.num_seeds, sizes.batch)
        seconds = self.reading
        for batches, seeds in ((full, sizes.batch), (min(rest, 1), rest)):
            rounds = typical * self._of(self.iteration, seeds, config)
            seconds += batches * (self.start + rounds + (longest - typical) * self._of(self.iteration, 1, config))
        return seconds

    def _of(self, points: tuple[tuple[int, float], ...], num_seeds: int, config: Config) -> float:
        """The seconds for so many seeds, on the line through the two numbers of seeds that were measured.

        Classes and seeds are columns of the same products: one stands for the other.
        """
        seeds = num_seeds * config.num_classes / self.num_classes
        (a, first), (b, second) = points
        return max(first + (seeds - a) * max(second - first, 0) / (b - a), first * min(1, seeds / a))


def measure(
    dataset: Dataset, phi1: str, phi2: str, config: Config, solver: InnerSolver, sizes: Sizes, setting: Setting,
    device: str,
) -> Pace | None:  # fmt: skip
    """Time a fraction of a search and its scores; None where that fails, for which the search then raises the error."""
    try:
        return _measure((dataset.space(phi1), dataset.space(phi2)), dataset, config, solver, sizes, setting, device)
    except HumeError:
        return None
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return None


def _measure(
    pair: tuple[Space, Space], dataset: Dataset, config: Config, solver: InnerSolver, sizes: Sizes, setting: Setting,
    device: str,
) -> Pace:  # fmt: skip
    seconds = partial(_seconds, device)
    K, drawn = config.num_classes, config.num_train + config.num_test
    fewer = max(1, drawn // DRAWN_ROWS)
    n = min(sizes.searched, max(drawn // fewer + 1, SCORED_ROWS, K))
    chosen = _some(splits.searched_rows(dataset, setting), n)
    one, other = (replace(space, features=space.features[np.flatnonzero(chosen)]) for space in pair)
    reading, (x1, x2) = seconds(
        lambda: (
            space_rows.unit_rows(one, centre=config.centre).to(device),
            space_rows.as_tensor(other, device),
        )
    )
    moment, _ = seconds(lambda: moments(x2.clone()))
    truncation = min(TRUNCATION, solver.truncation) if isinstance(solver, Implicit) else TRUNCATION
    whitened, whitening = seconds(lambda: Whitening.of(x2.clone(), None, truncation=truncation))
    eigenvectors = max(0.0, whitened - moment)
    narrow = x2 @ torch.nn.functional.normalize(whitening.transform, dim=0)  # whose own whitening takes no time
    inner = narrow if isinstance(solver, Implicit) else x2

    times, short = float(fewer * config.num_splits), solver
    if isinstance(solver, Implicit | Unrolled) and solver.inner_steps > INNER_STEPS:
        times, short = times * solver.inner_steps / INNER_STEPS, replace(solver, inner_steps=INNER_STEPS)
    part = replace(
        config, num_train=max(1, config.num_train // fewer), num_test=max(1, config.num_test // fewer), num_splits=1,
        num_iterations=ITERATIONS + 1, patience=None,
    )  # fmt: skip
    if enough_rows(n, K):
        whitened, joint = seconds(partial(JointRows.of, x1, torch.nn.functional.normalize(x2), on_disk=False))
    else:
        whitened, joint = 0.0, None
    iteration, scores, refinement = [], [], []
    for seeds in (max(1, TASKS[0] // K), max(2, TASKS[1] // K)):
        running = search(x1, inner, part, solver=short, seeds=range(seeds), seed_batch=seeds)
        next(running)  # includes what is done once, on a cold device
        took, steps = seconds(partial(list[Step], islice(running, ITERATIONS)))
        iteration.append((seeds, times * took / ITERATIONS))
        labelings = hard_labels(x1[:SCORED_ROWS], steps[-1].prototypes).to(torch.int32)
        took, _ = seconds(partial(cross_validation.cross_validation_scores, narrow[:SCORED_ROWS], labelings, K))
        scores.append((seeds, took * sizes.scored / min(n, SCORED_ROWS)))
        if joint is not None:
            all_labels = hard_labels(x1, steps[-1].prototypes).cpu().numpy()
            took, _ = seconds(partial(refine, joint, all_labels, K, max_steps=REFINE_STEPS, tolerance=0.0))
            refinement.append((seeds, took / REFINE_STEPS * sizes.searched / n))
    return Pace(
        num_classes=K,
        reading=reading * sizes.num_samples / n,
        start=eigenvectors + moment * sizes.searched / n if isinstance(solver, Implicit) else 0.0,
        iteration=tuple(iteration),
        scoring=eigenvectors + moment * sizes.scored / n,
        scores=tuple(scores),
        refining=eigenvectors + max(0.0, whitened - eigenvectors) * sizes.searched / n,
        refinement=tuple(refinement),
    )


def _seconds(device: str, work: Callable[[], T]) -> tuple[float, T]:
    """The seconds that some work takes on a device, and its result."""
    start = perf_counter()
    result = work()
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter() - start, result


def _some(rows: NDArray[np.bool_], number: int) -> NDArray[np.bool_]:
    """A mask (N,) of some of the rows of a mask, drawn at random."""
    chosen = np.zeros_like(rows)
    chosen[np.random.default_rng(0).choice(np.flatnonzero(rows), number, replace=False)] = True
    return chosen
