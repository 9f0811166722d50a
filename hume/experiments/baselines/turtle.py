"""TURTLE: one labeling by a first-order search, on one space or several; published after the paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.errors import InputError
from hume.data.features import Matrix
from hume.data.rows import check_finite
from hume.engine import simplex

__all__ = ["TurtleResult", "turtle"]


@dataclass(frozen=True, eq=False)
class TurtleResult:
    """One labeling, and its objective."""

    labeling: NDArray[np.int64]  # (N,) classes in 0..K − 1
    loss: float  # the objective on the last batch, nats, lower is better
    seconds: float


def turtle(
    spaces: Sequence[Matrix],
    num_classes: int,
    *,
    num_iterations: int = 6000,
    step_size: float = 0.001,
    inner_steps: int = 10,
    inner_step_size: float = 0.001,
    batch_size: int = 10_000,
    warm_start: bool = True,
    entropy_weight: float = 10.0,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> TurtleResult:
    """Search for the task τ that linear classifiers fit best in every space, without a held-out split:

        min over θ of Σ_s CE(softmax(W_s φ_s), τ) − γ Σ_s R(τ_s),   τ = the mean over s of τ_s = softmax(θ_s φ_s)

    where every W_s is the result of some Adam steps on its own cross-entropy, τ held fixed, and R is the entropy of
    the mean label. First order: the gradient in θ treats the W_s as constants. θ_s has a bias, and rows whose length
    is a separate parameter (weight normalization); it is trained by Adam as well. A batch has all rows where there
    are no more than `batch_size`, else random ones, new in every iteration.

    spaces: one or more (N, d_s). The classifiers continue from the last iteration with `warm_start`, else they start
    at random in every iteration. Deterministic for a seed on one device. Raises InputError for other shapes, values
    that are not finite, fewer rows than classes, or settings that cannot be used.

    Source: Gadetsky, Jiang and Brbić, "Let Go of Your Labels with Unsupervised Transfer" (ICML 2024), and its
    repository mlbio-epfl/turtle, whose defaults these are, except for one: its classifiers start at random unless
    `--warm_start` is given. Left out: the choice of both step sizes and of the start by cross-validation, which
    multiplies the time by the number of settings, and labels for a test split. Added: a class without samples has
    a finite gradient.
    """
    start = perf_counter()
    rows = _checked(spaces, num_classes, device)
    _check_settings(num_iterations, step_size, inner_steps, inner_step_size, batch_size, entropy_weight)
    generator = torch.Generator().manual_seed(seed)
    size = min(batch_size, len(rows[0]))

    encoder = _Encoder(rows, num_classes, generator)
    optimizer = _adam(encoder.parameters, step_size)
    classifiers = _Classifiers(rows, num_classes, inner_step_size, generator)
    loss = torch.tensor(torch.nan)
    for _ in range(num_iterations):
        batch = _draw(rows, size, generator)
        by_space = encoder.labels(batch)
        task = torch.stack(by_space).mean(0)
        if not warm_start:
            classifiers = _Classifiers(rows, num_classes, inner_step_size, generator)
        classifiers.fit(batch, task.detach(), inner_steps)
        error = -(task * classifiers.log_probabilities(batch)).sum() / size
        entropies = simplex.label_entropy(torch.stack([labels.mean(1) for labels in by_space], dim=1))
        loss = error - entropy_weight * entropies.sum()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    with torch.no_grad():
        labeling = torch.stack(encoder.labels(rows)).mean(0).argmax(0).cpu().numpy()
    return TurtleResult(labeling=labeling, loss=loss.item(), seconds=perf_counter() - start)


class _Encoder:
    """The task θ: for every space directions, their lengths and a bias. Labels are (K, n)."""

    def __init__(self, rows: list[Tensor], num_classes: int, generator: torch.Generator):
        starts = [_random_linear(x, num_classes, generator) for x in rows]
        self._spaces = [(weight, weight.norm(dim=1, keepdim=True), bias) for weight, bias in starts]
        self.parameters = [parameter.requires_grad_() for space in self._spaces for parameter in space]

    def labels(self, batch: list[Tensor]) -> list[Tensor]:
        """τ_s of every space."""
        return [
            torch.softmax(torch.addmm(bias, weight * (length / weight.norm(dim=1, keepdim=True)), x.mT), 0)
            for x, (weight, length, bias) in zip(batch, self._spaces, strict=True)
        ]


class _Classifiers:
    """A linear classifier W_s in every space, with the state of their Adam."""

    def __init__(self, rows: list[Tensor], num_classes: int, step_size: float, generator: torch.Generator):
        self._spaces = [_random_linear(x, num_classes, generator) for x in rows]
        self._adam = _adam([parameter for space in self._spaces for parameter in space], step_size)

    def fit(self, batch: list[Tensor], task: Tensor, num_steps: int) -> None:
        """Adam steps on Σ_s CE(softmax(W_s φ_s), task); task is (K, n)."""
        n = task.shape[1]
        for _ in range(num_steps):
            for x, (weight, bias) in zip(batch, self._spaces, strict=True):
                residual = torch.softmax(torch.addmm(bias, weight, x.mT), 0).sub_(task).div_(n)
                weight.grad, bias.grad = residual @ x, residual.sum(1, keepdim=True)
            self._adam.step()

    def log_probabilities(self, batch: list[Tensor]) -> Tensor:
        """Σ_s log softmax(W_s φ_s), (K, n)."""
        logits = [torch.addmm(bias, weight, x.mT) for x, (weight, bias) in zip(batch, self._spaces, strict=True)]
        return torch.stack([torch.log_softmax(scores, 0) for scores in logits]).sum(0)


def _random_linear(x: Tensor, num_classes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Weight (K, d) and bias (K, 1) on the device of rows x, uniform in ±1/√d: the start of torch.nn.Linear."""
    bound = x.shape[1] ** -0.5
    drawn = torch.empty(num_classes, x.shape[1] + 1).uniform_(-bound, bound, generator=generator).to(x.device)
    return drawn[:, :-1].contiguous(), drawn[:, -1:].contiguous()


def _adam(parameters: list[Tensor], step_size: float) -> torch.optim.Adam:
    return torch.optim.Adam(parameters, lr=step_size, fused=True)


def _draw(rows: list[Tensor], size: int, generator: torch.Generator) -> list[Tensor]:
    """The same random rows of every space, without replacement."""
    if size == len(rows[0]):
        return rows
    index = torch.randperm(len(rows[0]), generator=generator)[:size].to(rows[0].device)
    return [x[index] for x in rows]


def _checked(spaces: Sequence[Matrix], num_classes: int, device: torch.device | str) -> list[Tensor]:
    """The spaces as float32 tensors on the device."""
    rows = []
    for number, features in enumerate(spaces):
        features = np.asarray(features)
        if features.ndim != 2 or features.size == 0:
            raise InputError(f"space {number} has shape {features.shape}: give (samples, dimensions) for every space.")
        if len(features) != len(spaces[0]):
            raise InputError(
                f"space 0 has {len(spaces[0])} rows and space {number} {len(features)}: give the same samples in all."
            )
        with np.errstate(over="ignore"):  # what float32 cannot hold is reported like infinity
            x = torch.from_numpy(np.array(features, dtype=np.float32, order="C"))
        check_finite(x, f"space {number}", range(len(x)))
        rows.append(x.to(device))
    if not rows:
        raise InputError("there are no spaces: give a list of at least one.")
    if not 1 <= num_classes <= len(rows[0]):
        raise InputError(f"num_classes is {num_classes}: choose 1 to {len(rows[0])}, the number of samples.")
    return rows


def _check_settings(
    num_iterations: int,
    step_size: float,
    inner_steps: int,
    inner_step_size: float,
    batch_size: int,
    entropy_weight: float,
) -> None:
    counts = {"num_iterations": num_iterations, "inner_steps": inner_steps, "batch_size": batch_size}
    for name, count in counts.items():
        if count < 1:
            raise InputError(f"{name} is {count}: give at least 1.")
    for name, size in {"step_size": step_size, "inner_step_size": inner_step_size}.items():
        if not size > 0:
            raise InputError(f"{name} is {size}: give a positive number.")
    if not entropy_weight >= 0:
        raise InputError(f"entropy_weight is {entropy_weight}: it must not be negative.")
