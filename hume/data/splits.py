"""Which rows a search uses and which rows its scores are computed on."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hume.data.dataset import Dataset

Setting = Literal["inductive", "transductive"]


def searched_rows(dataset: Dataset, setting: Setting) -> NDArray[np.bool_]:
    """The rows (N,) that the search uses: the train split, or all rows in the transductive setting."""
    if setting == "transductive" or dataset.test_rows is None:
        return np.ones(dataset.num_samples, bool)
    return ~dataset.test_rows


def evaluated_rows(dataset: Dataset) -> NDArray[np.bool_]:
    """The rows (N,) that scores are computed on: the test split, or all rows without one."""
    return np.ones(dataset.num_samples, bool) if dataset.test_rows is None else dataset.test_rows
