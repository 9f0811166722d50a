"""The questions of the page Answer: a batch is chosen once, the same in every tab; answers are steps on disk."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume import Run
from hume.common.errors import HumeError
from hume.common.once import once
from hume.runs import review
from hume.runs.answering import BATCH, Answering, Change, change
from hume.runs.findings import Findings
from hume.runs.review_state import NONE, Review
from pages._state import runs
from pages._widgets import plots

TYPICAL = 3  # pictures a class
_choosing = threading.Lock()


@dataclass(frozen=True)
class About:
    """What is asked about: the least certain samples, those of a class, of a selection, or of an audit."""

    of_class: int | None = None
    among: tuple[int, ...] | None = None
    audit: bool = False


@dataclass(eq=False)
class Batch:
    """Questions about one labeling, which is not refitted between them."""

    about: About
    asking: Answering
    start: Review
    found: Findings  # with the answers of `start`
    rows: list[int] = field(default_factory=list)

    def left(self, given: Review) -> list[int]:
        """The rows that are to be asked about, in their order."""
        if self.about.audit:
            return [row for row in self.rows if row not in given.audited]
        return [row for row in self.rows if row not in given.answers and row not in given.skipped]

    def likely(self, row: int) -> list[int]:
        """The classes of a row, the most probable first."""
        return self.asking.likely(row, self.found)

    @once
    def typical(self) -> NDArray[np.int64]:
        """(K, TYPICAL) the pictures that stand for each class, −1 where it has fewer."""
        return self.found.typical(self.found.vote.labeling, TYPICAL)

    def changed(self) -> Change:
        """What its answers moved."""
        return change(self.found.vote.labeling, labeled(self.found.run))


@st.cache_resource(max_entries=32)
def _batches(home: str, name: str, version: tuple[int, int]) -> dict[About, Batch]:
    return {}


def _of(run: Run) -> dict[About, Batch]:
    return _batches(str(run.home), run.name, run.version)


def labeled(run: Run) -> Findings:
    """The labeling that answers are about: with those given so far, else the one that pages show."""
    return runs.findings(run, "corrected" if review.read(run).corrects else None)


def batch(run: Run, about: About) -> Batch:
    """The questions that are asked now, chosen where there are none."""
    with _choosing:
        known = _of(run)
        now = review.read(run)
        if about not in known or not _fits(known[about], now):
            found = labeled(run)
            asking = Answering(found)
            if about.audit:
                rows = [row for row, _, _ in now.drawn]
            else:
                rows = asking.questions(BATCH, of_class=about.of_class, among=about.among).tolist()
            known[about] = Batch(about, asking, now, found, rows)
        return known[about]


def _fits(known: Batch, now: Review) -> bool:
    """Whether a batch is still about the classes, and an audit about the labels, that there are."""
    if (known.start.merged, known.start.splits) != (now.merged, now.splits):
        return False
    return not known.about.audit or (known.start.drawn, known.start.answers) == (now.drawn, now.answers)


def next_batch(run: Run, about: About) -> None:
    """Choose new questions at the next look."""
    with _choosing:
        _of(run).pop(about, None)


# --- steps, in callbacks ----------------------------------------------------------------------------


def attempt(step: Callable[[], object]) -> bool:
    """Take a step; where it cannot be taken, say why."""
    try:
        step()
    except HumeError as error:
        st.toast(plots.plain(str(error)), icon=":material/error:")
        return False
    return True


def say(asked: Batch, row: int, number: int) -> None:
    """A row is of a class, or NONE: set aside, or of an audit, of none of the classes."""
    run = asked.found.run

    def step() -> None:
        asked.asking.keep_base()
        if asked.about.audit:
            review.audit(run, row, number)
        elif number == NONE:
            review.set_aside(run, [row])
        else:
            review.answer(run, [row], number)

    attempt(step)


def skip(asked: Batch, row: int) -> None:
    """Ask about something else."""
    attempt(lambda: review.skip(asked.found.run, row))


def redo(run: Run) -> None:
    """Take the step again that was undone last."""
    attempt(lambda: review.redo(run))


def undo(run: Run, asked: Batch | None = None) -> None:
    """Take back the last step; where it was an answer, ask again."""
    before = review.read(run).steps
    if not before or not attempt(lambda: review.undo(run)) or asked is None:
        return
    last = before[-1]
    if last["kind"] in ("answer", "new", "skip") and not asked.about.audit:
        again = [int(row) for row in last["rows"] if row not in asked.rows]
        if len(last["rows"]) == 1:
            asked.rows[:0] = again
