"""Clustering of the neighbour graph of both spaces: scikit-learn's spectral clustering, and a diffusion map."""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import csr_matrix, diags
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import eigsh
from sklearn.cluster import SpectralClustering
from sklearn.neighbors import kneighbors_graph

from hume.common.errors import InputError
from hume.data.features import Matrix, unit_length
from hume.experiments.baselines.features import finite_rows
from hume.experiments.baselines.kmeans import kmeans

__all__ = ["diffusion_map", "neighbor_graph", "num_parts", "spectral_labeling"]

DENSE = 5  # fewer rows than this many directions: the dense solver is quicker and always converges


def neighbor_graph(spaces: Sequence[Matrix], num_neighbors: int = 10) -> csr_matrix:
    """Sum the graphs of nearest neighbours of all spaces: A = Σ_s (G_s + G_sᵀ)/2, the k nearest by cosine in G_s.

    spaces: one or more (N, d_s) with N ≥ 2. Returns A, (N, N), symmetric, 0 on the diagonal. k is at most N − 1.
    Raises InputError for other shapes, values that are not finite, or num_neighbors < 1.
    """
    rows = [finite_rows(features, f"phi{number}") for number, features in enumerate(spaces, 1)]
    N = len(rows[0])
    if any(len(features) != N for features in rows):
        raise InputError(
            f"the spaces have {', '.join(str(len(x)) for x in rows)} rows: give them for the same samples."
        )
    if N < 2 or num_neighbors < 1:
        raise InputError(f"{num_neighbors} neighbours of {N} samples: give at least 2 samples and 1 neighbour.")
    graphs = [kneighbors_graph(features, min(num_neighbors, N - 1), metric="cosine") for features in rows]
    return csr_matrix(sum((graph + graph.T) / 2 for graph in graphs))


def num_parts(graph: csr_matrix) -> int:
    """How many parts of the graph are not connected with each other."""
    return int(connected_components(graph, directed=False, return_labels=False))


def spectral_labeling(graph: csr_matrix, num_classes: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Cut a graph into K parts with few edges between them (normalized cut): scikit-learn's SpectralClustering.

    graph: (N, N), symmetric; K leading eigenvectors by LOBPCG, then k-means. Returns (N,) classes. Parts that are not
    connected need no cut. Raises InputError unless 1 ≤ K ≤ N.

    Source: Shi and Malik (2000), von Luxburg (2007).
    """
    _check_classes(num_classes, graph.shape[0])
    model = SpectralClustering(num_classes, affinity="precomputed", eigen_solver="lobpcg", random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a graph in parts, few distinct rows, LOBPCG's last digits
        labels = model.fit(graph).labels_
    return np.asarray(labels, dtype=np.int64)


def diffusion_map(graph: csr_matrix, num_directions: int, *, steps: int = 4) -> Matrix:
    """Place samples so that near means that random walks on the graph meet: λ_jᵗ v_j for the leading j, unit rows.

    v_j and λ_j are eigenvectors and eigenvalues of D^(−1/2) A D^(−1/2) with the degrees D, the first, which is that
    of a constant, left out; t: steps of the walk. graph: (N, N), symmetric, no row of zeros. Returns (N, r), r being
    `num_directions` or what N − 1 leaves.

    Source: Coifman and Lafon (2006); rows of unit length as in Ng, Jordan and Weiss (2001).
    """
    N = graph.shape[0]
    scale = diags(np.asarray(graph.sum(axis=1)).ravel() ** -0.5)
    walk, wanted = scale @ graph @ scale, min(num_directions + 1, N)
    if DENSE * wanted > N:
        values, vectors = eigh(walk.toarray(), subset_by_index=(N - wanted, N - 1))
    else:
        values, vectors = eigsh(walk, wanted, which="LA", v0=np.random.default_rng(0).normal(size=N))
    order = np.argsort(-values)[1:]
    return unit_length(vectors[:, order] * values[order] ** steps)


def diffusion_labeling(positions: Matrix, num_classes: int, *, seed: int = 0) -> NDArray[np.int64]:
    """K-means on the rows of a diffusion map (N, r)."""
    _check_classes(num_classes, len(positions))
    (labeling,) = kmeans(positions, num_classes, restarts=1, normalize=False, seed=seed).labelings
    return np.asarray(labeling, dtype=np.int64)


def _check_classes(num_classes: int, num_samples: int) -> None:
    if not 1 <= num_classes <= num_samples:
        raise InputError(f"num_classes is {num_classes}: choose 1 to {num_samples}, the number of samples.")
