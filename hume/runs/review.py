"""The user's review of a run: names of its classes and rejected samples; every step can be undone.

Saved in `review.json` with the run's results, so that a reload, a second tab and the
command line show the same.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from filelock import FileLock

from hume.common.errors import InputError, RunError
from hume.common.files import write_atomically
from hume.runs.record import check_folder
from hume.runs.run import Run

MAX_NAME = 60
JOINERS = "\u200c\u200d"  # invisible, but part of how some scripts and emoji are written
MAX_STEPS = 200  # that can be undone


@dataclass(frozen=True)
class Review:
    """Class names and rejected samples of one run."""

    names: dict[int, str] = field(default_factory=dict)  # class -> name, only the named ones
    rejected: frozenset[int] = frozenset()  # sample numbers
    steps: tuple[dict[str, Any], ...] = ()  # how to undo each step, oldest first

    def name(self, number: int) -> str:
        """The name of a class, else its number."""
        return self.names.get(number) or f"Class {number}"


def read(run: Run) -> Review:
    """The review of a run so far; raises RunError when the file is damaged."""
    path = run.folder / "review.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Review(
            names={int(number): str(name) for number, name in values["names"].items()},
            rejected=frozenset(int(row) for row in values["rejected"]),
            steps=tuple(_step(step) for step in values["steps"]),
        )
    except FileNotFoundError:
        return Review()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} cannot be read ({error}): remove it to start the review again") from None


def _step(values: dict[str, Any]) -> dict[str, Any]:
    if "row" in values:
        return {"row": int(values["row"]), "rejected": bool(values["rejected"])}
    return {"class": int(values["class"]), "name": str(values["name"])}


def name_class(run: Run, number: int, name: str) -> Review:
    """Name a class, or remove its name when the new one is empty.

    Raises InputError for a class that the run does not have and for a name that is too long or not printable.
    """
    number, name = int(number), " ".join(name.split())  # numpy's integers are no JSON
    if not 0 <= number < run.request.config.num_classes:
        raise InputError(
            f"run {run.name!r} has no class {number}: name one of 0 to {run.request.config.num_classes - 1}"
        )
    if len(name) > MAX_NAME or any(not c.isprintable() and c not in JOINERS for c in name):
        raise InputError(f"a class name may have at most {MAX_NAME} visible characters: shorten {name[:20]!r}…")

    def change(review: Review) -> Review:
        before = review.names.get(number, "")
        if name == before:
            return review
        return _named(review, number, name, {"class": number, "name": before})

    return _change(run, change)


def reject(run: Run, row: int, rejected: bool = True) -> Review:
    """Reject a reliable sample, or accept it again."""
    row = int(row)

    def change(review: Review) -> Review:
        if (row in review.rejected) == rejected:
            return review
        return _moved(review, row, rejected, {"row": row, "rejected": not rejected})

    return _change(run, change)


def undo(run: Run) -> Review:
    """Undo the last step, if there is one."""

    def change(review: Review) -> Review:
        if not review.steps:
            return review
        last = review.steps[-1]
        review = replace(review, steps=review.steps[:-1])
        if "row" in last:
            return _moved(review, last["row"], last["rejected"])
        return _named(review, last["class"], last["name"])

    return _change(run, change)


def describe(step: dict[str, Any]) -> str:
    """The label of the button that undoes a step."""
    if "row" in step:
        return f"{'reject' if step['rejected'] else 'keep'} sample {step['row']} again"
    return f"call class {step['class']} {step['name'] or 'by its number'} again"


def _named(review: Review, number: int, name: str, step: dict[str, Any] | None = None) -> Review:
    names = {key: value for key, value in review.names.items() if key != number}
    if name:
        names[number] = name
    return replace(review, names=names, steps=_with(review, step))


def _moved(review: Review, row: int, rejected: bool, step: dict[str, Any] | None = None) -> Review:
    rows = review.rejected | {row} if rejected else review.rejected - {row}
    return replace(review, rejected=rows, steps=_with(review, step))


def _with(review: Review, step: dict[str, Any] | None) -> tuple[dict[str, Any], ...]:
    return review.steps if step is None else (*review.steps, step)[-MAX_STEPS:]


def _change(run: Run, change: Callable[[Review], Review]) -> Review:
    """Read, change and write under a lock, so that no step of another tab is lost."""
    path = run.folder / "review.json"
    check_folder(run.folder, run.name)
    try:
        with FileLock(run.folder / "review.lock", timeout=10):
            before = read(run)
            after = change(before)
            if after != before:
                values = {
                    "names": {str(number): name for number, name in sorted(after.names.items())},
                    "rejected": sorted(after.rejected),
                    "steps": list(after.steps),
                }
                write_atomically(path, json.dumps(values, ensure_ascii=False).encode())
    except OSError as error:
        raise RunError(f"cannot write {path} ({error.strerror or error}): free disk space and try again") from None
    return after
