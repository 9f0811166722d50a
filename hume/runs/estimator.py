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
from hume.evaluation.ensemble import vote_counts
from hume.evaluation.metrics import match_classes
from hume.runs import discover
from hume.runs.refinement import Refine

POSTERIOR_ROWS = 4096  # labeled at once


class HUME(BaseEstimator):  # type: ignore[misc]
    """Label samples so that linear classifiers in two spaces generalize (Algorithm 1, Sec. 3.1, Eq. 2).

        HUME(num_classes=10).fit_predict(phi1, phi2)

    num_classes: K. num_seeds: random starts, of which the most likely fifth votes. preset: `fast` or one of the
    paper's. refine: `joint` refines every labeling in both spaces, `none` lets all searched labelings vote, as in the
    paper; by default joint for `fast`. class_sizes: `equal`, `auto` to choose without labels how even they are kept, or
    K sizes in any order and unit; by default auto for `fast` where labelings are refined. random_state: the
    first seed. device: "cpu", "cuda" or "auto".

    After `fit`: labels_ (N,); vote_share_ (N,) the share of the votes behind each label; cv_scores_ (S,) of the
    searched labelings in phi2; likelihood_ (S,) of the refined ones, nats a row, NaN for a seed that is not refined
    (refining all would take longer than the search) and None where none is;
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

    def fit(self, phi1: ArrayLike, phi2: ArrayLike) -> Self:
        """Search on spaces phi1 (N, d1) and phi2 (N, d2), rows in the same order."""
        first, second = _features(phi1, "phi1"), _features(phi2, "phi2")
        result = discover.discover(
            _arrays(first, second),
            phi1="phi1",
            phi2="phi2",
            num_classes=self.num_classes,
            seeds=range(self.random_state, self.random_state + self.num_seeds),
            preset=self.preset,
            refine=self.refine,
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
        if result.refinement is not None and result.refined is not None and result.final is not None:
            self.labels_ = result.final.labeling.astype(np.int64)
            self.vote_share_ = result.final.vote_share
            self.likelihood_ = np.full(len(result.seeds), np.nan)
            self.likelihood_[np.isin(result.seeds, result.refined_seeds)] = result.refined.likelihood
            self.model_, self.whitenings_ = result.final.model, result.refinement.fitted.whitenings
        self.prototypes_ = np.stack(
            [
                prototypes[np.argsort(match_classes(labeling, self.labels_, self.num_classes))]
                for prototypes, labeling in zip(result.prototypes, result.labelings, strict=True)
            ]
        )
        return self

    def fit_predict(self, phi1: ArrayLike, phi2: ArrayLike) -> NDArray[np.int64]:
        """Search, and return the class of every row, (N,)."""
        labels: NDArray[np.int64] = self.fit(phi1, phi2).labels_
        return labels

    def predict(self, phi1: ArrayLike, phi2: ArrayLike | None = None) -> NDArray[np.int64]:
        """Predict the classes (M,) of new rows phi1 (M, d1) and phi2 (M, d2).

        With both spaces by the refined classifier, `predict_proba`'s; with phi1 alone, or where labelings are not
        refined, by the vote of all prototypes.
        """
        check_is_fitted(self, "prototypes_")
        if phi2 is not None and self.model_ is not None:
            return np.asarray(self.predict_proba(phi1, phi2).argmax(1))
        features = self._checked(phi1)
        rows = torch.from_numpy(features - self.mean_)
        unit: Tensor = rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp(min=1e-12)
        labelings = hard_labels(unit, torch.from_numpy(self.prototypes_)).numpy()
        votes: NDArray[np.int64] = vote_counts(labelings, self.num_classes).argmax(1)
        return votes

    def predict_proba(self, phi1: ArrayLike, phi2: ArrayLike) -> NDArray[np.float32]:
        """The posterior (M, K) of new rows phi1 (M, d1) and phi2 (M, d2) by the classifier in both spaces.

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


def _features(values: ArrayLike, name: str) -> NDArray[np.float32]:
    checked: NDArray[Any] = check_array(values, dtype=np.float32, input_name=name)
    return checked
