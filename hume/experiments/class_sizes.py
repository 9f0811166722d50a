"""How large are the classes? Sizes given by hand, or estimated without any label, in place of equal ones.

    estimate = estimate_sizes(dataset, "simclr", "lite0", 10)
    config, solver = preset("fast", num_classes=10, num_samples=dataset.num_samples)
    discover(dataset, config=replace(config, class_sizes=estimate.sizes), solver=solver)

A search for equal classes pulls the classes it finds towards equal sizes, with the weight η; the data pull towards
theirs. With a small η the sizes that are found lie between both. So the estimate walks: it asks for equal sizes at
first, then each time for those that the last search found, on average over its seeds. Such a walk has no end of its
own, because fewer and larger classes are easier to predict: past the true sizes it empties one class after the
other. What ends it is how much of the labels φ2 predicts on held-out rows,

    information = H(τ̄) − CE,   in nats

the entropy of the class sizes (Eq. 6) less the held-out cross-entropy (Eq. 4): a lower bound of the mutual
information of label and φ2 (Barber and Agakov, 2003), 0 for a classifier that knows the sizes only. Larger classes
lower both terms. Once the sizes are right, going on loses more of the first than it gains of the second. The bound is
looser for small classes, so the estimate stops early rather than late: it lies between equal sizes and true ones.
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
from hume.engine.inner import InnerSolver
from hume.engine.search import FINAL_WINDOW
from hume.engine.simplex import label_entropy
from hume.runs.discover import prepare_search

WEIGHT = 2.0  # η of the walk: the sizes found lie between those asked for and those of the data
MOST_STEPS = 6
SMALLEST = 0.02  # of an equal class's size is asked for at least, so that no class is given up
LEAST_SEEDS = 5
LONGEST_PATH = 255  # characters; a system refuses to look for longer ones
SURE = 3.0  # standard errors, over the seeds, by which the information must differ


@dataclass(frozen=True, eq=False)
class SizeStep:
    """One search of the walk; no ground truth in any of it."""

    asked: tuple[float, ...] | None  # (K,) shares, the largest first; None for equal ones
    found: NDArray[np.float64]  # (K,) mean over the seeds, the largest first
    information: NDArray[np.float64]  # (S,) nats


@dataclass(frozen=True, eq=False)
class SizeEstimate:
    """How large the classes seem to be, and how sure it is that they are equal or not."""

    sizes: tuple[float, ...]  # (K,) shares, the largest first: what to give a `Config` as class_sizes
    steps: tuple[SizeStep, ...]  # of the walk
    best: int  # the step with the most information; 0 asked for equal classes
    sure: Literal["clear", "unclear"]

    @property
    def other(self) -> int:
        """The step that the best one is compared with: that of equal classes, or the one after it."""
        return 0 if self.best else 1


def parse_sizes(text: str) -> tuple[float, ...]:
    """Read class sizes in any unit from text such as "500, 300, 200"; raises InputError for anything but numbers."""
    words = re.split(r"[\s,;]+", text.strip(" \t\r\n,;"))
    try:
        return tuple(float(word) for word in words)
    except ValueError:
        raise InputError(f"class sizes are numbers with commas between, as in 500, 300, 200: got {text!r}") from None


def read_sizes(given: str) -> tuple[float, ...]:
    """Class sizes from the numbers themselves or from a file that holds them; raises InputError for anything else."""
    try:
        return parse_sizes(given)
    except InputError:
        path = Path(given)
        if len(given) > LONGEST_PATH or not path.is_file():
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

    phi1, phi2 name spaces of the dataset; sizes are those of the rows that the search may see in the setting. Where
    no step beats equal sizes, these are the estimate. It is clear when the best step and the other side, equal sizes
    or the step after them, differ by three standard errors over the seeds.
    Raises InputError for fewer than five seeds and for data that cannot be searched.
    """
    if len(seeds) < LEAST_SEEDS:
        raise InputError(f"class sizes are estimated from at least {LEAST_SEEDS} seeds, got {len(seeds)}: give more")
    rows = int(searched_rows(dataset, setting).sum())
    config, solver = preset("fast", num_classes=num_classes, num_samples=rows, setting=setting)
    config = replace(config, entropy_weight=WEIGHT)
    steps: list[SizeStep] = []
    while len(steps) < MOST_STEPS and (len(steps) < 2 or _better(steps[-1], steps[-2])):
        tell = part(on_progress, len(steps) / MOST_STEPS, (len(steps) + 1) / MOST_STEPS)
        if steps:
            floor = SMALLEST / num_classes
            config = replace(config, class_sizes=tuple(np.maximum(steps[-1].found, floor).tolist()))
        steps.append(_step(dataset, phi1, phi2, config, solver, seeds, setting, device, tell))
    part(on_progress, 0, 1)(1.0)
    return _judged(steps)


def _step(
    dataset: Dataset,
    phi1: str,
    phi2: str,
    config: Config,
    solver: InnerSolver,
    seeds: Sequence[int],
    setting: Setting,
    device: str,
    tell: Progress,
) -> SizeStep:
    """Search for the sizes of the configuration, and see what is found at the end of every seed."""
    last: dict[int, deque[torch.Tensor]] = {seed: deque(maxlen=FINAL_WINDOW) for seed in seeds}
    _, found = prepare_search(dataset, phi1, phi2, config, solver, seeds, setting, device)
    for step in found:
        information = label_entropy(step.label_shares.T) - step.test_error
        for seed, told in zip(step.seeds, torch.cat([information[:, None], step.label_shares], 1), strict=True):
            last[seed].append(told)
        tell(step.progress)
    ends = np.stack([torch.stack(list(told)).mean(0).cpu().numpy() for told in last.values()]).astype(np.float64)
    sizes = np.sort(ends[:, 1:], axis=1)[:, ::-1].mean(0)
    return SizeStep(config.class_sizes, sizes / sizes.sum(), ends[:, 0])


def _better(one: SizeStep, other: SizeStep) -> bool:
    return bool(one.information.mean() > other.information.mean())


def _judged(steps: Sequence[SizeStep]) -> SizeEstimate:
    """The step with the most information, and how far beyond the seeds' scatter it is so."""
    best = int(np.argmax([step.information.mean() for step in steps]))
    K = len(steps[0].found)
    sizes = tuple(steps[best].found.tolist()) if best else (1 / K,) * K
    estimate = SizeEstimate(sizes, tuple(steps), best, "unclear")
    gain = steps[best].information - steps[estimate.other].information
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return replace(estimate, sure="clear") if gain.mean() > SURE * error else estimate
