"""The evidence for and against the labeling that a refined run offers, each with its numbers and direction.

Refined labelings are ranked by their likelihood. It is tested against what it does not use: how many labelings the
seeds found, the nearest neighbours in both spaces, and the cross-validation scores in both.
"""

import numpy as np

from hume.evaluation.metrics import FloatArray, IntArray
from hume.evaluation.modes import group
from hume.evaluation.seed_statistics import SeedStatistics
from hume.experiments.judgement import LEAST_SEEDS, Evidence
from hume.experiments.trust_evidence import rank_correlation

MOST_SHARED = 0.9  # of the nearest neighbours: above it two spaces are one and the same view of the samples
STANDARD_ERRORS = 2.0  # by which a score must exceed the largest class's share


def spread_of_likelihoods(likelihood: FloatArray) -> Evidence:
    """Whether enough seeds were refined to compare them."""
    if len(likelihood) < LEAST_SEEDS:
        return Evidence("spread", "few seeds", "doubt", {"num_seeds": len(likelihood)})
    values = {"low_likelihood": float(likelihood.min()), "high_likelihood": float(likelihood.max())}
    return Evidence("spread", "likelihoods", "neither", values)


def most_likely_mode(seeds: SeedStatistics, likelihood: FloatArray, voters: IntArray) -> Evidence:
    """Whether most voters found one labeling, and whether it is more likely than any other by more than chance.

    voters: positions of the seeds that vote. Chance is the standard deviation of the likelihood within modes.
    """
    modes = group(seeds.rand_indices)
    first = modes[seeds.order[0]]
    num_modes, in_first = len(np.unique(modes)), int((modes[voters] == first).sum())
    values: dict[str, float] = {
        "num_seeds": len(modes),
        "num_modes": num_modes,
        "num_voters": len(voters),
        "in_first": in_first,
    }
    if num_modes == 1:
        return Evidence("modes", "one mode", "for", values)
    if 2 * in_first <= len(voters):
        return Evidence("modes", "split voters", "doubt", values)
    gap = float(likelihood.max() - likelihood[modes != first].max())
    deviations = np.concatenate([likelihood[modes == mode] - likelihood[modes == mode].mean() for mode in set(modes)])
    within = float(np.sqrt((deviations**2).sum() / max(1, len(modes) - num_modes)))
    values |= {"gap": gap, "within": within}
    return Evidence("modes", *(("likeliest mode", "for") if gap > within else ("close modes", "doubt")), values)


def judged_by_neighbors(likelihood: FloatArray, neighbor_agreement: FloatArray, *, one_mode: bool) -> Evidence:
    """Whether more likely labelings keep near samples together more; no question where all are nearly the same."""
    ranks = rank_correlation(likelihood, neighbor_agreement)
    values = {"neighbor_agreement": float(neighbor_agreement.mean()) / 2}
    if one_mode or ranks is None:
        return Evidence("neighbors", "neighbors unranked", "neither", values)
    if ranks.high < 0:
        return Evidence("neighbors", "opposite by neighbors", "against", values, ranks)
    if ranks.low > 0:
        return Evidence("neighbors", "same by neighbors", "for", values, ranks)
    return Evidence("neighbors", "unrelated by neighbors", "doubt", values, ranks)


def scored_in_both(likelihood: FloatArray, phi1_score: FloatArray, cv_score: FloatArray, *, one_mode: bool) -> Evidence:
    """Whether more likely labelings have better scores: against them where they are worse in both spaces."""
    first, second = (rank_correlation(likelihood, score) for score in (phi1_score, cv_score))
    values = {"phi1_score": float(phi1_score.mean()), "phi2_score": float(cv_score.mean())}
    if one_mode or first is None or second is None:
        return Evidence("scores", "scores unranked", "neither", values)
    values |= {"phi1_rank": first.r, "phi2_rank": second.r}
    if first.high < 0 and second.high < 0:
        return Evidence("scores", "worse in both", "against", values)
    if first.low > 0 and second.low > 0:
        return Evidence("scores", "better in both", "for", values)
    return Evidence("scores", "scores apart", "neither", values)


def above_chance_in_both(seeds: SeedStatistics, phi1_score: FloatArray) -> Evidence:
    """Whether each space predicts more of the labelings than their largest class."""
    chance = seeds.shares.max(1)
    error = np.sqrt(chance * (1 - chance) / seeds.compared.shape[1])
    for space, scores in (("phi1", phi1_score), ("phi2", seeds.cv_score)):
        if np.median(scores - chance - STANDARD_ERRORS * error) <= 0:
            return Evidence("chance", "at chance in phi1" if space == "phi1" else "at chance in phi2", "against")
    return Evidence("chance", "above chance", "neither", {"corrected": float(np.median(seeds.corrected))})


def two_views(shared_neighbors: float) -> Evidence:
    """Whether the spaces are two views: with one and the same nothing tests what φ1 suggests."""
    values = {"shared_neighbors": shared_neighbors}
    if shared_neighbors > MOST_SHARED:
        return Evidence("views", "one view", "doubt", values)
    return Evidence("views", "two views", "neither", values)
