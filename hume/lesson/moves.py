"""How the search moves: Algorithm 1 on points in a plane and on images, and each of its steps in a sentence.

recording = of_toy()
describe(recording.at(7), "point")
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from hume.common.formatting import count, number
from hume.data import dataset, space_rows
from hume.data.features import unit_length
from hume.engine import simplex
from hume.engine.config import Config, preset
from hume.engine.solvers import Implicit
from hume.lesson.recording import FIT, PHASES, PROTOTYPES, SPLIT, TASK, TEST, UPDATE, Moment, Recording, record

__all__ = [
    "FIT",
    "PHASES",
    "PROTOTYPES",
    "SPLIT",
    "TASK",
    "TEST",
    "UPDATE",
    "Moment",
    "OnSimplex",
    "Recording",
    "compare",
    "describe",
    "of_digits",
    "of_toy",
    "on_simplex",
    "record",
    "toy",
]

TOY_POINTS, TOY_SEED = 60, 35  # points a group; a start from which one class begins nearly empty
TOY = Config(
    num_classes=3,
    num_iterations=100,
    step_size=0.02,
    temperature=0.3,  # the few cosines in three dimensions are larger than those among features
    num_train=120,
    num_test=60,
    num_splits=1,
    anneal_at=(),
    encoder="retraction",
)
TOY_SOLVER = Implicit(inner_steps=10)
DIGITS_ITERATIONS, DIGITS_SEED = 60, 0


def toy() -> tuple[Tensor, Tensor]:
    """Three groups of 60 points in two views: φ1 (180, 3), directions in space, and φ2 (180, 2), a plane.

    Each view has its own noise, so that both share the groups only. Three orthogonal prototypes need three dimensions.
    """
    rng = np.random.default_rng(0)
    group = rng.permutation(np.repeat(np.arange(3), TOY_POINTS))
    directions = np.linalg.qr(rng.normal(size=(3, 3)))[0][group] + 0.28 * rng.normal(size=(group.size, 3))
    directions = unit_length(directions)
    angle = np.radians([90, 210, 330])[group]
    plane = np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.33 * rng.normal(size=(group.size, 2))
    return torch.from_numpy(directions.astype(np.float32)), torch.from_numpy(plane.astype(np.float32))


@cache
def of_toy() -> Recording:
    """The toy's search from one fixed seed."""
    return record(*toy(), TOY, TOY_SOLVER, seed=TOY_SEED)


@cache
def of_digits() -> tuple[dataset.Dataset, Recording]:
    """The embedded handwritten digits, all 1,797, and the search of one seed with the preset `fast`, ten classes."""
    digits = dataset.load_dataset("digits")
    config, solver = preset("fast", num_classes=10, num_samples=digits.num_samples)
    config = replace(config, num_iterations=DIGITS_ITERATIONS, patience=None, precision="float32")
    first, second = (digits.space(name) for name in digits.default_pair)
    phi1 = space_rows.unit_rows(first, centre=config.centre)
    assert isinstance(solver, Implicit)
    return digits, record(phi1, space_rows.as_tensor(second), config, solver, seed=DIGITS_SEED)


# --- the simplex -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class OnSimplex:
    """The same scores (n, K) as shares of the classes, by sparsemax and by softmax."""

    sparsemax: NDArray[np.float64]  # (n, K)
    softmax: NDArray[np.float64]  # (n, K)


def on_simplex(scores: ArrayLike, temperature: float) -> OnSimplex:
    """Compare sparsemax with softmax: scores (n, K) over a temperature, through both."""
    divided = torch.from_numpy(np.asarray(scores, np.float64) / temperature)
    return OnSimplex(simplex.sparsemax(divided).numpy(), torch.softmax(divided, 1).numpy())


def support(shares: ArrayLike) -> NDArray[np.int64]:
    """The number of classes with a positive share in every row (n, K): 1 is a corner of the simplex."""
    sizes: NDArray[np.int64] = (np.asarray(shares) > 0).sum(1)
    return sizes


def compare(shares: OnSimplex, noun: str) -> str:
    """A sentence on the number of rows with a single class by sparsemax, and by softmax."""
    by_sparsemax, by_softmax = support(shares.sparsemax), support(shares.softmax)
    n, K = shares.sparsemax.shape
    return (
        f"By sparsemax {int((by_sparsemax == 1).sum()):,} of {count(n, noun)} have one class alone, and the average "
        f"{noun} has a part in {by_sparsemax.mean():.1f} of {K} classes; by softmax {int((by_softmax == 1).sum()):,} "
        f"and {by_softmax.mean():.1f}."
    )


# --- sentences ---------------------------------------------------------------------------------------


def describe(moment: Moment, noun: str) -> str:
    """A phase in one or two sentences with the numbers of this iteration; noun: the name of a row."""
    return _SENTENCES[moment.phase](moment, noun)


def _prototypes(moment: Moment, noun: str) -> str:
    apart = float(np.degrees(np.arccos(np.clip(moment.cosines.max(1), -1, 1))).mean())
    begin = "drawn at random" if moment.iteration == 0 else "as the last update left them"
    return (
        f"{len(moment.prototypes)} prototypes at right angles to each other, {begin}. "
        f"The average {noun} is {apart:.0f}° from the nearest of them."
    )


def _task(moment: Moment, noun: str) -> str:
    assert moment.task is not None
    sizes = support(moment.task)
    alone, temperature = int((sizes == 1).sum()), moment.recording.temperature(moment.iteration)
    return (
        f"Sparsemax at temperature {temperature:g} turns the cosines into labels: "
        f"{alone:,} of {count(len(sizes), noun)} belong to one class alone, {len(sizes) - alone:,} are shared."
    )


def _split(moment: Moment, noun: str) -> str:
    learned, tested = _sizes(moment)
    return f"A new random split: {learned:,} {noun}s to learn from, the other {tested:,} are held out for the test."


def _fit(moment: Moment, noun: str) -> str:
    learned, _ = _sizes(moment)
    steps = moment.recording.solver.inner_steps
    begin = "from zero" if moment.iteration == 0 else "from where the last iteration left it"
    error = number(float(moment.recording.train_error[moment.iteration]))
    return (
        f"The linear classifier sees φ2 only. It takes {count(steps, 'step')} {begin} towards the labels of the "
        f"{learned:,} {noun}s, and is then wrong by {error} nats on these."
    )


def _test(moment: Moment, noun: str) -> str:
    recording, t = moment.recording, moment.iteration
    learned, tested = _sizes(moment)
    error, entropy = number(float(recording.test_error[t])), number(float(recording.entropy[t]), 3)
    most, eta = number(float(np.log(recording.config.num_classes)), 3), recording.config.entropy_weight
    return (
        f"The classifier learned {learned:,} {noun}s and is wrong by {error} nats on the other {tested:,}. "
        f"The entropy of the class sizes is {entropy} of at most {most} nats, "
        f"so the objective is {error} − {eta:g} × {entropy} = {number(float(recording.objective[t]))}."
    )


def _update(moment: Moment, noun: str) -> str:
    least, most = moment.turned.min(), moment.turned.max()
    how = f"by {least:.1f}° to {most:.1f}°" if most >= 0.1 else "by less than 0.1°"
    return (
        "One step down the gradient of the objective, which passes through the fitted classifier: "
        f"the prototypes turn {how} and stay at right angles."
    )


def _sizes(moment: Moment) -> tuple[int, int]:
    config = moment.recording.config
    return config.num_train, config.num_test


_SENTENCES = (_prototypes, _task, _split, _fit, _test, _update)
