"""Sentences that state the results of experiments, for pages, files and the command line; text only, no markup.

Functions with `truth` mention what needs the ground truth only where it is true.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from hume.common.formatting import count, number, percent
from hume.evaluation.metrics import Correlation, Spread
from hume.experiments.ablation import Sweep, Value, value_name
from hume.experiments.class_sizes import SizeEstimate
from hume.experiments.comparison import Preference, Standing
from hume.experiments.methods import AS_IN_PAPER, HUME
from hume.experiments.negative_controls import NEGATIVE_CONTROLS, WITHOUT_PHI2
from hume.experiments.number_of_classes import LEAST_SEEDS as LEAST_SWEPT
from hume.experiments.number_of_classes import Suggestion
from hume.experiments.semi_supervised import SemiSupervised
from hume.experiments.trained_heads import Point
from hume.experiments.trust import Judgement, Subject
from hume.experiments.trust_evidence import LEAST_SEEDS, Evidence, Kind

SUBJECTS: Mapping[Subject, str] = MappingProxyType(
    {"ranking": "the ranking of the seeds", "labeling": "the most likely labeling"}
)
SWEEPS: Mapping[str, str] = MappingProxyType(
    {
        "entropy-weight": "Without the entropy term nearly all samples end in one class. Settings as in the paper: φ1 "
        "not centred, Householder prototypes and its schedule, because centring alone keeps classes apart.",
        "seeds": "How many seeds the vote needs: the seeds of one search in groups of n, each with its own vote.",
        "split-size": "How many rows an iteration needs, as a share of those the preset draws; two thirds are train "
        "rows.",
        "temperature": "How hard the labels are during the search: a low temperature of the sparsemax gives every "
        "sample one class from the start.",
        "schedule": "Whether it helps to divide temperature and step size by 10 at two iterations, as the paper does "
        "at 100 and 200.",
        "ridge": "How strongly the classifier in φ2 is regularized during the search, as a multiple of the preset's λ; "
        "scores are computed with the same ridge for all.",
    }
)


def sweep_value(sweep: Sweep, value: Value) -> str:
    """One value of an ablation, with its unit."""
    if sweep.key == "split-size":
        return f"{100 * value:g} %"
    if isinstance(value, tuple):
        return " and ".join(map(str, value)) or value_name(value)
    return f"{value_name(value)} ×" if sweep.key == "ridge" else value_name(value)


# --- comparison ----------------------------------------------------------------------------------


def compared_with_others(standings: Sequence[Standing], truth: bool) -> str:
    """How HUME compares with the other methods on the same features; without the truth, by its score alone."""
    if not standings:
        return "No method was run on this pair of spaces yet: run HUME and the methods to compare it with."
    ours = [standing for standing in standings if standing.method.kind == "hume"]
    searched = next((standing for standing in ours if standing.method.key == AS_IN_PAPER), ours[0] if ours else None)
    controls = [standing for standing in standings if standing.method.key in WITHOUT_PHI2]
    scores = [control.cv_score.mean for control in controls if control.cv_score is not None]
    sentences = []
    if searched is not None and searched.cv_score is not None and scores:
        sentences.append(
            f"The cross-validation accuracy in φ2 of HUME's labels is {percent(searched.cv_score.mean)}, that of the "
            f"negative controls' labels {percent(max(scores))}."
        )
    if truth and ours and ours[0].vote_acc is not None:
        sentences += [*_best_other(ours[0], ours[0].vote_acc, standings), *_votes_of_controls(controls)]
    return " ".join(sentences) or f"{count(len(standings), 'method')} were run on this pair of spaces."


def _best_other(ours: Standing, accuracy: float, standings: Sequence[Standing]) -> list[str]:
    others = [line for line in standings if line.method.kind == "baseline" and line.acc is not None]
    if not others:
        return []
    best = max(others, key=_accuracy)
    over = ""
    if best.vote_acc is None and best.acc is not None and best.acc.n > 1:
        over = f" ± {100 * best.acc.std:.1f} over {count(best.num_seeds, 'seed')}"
    what = "labeling" if ours.method.key == HUME else "vote"
    text = f"The accuracy of HUME's {what} is {percent(accuracy)}; that of the best other method without labels, "
    return [f"{text}{best.method.title}, is {percent(_accuracy(best))}{over}."]


def _accuracy(line: Standing) -> float:
    """Of the labeling that a method offers, else the mean over its seeds."""
    if line.vote_acc is not None:
        return line.vote_acc
    return -1.0 if line.acc is None else line.acc.mean


def _votes_of_controls(controls: Sequence[Standing]) -> list[str]:
    votes = [control.vote_acc for control in controls if control.vote_acc is not None]
    if not votes:
        return []
    return [f"The accuracy of a negative control's vote is {percent(max(votes))}: that much comes from φ1 alone."]


def preferred_by_likelihood(preference: Preference | None, truth: bool) -> str:
    """Which labeling of all methods the likelihood in both spaces prefers, after refinement; empty without a pool."""
    if preference is None:
        return ""
    ours, other = preference.ours, preference.other
    title = other.method.title + ("" if other.method.refines else ", refined")
    first, second, by = ours, other, "By the likelihood in both spaces"
    if preference.preferred is None:
        text = f"{by} HUME's labeling and that of {title}, are equally good: "
    elif preference.preferred is ours:
        text = f"{by} HUME's labeling is preferred to that of the best other method, {title}: "
    else:
        first, second = other, ours
        text = f"{by} the labeling of {title}, is preferred to HUME's: "
    text += f"{_nats(first)} against {_nats(second)} nats a sample"
    if truth and first.refined_acc is not None and second.refined_acc is not None:
        text += f"; their accuracies are {percent(first.refined_acc)} and {percent(second.refined_acc)}"
    return f"{text}."


def _nats(line: Standing) -> str:
    return "–" if line.likelihood is None else number(line.likelihood)


# --- trust ---------------------------------------------------------------------------------------

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


# --- classes -------------------------------------------------------------------------------------


def number_of_classes(suggestion: Suggestion) -> str:
    """The suggested number of classes, and why it is uncertain."""
    K, best = suggestion.num_classes, suggestion.best
    if suggestion.doubt is None:
        return (
            f"{K} classes of about equal size: the score above chance ({percent(best.corrected.mean, 0)}) and "
            f"the agreement of the seeds ({best.stability:.2f}) are both largest there, and no other number is close."
        )
    doubts = {
        "few seeds": f"fewer than {LEAST_SWEPT} seeds were searched, too few to measure their agreement",
        "few numbers": "too few numbers of classes were tried to show a peak",
        "low score": "for every number, φ2 predicts little of the labels",
        "low stability": "for every number, the seeds agree only in part",
        "end of range": "it is at the end of the range, search a wider one",
        "different peaks": f"the score above chance is largest at {suggestion.best_score} classes, the agreement of "
        f"the seeds at {suggestion.most_stable}",
        "several": f"from {suggestion.low} to {suggestion.high} some numbers are about as good",
    }
    return f"Unclear, {K} classes at best: {doubts[suggestion.doubt]}."


def class_sizes(estimate: SizeEstimate) -> str:
    """The estimated class sizes, and whether they may be chance."""
    best, other = (float(estimate.steps[step].information.mean()) for step in (estimate.best, estimate.other))
    predicted = f"φ2 predicts {best:.3f} nats of the labels"
    if estimate.best:
        largest, smallest = 100 * estimate.sizes[0], 100 * estimate.sizes[-1]
        sizes = f"classes from {smallest:.1f} to {largest:.1f}\u00a0% of the samples"
        text = f"{sizes}: with these sizes {predicted}, with equal ones {other:.3f}"
    else:
        text = f"classes of about equal size: {predicted}, less when they may be unequal"
    return f"{text[0].upper()}{text[1:]}." if estimate.sure == "clear" else f"Unclear, {text}, which may be chance."


# --- reliable samples as labels ------------------------------------------------------------------


def protocol(heads: SemiSupervised) -> str:
    """The rows that heads are trained and evaluated on."""
    train, held_out = int(heads.learning.sum()), int(heads.held_out.sum())
    rows = f"{train:,} train rows and evaluated on {held_out:,} test rows"
    if not heads.is_split:
        rows = f"{train:,} rows and evaluated on {held_out:,} held out at random, as there is no test split"
    return f"A linear head on the frozen features of {heads.space.name} is trained on {rows}."


def worth_of_labels(points: Sequence[Point], vote_accuracy: float | None, truth: bool) -> str:
    """The held-out accuracy of classifiers trained on these labels; without `truth`, their agreement with the vote.

    points: by ascending number of labels; vote_accuracy: of the run's vote on the held-out rows.
    """
    if not points:
        return "No classifier was trained on these samples yet."
    first, *others = dict.fromkeys((points[0], points[-1]))
    if not truth or first.reliable is None:
        text = f"With {count(first.per_class, 'reliable sample')} a class, a classifier agrees with the vote on "
        text += f"{_spread(first.agreement)} of the held-out samples"
        return text + "".join(f"; with {point.per_class}, on {_spread(point.agreement)}" for point in others) + "."
    text = f"With {count(first.per_class, 'label')} a class, the held-out accuracy of a classifier is "
    text += f"{_spread(first.reliable)} from reliable samples"
    text += "" if first.true is None else f" and {_spread(first.true)} from random true labels"
    for point in others:
        text += f"; with {point.per_class}, it is {_spread(point.reliable)}"
        text += "" if point.true is None else f" and {_spread(point.true)}"
    vote = "" if vote_accuracy is None else f" That of HUME's vote is {percent(vote_accuracy)}."
    return f"{text}.{vote}"


def _spread(numbers: Spread | None) -> str:
    if numbers is None:
        return "–"
    return percent(numbers.mean) + (f" ± {100 * numbers.std:.1f}" if numbers.n > 1 else "")
