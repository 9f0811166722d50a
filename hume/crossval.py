"""Cross-validation accuracy of many labelings at once: the paper's generalization score (Fig. 1).

A labeling that people would give is easy to learn in φ2: a linear classifier trained on
nine tenths of the rows predicts the labels of the last tenth. The score needs no ground
truth, ranks the seeds, and chooses the labeling that the vote is matched to.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume import inner
from hume.errors import InputError

BLOCK_ELEMENTS = 16_000_000


def cross_validation_scores(
    phi2: Tensor,
    labelings: Tensor,
    num_classes: int,
    *,
    num_folds: int = 10,
    ridge: float | None = None,
    tolerance: float = 0.01,
    max_steps: int = 100,
    truncation: float = inner.TRUNCATION,
    seed: int = 0,
    on_fold: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Mean accuracy (S,) of a linear classifier on held-out folds, a labeling at a time but all at once.

    On every fold minimizes, over the rows of the other folds,

        CE(softmax(X W), labels) + (λ/2)‖W‖²

    which is scikit-learn's LogisticRegression(C=1/(λ n), fit_intercept=False), and predicts
    the fold's labels. All labelings share the folds, so that one matrix product serves
    them all; accelerated gradient steps in whitened coordinates (see `inner.Whitening`)
    go on until the gradient has shrunk by `tolerance`.

    phi2: (N, d2) float32; labelings: (S, N) integers in 0..K−1, any device. ridge: λ, by
    default the search's. on_fold is called with the number of folds done.
    Raises InputError when there are fewer rows than folds.
    Source: Section 3.2 and Figure 1 of the paper; Nesterov (1983); O'Donoghue and Candès (2015).
    """
    correct = torch.zeros(len(labelings), device=phi2.device)
    folds = _held_out(phi2, labelings, num_classes, num_folds, ridge, tolerance, max_steps, truncation, seed)
    for done, parts in enumerate(folds):
        for _, part, predicted, labels in parts:
            correct[part] += (predicted == labels).sum(0)
        if on_fold is not None:
            on_fold(done + 1)
    return (correct / len(phi2)).double().cpu().numpy()


def held_out_predictions(
    phi2: Tensor,
    labeling: Tensor,
    num_classes: int,
    *,
    num_folds: int = 10,
    ridge: float | None = None,
    tolerance: float = 0.01,
    max_steps: int = 100,
    truncation: float = inner.TRUNCATION,
    seed: int = 0,
) -> NDArray[np.int64]:
    """What φ2 expects every sample's class to be, had it seen only the other folds: (N,).

    The classifier and folds of `cross_validation_scores`, whose score of the labeling is the
    share of samples where both agree. Where they differ, φ1 and φ2 disagree on the sample.

    phi2: (N, d2) float32; labeling: (N,) integers in 0..K−1. Raises InputError as the scores do.
    """
    expected = torch.empty(len(phi2), dtype=torch.int64, device=phi2.device)
    for parts in _held_out(phi2, labeling[None], num_classes, num_folds, ridge, tolerance, max_steps, truncation, seed):
        for fold, _, predicted, _ in parts:
            expected[fold] = predicted[:, 0]
    found: NDArray[np.int64] = expected.cpu().numpy()
    return found


def _held_out(
    phi2: Tensor,
    labelings: Tensor,
    num_classes: int,
    num_folds: int,
    ridge: float | None,
    tolerance: float,
    max_steps: int,
    truncation: float,
    seed: int,
) -> Iterator[Iterator[tuple[Tensor, slice, Tensor, Tensor]]]:
    """For every fold, its rows (F,) with a part of the labelings: predicted and given classes, (F, P) each."""
    N = len(phi2)
    if not 2 <= num_folds <= N:
        raise InputError(f"{num_folds} folds need at least 2 folds and as many rows, got {N} rows")
    whitening = inner.Whitening.of(phi2, ridge, truncation=truncation)
    x = phi2 @ whitening.transform
    labels = labelings.T.to(x.device, torch.int64).contiguous()  # (N, S)
    folds = torch.randperm(N, generator=torch.Generator().manual_seed(seed)).to(x.device).tensor_split(num_folds)
    batch = max(1, BLOCK_ELEMENTS // (N * num_classes))

    def parts(fold: Tensor) -> Iterator[tuple[Tensor, slice, Tensor, Tensor]]:
        train = torch.ones(N, dtype=torch.bool, device=x.device)
        train[fold] = False
        x_train, train_labels = x[train], labels[train]
        for start in range(0, labels.shape[1], batch):
            part = slice(start, start + batch)
            classifier = fit(x_train, train_labels[:, part], num_classes, whitening, tolerance, max_steps)
            yield fold, part, inner.logits(x[fold], classifier).argmax(1), labels[fold, part]

    for fold in folds:
        yield parts(fold)


def fit(
    x: Tensor, labels: Tensor, num_classes: int, whitening: inner.Whitening, tolerance: float, max_steps: int
) -> Tensor:
    """Ridge logistic regression of labels (n, S) on whitened rows x (n, r): classifiers (r, K, S).

    Nesterov's accelerated gradient with a step of 1; a seed whose momentum points uphill
    forgets it. Ends when every seed's gradient norm is below `tolerance` times its first.
    """
    n, S = labels.shape
    ones = x.new_ones(n, 1, S)
    point = classifier = x.new_zeros(x.shape[1], num_classes, S)
    momentum = x.new_ones(S)
    first: Tensor | None = None
    for _ in range(max_steps):
        residual = torch.softmax(inner.logits(x, point), 1)
        residual.scatter_add_(1, labels.unsqueeze(1), -ones)
        grad = inner.transposed_product(x, residual).div_(n).add_(whitening.decay * point)
        norm = torch.linalg.vector_norm(grad, dim=(0, 1))
        first = norm if first is None else first
        if (norm <= tolerance * first).all():
            break
        moved = point - grad
        uphill = (grad * (moved - classifier)).sum((0, 1)) > 0
        momentum = torch.where(uphill, 1.0, momentum)
        following = (1 + (1 + 4 * momentum**2).sqrt()) / 2
        point = moved + ((momentum - 1) / following) * (moved - classifier)
        classifier, momentum = moved, following
    return classifier
