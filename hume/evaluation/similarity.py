"""Which samples are most like a given one? The largest cosines in one space, or in several at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.evaluation.metrics import FloatArray
from hume.evaluation.neighbors import BLOCK_ROWS, RowSource, UnitRows, clipped

__all__ = ["Similar", "most_similar"]


@dataclass(frozen=True, eq=False)
class Similar:
    """The samples that are most like a query, the most similar first."""

    rows: NDArray[np.int64]  # (k,)
    distances: FloatArray  # (number of spaces, k) 1 − cosine in every space, 0 to 2


def most_similar(
    spaces: Sequence[RowSource], queries: Sequence[NDArray[np.float32]], number: int, *, without: int | None = None
) -> Similar:
    """Find the samples with the largest sum over spaces of standardized cosines with the query.

    spaces: matrices (N, d) of the same samples; queries: a vector (d,) in each. In one space that is the order of the
    cosines; of several, each has its mean and standard deviation over all samples taken out first, so that a space in
    which all cosines are alike counts as much as another. without: a sample that is passed over, as the query itself.
    Of equally similar samples the lower numbers come first. Raises InputError for no space, for shapes that do not
    fit, values that are not finite and number < 1.
    """
    if not spaces:
        raise InputError("no space to compare in: give at least one")
    cosines = np.stack([_cosines(space, query) for space, query in zip(spaces, queries, strict=True)])
    N = cosines.shape[1]
    score = cosines[0] if len(spaces) == 1 else sum(map(_standardized, cosines))
    score = np.asarray(score, np.float64).copy()
    if without is not None:
        score[without] = -np.inf
    k = min(clipped(number, N + 1), N - (without is not None))
    rows = np.argsort(-score, kind="stable")[:k]
    return Similar(rows.astype(np.int64), 1.0 - cosines[:, rows])


def _cosines(space: RowSource, query: NDArray[np.float32]) -> FloatArray:
    rows = UnitRows(space)
    given = np.asarray(query, np.float32)
    if given.shape != (rows.dim,):
        raise InputError(f"the query has shape {given.shape}: give {rows.dim:,} numbers, as the space has")
    unit = UnitRows(given[None]).take(np.zeros(1, np.int64))[0]
    cosines = np.empty(rows.num_samples)
    for some, block in rows.blocks(BLOCK_ROWS):
        cosines[some] = (block @ unit).numpy()
    return cosines


def _standardized(values: FloatArray) -> FloatArray:
    centred: FloatArray = values - values.mean()
    spread = float(values.std())
    return centred / spread if spread > 0 else centred
