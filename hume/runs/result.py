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
from hume.data.rows import Rows
from hume.data.splits import Setting, evaluated_rows
from hume.engine.config import Config
from hume.engine.inner import InnerSolver
from hume.engine.prototypes import label_blocks
from hume.engine.search import FinishedSeed
from hume.evaluation import cross_validation, ensemble, metrics

LABEL_TYPE = np.int32


@dataclass(frozen=True, eq=False)
class Scores:
    """Every seed's cross-validation accuracy, the vote, and how well both agree with the ground truth."""

    cv_score: NDArray[np.float64]  # (S,) cross-validation accuracy on φ2, 0 to 1
    vote: ensemble.Vote
    vote_agreement: metrics.Agreement | None
    seed_agreement: tuple[metrics.Agreement, ...] | None  # a seed each
    correlation: metrics.Correlation | None  # of cv_score with accuracy over the seeds (Fig. 1)


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
    seconds: float
    device: str


def label_all(phi1: Rows, seeds: Sequence[FinishedSeed]) -> NDArray[np.int32]:
    """The labelings (S, N) of finished seeds on rows phi1 (N, d1) of unit norm, in one pass over them."""
    prototypes = torch.from_numpy(np.stack([seed.prototypes for seed in seeds]))
    labels = np.empty((len(seeds), len(phi1)), LABEL_TYPE)
    start = 0
    for block in label_blocks(phi1, prototypes.to(phi1.device)):
        labels[:, start : start + len(block)] = block.T.cpu().numpy()
        start += len(block)
    return labels


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
        features = space_rows.rows(dataset.space(phi2), rows, device=device)
        scored = torch.from_numpy(labelings if rows.all() else labelings[:, rows])
        cv_score = cross_validation.cross_validation_scores(
            features, scored, num_classes, num_folds=min(10, len(features)), on_fold=on_fold
        )
    vote = ensemble.majority_vote(labelings, cv_score, num_classes, None if rows.all() else rows)
    if dataset.labels is None:
        return Scores(cv_score, vote, None, None, None)
    truth = dataset.labels[rows]
    by_seed = tuple(metrics.agreement(truth, labeling[rows]) for labeling in labelings)
    return Scores(
        cv_score=cv_score,
        vote=vote,
        vote_agreement=metrics.agreement(truth, vote.labeling[rows]),
        seed_agreement=by_seed,
        correlation=metrics.correlation(cv_score, np.array([agreement.acc for agreement in by_seed])),
    )


def summary(result: Scores) -> dict[str, Any]:
    """The scores as plain numbers for JSON; what needs ground truth is None without it."""
    vote, correlation = result.vote_agreement, result.correlation
    return {
        "cv_score": result.cv_score.tolist(),
        "acc": None if result.seed_agreement is None else [agreement.acc for agreement in result.seed_agreement],
        "ari": None if result.seed_agreement is None else [agreement.ari for agreement in result.seed_agreement],
        "nmi": None if result.seed_agreement is None else [agreement.nmi for agreement in result.seed_agreement],
        "vote": {"acc": None, "ari": None, "nmi": None} if vote is None else asdict(vote),
        "correlation": {"r": None, "p": None, "low": None, "high": None, "n": None}
        if correlation is None
        else asdict(correlation),
    }
