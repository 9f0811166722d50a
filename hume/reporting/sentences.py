"""What a run's numbers say, in plain sentences that any page or file may show; text only, no markup.

Functions whose numbers may need the ground truth take `truth`, whether it may be shown; without it
nothing of it is.
"""

import numpy as np

from hume.common.formatting import count, number, percent
from hume.evaluation.metrics import Correlation
from hume.evaluation.reliable import ReliabilityRanking
from hume.runs.findings import Findings
from hume.runs.replay import MissingTrajectories
from hume.runs.trajectory import MEBIBYTE

CLOSE = 0.005  # difference of two accuracies that is not worth a word
MAJORITY = 0.5  # share of the votes
SETTLED = 0.95  # share of the samples on which a vote is called the same


def trust(found: Findings, truth: bool) -> str:
    """Can the objective be trusted? How the scores of the seeds go with their accuracy, or with one another."""
    low, high, S = float(found.statistics.cv_score.min()), float(found.statistics.cv_score.max()), len(found.seeds)
    scored = f"A linear classifier in φ2 foretells the seeds' labels of unseen samples in {percent(low)} to "
    scored += f"{percent(high)} of all cases ({count(S, 'seed')}). "
    if not truth or found.statistics.accuracy is None:
        return scored + _consistency(found)
    if found.correlation is None:
        return scored + "There are not enough different seeds to say whether this score foretells their accuracy."
    return scored + _direction(found.correlation) + _among_the_rest(found)


def _consistency(found: Findings) -> str:
    S = len(found.seeds)
    if S == 1:
        return "There is no second seed to compare with."
    best = max(1, S // 10)
    same = percent(float(found.blind_top_n.consistency[best - 1]))
    who = "The best seed alone labels" if best == 1 else f"The {best} best seeds vote on"
    return f"{who} {same} of the samples as all {S} seeds do: the more the seeds agree, the more there is to be found."


def _direction(found: Correlation) -> str:
    interval = f"95 % interval {number(found.low)} to {number(found.high)}, {count(found.n, 'seed')}"
    r = f"r = {number(found.r)} ({interval})"
    if found.low <= 0 <= found.high:
        return f"Whether a higher score means a higher accuracy is not certain from these seeds: {r}."
    way = "better" if found.r > 0 else "worse"
    return f"Seeds with a higher score agree {way} with the true labels: {r}."


def _among_the_rest(found: Findings) -> str:
    failed, rest = int(found.statistics.failed.sum()), found.statistics.main_correlation
    if failed == 0 or rest is None:
        return ""
    verdict = "a higher score goes with a higher accuracy" if rest.low > 0 else "the score hardly ranks them"
    return (
        f" Without the {count(failed, 'seed')} whose score is far below the others, "
        f"r = {number(rest.r)} ({number(rest.low)} to {number(rest.high)}): among the rest {verdict}."
    )


def doubt(found: Findings, truth: bool) -> str:
    """Which samples are in doubt? How many the seeds agree on, and what agreement is worth."""
    S, share = len(found.seeds), found.vote.share
    if S == 1:
        return "This run has one seed: no sample is voted on."
    united, split = share == 1, share < MAJORITY
    words = f"All {S} seeds put {percent(float(united.mean()))} of the samples into the same class; on "
    words += f"{percent(float(split.mean()))} no class has half of the votes"
    if not truth or found.right is None or not united.any() or not split.any():
        return words + "."
    right, wrong = float(found.right[united].mean()), float(found.right[split].mean())
    return words + f". The first are right in {percent(right)} of all cases, the others in {percent(wrong)}."


def voters(found: Findings, truth: bool) -> str:
    """How many seeds does the vote need? The vote of all beside the best seed alone."""
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
    words = f"{abs(step) * 100:.1f} points {'above' if step > 0 else 'below'}"
    return (
        f"The vote of all {S} seeds is right on {percent(everyone)} of the samples (ARI {number(curve.ari[-1])}), "
        f"{'as right as' if abs(step) < CLOSE else words} the best-scored seed alone "
        f"({percent(best)}, ARI {number(curve.ari[0])})."
    )


def neighbors(ranking: ReliabilityRanking) -> str:
    """Are the neighbours of Algorithm G1 the nearest? How many of these an approximate search found; else nothing."""
    found = ranking.neighbor_recall
    if found is None:
        return ""
    return (
        f"Neighbours are approximate: {percent(found.share)} of the exact ones are found, "
        f"measured on {count(found.num_samples, 'sample')}."
    )


def missing_trajectories(missing: MissingTrajectories) -> str:
    """Why a replay does not show all of a run's search."""
    seeds = f"{missing.recorded} of {count(missing.finished, 'seed')}"
    kept = f"At most {missing.max_bytes / MEBIBYTE:g} MiB of a run are recorded: here {missing.frames} moments of "
    return {
        "imported": "This run was imported: its search is not known.",
        "unfinished": "No seed has ended yet.",
        "not recorded": f"{seeds} were recorded: the others were searched before searches were recorded, came "
        "without their trajectories, or there was no room on the disk.",
        "too many seeds": f"{kept}{missing.recorded} of its {count(missing.finished, 'seed')}.",
        "too many frames": f"{kept}each seed.",
    }[missing.reason]


def new_space(dataset: str, space: str) -> str:
    """What came of extracting, training or deriving a space."""
    return f"The space {space} of {dataset} is ready."
