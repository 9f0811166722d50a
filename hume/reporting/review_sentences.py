"""Sentences about a person's answers: what a step did, what undoing it does, what moved, how many labels are right."""

from hume.common.formatting import count, percent
from hume.evaluation.audit import Audit, Estimate
from hume.runs.history import Step
from hume.runs.review_state import NONE, Review


def step(what: Step, review: Review) -> str:
    """One step of the history."""
    rows = what.get("rows", [])
    samples = f"sample {rows[0]}" if len(rows) == 1 else count(len(rows), "sample")
    match what["kind"]:
        case "name":
            return (
                f"class {what['class']} is called {what['name']}"
                if what["name"]
                else f"class {what['class']} has no name"
            )
        case "reject":
            return f"{samples} {'rejected' if what['rejected'] else 'kept again'}"
        case "answer":
            return f"{samples} set aside" if what["class"] == NONE else f"{samples}: {review.name(what['class'])}"
        case "new":
            return f"{samples}: a new class, {review.name(what['class'])}"
        case "clear":
            return f"{samples}: answer taken back"
        case "skip":
            return f"{samples} skipped"
        case "merge":
            return f"{review.name(what['class'])} and class {what['other']} are one"
        case "split":
            return f"{review.name(what['class'])} is two: the other part is {review.name(what['other'])}"
        case "draw":
            return f"an audit of {count(len(what['drawn']), 'sample')} drawn"
        case "audit":
            return f"audit, {samples}: {class_name(what['class'], review)}"
    raise KeyError(what["kind"])


def class_name(number: int, review: Review) -> str:
    """The name of a class that a person gave, or that it is none."""
    return "none of the classes" if number == NONE else review.name(number)


def summary(review: Review) -> str:
    """How much a person said."""
    aside = len(review.set_aside)
    parts = [count(len(review.answers) - aside, "answer")]
    parts += [f"{count(aside, 'sample')} set aside"] if aside else []
    parts += [f"{count(len(review.new), 'new class', 'new classes')}"] if review.new else []
    parts += [f"{count(len(review.merged), 'class', 'classes')} merged"] if review.merged else []
    parts += [f"{len(review.audited)} of {count(len(review.drawn), 'sample')} audited"] if review.drawn else []
    return ", ".join(parts)


def undoing(what: Step, review: Review) -> str:
    """The label of the button that undoes a step."""
    if what["kind"] == "reject":
        return f"{'keep' if what['rejected'] else 'reject'} sample {what['rows'][0]} again"
    if what["kind"] == "name":
        return f"call class {what['class']} {what['before'] or 'by its number'} again"
    return f"undo: {step(what, review)}"


def moved(flows: list[tuple[int, int, int]], review: Review) -> str:
    """How many samples changed their class, and between which classes most of them."""
    total = sum(number for _, _, number in flows)
    if not total:
        return "No sample changed its class."
    before, after, number = flows[0]
    if len(flows) == 1:
        return f"{count(total, 'sample')} moved from {review.name(before)} to {review.name(after)}."
    most = f"{number:,} of them from {review.name(before)} to {review.name(after)}"
    return f"{count(total, 'sample')} changed their class, {most}."


def interval(estimate: Estimate) -> str:
    """A share with its interval and its n."""
    return f"{percent(estimate.share)} ({percent(estimate.low)} to {percent(estimate.high)}, n = {estimate.n})"


def standing(review: Review, found: Audit | None) -> str:
    """What a labeling owes to a person, and how many labels are right by the audit; empty where there is neither."""
    given = f"Corrected by a person: {summary(review)} (version {review.version})." if review.corrects else ""
    return " ".join(filter(None, (given, audit(found) if found is not None else "")))


def audit(found: Audit) -> str:
    """How many labels are right, by the audit."""
    overall = found.overall
    return (
        f"By an audit of {count(overall.n, 'sample')} drawn at random, {percent(overall.share)} of the labels that "
        f"were not given by hand are right; the 95 % interval is {percent(overall.low)} to {percent(overall.high)}."
    )
