"""What a person decided about a run so far: the state that its steps lead to, one after the other."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from hume.runs.history import History, Step

NONE = -1  # the class of a row that is set aside, or of an audited row that is of none of the classes


@dataclass(frozen=True)
class Split:
    """A class that is two: `new` takes a part of it, as the labeling of the review `before` it has it."""

    number: int
    new: int
    before: "Review"


@dataclass(frozen=True)
class Review:
    """What a person decided about one run so far. Rows are sample numbers."""

    names: dict[int, str] = field(default_factory=dict)  # class -> name, only the named ones
    rejected: frozenset[int] = frozenset()  # reliable samples that are not kept
    answers: dict[int, int] = field(default_factory=dict)  # row -> class, or NONE for a row that is set aside
    skipped: frozenset[int] = frozenset()  # rows not to be asked again
    new: tuple[int, ...] = ()  # classes that were added, by a new class or a split
    merged: dict[int, int] = field(default_factory=dict)  # class -> the class it is now
    splits: tuple[Split, ...] = ()
    drawn: tuple[tuple[int, int, float], ...] = ()  # of the audit: row, class when drawn, samples it stands for
    audited: dict[int, int] = field(default_factory=dict)  # row of the audit -> class, or NONE
    version: int = 0
    steps: tuple[Step, ...] = ()  # oldest first
    undone: tuple[int, ...] = field(default=(), compare=False)  # versions that can be redone, the next one last

    def name(self, number: int) -> str:
        """The name of a class, else its number."""
        return self.names.get(number) or f"Class {number}"

    @property
    def set_aside(self) -> frozenset[int]:
        """The rows that are no samples of this dataset."""
        return frozenset(row for row, number in self.answers.items() if number == NONE)

    @property
    def corrects(self) -> bool:
        """Whether the labeling differs from what the run found."""
        return bool(self.answers or self.merged or self.splits)

    def classes(self, found: int) -> list[int]:
        """The numbers of the classes now, of a run that found so many."""
        return [k for k in (*range(found), *self.new) if k not in self.merged]

    def merged_into(self, number: int) -> int:
        """The class that a class is now: itself, or the one that it was merged into."""
        while number in self.merged:
            number = self.merged[number]
        return number

    @property
    def to_audit(self) -> list[int]:
        """The rows of the audit that are not answered yet."""
        return [row for row, _, _ in self.drawn if row not in self.audited]


def fold(past: History) -> Review:
    """The review that the steps of a history lead to."""
    *_, review = unfold(past.steps)
    return replace(review, version=past.version, steps=past.steps, undone=past.undone)


def unfold(steps: Iterable[Step]) -> Iterator[Review]:
    """The review before the first step and after every one, without their versions."""
    review = Review()
    yield review
    for step in steps:
        review = _APPLY[step["kind"]](review, step)
        yield review


def _named(review: Review, step: Step) -> Review:
    number, name = int(step["class"]), str(step["name"])
    names = {key: value for key, value in review.names.items() if key != number}
    return replace(review, names=names | {number: name} if name else names)


def _rejected(review: Review, step: Step) -> Review:
    rows = frozenset(map(int, step["rows"]))
    return replace(review, rejected=review.rejected | rows if step["rejected"] else review.rejected - rows)


def _answered(review: Review, step: Step) -> Review:
    number = review.merged_into(int(step["class"]))
    rows = [int(row) for row in step["rows"]]
    return replace(
        review,
        answers=review.answers | dict.fromkeys(rows, number),
        skipped=review.skipped - set(rows),
        rejected=review.rejected - set(rows),  # of the class that they were in
    )


def _new(review: Review, step: Step) -> Review:
    answered = _answered(replace(review, new=(*review.new, int(step["class"]))), step)
    return _named(answered, step) if step.get("name") else answered


def _cleared(review: Review, step: Step) -> Review:
    rows = {int(row) for row in step["rows"]}
    answers = {row: number for row, number in review.answers.items() if row not in rows}
    return replace(review, answers=answers, skipped=review.skipped - rows)


def _skipped(review: Review, step: Step) -> Review:
    return replace(review, skipped=review.skipped | {int(row) for row in step["rows"]})


def _merged(review: Review, step: Step) -> Review:
    number, other = review.merged_into(int(step["class"])), int(step["other"])
    if number == other:
        raise ValueError(f"class {number} is merged into itself")
    names = dict(review.names)
    name = names.pop(other, "")
    if name and number not in names:
        names[number] = name

    def moved(classes: dict[int, int]) -> dict[int, int]:
        return {row: number if k == other else k for row, k in classes.items()}

    return replace(
        review,
        names=names,
        answers=moved(review.answers),
        audited=moved(review.audited),
        merged=review.merged | {other: number},
    )


def _split(review: Review, step: Step) -> Review:
    number, new = int(step["class"]), int(step["other"])
    # Which of the two an earlier answer means is not known: the person may be asked again.
    answers = {row: k for row, k in review.answers.items() if k != number}
    audited = {row: k for row, k in review.audited.items() if k != number}
    parted = Split(number, new, replace(review, steps=()))
    return replace(review, answers=answers, audited=audited, new=(*review.new, new), splits=(*review.splits, parted))


def _drawn(review: Review, step: Step) -> Review:
    drawn = tuple((int(row), int(number), float(weight)) for row, number, weight in step["drawn"])
    return replace(review, drawn=drawn, audited={})


def _audited(review: Review, step: Step) -> Review:
    rows = [int(row) for row in step["rows"]]
    answers = {row: number for row, number in review.answers.items() if row not in rows}
    return replace(review, audited=review.audited | dict.fromkeys(rows, int(step["class"])), answers=answers)


_APPLY: dict[str, Callable[[Review, Step], Review]] = {
    "name": _named,
    "reject": _rejected,
    "answer": _answered,
    "new": _new,
    "clear": _cleared,
    "skip": _skipped,
    "merge": _merged,
    "split": _split,
    "draw": _drawn,
    "audit": _audited,
}
