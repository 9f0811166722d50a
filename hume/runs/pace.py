"""How fast a search goes here and now: a few real iterations of what is asked, on a part of its rows and seeds, timed.

A search takes time in proportion to its seeds and its rows (R² 0.999 and 0.995), besides what it does once. So a part
of both is measured, in about a second on an idle machine, and what the machine does meanwhile is in the result.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.devices import free_bytes, out_of_memory
from hume.common.errors import HumeError
from hume.data import splits
from hume.data.dataset import Dataset
from hume.data.rows import Rows, moments
from hume.data.splits import Setting
from hume.engine.config import Config
from hume.engine.inner import Implicit, InnerSolver, Unrolled
from hume.engine.prototypes import hard_labels
from hume.engine.search import Step, largest_batch, search
from hume.engine.whitening import TRUNCATION, Whitening
from hume.evaluation import cross_validation, metrics
from hume.runs import discover
from hume.runs.cost import LONGEST_PATIENCES, TYPICAL_PATIENCES, Sizes, iterations

DRAWN_ROWS = 3000  # of a split; larger ones are measured in part
SCORED_ROWS = 1000
TASKS = (40, 160, 640)  # seeds times classes that are measured; with fewer a product waits for memory
RUNG_SECONDS = 0.25  # after which no more seeds are tried
TRYING_SECONDS, TRIES = 0.05, 10  # of one iteration, at most
FEW, MORE = 1, 3  # splits and inner steps that are measured where more are asked for


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What a search and its scores take, measured: seconds by the number of seeds, for any patience and iterations."""

    num_classes: int
    reading: float  # seconds: the rows of both spaces, once
    start: float  # whitening φ2, for every batch of seeds
    iteration: tuple[tuple[int, float], ...]  # seeds and the seconds of an iteration with them
    scoring: float  # whitening φ2 for the scores
    scores: tuple[tuple[int, float], ...]  # seeds and the seconds of their scores

    def seconds(self, sizes: Sizes, config: Config) -> tuple[float, float]:
        """Of the search and of its scores."""
        scores = self.scoring + self._of(self.scores, sizes.num_seeds, config)
        return self._search(sizes, config), scores

    def _search(self, sizes: Sizes, config: Config) -> float:
        """Every batch goes on with all its seeds for a typical time, then with its last one."""
        typical, longest = (iterations(config, times) for times in (TYPICAL_PATIENCES, LONGEST_PATIENCES))
        full, rest = divmod(sizes.num_seeds, sizes.batch)
        seconds = self.reading
        for batches, seeds in ((full, sizes.batch), (min(rest, 1), rest)):
            rounds = typical * self._of(self.iteration, seeds, config)
            seconds += batches * (self.start + rounds + (longest - typical) * self._of(self.iteration, 1, config))
        return seconds

    def _of(self, points: tuple[tuple[int, float], ...], num_seeds: int, config: Config) -> float:
        """The seconds for so many seeds: on the lines through what was measured, with the classes that were measured.

        Classes and seeds are columns of the same products: one stands for the other.
        """
        seeds = num_seeds * config.num_classes / self.num_classes
        (a, first), (b, second) = points[:2] if seeds < points[1][0] else points[-2:]
        if seeds < points[-1][0] and seeds >= points[1][0]:
            return float(np.interp(seeds, *zip(*points, strict=True)))
        return max(first + (seeds - a) * max(second - first, 0) / (b - a), first * min(1, seeds / a))


def measure(
    dataset: Dataset, phi1: str, phi2: str, config: Config, solver: InnerSolver, sizes: Sizes, setting: Setting,
    device: str,
) -> Pace | None:  # fmt: skip
    """Time a part of a search and its scores; None where that cannot be done, the search itself then says why."""
    try:
        return _Part(dataset, phi1, phi2, config, solver, sizes, setting, device).pace()
    except HumeError:
        return None
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return None


class _Part:
    """Some rows of a search, on its device."""

    def __init__(
        self, dataset: Dataset, phi1: str, phi2: str, config: Config, solver: InnerSolver, sizes: Sizes,
        setting: Setting, device: str,
    ):  # fmt: skip
        self.config, self.solver, self.sizes, self.device = config, solver, sizes, device
        self.most = largest_batch(sizes.d1, sizes.d2, config, solver, free_bytes(device))
        drawn = config.num_train + config.num_test
        self.fewer = max(1, drawn // DRAWN_ROWS)  # the part of a split's rows that is measured is 1/fewer of it
        self.n = min(sizes.searched, max(drawn // self.fewer + 1, SCORED_ROWS, config.num_classes))
        start = perf_counter()
        rows = _some(splits.searched_rows(dataset, setting), self.n)
        one, other = dataset.space(phi1), dataset.space(phi2)
        if sizes.on_disk:
            _, (self.phi1, self.phi2) = discover.searched_pair(one, other, config, rows, device, on_disk=True)
        else:
            one, other = (replace(space, features=space.features[rows]) for space in (one, other))
            _, (self.phi1, self.phi2) = discover.searched_pair(
                one, other, config, np.ones(self.n, bool), device, on_disk=False
            )
        self._sync()
        self.reading = (perf_counter() - start) * sizes.num_samples / self.n

    def pace(self) -> Pace:
        times, quarter = self.n / max(1, self.n // 4), self.phi2[torch.arange(max(1, self.n // 4))]
        moment = self._usual(lambda: moments(quarter)) * times  # of as many rows as are here
        start = perf_counter()
        truncation = min(TRUNCATION, self.solver.truncation) if isinstance(self.solver, Implicit) else TRUNCATION
        whitening = Whitening.of(self.phi2, None, truncation=truncation)
        self._sync()
        eigenvectors = max(0.0, perf_counter() - start - moment)
        # In these coordinates whitening finds what it finds in those of φ2, and takes no time.
        narrow = self.phi2 @ torch.nn.functional.normalize(whitening.transform, dim=0)
        searched, scored = (rows / self.n for rows in (self.sizes.searched, self.sizes.scored))
        implicit = isinstance(self.solver, Implicit)
        iteration, step = self._iterations(narrow if implicit else self.phi2)
        return Pace(
            num_classes=self.config.num_classes,
            reading=self.reading,
            start=eigenvectors + moment * searched if implicit else 0.0,
            iteration=iteration,
            scoring=eigenvectors + moment * scored,
            scores=self._scores(narrow, step.prototypes),
        )

    def _iterations(self, phi2: Rows) -> tuple[tuple[tuple[int, float], ...], Step]:
        """The seconds of an iteration for more and more seeds, and the last of them."""
        points: list[tuple[int, float]] = []
        seconds, seeds = 0.0, 0
        for tasks in TASKS:
            seeds = max(seeds + 1, -(-tasks // self.config.num_classes))
            if len(points) > 1 and (seconds > RUNG_SECONDS or seeds > self.most):
                break
            start = perf_counter()
            iteration, step = self._iteration(phi2, self.config, self.solver, seeds)
            seconds = perf_counter() - start
            points.append((seeds, iteration))
        return tuple(points), step

    def _iteration(self, phi2: Rows, config: Config, solver: InnerSolver, seeds: int) -> tuple[float, Step]:
        """One iteration: where many splits or inner steps are asked for, on the line through few and more of them."""
        if config.num_splits > MORE:
            return _line(
                lambda number: self._iteration(phi2, replace(config, num_splits=number), solver, seeds),
                config.num_splits,
            )
        if isinstance(solver, Implicit | Unrolled) and solver.inner_steps > MORE:
            shorter = solver
            return _line(
                lambda number: self._iteration(phi2, config, replace(shorter, inner_steps=number), seeds),
                solver.inner_steps,
            )
        part = replace(
            config,
            num_train=max(1, config.num_train // self.fewer),
            num_test=max(1, config.num_test // self.fewer),
            num_iterations=TRIES + 1,
            patience=None,
        )
        steps = search(self.phi1, phi2, part, solver=solver, seeds=range(seeds), seed_batch=seeds)
        step = next(steps)  # with what is done once, and the device still cold
        self._sync()
        seconds = self._usual(lambda: next(steps))
        steps.close()
        return seconds * self.fewer, step

    def _scores(self, phi2: Rows, prototypes: Tensor) -> tuple[tuple[int, float], ...]:
        """The seconds of the scores; what does not grow with the seeds does not grow with the rows either."""
        n, N = min(self.n, SCORED_ROWS), self.sizes.scored
        rows = torch.arange(n)
        x1, x2 = self.phi1[rows], phi2[rows]
        seconds, more = [], min(len(prototypes), max(2, TASKS[1] // self.config.num_classes))
        counts = (-(-more // 4), more)
        for seeds in counts:
            start = perf_counter()
            labelings = hard_labels(x1, prototypes[:seeds]).to(torch.int32)
            cross_validation.cross_validation_scores(x2, labelings, self.config.num_classes, num_folds=min(10, n))
            self._sync()
            seconds.append(perf_counter() - start)
        labels = np.random.default_rng(0).integers(self.config.num_classes, size=(2, N))
        agreement = self._usual(lambda: metrics.agreement(*labels))
        slope = max(seconds[1] - seconds[0], 0) / (counts[1] - counts[0]) * N / n + agreement
        once = max(0.0, seconds[0] - slope * counts[0])
        return tuple((seeds, once + slope * seeds) for seeds in counts)

    def _usual(self, work: Callable[[], object]) -> float:
        """The median of the seconds of several tries."""
        tries: list[float] = []
        while not tries or (len(tries) < TRIES and sum(tries) < TRYING_SECONDS):
            start = perf_counter()
            work()
            self._sync()
            tries.append(perf_counter() - start)
        return float(np.median(tries))

    def _sync(self) -> None:
        if torch.device(self.device).type == "cuda":
            torch.cuda.synchronize(self.device)


def _line(measured: Callable[[int], tuple[float, Step]], number: int) -> tuple[float, Step]:
    """What `number` of something takes, from what `FEW` and `MORE` of it take."""
    (few, _), (more, step) = measured(FEW), measured(MORE)
    return more + (number - MORE) / (MORE - FEW) * max(more - few, 0), step


def _some(rows: NDArray[np.bool_], number: int) -> NDArray[np.bool_]:
    """A mask (N,) of some of the rows of a mask, drawn at random."""
    chosen = np.zeros_like(rows)
    chosen[np.random.default_rng(0).choice(np.flatnonzero(rows), number, replace=False)] = True
    return chosen
