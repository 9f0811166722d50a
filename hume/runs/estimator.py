"""HUME as a scikit-learn estimator over a pair of spaces."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, check_is_fitted
from torch import Tensor

from hume.common.errors import InputError
from hume.data.dataset import Dataset, Space
from hume.engine.config import PresetName
from hume.engine.prototypes import hard_labels
from hume.evaluation.ensemble import vote_counts
from hume.evaluation.metrics import match_classes
from hume.runs import discover


class HUME(BaseEstimator):  # type: ignore[misc]
    """Label samples so that a linear classifier in a second space generalizes (Algorithm 1, Sec. 3.1).

        HUME(num_classes=10).fit_predict(phi1, phi2)

    num_classes: K. num_seeds: random starts whose labelings vote. preset: `fast` or one of
    the paper's. random_state: the first seed. device: "cpu", "cuda" or "auto".

    After `fit`: labels_ (N,) the vote; vote_share_ (N,) the share of seeds behind each label;
    cv_scores_ (S,); prototypes_ (S, K, d1), classes named as in the vote; objective_ (S,).
    Raises InputError, a ValueError, for data that cannot be searched.
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        num_seeds: int = 20,
        preset: PresetName = "fast",
        random_state: int = 0,
        device: str = "cpu",
    ):
        self.num_classes = num_classes
        self.num_seeds = num_seeds
        self.preset = preset
        self.random_state = random_state
        self.device = device

    def fit(self, phi1: ArrayLike, phi2: ArrayLike) -> Self:
        """Search on spaces phi1 (N, d1) and phi2 (N, d2), rows in the same order."""
        first, second = _features(phi1, "phi1"), _features(phi2, "phi2")
        dataset = Dataset(name="arrays", spaces={"phi1": Space("phi1", first), "phi2": Space("phi2", second)})
        result = discover.discover(
            dataset,
            phi1="phi1",
            phi2="phi2",
            num_classes=self.num_classes,
            seeds=range(self.random_state, self.random_state + self.num_seeds),
            preset=self.preset,
            device=self.device,
        )
        vote = result.scores.vote
        self.n_features_in_ = first.shape[1]
        self.mean_ = first.mean(0, dtype=np.float64).astype(np.float32) if result.config.centre else np.float32(0)
        self.labels_ = vote.labeling
        self.vote_share_ = vote.share
        self.cv_scores_ = result.scores.cv_score
        self.objective_ = result.objective
        reference = result.labelings[vote.reference]
        self.prototypes_ = np.stack(
            [
                prototypes[np.argsort(match_classes(labeling, reference, self.num_classes))]
                for prototypes, labeling in zip(result.prototypes, result.labelings, strict=True)
            ]
        )
        return self

    def fit_predict(self, phi1: ArrayLike, phi2: ArrayLike) -> NDArray[np.int64]:
        """Search, and return the vote's class of every row, (N,)."""
        labels: NDArray[np.int64] = self.fit(phi1, phi2).labels_
        return labels

    def predict(self, phi1: ArrayLike) -> NDArray[np.int64]:
        """Predict the classes (M,) of new rows phi1 (M, d1) by the vote of all prototypes."""
        check_is_fitted(self, "prototypes_")
        features = _features(phi1, "phi1")
        if features.shape[1] != self.n_features_in_:
            raise InputError(f"phi1 has {features.shape[1]} features and the fitted one {self.n_features_in_}")
        rows = torch.from_numpy(features - self.mean_)
        unit: Tensor = rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp(min=1e-12)
        labelings = hard_labels(unit, torch.from_numpy(self.prototypes_)).numpy()
        votes: NDArray[np.int64] = vote_counts(labelings, self.num_classes).argmax(1)
        return votes


def _features(values: ArrayLike, name: str) -> NDArray[np.float32]:
    checked: NDArray[Any] = check_array(values, dtype=np.float32, input_name=name)
    return checked
