"""Whether an iteration's time is linear in the number of seeds, of rows of a split and of classes."""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.speed.job import Job
from benchmarks.speed.searches import begin, fast, pace

SEEDS = (10, 20, 50, 100, 200)
ROWS = (1000, 2000, 3000, 6000)
CLASSES = (5, 10, 20, 50, 100)
SEEDS_OF_CLASSES = 10  # as many as fit at 100 classes


@dataclass(frozen=True)
class Line:
    """Seconds of an iteration against a number, and the straight line through them."""

    against: str
    x: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def coefficients(self) -> tuple[float, float]:
        """Seconds more for one more, and seconds of none, by least squares."""
        slope, rest = np.polyfit(self.x, self.seconds, 1)
        return float(slope), float(rest)

    @property
    def r_squared(self) -> float:
        slope, rest = self.coefficients
        taken = np.array(self.seconds)
        missed = taken - (slope * np.array(self.x) + rest)
        return float(1 - (missed**2).sum() / ((taken - taken.mean()) ** 2).sum())


def against_seeds(job: Job) -> Line:
    """Splits as in the preset `fast`; precision as the machine prefers."""
    dataset, config, solver = fast(job, patience=None)
    seconds = [pace(begin(job, config, solver, dataset, number)[1], job.device) for number in SEEDS]
    return Line("seeds", SEEDS, tuple(seconds))


def against_rows(job: Job) -> Line:
    """Two thirds of the rows for training, as in the preset `fast`; small data has splits that are shares of it."""
    dataset, config, solver = fast(job, patience=None)
    N = dataset.num_samples
    sizes = ROWS if max(ROWS) <= N else (N // 6, N // 3, N // 2, N)
    seconds = []
    for size in sizes:
        split = replace(config, num_train=size - size // 3, num_test=size // 3)
        seconds.append(pace(begin(job, split, solver, dataset, job.num_seeds)[1], job.device))
    return Line("rows per split", sizes, tuple(seconds))


def against_classes(job: Job) -> Line:
    """Splits as in the preset `fast` for the data's own number of classes; few seeds."""
    dataset, config, solver = fast(job, patience=None)
    seconds = []
    for number in CLASSES:
        some = replace(config, num_classes=number)
        seconds.append(pace(begin(job, some, solver, dataset, SEEDS_OF_CLASSES)[1], job.device))
    return Line("classes", CLASSES, tuple(seconds))
