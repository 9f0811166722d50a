"""Cross-validation accuracy of many labelings at once: the paper's generalization score (Fig. 1).

The human labeling is easy to learn in φ2: a linear classifier trained on nine tenths of the
rows predicts the labels of the last tenth. The score needs no ground truth, ranks the seeds,
and chooses the labeling that the vote is matched to.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.devices import fits
from hume.common.errors import InputError
from hume.data.rows import Rows, StreamedRows, blocks
from hume.engine import linear
from hume.engine.config import Precision, uses_bfloat16
from hume.engine.whitening import TRUNCATION, Whitening
from hume.evaluation.ridge_fit import descend, fit, piece_rows, pieces_of, residual_of

BLOCK_ELEMENTS = 16_000_000  # numbers (rows, K, labelings) of the labelings that are fitted side by side
BLOCK_ROWS = 50_000  # rows at once, which leave memory for several labelings


def cross_validation_scores(
    phi2: Rows,
    labelings: Tensor,
    num_classes: int,
    *,
    num_folds: int = 10,
    ridge: float | None = None,
    tolerance: float = 0.01,
    max_steps: int = 100,
    truncation: float = TRUNCATION,
    precision: Precision = "auto",
    seed: int = 0,
    on_fold: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Cross-validation accuracy (S,) of a linear classifier for each of S labelings, all computed at once.

    For every fold minimizes, over the rows of the other folds,

        CE(softmax(X W), labels) + (λ/2)‖W‖²

    which is scikit-learn's LogisticRegression(C=1/(λ n), fit_intercept=False), and predicts
    the fold's labels. All labelings share the folds, so that one matrix product serves
    them all; accelerated gradient steps in whitened coordinates (see `engine.whitening`)
    continue until the gradient has shrunk by `tolerance`.

    phi2: (N, d2) float32, in memory or on disk; labelings: (S, N) integers in 0..K−1, any
    device. Rows on disk are whitened once and held if they fit into memory then, else read
    again at every step, for all folds at once. ridge: λ, by default the search's. on_fold is
    called with the number of folds done. precision: of the factors in the fits' products;
    predictions are float32 in any case (bfloat16 moves a score less than `tolerance` does).
    Raises InputError when there are fewer rows than folds.
    Source: Section 3.2 and Figure 1 of the paper; Nesterov (1983); O'Donoghue and Candès (2015).
    """
    correct, done = torch.zeros(len(labelings), device=phi2.device), 0
    for held_out in _held_out(
        phi2, labelings, num_classes, num_folds, ridge, tolerance, max_steps, truncation, precision, seed
    ):
        correct[held_out.batch] += (held_out.predicted == held_out.labels).sum(0)
        for number in range(done, held_out.folds_done):
            if on_fold is not None:
                on_fold(number + 1)
        done = held_out.folds_done
    return (correct / len(phi2)).double().cpu().numpy()


def held_out_predictions(
    phi2: Rows,
    labeling: Tensor,
    num_classes: int,
    *,
    num_folds: int = 10,
    ridge: float | None = None,
    tolerance: float = 0.01,
    max_steps: int = 100,
    truncation: float = TRUNCATION,
    precision: Precision = "auto",
    seed: int = 0,
) -> NDArray[np.int64]:
    """Held-out predictions (N,): the class of every sample by the classifier in φ2 trained on the other folds.

    The classifier and folds are those of `cross_validation_scores`, whose score of the labeling
    is the share of samples where both agree. Where they differ, φ1 and φ2 disagree on the sample.

    phi2: (N, d2) float32; labeling: (N,) integers in 0..K−1. Raises InputError as the scores do.
    """
    predictions = torch.empty(len(phi2), dtype=torch.int64, device=phi2.device)
    for held_out in _held_out(
        phi2, labeling[None], num_classes, num_folds, ridge, tolerance, max_steps, truncation, precision, seed
    ):
        predictions[held_out.rows] = held_out.predicted[:, 0]
    classes: NDArray[np.int64] = predictions.cpu().numpy()
    return classes


class _HeldOut(NamedTuple):
    """Predictions of n held-out rows for P of the labelings."""

    rows: Tensor | slice  # n of them
    batch: slice  # P of the labelings
    predicted: Tensor  # (n, P)
    labels: Tensor  # (n, P)
    folds_done: int


@dataclass(frozen=True, kw_only=True)
class _Fits:
    """The labelings, the folds, and how they are fitted."""

    labelings: Tensor  # (S, N)
    num_classes: int
    order: Tensor  # (N,) the rows, fold after fold
    folds: list[tuple[int, int]]  # where each begins and ends in `order`
    whitening: Whitening
    tolerance: float
    max_steps: int
    coarse: bool  # whether rows enter the products of a fit as bfloat16

    @property
    def batches(self) -> list[slice]:
        """The labelings that are fitted side by side."""
        S, N = self.labelings.shape
        size = batch_size(S, N, self.num_classes)
        return [slice(start, start + size) for start in range(0, S, size)]


def batch_size(S: int, N: int, num_classes: int) -> int:
    """How many of S labelings of N rows are fitted side by side."""
    return max(1, min(S, BLOCK_ELEMENTS // (min(N, BLOCK_ROWS) * num_classes)))


def _held_out(
    phi2: Rows,
    labelings: Tensor,
    num_classes: int,
    num_folds: int,
    ridge: float | None,
    tolerance: float,
    max_steps: int,
    truncation: float,
    precision: Precision,
    seed: int,
) -> Iterator[_HeldOut]:
    """For every fold and batch of labelings, the classes of its rows predicted from the other rows."""
    N = len(phi2)
    if not 2 <= num_folds <= N:
        raise InputError(f"num_folds is {num_folds}: choose 2 to {N}, the number of rows")
    whitening = Whitening.of(phi2, ridge, truncation=truncation)
    ends = [N // num_folds * i + min(i, N % num_folds) for i in range(num_folds + 1)]  # as `tensor_split` cuts
    wanted = _Fits(
        labelings=labelings,
        num_classes=num_classes,
        order=torch.randperm(N, generator=torch.Generator().manual_seed(seed)),
        folds=list(pairwise(ends)),
        whitening=whitening,
        tolerance=tolerance,
        max_steps=max_steps,
        coarse=uses_bfloat16(precision, phi2.device),
    )
    if isinstance(phi2, Tensor) or fits(4 * N * whitening.transform.shape[1], phi2.device):
        yield from _fold_by_fold(_in_fold_order(phi2, wanted), wanted)
    else:
        yield from _all_folds_at_once(phi2 @ whitening.transform, wanted)


# --- whitened rows in memory -----------------------------------------------------------------


def _in_fold_order(phi2: Rows, wanted: _Fits) -> Tensor:
    """The whitened rows (N, r), fold after fold: the rows outside of a fold are then those before and after it."""
    transform = wanted.whitening.transform
    position = torch.empty_like(wanted.order)
    position[wanted.order] = torch.arange(len(phi2))
    x = transform.new_empty(len(phi2), transform.shape[1])
    start = 0
    for block in blocks(phi2):
        for rows in torch.split(block, BLOCK_ROWS):
            x[position[start : start + len(rows)].to(x.device)] = rows @ transform
            start += len(rows)
    return x


def _fold_by_fold(x: Tensor, wanted: _Fits) -> Iterator[_HeldOut]:
    N, batches = len(x), wanted.batches
    factors = x.bfloat16() if wanted.coarse else x
    for number, (start, stop) in enumerate(wanted.folds):
        for batch in batches:
            labels = wanted.labelings[batch][:, wanted.order].T.contiguous().to(x.device)  # (N, P)
            size = piece_rows(labels.shape[1] * wanted.num_classes)
            train = [(factors[some], labels[some]) for some in (*pieces_of(0, start, size), *pieces_of(stop, N, size))]
            classifier = fit(train, wanted.num_classes, wanted.whitening, wanted.tolerance, wanted.max_steps)
            predicted = [linear.logits(x[some], classifier).argmax(1) for some in pieces_of(start, stop, size)]
            yield _HeldOut(
                rows=wanted.order[start:stop].to(x.device),
                batch=batch,
                predicted=torch.cat(predicted),
                labels=labels[start:stop],
                folds_done=number + (batch is batches[-1]),
            )


# --- whitened rows read again at every step --------------------------------------------------


def _all_folds_at_once(x: StreamedRows, wanted: _Fits) -> Iterator[_HeldOut]:
    """A pass over the disk serves the classifiers of all F folds: they are columns (F, P) of one product."""
    N, F, batches = len(x), len(wanted.folds), wanted.batches
    fold = torch.empty(N, dtype=torch.int64)
    for number, (start, stop) in enumerate(wanted.folds):
        fold[wanted.order[start:stop]] = number
    fold = fold.to(x.device)
    for i, batch in enumerate(batches):
        labels = wanted.labelings[batch].T.contiguous().to(x.device)  # (N, P)
        classifiers = _fit_all_folds(x, labels, fold, wanted)
        for rows, some in _read_pieces(x, piece_rows(F * labels.shape[1] * wanted.num_classes)):
            predicted = linear.logits(some, classifiers).argmax(1).view(len(some), F, -1)
            yield _HeldOut(
                rows=rows,
                batch=batch,
                predicted=predicted[torch.arange(len(some), device=x.device), fold[rows]],
                labels=labels[rows],
                folds_done=F * (i * N + rows.stop) // (len(batches) * N),
            )


def _fit_all_folds(x: StreamedRows, labels: Tensor, fold: Tensor, wanted: _Fits) -> Tensor:
    """`fit` outside of every fold, (r, K, F·P); fold (N,) is where each row is held out."""
    F, P = len(wanted.folds), labels.shape[1]
    columns = torch.arange(F * P, device=x.device)  # fold after fold, as long as they are fitted
    trained = len(x) - torch.bincount(fold, minlength=F)  # (F,)

    def gradient(point: Tensor) -> Tensor:
        total = torch.zeros_like(point)
        for rows, some in _read_pieces(x, piece_rows(len(columns) * wanted.num_classes)):
            factors = some.bfloat16() if wanted.coarse else some
            residual = residual_of(factors, labels[rows][:, columns % P], point)
            held_out = fold[rows, None] == columns // P
            total += linear.transposed_product(factors, residual.masked_fill_(held_out.unsqueeze(1), 0))
        return total.div_(trained[columns // P])

    def keep(going: Tensor) -> None:
        nonlocal columns
        columns = columns[going]

    start = wanted.whitening.transform.new_zeros(x.shape[1], wanted.num_classes, F * P)
    return descend(gradient, keep, start, wanted.whitening, wanted.tolerance, wanted.max_steps)


def _read_pieces(x: StreamedRows, size: int) -> Iterator[tuple[slice, Tensor]]:
    """A pass over the disk in pieces of at most `size` rows, each with its slice."""
    start = 0
    for block in x.blocks():
        for some in torch.split(block, size):
            yield slice(start, start + len(some)), some
            start += len(some)
