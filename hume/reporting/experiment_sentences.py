"""Sentences that state the results of experiments, for pages, files and the command line; text only, no markup.

Functions with `truth` mention what needs the ground truth only where it is true.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from hume.common.formatting import count, number, percent
from hume.evaluation.metrics import Spread
from hume.experiments.ablation import Sweep, Value, value_name
from hume.experiments.class_sizes import SizeEstimate
from hume.experiments.comparison import Preference, Standing
from hume.experiments.methods import AS_IN_PAPER, HUME, METHODS
from hume.experiments.negative_controls import WITHOUT_PHI2
from hume.experiments.number_of_classes import LEAST_SEEDS as LEAST_SWEPT
from hume.experiments.number_of_classes import Suggestion
from hume.experiments.semi_supervised import SemiSupervised
from hume.experiments.trained_heads import Point

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

_FIRST: Mapping[str, str] = MappingProxyType(
    {
        HUME: "what a run offers",
        "shuffled": "how much comes from φ1 alone",
        "kmeans-both": "the usual first try",
    }
)


def first_tries(missing: Sequence[str]) -> str:
    """What to run first of `hume.experiments.methods.FIRST`, and what each tells."""
    return f"To begin with: {'; '.join(f'{METHODS[key].title} ({_FIRST[key]})' for key in missing)}."


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
    n = len(standings)
    return " ".join(sentences) or f"{count(n, 'method')} {'was' if n == 1 else 'were'} run on this pair of spaces."


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
