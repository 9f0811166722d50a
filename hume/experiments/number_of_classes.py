"""How many classes are there? A sweep over K without labels (a limitation named in Section 4 of the paper).

    sweep = NumberOfClasses(home, dataset, "simclr", "lite0")
    for num_classes in range(4, 17):
        sweep.run(num_classes)
    suggest(sweep.points())

Fewer classes, and one large class among small ones, are easier to predict: cross-validation scores
cannot be compared over K as they are. A classifier that learns nothing from φ2 predicts the largest
class, so its share p is the score of chance, and

    corrected = (score − p) / (1 − p)

is 0 for that and 1 for a labeling that is always predicted. The second criterion is how well the
seeds agree, the mean adjusted Rand index of all pairs, which is corrected for chance as well: with a
wrong K the seeds merge or split different classes. The suggestion maximizes the product of both.

Every seed is searched for classes of about equal size, so a sweep suggests a number of such classes: where they are
unequal, small ones are merged and the suggestion is too low. The labelings of each K are an entry of `class-counts`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.progress import Progress
from hume.data.dataset import Dataset
from hume.data.splits import evaluated_rows
from hume.engine.config import preset
from hume.evaluation.metrics import Spread, spread
from hume.evaluation.seed_statistics import SeedStatistics
from hume.experiments.cache import Cache
from hume.experiments.saved_labelings import ScoredLabelings, load_scored, pair_key
from hume.experiments.searches import ExperimentSearch

CLOSE = 0.9  # numbers of classes with this share of the best merit are not distinguished from it
# Below these a classifier predicts too little, or the seeds agree too little, for a suggestion without doubt.
LEAST_SCORE = 0.5
LEAST_STABILITY = 0.9  # "excellent recovery" of Steinley (2004) for this index
LEAST_SEEDS = 5
LEAST_COUNTS = 3  # a peak has two sides


@dataclass(frozen=True)
class NumberPoint:
    """The results for K classes; computed without ground truth."""

    num_classes: int
    cv_score: Spread  # over seeds, 0 to 1; not comparable over K
    corrected: Spread  # over seeds, 0 is the score of predicting the largest class, 1 is perfect
    stability: float | None  # mean adjusted Rand index of all pairs of seeds; None of a single seed
    occupied: Spread  # classes that have samples
    seconds: float
    n: int  # seeds

    @property
    def merit(self) -> float:
        """What the suggestion maximizes: the corrected score times the stability, 0 where either is missing."""
        return max(0.0, self.corrected.mean) * max(0.0, self.stability or 0.0)


Doubt: TypeAlias = Literal[
    "few seeds", "few numbers", "low score", "low stability", "end of range", "different peaks", "several"
]


@dataclass(frozen=True)
class Suggestion:
    """The suggested number of classes, and why it is uncertain."""

    best: NumberPoint
    low: int  # numbers from `low` to `high` include others that are about as good
    high: int
    doubt: Doubt | None  # the first that applies
    best_score: int  # the number of classes at which the corrected score is largest
    most_stable: int  # the number at which the seeds agree best

    @property
    def num_classes(self) -> int:
        return self.best.num_classes


class NumberOfClasses:
    """A sweep over the number of classes on one pair of spaces."""

    def __init__(self, home: Path, dataset: Dataset, phi1: str, phi2: str):
        self.home, self.dataset, self.phi1, self.phi2 = home, dataset, phi1, phi2
        self.cache = Cache.keyed(home, "class-counts", pair_key(dataset, phi1, phi2))

    def run(
        self,
        num_classes: int,
        *,
        num_seeds: int = 20,
        again: bool = False,
        device: str = "cpu",
        on_progress: Progress | None = None,
    ) -> ScoredLabelings:
        """The labelings of seeds 0..n − 1 for K classes with the preset `fast`, searched where they are not saved.

        again: search in any case. Raises InputError for numbers that cannot be searched, RunError when the home cannot
        be written.
        """
        config, solver = preset("fast", num_classes=num_classes, num_samples=self.dataset.num_samples)
        search = ExperimentSearch(self.home, self.dataset, self.phi1, self.phi2, config, solver, num_seeds)
        note = f"{num_seeds} seeds, preset fast, {num_classes} classes"
        return search.labelings(self.cache, str(num_classes), note, again=again, device=device, on_progress=on_progress)

    def saved(self, num_classes: int) -> ScoredLabelings | None:
        """The labelings for K classes; None where they are missing or damaged."""
        return load_scored(self.cache, str(num_classes), self.dataset.num_samples)

    def points(self, numbers: Sequence[int] | None = None) -> list[NumberPoint]:
        """Every number of classes that was searched, ascending; only those in `numbers` where given."""
        known = [(K, self.saved(K)) for K in self.cache.numbers() if numbers is None or K in numbers]
        rows = evaluated_rows(self.dataset)
        return [_point(K, saved, rows) for K, saved in known if saved is not None]


def suggest(points: Sequence[NumberPoint]) -> Suggestion:
    """The number of classes that maximizes corrected score times stability, and the doubt about it.

    There is none when score and stability are both largest there, no other number comes within a tenth of it, the
    numbers on both of its sides were tried, and both are high enough to mean something.
    Raises InputError when nothing was searched.
    """
    if not points:
        raise InputError("no number of classes was searched yet: sweep a range first")
    ordered = sorted(points, key=lambda point: point.num_classes)
    best = max(ordered, key=lambda point: point.merit)
    near = [point.num_classes for point in ordered if point.merit >= CLOSE * best.merit]
    best_score = max(ordered, key=lambda point: point.corrected.mean).num_classes
    most_stable = max(ordered, key=lambda point: point.stability or 0.0).num_classes
    doubts: dict[Doubt, bool] = {
        "few seeds": min(point.n for point in ordered) < LEAST_SEEDS,
        "few numbers": len(ordered) < LEAST_COUNTS,
        "low score": best.corrected.mean < LEAST_SCORE,
        "low stability": (best.stability or 0.0) < LEAST_STABILITY,
        "end of range": best in (ordered[0], ordered[-1]),
        "different peaks": not best_score == most_stable == best.num_classes,
        "several": len(near) > 1,
    }
    doubt = next((kind for kind, applies in doubts.items() if applies), None)
    return Suggestion(best, near[0], near[-1], doubt, best_score, most_stable)


def _point(num_classes: int, saved: ScoredLabelings, rows: NDArray[np.bool_]) -> NumberPoint:
    seeds = SeedStatistics(cv_score=saved.cv_score, num_classes=num_classes, read=lambda: saved.labelings[:, rows])
    return NumberPoint(
        num_classes=num_classes,
        cv_score=spread(seeds.cv_score),
        corrected=spread(seeds.corrected),
        stability=seeds.stability,
        occupied=spread(seeds.occupied),
        seconds=saved.seconds,
        n=len(seeds.cv_score),
    )
