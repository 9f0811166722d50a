"""The result of a search: labelings, scores of all seeds, the vote, the correlation.

Ground truth is optional everywhere. Where it is missing, what needs it is None.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hume.data import space_rows
from hume.data.dataset import Dataset
from hume.data.splits import Setting, evaluated_rows
from hume.engine.config import Config
from hume.engine.inner import InnerSolver
from hume.evaluation import cross_validation, ensemble, metrics
from hume.runs.evenness import Evenness
from hume.runs.refinement import Final, RefinedLabelings, Refinement


@dataclass(frozen=True, eq=False)
class Scores:
    """Every seed's cross-validation accuracy, the vote, and how well both agree with the ground truth."""

    cv_score: NDArray[np.float64]  # (S,) cross-validation accuracy on φ2, 0 to 1
    vote: ensemble.Vote
    vote_agreement: metrics.Agreement | None
    seed_agreement: tuple[metrics.Agreement, ...] | None  # a seed each
    correlation: metrics.Correlation | None  # of cv_score with accuracy over the seeds (Fig. 1)


@dataclass(frozen=True, eq=False)
class RefinedScores:
    """The same of refined labelings, which are ranked by their likelihood, and of the labeling that the run offers."""

    cv_score: NDArray[np.float64]  # (S,) of the refined labelings
    likelihood: NDArray[np.float64]  # (S,) mean log-likelihood of a row, nats
    final_agreement: metrics.Agreement | None
    seed_agreement: tuple[metrics.Agreement, ...] | None
    correlation: metrics.Correlation | None  # of likelihood with accuracy over the seeds


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


def summary(
    scores: Scores, seeds: Sequence[int] = (), refined: tuple[Sequence[int], RefinedScores] | None = None
) -> dict[str, Any]:
    """The scores of all seeds, and of the refined ones, as plain numbers for JSON.

    What needs ground truth is None without it. `vote` is the labeling that the run offers: the refined one where there
    is one, else the vote of all seeds, which is `searched_vote` in any case. `likelihood` has None for a seed that is
    not refined.
    """
    searched = _plain(scores.vote_agreement)
    values: dict[str, Any] = {
        "cv_score": scores.cv_score.tolist(),
        **_by_seed(scores.seed_agreement),
        "vote": searched,
        "searched_vote": searched,
        "correlation": _plain_correlation(scores.correlation),
        "likelihood": None,
        "likelihood_correlation": _plain_correlation(None),
        "refined": None,
    }
    if refined is not None:
        numbers, of_refined = refined
        known = dict(zip(numbers, of_refined.likelihood.tolist(), strict=True))
        values |= {
            "vote": _plain(of_refined.final_agreement),
            "likelihood": [known.get(seed) for seed in seeds],
            "likelihood_correlation": _plain_correlation(of_refined.correlation),
            "refined": {
                "seeds": list(numbers),
                "cv_score": of_refined.cv_score.tolist(),
                **_by_seed(of_refined.seed_agreement),
            },
        }
    return values


def _plain(agreement: metrics.Agreement | None) -> dict[str, float | None]:
    return {"acc": None, "ari": None, "nmi": None} if agreement is None else asdict(agreement)


def _by_seed(agreement: tuple[metrics.Agreement, ...] | None) -> dict[str, list[float] | None]:
    return {
        name: None if agreement is None else [getattr(each, name) for each in agreement]
        for name in ("acc", "ari", "nmi")
    }


def _plain_correlation(correlation: metrics.Correlation | None) -> dict[str, float | None]:
    return dict.fromkeys(("r", "p", "low", "high", "n")) if correlation is None else asdict(correlation)
