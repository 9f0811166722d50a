"""The user's review of a run: names, answers, classes merged and split, an audit; every step can be undone.

A review is one history of steps (`hume.runs.history`), so that a reload, a second tab and the command line show the
same. What the answers do to the labeling is in `hume.runs.corrected`.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from hume.common.errors import InputError, RunError
from hume.runs import history
from hume.runs.history import History, Step
from hume.runs.record import check_folder
from hume.runs.review_state import NONE, Review, fold
from hume.runs.run import Run

MAX_NAME = 60
JOINERS = "\u200c\u200d"  # invisible, but part of how some scripts and emoji are written

Rows: TypeAlias = Iterable[int] | Iterable[np.integer[Any]]


def read(run: Run, version: int | None = None) -> Review:
    """The review of a run so far, or an earlier version of it.

    Raises RunError when the file is damaged, InputError when there is no version of that number.
    """
    return _folded(run, history.read(run.folder, version=version))


def name_class(run: Run, number: int, name: str) -> Review:
    """Name a class, or remove its name when the new one is empty.

    Raises InputError for a class that the run does not have and for a name that is too long or not printable.
    """
    number, name = int(number), checked_name(name)

    def decide(review: Review) -> list[Step]:
        _check(run, review, number)
        before = review.names.get(number, "")
        return [] if name == before else [{"kind": "name", "class": number, "name": name, "before": before}]

    return append(run, decide)


def reject(run: Run, row: int, rejected: bool = True) -> Review:
    """Reject a reliable sample, or accept it again."""
    row = int(row)

    def decide(review: Review) -> list[Step]:
        same = (row in review.rejected) == rejected
        return [] if same else [{"kind": "reject", "rows": [row], "rejected": rejected}]

    return append(run, decide)


def answer(run: Run, rows: Rows, number: int) -> Review:
    """Say that rows are of a class. Raises InputError for a class that the run does not have."""
    return _answer(run, rows, int(number))


def set_aside(run: Run, rows: Rows) -> Review:
    """Say that rows are no samples of this dataset: they count in no class."""
    return _answer(run, rows, NONE)


def new_class(run: Run, rows: Rows, name: str = "") -> Review:
    """Say that rows are of none of the classes but of a new one, which is the last of `Review.new` afterwards."""
    asked, name = _numbers(rows), checked_name(name)

    def decide(review: Review) -> list[Step]:
        free = [row for row in asked if row not in review.audited]
        if not free:
            raise InputError("the audit's samples cannot start a class: choose others")
        return [{"kind": "new", "rows": free, "class": next_class(run, review), "name": name}]

    return append(run, decide)


def clear(run: Run, rows: Rows) -> Review:
    """Take back the answers on rows, whatever they are."""
    asked = _numbers(rows)

    def decide(review: Review) -> list[Step]:
        given = [row for row in asked if row in review.answers or row in review.skipped]
        return [{"kind": "clear", "rows": given}] if given else []

    return append(run, decide)


def skip(run: Run, row: int) -> Review:
    """Do not ask about a row again."""
    row = int(row)
    return append(run, lambda review: [] if row in review.skipped else [{"kind": "skip", "rows": [row]}])


def merge(run: Run, number: int, other: int) -> Review:
    """Say that two classes are one, which keeps the first's number, and its name where it has one."""
    number, other = int(number), int(other)

    def decide(review: Review) -> list[Step]:
        _check(run, review, number)
        _check(run, review, other)
        if number == other:
            raise InputError(f"class {number} cannot be merged with itself: choose two classes")
        if len(review.classes(run.request.config.num_classes)) <= 2:
            raise InputError("two classes are left: a labeling of one class says nothing")
        return [{"kind": "merge", "class": number, "other": other}]

    return append(run, decide)


def split(run: Run, number: int) -> Review:
    """Say that a class is two; the new one is the last of `Review.new` afterwards."""
    number = int(number)

    def decide(review: Review) -> list[Step]:
        _check(run, review, number)
        return [{"kind": "split", "class": number, "other": next_class(run, review)}]

    return append(run, decide)


def draw_audit(run: Run, drawn: Iterable[tuple[int, int, float]]) -> Review:
    """Draw the samples of an audit: of each its row, its class now and how many samples it stands for."""
    return append(run, lambda review: [{"kind": "draw", "drawn": [[int(r), int(k), float(w)] for r, k, w in drawn]}])


def audit(run: Run, row: int, number: int) -> Review:
    """Say of which class an audited row is, or NONE; raises InputError for a row that the audit has not drawn."""
    row, number = int(row), int(number)

    def decide(review: Review) -> list[Step]:
        if number != NONE:
            _check(run, review, number)
        if row not in {drawn for drawn, _, _ in review.drawn}:
            raise InputError(f"sample {row} is not in the audit of run {run.name!r}: draw an audit first")
        same = review.audited.get(row) == number
        return [] if same else [{"kind": "audit", "rows": [row], "class": number}]

    return append(run, decide)


def undo(run: Run) -> Review:
    """Undo the last step, if there is one."""
    check_folder(run.folder, run.name)
    return _folded(run, history.undo(run.folder))


def redo(run: Run) -> Review:
    """Take the step again that was undone last, unless another one was taken since."""
    check_folder(run.folder, run.name)
    return _folded(run, history.redo(run.folder))


def restore(run: Run, version: int) -> Review:
    """Make an earlier version the current one; every version stays. Raises InputError when there is none."""
    check_folder(run.folder, run.name)
    return _folded(run, history.restore(run.folder, version))


def checked_name(name: str) -> str:
    """A class name with its spaces tidied; raises InputError when it is too long or not printable."""
    name = " ".join(name.split())
    if len(name) > MAX_NAME or any(not c.isprintable() and c not in JOINERS for c in name):
        raise InputError(f"a class name may have at most {MAX_NAME} visible characters: shorten {name[:20]!r}…")
    return name


def next_class(run: Run, review: Review) -> int:
    """The number of a class that is added."""
    return run.request.config.num_classes + len(review.new)


def _answer(run: Run, rows: Rows, number: int) -> Review:
    asked = _numbers(rows)

    def decide(review: Review) -> list[Step]:
        if number != NONE:
            _check(run, review, number)
        news = [row for row in asked if review.answers.get(row) != number and row not in review.audited]
        return [{"kind": "answer", "rows": news, "class": number}] if news else []

    return append(run, decide)


def _numbers(rows: Rows) -> list[int]:
    return sorted({int(row) for row in rows})  # numpy's integers are no JSON


def _check(run: Run, review: Review, number: int) -> None:
    classes = review.classes(run.request.config.num_classes)
    if number not in classes:
        contiguous = classes == list(range(len(classes)))
        choices = f"0 to {classes[-1]}" if contiguous else ", ".join(map(str, classes))
        raise InputError(f"run {run.name!r} has no class {number}: name one of {choices}")


def append(run: Run, decide: Callable[[Review], list[Step]]) -> Review:
    """Append the steps that `decide` makes of the current review."""
    check_folder(run.folder, run.name)
    return _folded(run, history.append(run.folder, lambda before: decide(_folded(run, before))))


def _check_numbers(review: Review, found: int) -> None:
    """Raise ValueError for rows and classes that no run has."""
    classes = {NONE, *review.classes(found)}
    for row, number in (*review.answers.items(), *review.audited.items()):
        if row < 0 or number not in classes:
            raise ValueError(f"it says that sample {row} is of class {number}")


def _folded(run: Run, past: History) -> Review:
    try:
        review = fold(past)
        _check_numbers(review, run.request.config.num_classes)
        return review
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        path = run.folder / history.FILE
        raise RunError(f"{path} cannot be read ({error}): remove it to start the review again") from None
