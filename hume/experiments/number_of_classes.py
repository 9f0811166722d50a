"""How many classes are there? A sweep over K that asks no label (the limit that Section 4 of the paper leaves open).

    count = ClassCount(home, dataset, "simclr", "lite0")
    for num_classes in range(4, 17):
        count.run(num_classes)
    suggest(count.points())

Fewer classes, and one large class among small ones, are easier to foretell: cross-validation scores
cannot be compared over K as they are. A classifier to which φ2 tells nothing answers with the largest
class, so its share p is what a score is worth without knowing anything, and

    corrected = (score − p) / (1 − p)

is 0 for that and 1 for a labeling that is always foretold. Beside it stands how well the seeds
agree, the mean adjusted Rand index of all pairs, which is corrected for chance as well: with a wrong
K the seeds merge or split classes, each in its own way. The suggestion maximizes the product.

Every seed is searched for classes of about equal size, so a sweep finds a number of such classes: where they are
unequal, small ones are merged and the suggestion is too low.

    <home>/class-counts/<digest of spaces and rows>/<K>.safetensors     labelings (S, N), scores (S,)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data.dataset import Dataset
from hume.data.splits import evaluated_rows
from hume.engine.config import preset
from hume.evaluation.metrics import Spread, spread
from hume.evaluation.seed_statistics import SeedStatistics
from hume.experiments.saved_labelings import Kept, digest, keep, read_kept, scored_rows
from hume.runs.discover import discover, of_search

CLOSE = 0.9  # numbers of classes this near to the best are not told apart from it, as a share of its merit
# Below these there is too little that a classifier foretells or that seeds agree on, whatever is best of it.
LEAST_SCORE = 0.5
LEAST_STABILITY = 0.9  # "excellent recovery" in the words of Steinley (2004) on this index
LEAST_SEEDS = 5
LEAST_COUNTS = 3  # a peak has two sides


@dataclass(frozen=True)
class CountPoint:
    """What was found when K classes were asked for; no ground truth in any of it."""

    num_classes: int
    cv_score: Spread  # over seeds, 0 to 1; not comparable over K
    corrected: Spread  # over seeds, 0 is what the largest class alone gives, 1 is perfect
    stability: float | None  # mean adjusted Rand index of all pairs of seeds; None of a single seed
    occupied: Spread  # classes that have samples
    seconds: float
    n: int  # seeds

    @property
    def merit(self) -> float:
        """What the suggestion maximizes: the corrected score times the stability, 0 where either is missing."""
        return max(0.0, self.corrected.mean) * max(0.0, self.stability or 0.0)


@dataclass(frozen=True)
class Suggestion:
    """How many classes there seem to be, and how sure that is."""

    num_classes: int
    low: int  # from `low` to `high` it could be as well
    high: int
    sure: Literal["clear", "unclear"]
    words: str


class ClassCount:
    """A sweep over the number of classes on one pair of spaces."""

    def __init__(self, home: Path, dataset: Dataset, phi1: str, phi2: str):
        self.dataset, self.phi1, self.phi2 = dataset, phi1, phi2
        spaces = (dataset.space(phi1).fingerprint, dataset.space(phi2).fingerprint)
        self.folder = home / "class-counts" / digest((*spaces, scored_rows(dataset)))

    def run(
        self,
        num_classes: int,
        *,
        seeds: Sequence[int] = range(20),
        device: str = "cpu",
        on_progress: Progress | None = None,
    ) -> Kept:
        """Search for so many classes with the preset `fast` and keep what was found, in place of what was there.

        Raises InputError for numbers that cannot be searched, RunError when the home cannot be written.
        """
        config, solver = preset("fast", num_classes=num_classes, num_samples=self.dataset.num_samples)
        result = discover(
            self.dataset, phi1=self.phi1, phi2=self.phi2, config=config, solver=solver, seeds=seeds, device=device,
            on_step=of_search(on_progress),
        )  # fmt: skip
        kept = keep(self._path(num_classes), result, f"{len(seeds)} seeds, preset fast, {num_classes} classes")
        part(on_progress, 0, 1)(1.0)
        return kept

    def found(self, num_classes: int) -> Kept | None:
        """What was found for so many classes; None where nothing was, or the file is damaged."""
        return read_kept(self._path(num_classes), self.dataset.num_samples)

    def points(self, counts: Sequence[int] | None = None) -> list[CountPoint]:
        """Every number of classes that was searched, in order; of `counts` only where given."""
        names = [path.stem for path in self.folder.glob("*.safetensors")]
        there = sorted(int(name) for name in names if name.isascii() and name.isdecimal())
        kept = [(K, self.found(K)) for K in there if counts is None or K in counts]
        rows = evaluated_rows(self.dataset)
        return [_point(K, found, rows) for K, found in kept if found is not None]

    def _path(self, num_classes: int) -> Path:
        return self.folder / f"{num_classes}.safetensors"


def suggest(points: Sequence[CountPoint]) -> Suggestion:
    """Name the number of classes at which corrected score times stability is largest, and say how sure that is.

    It is clear when score and stability are both largest there, no other number comes within a tenth of it, the numbers
    on both of its sides were tried, and both are high enough to mean something; the words name what is missing.
    Raises InputError when nothing was searched.
    """
    if not points:
        raise InputError("no number of classes was searched yet: sweep a range first")
    ordered = sorted(points, key=lambda point: point.num_classes)
    place = int(np.argmax([point.merit for point in ordered]))
    best = ordered[place]
    near = [point.num_classes for point in ordered if point.merit >= CLOSE * best.merit]
    doubt = _doubt(ordered, place, near)
    if doubt is not None:
        words = f"Unclear, {best.num_classes} classes at best: {doubt}."
        return Suggestion(best.num_classes, near[0], near[-1], "unclear", words)
    words = (
        f"{best.num_classes} classes of about equal size: there the score above chance "
        f"({100 * best.corrected.mean:.0f}\u00a0%) and the agreement of the seeds "
        f"({best.stability:.2f}) are both largest, and no other number comes near."
    )
    return Suggestion(best.num_classes, near[0], near[-1], "clear", words)


def _doubt(ordered: Sequence[CountPoint], place: int, near: Sequence[int]) -> str | None:
    """Why the best of some numbers of classes is not to be relied on; None where nothing speaks against it."""
    best = ordered[place]
    score = max(ordered, key=lambda point: point.corrected.mean).num_classes
    stable = max(ordered, key=lambda point: point.stability or 0.0).num_classes
    if min(point.n for point in ordered) < LEAST_SEEDS:
        return f"fewer than {LEAST_SEEDS} seeds were searched, too few to see whether they agree"
    if len(ordered) < LEAST_COUNTS:
        return "too few numbers of classes were tried to see a peak"
    if best.corrected.mean < LEAST_SCORE:
        return "whatever number is asked for, φ2 foretells little of it"
    if (best.stability or 0.0) < LEAST_STABILITY:
        return "whatever number is asked for, the seeds agree only in part"
    if place in (0, len(ordered) - 1):
        return "it lies at the end of the range, search a wider one"
    if not score == stable == best.num_classes:
        return f"the score above chance is largest at {score} classes, the agreement of the seeds at {stable}"
    if len(near) > 1:
        return f"from {near[0]} to {near[-1]} some numbers are about as good"
    return None


def _point(num_classes: int, kept: Kept, rows: NDArray[np.bool_]) -> CountPoint:
    seeds = SeedStatistics(cv_score=kept.cv_score, num_classes=num_classes, read=lambda: kept.labelings[:, rows])
    return CountPoint(
        num_classes=num_classes,
        cv_score=spread(seeds.cv_score),
        corrected=spread(seeds.corrected),
        stability=seeds.stability,
        occupied=spread(seeds.occupied),
        seconds=kept.seconds,
        n=len(seeds.cv_score),
    )
