"""Predicted cost of a search: its memory by formula; its time is measured, see `hume.runs.pace`.

The formulas follow `hume.engine.search`, `hume.engine.inner`, `hume.engine.prototypes`,
`hume.engine.whitening`, `hume.evaluation.cross_validation` and `hume.engine.refinement`. `benchmarks/estimate.py`
compares both with runs.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hume.common.devices import COMFORTABLE_SHARE, free_bytes
from hume.common.errors import InputError
from hume.data import splits
from hume.data.dataset import Dataset
from hume.data.rows import BLOCK_BYTES, MOMENT_ROWS
from hume.data.splits import Setting
from hume.engine import prototypes
from hume.engine.config import Config, check_sizes
from hume.engine.joint_rows import BLOCK_ELEMENTS, MAX_DIRECTIONS
from hume.engine.refinement import side_by_side
from hume.engine.search import floats_per_seed, largest_batch
from hume.engine.solvers import Implicit, InnerSolver
from hume.engine.whitening import TRUNCATION
from hume.evaluation import cross_validation, ridge_fit
from hume.evaluation.ensemble import rank
from hume.evaluation.metrics import FloatArray
from hume.runs.refinement import Refinement, number_of_voters

# How long a seed is searched before `patience` ends it, in multiples of `patience`, and the last of the seeds. Of 20
# and of 100 seeds with a patience of 100, all converged: on digits a seed after 4.0 times its patience and the last one
# after 5.5 times, on Fashion-MNIST after 3.6 and 5.5 times, on 5,000 digits of MNIST after 4.4 and 6.5 times (simclr
# and lite0 each); a shorter patience takes a larger multiple (5 to 6 times at 50).
TYPICAL_PATIENCES = 4.0
LONGEST_PATIENCES = 5.5
# The directions of a wide φ2 that whitening keeps at a truncation of 1 %: 404 of EfficientNet-Lite0's 1,280. They
# fall as a power of the truncation: 109, 58 and 31 at 5, 10 and 20 %. A narrow space keeps all.
TYPICAL_RANK = 400
RANK_POWER = -0.85
TYPICAL_STEPS = 21  # of a refinement: digits 10, Fashion-MNIST 21, at most 60
SEARCH_RANK = 60  # columns of whitened φ2 in the search, at its truncation of 10 %


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes of a search and its scores, on which its memory depends."""

    num_samples: int
    searched: int  # rows that the search sees
    scored: int  # rows that scores are computed on
    d1: int
    d2: int
    num_seeds: int
    batch: int  # seeds searched side by side
    on_disk: bool = False  # the spaces do not fit into memory

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        phi1: str,
        phi2: str,
        config: Config,
        solver: InnerSolver,
        *,
        setting: Setting = "transductive",
        num_seeds: int,
        device: str = "cpu",
        free: int | None = None,
    ) -> "Sizes":
        """The sizes of a search where `free` bytes are free: by default what `device`, "cpu" or "cuda", has free now.

        Raises InputError when the configuration does not fit the rows.
        """
        if num_seeds < 1:
            raise InputError(f"a search needs at least 1 seed, got num_seeds={num_seeds}")
        N, d1, d2 = dataset.num_samples, dataset.space(phi1).features.shape[1], dataset.space(phi2).features.shape[1]
        searched = int(splits.searched_rows(dataset, setting).sum())
        check_sizes((searched, d1), (searched, d2), config)
        free = free_bytes(device) if free is None else free
        return cls(
            num_samples=N,
            searched=searched,
            scored=int(splits.evaluated_rows(dataset).sum()),
            d1=d1,
            d2=d2,
            num_seeds=num_seeds,
            batch=min(num_seeds, largest_batch(d1, d2, config, solver, free)),
            on_disk=copies(N, d1, d2, searched=searched) > COMFORTABLE_SHARE * free,
        )

    def rank(self, truncation: float = TRUNCATION) -> int:
        """The columns of whitened φ2."""
        if truncation == 0:
            return self.d2
        return min(self.d2, max(1, round(TYPICAL_RANK * math.pow(truncation / 0.01, RANK_POWER))))

    @property
    def block(self) -> int:
        """The numbers in a block of rows that is read, as float16 and as float32."""
        return 3 * min(BLOCK_BYTES // 4, self.num_samples * max(self.d1, self.d2)) // 2


def iterations(config: Config, patiences: float) -> int:
    """Iterations of a seed that ends after so many times its patience; exact where there is no patience."""
    if config.patience is None:
        return config.num_iterations
    return min(config.num_iterations, round(patiences * config.patience))


def copies(num_samples: int, d1: int, d2: int, *, searched: int) -> int:
    """The bytes that a search in memory takes for its spaces, whatever its seeds and classes.

    That is both as float32, the searched rows of both where these are not all, and φ2 once more, whitened.
    """
    apart = searched * (d1 + d2) if searched < num_samples else 0
    return 4 * (num_samples * (d1 + d2) + apart + searched * d2)


def least_bytes(
    num_samples: int, d1: int, d2: int, config: Config, solver: InnerSolver, num_seeds: int, *, on_disk: bool,
    refines: bool = False,
) -> int:  # fmt: skip
    """The least memory, in bytes, as `most_bytes`: one seed searched at a time, spaces `on_disk` or not."""
    sizes = Sizes(
        num_samples=num_samples, searched=num_samples, scored=num_samples, d1=d1, d2=d2, num_seeds=num_seeds, batch=1,
        on_disk=on_disk,
    )  # fmt: skip
    return most_bytes(sizes, config, solver, refines=refines)


def most_bytes(sizes: Sizes, config: Config, solver: InnerSolver, *, refines: bool = False) -> int:
    """The peak memory, in bytes, of a search, its scores and its refinement, in a process with the dataset open.

    Spaces that do not fit into memory to search may fit to score.
    """
    search, score = _search_numbers(sizes, config, solver), _score_numbers(sizes, config.num_classes)
    if not refines:
        return 4 * max(search, score)
    searched = sizes.num_samples * sizes.num_seeds  # labels, kept while refined ones are scored
    return 4 * max(search, score + searched, _refine_numbers(sizes, config.num_classes))


def _search_numbers(sizes: Sizes, config: Config, solver: InnerSolver) -> int:
    """The most numbers held while searching; float64 counts twice."""
    N, n, d1, d2, S = sizes.num_samples, sizes.searched, sizes.d1, sizes.d2, sizes.num_seeds
    dim = sizes.rank(solver.truncation) if isinstance(solver, Implicit) else sizes.d2
    spaces = copies(N, d1, d2, searched=n) // 4 - n * d2
    whitened, whitening = (n * dim, _whitening_numbers(n, d2)) if isinstance(solver, Implicit) else (0, 0)
    if sizes.on_disk:
        spaces, whitened = sizes.block + 2 * N, 0  # with a permutation of all rows
    drawn = (config.num_train + config.num_test) * (d1 + dim)
    seeds = sizes.batch * floats_per_seed(d1, dim, config, solver) + S * d1 * config.num_classes
    labels = (
        2 * min(prototypes.BLOCK_ELEMENTS, N * config.num_classes * S) + N * sizes.batch + S * d1 * config.num_classes
    )
    return spaces + max(whitening, whitened + drawn + seeds, labels)


def _score_numbers(sizes: Sizes, num_classes: int) -> int:
    """The most numbers held while scoring: φ1 is still held, φ2 is read again."""
    N, S, r, K = sizes.scored, sizes.num_seeds, sizes.rank(), num_classes
    labels = sizes.num_samples * 3 * S
    batch = cross_validation.batch_size(S, N, K)
    fit = 3 * N * batch + 4 * min(N * batch * K, ridge_fit.PIECE_ELEMENTS) + 6 * r * K * batch
    if sizes.on_disk:  # whitened rows are held, or all folds fitted at once
        fit += min(N * r, sizes.block + 6 * r * 9 * K * batch)
        return labels + max(sizes.block + _whitening_numbers(N, sizes.d2), fit)
    spaces = sizes.num_samples * sizes.d1 + N * sizes.d2
    copied = sizes.num_samples * sizes.d2 if sizes.num_samples > N else 0
    return spaces + labels + max(copied, _whitening_numbers(N, sizes.d2), N * r + fit)


def _refine_numbers(sizes: Sizes, num_classes: int) -> int:
    """The most numbers held while refining: spaces are read in blocks, their whitened rows held where there is room."""
    N, n, S, K = sizes.num_samples, sizes.searched, sizes.num_seeds, num_classes
    D = sum(min(d, MAX_DIRECTIONS) for d in (sizes.d1, sizes.d2))
    batch = min(S, side_by_side(K))
    # As searched, matched for their vote, given to the fit (there without rows that are not searched), and refined.
    labels = N * (2 * S + 2 * batch) + (batch * n if n < N else 0)
    rows = n * D + (N * D if n < N else 0)
    if sizes.on_disk:
        rows = min(rows, sizes.block)
    moments, covariances = D * K * batch, D * D * batch  # float64, but for the classifiers
    fit = 3 * BLOCK_ELEMENTS + 2 * (8 * moments + 6 * covariances) + 3 * moments
    models = 2 * D * K * S
    whitening = _whitening_numbers(n, max(sizes.d1, sizes.d2))
    return labels + max(sizes.block + whitening, rows + max(sizes.block, fit + models))


def _whitening_numbers(n: int, d2: int) -> int:
    """The second moment, with a block of rows or with its eigenvectors, in float64."""
    return 2 * (d2 * d2 + max(min(n, MOMENT_ROWS) * d2, 5 * d2 * d2))


def refined_seeds(num_samples: int, dim: int, d1: int, config: Config, num_seeds: int) -> int:
    """How many of the seeds are refined: all, or those that vote where all would cost more than their search.

    num_samples: rows refined; dim: D, their directions. Products alone are counted, of a search with the implicit
    solver: 2 passes of 2 D operations a row, class and step here, 4 d1 + 8 r there.
    """
    refine = TYPICAL_STEPS * 4 * dim * num_samples
    drawn = (config.num_train + config.num_test) * config.num_splits
    search = iterations(config, TYPICAL_PATIENCES) * drawn * (4 * d1 + 8 * SEARCH_RANK)
    return num_seeds if refine <= search else number_of_voters(num_seeds)


def seeds_to_refine(stage: Refinement, cv_score: FloatArray) -> NDArray[np.int64]:
    """The positions of the seeds that are refined, ascending: all, or the best-scored ones, see `refined_seeds`."""
    fitted, num_seeds = stage.fitted, len(cv_score)
    d1 = len(fitted.whitenings[0].mean)
    return np.sort(rank(cv_score)[: refined_seeds(len(fitted), fitted.dim, d1, stage.config, num_seeds)])
