"""HUME as a scikit-learn estimator over a pair of spaces."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, check_is_fitted
from torch import Tensor

from hume.common.errors import InputError
from hume.data import space_rows
from hume.data.dataset import Dataset, Space
from hume.engine.config import PresetName
from hume.engine.joint_rows import JointRows
from hume.engine.prototypes import hard_labels
from hume.engine.semi_supervised import refine_with_answers
from hume.evaluation import metrics
from hume.evaluation.ensemble import vote_counts
from hume.evaluation.metrics import match_classes
from hume.runs import discover
from hume.runs.request import Refine
from hume.runs.result import Result

UNKNOWN = -1  # class of a row whose class is not known, as in scikit-learn
POSTERIOR_ROWS = 4096  # labeled at once


class HUME(BaseEstimator):  # type: ignore[misc]
    """Label samples so that linear classifiers in two spaces generalize (Algorithm 1, Sec. 3.1, Eq. 2).

        HUME(num_classes=10).fit_predict(phi1, phi2)

    num_classes: K. num_seeds: random starts, of which the most likely fifth votes. preset: `fast` or one of the
    paper's. refine: `joint` refines every labeling in both spaces, `none` lets all searched labelings vote, as in the
    paper; by default joint for `fast`. class_sizes: `equal`, `auto` to choose without labels how even they are kept, or
    K sizes in any order and unit; by default auto for `fast` where labelings are refined. random_state: the
    first seed. device: "cpu", "cuda" or "auto".

    After `fit`: labels_ (N,); classes_ (K,), the numbers of the classes; vote_share_ (N,) the share of the votes behind
    each label; cv_scores_ (S,) of the searched labelings in phi2; likelihood_ (S,) of the refined ones, nats a row, NaN
    for a seed that is not refined (refining all would take longer than the search) and None where none is;
    prototypes_ (S, K, d1) of the search, classes named as in labels_; objective_ (S,).
    Raises InputError, a ValueError, for data that cannot be searched.
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        num_seeds: int = 20,
        preset: PresetName = "fast",
        refine: Refine | None = None,
        class_sizes: discover.Sizes | None = None,
        random_state: int = 0,
        device: str = "cpu",
    ):
        self.num_classes = num_classes
        self.num_seeds = num_seeds
        self.preset = preset
        self.refine = refine
        self.class_sizes = class_sizes
        self.random_state = random_state
        self.device = device

    def fit(self, phi1: ArrayLike, phi2: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Search on spaces phi1 (N, d1) and phi2 (N, d2), rows in the same order.

        y: (N,) the classes of the rows whose class is known, −1 for the others, as in scikit-learn's semi-supervised
        estimators. Known rows keep their class and pull it along (`hume.engine.semi_supervised`); found classes that
        y does not name have the numbers after its largest.
        """
        first, second = _features(phi1, "phi1"), _features(phi2, "phi2")
        result = discover.discover(
            _arrays(first, second),
            phi1="phi1",
            phi2="phi2",
            num_classes=self.num_classes,
            seeds=range(self.random_state, self.random_state + self.num_seeds),
            preset=self.preset,
            refine=self.refine if y is None else self.refine or "joint",
            class_sizes=self.class_sizes,
            device=self.device,
        )
        vote = result.scores.vote
        self.n_features_in_ = first.shape[1]
        self.mean_ = first.mean(0, dtype=np.float64).astype(np.float32) if result.config.centre else np.float32(0)
        self.labels_, self.vote_share_ = vote.labeling, vote.share
        self.cv_scores_ = result.scores.cv_score
        self.objective_ = result.objective
        self.likelihood_, self.model_, self.whitenings_ = None, None, None
        self.classes_ = np.arange(self.num_classes)
        if result.refinement is not None and result.refined is not None and result.final is not None:
            self.labels_ = result.final.labeling.astype(np.int64)
            self.vote_share_ = result.final.vote_share
            self.likelihood_ = np.full(len(result.seeds), np.nan)
            self.likelihood_[np.isin(result.seeds, result.refined_seeds)] = result.refined.likelihood
            self.model_, self.whitenings_ = result.final.model, result.refinement.fitted.whitenings
        labels = self.labels_
        if y is not None and np.any(np.asarray(y) != UNKNOWN):
            labels = self._with_answers(result, _known(y, len(first)))
        self.prototypes_ = np.stack(
            [
                prototypes[np.argsort(match_classes(labeling, labels, self.num_classes))]
                for prototypes, labeling in zip(result.prototypes, result.labelings, strict=True)
            ]
        )
        return self

    def _with_answers(self, result: Result, y: NDArray[np.int64]) -> NDArray[np.int64]:
        """Refine with known classes, and return the labels in the order of `classes_`, before known ones are set."""
        stage = result.refinement
        if stage is None:
            raise InputError("known classes need the classifier in both spaces: leave out refine='none'")
        rows = np.flatnonzero(y != UNKNOWN)
        named, given = np.unique(y[rows], return_inverse=True)
        K, C = self.num_classes, len(named)
        if C > K:
            raise InputError(f"y has {C} classes and num_classes is {K}: ask for at least {C}")
        table = metrics.contingency_table(self.labels_[rows], given, K, K)
        fit = refine_with_answers(
            stage.fitted, stage.every, metrics.assign_classes(table)[self.labels_], K, rows, given,
            priors=result.config.class_sizes or "equal",
        )  # fmt: skip
        after = int(named.max(initial=-1)) + 1
        self.classes_ = np.concatenate([named, np.arange(after, after + K - C)])
        self.model_ = fit.model
        self.labels_ = self.classes_[fit.labeling].astype(np.int64)
        self.labels_[rows] = y[rows]
        return fit.labeling.astype(np.int64)

    def fit_predict(self, phi1: ArrayLike, phi2: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.int64]:
        """Search, and return the class of every row, (N,)."""
        labels: NDArray[np.int64] = self.fit(phi1, phi2, y).labels_
        return labels

    def predict(self, phi1: ArrayLike, phi2: ArrayLike | None = None) -> NDArray[np.int64]:
        """Predict the classes (M,) of new rows phi1 (M, d1) and phi2 (M, d2).

        With both spaces by the refined classifier, `predict_proba`'s; with phi1 alone, or where labelings are not
        refined, by the vote of all prototypes.
        """
        check_is_fitted(self, "prototypes_")
        if phi2 is not None and self.model_ is not None:
            return np.asarray(self.classes_[self.predict_proba(phi1, phi2).argmax(1)])
        features = self._checked(phi1)
        rows = torch.from_numpy(features - self.mean_)
        unit: Tensor = rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp(min=1e-12)
        labelings = hard_labels(unit, torch.from_numpy(self.prototypes_)).numpy()
        votes: NDArray[np.int64] = self.classes_[vote_counts(labelings, self.num_classes).argmax(1)]
        return votes

    def predict_proba(self, phi1: ArrayLike, phi2: ArrayLike) -> NDArray[np.float32]:
        """The posterior (M, K) of new rows phi1 (M, d1) and phi2 (M, d2) by the classifier in both spaces.

        Its columns are in the order of `classes_`.
        Raises InputError where labelings were not refined.
        """
        check_is_fitted(self, "prototypes_")
        if self.model_ is None:
            raise InputError(
                "labelings were not refined, so that there is no classifier in both spaces: fit with refine='joint'"
            )
        spaces = _arrays(self._checked(phi1), _features(phi2, "phi2")).spaces.values()
        first, second = (space_rows.rows(space, unit=True) for space in spaces)
        if len(first) != len(second):
            raise InputError(f"phi1 has {len(first)} rows and phi2 {len(second)}: give both for the same samples")
        rows = JointRows.of(first, second, self.whitenings_)
        posterior: NDArray[np.float32] = np.concatenate(
            [self.model_.posterior(z)[:, :, 0].cpu().numpy() for _, z in rows.blocks(POSTERIOR_ROWS)]
        )
        return posterior

    def _checked(self, phi1: ArrayLike) -> NDArray[np.float32]:
        features = _features(phi1, "phi1")
        if features.shape[1] != self.n_features_in_:
            raise InputError(f"phi1 has {features.shape[1]} features and the fitted one {self.n_features_in_}")
        return features


def _arrays(phi1: NDArray[np.float32], phi2: NDArray[np.float32]) -> Dataset:
    return Dataset(name="arrays", spaces={"phi1": Space("phi1", phi1), "phi2": Space("phi2", phi2)})


def _known(y: ArrayLike, num_rows: int) -> NDArray[np.int64]:
    known = np.asarray(y)
    if known.shape != (num_rows,) or not np.issubdtype(known.dtype, np.integer) or known.min() < UNKNOWN:
        raise InputError(f"y has shape {known.shape}: give an integer for each of {num_rows} rows, −1 where unknown")
    return known.astype(np.int64)


def _features(values: ArrayLike, name: str) -> NDArray[np.float32]:
    checked: NDArray[Any] = check_array(values, dtype=np.float32, input_name=name)
    return checked
