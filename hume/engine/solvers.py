"""The settings of the inner problem's two solvers; `hume.engine.inner` solves it.

They are part of a run's request, so they are read where nothing is searched, without torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hume.common.errors import InputError

if TYPE_CHECKING:
    from hume.data.rows import Rows
    from hume.engine.inner import ImplicitProblem, InnerProblem, UnrolledProblem

SEARCH_TRUNCATION = 0.1


class InnerSolver(Protocol):
    """How the inner problem is solved and its solution differentiated."""

    def start(self, phi2: "Rows", num_classes: int, seeds: Sequence[int]) -> "InnerProblem":
        """Set up the problem for rows phi2 (N, d2), float32, on the device of the computation."""

    def floats_per_seed(self, num_train: int, dim: int, num_classes: int) -> int:
        """The number of floats held per seed, to choose a batch that fits in memory."""


@dataclass(frozen=True, kw_only=True)
class Unrolled:
    """Gradient descent for a fixed number of steps, differentiated through all of them.

    Algorithm 1 with MAML, as published: m steps of size α from a random start; the exact
    gradient comes from the adjoint recursion, not from an autograd graph:

        W_{t+1} = W_t − (α/n) Xᵀ (P_t − T)
        λ_t     = λ_{t+1} − (α/n) Xᵀ [P_t ∘ (V − ⟨P_t, V⟩)],   V = X λ_{t+1},  λ_m = ∂L/∂W_m
        ∂L/∂T   = (α/n) X Σ_t λ_{t+1}

    (it leaves out a term that is constant over a row's classes, which sparsemax removes).
    Only the classifiers W_t are stored, m·d2·K numbers a seed; P_t is recomputed.
    The authors' code adds a bias, Eq. 5 has none: see `bias`.
    """

    inner_steps: int = 300
    inner_step_size: float = 0.001
    bias: bool = False

    def __post_init__(self) -> None:
        if self.inner_steps < 1:
            raise InputError(f"the unrolled solver needs at least 1 step, got inner_steps={self.inner_steps}")
        if not self.inner_step_size > 0:
            raise InputError(f"the inner step size must be positive, got inner_step_size={self.inner_step_size}")

    def start(self, phi2: "Rows", num_classes: int, seeds: Sequence[int]) -> "UnrolledProblem":
        from hume.engine.inner import UnrolledProblem

        return UnrolledProblem(self, phi2, num_classes, seeds)

    def floats_per_seed(self, num_train: int, dim: int, num_classes: int) -> int:
        return num_classes * ((self.inner_steps + 3) * (dim + self.bias) + 4 * num_train)


@dataclass(frozen=True, kw_only=True)
class Implicit:
    """A warm-started ridge classifier, differentiated by the implicit function theorem.

    Gradient descent stopped at time α·m acts like a ridge of strength λ = 1/(α m), so solve

        W(T) = argmin over W of CE(softmax(X W), T) + (λ/2)‖W‖²

    in whitened coordinates, where gradient steps have size 1 (see `Whitening`). By the
    implicit function theorem ∂L/∂T = X a/n with H a = ∂L/∂W, H the Hessian of the inner
    problem. The task changes little between two iterations of the search: W and a both start
    from their last values, and each takes `inner_steps` steps an iteration,

        W ← W − ∂/∂W,   a ← a + ∂L/∂W − H a

    (the warm-started scheme of Dagréou et al., 2022). `ridge` is λ; None takes `RIDGE_SHARE` of
    the total variance of φ2, so that the scale of the features does not matter.
    """

    ridge: float | None = None
    inner_steps: int = 1
    truncation: float = SEARCH_TRUNCATION

    def __post_init__(self) -> None:
        if self.ridge is not None and not self.ridge > 0:
            raise InputError(f"the ridge must be positive, got ridge={self.ridge}")
        if self.inner_steps < 1:
            raise InputError(f"the implicit solver needs at least 1 step, got inner_steps={self.inner_steps}")
        if not 0 <= self.truncation < 1:
            raise InputError(f"the truncation must be between 0 and 1, got truncation={self.truncation}")

    @classmethod
    def like(cls, unrolled: Unrolled) -> "Implicit":
        """The ridge equivalent to an unrolled solver's early stopping: λ = 1/(α m).

        It is independent of the scale of φ2 and may exceed all of its variance, so no direction is dropped.
        """
        return cls(ridge=1 / (unrolled.inner_step_size * unrolled.inner_steps), truncation=0)

    def start(self, phi2: "Rows", num_classes: int, seeds: Sequence[int]) -> "ImplicitProblem":
        from hume.engine.inner import ImplicitProblem

        return ImplicitProblem(self, phi2, num_classes, len(seeds))

    def floats_per_seed(self, num_train: int, dim: int, num_classes: int) -> int:
        return num_classes * (6 * dim + 4 * num_train)
