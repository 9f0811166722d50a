"""What the experiments' numbers mean, in plain sentences that any page or file may show; text only, no markup.

Functions with `truth` mention what needs the ground truth only where it is true.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from hume.common.formatting import count, number, percent
from hume.evaluation.metrics import Correlation, Spread
from hume.experiments.ablation import Sweep, Value, value_name
from hume.experiments.class_sizes import SizeEstimate
from hume.experiments.comparison import Standing
from hume.experiments.negative_controls import NEGATIVE_CONTROLS, WITHOUT_PHI2
from hume.experiments.number_of_classes import LEAST_SEEDS as LEAST_SWEPT
from hume.experiments.number_of_classes import Suggestion
from hume.experiments.semi_supervised import SemiSupervised
from hume.experiments.trained_heads import Point
from hume.experiments.trust import Trust
from hume.experiments.trust_evidence import LEAST_SEEDS, Evidence, Kind

SWEEPS: Mapping[str, str] = MappingProxyType(
    {
        "entropy-weight": "Without the entropy term nearly all samples end in one class: made as in the paper, with φ1 "
        "not centred, Householder prototypes and its schedule, because centring alone keeps classes apart.",
        "seeds": "How many seeds the vote needs: the seeds of one search in groups of n, each with its own vote.",
        "split-size": "How many rows an iteration needs: shares of those the preset draws, two thirds of them to "
        "train.",
        "temperature": "How hard the labels are while they are searched: a low temperature of the sparsemax gives "
        "every sample one class from the start.",
        "schedule": "Whether it helps to divide temperature and step size by 10 at two iterations, as the paper does "
        "at 100 and 200.",
        "ridge": "How strongly the classifier in φ2 is regularized while labels are searched, as a multiple of the "
        "preset's λ; scores are computed with the same ridge for all.",
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


def beside_others(standings: Sequence[Standing], truth: bool) -> str:
    """How HUME compares with what else was run on the same features; without the truth, by its score alone."""
    if not standings:
        return "Nothing was run on this pair of spaces yet: run HUME and what it is compared with."
    ours = next((each for each in standings if each.method.kind == "hume"), None)
    controls = [each for each in standings if each.method.key in WITHOUT_PHI2]
    scores = [each.cv_score.mean for each in controls if each.cv_score is not None]
    sentences = []
    if ours is not None and ours.cv_score is not None and scores:
        sentences.append(
            f"A classifier in φ2 predicts HUME's labels of held-out samples with {percent(ours.cv_score.mean)} "
            f"accuracy, and those of the negative controls with {percent(max(scores))}."
        )
    if truth and ours is not None and ours.vote_acc is not None:
        sentences += [*_best_other(ours.vote_acc, standings), *_votes_of_controls(controls)]
    return " ".join(sentences) or f"{count(len(standings), 'method')} were run on this pair of spaces."


def _best_other(vote_acc: float, standings: Sequence[Standing]) -> list[str]:
    others = [(each.acc, each) for each in standings if each.method.kind == "baseline" and each.acc is not None]
    if not others:
        return []
    acc, best = max(others, key=lambda pair: pair[0].mean)
    over = f" ± {100 * acc.std:.1f} over {count(best.num_seeds, 'seed')}" if acc.n > 1 else ""
    text = f"HUME's vote is right on {percent(vote_acc)} of the samples; the best other method without labels, "
    return [f"{text}{best.method.title}, on {percent(acc.mean)}{over}."]


def _votes_of_controls(controls: Sequence[Standing]) -> list[str]:
    votes = [each.vote_acc for each in controls if each.vote_acc is not None]
    if not votes:
        return []
    return [f"The vote of a negative control is right on {percent(max(votes))}: that much comes from φ1 alone."]


# --- trust ---------------------------------------------------------------------------------------

_SCORES = (
    "scores are between {low} and {high}, with a standard deviation of {std} points; the standard error of one of "
    "them, over {num_samples}, is {error} points"
)
_SIZES = "class sizes have {evenness} of the largest possible entropy"
_IN_PHI1 = "the cross-validation accuracy in φ1 is {phi1_score} on average"
_BESIDE = "{best} at most with {title}, {median} here (median)"
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
        "as good as control": f"the scores are no better than those of a negative control: {_BESIDE}",
        "control": f"negative control: {_BESIDE}",
        "no phi1 score": "the labelings were not scored in φ1",
        "phi1 unranked": f"{_IN_PHI1}; too few scores differ to compare the rankings of φ1 and φ2",
        "opposite in phi1": "φ1 and φ2 rank the seeds in opposite order",
        "same in phi1": "φ1 and φ2 rank the seeds in the same order",
        "unrelated in phi1": f"φ1 does not contradict: {_IN_PHI1}",
        "others unranked": "too few scores differ to see whether better ones go with more agreement of the seeds",
        "shared less": "seeds with better scores agree less with the other seeds",
        "shared more": "seeds with better scores agree more with the other seeds",
        "shared alike": "seeds with better scores agree neither more nor less with the other seeds",
    }
)
_FORMATS: Mapping[str, Callable[[float], str]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("low", "high", "score", "vote_share", "least", "evenness", "corrected", "best", "median", "phi1_score"),
            percent,
        ),
        **dict.fromkeys(("std", "error"), lambda value: f"{100 * value:.2f}"),
        **dict.fromkeys(("num_seeds", "num_failed"), lambda value: count(int(value), "seed")),
        **dict.fromkeys(("num_classes", "empty"), lambda value: f"{value:,.0f}"),
        "num_samples": lambda value: count(int(value), "sample"),
        "agreement": number,
    }
)


def verdict(judged: Trust) -> str:
    """Whether the ranking of the seeds is reliable, with the first reason."""
    texts = {
        way: [evidence(each) for each in judged.evidence if each.supports == way] for way in ("for", "doubt", "against")
    }
    if judged.verdict == "reliable":
        return f"No evidence against the ranking of the seeds: {'; '.join(texts['for'])}."
    if judged.verdict == "unclear":
        return f"Unclear whether the ranking of the seeds is reliable here: {texts['doubt'][0]}."
    first, *others = texts["against"]
    more = f" {count(len(others), 'more finding')} against it." if others else ""
    return f"The ranking of the seeds is not reliable here: {first}.{more}"


def evidence(found: Evidence) -> str:
    """One piece of evidence with its numbers, without a full stop."""
    values = {name: _FORMATS[name](value) for name, value in found.values.items()}
    control = NEGATIVE_CONTROLS.get(found.key)
    text = _EVIDENCE[found.kind].format(
        title="" if control is None else control.title, least_seeds=LEAST_SEEDS, **values
    )
    return text if found.correlation is None else f"{text} ({_interval(found.correlation)})"


def _interval(ranks: Correlation) -> str:
    return (
        f"rank correlation {number(ranks.r)}, 95 % interval {number(ranks.low)} to {number(ranks.high)}, "
        f"{count(ranks.n, 'seed')}"
    )


# --- classes -------------------------------------------------------------------------------------


def number_of_classes(found: Suggestion) -> str:
    """How many classes there seem to be, and why that is uncertain."""
    K, best = found.num_classes, found.best
    if found.doubt is None:
        return (
            f"{K} classes of about equal size: there the score above chance ({percent(best.corrected.mean, 0)}) and "
            f"the agreement of the seeds ({best.stability:.2f}) are both largest, and no other number comes near."
        )
    doubts = {
        "few seeds": f"fewer than {LEAST_SWEPT} seeds were searched, too few to see whether they agree",
        "few numbers": "too few numbers of classes were tried to see a peak",
        "low score": "for every number, φ2 predicts little of the labels",
        "low stability": "for every number, the seeds agree only in part",
        "end of range": "it is at the end of the range, search a wider one",
        "different peaks": f"the score above chance is largest at {found.best_score} classes, the agreement of the "
        f"seeds at {found.most_stable}",
        "several": f"from {found.low} to {found.high} some numbers are about as good",
    }
    return f"Unclear, {K} classes at best: {doubts[found.doubt]}."


def class_sizes(found: SizeEstimate) -> str:
    """How large the classes seem to be, and whether that may be chance."""
    best, other = (float(found.steps[step].information.mean()) for step in (found.best, found.other))
    predicted = f"φ2 predicts {best:.3f} nats of the labels"
    if found.best:
        largest, smallest = 100 * found.sizes[0], 100 * found.sizes[-1]
        sizes = f"classes from {smallest:.1f} to {largest:.1f}\u00a0% of the samples"
        text = f"{sizes}: with these sizes {predicted}, with equal ones {other:.3f}"
    else:
        text = f"classes of about equal size: {predicted}, less when they may be unequal"
    return f"{text[0].upper()}{text[1:]}." if found.sure == "clear" else f"Unclear, {text}, which may be chance."


# --- reliable samples as labels ------------------------------------------------------------------


def protocol(heads: SemiSupervised) -> str:
    """On which rows classifiers are trained and judged."""
    learned, held_out = int(heads.learning.sum()), int((~heads.learning).sum())
    rows = f"{learned:,} train rows, judged on {held_out:,} test rows"
    if not heads.is_split:
        rows = f"{learned:,} rows, judged on {held_out:,} that are held out at random: there is no test split"
    return f"A linear head on the frozen features of {heads.space.name} learns from {rows}."


def worth_of_labels(points: Sequence[Point], vote_accuracy: float | None, truth: bool) -> str:
    """How right classifiers are that learned from these labels; without `truth`, how far they agree with the vote.

    points: by ascending number of labels; vote_accuracy: of the run's vote on the held-out rows.
    """
    if not points:
        return "No classifier was trained on these samples yet."
    first, *others = dict.fromkeys((points[0], points[-1]))
    if not truth or first.reliable is None:
        text = (
            f"With {count(first.per_class, 'reliable sample')} a class, a classifier gives {_spread(first.agreement)} "
        )
        text += "of the held-out samples the class that the vote gives them"
        return text + "".join(f"; with {each.per_class}, {_spread(each.agreement)}" for each in others) + "."
    text = f"With {count(first.per_class, 'label')} a class, a classifier is right on {_spread(first.reliable)} of the "
    text += "held-out samples where reliable samples are its labels"
    text += "" if first.true is None else f", and on {_spread(first.true)} where random true labels are"
    for each in others:
        text += f"; with {each.per_class}, on {_spread(each.reliable)}"
        text += "" if each.true is None else f" and on {_spread(each.true)}"
    vote = "" if vote_accuracy is None else f" HUME's vote itself is right on {percent(vote_accuracy)} of them."
    return f"{text}.{vote}"


def _spread(found: Spread | None) -> str:
    if found is None:
        return "–"
    return percent(found.mean) + (f" ± {100 * found.std:.1f}" if found.n > 1 else "")
