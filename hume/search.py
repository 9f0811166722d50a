"""Algorithm 1: search for the labelings that generalize best, many seeds side by side (Eqs. 4, 7).

`search` is a generator of steps. Whoever iterates draws the progress, stores what has
finished, or stops: the search knows no page, terminal or disk.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume import simplex, task
from hume.errors import InputError
from hume.inner import (
    Implicit,
    InnerProblem,
    InnerSolver,
    Precision,
    Unrolled,
    transposed_product,
    uses_bfloat16,
)
from hume.rows import Rows, free_bytes

Setting = Literal["inductive", "transductive"]
PresetName = Literal["fast", "paper", "paper-stl10", "paper-imagenet"]

# The last objectives of a seed that are averaged into the one reported: single splits are noisy.
FINAL_WINDOW = 20


@dataclass(frozen=True, kw_only=True)
class Config:
    """What Algorithm 1 needs besides the data; defaults from Appendix A.

    Raises InputError, naming the field and its value, when a value cannot be used.
    """

    num_classes: int  # K
    num_iterations: int = 1000  # T, at most
    step_size: float = 0.001  # α, Adam's
    temperature: float = 0.1  # γ, of the sparsemax
    entropy_weight: float = 10.0  # η
    class_sizes: tuple[float, ...] | None = None  # π, any order and unit, kept as shares; None for equal classes
    num_train: int = 9000  # |X_tr|, rows a split trains on
    num_test: int = 1000  # |X_te|, rows a split tests on
    num_splits: int = 20  # random splits averaged in one iteration
    anneal_at: tuple[int, ...] = (100, 200)  # iterations after which γ and α are divided by 10
    clip_norm: float | None = 1.0  # largest gradient norm of a seed
    centre: bool = False  # subtract the mean row of φ1 before its L2 normalization
    encoder: Literal["householder", "retraction"] = "householder"  # how W1 W1ᵀ = I is kept
    patience: int | None = None  # stop a seed whose objective gains less than `min_gain` in so many iterations
    min_gain: float = 0.005  # nats of Eq. 7
    split_seed: int = 0  # the stream of random splits, the same for all seeds
    precision: Precision = "float32"  # of the factors in matrix products; auto: bfloat16 where it is faster

    def __post_init__(self) -> None:
        if self.num_classes < 2:
            raise InputError(f"a labeling needs at least 2 classes, got num_classes={self.num_classes}")
        for name in ("num_iterations", "num_train", "num_test", "num_splits"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {name}={getattr(self, name)}")
        for name in ("step_size", "temperature"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be positive, got {name}={getattr(self, name)}")
        if not self.entropy_weight >= 0:
            raise InputError(f"entropy_weight must not be negative, got entropy_weight={self.entropy_weight}")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise InputError(f"clip_norm must be positive or None, got clip_norm={self.clip_norm}")
        if self.patience is not None and self.patience < 1:
            raise InputError(f"patience must be at least 1 or None, got patience={self.patience}")
        if self.encoder not in ("householder", "retraction"):
            raise InputError(f"encoder must be householder or retraction, got encoder={self.encoder!r}")
        if self.precision not in get_args(Precision):
            raise InputError(f"precision must be auto, float32 or bfloat16, got precision={self.precision!r}")
        object.__setattr__(self, "anneal_at", tuple(self.anneal_at))
        if self.class_sizes is not None:
            object.__setattr__(self, "class_sizes", simplex.size_shares(self.class_sizes, self.num_classes))

    def annealing(self, iteration: int) -> float:
        """The factor on γ and α at an iteration counted from 0."""
        return 0.1 ** sum(iteration >= at for at in self.anneal_at)


def preset(
    name: PresetName, *, num_classes: int, num_samples: int, setting: Setting = "transductive"
) -> tuple[Config, InnerSolver]:
    """A configuration with its inner solver: Appendix A of the paper, or our fast default.

    num_samples is the number of rows the search sees. `paper` is for CIFAR-10 and others
    of its size, `paper-stl10` and `paper-imagenet` have the splits and steps that
    Appendix A gives for these. `fast` draws at most 3,000 rows an iteration, fewer when
    the data has fewer.
    Raises InputError for an unknown name.
    """
    if name == "fast":
        drawn = min(3000, num_samples)
        num_test = max(1, drawn // 3)
        config = Config(
            num_classes=num_classes,
            step_size=0.05,
            num_train=drawn - num_test,
            num_test=num_test,
            num_splits=1,
            anneal_at=(),
            centre=True,
            encoder="retraction",
            patience=100,
            precision="auto",
        )
        return config, Implicit()
    if name == "paper":
        return Config(num_classes=num_classes), Unrolled()
    if name == "paper-stl10":
        num_train, num_test = (4500, 500) if setting == "inductive" else (7200, 800)
        return Config(num_classes=num_classes, num_train=num_train, num_test=num_test), Unrolled()
    if name == "paper-imagenet":
        config = Config(num_classes=num_classes, step_size=0.1, num_train=14_000, num_test=6_000, anneal_at=())
        return config, Unrolled(inner_steps=100, inner_step_size=0.1)
    raise InputError(f"there is no preset {name!r}: choose one of {', '.join(get_args(PresetName))}")


def preset_of(config: Config, solver: InnerSolver, setting: Setting) -> PresetName | None:
    """The preset that a configuration and a solver come from, None when anything was changed."""
    for name in get_args(PresetName):
        same = preset(
            name, num_classes=config.num_classes, num_samples=config.num_train + config.num_test, setting=setting
        )
        if same == (replace(config, precision=same[0].precision), solver):  # that is no hyperparameter
            found: PresetName = name
            return found
    return None


@dataclass(frozen=True)
class FinishedSeed:
    """What one seed found."""

    seed: int
    prototypes: NDArray[np.float32]  # (K, d1), orthonormal rows
    objective: NDArray[np.float32]  # Eq. 7 at every iteration, nats
    test_error: NDArray[np.float32]  # its first term, the held-out cross-entropy, nats
    converged: bool  # stopped by `patience`, not by `num_iterations`

    @property
    def final_objective(self) -> float:
        """Eq. 7 averaged over the last iterations, lower is better."""
        return float(self.objective[-FINAL_WINDOW:].mean())


@dataclass(frozen=True, eq=False)
class Step:
    """One iteration of one batch of seeds.

    The tensors are on the search's device: whoever looks at their numbers waits for it, the search does not.
    """

    iteration: int  # from 0
    seeds: tuple[int, ...]  # the batch's seeds that are still being searched
    objective: Tensor  # (A,) Eq. 7 of these seeds on this iteration's splits
    test_error: Tensor  # (A,) its first term
    label_shares: Tensor  # (A, K) the mean task
    prototypes: Tensor  # (A, K, d1) before the update
    finished: tuple[FinishedSeed, ...]  # seeds that end with this iteration
    progress: float  # share of the whole search that is done, 0 to 1, if no other seed converges early


def search(
    phi1: Rows,
    phi2: Rows,
    config: Config,
    *,
    solver: InnerSolver,
    seeds: Sequence[int] = range(100),
    seed_batch: int | None = None,
) -> Iterator[Step]:
    """Find, for every seed, the prototypes W1 that minimize Eq. 7; yield one step an iteration.

    phi1 is (N, d1) with rows of unit L2 norm (see `spaces.unit_rows`), phi2 (N, d2); both
    float32 on the device that is to do the work, or on disk, from where the rows of every
    split are read. All seeds of a batch see the same random splits, so that one matrix
    product serves them all, and a seed's result does not depend on the seeds beside it. By
    default a batch is as large as memory allows; one that does not fit after all is begun
    again in halves.
    Raises InputError when the spaces do not fit together or are too small for the
    configuration, MemoryError when not even one seed fits. Source: Algorithm 1.
    """
    check_sizes(tuple(phi1.shape), tuple(phi2.shape), config)
    check_seeds(seeds, seed_batch)
    size = seed_batch or largest_batch(phi1.shape[1], phi2.shape[1], config, solver, free_bytes(phi1.device))
    remaining = list(seeds)
    while remaining:
        batch, fitted = remaining[:size], True
        try:
            for step in _search_batch(phi1, phi2, config, solver, batch):
                ended = {found.seed for found in step.finished}
                remaining = [seed for seed in remaining if seed not in ended]
                under_way = len(step.seeds) - len(step.finished)
                done = len(seeds) - len(remaining) + under_way * (step.iteration + 1) / config.num_iterations
                yield replace(step, progress=done / len(seeds))
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if len(batch) == 1:
                raise MemoryError("not even one seed fits into memory") from error
            fitted = False
        if not fitted:  # here the failed batch is forgotten, inside of `except` its traceback still holds it
            size = max(1, len([seed for seed in batch if seed in remaining]) // 2)


def out_of_memory(error: BaseException) -> bool:
    """Whether memory was short; torch has a class of error for that in few of the cases."""
    words = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED", "can't start new thread")
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or (isinstance(error, RuntimeError) and any(some in str(error) for some in words))


def check_seeds(seeds: Sequence[int], seed_batch: int | None) -> None:
    """Raise InputError unless these are different seeds that can be searched in batches of that size."""
    if len(set(seeds)) != len(seeds) or any(seed < 0 for seed in seeds):
        raise InputError("seeds must be different numbers of at least 0")
    if seed_batch is not None and seed_batch < 1:
        raise InputError(f"a batch needs at least 1 seed, got seed_batch={seed_batch}")


def check_sizes(phi1: tuple[int, ...], phi2: tuple[int, ...], config: Config) -> None:
    """Raise InputError unless spaces of shapes (N, d1) and (N, d2) fit together and the configuration."""
    N, d1 = phi1
    if phi2[0] != N:
        raise InputError(f"the two spaces must have the same rows: φ1 has {N}, φ2 has {phi2[0]}")
    if config.num_classes > N:
        raise InputError(f"{config.num_classes} classes need at least as many rows, got {N}: ask for fewer classes")
    if config.num_classes > d1:
        raise InputError(
            f"{config.num_classes} orthonormal prototypes need a φ1 of at least as many dimensions, got {d1}: "
            "ask for fewer classes or choose a wider space"
        )
    drawn = config.num_train + config.num_test
    if drawn > N:
        raise InputError(
            f"a split draws {config.num_train} + {config.num_test} rows, the search has {N}: "
            "lower num_train and num_test, or use the fast preset"
        )


def largest_batch(d1: int, d2: int, config: Config, solver: InnerSolver, free: int) -> int:
    """How many seeds on spaces (N, d1) and (N, d2) fit into a third of the bytes that are free, at least 1."""
    return max(1, free // 3 // (4 * floats_per_seed(d1, d2, config, solver)))


def floats_per_seed(d1: int, d2: int, config: Config, solver: InnerSolver) -> int:
    """How many numbers a seed of a batch holds while it is searched, besides the two spaces."""
    K, drawn = config.num_classes, config.num_train + config.num_test
    floats = solver.floats_per_seed(config.num_train, d2, K) + 6 * drawn * K + 6 * K * d1
    if config.encoder == "householder":
        floats += 2 * d1 * d1
    return floats


@torch.no_grad()
def _search_batch(phi1: Rows, phi2: Rows, config: Config, solver: InnerSolver, seeds: list[int]) -> Iterator[Step]:
    start = task.random_prototypes(seeds, config.num_classes, phi1.shape[1]).to(phi1.device)
    encoder: task.Encoder = task.Householder(start) if config.encoder == "householder" else task.Retraction(start)
    problem = solver.start(phi2, config.num_classes, seeds)
    splits = torch.Generator().manual_seed(config.split_seed)
    clock = _Clock(config, len(seeds))
    active = np.arange(len(seeds))
    places, pace = torch.from_numpy(active).to(start.device), start.new_ones(len(seeds))
    # Eq. 7 and its first term at every iteration; they stay on the device until a seed may end.
    curves = start.new_full((2, config.num_iterations, len(seeds)), torch.nan)

    for iteration in range(config.num_iterations):
        anneal = config.annealing(iteration)
        prototypes = encoder.prototypes()
        grad, test_error, shares = _gradient(phi1, problem, config, prototypes, config.temperature * anneal, splits)
        evenness = simplex.label_entropy(shares, _class_sizes(config, shares.device))
        objective = test_error - config.entropy_weight * evenness
        curves[0, iteration, places], curves[1, iteration, places] = objective, test_error
        encoder.step(grad, (config.step_size * anneal * pace).view(-1, 1, 1), config.clip_norm)

        ends = np.zeros(len(active), bool)
        finished: tuple[FinishedSeed, ...] = ()
        if clock.looks(iteration):
            seen = curves[:, : iteration + 1].cpu().numpy()
            ends = clock.tick(iteration, active, seen[0])
            finished = _finished(encoder, active, ends, seeds, seen, clock.converged)
            pace = torch.from_numpy(clock.pace[active]).to(pace)
        yield Step(
            iteration=iteration,
            seeds=tuple(seeds[i] for i in active),
            objective=objective,
            test_error=test_error,
            label_shares=shares.T,
            prototypes=prototypes,
            finished=finished,
            progress=0.0,
        )
        if ends.all():
            return
        if ends.any():
            active = active[~ends]
            stay = torch.from_numpy(np.flatnonzero(~ends)).to(places.device)
            places, pace = places[stay], pace[stay]
            encoder.keep(stay)
            problem.keep(stay)


def _finished(
    encoder: task.Encoder,
    active: NDArray[np.intp],
    ends: NDArray[np.bool_],
    seeds: list[int],
    curves: NDArray[np.float32],
    converged: NDArray[np.bool_],
) -> tuple[FinishedSeed, ...]:
    """What the seeds that end have found; curves is (2, T, S), ends (A,)."""
    if not ends.any():
        return ()
    prototypes = encoder.prototypes().cpu().numpy()[ends]
    return tuple(
        FinishedSeed(
            seed=seeds[i],
            prototypes=W,
            objective=curves[0, :, i].copy(),
            test_error=curves[1, :, i].copy(),
            converged=bool(converged[i]),
        )
        for i, W in zip(active[ends], prototypes, strict=True)
    )


def _gradient(
    phi1: Rows, problem: InnerProblem, config: Config, prototypes: Tensor, temperature: float, splits: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Eq. 7 averaged over random splits: its gradient (S, K, d1), test error (S,), mean task (K, S)."""
    S, K, d1 = prototypes.shape
    grad, error, shares = prototypes.new_zeros(d1, K, S), prototypes.new_zeros(S), prototypes.new_zeros(K, S)
    drawn = config.num_train + config.num_test
    coarse, sizes = uses_bfloat16(config.precision, phi1.device), _class_sizes(config, phi1.device)
    for _ in range(config.num_splits):
        rows = _to(phi1.device, torch.randperm(len(phi1), generator=splits)[:drawn])
        x1, x2 = phi1[rows], problem.rows(rows)
        if coarse:
            x1, x2 = x1.bfloat16(), x2.bfloat16()
        labels = task.soft_labels(x1, prototypes, temperature)
        test_error, task_grad = problem.generalization(x2, labels, config.num_train)
        share = labels.mean(0)
        task_grad -= simplex.label_entropy_grad(share, sizes).mul_(config.entropy_weight / drawn)
        grad += transposed_product(x1, simplex.project_backward(labels, task_grad))
        error, shares = error + test_error, shares + share
    grad = grad.div_(config.num_splits * temperature).permute(2, 1, 0).contiguous()
    return grad, error / config.num_splits, shares / config.num_splits


def _class_sizes(config: Config, device: torch.device) -> Tensor | None:
    return None if config.class_sizes is None else _to(device, torch.tensor(config.class_sizes))


def _to(device: torch.device, numbers: Tensor) -> Tensor:
    """Send numbers from the CPU without waiting for the device to take them."""
    return numbers.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else numbers.to(device)


class _Clock:
    """Decides for every seed, by its own objective alone, when to slow down and when to end.

    A seed whose mean objective over the last `patience` iterations is not `min_gain` below
    that of the `patience` before goes on for `patience` more with a tenth of the step size,
    so that the noise of single splits settles, and ends.
    """

    def __init__(self, config: Config, num_seeds: int):
        self._config = config
        self._ends_at = np.full(num_seeds, config.num_iterations - 1)
        self.converged = np.zeros(num_seeds, bool)
        self.pace = np.ones(num_seeds)  # the factor on every seed's step size

    def _judges(self, iteration: int) -> bool:
        """Whether it is time to look for plateaus: at every iteration the luckiest moment would be taken for one."""
        patience, elapsed = self._config.patience, iteration + 1
        return bool(patience and elapsed >= 2 * patience and elapsed % max(1, patience // 2) == 0)

    def looks(self, iteration: int) -> bool:
        """Whether `tick` has to be asked after this iteration; at all others nothing changes."""
        return self._judges(iteration) or bool((self._ends_at == iteration).any())

    def tick(self, iteration: int, active: NDArray[np.intp], objectives: NDArray[np.float32]) -> NDArray[np.bool_]:
        """After an iteration, which of the active seeds end with it: (A,). objectives is (iteration + 1, S)."""
        patience = self._config.patience
        if patience and self._judges(iteration):
            recent = objectives[-patience:].mean(0)
            before = objectives[-2 * patience : -patience].mean(0)
            settled = (recent > before - self._config.min_gain) & (self.pace == 1)
            self.pace[settled] = 0.1
            self.converged |= settled
            self._ends_at[settled] = np.minimum(self._ends_at[settled], iteration + patience)
        return self._ends_at[active] <= iteration
