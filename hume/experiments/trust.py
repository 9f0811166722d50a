"""Is the objective to be trusted here? What the seeds of a run say about their own scores, without any label.

    trust(seeds, phi1_score=phi1_score).sentence
    of_run(findings).sentence

A labeling that people would give is foretold well in both spaces (Definition 2 of the paper). The search
asks φ2 alone (Eq. 4), because whatever is linear in φ1 is foretold there; but not all of it equally well. So
the labelings are judged again, in φ1. Where the two judges rank the seeds in opposite ways, φ2 rewards what φ1
does not hold, and its scores mislead. All tests are of ranks, with bootstrap intervals over the seeds: a few
failed seeds far away decide nothing, and no threshold is fitted to data.

What no statistic of this kind can tell: a feature that both spaces hold and that people do not mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch

from hume.common.errors import InputError
from hume.common.formatting import count
from hume.data import space_rows, splits
from hume.data.dataset import Dataset
from hume.data.rows import spread_over
from hume.evaluation import cross_validation
from hume.evaluation.metrics import FloatArray, IntArray
from hume.evaluation.seed_statistics import MOST_ROWS, SeedStatistics
from hume.experiments import trust_evidence
from hume.experiments.comparison import Comparison
from hume.experiments.controls import CONTROLS
from hume.experiments.trust_evidence import Fact
from hume.runs.findings import Findings

Verdict = Literal["trustworthy", "unclear", "not to be trusted"]

FOLDS = 5  # of the judge in φ1: half the time of the ten in φ2, the same order
_NONE: Mapping[str, FloatArray] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Trust:
    """Whether a better score means a better labeling here, and what that rests on; no ground truth in any of it."""

    verdict: Verdict
    sentence: str
    facts: tuple[Fact, ...]
    seeds: SeedStatistics
    phi1_score: FloatArray | None  # (S,) the same labelings judged in φ1
    controls: Mapping[str, FloatArray]  # scores of the controls that were run


def trust(
    seeds: SeedStatistics,
    *,
    phi1_score: FloatArray | None = None,
    controls: Mapping[str, FloatArray] = _NONE,
    equal_sizes: bool = True,
) -> Trust:
    """Say whether the order that cross-validation scores give to seeds is to be trusted, from the seeds alone.

    phi1_score: (S,) in φ1 (see `scores_in_phi1`), without which the verdict is unclear at best; controls: scores of
    the searches in `hume.experiments.controls.CONTROLS` that were run, by their keys; equal_sizes: whether the search
    was asked for equal classes.

    Not to be trusted: better scores go with worse scores in φ1, with less agreement with the other seeds or with
    classes less even by a whole class (each time the 95 % interval of the rank correlation lies below 0), or the
    scores are no better than where φ2 was spoiled, or than guessing the largest class. Trustworthy: none of these,
    better scores go with more agreement, and more than half of the seeds fill all classes. Else unclear.
    Raises InputError for shapes that do not fit.
    """
    _ = seeds.vote  # checks shapes and classes
    if phi1_score is not None and len(phi1_score) != len(seeds.cv_score):
        raise InputError(
            f"there are {len(seeds.cv_score)} scores in φ2 and {len(phi1_score)} in φ1: give one a seed of each"
        )
    facts = (
        trust_evidence.spread(seeds),
        trust_evidence.alike(seeds),
        *trust_evidence.classes(seeds, equal=equal_sizes),
        trust_evidence.above_chance(seeds),
        *trust_evidence.beside_controls(seeds.cv_score, controls, equal=equal_sizes),
        trust_evidence.judged_in_phi1(seeds.cv_score, phi1_score),
        trust_evidence.shared_with_others(seeds),
    )
    verdict, sentence = _verdict(facts)
    return Trust(verdict, sentence, facts, seeds, phi1_score, MappingProxyType({**controls}))


def of_run(found: Findings, phi1_score: FloatArray | None = None) -> Trust:
    """Ask the question of a finished run; controls are read where they were run (see `comparison_of`).

    phi1_score: what `judge_run` says, computed when not given. No ground truth is looked at.
    """
    return trust(
        found.statistics,
        phi1_score=judge_run(found) if phi1_score is None else phi1_score,
        controls=known_controls(comparison_of(found)),
        equal_sizes=found.run.request.config.class_sizes is None,
    )


def judge_run(found: Findings) -> FloatArray:
    """The scores (S,) of a run's labelings in its φ1: what takes time in `of_run`."""
    return scores_in_phi1(found.dataset, found.run.request.phi1, found.run.labelings(), found.num_classes)


def comparison_of(found: Findings) -> Comparison:
    """Where the controls of a run's pair of spaces are, and can be run."""
    request = found.run.request
    return Comparison(found.run.home, found.dataset, request.phi1, request.phi2, num_classes=found.num_classes)


def known_controls(comparison: Comparison) -> dict[str, FloatArray]:
    """The scores of every control that was run on a pair of spaces, by its key."""
    kept = {key: comparison.found(key) for key in CONTROLS}
    return {key: found.cv_score for key, found in kept.items() if found is not None and found.cv_score is not None}


def scores_in_phi1(
    dataset: Dataset, phi1: str, labelings: IntArray, num_classes: int, *, device: str = "cpu"
) -> FloatArray:
    """Judge labelings (S, N) in φ1 as they are judged in φ2, on up to 10,000 evaluated rows: (S,), 0 to 1."""
    numbers = np.flatnonzero(splits.evaluated_rows(dataset))
    rows = np.zeros(dataset.num_samples, bool)
    rows[numbers[spread_over(len(numbers), MOST_ROWS)]] = True
    features = space_rows.rows(dataset.space(phi1), rows, device=device)
    seen = torch.from_numpy(np.ascontiguousarray(labelings[:, rows]))
    return cross_validation.cross_validation_scores(features, seen, num_classes, num_folds=min(FOLDS, len(features)))


# --- what it comes to ----------------------------------------------------------------------------


def _verdict(facts: tuple[Fact, ...]) -> tuple[Verdict, str]:
    against = [fact.says for fact in facts if fact.speaks == "against"]
    doubts = [fact.says for fact in facts if fact.speaks == "doubt"]
    if against:
        more = f" {count(len(against) - 1, 'other reason')} beside." if len(against) > 1 else ""
        return "not to be trusted", f"Do not trust the order of the seeds here: {against[0]}.{more}"
    if doubts:
        return "unclear", f"Unclear whether the order of the seeds can be trusted: {doubts[0]}."
    reasons = "; ".join(fact.says for fact in facts if fact.speaks == "for")
    return "trustworthy", f"Nothing speaks against the order of the seeds: {reasons}."
