"""The evidence for and against the ranking of the seeds by their scores, each with its numbers and direction."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import rankdata

from hume.evaluation.metrics import Correlation, FloatArray, correlation
from hume.evaluation.seed_statistics import SeedStatistics
from hume.experiments.judgement import LEAST_SEEDS, Evidence, Kind
from hume.experiments.negative_controls import WITHOUT_PHI2

ONE_CLASS = 1.0  # difference in the effective number of classes below which unevenness explains no score


def spread(seeds: SeedStatistics) -> Evidence:
    """The spread of the scores, and whether enough of them differ to rank."""
    cv_score, num_samples = seeds.cv_score, seeds.labelings.shape[1]
    S, low, high = len(cv_score), float(cv_score.min()), float(cv_score.max())
    if S < LEAST_SEEDS:
        return Evidence("spread", "few seeds", "doubt", {"num_seeds": S})
    if np.ptp(np.round(cv_score, 9)) == 0:
        return Evidence("spread", "equal scores", "doubt", {"num_seeds": S, "score": low})
    mean, num_failed = float(cv_score.mean()), int(seeds.failed.sum())
    error = float(np.sqrt(mean * (1 - mean) / num_samples))
    values = {"low": low, "high": high, "std": float(cv_score.std()), "error": error, "num_samples": num_samples}
    if num_failed:
        return Evidence("spread", "failed seeds", "neither", {**values, "num_failed": num_failed})
    return Evidence("spread", "scores", "neither", values)


def alike(seeds: SeedStatistics) -> Evidence:
    """How well the seeds agree with one another and with the vote."""
    if len(seeds.cv_score) == 1:
        return Evidence("alike", "single seed", "doubt")
    share = seeds.vote_share
    values = {"agreement": seeds.agreement.mean(), "vote_share": share.mean(), "least": share.min()}
    return Evidence("alike", "agreement", "neither", values)


def classes(seeds: SeedStatistics, *, equal: bool = True) -> tuple[Evidence, ...]:
    """Whether classes are empty, and whether seeds with better scores have less even classes.

    equal: whether the search was for equal classes; where it was not, evenness is no evidence.
    """
    K, entropy, occupied = seeds.num_classes, seeds.label_entropy, seeds.occupied
    empty, num_seeds = int((occupied < K).sum()), len(occupied)
    values = {"num_classes": K, "empty": empty, "num_seeds": num_seeds, "evenness": float(entropy.mean() / np.log(K))}
    kind: Kind = "empty classes" if empty else "all classes"
    evidence = [Evidence("classes", kind, "doubt" if 2 * empty >= num_seeds else "neither", values)]
    ranks = rank_correlation(seeds.cv_score, entropy)
    if equal and ranks is not None and np.ptp(np.exp(entropy)) >= ONE_CLASS:
        less = ranks.high < 0
        evidence.append(
            Evidence("even", "less even" if less else "as even", "against" if less else "neither", correlation=ranks)
        )
    return tuple(evidence)


def above_chance(seeds: SeedStatistics) -> Evidence:
    """Whether φ2 predicts more than the largest class."""
    corrected = float(np.median(seeds.corrected))
    if corrected <= 0:
        return Evidence("chance", "at chance", "against")
    return Evidence("chance", "above chance", "neither", {"corrected": corrected})


def compared_with_controls(
    cv_score: FloatArray, controls: Mapping[str, FloatArray], *, equal: bool = True
) -> tuple[Evidence, ...]:
    """How the scores compare with those of the negative controls that were run.

    equal: whether the search was for equal classes, as controls always are; where it was not, scores cannot be
    compared: unequal classes are easier to predict.
    """
    if not equal and controls:
        return (Evidence("controls", "incomparable controls", "neither"),)
    median, evidence = float(np.median(cv_score)), []
    for key, scores in controls.items():
        values = {"best": float(np.max(scores)), "median": median}
        if key in WITHOUT_PHI2 and values["best"] >= median:
            evidence.append(Evidence(key, "as good as control", "against", values))
        else:
            evidence.append(Evidence(key, "control", "neither", values))
    return tuple(evidence)


def scored_in_phi1(cv_score: FloatArray, phi1_score: FloatArray | None) -> Evidence:
    """Whether φ1 ranks the seeds as φ2 does, or in the opposite order."""
    if phi1_score is None:
        return Evidence("phi1", "no phi1 score", "doubt")
    ranks, values = rank_correlation(cv_score, phi1_score), {"phi1_score": float(np.mean(phi1_score))}
    if ranks is None:
        return Evidence("phi1", "phi1 unranked", "neither", values)
    if ranks.high < 0:
        return Evidence("phi1", "opposite in phi1", "against", values, ranks)
    if ranks.low > 0:
        return Evidence("phi1", "same in phi1", "for", values, ranks)
    return Evidence("phi1", "unrelated in phi1", "neither", values, ranks)


def shared_with_others(seeds: SeedStatistics) -> Evidence:
    """Whether seeds with better scores agree more with the other seeds."""
    ranks = rank_correlation(seeds.cv_score, seeds.agreement)
    if ranks is None:
        return Evidence("others", "others unranked", "doubt")
    if ranks.high < 0:
        return Evidence("others", "shared less", "against", correlation=ranks)
    if ranks.low > 0:
        return Evidence("others", "shared more", "for", correlation=ranks)
    return Evidence("others", "shared alike", "doubt", correlation=ranks)


def rank_correlation(x: FloatArray, y: FloatArray) -> Correlation | None:
    """Rank correlation over seeds with its interval; None for too few seeds, or where either side is constant.

    Numbers are rounded before ranking, so that differences in the last bit count as ties.
    """
    if len(x) < LEAST_SEEDS:
        return None
    return correlation(rankdata(np.round(x, 9)), rankdata(np.round(y, 9)))
