"""What keys do to samples on every page: open, set aside, put into a class, undo, redo, and the sheet of keys."""

from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st

from hume.runs import review
from hume.runs.findings import Findings
from pages._sections import batches, correct
from pages._state import runs, selection, undoing
from pages._widgets import plots
from pages._widgets.keys import Sheet, keys

DIGITS = tuple("0123456789")
OF_A_PICTURE = ("Enter", "x", *DIGITS)
WAYS = {"Left": -1, "Up": -1, "Right": 1, "Down": 1}
_GO = "sample to open"

COMMON: Sheet = (
    ("0 … 9", "puts the picture into the class of that number"),
    ("u", "undoes what was done last: an answer, a rejection, a selection"),
    ("U (Shift + u)", "does it again"),
    ("Esc", "closes what is open, then clears the selection"),
    ("?", "opens this sheet"),
)
EXPLORE: Sheet = (
    ("← → ↑ ↓", "move among the pictures; where a sample is open, to the one before or after it in the selection"),
    ("Enter", "opens the picture as a sample, beside the map"),
    ("x", "sets the picture aside: it is no sample of this dataset; again to take that back"),
    *COMMON,
)
RELIABLE: Sheet = (
    ("← → ↑ ↓", "move among the pictures of a class"),
    ("Enter", "opens the picture on Explore"),
    ("x, Space", "rejects the picture, again to keep it"),
    *COMMON,
)


def on_picture(found: Findings, row: int, key: str) -> None:
    """A key of OF_A_PICTURE on Explore; in a callback."""
    if key == "Enter":
        selection.open_sample(row)
    elif key == "x":
        aside = row in review.read(found.run).set_aside
        correct.take(found, lambda asking: asking.clear([row]) if aside else asking.set_aside([row]))
    else:
        into_class(found, row, int(key))


def into_class(found: Findings, row: int, number: int) -> None:
    """Put a sample into the class of a number, where there is one."""
    if number in review.read(found.run).classes(found.num_found):
        correct.take(found, lambda asking: asking.answer([row], number))
    else:
        st.toast(f"There is no class {number}.")


def open_on_explore(row: int) -> None:
    """Turn to a sample on Explore at the next look; in a callback, which may not switch pages itself."""
    st.session_state[_GO] = row


def follow(found: Findings) -> None:
    """Turn to the sample that was asked for, if any."""
    row = st.session_state.pop(_GO, None)
    if row is not None:
        st.session_state.pop("trail", None)
        st.switch_page(runs.EXPLORE, query_params={"sample": str(row)})


def listen(found: Findings, sheet: Sheet, row: int | None = None) -> None:
    """Hear the keys of a page; row: the sample that is open, which keys are about."""
    actions: dict[str, Callable[[], None]] = {"u": partial(_undo, found), "U": partial(_redo, found)}
    if row is not None:
        actions |= {key: partial(on_picture, found, row, key) for key in ("x", *DIGITS)}
        actions |= {f"Arrow{way}": partial(turn, found, row, step) for way, step in WAYS.items()}
    keys(actions, sheet, opened=row)


def turn(found: Findings, row: int, step: int) -> None:
    """Open the sample before or after one in the selection, or of all where it is in none."""
    rows, number = selection.rows(found), found.dataset.num_samples
    places = np.flatnonzero(rows == row)
    if len(places):
        selection.open_sample(int(rows[(places[0] + step) % len(rows)]))
    else:
        selection.open_sample((row + step) % number)


def _undo(found: Findings) -> None:
    def step() -> None:
        done = undoing.undo(found)
        st.toast(plots.plain(f"Undone: {done}." if done else "Nothing to undo."), icon=":material/undo:")

    batches.attempt(step)


def _redo(found: Findings) -> None:
    def step() -> None:
        st.toast("Done again." if undoing.redo(found) else "Nothing to redo.", icon=":material/redo:")

    batches.attempt(step)
