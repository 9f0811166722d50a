"""A review as a CSV file, and a review from one.

A line a sample and step. `labeling` is the fingerprint of the labeling that the answers are about: the numbers of
classes mean nothing for another one. A file that a person or another program made needs `row` or `file`, and `class`
or `class_name`, and no more.
"""

import csv
import io
from contextlib import suppress
from itertools import groupby
from typing import Any, TypeAlias

from hume.common.csv_files import unquoted
from hume.common.errors import InputError
from hume.common.formatting import count
from hume.data.dataset import Dataset
from hume.runs import review
from hume.runs.corrected import read_base
from hume.runs.history import History, Step
from hume.runs.review_state import NONE, Review, fold
from hume.runs.run import Run

COLUMNS = ("labeling", "step", "time", "by", "kind", "row", "file", "class", "class_name", "other")
WITH_ROWS = ("answer", "new", "audit")  # kinds of steps that put rows into a class
Line: TypeAlias = dict[str, Any]

MOST_SHOWN = 5  # bad lines that a message lists


# --- a review as a table -------------------------------------------------------------------------


def table(run: Run, given: Review, dataset: Dataset) -> list[tuple[Any, ...]]:
    """The steps of a review under `COLUMNS`; NONE is the class of a row that is set aside or of none of the classes."""
    base = read_base(run)
    labeling = "" if base is None else base.fingerprint
    files = dataset.file_names
    lines: list[tuple[Any, ...]] = []
    for number, step in enumerate(given.steps, 1):
        kind, k = step["kind"], step.get("class", "")
        name = step["name"] if "name" in step else given.names.get(k, "") if k != "" else ""
        about = (labeling, number, step.get("time", ""), step.get("by", ""), kind)
        if kind == "draw":
            lines += [(*about, row, "" if files is None else files[row], c, "", w) for row, c, w in step["drawn"]]
            continue
        other = step["rejected"] if kind == "reject" else step.get("other", "")
        rows = step.get("rows") or [""]
        lines += [(*about, row, "" if files is None or row == "" else files[row], k, name, other) for row in rows]
    return lines


# --- a table as a review -------------------------------------------------------------------------


def read(content: bytes, run: Run, dataset: Dataset, labeling: str) -> Review:
    """The review in a CSV file about the labeling of a fingerprint.

    Raises InputError for a file that is no such table, is about another labeling, or names samples or classes that the
    run does not have.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("the file is not a CSV file in UTF-8: export it as one") from None
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    columns = set(lines[0]) if lines else set()
    if not (columns & {"row", "file"} and columns & {"class", "class_name"}):
        raise InputError("the CSV file needs the columns row or file, and class or class_name, and at least one line")
    others = {line["labeling"] for line in lines if line.get("labeling")} - {labeling}
    if others:
        raise InputError(
            f"the answers are about another labeling ({min(others)}) than that of run {run.name!r} ({labeling}): "
            "the numbers of their classes mean something else"
        )
    given, found = review.read(run), run.request.config.num_classes
    steps = _Lines(dataset, {given.name(k): k for k in given.classes(found)}).steps(lines)
    try:
        theirs = fold(History(tuple(steps), len(steps)))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the CSV file is no review as `answers --csv` writes it ({error})") from None
    classes = {*range(found), *given.new, *theirs.new, NONE}
    named = (step[key] for step in steps for key in ("class", "other") if key in step)
    unknown = sorted({k for k in (*named, *(k for _, k, _ in theirs.drawn)) if k not in classes})
    if unknown:
        raise InputError(f"run {run.name!r} has no class {unknown[0]}, which the CSV file names")
    return theirs


class _Lines:
    """From the lines of a table to steps; what is wrong with each line is collected."""

    def __init__(self, dataset: Dataset, by_name: dict[str, int]):
        self.num_samples, self.by_name = dataset.num_samples, by_name
        self.by_file = {file: row for row, file in enumerate(dataset.file_names or [])}
        self.bad: list[str] = []

    def steps(self, lines: list[Line]) -> list[Step]:
        """The steps; raises InputError with the first bad lines."""
        groups = (list(group) for _, group in groupby(enumerate(lines, 2), self._key))
        steps = [step for group in groups if (step := self._step(group)) is not None]
        if self.bad:
            more = f" and {len(self.bad) - MOST_SHOWN} more" if len(self.bad) > MOST_SHOWN else ""
            shown = "; ".join(self.bad[:MOST_SHOWN])
            raise InputError(f"{count(len(self.bad), 'line')} cannot be used: {shown}{more}")
        return steps

    def _key(self, numbered: tuple[int, Line]) -> tuple[str, ...]:
        """Lines that follow each other with the same key are one step."""
        line = numbered[1]
        kind = _cell(line, "kind") or "answer"
        return _cell(line, "step"), kind, "" if kind == "draw" else _cell(line, "class") or _cell(line, "class_name")

    def _step(self, group: list[tuple[int, Line]]) -> Step | None:
        number, line = group[0]
        kind, other = _cell(line, "kind") or "answer", _cell(line, "other")
        rows = [row for each in group if (row := self._row(*each)) is not None]
        if kind in ("clear", "skip"):
            return {"kind": kind, "rows": rows}
        if kind == "reject":
            return {"kind": kind, "rows": rows, "rejected": other == "True"}
        if kind == "draw":
            drawn = [[self._row(*each), self._class(*each), self._weight(*each)] for each in group]
            return {"kind": kind, "drawn": [each for each in drawn if None not in each]}
        k = self._class(number, line)
        if k is None:
            return None
        if kind in WITH_ROWS:
            named = {"name": review.checked_name(_cell(line, "class_name"))} if kind == "new" else {}
            return {"kind": kind, "rows": rows, "class": k, **named}
        if kind == "name":
            return {"kind": kind, "class": k, "name": review.checked_name(_cell(line, "class_name")), "before": ""}
        if kind in ("merge", "split") and other.isdecimal():
            return {"kind": kind, "class": k, "other": int(other)}
        self.bad.append(f"line {number}: a step of the kind {kind!r} cannot be read")
        return None

    def _row(self, number: int, line: Line) -> int | None:
        """The sample of a line, by its file where the dataset has files."""
        file, value = _cell(line, "file"), _cell(line, "row")
        if self.by_file and file:
            if file not in self.by_file:
                self.bad.append(f"line {number}: no sample has the file {file!r}")
            return self.by_file.get(file)
        if not value:
            return None
        if not value.isdecimal() or int(value) >= self.num_samples:
            self.bad.append(f"line {number}: no sample {value!r}")
            return None
        return int(value)

    def _weight(self, number: int, line: Line) -> float | None:
        with suppress(ValueError):
            return float(_cell(line, "other"))
        self.bad.append(f"line {number}: {_cell(line, 'other')!r} is not how many samples an audited one stands for")
        return None

    def _class(self, number: int, line: Line) -> int | None:
        value, name = _cell(line, "class"), _cell(line, "class_name")
        if value and value.removeprefix("-").isdecimal():
            return int(value)
        if not value and name in self.by_name:
            return self.by_name[name]
        self.bad.append(f"line {number}: no class {value or name!r}")
        return None


def _cell(line: Line, name: str) -> str:
    return unquoted((line.get(name) or "").strip())
