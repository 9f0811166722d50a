"""Which samples a person should be asked about: those between two classes, spread over the classes and the space."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from hume.engine.joint_rows import JointRows

POOL = 0.1  # share of the samples, those of the smallest margins, among which questions are spread
MOST = 5000  # samples in the pool, so that choosing takes a fraction of a second at any size


def questions(
    rows: JointRows, margin: NDArray[np.floating[Any]], candidates: NDArray[np.int64], number: int
) -> NDArray[np.int64]:
    """Choose up to `number` of the candidates, sample numbers, whose class is the least certain.

    rows: whitened rows (N, D) of both spaces; margin: (N,) log odds of the two most probable classes. The uncertain
    candidates are cut into as many clusters as there are questions, and the one next to each centre is asked about:
    the same place is not asked about twice in a batch. The most uncertain one comes first.
    """
    candidates = candidates[np.argsort(margin[candidates], kind="stable")]
    pool = candidates[: min(MOST, max(number, round(POOL * len(candidates))))]
    if len(pool) <= number:
        return pool
    z = rows.take(torch.from_numpy(pool)).cpu().numpy()
    distance = KMeans(number, n_init=1, random_state=0).fit_transform(z)
    nearest = np.unique(distance.argmin(0))  # positions in the pool, which is sorted by margin
    return np.asarray(pool[nearest])
