"""What is looked at before the objective is trusted: one fact each, in words with its numbers, and what it means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from hume.common.formatting import count, number, percent
from hume.evaluation.metrics import Correlation, FloatArray, correlation
from hume.evaluation.seed_statistics import SeedStatistics
from hume.experiments.controls import CONTROLS

Speaks = Literal["for", "doubt", "against", "neither"]

LEAST_SEEDS = 10  # fewer say nothing about the ends of an interval
ONE_CLASS = 1.0  # difference in the effective number of classes below which unevenness explains no score
SPOILED = ("shuffled", "noise")  # controls in which φ2 holds nothing


@dataclass(frozen=True)
class Fact:
    """One thing that was looked at, in words with its numbers, and what it means for the verdict."""

    key: str
    says: str
    speaks: Speaks


def spread(seeds: SeedStatistics) -> Fact:
    """How far apart the scores are, and whether there are enough seeds with any order at all."""
    cv_score, num_samples = seeds.cv_score, seeds.labelings.shape[1]
    S, low, high = len(cv_score), float(cv_score.min()), float(cv_score.max())
    if S < LEAST_SEEDS:
        return Fact("spread", f"only {count(S, 'seed')}: at least {LEAST_SEEDS} are needed to compare them", "doubt")
    if np.ptp(np.round(cv_score, 9)) == 0:
        return Fact("spread", f"all {S} seeds have the same score, {percent(low)}: there is no order", "doubt")
    num_failed = int(seeds.failed.sum())
    mean = float(cv_score.mean())
    error = float(np.sqrt(mean * (1 - mean) / num_samples))
    words = f"scores lie between {percent(low)} and {percent(high)}, {100 * cv_score.std():.2f} points apart as a rule "
    words += f"(standard deviation); chance in {count(num_samples, 'sample')} moves a single one by {100 * error:.2f}"
    if num_failed:
        words += f"; {count(num_failed, 'seed')} failed, far below the others"
    return Fact("spread", words, "neither")


def alike(seeds: SeedStatistics) -> Fact:
    """How much the seeds find the same: one another and the vote."""
    if len(seeds.cv_score) == 1:
        return Fact("alike", "there is no second seed to compare with", "doubt")
    mean, least = float(seeds.vote_share.mean()), float(seeds.vote_share.min())
    words = f"two seeds have an adjusted Rand index of {number(float(seeds.agreement.mean()))} on average; "
    words += f"a seed agrees with the vote on {percent(mean)} of the samples, the least alike on {percent(least)}"
    return Fact("alike", words, "neither")


def classes(seeds: SeedStatistics, *, equal: bool = True) -> tuple[Fact, ...]:
    """Whether classes stayed empty, and whether better scores are bought with less even classes.

    equal: whether the search was asked for equal classes; where it was not, evenness speaks against nothing.
    """
    K, entropy, occupied = seeds.num_classes, seeds.label_entropy, seeds.occupied
    empty = int((occupied < K).sum())
    shown = f"{percent(float(entropy.mean() / np.log(K)))} of the largest possible entropy"
    if empty == 0:
        words = f"all {K} classes have samples in every seed; class sizes have {shown}"
    else:
        words = f"{empty} of {count(len(occupied), 'seed')} leave classes empty; class sizes have {shown}"
    facts = [Fact("classes", words, "doubt" if 2 * empty >= len(occupied) else "neither")]
    found = _going_together(seeds.cv_score, entropy)
    if equal and found is not None and np.ptp(np.exp(entropy)) >= ONE_CLASS:
        if found.high < 0:
            facts.append(Fact("even", f"better scores go with less even classes ({_in_words(found)})", "against"))
        else:
            words = f"better scores do not go with less even classes ({_in_words(found)})"
            facts.append(Fact("even", words, "neither"))
    return tuple(facts)


def above_chance(seeds: SeedStatistics) -> Fact:
    """Whether φ2 foretells more than whoever guesses the largest class."""
    corrected = float(np.median(seeds.corrected))
    if corrected <= 0:
        return Fact("chance", "the scores are no better than guessing the largest class", "against")
    words = f"where 0 % is guessing the largest class and 100 % is perfect, the median score is {percent(corrected)}"
    return Fact("chance", words, "neither")


def beside_controls(
    cv_score: FloatArray, controls: Mapping[str, FloatArray], *, equal: bool = True
) -> tuple[Fact, ...]:
    """How the scores stand beside searches on spoiled pairs, as far as these were run.

    equal: whether the search was asked for equal classes, as controls always are; where it was not, scores cannot be
    compared: unequal classes are easier to foretell.
    """
    if not equal and controls:
        return (
            Fact("controls", "the controls searched for equal classes: their scores cannot be compared", "neither"),
        )
    facts = []
    median = float(np.median(cv_score))
    for key, found in controls.items():
        best, title = float(np.max(found)), CONTROLS[key].title
        words = f"{percent(best)} at most with {title}, {percent(median)} here (median)"
        if key in SPOILED and best >= median:
            facts.append(Fact(key, f"the scores are no better than where φ2 was spoiled: {words}", "against"))
        else:
            facts.append(Fact(key, f"control: {words}", "neither"))
    return tuple(facts)


def judged_in_phi1(cv_score: FloatArray, phi1_score: FloatArray | None) -> Fact:
    """Whether φ1 ranks the seeds as φ2 does, or the other way round."""
    if phi1_score is None:
        return Fact("phi1", "the labelings were not judged in φ1", "doubt")
    found = _going_together(cv_score, phi1_score)
    where = f"a classifier in φ1 foretells {percent(float(np.mean(phi1_score)))} on average"
    if found is None:
        return Fact("phi1", f"{where}; whether it ranks the seeds as φ2 does cannot be told", "neither")
    if found.high < 0:
        words = f"seeds that φ2 foretells better, φ1 foretells worse ({_in_words(found)})"
        return Fact("phi1", words, "against")
    if found.low > 0:
        return Fact("phi1", f"φ1 ranks the seeds as φ2 does ({_in_words(found)})", "for")
    return Fact("phi1", f"φ1 does not contradict: {where} ({_in_words(found)})", "neither")


def shared_with_others(seeds: SeedStatistics) -> Fact:
    """Whether better scores go with what the other seeds find as well."""
    found = _going_together(seeds.cv_score, seeds.agreement)
    if found is None:
        return Fact("others", "whether better scores go with what the seeds share cannot be told", "doubt")
    if found.high < 0:
        words = f"better scores go with labelings that the other seeds share less ({_in_words(found)})"
        return Fact("others", words, "against")
    if found.low > 0:
        words = f"better scores go with labelings that the other seeds share more ({_in_words(found)})"
        return Fact("others", words, "for")
    words = f"better scores go neither with more nor with less agreement with the other seeds ({_in_words(found)})"
    return Fact("others", words, "doubt")


def _going_together(x: FloatArray, y: FloatArray) -> Correlation | None:
    """Rank correlation over seeds with its interval; None of too few seeds, or where either side is the same for all.

    Ranks are those of rounded numbers: differences in the last bit are none.
    """
    if len(x) < LEAST_SEEDS:
        return None
    return correlation(rankdata(np.round(x, 9)), rankdata(np.round(y, 9)))


def _in_words(found: Correlation) -> str:
    return (
        f"rank correlation {number(found.r)}, 95 % interval {number(found.low)} to {number(found.high)}, "
        f"{count(found.n, 'seed')}"
    )
