"""The supervised linear probe: a linear classifier trained on the true labels (Table 1)."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from hume.common.errors import InputError
from hume.data.features import Matrix, unit_length
from hume.evaluation.metrics import IntArray
from hume.experiments.baselines.features import finite_rows

__all__ = ["RIDGES", "ProbeResult", "cross_validated_probe", "linear_probe"]


RIDGES = (1e-1, 1e-2, 1e-3, 1e-4)
HELD_OUT = 5  # one row of so many is held out to choose the ridge
MAX_STEPS = 200
TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """Predictions of a probe for held-out rows."""

    predictions: NDArray[np.int64]  # (n,) classes
    accuracy: float | None  # 0 to 1; None without the rows' labels
    ridge: float | None  # λ; None where every fold has its own
    seconds: float


def linear_probe(
    train: Matrix,
    train_labels: IntArray,
    test: Matrix,
    test_labels: IntArray | None = None,
    *,
    ridges: Sequence[float] = RIDGES,
    seed: int = 0,
) -> ProbeResult:
    """Multinomial logistic regression of the true labels y of train rows, which predicts those of test rows:

        min over W, b of the mean over train rows of CE(softmax(W z + b), y) + (λ/2)‖W‖²,

    z being the rows with unit L2 norm, every column then standardized over the train rows. Of several ridges λ the one
    is chosen that predicts a held-out random fifth of the train rows best, of equals the largest; the classifier is
    then fitted to all train rows.

    train: (n, d) and labels (n,) integers of at least two classes; test: (m, d), with labels (m,) for the accuracy
    only. Raises InputError for other shapes, values that are not finite, or ridges that are not positive.

    Source: Sec. 3.1 and Table 1 of the paper, which does not give a ridge; scikit-learn's LogisticRegression (L-BFGS,
    at most 200 steps).
    """
    start = perf_counter()
    train, test = finite_rows(train, "train"), finite_rows(test, "test")
    truth = _checked_labels(train_labels, "train_labels", len(train))
    if train.shape[1] != test.shape[1]:
        raise InputError(f"train has {train.shape[1]} dimensions and test {test.shape[1]}: give rows of one space.")
    known = None if test_labels is None else _checked_labels(test_labels, "test_labels", len(test))
    _check_ridges(ridges)
    ridge, predictions = _learn(_unit(train), truth, _unit(test), ridges, seed)
    accuracy = None if known is None else float((predictions == known).mean())
    return ProbeResult(predictions=predictions, accuracy=accuracy, ridge=ridge, seconds=perf_counter() - start)


def cross_validated_probe(
    features: Matrix,
    labels: IntArray,
    *,
    num_folds: int = 5,
    ridges: Sequence[float] = RIDGES,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> ProbeResult:
    """`linear_probe` where there is no split: every row is predicted by a probe trained on the other folds.

    features: (N, d), labels: (N,). Folds are random and of one size, up to one row; each chooses its ridge on its own
    train rows. Raises InputError as `linear_probe` does, and when there are fewer than 2 folds or rows than folds.
    """
    start = perf_counter()
    features = finite_rows(features, "features")
    truth = _checked_labels(labels, "labels", len(features))
    _check_ridges(ridges)
    if not 2 <= num_folds <= len(features):
        raise InputError(f"num_folds is {num_folds}: choose 2 to {len(features)}, the number of samples.")
    features, predictions = _unit(features), np.empty(len(features), dtype=np.int64)
    folds = KFold(num_folds, shuffle=True, random_state=seed).split(features)
    for done, (train, test) in enumerate(folds, 1):
        predictions[test] = _learn(features[train], truth[train], features[test], ridges, seed)[1]
        if on_progress is not None:
            on_progress(done / num_folds)
    return ProbeResult(
        predictions=predictions,
        accuracy=float((predictions == truth).mean()),
        ridge=None,
        seconds=perf_counter() - start,
    )


def _learn(
    train: Matrix, labels: NDArray[np.int64], test: Matrix, ridges: Sequence[float], seed: int
) -> tuple[float, NDArray[np.int64]]:
    """The chosen ridge and the predictions (m,) for test rows; all rows have unit norm."""
    if (labels == labels[0]).all():  # a single class
        return max(ridges), np.full(len(test), labels[0])
    scaler = StandardScaler().fit(train)
    train, test = scaler.transform(train), scaler.transform(test)
    descending = sorted(set(ridges), reverse=True)
    ridge = descending[0]
    if len(descending) > 1 and len(train) > HELD_OUT:
        order = np.random.default_rng(seed).permutation(len(train))
        held_out, rest = np.split(order, [len(train) // HELD_OUT])
        accuracy = _path(train[rest], labels[rest], train[held_out], labels[held_out], descending)
        ridge = descending[int(np.argmax(accuracy))]
    model = _fit(train, labels, ridge)
    predictions: NDArray[np.int64] = model.predict(test).astype(np.int64)
    return ridge, predictions


def _path(
    train: Matrix, labels: NDArray[np.int64], test: Matrix, truth: NDArray[np.int64], descending: list[float]
) -> list[float]:
    """The accuracy on test rows for every ridge, each fit warm-started from the last one."""
    if (labels == labels[0]).all():
        return [0.0] * len(descending)
    model, accuracy = None, []
    for ridge in descending:
        model = _fit(train, labels, ridge, model)
        accuracy.append(float((model.predict(test) == truth).mean()))
    return accuracy


def _fit(train: Matrix, labels: NDArray[np.int64], ridge: float, model: Any = None) -> Any:
    if model is None:
        model = LogisticRegression(max_iter=MAX_STEPS, tol=TOLERANCE, warm_start=True)
    model.set_params(C=1 / (ridge * len(train)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 200 steps are intended
        return model.fit(train, labels)


def _unit(features: Matrix) -> Matrix:
    return unit_length(features).astype(np.float32, copy=False)


def _checked_labels(labels: IntArray, name: str, num_samples: int) -> NDArray[np.int64]:
    labels = np.asarray(labels)
    if labels.shape != (num_samples,) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{name} holds {labels.dtype} of shape {labels.shape}: give one integer for each of the {num_samples} rows."
        )
    return labels.astype(np.int64)


def _check_ridges(ridges: Sequence[float]) -> None:
    if len(ridges) == 0 or not all(ridge > 0 for ridge in ridges):
        raise InputError(f"ridges is {tuple(ridges)}: give at least one positive number.")
