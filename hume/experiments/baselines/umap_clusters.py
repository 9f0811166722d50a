"""UMAP of both spaces, and clusters of its layout by k-means or HDBSCAN: what many users try first."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import HDBSCAN

from hume.common.errors import InputError, RunError
from hume.common.optional import library
from hume.data.features import Matrix, unit_length
from hume.evaluation.neighbors import UnitRows, clipped, nearest
from hume.experiments.baselines.features import finite_rows

__all__ = ["DensityClusters", "Layouts", "density_clusters"]

EXACT_ROWS = 20_000  # all pairs are compared up to so many; beyond, UMAP's own approximate search is quicker
MIN_ROWS = 4
OF_A_CLASS = 10  # a cluster has at least a tenth of the rows of an even class


class Layouts:
    """UMAP of the same rows for several seeds: exact neighbours by cosine are computed once.

    features: (N, d), N ≥ 4; a neighbourhood counts the row itself, as UMAP does, and has at most N − 1 rows. Settings
    are those of UMAP's documentation for clustering: two dimensions, 30 neighbours, no least distance. Raises
    InputError for fewer rows, other shapes, values that are not finite, and where umap-learn is not installed.

    Source: McInnes, Healy and Melville (2018), arXiv:1802.03426.
    """

    def __init__(self, features: Matrix, *, num_neighbors: int = 30, num_epochs: int | None = None):
        rows = finite_rows(features, "features").astype(np.float32)
        if len(rows) < MIN_ROWS:
            raise InputError(f"UMAP needs at least {MIN_ROWS} samples, got {len(rows)}: add more.")
        self._rows = unit_length(rows)
        self._num_neighbors = clipped(num_neighbors, len(rows))
        self._num_epochs = num_epochs
        with _without_warnings():
            self._umap = library("umap", "umap-learn", "UMAP")
        self._neighbors = self._exact() if len(rows) <= EXACT_ROWS else (None, None, None)

    def layout(self, seed: int) -> NDArray[np.float32]:
        """The positions (N, 2); raises RunError where UMAP finds none, as for rows that are all equal."""
        model = self._umap.UMAP(
            n_neighbors=self._num_neighbors, min_dist=0.0, metric="cosine", init="pca", n_epochs=self._num_epochs,
            random_state=seed, n_jobs=1, precomputed_knn=self._neighbors,
        )  # fmt: skip
        with _without_warnings(), np.errstate(all="ignore"):
            positions = np.asarray(model.fit_transform(self._rows), dtype=np.float32)
        if not np.isfinite(positions).all():
            raise RunError("UMAP found no finite positions for these features: choose other spaces.")
        return positions

    def _exact(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Numbers and cosine distances (N, k) of the nearest rows, each row itself in front."""
        N, rows = len(self._rows), self._rows
        others = nearest(UnitRows(rows), np.arange(N), self._num_neighbors - 1)
        similarity = np.stack([rows[near] @ row for near, row in zip(others, rows, strict=True)])
        distances = np.hstack([np.zeros((N, 1), np.float32), np.maximum(1 - similarity, 0)])
        return np.hstack([np.arange(N)[:, None], others]), distances.astype(np.float32)


@dataclass(frozen=True, eq=False)
class DensityClusters:
    """A labeling by HDBSCAN in which every row has a class."""

    labeling: NDArray[np.int64]  # (N,) classes in 0..K − 1, fewer where fewer clusters were found
    num_clusters: int  # found, before the largest K were kept
    noise: float  # share of rows in no cluster


def density_clusters(positions: NDArray[np.float32], num_classes: int) -> DensityClusters:
    """Find dense clusters whose number is free, and make them at most K classes of all rows (HDBSCAN).

    A cluster has at least a tenth of the rows of an even class, and at least 5. Where the most stable clusters are
    fewer than K, the leaves of their tree are taken. The K largest clusters are kept; noise and the rows of other
    clusters get the class with the nearest mean. With fewer clusters there are fewer classes, with none there is one.
    positions: (N, m). Raises InputError unless 1 ≤ K ≤ N.

    Source: Campello, Moulavi and Sander (2013); scikit-learn's HDBSCAN.
    """
    N = len(positions)
    if not 1 <= num_classes <= N:
        raise InputError(f"num_classes is {num_classes}: choose 1 to {N}, the number of samples.")
    smallest = min(N, max(5, N // (OF_A_CLASS * num_classes)))
    for selection in ("eom", "leaf"):
        model = HDBSCAN(min_cluster_size=smallest, cluster_selection_method=selection, copy=True)
        clusters = model.fit(positions).labels_
        found = int(clusters.max()) + 1
        if found >= num_classes:
            break
    noise = float((clusters < 0).mean())
    if found == 0:
        return DensityClusters(np.zeros(N, np.int64), found, noise)
    sizes = np.bincount(clusters[clusters >= 0], minlength=found)
    kept = np.argsort(-sizes, kind="stable")[:num_classes]
    labeling = cdist(positions, [positions[clusters == cluster].mean(axis=0) for cluster in kept]).argmin(axis=1)
    for number, cluster in enumerate(kept):
        labeling[clusters == cluster] = number
    return DensityClusters(labeling.astype(np.int64), found, noise)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Hide what UMAP says about features that are not used here, and numba about itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
