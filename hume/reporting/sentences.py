"""Sentences about a run's numbers, for pages and files; text without markup.

Functions that may use the ground truth take `truth`, whether it may be shown.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from hume.common.formatting import count, number, percent
from hume.evaluation.metrics import Correlation
from hume.evaluation.reliable import ReliabilityRanking
from hume.experiments.criteria import Criterion, Row
from hume.runs.findings import Findings
from hume.runs.new_labels import NewLabels
from hume.runs.provenance import voting
from hume.runs.replay import MissingTrajectories
from hume.runs.request import View
from hume.runs.trajectory import MEBIBYTE

CLOSE = 0.005  # difference of two accuracies that counts as none
MAJORITY = 0.5  # share of the votes
CRITERIA: Mapping[Criterion, str] = MappingProxyType(
    {"score": "score in φ2 (paper)", "both": "mean of the scores in φ1 and φ2 (Eq. 2)", "likelihood": "likelihood"}
)
TOO_SURE = (
    "These probabilities put samples in order; as shares they are too high: on the embedded Fashion-MNIST 94 % of the "
    "samples have more than 0.99, and 73 % of those are right. An audit tells how many labels are right."
)
SETTLED = 0.95  # share of the samples on which a vote counts as the same


def first_ranked(*found: Findings) -> str:
    """The adjective of the seeds that are ranked first: by likelihood or by score, or in some runs by either."""
    ranked = {"best-scored" if each.likelihood is None else "most likely" for each in found}
    return ranked.pop() if len(ranked) == 1 else "first-ranked"


def question(view: View) -> str:
    """What Figure 1 and the verdict without labels are to tell of a run: they judge what its view offers."""
    return "Is this labeling reliable?" if view == "refined" else "Is the ranking of the seeds reliable?"


def trust(found: Findings, truth: bool) -> str:
    """The answer to `question`: what ranks the seeds, and its correlation with accuracy, or their agreement."""
    likelihood, S = found.likelihood, len(found.seeds)
    if likelihood is None:
        low, high = float(found.statistics.cv_score.min()), float(found.statistics.cv_score.max())
        ranked = f"A linear classifier in φ2 predicts {percent(low)} to {percent(high)} of the seeds' labels on "
        ranked += f"held-out samples ({count(S, 'seed')}). "
    else:
        low, high = float(likelihood.min()), float(likelihood.max())
        ranked = f"It is {voting(found)}. After refinement the mean log-likelihood of a sample is {number(low)} to "
        ranked += f"{number(high)} nats ({count(S, 'seed')}). "
    if not truth or found.statistics.accuracy is None:
        return ranked + _consistency(found)
    if found.correlation is None:
        what = "score" if likelihood is None else "likelihood"
        return ranked + f"There are not enough different seeds to say whether this {what} predicts their accuracy."
    return ranked + _direction(found, found.correlation) + _among_the_rest(found)


def _consistency(found: Findings) -> str:
    S = len(found.seeds)
    if S == 1:
        return "There is no second seed to compare with."
    best, first = max(1, S // 10), first_ranked(found)
    same = percent(float(found.blind_top_n.consistency[best - 1]))
    who = f"The {first} seed alone labels" if best == 1 else f"The {best} {first} seeds vote on"
    return f"{who} {same} of the samples as all {S} seeds do: the more the seeds agree, the clearer the classes."


def _direction(found: Findings, correlation: Correlation) -> str:
    what = "score" if found.likelihood is None else "likelihood"
    if correlation.is_settled:
        more = "more" if correlation.r > 0 else "less"
        return f"Seeds with a higher {what} are {more} accurate: {in_words(correlation)}."
    seeds, needed = count(correlation.n, "seed"), correlation.num_needed
    enough = f"if it stays so, about {needed} do" if needed else "more would hardly tell"
    r = f"r = {number(correlation.r)}, {_range(correlation)}"
    return f"{seeds} do not tell whether those with a higher {what} are more accurate ({r}); {enough}."


def in_words(correlation: Correlation) -> str:
    """r with its interval and the number of seeds."""
    return f"r = {number(correlation.r)} ({_range(correlation)}, {count(correlation.n, 'seed')})"


def _range(correlation: Correlation) -> str:
    return f"95 % interval {number(correlation.low)} to {number(correlation.high)}"


def _among_the_rest(found: Findings) -> str:
    failed, rest = int(found.statistics.failed.sum()), found.statistics.main_correlation
    if failed == 0 or rest is None or found.likelihood is not None:
        return ""
    verdict = "a higher score means a higher accuracy" if rest.low > 0 else "the score hardly ranks them"
    return (
        f" Without {count(failed, 'failed seed')}, whose score is far below the others, "
        f"r = {number(rest.r)} ({number(rest.low)} to {number(rest.high)}): among the rest {verdict}."
    )


def criterion_row(row: Row) -> tuple[str, ...]:
    """A criterion, whose accuracy it is compared with, r, its interval and p."""
    found = row.correlation
    what = (CRITERIA[row.criterion], "after refinement" if row.refined else "as searched")
    if found is None:
        return (*what, "–", "too few different seeds", "–")
    p = "–" if not found.p_agrees else "below 0.001" if found.p < 0.001 else number(found.p, 3)
    return (*what, number(found.r), f"{number(found.low)} to {number(found.high)}", p)


def doubt(found: Findings, truth: bool) -> str:
    """Which samples are uncertain? How many the voters agree on, and the accuracy of both groups."""
    S, share = len(found.voters), found.vote.share
    if S == 1:
        alone = "This run has one seed" if len(found.seeds) == 1 else "Of so few seeds only the most likely one counts"
        return f"{alone}: there is no vote."
    united, split = share == 1, share < MAJORITY
    if found.final is None:
        who = f"All {S} seeds" if found.mode is None else f"All {S} seeds that found this labeling"
        text = f"{who} put {percent(float(united.mean()))} of the samples into the same class; on "
        text += f"{percent(float(split.mean()))} no class has half of the votes"
    else:
        text = f"All {S} seeds that vote give {percent(float(united.mean()))} of the samples the class that refinement "
        text += f"gives them; on {percent(float(split.mean()))} fewer than half of them do"
    if not truth or found.right is None or not united.any() or not split.any():
        return text + "."
    right, wrong = float(found.right[united].mean()), float(found.right[split].mean())
    return text + f". The accuracy is {percent(right)} on the former and {percent(wrong)} on the latter."


def voters(found: Findings, truth: bool) -> str:
    """How many seeds does the vote need? The vote of this view compared with the first-ranked seed."""
    S = len(found.seeds)
    if S == 1:
        return "This run has one seed: there is nothing to vote on."
    curve = found.top_n if truth else found.blind_top_n
    if curve.acc is None or curve.ari is None:
        settled = 1 + int(np.flatnonzero(curve.consistency < SETTLED).max(initial=-1)) + 1
        return (
            f"The {first_ranked(found)} seed alone labels {percent(float(curve.consistency[0]))} of the samples as the "
            f"vote of all {S} does; from {count(settled, 'seed')} on it is always {percent(SETTLED, 0)} or more."
        )
    agreement = found.vote_agreement
    acc, ari = (curve.acc[-1], curve.ari[-1]) if agreement is None else (agreement.acc, agreement.ari)
    step = acc - float(curve.acc[0])
    difference = f"{abs(step) * 100:.1f} points {'above' if step > 0 else 'below'}"
    return (
        f"{capital(voting(found))} is right on {percent(acc)} of the samples (ARI {number(ari)}), "
        f"{'as right as' if abs(step) < CLOSE else difference} the {first_ranked(found)} seed alone "
        f"({percent(float(curve.acc[0]))}, ARI {number(float(curve.ari[0]))})."
    )


def curve_end(found: Findings) -> int:
    """How many of the first-ranked seeds vote, to mark on the curve; all where those of a mode vote."""
    return len(found.seeds) if found.mode is not None else len(found.voters)


def curve(found: Findings, first: str) -> str:
    """How to read the top-n curves of runs that include this one."""
    text = f"The n {first} seeds vote. Ring: the {first} seed alone. "
    if found.mode is not None:
        return f"{text}Star: all seeds. The labeling in use is {voting(found)}."
    if found.view == "searched":
        return f"{text}Star: all seeds, the paper's choice, which needs no ground truth."
    return (
        f"{text}Star: where the seeds that vote end, {len(found.voters)} in this run, chosen without ground truth. The "
        "labeling in use is their vote, refined once more."
    )


def offered(found: Findings) -> str:
    """The heading of the found classes: who votes, of how many random starts."""
    return capital(voting(found)).replace("seeds", "random starts").replace("seed", "random start")


def gain(found: Findings) -> str:
    """What does refinement change? The accuracy of the vote as searched; empty without refinement or ground truth."""
    refined, searched = found.vote_agreement, found.searched.vote_agreement
    if found.view == "searched" or refined is None or searched is None:
        return ""
    what = voting(found.searched)
    return f"Without refinement {what} is right on {percent(searched.acc)}."


def not_refined(scores: Mapping[str, Any]) -> str:
    """Why a run that should be refined is not; empty where it is, or should not be."""
    why = scores.get("not_refined")
    return f"This run's labelings are not refined: {why}. They are shown as searched." if why else ""


def capital(text: str) -> str:
    """A text that begins a sentence."""
    return text[0].upper() + text[1:]


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


def new_space(dataset: str, space: str) -> str:
    """The message after a space is extracted, trained or derived."""
    return f"The space {space} of {dataset} is ready."


def new_labels(labels: NewLabels) -> str:
    """How many new samples are labeled, and how many of them are unlike all that the run has seen."""
    M = len(labels.classes)
    text = f"{count(M, 'sample')} {'is' if M == 1 else 'are'} labeled as run {labels.run} labels its own"
    if labels.far is None:
        text += ", by φ1 alone: this run has no classifier in both spaces"
    else:
        far = int(labels.far.sum())
        text += f"; {far:,} {'is' if far == 1 else 'are'} far from all that it has seen"
    if labels.set_aside:
        text += f"; {count(len(labels.set_aside), 'file')} cannot be read"
    return f"{text}."
