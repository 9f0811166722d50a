"""Rows of a space as scikit-learn's methods take them."""

import numpy as np

from hume.common.errors import InputError
from hume.data.features import Matrix


def finite_rows(features: Matrix, name: str) -> Matrix:
    """The features (N, d) as float32, float64 where they are; raises InputError for other shapes and bad values."""
    features = np.asarray(features)
    if features.ndim != 2 or features.size == 0:
        raise InputError(f"{name} has shape {features.shape}: give (samples, dimensions), at least one of each.")
    # Half precision is for storing: sums of squares need more.
    if features.dtype != np.float64:
        features = features.astype(np.float32)
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        raise InputError(f"row {np.argmin(finite)} of {name} holds values that are not finite: drop or fix the row.")
    return features
