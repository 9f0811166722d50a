"""TEMI: heads that agree on neighbours, by pointwise mutual information; each has a moving average as its teacher."""

from collections import deque
from collections.abc import Sequence
from itertools import islice, pairwise
from time import perf_counter

import torch
from torch import Tensor
from torch.nn import functional as F

from hume.common.errors import InputError
from hume.common.progress import Progress
from hume.evaluation.neighbors import UnitRows
from hume.experiments.baselines import _heads
from hume.experiments.baselines._heads import ChosenHeads, Features

__all__ = ["temi", "temi_loss"]

TEMPERATURE = 0.1  # of students and teachers
SHARE_MOMENTUM = 0.9  # of the class shares, from batch to batch
WEIGHT_DECAY = 1e-4
SPREAD = 0.02  # standard deviation of the first weights
TINY = 1e-20  # of a product of probabilities, whose power has no slope at 0


def temi(
    phi1: Features,
    num_classes: int,
    *,
    seeds: Sequence[int] = range(5),
    num_heads: int = 16,
    hidden: Sequence[int] = (512, 256),
    num_neighbors: int = 50,
    beta: float = 0.6,
    num_iterations: int = 5000,
    warmup: float = 0.2,
    batch_size: int = 1024,
    step_size: float = 4e-4,
    teacher_momentum: float = 0.996,
    device: torch.device | str = "cpu",
    on_progress: Progress | None = None,
) -> ChosenHeads:
    """Train heads for mutual information of a sample's and its neighbour's class, z being drawn from N(x):

        min over s of the mean over x and z of −w(x, z) log Σ_k (s_k(x) t_k(z))^β / p̄_k, then x and z exchanged

    s: a student, t: its teacher, a moving average of the student's weights; p̄: the teacher's class shares, a moving
    average as well. w(x, z) = ⟨t(x), t(z)⟩, the mean over all heads of a seed, is small where neighbours seem to be of
    different classes. β = 1 is the pointwise mutual information; less keeps all classes in use. A head is a perceptron
    of widths `hidden` (GELU between layers), whose output is brought to unit length and multiplied by directions and
    lengths of the classes, then a softmax of temperature 0.1. Trained by AdamW, whose step size grows linearly from 0
    over the first iterations, a share `warmup` of all. The head with the lowest mean loss over the last pass is kept.

    phi1: (N, d); rows are brought to unit L2 norm (a zero row stays zero). hidden: () for heads without a perceptron.
    The losses are in nats. Deterministic for a seed on one device; seeds are independent. Raises InputError for other
    shapes, values that are not finite, fewer rows than classes, or settings that cannot be used.

    Source: Adaloglou, Michels, Kalisch and Kollmann, "Exploring the Limits of Deep Image Clustering using Pretrained
    Models" (BMVC 2023), which trains on frozen features, too, and what its repository gives for CIFAR-10: 100 epochs
    are about 5,000 batches of 1,024, and 1e-4 for every 256 rows is 4e-4. Unlike there, rows have unit length; the
    paper trains 50 heads, the repository 16.
    """
    start = perf_counter()
    space = _heads.open_space(phi1, num_classes, device)
    counts = {"num_heads": num_heads, "num_neighbors": num_neighbors, "num_iterations": num_iterations}
    counts |= {"batch_size": batch_size} | {f"hidden[{i}]": width for i, width in enumerate(hidden)}
    _heads.check_settings(counts, {"step_size": step_size, "beta": beta})
    if not 0 <= teacher_momentum <= 1:
        raise InputError(f"teacher_momentum is {teacher_momentum}: give a share from 0 to 1.")
    if not 0 <= warmup <= 1:
        raise InputError(f"warmup is {warmup}: give the share of iterations, from 0 to 1.")
    drawing = _heads.generators(seeds)
    neighbors, rows = _heads.neighbors_of(space, num_neighbors), _heads.all_rows(space)

    student = _Heads(drawing, num_heads, [space.dim, *hidden], num_classes, space.device)
    teacher = student.copy()
    optimizer = torch.optim.AdamW(
        [{"params": student.matrices, "weight_decay": WEIGHT_DECAY}, {"params": student.vectors, "weight_decay": 0.0}],
        fused=True,
    )
    batches = _heads.endless_batches(drawing, space.num_samples, batch_size)
    per_pass = space.num_samples // min(batch_size, space.num_samples)
    shares = rows.new_full((len(seeds), num_heads, num_classes), 1 / num_classes)
    losses: deque[Tensor] = deque(maxlen=per_pass)
    for done, batch in enumerate(islice(batches, num_iterations)):
        for group in optimizer.param_groups:
            group["lr"] = step_size * min(1.0, (done + 1) / (1 + warmup * num_iterations))
        near = _heads.draw_neighbors(drawing, batch, neighbors)
        pairs = rows[torch.cat([batch.to(space.device), near], dim=1)]
        with torch.no_grad():
            target = teacher.probabilities(pairs)
            shares = SHARE_MOMENTUM * shares + (1 - SHARE_MOMENTUM) * target.mean(3)
        loss = temi_loss(student.probabilities(pairs), target, shares, beta)
        optimizer.zero_grad()
        torch.autograd.backward(loss.mean(1).sum())
        if done < per_pass:
            student.keep_last()
        optimizer.step()
        teacher.follow(student, teacher_momentum)
        losses.append(loss.detach())
        if on_progress is not None:
            on_progress((done + 1) / num_iterations)

    heads, lowest = _heads.best_heads(torch.stack(list(losses)).mean(0))
    return ChosenHeads(
        labelings=_labels(teacher, space, heads).cpu().numpy(),
        loss=lowest,
        heads=heads.cpu().numpy(),
        seconds=perf_counter() - start,
    )


def temi_loss(student: Tensor, teacher: Tensor, shares: Tensor, beta: float = 0.6) -> Tensor:
    """TEMI's loss of each head: the mean of −w log Σ_k (s_k t_k)^β / p̄_k over pairs and both directions, in nats.

    student, teacher: (S, H, K, 2 n) probabilities of n samples, then of a neighbour of each; shares: (S, H, K).
    Returns (S, H).
    """
    first, second = teacher.chunk(2, dim=3)
    weight = (first * second).sum(2).mean(1, keepdim=True)  # (S, 1, n)
    crossed = torch.cat([second, first], dim=3)
    alike = (student * crossed).clamp(min=TINY).pow(beta) / shares.unsqueeze(3)
    return -(torch.cat([weight, weight], dim=2) * alike.sum(2).log()).mean(2)


class _Heads:
    """S · H heads of the same widths."""

    def __init__(
        self,
        drawing: list[torch.Generator],
        num_heads: int,
        widths: list[int],
        num_classes: int,
        device: torch.device,
    ):
        self.num_heads = num_heads
        S = len(drawing)
        shapes = [(num_heads * num_out, num_in) for num_in, num_out in pairwise(widths)]
        drawn = [[torch.empty(shape).normal_(0, SPREAD, generator=rng) for shape in shapes] for rng in drawing]
        weights = [torch.stack(layer).to(device) for layer in zip(*drawn, strict=True)]
        last, _ = _heads.random_linear(drawing, num_heads, widths[-1], num_classes, device)
        self.matrices = [weight.requires_grad_() for weight in (*weights, last.detach())]  # classes' directions last
        biases = [torch.zeros(S, rows, 1, device=device) for rows, _ in shapes]
        lengths = torch.ones(S, num_heads * num_classes, 1, device=device)
        self.vectors = [vector.requires_grad_() for vector in (*biases, lengths)]  # classes' lengths last

    def copy(self) -> "_Heads":
        """Heads with the same parameters that are not trained."""
        copy = _Heads.__new__(_Heads)
        copy.num_heads = self.num_heads
        copy.matrices, copy.vectors = ([tensor.detach().clone() for tensor in group] for group in self._parameters)
        return copy

    @property
    def _parameters(self) -> tuple[list[Tensor], list[Tensor]]:
        return self.matrices, self.vectors

    def keep_last(self) -> None:
        """Leave the last layer out of the next step."""
        self.matrices[-1].grad = self.vectors[-1].grad = None

    @torch.no_grad()
    def follow(self, other: "_Heads", momentum: float) -> None:
        """Move the parameters towards those of other heads."""
        for mine, theirs in zip(self.matrices + self.vectors, other.matrices + other.vectors, strict=True):
            mine.lerp_(theirs, 1 - momentum)

    def probabilities(self, rows: Tensor) -> Tensor:
        """Probabilities (S, H, K, n) by all heads of rows (S, n, d)."""
        H, outcome = self.num_heads, rows.unsqueeze(1).mT
        for i, (weight, bias) in enumerate(zip(self.matrices[:-1], self.vectors[:-1], strict=True)):
            if i == 0:  # all heads read the same rows
                outcome = _heads.by_head(torch.baddbmm(bias, weight, rows.mT), H)
            else:
                outcome = _heads.by_head(weight, H) @ F.gelu(outcome) + _heads.by_head(bias, H)
        outcome = F.normalize(outcome, dim=2)
        directions = F.normalize(self.matrices[-1], dim=2) * self.vectors[-1]
        if outcome.shape[1] == 1:
            logits = _heads.by_head(directions @ outcome[:, 0], H)
        else:
            logits = _heads.by_head(directions, H) @ outcome
        return torch.softmax(logits / TEMPERATURE, dim=2)


@torch.no_grad()
def _labels(heads: _Heads, space: UnitRows, chosen: Tensor) -> Tensor:
    """The classes (S, N) that one head of each seed gives all rows."""
    S = len(chosen)
    seeds = torch.arange(S, device=space.device)
    widest = max(weight.shape[1] for weight in heads.matrices)
    classes = [
        heads.probabilities(rows.expand(S, -1, -1))[seeds, chosen].argmax(1)
        for _, rows in _heads.blocks(space, S * widest)
    ]
    return torch.cat(classes, dim=1)
