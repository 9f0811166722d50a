"""What predicts which seeds are accurate: their score in φ2, their scores in both spaces, or their likelihood (Fig. 1).

    criteria.score_in_phi1(findings)  # takes seconds, saved in the home
    criteria.table(findings)

The paper ranks the seeds by their score in φ2. Eq. 2 asks for a labeling that is predicted in both spaces, which the
mean of both scores measures. After refinement the likelihood measures it in one number. Scores need no ground truth;
only the table does.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from hume.common.progress import Progress
from hume.evaluation import metrics
from hume.evaluation.metrics import Correlation, FloatArray
from hume.experiments.cache import Cache
from hume.experiments.saved_labelings import scored_rows
from hume.experiments.trust import scores_in_phi1
from hume.runs.findings import Findings

Criterion: TypeAlias = Literal["score", "both", "likelihood"]

SIDE_BY_SIDE = 20  # labelings scored between two reports of progress


@dataclass(frozen=True)
class Row:
    """How well a criterion predicts the accuracy of the seeds, before or after refinement."""

    criterion: Criterion
    refined: bool  # whose accuracy, and scores
    correlation: Correlation | None  # None where too few seeds differ


def offered(findings: Findings) -> list[Criterion]:
    """What can rank the seeds of a view; the first is what ranks them."""
    return ["score", "both"] if findings.likelihood is None else ["likelihood", "score", "both"]


def values(findings: Findings, criterion: Criterion) -> FloatArray | None:
    """(S,) a criterion of the seeds of a view; None where it is not known, for `both` before `score_in_phi1`."""
    if criterion == "likelihood":
        return findings.likelihood
    score = findings.statistics.cv_score
    if criterion == "score":
        return score
    phi1_score = phi1_scores(findings)
    return None if phi1_score is None else (phi1_score + score) / 2


def correlation(findings: Findings, criterion: Criterion) -> Correlation | None:
    """Of a criterion with the accuracy of the seeds of a view; None without ground truth or where it is not known."""
    known, accuracy = values(findings, criterion), findings.statistics.accuracy
    return None if known is None or accuracy is None else metrics.correlation(known, accuracy)


def table(findings: Findings) -> list[Row]:
    """Every known criterion with the accuracies before and after refinement; empty without ground truth."""
    before = findings.searched
    if before.statistics.accuracy is None:
        return []
    views = [before] if findings.view == "searched" else [before, findings]
    scores: tuple[Criterion, ...] = ("score", "both")
    rows = [
        Row(criterion, view.view == "refined", correlation(view, criterion))
        for criterion in scores
        for view in views
        if values(view, criterion) is not None
    ]
    if findings.likelihood is not None:
        same = [before.seeds.index(seed) for seed in findings.seeds]
        of_searched = metrics.correlation(findings.likelihood, before.statistics.accuracy[same])
        rows += [Row("likelihood", False, of_searched), Row("likelihood", True, correlation(findings, "likelihood"))]
    return rows


# --- scores in φ1 --------------------------------------------------------------------------------


def phi1_scores(findings: Findings) -> FloatArray | None:
    """(S,) the cross-validation scores in φ1 of the labelings of a view, where they were computed."""
    content = _cache(findings).read(findings.view)
    if content is None or "phi1_score" not in content[0]:
        return None
    scores: FloatArray = content[0]["phi1_score"]
    return scores if scores.shape == (len(findings.seeds),) else None


def score_in_phi1(findings: Findings, *, device: str = "cpu", on_progress: Progress | None = None) -> None:
    """Score the labelings of all views of a run in φ1 and save the scores in the home.

    Raises RunError when they cannot be written.
    """
    views = [findings.searched] if findings.view == "searched" else [findings.searched, findings]
    total, done = sum(len(view.seeds) for view in views), 0
    for view in views:
        labelings, scores = view.labelings(), []
        for start in range(0, len(labelings), SIDE_BY_SIDE):
            some = labelings[start : start + SIDE_BY_SIDE]
            phi1 = findings.run.request.phi1
            scores.append(scores_in_phi1(findings.dataset, phi1, some, findings.num_classes, device=device))
            done += len(some)
            if on_progress is not None:
                on_progress(done / total)
        _cache(view).write(view.view, {"phi1_score": np.concatenate(scores)}, {})


def _cache(findings: Findings) -> Cache:
    """Of a run's labelings, which its scores in φ2 stand for."""
    request, values = findings.run.request, findings.values
    refined = values.get("refined") or {}
    scores = (values["cv_score"], refined.get("cv_score"))
    key = (request.fingerprints, findings.num_classes, scored_rows(findings.dataset), request.created, scores)
    return Cache.keyed(findings.run.home, "phi1-scores", key)
