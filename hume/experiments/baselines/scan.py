"""The SCAN clustering head: samples and their nearest neighbours get the same class, and all classes are used."""

from collections.abc import Sequence
from itertools import islice
from time import perf_counter

import torch
from torch import Tensor

from hume.common.errors import InputError
from hume.common.progress import Progress
from hume.evaluation.neighbors import UnitRows
from hume.experiments.baselines import _heads
from hume.experiments.baselines._heads import ChosenHeads, Features

__all__ = ["scan", "scan_loss"]

TINY = 1e-12  # keeps the loss of two surely different samples finite


def scan(
    phi1: Features,
    num_classes: int,
    *,
    seeds: Sequence[int] = range(10),
    num_heads: int = 10,
    num_neighbors: int = 50,
    entropy_weight: float = 5.0,
    num_iterations: int = 2000,
    batch_size: int = 512,
    step_size: float = 2.0,
    momentum: float = 0.9,
    device: torch.device | str = "cpu",
    on_progress: Progress | None = None,
) -> ChosenHeads:
    """Train linear heads p = softmax(W φ1 + b) that give samples the class of their neighbours, classes used evenly:

        min over W, b of −mean over x and z ∈ N(x) of log⟨p(x), p(z)⟩ − λ H(mean over x of p(x))

    by stochastic gradient steps with momentum; in every epoch each sample comes once, with one of its neighbours drawn
    at random. Every seed trains several heads and keeps the one whose loss over all samples and neighbours is lowest.

    phi1: (N, d); rows are brought to unit L2 norm (a zero row stays zero). The losses are in nats. Deterministic for a
    seed on one device; seeds are independent. Raises InputError for other shapes, values that are not finite, fewer
    rows than classes, or settings that cannot be used.

    Source: Van Gansbeke, Vandenhende, Georgoulis, Proesmans and Van Gool, "SCAN: Learning to Classify Images without
    Labels" (ECCV 2020), with what the authors set where they, too, train the head only (their subsets of ImageNet), but
    for the step size: theirs is 5, for features of other lengths and 50 classes or more. With 5, all heads of a seed
    can lose one of few classes, which their loss shows; 2 comes to the same loss as 5 and lost none.
    Left out: augmented images, which need the network; training the network along with the head, as they do for small
    images; and the stage after it, self-labeling, which fine-tunes the network. The head is chosen once, at the end, by
    the loss that is trained; theirs after every epoch, by an entropy of weight 1 and the 5 nearest of held-out images.
    Their neighbours count the sample itself. Rows keep their length there; here features of any scale are taken.
    """
    start = perf_counter()
    space = _heads.open_space(phi1, num_classes, device)
    counts = {"num_heads": num_heads, "num_neighbors": num_neighbors, "num_iterations": num_iterations}
    _heads.check_settings(counts | {"batch_size": batch_size}, {"step_size": step_size})
    if not entropy_weight >= 0:
        raise InputError(f"entropy_weight is {entropy_weight}: it must not be negative.")
    if not 0 <= momentum < 1:
        raise InputError(f"momentum is {momentum}: give a share from 0 to below 1.")
    drawing = _heads.generators(seeds)
    neighbors, rows = _heads.neighbors_of(space, num_neighbors), _heads.all_rows(space)

    weight, bias = _heads.random_linear(drawing, num_heads, space.dim, num_classes, space.device)
    optimizer = torch.optim.SGD([weight, bias], lr=step_size, momentum=momentum)
    batches = _heads.endless_batches(drawing, space.num_samples, batch_size)
    for done, batch in enumerate(islice(batches, num_iterations), 1):
        near = rows[_heads.draw_neighbors(drawing, batch, neighbors)]
        both = torch.cat([rows[batch.to(space.device)], near], dim=1)
        anchors, others = _probabilities(both, weight, bias, num_heads).chunk(2, dim=3)
        optimizer.zero_grad()
        torch.autograd.backward(scan_loss(anchors, others, entropy_weight).sum())
        optimizer.step()
        if on_progress is not None:
            on_progress(done / num_iterations)

    with torch.no_grad():
        probabilities = _all_probabilities(space, weight, bias, num_heads)
        heads, loss = _heads.best_heads(_whole_loss(probabilities, neighbors, entropy_weight))
        labels = probabilities.argmax(2)[torch.arange(len(seeds), device=space.device), heads]
    return ChosenHeads(
        labelings=labels.cpu().numpy(), loss=loss, heads=heads.cpu().numpy(), seconds=perf_counter() - start
    )


def scan_loss(anchors: Tensor, neighbors: Tensor, entropy_weight: float = 5.0) -> Tensor:
    """SCAN's loss of each head: −mean log⟨p(x), p(z)⟩ − λ H(mean p(x)), in nats.

    anchors, neighbors: (..., K, n) probabilities of samples and of a neighbour of each. Returns (...).
    """
    alike = (anchors * neighbors).sum(-2).clamp(min=TINY).log().mean(-1)
    return -alike - entropy_weight * _entropy(anchors.mean(-1))


def _entropy(shares: Tensor) -> Tensor:
    """H of shares (..., K)."""
    return -(shares * shares.clamp(min=TINY).log()).sum(-1)


def _probabilities(rows: Tensor, weight: Tensor, bias: Tensor, num_heads: int) -> Tensor:
    """p (S, H, K, n) of rows (S, n, d)."""
    logits = torch.baddbmm(bias, weight, rows.mT)
    return torch.softmax(_heads.by_head(logits, num_heads), dim=2)


def _all_probabilities(space: UnitRows, weight: Tensor, bias: Tensor, num_heads: int) -> Tensor:
    """p (S, H, K, N) of all rows."""
    S = len(weight)
    blocks = [
        _probabilities(rows.expand(S, -1, -1), weight, bias, num_heads)
        for _, rows in _heads.blocks(space, weight.shape[0] * weight.shape[1])
    ]
    return torch.cat(blocks, dim=3)


def _whole_loss(p: Tensor, neighbors: Tensor, entropy_weight: float) -> Tensor:
    """The loss (S, H) of probabilities (S, H, K, N) over every sample and all its neighbours (N, k)."""
    consistency = torch.stack([scan_loss(p, p[..., near], 0.0) for near in neighbors.T]).mean(0)
    return consistency - entropy_weight * _entropy(p.mean(-1))
