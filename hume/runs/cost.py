"""What a search will cost: seconds and memory, said before it is launched.

`Work` counts what the search and its scores do, `MachineSpeed` says how long a device takes for one
of each kind; their product is a number of seconds. The counts follow `hume.engine.search`, `hume.engine.inner`,
`hume.engine.prototypes`, `hume.engine.simplex` and `hume.evaluation.cross_validation`. `benchmarks/estimate.py` holds
them against runs.
"""

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from time import perf_counter

import torch
from torch import Tensor

from hume.common.devices import COMFORTABLE_SHARE, free_bytes
from hume.common.errors import InputError
from hume.data.rows import BLOCK_BYTES, MOMENT_ROWS
from hume.engine import prototypes, simplex
from hume.engine.config import Config, check_sizes
from hume.engine.inner import Implicit, InnerSolver, Unrolled
from hume.engine.linear import uses_bfloat16
from hume.engine.search import floats_per_seed, largest_batch
from hume.engine.whitening import TRUNCATION
from hume.evaluation import cross_validation

# How long a seed is searched before `patience` ends it, in multiples of `patience`, and the last
# of the seeds: see `estimate`.
TYPICAL_PATIENCES = 4.0
LONGEST_PATIENCES = 5.5
# The directions that whitening keeps of a wide φ2 at a truncation of 1 %: 404 of EfficientNet-Lite0's 1,280. They
# fall as a power of the truncation: 109, 58 and 31 at 5, 10 and 20 %. A narrow space is kept whole.
TYPICAL_RANK = 400
RANK_POWER = -0.85
FIT_STEPS = 11  # until the labelings of a fold are fitted: 10 to 14 on the embedded data

# What costs as much as so many numbers through an element-wise operation.
GATHERED = 10  # a number in a row that is picked by its index
SHUFFLED = 25  # a place in a random permutation
SCATTERED = 25  # a label that is looked up or written by its index
COMPARED = 150  # a number through argmax over the classes
# A product with few columns waits for memory: as long as for so many operations a number.
FLOPS_PER_NUMBER = 80
DOUBLE = 2  # float64 beside float32

FRESH = 10_000_000  # more numbers than an allocator keeps for later
TRIES = 40  # of every measurement, at most
TRYING_SECONDS = 0.08  # after which a measurement is not tried again


@dataclass(frozen=True, kw_only=True)
class MachineSpeed:
    """Seconds that a device takes for one of each thing a search does; `measure_speed` measures them."""

    flop: float  # an operation of a float32 matrix product
    coarse: float  # the same with factors that are made bfloat16 for it
    element: float  # a number through an element-wise operation
    fresh: float  # a number written to memory that the process did not hold before
    softmax: float  # a number through softmax over the classes
    sparsemax: float  # a number through sparsemax and back
    strip: float  # a class of a row through sparsemax and back, on top, however few its seeds
    eigen: float  # the eigenvectors of a (d, d) float64 matrix, divided by d³
    operation: float  # a call on a handful of numbers


@dataclass(frozen=True, kw_only=True)
class Work:
    """How many of each thing are done, in the order of `MachineSpeed`."""

    flop: float = 0
    coarse: float = 0
    element: float = 0
    fresh: float = 0
    softmax: float = 0
    sparsemax: float = 0
    strip: float = 0
    eigen: float = 0
    operation: float = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)})

    def __rmul__(self, times: float) -> "Work":
        return Work(**{field.name: times * getattr(self, field.name) for field in fields(self)})

    def seconds(self, speed: MachineSpeed) -> float:
        """How long a device of that speed takes."""
        return float(sum(count * each for count, each in zip(astuple(self), astuple(speed), strict=True)))


@dataclass(frozen=True)
class Estimate:
    """What a search and its scores are expected to take."""

    search_seconds: float
    score_seconds: float
    bytes: int  # the most memory at one time, beyond what the process holds already
    iterations: int  # of a typical seed

    @property
    def seconds(self) -> float:
        """Search and scores together."""
        return self.search_seconds + self.score_seconds


def estimate(
    *,
    num_samples: int,
    d1: int,
    d2: int,
    config: Config,
    solver: InnerSolver,
    num_seeds: int,
    setting_rows: int | None = None,
    scored_rows: int | None = None,
    device: str = "cpu",
    free: int | None = None,
    speed: MachineSpeed,
) -> Estimate:
    """Foretell the seconds and the memory that a search and its scores take.

    The spaces are (num_samples, d1) and (num_samples, d2). The search sees `setting_rows` rows, all by
    default; scores are computed on `scored_rows`, by default those that the search does not see, all
    where it sees all. Memory is what comes on top of a process that has the dataset open; `free` is how
    many bytes there are for it, by default what `device`, "cpu" or "cuda", has free now.

    Without `patience` the number of iterations is known. With it nobody knows beforehand when a seed
    ends. Of 20 and of 100 seeds with a patience of 100, all converged: on digits a seed after 4.0 times
    its patience and the last one after 5.5 times, on Fashion-MNIST after 3.6 and 5.5 times, on 5,000
    digits of MNIST after 4.4 and 6.5 times (simclr and lite0 each); a shorter patience takes more of its
    own (5 to 6 times at 50). So a typical seed counts 4 times its patience and the last one 5.5 times,
    neither more than `num_iterations`.

    The seconds are those of a machine that does nothing else. They rest on sizes, not on the data: how
    many directions of φ2 the whitening keeps is a guess (`TYPICAL_RANK`).
    Raises InputError when the configuration does not fit the rows, or for a solver of another kind.
    """
    if num_seeds < 1:
        raise InputError(f"a search needs at least 1 seed, got num_seeds={num_seeds}")
    searched = num_samples if setting_rows is None else setting_rows
    check_sizes((searched, d1), (searched, d2), config)
    if scored_rows is None:
        scored_rows = num_samples - searched or num_samples
    free = free_bytes(device) if free is None else free
    batch = min(num_seeds, largest_batch(d1, d2, config, solver, free))
    on_disk = copies(num_samples, d1, d2, searched=searched) > COMFORTABLE_SHARE * free
    sizes = _Sizes(
        num_samples, searched, scored_rows, d1, d2, num_seeds, batch, on_disk,
        coarse=uses_bfloat16(config.precision, device), coarse_scores=uses_bfloat16("auto", device),
    )  # fmt: skip
    typical = iterations(config, TYPICAL_PATIENCES)
    search = _search(sizes, config, solver, typical, iterations(config, LONGEST_PATIENCES))
    return Estimate(
        search_seconds=search.seconds(speed),
        score_seconds=_scores(sizes, config.num_classes).seconds(speed),
        bytes=_bytes(sizes, config, solver),
        iterations=typical,
    )


def iterations(config: Config, patiences: float) -> int:
    """How many iterations a seed is searched that needs so many times its patience."""
    if config.patience is None:
        return config.num_iterations
    return min(config.num_iterations, round(patiences * config.patience))


@dataclass(frozen=True)
class _Sizes:
    num_samples: int
    searched: int  # rows that the search sees
    scored: int  # rows that scores are computed on
    d1: int
    d2: int
    num_seeds: int
    batch: int  # seeds searched side by side
    on_disk: bool = False  # the spaces do not fit into memory
    coarse: bool = False  # the search multiplies bfloat16 numbers
    coarse_scores: bool = False  # so do the scores

    def rank(self, truncation: float = TRUNCATION) -> int:
        """The columns of whitened φ2."""
        if truncation == 0:
            return self.d2
        return min(self.d2, max(1, round(TYPICAL_RANK * math.pow(truncation / 0.01, RANK_POWER))))

    @property
    def block(self) -> int:
        """The numbers in a block of rows that is read, as float16 and as float32."""
        return 3 * min(BLOCK_BYTES // 4, self.num_samples * max(self.d1, self.d2)) // 2

    def inner_dim(self, solver: InnerSolver) -> int:
        """The columns of φ2 in a solver's coordinates."""
        return self.rank(solver.truncation) if isinstance(solver, Implicit) else self.d2


# --- seconds -------------------------------------------------------------------------------


def _product(m: int, k: int, n: int, coarse: bool = False) -> Work:
    """(m, k) times (k, n)."""
    flop = max(2 * m * k * n, FLOPS_PER_NUMBER * (m * k + k * n + m * n))
    return Work(coarse=flop, operation=6) if coarse else Work(flop=flop, operation=3)


def _search(sizes: _Sizes, config: Config, solver: InnerSolver, typical: int, longest: int) -> Work:
    """Spaces are read, every batch goes on with all its seeds for a typical time, then with one; all rows labeled."""
    N, d1, tasks = sizes.num_samples, sizes.d1, config.num_classes * sizes.num_seeds
    total = Work(element=5 * N * (d1 + sizes.d2) + COMPARED * N * tasks) + _product(N, d1, tasks)
    full, rest = divmod(sizes.num_seeds, sizes.batch)
    for times, seeds in ((full, sizes.batch), (min(rest, 1), rest)):
        batch = _start(sizes, config, solver, seeds) + typical * _iteration(sizes, config, solver, seeds)
        total += times * (batch + (longest - typical) * _iteration(sizes, config, solver, 1))
    return total


def _start(sizes: _Sizes, config: Config, solver: InnerSolver, seeds: int) -> Work:
    d1, K = sizes.d1, config.num_classes
    work = Work(flop=DOUBLE * 8 * d1 * K * K * seeds, operation=20 * seeds)
    if config.encoder == "householder":
        work += Work(flop=16 * d1**3 * seeds)  # a basis for every seed
    if isinstance(solver, Implicit):
        work += _whitening(sizes.searched, sizes.d2, sizes.rank(solver.truncation))
    return work


def _whitening(n: int, d2: int, rank: int) -> Work:
    return Work(flop=DOUBLE * 2 * n * d2**2, element=8 * n * d2, eigen=d2**3) + _product(n, d2, rank)


def _iteration(sizes: _Sizes, config: Config, solver: InnerSolver, seeds: int) -> Work:
    return config.num_splits * _split(sizes, config, solver, seeds) + _encoder(sizes.d1, config, seeds)


def _split(sizes: _Sizes, config: Config, solver: InnerSolver, seeds: int) -> Work:
    """`search._gradient` on one random split."""
    n, d1, K = config.num_train + config.num_test, sizes.d1, config.num_classes
    dim, tasks = sizes.inner_dim(solver), n * K * seeds
    rows = Work(element=SHUFFLED * sizes.searched + GATHERED * n * (d1 + dim))
    labels = Work(sparsemax=tasks, strip=n * K, element=6 * tasks + 4 * d1 * K * seeds, fresh=4 * tasks, operation=80)
    products = 2 * _product(n, d1, K * seeds, sizes.coarse)
    return rows + labels + products + _generalization(config, solver, dim, seeds, sizes.coarse)


def _generalization(config: Config, solver: InnerSolver, dim: int, seeds: int, coarse: bool) -> Work:
    """The inner problem of one split."""
    t, e, K, KS = config.num_train, config.num_test, config.num_classes, config.num_classes * seeds
    begin = Work()
    if isinstance(solver, Unrolled):
        # A step forth: logits, softmax, gradient; and back: logits twice, softmax, curvature, gradient.
        products, softmaxes = 5, 2
        begin = Work(element=SHUFFLED * dim * KS, operation=5 * seeds)
    elif isinstance(solver, Implicit):
        products, softmaxes = 4, 1  # as above, but the way back has the probabilities already
    else:
        raise InputError(f"nothing is known of the cost of {type(solver).__name__}: use Implicit or Unrolled")
    step = products * _product(t, dim, KS, coarse) + Work(
        softmax=softmaxes * t * KS, strip=softmaxes * t * K, operation=20
    )
    step += Work(element=8 * (t + dim) * KS)
    test = 2 * _product(e, dim, KS, coarse) + Work(softmax=e * KS, element=8 * e * KS)
    task_grad = _product(t, dim, KS, coarse) + Work(element=4 * (t + e) * KS)
    return begin + solver.inner_steps * step + test + task_grad


def _encoder(d1: int, config: Config, seeds: int) -> Work:
    """Prototypes for the next iteration."""
    K = config.num_classes
    numbers = d1 * K * seeds
    adam = Work(element=15 * numbers, operation=60)
    if config.encoder == "householder":
        # On the way back every reflection changes a (d1, d1) matrix.
        return adam + Work(element=35 * (K + 1) * d1 * d1 * seeds, operation=60 * K)
    return adam + Work(flop=10 * K * numbers + 72 * K**3 * seeds, element=10 * numbers, operation=100)


def _scores(sizes: _Sizes, num_classes: int) -> Work:
    """`crossval.cross_validation_scores`, the vote and the agreement with the ground truth."""
    N, S, r, K = sizes.scored, sizes.num_seeds, sizes.rank(), num_classes
    num_folds = min(10, N)
    train = N - N // num_folds
    step = 2 * _product(train, r, K * S, sizes.coarse_scores) + Work(
        softmax=train * K * S, strip=train * K, operation=60
    )
    step += Work(element=SCATTERED * train * S + 2 * train * K * S + 25 * r * K * S, fresh=train * K * S)
    fold = FIT_STEPS * step + _product(N - train, r, K * S)
    fold += Work(element=COMPARED * (N - train) * K * S + GATHERED * train * (r + S))
    agreement = Work(element=60 * SCATTERED * N * S, operation=1000 * S)
    vote = Work(element=6 * SCATTERED * sizes.num_samples * S)
    return _whitening(N, sizes.d2, r) + num_folds * fold + agreement + vote


# --- memory --------------------------------------------------------------------------------


def copies(num_samples: int, d1: int, d2: int, *, searched: int) -> int:
    """The bytes that a search in memory takes for its spaces, however few seeds and classes it has.

    That is both as float32, the searched rows of both where these are not all, and φ2 once more, whitened.
    """
    apart = searched * (d1 + d2) if searched < num_samples else 0
    return 4 * (num_samples * (d1 + d2) + apart + searched * d2)


def least_bytes(
    num_samples: int, d1: int, d2: int, config: Config, solver: InnerSolver, num_seeds: int, *, on_disk: bool
) -> int:
    """The memory that a search and its scores take at least: one seed after the other, spaces `on_disk` or not."""
    return _bytes(_Sizes(num_samples, num_samples, num_samples, d1, d2, num_seeds, 1, on_disk), config, solver)


def _bytes(sizes: _Sizes, config: Config, solver: InnerSolver) -> int:
    """The most memory held at one time; spaces may fit into memory to score that do not fit to search."""
    return 4 * max(_search_numbers(sizes, config, solver), _score_numbers(sizes, config.num_classes))


def _search_numbers(sizes: _Sizes, config: Config, solver: InnerSolver) -> int:
    """The most numbers held while searching; float64 counts twice."""
    N, n, d1, d2, S = sizes.num_samples, sizes.searched, sizes.d1, sizes.d2, sizes.num_seeds
    dim = sizes.inner_dim(solver)
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


def _score_numbers(sizes: _Sizes, num_classes: int) -> int:
    """The most numbers held while scoring: φ1 is still there, φ2 is read again."""
    N, S, r, K = sizes.scored, sizes.num_seeds, sizes.rank(), num_classes
    labels = sizes.num_samples * 3 * S
    batch = cross_validation.batch_size(S, N, K)
    fit = 3 * N * batch + 4 * min(N * batch * K, cross_validation.PIECE_ELEMENTS) + 6 * r * K * batch
    if sizes.on_disk:  # whitened rows are kept, or all folds fitted at once
        fit += min(N * r, sizes.block + 6 * r * 9 * K * batch)
        return labels + max(sizes.block + _whitening_numbers(N, sizes.d2), fit)
    spaces = sizes.num_samples * sizes.d1 + N * sizes.d2
    copied = sizes.num_samples * sizes.d2 if sizes.num_samples > N else 0
    return spaces + labels + max(copied, _whitening_numbers(N, sizes.d2), N * r + fit)


def _whitening_numbers(n: int, d2: int) -> int:
    """The second moment, with a block of rows or with its eigenvectors, in float64."""
    return 2 * (d2 * d2 + max(min(n, MOMENT_ROWS) * d2, 5 * d2 * d2))


# --- the machine ---------------------------------------------------------------------------


def measure_speed(device: str = "cpu") -> MachineSpeed:
    """How fast a device is at what a search does, measured in less than a second.

    Every part is short and tried many times, and a quarter of the tries may be faster than what
    counts: so other work on the machine distorts it little. The best try would be too good, a
    moment at which all threads were awake.
    """
    generator = torch.Generator().manual_seed(0)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(device)

    def usual(work: Callable[[], object]) -> float:
        return _usual(work, device)

    def there_and_back(scores: Tensor) -> float:
        task = simplex.project(scores)
        return usual(lambda: simplex.project_backward(simplex.project(scores), task))

    rows, columns, scores = numbers(2000, 256), numbers(256, 500), numbers(2000, 500)
    many, few, handful = numbers(200, 10, 100), numbers(1000, 10, 5), numbers(10)
    large, square = numbers(1000, 10, 100), torch.randn(200, 200, generator=generator, dtype=torch.float64)
    # A task takes time for its numbers and for its strips: two tasks, two equations.
    strips_of_few = few.numel() / few.shape[2]
    share = strips_of_few * many.shape[2] / many.numel()
    all_seeds, some_seeds = there_and_back(many), there_and_back(few)
    sparsemax = max(share * all_seeds - some_seeds, all_seeds) / (share * many.numel() - few.numel())
    product = usual(lambda: rows @ columns) + usual(lambda: rows.mT @ scores)
    coarse_rows = rows.bfloat16()
    coarse = usual(lambda: (coarse_rows @ columns.bfloat16()).float())
    coarse += usual(lambda: (coarse_rows.mT @ scores.bfloat16()).float())
    return MachineSpeed(
        flop=product / (4 * rows.numel() * columns.shape[1]),
        coarse=coarse / (4 * rows.numel() * columns.shape[1]),
        element=usual(lambda: large - large) / large.numel(),
        fresh=usual(lambda: torch.empty(FRESH, device=device).fill_(0)) / FRESH,
        softmax=usual(lambda: torch.softmax(large, 1)) / large.numel(),
        sparsemax=sparsemax,
        strip=max(some_seeds - sparsemax * few.numel(), 0) / strips_of_few,
        eigen=usual(lambda: torch.linalg.eigh(square @ square.mT)) / len(square) ** 3,
        operation=usual(lambda: [handful.sum(0).add_(1) for _ in range(50)]) / 100,
    )


def _usual(work: Callable[[], object], device: str) -> float:
    """Seconds until the result of some work is there, the lower quartile of several tries."""
    tries: list[float] = []
    while len(tries) < TRIES and sum(tries) < TRYING_SECONDS:
        start = perf_counter()
        work()
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize(device)
        tries.append(perf_counter() - start)
    return sorted(tries)[len(tries) // 4]
