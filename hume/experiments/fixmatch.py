"""FixMatch's head: a linear classifier from few labeled rows and many without a label (Sohn et al., NeurIPS 2020).

The published method trains a whole network on images: its weak view is a flipped and shifted image, its strong one an
image distorted by RandAugment. On frozen features there is no image to distort and no network to train. Here the weak
view is the row as it is, the strong one the same row with half of its coordinates dropped, and only the head is
trained, in 300 steps in place of 2²⁰, without the moving average of the weights. What the published method gains from
image augmentation is therefore missing here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.errors import InputError
from hume.common.progress import Progress, part

__all__ = ["FixMatch", "Heads", "LabeledSet", "consistency_gradient", "predict", "train_heads"]

WEIGHTS_AT_ONCE = 2**25  # of all heads that are trained in parallel
PREDICTED_AT_ONCE = 2**24  # scores
BYTE = 256


@dataclass(frozen=True, kw_only=True)
class FixMatch:
    """The settings of training: the published ones, except where those are for images and whole networks."""

    threshold: float = 0.95  # τ: a pseudo-label counts from this confidence on
    consistency_weight: float = 1.0  # λ_u; with 0 the rows without a label are not used
    dropped: float = 0.5  # share of the coordinates dropped in the strong view; not from the published method
    num_steps: int = 300
    # η · L, falling to a fifth along a cosine. L = mean ‖x‖²/2 bounds the curvature of the labeled rows' loss alone.
    # The strong view has about 1/(1 − dropped) times the squared length: with half dropped the bound is L + 2 λ_u L.
    step_size: float = 1.0
    momentum: float = 0.9  # Nesterov's
    weight_decay: float = 5e-4
    batch_size: int = 64  # B labeled rows a step
    ratio: int = 7  # μ: rows without a label for each of them

    def __post_init__(self) -> None:
        for name, low, high in (("threshold", 0, 1), ("dropped", 0, 0.99), ("momentum", 0, 0.999)):
            if not low <= getattr(self, name) <= high:
                raise InputError(f"{name} is {getattr(self, name)}: give a number from {low} to {high}")
        if self.step_size <= 0:
            raise InputError(f"step_size is {self.step_size}: give a positive number")
        for name in ("num_steps", "batch_size", "ratio"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: give 1 or more")


@dataclass(frozen=True, eq=False)
class LabeledSet:
    """Labels to train heads on: for every seed L labeled rows, by their position in the features, and their classes."""

    rows: NDArray[np.int64]  # (S, L)
    classes: NDArray[np.int64]  # (S, L) in 0..K − 1
    num_classes: int  # K

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or self.rows.shape != self.classes.shape or self.rows.size == 0:
            raise InputError(f"labeled rows have shape {self.rows.shape}: give at least one and a class for each")
        if self.classes.min() < 0 or self.classes.max() >= self.num_classes:
            raise InputError(
                f"classes are {self.classes.min()} to {self.classes.max()}: give 0 to {self.num_classes - 1}"
            )


@dataclass(frozen=True, eq=False)
class Heads:
    """One linear classifier a seed; a class that no labeled row has is never predicted."""

    weights: Tensor  # (S, d, K)
    bias: Tensor  # (S, 1, K)


def consistency_gradient(weak: Tensor, strong: Tensor, threshold: float, dim: int = -1) -> Tensor:
    """Make a row's strong view agree with confident predictions of its weak view: the gradient by the strong scores of

        ℓ_u = mean over rows of [max p(weak) ≥ τ] · CE(argmax p(weak), p(strong)),

    p being the softmax over the classes along `dim`. weak, strong: scores of the same shape, their second axis the
    rows; the weak ones are taken as given. Source: Eq. 4 of FixMatch (Sohn et al., 2020).
    """
    top, label = weak.max(dim, keepdim=True)
    confidence = 1 / (weak - top).exp().sum(dim, keepdim=True)
    gradient = _softmax(strong, dim).scatter_add_(dim, label, label.new_full((), -1).to(strong.dtype).expand_as(label))
    return gradient.mul_((confidence >= threshold) / weak.shape[1])


def train_heads(
    features: Tensor,
    sets: Sequence[LabeledSet],
    config: FixMatch | None = None,
    *,
    seeds: Sequence[int],
    on_progress: Progress | None = None,
) -> list[Heads]:
    """Train a linear classifier on every labeled set and for every seed: the argmin over W, b of

        mean over labeled rows of CE(y, p(x)) + λ_u ℓ_u over all rows + (weight_decay/2) ‖W‖²,

    by the steps of FixMatch. features: (n, d), of which all rows count as unlabeled, as in the published code; sets:
    each with a row a seed. A seed draws the same batches and drops the same coordinates for all sets, whatever is
    trained in parallel. Returns one `Heads` a set. Raises InputError for row numbers out of range.
    """
    config = config or FixMatch()
    for labeled in sets:
        if len(labeled.rows) != len(seeds) or labeled.rows.min() < 0 or labeled.rows.max() >= len(features):
            raise InputError(f"labeled rows must be numbers of {len(features)} rows, for {len(seeds)} seeds")
    if not sets:
        return []
    most = max(labeled.num_classes for labeled in sets)
    size = max(1, WEIGHTS_AT_ONCE // (len(seeds) * features.shape[1] * most))
    heads: list[Heads] = []
    for start in range(0, len(sets), size):
        report = part(on_progress, start / len(sets), min(1.0, (start + size) / len(sets)))
        heads += _Training(features, sets[start : start + size], config, seeds).run(report)
    return heads


class _Training:
    """M labeled sets in parallel, S seeds of each; weights (M, S, d, K)."""

    def __init__(self, features: Tensor, sets: Sequence[LabeledSet], config: FixMatch, seeds: Sequence[int]):
        self.features, self.sets, self.config = features, sets, config
        M, S, d = len(sets), len(seeds), features.shape[1]
        K, longest = max(labeled.num_classes for labeled in sets), max(labeled.rows.shape[1] for labeled in sets)
        device = features.device
        rows, classes = np.zeros((2, M, S, longest), np.int64)
        bias = np.full((M, S, 1, K), -np.inf, np.float32)
        for m, labeled in enumerate(sets):
            L = labeled.rows.shape[1]
            rows[m, :, :L], classes[m, :, :L] = labeled.rows, labeled.classes
            np.put_along_axis(bias[m, :, 0], labeled.classes, 0.0, axis=1)
        self.lengths = np.array([labeled.rows.shape[1] for labeled in sets])
        self.rows, self.classes = torch.from_numpy(rows).to(device), torch.from_numpy(classes).to(device)
        self.weights, self.bias = torch.zeros(M, S, d, K, device=device), torch.from_numpy(bias).to(device)
        # Two streams a seed, so that labeled batches are the same with and without the consistency term.
        self.labeled_draws = [np.random.default_rng([seed, 0]) for seed in seeds]
        self.other_draws = [np.random.default_rng([seed, 1]) for seed in seeds]

    def run(self, on_progress: Progress) -> list[Heads]:
        config = self.config
        speeds = [torch.zeros_like(self.weights), torch.zeros_like(self.bias)]
        curvature = float(self.features.square().sum(1).mean()) / 2
        for step in range(config.num_steps):
            gradients = self._from_labeled()
            if config.consistency_weight > 0:
                for total, more in zip(gradients, self._from_others(), strict=True):
                    total.add_(more, alpha=config.consistency_weight)
            gradients[0].add_(self.weights, alpha=config.weight_decay)
            size = config.step_size / curvature * math.cos(7 * math.pi * step / (16 * config.num_steps))
            for value, speed, gradient in zip((self.weights, self.bias), speeds, gradients, strict=True):
                speed.mul_(config.momentum).add_(gradient)
                value.sub_(gradient.add_(speed, alpha=config.momentum), alpha=size)
            on_progress((step + 1) / config.num_steps)
        return [
            Heads(self.weights[m, :, :, : labeled.num_classes], self.bias[m, :, :, : labeled.num_classes])
            for m, labeled in enumerate(self.sets)
        ]

    def _from_labeled(self) -> list[Tensor]:
        """Gradients of the cross-entropy on a batch of labeled rows, drawn with replacement."""
        B = self.config.batch_size
        drawn = np.stack([rng.random(B) for rng in self.labeled_draws])  # (S, B)
        positions = torch.from_numpy((drawn * self.lengths[:, None, None]).astype(np.int64)).to(self.rows.device)
        x = self.features[self.rows.gather(2, positions)]  # (M, S, B, d)
        gradient = _softmax(x @ self.weights + self.bias, -1)
        labels = self.classes.gather(2, positions).unsqueeze(-1)
        gradient.scatter_add_(-1, labels, gradient.new_full((), -1.0).expand_as(labels)).div_(B)
        return [x.transpose(2, 3) @ gradient, gradient.sum(2, keepdim=True)]

    def _from_others(self) -> list[Tensor]:
        """Gradients of the consistency term on a batch of rows, whose labels are not used."""
        (n, d), config = self.features.shape, self.config
        M, S, _, K = self.weights.shape
        U = min(n, config.batch_size * config.ratio)
        drawn = np.stack([rng.integers(n, size=U) for rng in self.other_draws])
        kept = np.stack([_kept(rng, (U, d), config.dropped) for rng in self.other_draws])
        weak = self.features[torch.from_numpy(drawn).to(self.features.device)]  # (S, U, d)
        strong = weak * torch.from_numpy(kept).to(weak.device)
        strong.mul_(1 / (1 - config.dropped))
        weights = self.weights.permute(1, 2, 3, 0).reshape(S, d, K * M)  # sets innermost: K alone is too few to be fast
        bias = self.bias.permute(1, 2, 3, 0).reshape(S, 1, K * M)
        scores = [torch.baddbmm(bias, x, weights).view(S, U, K, M) for x in (weak, strong)]
        gradient = consistency_gradient(scores[0], scores[1], config.threshold, dim=2).view(S, U, K * M)
        by_weights, by_bias = strong.transpose(1, 2) @ gradient, gradient.sum(1, keepdim=True)
        return [gradient.view(S, -1, K, M).permute(3, 0, 1, 2) for gradient in (by_weights, by_bias)]


def predict(heads: Heads, features: Tensor) -> NDArray[np.int64]:
    """Predict the classes (S, n) of rows of features (n, d) by each head."""
    S, _, K = heads.weights.shape
    size = max(1, PREDICTED_AT_ONCE // (S * K))
    blocks = (features[start : start + size] for start in range(0, len(features), size))
    predictions = [(x @ heads.weights + heads.bias).argmax(-1).cpu().numpy() for x in blocks]
    return np.concatenate(predictions, axis=1)


def _softmax(scores: Tensor, dim: int) -> Tensor:
    """torch.softmax, several times as fast where the classes are few or not the last axis."""
    shares = (scores - scores.amax(dim, keepdim=True)).exp_()
    return shares.div_(shares.sum(dim, keepdim=True))


def _kept(rng: np.random.Generator, shape: tuple[int, int], dropped: float) -> NDArray[np.bool_]:
    """Which coordinates a strong view keeps; bytes are drawn ten times as fast as numbers."""
    kept: NDArray[np.bool_] = rng.integers(0, BYTE, shape, dtype=np.uint8) >= round(BYTE * dropped)
    return kept
