"""Ridge logistic regression of many labelings at once, on whitened rows."""

from collections.abc import Callable

import torch
from torch import Tensor

from hume.engine import linear
from hume.engine.whitening import Whitening

PIECE_ELEMENTS = 4_000_000  # numbers (rows, K, labelings) that are computed at once


def fit(
    pieces: list[tuple[Tensor, Tensor]],
    num_classes: int,
    whitening: Whitening,
    tolerance: float,
    max_steps: int,
) -> Tensor:
    """Ridge logistic regression of labels (n, S) on whitened rows x (n, r), both in pieces: classifiers (r, K, S).

    Where the rows are bfloat16, so are the factors of the products, and nothing else.
    """
    n, S = sum(len(x) for x, _ in pieces), pieces[0][1].shape[1]
    labels = [given for _, given in pieces]

    def gradient(point: Tensor) -> Tensor:
        total = torch.zeros_like(point)
        for (x, _), given in zip(pieces, labels, strict=True):
            total += linear.transposed_product(x, residual_of(x, given, point))
        return total.div_(n)

    def keep(going: Tensor) -> None:
        labels[:] = [given[:, going] for given in labels]

    start = whitening.transform.new_zeros(whitening.transform.shape[1], num_classes, S)
    return descend(gradient, keep, start, whitening, tolerance, max_steps)


def piece_rows(columns: int) -> int:
    """How many rows are computed at once."""
    return max(1, PIECE_ELEMENTS // columns)


def pieces_of(start: int, stop: int, size: int) -> list[slice]:
    """The rows from `start` to `stop` in pieces of at most `size`."""
    return [slice(some, min(some + size, stop)) for some in range(start, stop, size)]


def residual_of(x: Tensor, labels: Tensor, point: Tensor) -> Tensor:
    """The predicted less the given classes of rows x (n, r), (n, K, S)."""
    residual = torch.softmax(linear.logits(x, point), 1)
    given = labels.long().unsqueeze(1)
    return residual.scatter_add_(1, given, residual.new_full((1, 1, 1), -1).expand_as(given))


def descend(
    gradient: Callable[[Tensor], Tensor],
    keep: Callable[[Tensor], None],
    start: Tensor,
    whitening: Whitening,
    tolerance: float,
    max_steps: int,
) -> Tensor:
    """Minimize from `start` (r, K, S), given the gradient of all but the ridge.

    Nesterov's accelerated gradient with a step of 1; the momentum of a seed is reset where it
    points uphill. A seed ends when its gradient norm is below `tolerance` times its first,
    independently of the others; `keep` (S,) then drops its columns from the gradient.
    """
    minimum, columns = start.clone(), torch.arange(start.shape[2], device=start.device)
    point = classifier = start
    momentum = start.new_ones(start.shape[2])
    first: Tensor | None = None
    for _ in range(max_steps):
        grad = gradient(point).add_(whitening.decay * point)
        norm = torch.linalg.vector_norm(grad, dim=(0, 1))
        first = norm if first is None else first
        going = norm > tolerance * first
        if not going.all():
            minimum[..., columns[~going]] = classifier[..., ~going]
            columns, momentum, first = columns[going], momentum[going], first[going]
            if not len(columns):
                return minimum
            point, classifier, grad = point[..., going], classifier[..., going], grad[..., going]
            keep(going)
        moved = point - grad
        uphill = (grad * (moved - classifier)).sum((0, 1)) > 0
        momentum = torch.where(uphill, 1.0, momentum)
        following = (1 + (1 + 4 * momentum**2).sqrt()) / 2
        point = moved + ((momentum - 1) / following) * (moved - classifier)
        classifier, momentum = moved, following
    minimum[..., columns] = classifier
    return minimum
