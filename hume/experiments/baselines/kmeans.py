"""K-means on one space or on both: the unsupervised baseline of Table 2."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from hume.common.errors import InputError
from hume.data.features import Matrix, unit_length
from hume.experiments.baselines.features import finite_rows

__all__ = ["KMeansResult", "concatenate", "kmeans"]


@dataclass(frozen=True, eq=False)
class KMeansResult:
    """One labeling a restart, so that scores have a mean and standard deviation over restarts."""

    labelings: NDArray[np.int64]  # (R, N) classes in 0..K − 1
    inertia: NDArray[np.float64]  # (R,) sum of squared distances to the nearest centre; lower is better
    seconds: float  # of all restarts together


def kmeans(
    features: Matrix, num_classes: int, *, restarts: int = 10, normalize: bool = True, seed: int = 0
) -> KMeansResult:
    """Cluster samples around K centres: min over c and τ of Σ_x ‖f(x) − c_τ(x)‖² (K-means [15], Table 2).

    features: (N, d); with `normalize` its rows are brought to unit L2 norm first (a zero row stays zero). Each restart
    is one run of scikit-learn's KMeans with its own k-means++ start and counts as one result: the paper averages over
    100. Restart r does not depend on the number of restarts. scikit-learn warns when there are fewer distinct
    rows than classes. Raises InputError for other shapes, values that are not finite, fewer samples than classes, or
    restarts < 1.
    """
    features = finite_rows(features, "features")
    if not 1 <= num_classes <= features.shape[0]:
        raise InputError(f"num_classes is {num_classes}: choose 1 to {features.shape[0]}, the number of samples.")
    if restarts < 1:
        raise InputError(f"restarts is {restarts}: give at least 1.")
    start = perf_counter()
    if normalize:
        features = unit_length(features)
    labelings = np.empty((restarts, features.shape[0]), dtype=np.int64)
    inertia = np.empty(restarts)
    for r, state in enumerate(np.random.SeedSequence(seed).generate_state(restarts)):
        model = KMeans(n_clusters=num_classes, n_init=1, random_state=int(state)).fit(features)
        labelings[r], inertia[r] = model.labels_, model.inertia_
    return KMeansResult(labelings=labelings, inertia=inertia, seconds=perf_counter() - start)


def concatenate(phi1: Matrix, phi2: Matrix) -> Matrix:
    """Join both spaces for the paper's strongest K-means baseline: [φ1(x)/‖φ1(x)‖, φ2(x)/‖φ2(x)‖] (Table 2).

    Rows are brought to unit L2 norm in each space first, so that the space with the larger numbers does not dominate;
    a further normalization by `kmeans` scales all rows alike and changes nothing.

    phi1: (N, d1), phi2: (N, d2). Returns (N, d1 + d2). Raises InputError for other shapes or values not finite.
    """
    phi1, phi2 = finite_rows(phi1, "phi1"), finite_rows(phi2, "phi2")
    if phi1.shape[0] != phi2.shape[0]:
        raise InputError(
            f"phi1 has {phi1.shape[0]} rows and phi2 {phi2.shape[0]}: give both spaces for the same samples."
        )
    return np.hstack([unit_length(phi1), unit_length(phi2)])
