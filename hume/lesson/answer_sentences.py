"""Sentences about the lesson's twenty answers: what they changed, who gave them, and what they are compared with."""

from typing import TypeAlias

from hume.common.formatting import count, percent
from hume.lesson.answers import Accuracies, Outcome

Line: TypeAlias = tuple[str, int, float]  # what, its number of labels, its accuracy


def summary(outcome: Outcome) -> str:
    """One sentence on what the answers changed and, with people's labels, on what they are worth."""
    if not outcome.num_answers:
        return "No question was answered with a class, so no label changed."
    answers = count(outcome.num_answers, "answer")
    changed = f"**{len(outcome.change.rows):,} of {outcome.num_samples:,}** labels"
    known = outcome.accuracies
    if known is None:
        return f"{answers} changed {changed}."
    return (
        f"{answers} changed {changed}: **{percent(known.after)}** of all pictures are now labeled as people do, before "
        f"**{percent(known.before)}**; a classifier that learns from {count(outcome.num_answers, 'random label')} "
        f"alone reaches **{percent(float(known.alone.mean()))}** on average."
    )


def answerers(outcome: Outcome) -> str:
    """Who answered, where it was not the class alone; with people's labels also how many answers are theirs."""
    texts, answers = [], count(outcome.num_answers, "answer")
    if outcome.by_computer:
        texts.append(f"The computer gave {outcome.by_computer} of the {answers}, by people's labels.")
    if outcome.accuracies is not None and outcome.by_computer < outcome.num_answers:
        texts.append(f"{outcome.accuracies.same} of the {answers} are people's label of the picture.")
    return " ".join(texts)


def explanation(outcome: Outcome) -> str:
    """What the three bars compare; nothing without people's labels."""
    if outcome.accuracies is None:
        return ""
    pictures, draws = count(outcome.num_answers, "random picture"), len(outcome.accuracies.alone)
    return (
        f"Random labels alone: a linear classifier in both spaces learns the true labels of {pictures}; the mean of "
        f"{draws} draws, the whisker from the lowest to the highest. The search: every found class has the name of the "
        "people's class that it matches best before the first answer."
    )


def table(outcome: Outcome) -> tuple[list[str], list[Line]]:
    """Header and rows of the comparison with every draw of random labels; no rows without people's labels."""
    header, known, n = ["labels", "number", "accuracy"], outcome.accuracies, outcome.num_answers
    if known is None:
        return header, []
    alone: list[Line] = [("random labels alone", n, float(accuracy)) for accuracy in known.alone]
    return header, [*alone, *means(known, n)[1:]]


def means(known: Accuracies, num_answers: int) -> list[Line]:
    """The three bars: what is compared, its number of labels, its accuracy."""
    return [
        ("random labels alone", num_answers, float(known.alone.mean())),
        ("the search, no label", 0, known.before),
        ("the search and answers", num_answers, known.after),
    ]
