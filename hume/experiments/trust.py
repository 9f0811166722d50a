"""Is a run reliable? The evidence in its seeds themselves, without any label.

Of a searched run the question is whether the ranking of the seeds by their scores is reliable; of a refined one,
whether the labeling is that it offers, the most likely one.

    trust(SeedStatistics(…), phi1_score=phi1_score).verdict
    of_run(findings).evidence

The human labeling is predicted well in both spaces (Definition 2 of the paper). The search tests in φ2 alone (Eq. 4),
because whatever is linear in φ1 is predicted there; but not all of it equally well. So the labelings are scored again,
in φ1. Where φ1 and φ2 rank the seeds in opposite order, φ2 rewards what is not in φ1, and its scores mislead. All
tests are of ranks, with bootstrap intervals over the seeds: outlying failed seeds decide nothing, and no threshold is
fitted to data.

What no such statistic detects: a feature that is in both spaces and is not the human labeling.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch

from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data import space_rows, splits
from hume.data.dataset import Dataset
from hume.evaluation import cross_validation
from hume.evaluation.metrics import FloatArray, IntArray
from hume.evaluation.neighbors import shared_neighbors
from hume.evaluation.seed_statistics import SeedStatistics, compared_rows
from hume.experiments import labeling_evidence, trust_evidence
from hume.experiments.comparison import Comparison
from hume.experiments.judgement import SUBJECTS, Evidence, Judgement, Subject, Verdict
from hume.experiments.negative_controls import NEGATIVE_CONTROLS
from hume.runs.findings import Findings

FOLDS = 5  # in φ1: half the time of the ten in φ2, the same ranking
_NONE: Mapping[str, FloatArray] = MappingProxyType({})


@dataclass(frozen=True, eq=False, kw_only=True)
class Trust(Judgement):
    """Whether a better score means a better labeling, or whether a refined run's labeling is reliable."""

    seeds: SeedStatistics
    phi1_score: FloatArray | None  # (S,) scores of the same labelings in φ1
    controls: Mapping[str, FloatArray]  # scores of the negative controls that were run


@dataclass(frozen=True, eq=False)
class Measured:
    """What takes time in a judgement, of the labelings of S seeds."""

    phi1_score: FloatArray  # (S,) cross-validation scores in φ1
    neighbor_agreement: FloatArray | None = None  # (S,) of refined ones, see `Findings.neighbor_agreement`
    shared_neighbors: float | None = None  # share of a sample's nearest neighbours that both spaces have


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
    return _trust("ranking", evidence, seeds, phi1_score, controls)


def trust_in_labeling(
    seeds: SeedStatistics,
    voters: IntArray,
    measured: Measured,
    *,
    searched_score: FloatArray | None = None,
    controls: Mapping[str, FloatArray] = _NONE,
    equal_sizes: bool = True,
) -> Trust:
    """Whether the most likely labeling of refined seeds is reliable, from the seeds alone.

    seeds: of refined labelings, with their likelihood; voters: positions of those that vote; searched_score: (S,) in φ2
    before refinement, which the negative controls are compared with; the others as for `trust`.

    Not reliable: one of the spaces predicts no more than the largest class, negative controls score as well, or more
    likely labelings keep near samples together less, or score worse in both spaces (each time the 95 % interval of the
    rank correlation is below 0). Reliable: none of these, most voters found one labeling, it is more likely than the
    next by more than the spread within modes, and more likely labelings keep near samples together more, if there are
    several; the spaces differ, and more than half of the seeds fill all classes. Else unclear. Raises InputError for
    labelings without a likelihood or shapes that do not fit.
    """
    likelihood, near, shared = seeds.likelihood, measured.neighbor_agreement, measured.shared_neighbors
    if likelihood is None or near is None or shared is None or len(near) != len(likelihood):
        raise InputError("a refined run is judged by likelihood and neighbours: give one of each a seed")
    modes = labeling_evidence.most_likely_mode(seeds, likelihood, voters)
    one = modes.kind == "one mode"
    compared = (
        ()
        if searched_score is None
        else trust_evidence.compared_with_controls(searched_score, controls, equal=equal_sizes)
    )
    evidence = (
        labeling_evidence.spread_of_likelihoods(likelihood),
        modes,
        *trust_evidence.classes(seeds, equal=False),
        labeling_evidence.above_chance_in_both(seeds, measured.phi1_score),
        *compared,
        labeling_evidence.judged_by_neighbors(likelihood, near, one_mode=one),
        labeling_evidence.scored_in_both(likelihood, measured.phi1_score, seeds.cv_score, one_mode=one),
        labeling_evidence.two_views(shared),
    )
    return _trust("labeling", evidence, seeds, measured.phi1_score, controls)


def of_run(findings: Findings, measured: Measured | None = None) -> Trust:
    """`trust` of a finished run, or `trust_in_labeling` of a refined one, with the negative controls that were run.

    measured: of `measure`, computed when not given. No ground truth is used.
    """
    measured = measure(findings) if measured is None else measured
    controls = known_controls(comparison_of(findings))
    equal = findings.run.request.config.class_sizes is None
    if SUBJECTS[findings.view] == "ranking":
        return trust(findings.statistics, phi1_score=measured.phi1_score, controls=controls, equal_sizes=equal)
    return trust_in_labeling(
        findings.statistics,
        findings.voters,
        measured,
        searched_score=np.array(findings.values["cv_score"], np.float64),
        controls=controls,
        equal_sizes=equal,
    )


def measure(findings: Findings, on_progress: Progress | None = None, phi1_score: FloatArray | None = None) -> Measured:
    """What takes time in `of_run`: scores in φ1, if not given, and of refined labelings the agreement of neighbours."""
    near = shared = None
    if findings.view == "refined":
        near, shared = findings.neighbor_agreement, shared_neighbors(*findings.near)
    report = part(on_progress, 0.4 if near is not None else 0, 1)
    report(0.0)
    if phi1_score is None:
        phi1_score = scores_in_phi1(
            findings.dataset,
            findings.run.request.phi1,
            findings.labelings(),
            findings.num_classes,
            on_fold=lambda number: report(min(1.0, number / FOLDS)),
        )
    report(1.0)
    return Measured(phi1_score, near, shared)


def comparison_of(findings: Findings) -> Comparison:
    """The comparison on a run's pair of spaces, which runs and saves its negative controls."""
    request = findings.run.request
    return Comparison(findings.run.home, findings.dataset, request.phi1, request.phi2, num_classes=findings.num_classes)


def known_controls(comparison: Comparison) -> dict[str, FloatArray]:
    """The scores of every negative control that was run on a pair of spaces, by its key."""
    known = {key: comparison.saved(key) for key in NEGATIVE_CONTROLS}
    return {key: saved.cv_score for key, saved in known.items() if saved is not None and saved.cv_score is not None}


def scores_in_phi1(
    dataset: Dataset,
    phi1: str,
    labelings: IntArray,
    num_classes: int,
    *,
    device: str = "cpu",
    on_fold: Callable[[int], None] | None = None,
) -> FloatArray:
    """Cross-validation scores of labelings (S, N) in φ1, on up to 10,000 evaluated rows: (S,), 0 to 1."""
    rows = np.zeros(dataset.num_samples, bool)
    rows[compared_rows(splits.evaluated_rows(dataset))] = True
    features = space_rows.rows(dataset.space(phi1), rows, device=device)
    scored = torch.from_numpy(np.ascontiguousarray(labelings[:, rows]))
    return cross_validation.cross_validation_scores(
        features, scored, num_classes, num_folds=min(FOLDS, len(features)), on_fold=on_fold
    )


def _trust(
    about: Subject,
    evidence: tuple[Evidence, ...],
    seeds: SeedStatistics,
    phi1_score: FloatArray | None,
    controls: Mapping[str, FloatArray],
) -> Trust:
    return Trust(
        verdict=_verdict(evidence),
        about=about,
        evidence=evidence,
        seeds=seeds,
        phi1_score=phi1_score,
        controls=MappingProxyType({**controls}),
    )


def _verdict(evidence: tuple[Evidence, ...]) -> Verdict:
    directions = {item.supports for item in evidence}
    return "not reliable" if "against" in directions else "unclear" if "doubt" in directions else "reliable"
