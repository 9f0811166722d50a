"""Samples to look at first: labels that both spaces contradict, near-duplicates, and rows far from all others.

Nothing here needs a search: a dataset with labels that someone doubts is enough. Both spaces are seen as the refinement
sees them, whitened and side by side, as classes of one shared covariance (see `hume.engine.refinement`).
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.errors import InputError
from hume.data.dataset import Space
from hume.evaluation.approximate_neighbors import all_neighbors
from hume.evaluation.discriminant import Moments, WhitenedPair, Whitenings
from hume.evaluation.metrics import IntArray
from hume.evaluation.neighbors import UnitRows, nearest

NUM_FOLDS = 10
CONFIDENT = 10.0  # times as probable as its label another class is, for a label to be listed
MISSED = 32.0  # directions that count as much as what a space has outside of its leading ones
FAR = 0.999  # quantile of the seen rows' distances beyond which a new row is far from them
NEAR = 0.2  # of the usual distance of nearest neighbours, below which two rows are nearly the same
CANDIDATES = 8  # nearest neighbours of every row that may be its duplicates
ROUNDING = 1e-6  # of a cosine in float32
SAMPLED = 1000  # rows whose nearest neighbours say what is usual
PAIRS_AT_ONCE = 8192

# --- labels ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class SuspectLabels:
    """Samples whose label a classifier trained on other samples contradicts, the most suspect first."""

    rows: NDArray[np.int64]  # (n,)
    label: NDArray[np.int64]  # (n,) as given
    predicted: NDArray[np.int64]  # (n,)
    label_probability: NDArray[np.float64]  # (n,) held-out
    predicted_probability: NDArray[np.float64]  # (n,)
    num_judged: int  # samples with a label that others have, too


def suspect_labels(
    phi1: Space, phi2: Space, labels: IntArray, *, whitenings: Whitenings | None = None
) -> SuspectLabels:
    """Find wrong labels: a linear classifier in both spaces, trained on the other folds, contradicts them.

    Listed are samples for which another class is at least ten times as probable as their label, first where the ratio
    is largest. The classifier is the discriminant of classes with one covariance in the whitened rows of both spaces
    side by side, shrunk as in the refinement. Confident learning (Northcutt, Jiang and Chuang, JAIR 2021) also asks for
    a probability that is usual in the other class; with that, the head of the list held fewer of the planted errors.

    phi1, phi2: spaces of the same samples; labels: (N,) integers from 0, negative ones are not judged; whitenings: of
    both spaces, where they are known. Raises InputError where shapes do not fit or there are fewer than two classes.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != (len(phi1.features),):
        raise InputError(f"labels are {labels.dtype} of shape {labels.shape}: give {len(phi1.features):,} integers")
    if len(np.unique(labels[labels >= 0])) < 2:
        raise InputError("there is only one class: no label can be doubted")
    pair = WhitenedPair.of(phi1, phi2, whitenings)
    held_out = _HeldOut.of(pair, torch.from_numpy(labels.astype(np.int64)), int(labels.max()) + 1)
    found = [held_out.contradicted(*block) for block in held_out.blocks()]
    rows, label, predicted, low, high = (torch.cat(column).numpy() for column in zip(*found, strict=True))
    order = np.lexsort((rows, low - high))
    return SuspectLabels(
        rows[order],
        label[order],
        predicted[order],
        np.exp(low[order].astype(np.float64)),
        np.exp(high[order].astype(np.float64)),
        int(held_out.judged.sum()),
    )


@dataclass(frozen=True, eq=False)
class _HeldOut:
    """Classifiers of every fold, trained on the labelled rows of the others."""

    pair: WhitenedPair
    labels: Tensor  # (N,)
    num_classes: int
    fold: Tensor  # (N,)
    judged: Tensor  # (N,) whether other folds have rows of the same label
    weights: Tensor  # (D, F, K)
    bias: Tensor  # (F, K)

    @classmethod
    def of(cls, pair: WhitenedPair, labels: Tensor, num_classes: int) -> "_HeldOut":
        F = min(NUM_FOLDS, len(labels))
        fold = torch.empty(len(labels), dtype=torch.int64)
        fold[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))] = torch.arange(len(labels)) % F
        moments = [Moments.none(num_classes, pair.dim) for _ in range(F)]
        for rows, z, _ in pair.blocks(pair.dim):
            for f in range(F):
                some = (fold[rows] == f) & (labels[rows] >= 0)
                moments[f].add(z[some], labels[rows][some])
        total = sum(moments, Moments.none(num_classes, pair.dim))
        others = [total - each for each in moments]
        classifiers = [each.classifier() for each in others]
        known = torch.stack([each.counts > 0 for each in others])
        judged = (labels >= 0) & known[fold, labels.clamp(min=0)]
        weights, bias = (torch.stack(parts, -2) for parts in zip(*classifiers, strict=True))
        return cls(pair, labels, num_classes, fold, judged, weights, bias)

    def blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Numbers (n,) of judged rows and their held-out log-probabilities (n, K)."""
        for rows, z, _ in self.pair.blocks(self.num_classes):
            for f in range(len(self.bias)):
                some = (self.judged[rows] & (self.fold[rows] == f)).nonzero()[:, 0]
                yield some + rows.start, torch.log_softmax(z[some] @ self.weights[:, f] + self.bias[f], 1)

    def contradicted(self, rows: Tensor, log_p: Tensor) -> tuple[Tensor, ...]:
        """Row, label, predicted class and the log-probability of both, where these differ clearly."""
        own = self.labels[rows]
        high, predicted = log_p.max(1)
        low = log_p.gather(1, own.unsqueeze(1))[:, 0]
        some = high - low >= math.log(CONFIDENT)
        return rows[some], own[some], predicted[some], low[some], high[some]


# --- outliers ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen in both spaces, from which the distance of other rows is measured."""

    whitenings: Whitenings
    factor: Tensor  # (D, D) of the covariance within classes
    means: Tensor  # (K, D) of the classes, in its coordinates
    missed: Tensor  # (2,) mean squared length outside of the leading directions
    distances: NDArray[np.float64]  # (N,) of the seen rows

    @classmethod
    def of(cls, phi1: Space, phi2: Space, labels: IntArray, whitenings: Whitenings | None = None) -> "Seen":
        """What was seen: spaces of the same samples, in classes (N,) from 0; negative ones count for no class.

        Raises InputError where the rows of both spaces do not fit, and for a space whose rows are all the same.
        """
        pair, codes = WhitenedPair.of(phi1, phi2, whitenings), torch.from_numpy(np.asarray(labels).astype(np.int64))
        moments = Moments.none(int(codes.max()) + 1, pair.dim)
        missed = torch.zeros(2, dtype=torch.float64)
        for rows, z, left in pair.blocks(pair.dim):
            some = codes[rows] >= 0
            moments.add(z[some], codes[rows][some])
            missed += left.double().sum(0)
        factor, lives = moments.factor(), moments.counts > 0
        means = torch.linalg.solve_triangular(factor, moments.means[lives].mT, upper=False).mT
        seen = cls(pair.whitenings, factor.float(), means.float(), (missed / len(pair)).float(), np.empty(0))
        return cls(seen.whitenings, seen.factor, seen.means, seen.missed, seen._distance(pair))

    @property
    def far(self) -> float:
        """The distance beyond which a row is far from all that was seen: one seen row in a thousand is."""
        return float(np.quantile(self.distances, FAR))

    def distance(self, phi1: Space, phi2: Space) -> NDArray[np.float64]:
        """The distance (M,) of other rows to the nearest class in both spaces.

        Mahalanobis distance under the covariance that classes share (Lee et al., NeurIPS 2018), to which what a space
        has outside of its leading directions adds, in units of what it usually has. Raises InputError for spaces of
        other dimensions or a different number of rows.
        """
        return self._distance(WhitenedPair.of(phi1, phi2, self.whitenings))

    def _distance(self, pair: WhitenedPair) -> NDArray[np.float64]:
        distances = np.empty(len(pair))
        unit = torch.where(self.missed > ROUNDING, self.missed, torch.inf)
        for rows, z, left in pair.blocks(max(len(self.means), pair.dim)):
            own = torch.linalg.solve_triangular(self.factor, z.mT, upper=False).mT
            within = torch.cdist(own, self.means).amin(1).square()
            distances[rows] = (within + MISSED * (left / unit).sum(1)).sqrt().numpy()
        return distances


# --- near-duplicates -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Samples that are nearly the same as an earlier one, the most similar first; each sample is listed once."""

    rows: NDArray[np.int64]  # (n,)
    others: NDArray[np.int64]  # (n,) the earlier ones
    similarity: NDArray[np.float64]  # (n, 2) cosine in both spaces
    same_picture: NDArray[np.bool_]  # (n,) whether the stored pictures are equal, pixel by pixel


def near_duplicates(
    phi1: Space,
    phi2: Space,
    images: NDArray[np.uint8] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Duplicates:
    """Find samples that are there twice: nearest neighbours nearly identical in both spaces, or equal pictures.

    Nearly identical: in both spaces closer, by one less the cosine, than a fifth of the usual (median) distance of
    nearest neighbours there. images: (N, H, W) or (N, H, W, 3). Exact up to sizes where comparing all pairs takes a
    minute or two, then approximate. Raises InputError where the rows of both spaces do not fit, and where faiss is
    needed and missing.
    """
    first, second = UnitRows(phi1.features), UnitRows(phi2.features)
    N = first.num_samples
    if second.num_samples != N:
        raise InputError(f"phi1 has {N} rows and phi2 {second.num_samples}: give both for the same samples")
    near = all_neighbors(phi1.features, min(CANDIDATES, N - 1), on_progress=on_progress)
    pairs = np.stack([np.repeat(np.arange(N), near.shape[1]), near.ravel()])
    copies = np.zeros((2, 0), np.int64) if images is None else _copies(images)
    ordered = np.sort(np.concatenate([pairs[:, pairs[1] >= 0], copies], 1), 0)
    others, rows = np.unique(ordered, axis=1)
    same = np.isin(others * N + rows, copies[0] * N + copies[1])
    similarity = np.stack([_cosines(space, others, rows) for space in (first, second)], 1)
    usual = np.array([_usual_distance(space) for space in (first, second)])
    relative = ((1 - similarity) / usual).max(1)
    relative[same] = 0
    order = np.lexsort((others, relative, rows))
    order = order[np.unique(rows[order], return_index=True)[1]]  # of every row the most similar earlier one
    order = order[relative[order] <= NEAR]
    order = order[np.lexsort((rows[order], relative[order]))]
    return Duplicates(rows[order], others[order], similarity[order], same[order])


def _copies(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Pairs (2, n) of the first row with a picture and another one with the same."""
    first: dict[bytes, int] = {}
    pairs = []
    for row, image in enumerate(images):
        digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        earlier = first.setdefault(digest, row)
        if earlier != row:
            pairs.append((earlier, row))
    return np.array(pairs, np.int64).reshape(-1, 2).T


def _cosines(space: UnitRows, some: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
    parts = [
        (space.take(some[start : start + PAIRS_AT_ONCE]) * space.take(others[start : start + PAIRS_AT_ONCE])).sum(1)
        for start in range(0, len(some), PAIRS_AT_ONCE)
    ]
    return torch.cat([*parts, torch.zeros(0)]).double().numpy()


def _usual_distance(space: UnitRows) -> float:
    """The median distance of nearest neighbours that are not the same."""
    sample = np.unique(np.linspace(0, space.num_samples - 1, SAMPLED).astype(np.int64))
    distances = 1 - _cosines(space, sample, nearest(space, sample, 1)[:, 0])
    apart = distances[distances > ROUNDING]
    return max(ROUNDING / NEAR, float(np.median(apart))) if len(apart) else ROUNDING / NEAR
