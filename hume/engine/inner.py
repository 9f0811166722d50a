"""The inner problem: fit a linear classifier to a task and measure how it generalizes (Eqs. 4, 5).

Given rows X of φ2 and a task T, both split in two, a solver fits W on the train part,

    W(T) = argmin over W of CE(softmax(X W), T)

and returns the cross-entropy on the test part with its gradient in the whole task,
including the path through W(T). `Unrolled` follows the paper; `Implicit` reaches the
same objective with a few matrix products; `hume.engine.solvers` has their settings. Classifiers are
(r, K, S), tasks (n, K, S).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from hume.data.rows import Rows
from hume.engine.linear import cross_entropy, logits, softmax_jacobian, transposed_product
from hume.engine.solvers import Implicit, Unrolled
from hume.engine.whitening import Whitening


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


# --- the paper's solver -------------------------------------------------------------------


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
