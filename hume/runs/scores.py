"""The scores of a run: of all seeds, of the refined ones, of the vote.

Ground truth is optional everywhere. Where it is missing, what needs it is None.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.evaluation import ensemble, metrics


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
