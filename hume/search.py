"""Algorithm 1: search for the labelings that generalize best, many seeds side by side (Eqs. 4, 7).

`search` is a generator of steps. Whoever iterates draws the progress, stores what has
finished, or stops: the search knows no page, terminal or disk.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume import simplex, task
from hume.errors import InputError
from hume.inner import Implicit, InnerProblem, InnerSolver, Unrolled

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
        object.__setattr__(self, "anneal_at", tuple(self.anneal_at))

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
            step_size=0.01,
            num_train=drawn - num_test,
            num_test=num_test,
            num_splits=1,
            anneal_at=(),
            centre=True,
            encoder="retraction",
            patience=50,
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
        if same == (config, solver):
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


@dataclass(frozen=True)
class Step:
    """One iteration of one batch of seeds."""

    iteration: int  # from 0
    seeds: tuple[int, ...]  # the batch's seeds that are still being searched
    objective: NDArray[np.float32]  # (A,) Eq. 7 of these seeds on this iteration's splits
    test_error: NDArray[np.float32]  # (A,) its first term
    label_shares: NDArray[np.float32]  # (A, K) the mean task
    prototypes: Tensor  # (A, K, d1) before the update, on the search's device
    finished: tuple[FinishedSeed, ...]  # seeds that end with this iteration
    progress: float  # share of the whole search that is done, 0 to 1, if no other seed converges early


def search(
    phi1: Tensor,
    phi2: Tensor,
    config: Config,
    *,
    solver: InnerSolver,
    seeds: Sequence[int] = range(100),
    seed_batch: int | None = None,
) -> Iterator[Step]:
    """Find, for every seed, the prototypes W1 that minimize Eq. 7; yield one step an iteration.

    phi1 is (N, d1) with rows of unit L2 norm (see `spaces.unit_rows`), phi2 (N, d2); both
    float32 on the device that is to do the work. All seeds of a batch see the same random
    splits, so that one matrix product serves them all, and a seed's result does not depend
    on the seeds beside it. By default a batch is as large as memory allows.
    Raises InputError when the spaces do not fit together or are too small for the
    configuration. Source: Algorithm 1.
    """
    check_sizes(tuple(phi1.shape), tuple(phi2.shape), config)
    seeds = list(seeds)
    if len(set(seeds)) != len(seeds) or any(seed < 0 for seed in seeds):
        raise InputError("seeds must be different numbers of at least 0")
    size = seed_batch or largest_batch(phi1.shape[1], phi2.shape[1], config, solver, free_bytes(phi1.device))
    num_finished = 0
    for start in range(0, len(seeds), size):
        for step in _search_batch(phi1, phi2, config, solver, seeds[start : start + size]):
            num_finished += len(step.finished)
            under_way = len(step.seeds) - len(step.finished)
            done = num_finished + under_way * (step.iteration + 1) / config.num_iterations
            yield replace(step, progress=done / len(seeds))


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


def free_bytes(device: torch.device | str) -> int:
    """The memory that is free on a device."""
    if torch.device(device).type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


@torch.no_grad()
def _search_batch(phi1: Tensor, phi2: Tensor, config: Config, solver: InnerSolver, seeds: list[int]) -> Iterator[Step]:
    start = task.random_prototypes(seeds, config.num_classes, phi1.shape[1]).to(phi1.device)
    encoder: task.Encoder = task.Householder(start) if config.encoder == "householder" else task.Retraction(start)
    problem = solver.start(phi2, config.num_classes, seeds)
    splits = torch.Generator().manual_seed(config.split_seed)
    clock = _Clock(config, len(seeds))
    active = np.arange(len(seeds))
    objectives = np.full((config.num_iterations, len(seeds)), np.nan, np.float32)
    test_errors = objectives.copy()

    for iteration in range(config.num_iterations):
        anneal = config.annealing(iteration)
        prototypes = encoder.prototypes()
        grad, test_error, shares = _gradient(phi1, problem, config, prototypes, config.temperature * anneal, splits)
        objective = test_error - config.entropy_weight * simplex.label_entropy(shares)
        objectives[iteration, active] = objective.cpu().numpy()
        test_errors[iteration, active] = test_error.cpu().numpy()
        steps = torch.from_numpy(config.step_size * anneal * clock.factor[active]).to(grad)
        encoder.step(grad, steps.view(-1, 1, 1), config.clip_norm)

        ends = clock.tick(iteration, active, objectives)
        finished: tuple[FinishedSeed, ...] = ()
        if ends.any():
            found = encoder.prototypes()[torch.from_numpy(ends).to(phi1.device)].cpu().numpy()
            finished = tuple(
                FinishedSeed(
                    seed=seeds[i],
                    prototypes=W,
                    objective=objectives[: iteration + 1, i].copy(),
                    test_error=test_errors[: iteration + 1, i].copy(),
                    converged=bool(clock.converged[i]),
                )
                for i, W in zip(active[ends], found, strict=True)
            )
        yield Step(
            iteration=iteration,
            seeds=tuple(seeds[i] for i in active),
            objective=objectives[iteration, active],
            test_error=test_errors[iteration, active],
            label_shares=shares.T.cpu().numpy(),
            prototypes=prototypes,
            finished=finished,
            progress=0.0,
        )
        if ends.all():
            return
        if ends.any():
            active = active[~ends]
            stay = torch.from_numpy(np.flatnonzero(~ends)).to(phi1.device)
            encoder.keep(stay)
            problem.keep(stay)


def _gradient(
    phi1: Tensor, problem: InnerProblem, config: Config, prototypes: Tensor, temperature: float, splits: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Eq. 7 averaged over random splits: its gradient (S, K, d1), test error (S,), mean task (K, S)."""
    S, K, _ = prototypes.shape
    grad, error, shares = torch.zeros_like(prototypes), prototypes.new_zeros(S), prototypes.new_zeros(K, S)
    drawn = config.num_train + config.num_test
    for _ in range(config.num_splits):
        rows = torch.randperm(len(phi1), generator=splits)[:drawn].to(phi1.device)
        x1 = phi1[rows]
        labels = task.soft_labels(x1, prototypes, temperature)
        test_error, task_grad = problem.generalization(problem.rows(rows), labels, config.num_train)
        share = labels.mean(0)
        task_grad -= simplex.label_entropy_grad(share).mul_(config.entropy_weight / drawn)
        score_grad = simplex.project_backward(labels, task_grad).div_(temperature)
        grad = grad + (x1.mT @ score_grad.view(-1, K * S)).view(-1, K, S).permute(2, 1, 0)
        error, shares = error + test_error, shares + share
    return grad / config.num_splits, error / config.num_splits, shares / config.num_splits


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
        self.factor = np.ones(num_seeds)

    def tick(self, iteration: int, active: NDArray[np.intp], objectives: NDArray[np.float32]) -> NDArray[np.bool_]:
        """After an iteration, which of the active seeds end with it: (A,)."""
        patience, elapsed = self._config.patience, iteration + 1
        # Looking at every iteration would take the luckiest moment for the plateau.
        if patience and elapsed >= 2 * patience and elapsed % max(1, patience // 2) == 0:
            recent = objectives[elapsed - patience : elapsed].mean(0)
            before = objectives[elapsed - 2 * patience : elapsed - patience].mean(0)
            settled = (recent > before - self._config.min_gain) & (self.factor == 1)
            self.factor[settled] = 0.1
            self.converged |= settled
            self._ends_at[settled] = np.minimum(self._ends_at[settled], iteration + patience)
        return self._ends_at[active] <= iteration
