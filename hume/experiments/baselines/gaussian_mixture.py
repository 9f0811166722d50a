"""A Gaussian mixture with one shared covariance on the whitened rows of both spaces."""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from hume.common.errors import InputError
from hume.data.features import Matrix, unit_length
from hume.experiments.baselines.features import finite_rows

__all__ = ["mixture_labeling", "whitened"]

MOST_DIRECTIONS = 64  # of one space
ROWS_A_DIRECTION = 4  # fewer rows for a direction leave no shared covariance to estimate
LEAST_SHARE, LEAST_VARIANCE = 1e-6, 1e-12  # of a direction: relative to the first one's, and of rows of unit length


def whitened(spaces: Sequence[Matrix]) -> NDArray[np.floating]:
    """The leading principal directions of the unit rows of every space, each scaled to variance 1, side by side.

    spaces: (N, d_s) each. At most 64 directions a space, at most a quarter of the rows; those without variance are left
    out. Returns (N, D). Raises InputError for other shapes, values that are not finite, and spaces without variance.
    """
    parts = []
    for number, features in enumerate(spaces, 1):
        rows = unit_length(finite_rows(features, f"phi{number}"))
        num_directions = max(1, min(MOST_DIRECTIONS, rows.shape[1], len(rows) // ROWS_A_DIRECTION))
        with np.errstate(all="ignore"):  # shares of a variance of zero
            model = PCA(num_directions, whiten=True, random_state=0).fit(rows)
        variance = model.explained_variance_
        kept = variance > max(LEAST_SHARE * variance[0], LEAST_VARIANCE)
        parts.append(model.transform(rows)[:, kept])
    if len({len(part) for part in parts}) > 1:
        raise InputError(f"the spaces have {', '.join(str(len(x)) for x in parts)} rows: give the same samples in all.")
    if not any(part.shape[1] for part in parts):
        raise InputError("the rows of the spaces are all equal: there is nothing to tell classes apart by.")
    return np.hstack(parts)


def mixture_labeling(
    rows: NDArray[np.floating], num_classes: int, *, starts: int = 10, seed: int = 0
) -> NDArray[np.int64]:
    """Maximize the likelihood of K Gaussians with one shared covariance, starting from k-means of the same rows.

    rows: (N, D). Of several starts that with the highest likelihood counts. Returns the most probable class (N,) of
    every row. Raises InputError unless 1 ≤ K ≤ N.

    Source: scikit-learn's GaussianMixture.
    """
    if not 1 <= num_classes <= len(rows):
        raise InputError(f"num_classes is {num_classes}: choose 1 to {len(rows)}, the number of samples.")
    model = GaussianMixture(num_classes, covariance_type="tied", n_init=starts, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than classes, or 100 steps
        labels = model.fit_predict(rows.astype(np.float64))
    return np.asarray(labels, dtype=np.int64)
