"""Hyperparameters of Algorithm 1: presets and validation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from hume.common import devices
from hume.common.errors import InputError
from hume.data.splits import Setting
from hume.engine.class_sizes import size_shares
from hume.engine.solvers import Implicit, InnerSolver, Unrolled

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32", "bfloat16"]
PresetName = Literal["fast", "paper", "paper-stl10", "paper-imagenet"]


MOST = 10**9  # iterations, rows and splits


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyperparameters of Algorithm 1; defaults from Appendix A.

    Raises InputError, naming the field and its value, for an invalid value.
    """

    num_classes: int  # K
    num_iterations: int = 1000  # T, at most
    step_size: float = 0.001  # α, Adam's
    temperature: float = 0.1  # γ, of the sparsemax
    entropy_weight: float = 10.0  # η
    class_sizes: tuple[float, ...] | None = None  # π, any order and unit, stored as fractions; None for equal classes
    num_train: int = 9000  # |X_tr|, rows a split trains on
    num_test: int = 1000  # |X_te|, rows a split tests on
    num_splits: int = 20  # random splits averaged in one iteration
    anneal_at: tuple[int, ...] = (100, 200)  # iterations after which γ and α are divided by 10
    clip_norm: float | None = 1.0  # largest gradient norm of a seed
    centre: bool = False  # subtract the mean row of φ1 before its L2 normalization
    encoder: Literal["householder", "retraction"] = "householder"  # how W1 W1ᵀ = I is enforced
    patience: int | None = None  # stop a seed whose objective gains less than `min_gain` in so many iterations
    min_gain: float = 0.005  # nats of Eq. 7
    split_seed: int = 0  # the stream of random splits, the same for all seeds
    precision: Precision = "float32"  # of the factors in matrix products; auto: bfloat16 on GPUs that have it

    def __post_init__(self) -> None:
        if self.num_classes < 2:
            raise InputError(f"a labeling needs at least 2 classes, got num_classes={self.num_classes}")
        for name in ("num_iterations", "num_train", "num_test", "num_splits"):
            if not 1 <= getattr(self, name) <= MOST:
                raise InputError(f"{name} must be from 1 to {MOST:,}, got {name}={getattr(self, name)}")
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
            object.__setattr__(self, "class_sizes", size_shares(self.class_sizes, self.num_classes))

    def annealing(self, iteration: int) -> float:
        """The factor on γ and α at an iteration counted from 0."""
        return 0.1 ** sum(iteration >= at for at in self.anneal_at)


def preset(
    name: PresetName, *, num_classes: int, num_samples: int, setting: Setting = "transductive"
) -> tuple[Config, InnerSolver]:
    """The configuration and inner solver of a preset: Appendix A of the paper, or the fast default.

    num_samples is the number of rows the search uses. `paper` is for CIFAR-10 and others
    of its size, `paper-stl10` and `paper-imagenet` use the splits and steps that
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
    raise InputError(f"unknown preset {name!r}: choose one of {', '.join(get_args(PresetName))}")


def preset_of(config: Config, solver: InnerSolver, setting: Setting) -> PresetName | None:
    """The preset equal to a configuration and a solver, None if there is none."""
    for name in get_args(PresetName):
        candidate = preset(
            name, num_classes=config.num_classes, num_samples=config.num_train + config.num_test, setting=setting
        )
        if candidate == (replace(config, precision=candidate[0].precision), solver):  # precision is no hyperparameter
            matching: PresetName = name
            return matching
    return None


def uses_bfloat16(precision: Precision, device: "torch.device | str") -> bool:
    """Whether rows enter matrix products as bfloat16; sums, softmax and the objective are float32 in any case.

    `auto` is bfloat16 on GPUs that have it and float32 on every CPU: processors with and without bfloat16 units then
    find the same labelings, to rounding, and reach the same conclusions (docs/performance.md gives the cost).
    """
    if precision != "auto":
        return precision == "bfloat16"
    return devices.has_bfloat16(device)


def check_seeds(seeds: Sequence[int], seed_batch: int | None) -> None:
    """Raise InputError unless the seeds are distinct and non-negative and the batch size is positive."""
    if len(set(seeds)) != len(seeds) or any(seed < 0 for seed in seeds):
        raise InputError("seeds must be distinct integers of at least 0")
    if seed_batch is not None and seed_batch < 1:
        raise InputError(f"a batch needs at least 1 seed, got seed_batch={seed_batch}")


def check_sizes(phi1: tuple[int, ...], phi2: tuple[int, ...], config: Config) -> None:
    """Raise InputError unless spaces of shapes (N, d1) and (N, d2) match each other and the configuration."""
    N, d1 = phi1
    if phi2[0] != N:
        raise InputError(f"the two spaces must have the same rows: φ1 has {N}, φ2 has {phi2[0]}")
    if config.num_classes > N:
        raise InputError(f"{config.num_classes} classes need at least as many rows, got {N}: choose fewer classes")
    if config.num_classes > d1:
        raise InputError(
            f"{config.num_classes} orthonormal prototypes need a φ1 of at least as many dimensions, got {d1}: "
            "choose fewer classes or a wider space"
        )
    drawn = config.num_train + config.num_test
    if drawn > N:
        raise InputError(
            f"a split draws {config.num_train} + {config.num_test} rows, the search has {N}: "
            "lower num_train and num_test, or use the fast preset"
        )
