"""Sentences about a run's numbers, for pages and files; text without markup.

Functions that may use the ground truth take `truth`, whether it may be shown.
"""

import numpy as np

from hume.common.formatting import count, number, percent
from hume.evaluation.metrics import Correlation
from hume.evaluation.reliable import ReliabilityRanking
from hume.runs.evenness import Evenness
from hume.runs.findings import Findings
from hume.runs.replay import MissingTrajectories
from hume.runs.trajectory import MEBIBYTE

CLOSE = 0.005  # difference of two accuracies that counts as none
MAJORITY = 0.5  # share of the votes
SETTLED = 0.95  # share of the samples on which a vote counts as the same


def trust(found: Findings, truth: bool) -> str:
    """Is the ranking of the seeds reliable? Scores of the seeds and their correlation with accuracy, or agreement."""
    low, high, S = float(found.statistics.cv_score.min()), float(found.statistics.cv_score.max()), len(found.seeds)
    scored = f"A linear classifier in φ2 predicts {percent(low)} to {percent(high)} of the seeds' labels on held-out "
    scored += f"samples ({count(S, 'seed')}). "
    if not truth or found.statistics.accuracy is None:
        return scored + _consistency(found)
    if found.correlation is None:
        return scored + "There are not enough different seeds to say whether this score predicts their accuracy."
    return scored + _direction(found.correlation) + _among_the_rest(found)


def _consistency(found: Findings) -> str:
    S = len(found.seeds)
    if S == 1:
        return "There is no second seed to compare with."
    best = max(1, S // 10)
    same = percent(float(found.blind_top_n.consistency[best - 1]))
    who = "The best seed alone labels" if best == 1 else f"The {best} best seeds vote on"
    return f"{who} {same} of the samples as all {S} seeds do: the more the seeds agree, the clearer the classes."


def _direction(found: Correlation) -> str:
    interval = f"95 % interval {number(found.low)} to {number(found.high)}, {count(found.n, 'seed')}"
    r = f"r = {number(found.r)} ({interval})"
    if found.low <= 0 <= found.high:
        return f"Whether seeds with a higher score are more accurate is uncertain: {r}."
    direction = "more" if found.r > 0 else "less"
    return f"Seeds with a higher score are {direction} accurate: {r}."


def _among_the_rest(found: Findings) -> str:
    failed, rest = int(found.statistics.failed.sum()), found.statistics.main_correlation
    if failed == 0 or rest is None:
        return ""
    verdict = "a higher score means a higher accuracy" if rest.low > 0 else "the score hardly ranks them"
    return (
        f" Without {count(failed, 'failed seed')}, whose score is far below the others, "
        f"r = {number(rest.r)} ({number(rest.low)} to {number(rest.high)}): among the rest {verdict}."
    )


def doubt(found: Findings, truth: bool) -> str:
    """Which samples are uncertain? How many the seeds agree on, and the accuracy of both groups."""
    S, share = len(found.seeds), found.vote.share
    if S == 1:
        return "This run has one seed: there is no vote."
    united, split = share == 1, share < MAJORITY
    text = f"All {S} seeds put {percent(float(united.mean()))} of the samples into the same class; on "
    text += f"{percent(float(split.mean()))} no class has half of the votes"
    if not truth or found.right is None or not united.any() or not split.any():
        return text + "."
    right, wrong = float(found.right[united].mean()), float(found.right[split].mean())
    return text + f". The accuracy is {percent(right)} on the former and {percent(wrong)} on the latter."


def voters(found: Findings, truth: bool) -> str:
    """How many seeds does the vote need? The vote of all seeds compared with the best seed."""
    S = len(found.seeds)
    if S == 1:
        return "This run has one seed: there is nothing to vote on."
    curve = found.top_n if truth else found.blind_top_n
    if curve.acc is None or curve.ari is None:
        settled = 1 + int(np.flatnonzero(curve.consistency < SETTLED).max(initial=-1)) + 1
        return (
            f"The best seed alone labels {percent(float(curve.consistency[0]))} of the samples as the vote of all "
            f"{S} does; from {count(settled, 'seed')} on it is always {percent(SETTLED, 0)} or more."
        )
    best, everyone = float(curve.acc[0]), float(curve.acc[-1])
    step = everyone - best
    difference = f"{abs(step) * 100:.1f} points {'above' if step > 0 else 'below'}"
    return (
        f"The vote of all {S} seeds is right on {percent(everyone)} of the samples (ARI {number(curve.ari[-1])}), "
        f"{'as right as' if abs(step) < CLOSE else difference} the best-scored seed alone "
        f"({percent(best)}, ARI {number(curve.ari[0])})."
    )


def neighbors(ranking: ReliabilityRanking) -> str:
    """The recall of an approximate neighbour search; empty for an exact one."""
    recall = ranking.neighbor_recall
    if recall is None:
        return ""
    return (
        f"Neighbours are approximate: {percent(recall.share)} of the exact ones are found, "
        f"measured on {count(recall.num_samples, 'sample')}."
    )


def missing_trajectories(missing: MissingTrajectories) -> str:
    """Why a replay does not show all of a run's search."""
    seeds = f"{missing.recorded} of {count(missing.finished, 'seed')}"
    limit = f"At most {missing.max_bytes / MEBIBYTE:g} MiB of a run are recorded, here {missing.frames} moments of "
    return {
        "imported": "This run is imported, without its search.",
        "unfinished": "No seed has ended yet.",
        "not recorded": f"{seeds} are recorded: the others have no trajectories.",
        "too many seeds": f"{limit}{missing.recorded} of its {count(missing.finished, 'seed')}.",
        "too many frames": f"{limit}each seed.",
    }[missing.reason]


def evenness(chosen: Evenness | None) -> str:
    """How even the classes are kept, and why; empty where nothing was to choose."""
    if chosen is None:
        return ""
    if chosen.chosen == 0:
        return "Classes are kept even: searched with less weight on that, labelings are not clearly more likely."
    way = chosen.ways[chosen.chosen]
    centred = "" if way.centre == chosen.ways[0].centre else " and φ1 not centred"
    return (
        f"The evidence is against classes of equal size: with η = {way.entropy_weight:g} instead of "
        f"{chosen.ways[0].entropy_weight:g}{centred}, labelings are more likely by {chosen.gain:.2f} nats a sample, "
        "and this run is searched that way."
    )


def new_space(dataset: str, space: str) -> str:
    """The message after a space is extracted, trained or derived."""
    return f"The space {space} of {dataset} is ready."
