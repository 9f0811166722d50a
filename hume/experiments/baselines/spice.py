"""SPICE-Self: a head is trained on pseudo-labels, each class given to the samples nearest to its surest ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from hume.common.errors import InputError
from hume.common.progress import Progress
from hume.evaluation.neighbors import UnitRows
from hume.experiments.baselines import _heads
from hume.experiments.baselines._heads import ChosenHeads, Features

__all__ = ["SpiceResult", "double_softmax_loss", "prototype_samples", "spice"]

RELIABLE_NEIGHBORS = 100  # a sample among them
RELIABLE_SHARE = 0.9  # of them that have its class
RELIABLE_PROBABILITY = 0.99  # of its own class


@dataclass(frozen=True, eq=False, kw_only=True)
class SpiceResult(ChosenHeads):
    """One labeling a seed, that of the head and epoch with the lowest loss, and its reliable samples."""

    reliable: NDArray[np.bool_]  # (S, N) samples that are sure of their class, as are most of their neighbours


def spice(
    phi1: Features,
    num_classes: int,
    *,
    seeds: Sequence[int] = range(5),
    num_heads: int = 10,
    hidden: int | None = None,
    center_ratio: float = 0.5,
    num_epochs: int = 100,
    num_repeats: int = 8,
    batch_size: int = 5000,
    step_batch_size: int = 128,
    step_size: float = 0.005,
    device: torch.device | str = "cpu",
    on_progress: Progress | None = None,
) -> SpiceResult:
    """Train heads p on their own pseudo-labels, which alternate with training. In every batch of n rows, for class k,

        the prototype   c_k = mean of φ1(x) over the r n/K samples x with the largest p_k(x)
        the samples     B_k = the n/K samples with the largest ⟨c_k, φ1(x)⟩, which are given class k
        the head        min over p of −mean over k and x ∈ B_k of log softmax(p(x))_k,   p = softmax(MLP(φ1))

    by some passes of Adam. Classes get the same number of samples; one sample may get several. Every seed trains some
    heads of two layers and keeps the head and the epoch whose loss on the pseudo-labels of all rows is lowest.
    `reliable` samples are surer than 0.99 and share their class with 90 of 100 nearest samples, themselves included.

    phi1: (N, d); rows are brought to unit L2 norm (a zero row stays zero). hidden: width of the first layer, d if left
    out; center_ratio: r. The losses are in nats; because of the second softmax none is below log(1 + (K − 1)/e).
    Deterministic for a seed on one device; seeds are independent. Raises InputError for other shapes, values that are
    not finite, fewer rows than classes, or settings that cannot be used.

    Source: Niu, Shan and Wang, "SPICE: Semantic Pseudo-Labeling for Image Clustering" (IEEE TIP 2022) and what its
    repository sets for CIFAR-10. Left out: weakly augmented images to choose labels by and strongly augmented ones to
    train on, which need the network; and SPICE-Semi, which retrains the network on the reliable samples. Unlike there,
    the heads also read rows of unit length, not only the prototypes.
    """
    start = perf_counter()
    space = _heads.open_space(phi1, num_classes, device)
    width = space.dim if hidden is None else hidden
    counts = {"num_heads": num_heads, "hidden": width, "num_epochs": num_epochs, "num_repeats": num_repeats}
    _heads.check_settings(counts | {"step_batch_size": step_batch_size}, {"step_size": step_size})
    if not 0 < center_ratio <= 1:
        raise InputError(f"center_ratio is {center_ratio}: give a share above 0 and up to 1.")
    if batch_size < num_classes:
        raise InputError(f"batch_size is {batch_size}: give at least {num_classes}, the number of classes.")
    drawing = _heads.generators(seeds)
    rows = _heads.all_rows(space)

    model = _Heads(drawing, num_heads, space.dim, width, num_classes, space.device)
    optimizer = torch.optim.Adam(model.parameters, lr=step_size, fused=True)
    best = _Best(len(seeds), space)
    for epoch in range(num_epochs):
        for batch in _heads.epoch_batches(drawing, space.num_samples, batch_size):
            picked = _pseudo_labelled(model, rows, batch.to(space.device), center_ratio)
            for _ in range(num_repeats):
                for some in _heads.epoch_batches(drawing, picked.shape[2], step_batch_size):
                    _learn(model, optimizer, rows, picked, some.to(space.device))
        best.update(model, rows, center_ratio)
        if on_progress is not None:
            on_progress((epoch + 1) / num_epochs)
    return SpiceResult(
        labelings=best.labels.cpu().numpy(),
        loss=best.loss.double().cpu().numpy(),
        heads=best.heads.cpu().numpy(),
        reliable=_reliable(space, best.labels, best.probability).cpu().numpy(),
        seconds=perf_counter() - start,
    )


def prototype_samples(rows: Tensor, probabilities: Tensor, center_ratio: float = 0.5) -> Tensor:
    """The samples that are given each class: the n/K nearest to the mean of the surest r n/K.

    rows: (S, n, d); probabilities: (S, H, K, n). Returns (S, H, K, n // K) numbers of rows, nearest first.
    """
    S, H, K, n = probabilities.shape
    size = n // K
    surest = probabilities.topk(max(1, int(center_ratio * size)), dim=3).indices
    member = torch.zeros_like(probabilities).scatter_(3, surest, 1.0 / surest.shape[3])
    prototypes = torch.bmm(member.flatten(1, 2), rows)  # (S, H · K, d)
    return torch.bmm(prototypes, rows.mT).view(S, H, K, n).topk(size, dim=3).indices


def double_softmax_loss(probabilities: Tensor, labels: Tensor) -> Tensor:
    """−mean log softmax(p)_label of each head: cross-entropy with probabilities as logits, in nats.

    probabilities: (..., K, n) p; labels: (..., n). Returns (...).
    """
    return -torch.log_softmax(probabilities, dim=-2).gather(-2, labels.unsqueeze(-2)).squeeze(-2).mean(-1)


@torch.no_grad()
def _pseudo_labelled(model: "_Heads", rows: Tensor, batch: Tensor, center_ratio: float) -> Tensor:
    """The row numbers (S, H, K · m) that are given the classes in turn, m each, among those of a batch (S, n)."""
    some = rows[batch]
    chosen = prototype_samples(some, model.of_all(some), center_ratio)
    return torch.take_along_dim(batch[:, None, None], chosen, dim=3).flatten(2)


def _learn(model: "_Heads", optimizer: torch.optim.Optimizer, rows: Tensor, picked: Tensor, batch: Tensor) -> None:
    """One step on a batch (S, B) of positions in the picked row numbers (S, H, K · m), which go class by class."""
    S, H, total = picked.shape
    numbers = torch.take_along_dim(picked, batch[:, None], dim=2)
    labels = batch.div(total // model.num_classes, rounding_mode="floor")[:, None].expand(S, H, -1)
    loss = double_softmax_loss(model.of_each(rows[numbers]), labels)
    optimizer.zero_grad()
    torch.autograd.backward(loss.mean(1).sum())
    optimizer.step()


class _Heads:
    """S · H perceptrons with one hidden layer, a softmax at the end."""

    def __init__(
        self,
        drawing: list[torch.Generator],
        num_heads: int,
        dim: int,
        hidden: int,
        num_classes: int,
        device: torch.device,
    ):
        self.num_heads, self.num_classes, self.hidden = num_heads, num_classes, hidden
        self._first = _heads.random_linear(drawing, num_heads, dim, hidden, device)
        self._second = _heads.random_linear(drawing, num_heads, hidden, num_classes, device)
        self.parameters = [*self._first, *self._second]

    def of_all(self, rows: Tensor) -> Tensor:
        """Probabilities (S, H, K, n) by all heads of a seed of its rows (S, n, d)."""
        weight, bias = self._first
        return self._rest(_heads.by_head(torch.baddbmm(bias, weight, rows.mT), self.num_heads))

    def of_each(self, rows: Tensor) -> Tensor:
        """Probabilities (S, H, K, n) by every head of its own rows (S, H, n, d)."""
        weight, bias = (_heads.by_head(parameter, self.num_heads) for parameter in self._first)
        return self._rest(weight @ rows.mT + bias)

    def _rest(self, hidden: Tensor) -> Tensor:
        """The second layer, of the logits (S, H, width, n) of the first."""
        weight, bias = (_heads.by_head(parameter, self.num_heads) for parameter in self._second)
        return torch.softmax(weight @ F.relu(hidden) + bias, dim=2)


class _Best:
    """The output of the best head of each seed so far."""

    def __init__(self, num_seeds: int, space: UnitRows):
        self._space = space
        self.loss = torch.full((num_seeds,), torch.inf, device=space.device)
        self.heads = torch.zeros(num_seeds, dtype=torch.int64, device=space.device)
        self.labels = torch.zeros(num_seeds, space.num_samples, dtype=torch.int64, device=space.device)
        self.probability = torch.zeros(num_seeds, space.num_samples, device=space.device)

    @torch.no_grad()
    def update(self, model: _Heads, rows: Tensor, center_ratio: float) -> None:
        """Evaluate all heads on their pseudo-labels of all rows (N, d), and keep those that are better."""
        S, H = len(self.loss), model.num_heads
        blocks = _heads.blocks(self._space, S * H * model.hidden)
        p = torch.cat([model.of_all(some.expand(S, -1, -1)) for _, some in blocks], dim=3)
        chosen = prototype_samples(rows.expand(S, -1, -1), p, center_ratio)  # (S, H, K, m)
        labels = torch.arange(model.num_classes, device=rows.device).repeat_interleave(chosen.shape[3])
        picked = torch.take_along_dim(p, chosen.flatten(2)[:, :, None], dim=3)
        losses = double_softmax_loss(picked, labels.expand(S, H, -1))
        lowest, heads = losses.min(1)
        probability, predicted = p[torch.arange(S, device=rows.device), heads].max(1)
        better = lowest < self.loss
        self.loss = torch.where(better, lowest, self.loss)
        self.heads = torch.where(better, heads, self.heads)
        self.labels = torch.where(better[:, None], predicted, self.labels)
        self.probability = torch.where(better[:, None], probability, self.probability)


def _reliable(space: UnitRows, labels: Tensor, probability: Tensor) -> Tensor:
    """Which samples (S, N) are sure of their class and share it with most of their neighbours."""
    near = _heads.neighbors_of(space, RELIABLE_NEIGHBORS - 1)  # without itself
    alike = torch.stack([(labeling[near] == labeling[:, None]).sum(1) + 1 for labeling in labels])
    return (alike >= RELIABLE_SHARE * (near.shape[1] + 1)) & (probability > RELIABLE_PROBABILITY)
