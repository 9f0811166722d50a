"""How large are the classes? Sizes set by the user, or estimated without any label, in place of equal ones.

    estimate = estimate_sizes(dataset, "simclr", "lite0", 10)
    config, solver = preset("fast", num_classes=10, num_samples=dataset.num_samples)
    discover(dataset, config=replace(config, class_sizes=estimate.sizes), solver=solver)

A search for equal classes pulls its classes towards equal sizes, with the weight η; the data pull towards theirs. With
a small η the resulting sizes are between both. So the estimate is a sequence of searches: the first for equal sizes,
each other for the sizes of the last result, averaged over its seeds. This sequence does not converge, because fewer
and larger classes are easier to predict: past the true sizes it empties one class after the other. It is ended by how
much of the labels φ2 predicts on held-out rows,

    information = H(τ̄) − CE,   in nats

the entropy of the class sizes (Eq. 6) less the held-out cross-entropy (Eq. 4): a lower bound of the mutual
information of label and φ2 (Barber and Agakov, 2003), 0 for a classifier that knows the sizes only. Larger classes
lower both terms. Once the sizes are right, a further step loses more of the first than it gains of the second. The
bound is looser for small classes, so the estimate stops early rather than late: between equal sizes and true ones.
"""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data.dataset import Dataset
from hume.data.splits import Setting, searched_rows
from hume.engine.config import Config, preset
from hume.engine.finished_seed import FINAL_WINDOW
from hume.engine.simplex import label_entropy
from hume.engine.solvers import InnerSolver
from hume.runs.searching import prepare_search

WEIGHT = 2.0  # η: the resulting sizes are between the requested ones and those of the data
MOST_STEPS = 6
SMALLEST = 0.02  # least requested size, in sizes of an equal class, so that no class is lost
LEAST_SEEDS = 5
LONGEST_PATH = 255  # characters; longer ones are an error of the operating system
SURE = 3.0  # standard errors, over the seeds, by which the information must differ


@dataclass(frozen=True, eq=False)
class SizeStep:
    """One search of the estimate; computed without ground truth."""

    requested: tuple[float, ...] | None  # (K,) shares, the largest first; None for equal ones
    sizes: NDArray[np.float64]  # (K,) mean over the seeds, the largest first
    information: NDArray[np.float64]  # (S,) nats


@dataclass(frozen=True, eq=False)
class SizeEstimate:
    """Estimated class sizes, and whether it is clear that they are equal or not."""

    sizes: tuple[float, ...]  # (K,) shares, the largest first: the class_sizes of a `Config`
    steps: tuple[SizeStep, ...]
    best: int  # the step with the most information; 0 is for equal classes
    sure: Literal["clear", "unclear"]

    @property
    def other(self) -> int:
        """The step that the best one is compared with: equal classes, or the step after them."""
        return 0 if self.best else 1


def parse_sizes(text: str) -> tuple[float, ...]:
    """Read class sizes in any unit from text such as "500, 300, 200"; raises InputError for anything but numbers."""
    try:
        return tuple(float(number) for number in re.split(r"[\s,;]+", text.strip(" \t\r\n,;")))
    except ValueError:
        raise InputError(f"class sizes are numbers with commas between, as in 500, 300, 200: got {text!r}") from None


def read_sizes(text: str) -> tuple[float, ...]:
    """Class sizes from numbers as text or from the path of a text file; raises InputError for anything else."""
    try:
        return parse_sizes(text)
    except InputError:
        path = Path(text)
        if len(text) > LONGEST_PATH or not path.is_file():
            raise
    try:
        return parse_sizes(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, InputError):
        raise InputError(f"{path} holds no class sizes: give a text file with one number a line") from None


def estimate_sizes(
    dataset: Dataset,
    phi1: str,
    phi2: str,
    num_classes: int,
    *,
    seeds: Sequence[int] = range(20),
    setting: Setting = "transductive",
    device: str = "cpu",
    on_progress: Progress | None = None,
) -> SizeEstimate:
    """Estimate the sizes of K classes without any label, by up to six searches with the preset `fast` and η = 2.

    phi1, phi2 name spaces of the dataset; sizes are those of the rows that the search sees in the setting. Where no
    step is better than equal sizes, these are the estimate. It is clear when the best step and the one it is compared
    with, equal sizes or the step after them, differ by three standard errors over the seeds.
    Raises InputError for fewer than five seeds and for data that cannot be searched.
    """
    if len(seeds) < LEAST_SEEDS:
        raise InputError(f"class sizes are estimated from at least {LEAST_SEEDS} seeds, got {len(seeds)}: give more")
    rows = int(searched_rows(dataset, setting).sum())
    config, solver = preset("fast", num_classes=num_classes, num_samples=rows, setting=setting)
    config = replace(config, entropy_weight=WEIGHT)
    steps: list[SizeStep] = []
    while len(steps) < MOST_STEPS and (len(steps) < 2 or _better(steps[-1], steps[-2])):
        report = part(on_progress, len(steps) / MOST_STEPS, (len(steps) + 1) / MOST_STEPS)
        if steps:
            floor = SMALLEST / num_classes
            config = replace(config, class_sizes=tuple(np.maximum(steps[-1].sizes, floor).tolist()))
        steps.append(_step(dataset, phi1, phi2, config, solver, seeds, setting, device, report))
    part(on_progress, 0, 1)(1.0)
    return _estimate(steps)


def _step(
    dataset: Dataset,
    phi1: str,
    phi2: str,
    config: Config,
    solver: InnerSolver,
    seeds: Sequence[int],
    setting: Setting,
    device: str,
    on_progress: Progress,
) -> SizeStep:
    """Search for the sizes of the configuration, and average sizes and information at the end of every seed."""
    last: dict[int, deque[torch.Tensor]] = {seed: deque(maxlen=FINAL_WINDOW) for seed in seeds}
    _, steps = prepare_search(dataset, phi1, phi2, config, solver, seeds, setting, device)
    for step in steps:
        information = label_entropy(step.label_shares.T) - step.test_error
        for seed, row in zip(step.seeds, torch.cat([information[:, None], step.label_shares], 1), strict=True):
            last[seed].append(row)
        on_progress(step.progress)
    ends = np.stack([torch.stack(list(rows)).mean(0).cpu().numpy() for rows in last.values()]).astype(np.float64)
    sizes = np.sort(ends[:, 1:], axis=1)[:, ::-1].mean(0)
    return SizeStep(config.class_sizes, sizes / sizes.sum(), ends[:, 0])


def _better(one: SizeStep, other: SizeStep) -> bool:
    return bool(one.information.mean() > other.information.mean())


def _estimate(steps: Sequence[SizeStep]) -> SizeEstimate:
    """The step with the most information, and whether its gain is beyond the scatter of the seeds."""
    best = int(np.argmax([step.information.mean() for step in steps]))
    K = len(steps[0].sizes)
    sizes = tuple(steps[best].sizes.tolist()) if best else (1 / K,) * K
    estimate = SizeEstimate(sizes, tuple(steps), best, "unclear")
    gain = steps[best].information - steps[estimate.other].information
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return replace(estimate, sure="clear") if gain.mean() > SURE * error else estimate
