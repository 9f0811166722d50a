"""Score the labelings of a search: every seed, the vote, the correlation.

Ground truth is optional everywhere. Where it is missing, what needs it is None.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hume.data import space_rows
from hume.data.dataset import Dataset
from hume.data.splits import Setting, evaluated_rows
from hume.engine.config import Config
from hume.engine.solvers import InnerSolver
from hume.evaluation import cross_validation, ensemble, metrics
from hume.runs.evenness import Evenness
from hume.runs.refinement import Final, RefinedLabelings, Refinement
from hume.runs.scores import RefinedScores, Scores


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """One search: its settings, labelings, scores, time and device."""

    config: Config
    solver: InnerSolver
    setting: Setting
    evaluated: NDArray[np.bool_]  # (N,) rows that the scores are computed on
    seeds: tuple[int, ...]
    prototypes: NDArray[np.float32]  # (S, K, d1)
    labelings: NDArray[np.int32]  # (S, N)
    objective: NDArray[np.float64]  # (S,) Eq. 7 at the end, nats, lower is better
    scores: Scores
    evenness: Evenness | None  # None where nothing was to choose
    refinement: Refinement | None  # None where labelings are not refined
    refined_seeds: tuple[int, ...]  # of `refined`: all, or those that vote where all would cost more than the search
    refined: RefinedLabelings | None
    final: Final | None
    not_refined: str | None  # one sentence, why labelings that should be refined are not
    seconds: float
    device: str


def score_labelings(
    dataset: Dataset,
    phi2: str,
    labelings: NDArray[np.int32],
    num_classes: int,
    *,
    device: str = "cpu",
    cv_score: NDArray[np.float64] | None = None,
    on_fold: Callable[[int], None] | None = None,
) -> Scores:
    """Score labelings (S, N) on a dataset's evaluated rows; `cv_score` is computed when not given."""
    rows = evaluated_rows(dataset)
    if cv_score is None:
        cv_score = _cv_scores(dataset, phi2, labelings, num_classes, device, on_fold)
    vote = ensemble.majority_vote(labelings, cv_score, num_classes, None if rows.all() else rows)
    by_seed = _agreement(dataset, labelings)
    return Scores(
        cv_score=cv_score,
        vote=vote,
        vote_agreement=None if dataset.labels is None else metrics.agreement(dataset.labels[rows], vote.labeling[rows]),
        seed_agreement=by_seed,
        correlation=_correlation(cv_score, by_seed),
    )


def score_refined(
    dataset: Dataset,
    phi2: str,
    refined: RefinedLabelings,
    final: Final,
    num_classes: int,
    *,
    device: str = "cpu",
    on_fold: Callable[[int], None] | None = None,
) -> RefinedScores:
    """Score refined labelings and the final one on a dataset's evaluated rows."""
    by_seed, of_final = _agreement(dataset, refined.labelings), _agreement(dataset, final.labeling[None])
    return RefinedScores(
        cv_score=_cv_scores(dataset, phi2, refined.labelings, num_classes, device, on_fold),
        likelihood=refined.likelihood,
        final_agreement=None if of_final is None else of_final[0],
        seed_agreement=by_seed,
        correlation=_correlation(refined.likelihood, by_seed),
    )


def _cv_scores(
    dataset: Dataset,
    phi2: str,
    labelings: NDArray[np.int32],
    num_classes: int,
    device: str,
    on_fold: Callable[[int], None] | None,
) -> NDArray[np.float64]:
    rows = evaluated_rows(dataset)
    features = space_rows.rows(dataset.space(phi2), rows, device=device)
    scored = torch.from_numpy(labelings if rows.all() else labelings[:, rows])
    return cross_validation.cross_validation_scores(
        features, scored, num_classes, num_folds=min(10, len(features)), on_fold=on_fold
    )


def _agreement(dataset: Dataset, labelings: NDArray[np.int32]) -> tuple[metrics.Agreement, ...] | None:
    """Of every labeling with the ground truth on the evaluated rows; None where there is none."""
    if dataset.labels is None:
        return None
    rows = evaluated_rows(dataset)
    truth = dataset.labels[rows]
    return tuple(metrics.agreement(truth, labeling[rows]) for labeling in labelings)


def _correlation(
    score: NDArray[np.float64], by_seed: tuple[metrics.Agreement, ...] | None
) -> metrics.Correlation | None:
    return None if by_seed is None else metrics.correlation(score, np.array([each.acc for each in by_seed]))
