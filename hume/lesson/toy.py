"""Any labeling can be fitted, few generalize: points with two views, small enough to be fitted interactively.

    toy = make_toy()
    first, second = fit(toy, toy.brightness)
    first.test_error, second.test_error      # 0.01 and 0.51: it generalizes in one view only

A point is a drawing: round or square, dark or bright. In both views a plane separates the shapes, brightness is in
the first view only. As in the features of a network there are many more coordinates of small noise, more than
training points, and a coordinate that all points share.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.errors import InputError
from hume.common.formatting import percent
from hume.common.once import once
from hume.engine import linear
from hume.engine.whitening import Whitening
from hume.evaluation import ridge_fit
from hume.evaluation.metrics import IntArray

Labeling: TypeAlias = NDArray[np.int64]

NUM_CLASSES = 2
NUM_VIEWS = 2
SPREAD = 0.35  # standard deviation within a group; the means of two groups are 2 apart
NOISE = 0.15  # standard deviation of every coordinate that the plane does not show
COMMON = 2.0  # the coordinate that all points share: it acts as the bias of a classifier, and lets a search collapse
TRAIN_SHARE = 0.6
TILT = np.deg2rad(60)  # the direction of the shapes in the second view, against that in the first

RIDGE = 3e-4  # so weak that every labeling that can be fitted is
TOLERANCE, MAX_STEPS = 0.001, 1000

GENERALIZES = 0.25  # a labeling does where its error on held-out points is below this share of that of guessing
GUESSES = 0.8  # above this share the classifier is little better than guessing


@dataclass(frozen=True, eq=False)
class View:
    """One representation of all points, with what many fits on its train rows share."""

    features: Tensor  # (N, d) float32; the first two columns are the plane, the last is common to all points
    train: NDArray[np.bool_]  # (N,)

    @property
    def plane(self) -> NDArray[np.float32]:
        """The two coordinates (N, 2) that a picture can show."""
        plane: NDArray[np.float32] = self.features[:, :2].numpy()
        return plane

    @once
    def whitening(self) -> Whitening:
        """Coordinates for the fit, from the train rows alone."""
        return Whitening.of(self.features[torch.from_numpy(self.train)], RIDGE, truncation=0)

    @once
    def rows(self) -> Tensor:
        """All points in these coordinates, (N, r)."""
        return self.features @ self.whitening.transform

    def classifiers(self, labelings: Tensor) -> Tensor:
        """Fit labelings (S, N) on the train rows: (r, K, S), in the coordinates of `rows`."""
        train = torch.from_numpy(self.train)
        pieces = [(self.rows[train], labelings[:, train].T.contiguous())]
        return ridge_fit.fit(pieces, NUM_CLASSES, self.whitening, TOLERANCE, MAX_STEPS)


@dataclass(frozen=True, eq=False)
class Toy:
    """Drawings seen by two networks."""

    shape: Labeling  # (N,) 0 round, 1 square: the human labeling
    brightness: Labeling  # (N,) 0 dark, 1 bright
    train: NDArray[np.bool_]  # (N,) training points; the others are held out
    views: tuple[View, View]

    @property
    def num_points(self) -> int:
        return len(self.shape)

    @property
    def num_hidden(self) -> int:
        """Coordinates of noise in each view, which the plane does not show."""
        return int(self.views[0].features.shape[1]) - 3


def make_toy(num_points: int = 240, num_hidden: int = 150, seed: int = 1) -> Toy:
    """Draw the points; deterministic.

    With at least as many hidden coordinates as training points, every labeling of these can be fitted.
    """
    rng = np.random.default_rng(seed)
    shape, brightness = (rng.permutation(np.arange(num_points) % 2) for _ in range(2))
    train = rng.permutation(num_points) < round(TRAIN_SHARE * num_points)
    across, around = 2.0 * shape - 1, SPREAD * rng.normal(size=(num_points, 3))
    first = np.column_stack([across, 2.0 * brightness - 1]) + around[:, :2]
    second = np.column_stack([across + around[:, 2], rng.normal(size=num_points)])
    turn = np.array([[np.cos(TILT), np.sin(TILT)], [-np.sin(TILT), np.cos(TILT)]])

    def view(plane: NDArray[np.float64]) -> View:
        hidden = NOISE * rng.normal(size=(num_points, num_hidden))
        columns = np.column_stack([plane, hidden, np.full(num_points, COMMON)])
        return View(torch.from_numpy(columns.astype(np.float32)), train)

    return Toy(shape, brightness, train, (view(first), view(second @ turn)))


# --- labelings -------------------------------------------------------------------------------


def random_labeling(toy: Toy, seed: int = 0) -> Labeling:
    """A random class for every point, both equally likely."""
    return np.random.default_rng((1, seed)).integers(0, NUM_CLASSES, toy.num_points)


def one_class(toy: Toy) -> Labeling:
    """The same class for every point."""
    return np.zeros(toy.num_points, np.int64)


def cut(toy: Toy, view: int, degrees: float, offset: float) -> Labeling:
    """Class 1 for the points (x, y) of a view's plane with x cos a + y sin a > offset, class 0 for the others."""
    angle = np.deg2rad(degrees)
    direction = np.array([np.cos(angle), np.sin(angle)])
    beyond: Labeling = (toy.views[view].plane @ direction > offset).astype(np.int64)
    return beyond


LABELINGS: Mapping[str, Callable[[Toy], Labeling]] = MappingProxyType(
    {
        "human": lambda toy: toy.shape,
        "brightness": lambda toy: toy.brightness,
        "random": random_labeling,
        "one class": one_class,
    }
)


# --- fits ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Fit:
    """Errors of a linear classifier that was fitted to a labeling of the train rows of a view."""

    train_error: float  # share of the train rows that are misclassified
    test_error: float  # share of the held-out rows
    test_loss: float  # cross-entropy on the held-out rows, nats: one term of Eq. 2
    guess_error: float  # error on the held-out rows of always predicting their most frequent class
    wrong: NDArray[np.bool_]  # (N,)
    boundary: tuple[float, float, float]  # (a, b, c): a x + b y + c > 0 is class 1, with no noise in hidden coordinates


def fit(toy: Toy, labeling: IntArray) -> tuple[Fit, Fit]:
    """Fit a labeling (N,) on the train rows of each view and test it on the held-out rows (Eqs. 2 and 5).

    Multinomial logistic regression with a ridge of `RIDGE`. Raises InputError for other classes than 0 and 1.
    """
    labels = np.asarray(labeling)
    if labels.shape != (toy.num_points,) or not np.isin(labels, range(NUM_CLASSES)).all():
        raise InputError(f"a labeling of the toy is a class 0 or 1 for each of its {toy.num_points} points")
    first, second = (_fit(view, labels.astype(np.int64)) for view in toy.views)
    return first, second


def _fit(view: View, labeling: Labeling) -> Fit:
    given, test = torch.from_numpy(labeling), torch.from_numpy(~view.train)
    classifier = view.classifiers(given[None])
    wrong = (linear.logits(view.rows, classifier).argmax(1)[:, 0] != given).numpy()
    task = torch.nn.functional.one_hot(given, NUM_CLASSES).float().unsqueeze(2)
    loss, _, _ = linear.cross_entropy(view.rows[test], classifier, task[test])
    weights = (view.whitening.transform @ classifier[..., 0]).double()  # (d, K)
    x, y, *_, common = (weights[:, 1] - weights[:, 0]).tolist()
    commonest = np.bincount(labeling[~view.train]).max()
    return Fit(
        train_error=float(wrong[view.train].mean()),
        test_error=float(wrong[~view.train].mean()),
        test_loss=float(loss),
        guess_error=float(1 - commonest / (~view.train).sum()),
        wrong=wrong,
        boundary=(x, y, common * COMMON),
    )


def random_errors(toy: Toy, num_labelings: int = 500) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Errors of many random labelings on train rows and on held-out rows: two (views, S)."""
    labelings = torch.from_numpy(np.stack([random_labeling(toy, seed) for seed in range(num_labelings)]))
    train, test = [], []
    for view in toy.views:
        predicted = linear.logits(view.rows, view.classifiers(labelings)).argmax(1)  # (N, S)
        wrong = (predicted != labelings.T).numpy()
        train.append(wrong[view.train].mean(0))
        test.append(wrong[~view.train].mean(0))
    return np.stack(train), np.stack(test)


# --- conclusion ------------------------------------------------------------------------------


def conclusion(labeling: IntArray, fits: tuple[Fit, Fit]) -> str:
    """The conclusion from the errors, in one sentence."""
    if len(np.unique(labeling)) == 1:
        return "Never wrong in either view, and useless: with everything in one class nothing is distinguished."
    if min(view.guess_error for view in fits) == 0:
        return "All new points are in one class: the other class cannot be tested."
    learned = max(view.train_error for view in fits)
    start = "Perfect on the points it was fitted to"
    if learned > 0:
        start = f"Wrong on up to {percent(learned, 0)} of the points it was fitted to"
    first, second = (percent(view.test_error, 0) for view in fits)
    both = first if first == second else f"{first} and {second}"
    held = [view.test_error < GENERALIZES * view.guess_error for view in fits]
    guessed = [view.test_error > GUESSES * view.guess_error for view in fits]
    if all(held):
        if not any(view.test_error for view in fits):
            return f"{start}, and on all new points: it generalizes in both views."
        return f"{start}, and wrong on only {both} of the new points: it generalizes in both views."
    if all(guessed):
        return (
            f"{start}, and wrong on {both} of the new points, no better than guessing: it is memorized and "
            "generalizes in neither view."
        )
    if any(held):
        good = held.index(True)
        only = f"only in view {good + 1}" if guessed[1 - good] else f"better in view {good + 1} than in view {2 - good}"
        wrong = (first, second)[1 - good]
        return f"{start}, but wrong on {wrong} of the new points in view {2 - good}: it generalizes {only}."
    return f"{start}, but wrong on {both} of the new points: it generalizes in part at best."
