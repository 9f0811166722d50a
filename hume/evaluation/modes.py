"""How many labelings did the seeds find? Seeds whose labelings are nearly the same make up a mode.

Refined labelings run into few optima of the likelihood: on Fashion-MNIST 100 seeds find six labelings, 27 of them the
most likely one and 60 another. Modes are the groups of average linkage of 1 − adjusted Rand index that are further
apart than `CUT`.

The cut was chosen without labels, from 100 seeds on each of digits and Fashion-MNIST, refined in simclr and lite0. The
heights at which groups merge leave a gap from .063 to .120 on digits and from .092 to .157 on Fashion-MNIST; .1 is in
both. Searched labelings agree less: there a mode is often one seed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from hume.common.once import once
from hume.evaluation import ensemble
from hume.evaluation.ensemble import Vote
from hume.evaluation.metrics import FloatArray, IntArray, match_classes
from hume.evaluation.neighbors import shared_class
from hume.evaluation.seed_statistics import SeedStatistics

CUT = 0.1  # of 1 − adjusted Rand index


@dataclass(frozen=True, eq=False)
class Mode:
    """One labeling that several seeds found."""

    number: int  # from 1, the first holds the first-ranked seed
    members: NDArray[np.int64]  # (m,) positions of its seeds, the first-ranked first
    share: float  # of all seeds
    best_score: float  # cross-validation score in φ2
    mean_score: float
    best_likelihood: float | None  # of refined labelings, nats a row
    mean_likelihood: float | None
    neighbor_agreement: float  # share of near samples in the same class, summed over both spaces: 0 to 2
    read: Callable[[], Vote]

    @property
    def size(self) -> int:
        """The number of its seeds."""
        return len(self.members)

    @once
    def vote(self) -> Vote:
        """The vote of its seeds on all rows, in the class numbers of the run."""
        return self.read()


def find_modes(
    seeds: SeedStatistics,
    neighbors: tuple[NDArray[np.int64], NDArray[np.int64]],
    read: Callable[[NDArray[np.int64]], Vote],
) -> list[Mode]:
    """The modes of a run's seeds, by their first-ranked seed.

    neighbors: (n, k) row numbers in each space, among the n rows of `seeds.compared`; read: the vote of the seeds at
    some positions on all rows, in the class numbers of the run.
    """
    groups = group(seeds.rand_indices)
    rank = seeds.rank
    members = [np.flatnonzero(groups == number) for number in np.unique(groups)]
    members = sorted((some[np.argsort(rank[some])] for some in members), key=lambda some: rank[some[0]])
    modes = []
    for number, some in enumerate(members, start=1):
        labelings, likelihood = seeds.compared[some], None if seeds.likelihood is None else seeds.likelihood[some]
        vote = ensemble.majority_vote(labelings, seeds.criterion[some], seeds.num_classes)
        modes.append(
            Mode(
                number=number,
                members=some,
                share=len(some) / len(groups),
                best_score=float(seeds.cv_score[some].max()),
                mean_score=float(seeds.cv_score[some].mean()),
                best_likelihood=None if likelihood is None else float(likelihood.max()),
                mean_likelihood=None if likelihood is None else float(likelihood.mean()),
                neighbor_agreement=float(sum(shared_class(near, vote.labeling[None])[0] for near in neighbors)),
                read=partial(read, some),
            )
        )
    return modes


def group(rand_indices: FloatArray, cut: float = CUT) -> NDArray[np.int64]:
    """Which group each of S labelings is in, from the adjusted Rand index (S, S) of their pairs: (S,), any numbers."""
    if len(rand_indices) == 1:
        return np.zeros(1, np.int64)
    distances = squareform(np.clip(1 - rand_indices, 0, None), checks=False)
    return np.asarray(hierarchy.fcluster(hierarchy.linkage(distances, "average"), cut, "distance"), np.int64)


def vote_within(labelings: IntArray, criterion: FloatArray, reference: IntArray, num_classes: int) -> Vote:
    """The vote of labelings (m, N) of one mode, with its classes numbered as in another labeling (N,).

    They are matched to the first-ranked of them, which is closer to the others than any labeling of another mode.
    """
    vote = ensemble.majority_vote(labelings, criterion, num_classes)
    numbers = match_classes(vote.labeling, reference, num_classes)
    return ensemble.vote_of(numbers[vote.aligned], num_classes, vote.reference)
