"""Sentences about whether a run is reliable: the verdict and its evidence; text without markup."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from hume.common.formatting import count, number, percent
from hume.evaluation.metrics import Correlation
from hume.experiments.judgement import LEAST_SEEDS, Evidence, Judgement, Kind, Subject
from hume.experiments.negative_controls import NEGATIVE_CONTROLS

SUBJECTS: Mapping[Subject, str] = MappingProxyType(
    {"ranking": "the ranking of the seeds", "labeling": "the most likely labeling"}
)

_SCORES = (
    "scores are between {low} and {high}, with a standard deviation of {std} points; the standard error of one of "
    "them, over {num_samples}, is {error} points"
)
_SIZES = "class sizes have {evenness} of the largest possible entropy"
_IN_PHI1 = "the cross-validation accuracy in φ1 is {phi1_score} on average"
_COMPARED = "{best} at most with {title}, {median} here (median)"
_GAP = "the likelihood is {gap} nats a sample above the next, its standard deviation within a labeling is {within}"
_NEAR = "{neighbor_agreement} of the nearest neighbours in both spaces are in the same class"
_IN_BOTH = "cross-validation accuracy is {phi1_score} in φ1 and {phi2_score} in φ2 on average"
_RANKS = "rank correlation with likelihood {phi1_rank} in φ1, {phi2_rank} in φ2"
_SHARED = "a sample has {shared_neighbors} of its nearest neighbours in common"
_EVIDENCE: Mapping[Kind, str] = MappingProxyType(
    {
        "few seeds": "only {num_seeds}: at least {least_seeds} are needed to compare them",
        "equal scores": "all {num_seeds} have the same score, {score}: there is no ranking",
        "scores": _SCORES,
        "failed seeds": f"{_SCORES}; {{num_failed}} failed, far below the others",
        "single seed": "there is no second seed to compare with",
        "agreement": "two seeds have an adjusted Rand index of {agreement} on average; a seed agrees with the vote on "
        "{vote_share} of the samples, the one that agrees least on {least}",
        "all classes": f"all {{num_classes}} classes have samples in every seed; {_SIZES}",
        "empty classes": f"{{empty}} of {{num_seeds}} leave classes empty; {_SIZES}",
        "less even": "better scores go with less even classes",
        "as even": "better scores do not go with less even classes",
        "at chance": "the scores are no better than predicting the largest class",
        "above chance": "where 0 % is predicting the largest class and 100 % is perfect, the median score is "
        "{corrected}",
        "incomparable controls": "the negative controls searched for equal classes: their scores cannot be compared",
        "as good as control": f"the scores are no better than those of a negative control: {_COMPARED}",
        "control": f"negative control: {_COMPARED}",
        "no phi1 score": "the labelings were not scored in φ1",
        "phi1 unranked": f"{_IN_PHI1}; too few scores differ to compare the rankings of φ1 and φ2",
        "opposite in phi1": "φ1 and φ2 rank the seeds in opposite order",
        "same in phi1": "φ1 and φ2 rank the seeds in the same order",
        "unrelated in phi1": f"no evidence against the ranking in φ1: {_IN_PHI1}",
        "others unranked": "too few scores differ to test whether better ones go with more agreement of the seeds",
        "shared less": "seeds with better scores agree less with the other seeds",
        "shared more": "seeds with better scores agree more with the other seeds",
        "shared alike": "seeds with better scores agree neither more nor less with the other seeds",
        "likelihoods": "likelihoods are between {low_likelihood} and {high_likelihood} nats a sample",
        "one mode": "all {num_seeds} found nearly the same labeling",
        "split voters": "only {in_first} of the {num_voters} that vote found the most likely labeling; "
        "{num_modes} were found",
        "close modes": f"another labeling is about as likely: {_GAP}",
        "likeliest mode": "{in_first} of the {num_voters} that vote found it, and it is more likely than the others; "
        + _GAP,
        "neighbors unranked": f"{_NEAR}; there are too few different labelings to compare them by it",
        "opposite by neighbors": f"more likely labelings keep near samples together less; {_NEAR}",
        "same by neighbors": f"more likely labelings keep near samples together more; {_NEAR}",
        "unrelated by neighbors": f"more likely labelings keep near samples together neither more nor less; {_NEAR}",
        "scores unranked": f"{_IN_BOTH}; there are too few different labelings to compare them by it",
        "worse in both": f"more likely labelings have lower scores in both spaces; {_RANKS}; {_IN_BOTH}",
        "better in both": f"more likely labelings have higher scores in both spaces; {_RANKS}; {_IN_BOTH}",
        "scores apart": f"the scores in the two spaces do not rank the labelings alike: {_RANKS}; {_IN_BOTH}",
        "at chance in phi1": "φ1 predicts the labelings no better than their largest class",
        "at chance in phi2": "φ2 predicts the labelings no better than their largest class",
        "one view": f"φ1 and φ2 are one and the same view: {_SHARED}",
        "two views": f"φ1 and φ2 are different views: {_SHARED}",
    }
)
_FORMATS: Mapping[str, Callable[[float], str]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "low",
                "high",
                "score",
                "vote_share",
                "least",
                "evenness",
                "corrected",
                "best",
                "median",
                "phi1_score",
                "phi2_score",
                "neighbor_agreement",
                "shared_neighbors",
            ),
            percent,
        ),
        **dict.fromkeys(("gap", "within"), lambda value: number(value, 3)),
        **dict.fromkeys(("low_likelihood", "high_likelihood", "phi1_rank", "phi2_rank"), number),
        **dict.fromkeys(("std", "error"), lambda value: f"{100 * value:.2f}"),
        **dict.fromkeys(("num_seeds", "num_failed", "num_voters"), lambda value: count(int(value), "seed")),
        "num_modes": lambda value: count(int(value), "labeling"),
        **dict.fromkeys(("num_classes", "empty", "in_first"), lambda value: f"{value:,.0f}"),
        "num_samples": lambda value: count(int(value), "sample"),
        "agreement": number,
    }
)


def not_judged(about: Subject) -> str:
    """What a verdict would tell, before it is known; a sentence begins so."""
    return f"Whether {SUBJECTS[about]} is reliable"


def verdict(judged: Judgement) -> str:
    """Whether the ranking of the seeds, or the labeling of a refined run, is reliable, with the first reason."""
    texts = {
        direction: [evidence(item) for item in judged.evidence if item.supports == direction]
        for direction in ("for", "doubt", "against")
    }
    ranking, what = judged.about == "ranking", SUBJECTS[judged.about]
    if judged.verdict == "reliable":
        texts_for = texts["for"] if ranking else [text.split("; ")[0] for text in texts["for"]]
        return f"No evidence against {what}: {'; '.join(texts_for)}."
    if judged.verdict == "unclear":
        return f"Unclear whether {what} is reliable here: {texts['doubt'][0]}."
    first, *others = texts["against"]
    more = f" {count(len(others), 'more result')} against it." if others else ""
    if texts["for"]:
        return f"The signs disagree, so do not rely on {what} here: {first}; but {texts['for'][0]}.{more}"
    return f"{what[0].upper()}{what[1:]} is not reliable here: {first}.{more}"


def evidence(item: Evidence) -> str:
    """One piece of evidence with its numbers, without a full stop."""
    values = {name: _FORMATS[name](value) for name, value in item.values.items()}
    control = NEGATIVE_CONTROLS.get(item.key)
    text = _EVIDENCE[item.kind].format(
        title="" if control is None else control.title, least_seeds=LEAST_SEEDS, **values
    )
    return text if item.correlation is None else f"{text} ({_interval(item.correlation)})"


def _interval(ranks: Correlation) -> str:
    return (
        f"rank correlation {number(ranks.r)}, 95 % interval {number(ranks.low)} to {number(ranks.high)}, "
        f"{count(ranks.n, 'seed')}"
    )
