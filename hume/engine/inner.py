"""The inner problem: fit a linear classifier to a task and measure how it generalizes (Eqs. 4, 5).

Given rows X of φ2 and a task T, both split in two, a solver fits W on the train part,

    W(T) = argmin over W of CE(softmax(X W), T)

and returns the cross-entropy on the test part with its gradient in the whole task,
including the path through W(T). `Unrolled` follows the paper; `Implicit` reaches the
same objective with a few matrix products. Classifiers are (r, K, S), tasks (n, K, S).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from hume.common.errors import InputError
from hume.data.rows import Rows
from hume.engine.linear import cross_entropy, logits, softmax_jacobian, transposed_product
from hume.engine.whitening import Whitening

SEARCH_TRUNCATION = 0.1


class InnerProblem(Protocol):
    """One dataset's inner problem for a batch of seeds."""

    def rows(self, index: Tensor) -> Tensor:
        """The rows (n, r) of φ2 at `index`, in the solver's own coordinates."""

    def generalization(self, x: Tensor, task: Tensor, num_train: int) -> tuple[Tensor, Tensor]:
        """Fit on the first `num_train` rows, test on the others.

        x is (n, r) and task (n, K, S). Returns the test cross-entropy (S,) in nats and
        its gradient in the task, (n, K, S).
        """

    def keep(self, seeds: Tensor) -> None:
        """Drop all seeds except those at these positions."""

    def state(self) -> dict[str, Tensor]:
        """All that changes during a search, not copied."""

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""


class InnerSolver(Protocol):
    """How the inner problem is solved and its solution differentiated."""

    def start(self, phi2: Rows, num_classes: int, seeds: Sequence[int]) -> InnerProblem:
        """Set up the problem for rows phi2 (N, d2), float32, on the device of the computation."""

    def floats_per_seed(self, num_train: int, dim: int, num_classes: int) -> int:
        """The number of floats held per seed, to choose a batch that fits in memory."""


# --- the paper's solver -------------------------------------------------------------------


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

    def start(self, phi2: Rows, num_classes: int, seeds: Sequence[int]) -> "UnrolledProblem":
        return UnrolledProblem(self, phi2, num_classes, seeds)

    def floats_per_seed(self, num_train: int, dim: int, num_classes: int) -> int:
        return num_classes * ((self.inner_steps + 3) * (dim + self.bias) + 4 * num_train)


class UnrolledProblem:
    """The state of `Unrolled`: a stream of random starts for every seed."""

    def __init__(self, solver: Unrolled, phi2: Rows, num_classes: int, seeds: Sequence[int]):
        self._solver = solver
        self._phi2 = phi2
        self._num_classes = num_classes
        # The prototypes of a seed use manual_seed(seed): use another stream here. Only 32 bits count.
        self._starts = [torch.Generator().manual_seed(2**31 + seed) for seed in seeds]

    def rows(self, index: Tensor) -> Tensor:
        x = self._phi2[index]
        return torch.cat([x, x.new_ones(len(x), 1)], dim=1) if self._solver.bias else x

    def generalization(self, x: Tensor, task: Tensor, num_train: int) -> tuple[Tensor, Tensor]:
        train, rate = x[:num_train], self._solver.inner_step_size / num_train
        trajectory = [self._random_start(x).to(task.dtype)]
        for _ in range(self._solver.inner_steps):
            residual = torch.softmax(logits(train, trajectory[-1]), 1).sub_(task[:num_train])
            trajectory.append(trajectory[-1] - transposed_product(train, residual).mul_(rate))

        loss, adjoint, grad_test = cross_entropy(x[num_train:], trajectory.pop(), task[num_train:])
        total = torch.zeros_like(adjoint)
        for classifier in reversed(trajectory):
            total += adjoint
            p = torch.softmax(logits(train, classifier), 1)
            curvature = softmax_jacobian(p, logits(train, adjoint))
            adjoint = adjoint - transposed_product(train, curvature).mul_(rate)
        return loss, torch.cat([logits(train, total).mul_(rate), grad_test])

    def _random_start(self, x: Tensor) -> Tensor:
        """Uniform in ±1/√d2, the start of torch.nn.Linear: (d2, K, S), a stream a seed."""
        d2, bound = x.shape[1], x.shape[1] ** -0.5
        starts = [
            torch.empty(d2, self._num_classes).uniform_(-bound, bound, generator=generator)
            for generator in self._starts
        ]
        return torch.stack(starts, dim=2).to(x.device, x.dtype)

    def keep(self, seeds: Tensor) -> None:
        self._starts = [self._starts[i] for i in seeds.tolist()]

    def state(self) -> dict[str, Tensor]:
        return {"starts": torch.stack([generator.get_state() for generator in self._starts])}

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._starts = [torch.Generator() for _ in state["starts"]]
        for generator, start in zip(self._starts, state["starts"].cpu(), strict=True):
            generator.set_state(start.clone())  # of a view torch reads the first row


# --- the implicit solver --------------------------------------------------------------------------------


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

    def start(self, phi2: Rows, num_classes: int, seeds: Sequence[int]) -> "ImplicitProblem":
        return ImplicitProblem(self, phi2, num_classes, len(seeds))

    def floats_per_seed(self, num_train: int, dim: int, num_classes: int) -> int:
        return num_classes * (6 * dim + 4 * num_train)


class ImplicitProblem:
    """The state of `Implicit`: whitened rows, and a classifier and an adjoint for every seed."""

    def __init__(self, solver: Implicit, phi2: Rows, num_classes: int, num_seeds: int):
        whitening = Whitening.of(phi2, solver.ridge, truncation=solver.truncation)
        self._transform = whitening.transform
        self._x = phi2 @ whitening.transform
        self._decay = whitening.decay
        self._steps = solver.inner_steps
        self._classifier = whitening.transform.new_zeros(self._x.shape[1], num_classes, num_seeds)
        self._adjoint = torch.zeros_like(self._classifier)

    @property
    def classifier(self) -> Tensor:
        """The classifiers W2 after the last call, in the coordinates of φ2: (d2, K, S)."""
        return torch.einsum("dr,rks->dks", self._transform, self._classifier)

    def rows(self, index: Tensor) -> Tensor:
        return self._x[index]

    def generalization(self, x: Tensor, task: Tensor, num_train: int) -> tuple[Tensor, Tensor]:
        train, task_train = x[:num_train], task[:num_train]
        for _ in range(self._steps):
            p = torch.softmax(logits(train, self._classifier), 1)
            step = transposed_product(train, p - task_train).div_(num_train)
            self._classifier -= step.addcmul_(self._decay, self._classifier)

        loss, target, grad_test = cross_entropy(x[num_train:], self._classifier, task[num_train:])
        for _ in range(self._steps):
            curvature = softmax_jacobian(p, logits(train, self._adjoint))
            product = transposed_product(train, curvature).div_(num_train).addcmul_(self._decay, self._adjoint)
            self._adjoint += target - product
        return loss, torch.cat([logits(train, self._adjoint / num_train), grad_test])

    def keep(self, seeds: Tensor) -> None:
        self._classifier, self._adjoint = self._classifier[..., seeds], self._adjoint[..., seeds]

    def state(self) -> dict[str, Tensor]:
        return {"classifier": self._classifier, "adjoint": self._adjoint}

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._classifier, self._adjoint = state["classifier"], state["adjoint"]
