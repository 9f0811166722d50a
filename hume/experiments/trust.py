"""Is the ranking of a run's seeds by their scores reliable? The evidence in the seeds themselves, without any label.

    trust(SeedStatistics(…), phi1_score=phi1_score).verdict
    of_run(findings).evidence

The human labeling is predicted well in both spaces (Definition 2 of the paper). The search tests in φ2 alone (Eq. 4),
because whatever is linear in φ1 is predicted there; but not all of it equally well. So the labelings are scored again,
in φ1. Where φ1 and φ2 rank the seeds in opposite order, φ2 rewards what is not in φ1, and its scores mislead. All
tests are of ranks, with bootstrap intervals over the seeds: outlying failed seeds decide nothing, and no threshold is
fitted to data.

What no such statistic detects: a feature that is in both spaces and is not the human labeling.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch

from hume.common.errors import InputError
from hume.data import space_rows, splits
from hume.data.dataset import Dataset
from hume.data.rows import spread_over
from hume.evaluation import cross_validation
from hume.evaluation.metrics import FloatArray, IntArray
from hume.evaluation.seed_statistics import MOST_ROWS, SeedStatistics
from hume.experiments import trust_evidence
from hume.experiments.comparison import Comparison
from hume.experiments.negative_controls import NEGATIVE_CONTROLS
from hume.experiments.trust_evidence import Evidence
from hume.runs.findings import Findings

Verdict = Literal["reliable", "unclear", "not reliable"]

FOLDS = 5  # in φ1: half the time of the ten in φ2, the same ranking
_NONE: Mapping[str, FloatArray] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Trust:
    """Whether a better score means a better labeling here, and the evidence for it; computed without ground truth."""

    verdict: Verdict
    evidence: tuple[Evidence, ...]
    seeds: SeedStatistics
    phi1_score: FloatArray | None  # (S,) scores of the same labelings in φ1
    controls: Mapping[str, FloatArray]  # scores of the negative controls that were run


def trust(
    seeds: SeedStatistics,
    *,
    phi1_score: FloatArray | None = None,
    controls: Mapping[str, FloatArray] = _NONE,
    equal_sizes: bool = True,
) -> Trust:
    """Whether the ranking of the seeds by their cross-validation scores is reliable, from the seeds alone.

    phi1_score: (S,) in φ1 (see `scores_in_phi1`), without which the verdict is unclear at best; controls: scores of the
    negative controls that were run, by their keys in `NEGATIVE_CONTROLS`; equal_sizes: whether the search was for equal
    classes.

    Not reliable: better scores go with worse scores in φ1, with less agreement with the other seeds or with classes
    less even by a whole class (each time the 95 % interval of the rank correlation is below 0), or the scores are no
    better than those of a negative control, or than predicting the largest class. Reliable: none of these, better
    scores go with more agreement, and more than half of the seeds fill all classes. Else unclear.
    Raises InputError for shapes that do not fit.
    """
    _ = seeds.vote  # checks shapes and classes
    if phi1_score is not None and len(phi1_score) != len(seeds.cv_score):
        raise InputError(
            f"there are {len(seeds.cv_score)} scores in φ2 and {len(phi1_score)} in φ1: give one of each per seed"
        )
    evidence = (
        trust_evidence.spread(seeds),
        trust_evidence.alike(seeds),
        *trust_evidence.classes(seeds, equal=equal_sizes),
        trust_evidence.above_chance(seeds),
        *trust_evidence.compared_with_controls(seeds.cv_score, controls, equal=equal_sizes),
        trust_evidence.scored_in_phi1(seeds.cv_score, phi1_score),
        trust_evidence.shared_with_others(seeds),
    )
    return Trust(_verdict(evidence), evidence, seeds, phi1_score, MappingProxyType({**controls}))


def of_run(findings: Findings, phi1_score: FloatArray | None = None) -> Trust:
    """`trust` of a finished run, with the negative controls that were run (see `comparison_of`); no ground truth.

    phi1_score: of `judge_run`, computed when not given.
    """
    findings = findings.searched
    return trust(
        findings.statistics,
        phi1_score=judge_run(findings) if phi1_score is None else phi1_score,
        controls=known_controls(comparison_of(findings)),
        equal_sizes=findings.run.request.config.class_sizes is None,
    )


def judge_run(findings: Findings) -> FloatArray:
    """The scores (S,) of a run's labelings in its φ1: what takes time in `of_run`."""
    return scores_in_phi1(findings.dataset, findings.run.request.phi1, findings.run.labelings(), findings.num_classes)


def comparison_of(findings: Findings) -> Comparison:
    """The comparison on a run's pair of spaces, which runs and saves its negative controls."""
    request = findings.run.request
    return Comparison(findings.run.home, findings.dataset, request.phi1, request.phi2, num_classes=findings.num_classes)


def known_controls(comparison: Comparison) -> dict[str, FloatArray]:
    """The scores of every negative control that was run on a pair of spaces, by its key."""
    known = {key: comparison.saved(key) for key in NEGATIVE_CONTROLS}
    return {key: saved.cv_score for key, saved in known.items() if saved is not None and saved.cv_score is not None}


def scores_in_phi1(
    dataset: Dataset, phi1: str, labelings: IntArray, num_classes: int, *, device: str = "cpu"
) -> FloatArray:
    """Cross-validation scores of labelings (S, N) in φ1, on up to 10,000 evaluated rows: (S,), 0 to 1."""
    numbers = np.flatnonzero(splits.evaluated_rows(dataset))
    rows = np.zeros(dataset.num_samples, bool)
    rows[numbers[spread_over(len(numbers), MOST_ROWS)]] = True
    features = space_rows.rows(dataset.space(phi1), rows, device=device)
    scored = torch.from_numpy(np.ascontiguousarray(labelings[:, rows]))
    return cross_validation.cross_validation_scores(features, scored, num_classes, num_folds=min(FOLDS, len(features)))


def _verdict(evidence: tuple[Evidence, ...]) -> Verdict:
    directions = {item.supports for item in evidence}
    return "not reliable" if "against" in directions else "unclear" if "doubt" in directions else "reliable"
