"""Why Eq. 7 has an entropy term: the toy searched with several weights η, from none to the paper's (Fig. B1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.progress import Progress, part
from hume.engine import prototypes, simplex
from hume.engine.config import Config
from hume.engine.finished_seed import FINAL_WINDOW, FinishedSeed
from hume.engine.search import search
from hume.engine.solvers import Implicit
from hume.evaluation import metrics
from hume.lesson.toy import NUM_CLASSES, Labeling, Toy

ENTROPY_WEIGHTS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
NUM_SEEDS = 6
ONE_CLASS = 0.95  # of the points in one class: the labeling has collapsed


Ended: TypeAlias = tuple[FinishedSeed, float]  # a seed and the entropy of its labels at the end, nats


@dataclass(frozen=True, eq=False)
class WeightResult:
    """Result of the search with one weight: the labeling of the seed with the lowest objective."""

    entropy_weight: float  # η
    labeling: Labeling  # (N,)
    test_error: float  # cross-entropy on held-out points in view 2, nats: Eq. 4
    label_entropy: float  # R of the soft labels at the search's end, nats: Eq. 6
    accuracy: float  # agreement with the shapes
    collapsed: int  # seeds that end in one class
    num_seeds: int

    @property
    def shares(self) -> NDArray[np.float64]:
        """The share of the points in every class, (K,)."""
        shares: NDArray[np.float64] = np.bincount(self.labeling, minlength=NUM_CLASSES) / len(self.labeling)
        return shares

    def objective(self, entropy_weight: float) -> float:
        """Eq. 7 for this labeling under any weight, nats, lower is better."""
        return self.test_error - entropy_weight * self.label_entropy


def search_toy(
    toy: Toy,
    weights: Sequence[float] = ENTROPY_WEIGHTS,
    *,
    num_seeds: int = NUM_SEEDS,
    on_progress: Progress | None = None,
) -> list[WeightResult]:
    """Search the toy with every weight η, as in the paper with view 1 as φ1 (not centred) and view 2 as φ2.

    Each search sees all points and none of the shapes. Deterministic.
    """
    return list(_searches(toy, weights, num_seeds, on_progress))


def _config(toy: Toy, entropy_weight: float) -> Config:
    num_test = toy.num_points // 3
    return Config(
        num_classes=NUM_CLASSES, num_iterations=80, step_size=0.05, entropy_weight=entropy_weight,
        num_train=toy.num_points - num_test, num_test=num_test, num_splits=1, anneal_at=(40, 60),
    )  # fmt: skip


def _searches(
    toy: Toy, weights: Sequence[float], num_seeds: int, on_progress: Progress | None
) -> Iterator[WeightResult]:
    first, second = (view.features for view in toy.views)
    phi1 = torch.nn.functional.normalize(first)
    for number, weight in enumerate(weights):
        report, ended = part(on_progress, number / len(weights), (number + 1) / len(weights)), dict[int, Ended]()
        for step in search(phi1, second, _config(toy, weight), solver=Implicit(), seeds=range(num_seeds)):
            entropies = simplex.label_entropy(step.label_shares.T).tolist()
            ended |= {seed.seed: (seed, abs(entropies[step.seeds.index(seed.seed)])) for seed in step.finished}
            report(step.progress)
        yield _result(toy, phi1, weight, list(ended.values()))


def _result(toy: Toy, phi1: Tensor, weight: float, ended: Sequence[Ended]) -> WeightResult:
    ordered, entropies = zip(*sorted(ended, key=lambda one: one[0].final_objective), strict=True)
    labelings = prototypes.hard_labels(phi1, torch.from_numpy(np.stack([seed.prototypes for seed in ordered]))).numpy()
    largest = [np.bincount(labeling).max() / toy.num_points for labeling in labelings]
    labeling = metrics.match_classes(labelings[0], toy.shape, NUM_CLASSES)[labelings[0]]  # so that colours stay
    test_error = float(ordered[0].test_error[-FINAL_WINDOW:].mean())
    return WeightResult(
        entropy_weight=weight,
        labeling=labeling,
        test_error=test_error,
        label_entropy=entropies[0],
        accuracy=metrics.clustering_accuracy(toy.shape, labeling),
        collapsed=sum(share > ONE_CLASS for share in largest),
        num_seeds=len(ordered),
    )
