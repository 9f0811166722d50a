"""Undo and redo of whatever was done last: an answer or a rejection, a step of the kept selections, a selection."""

import streamlit as st

from hume.reporting import review_sentences, selection_sentences
from hume.runs import review, selections
from hume.runs.findings import Findings
from pages._state import selection

REVIEW, KEPT, SELECTION = "review", "kept", "selection"


def undo(found: Findings) -> str:
    """Take back what was done last, in a callback; returns a few words on it, none where nothing is left."""
    given, kept = review.read(found.run), selections.read(found.run)
    times = {
        REVIEW: given.steps[-1].get("time", "") if given.steps else None,
        KEPT: kept.steps[-1].get("time", "") if kept.steps else None,
        SELECTION: selection.last_change(found) or None,
    }
    known = {what: time for what, time in times.items() if time is not None}
    if not known:
        return ""
    what = max(known, key=lambda each: known[each])
    if what == REVIEW:
        review.undo(found.run)
        text = review_sentences.step(given.steps[-1], given)
    elif what == KEPT:
        selections.undo(found.run)
        text = selection_sentences.step(kept.steps[-1])
    else:
        selection.undo(found)
        text = "the selection"
    _undone(found).append(what)
    return text


def redo(found: Findings) -> bool:
    """Do again what was undone last, in a callback; false where nothing was."""
    undone = _undone(found)
    while undone:
        if _redone(found, undone.pop()):
            return True
    return any(_redone(found, what) for what in (REVIEW, KEPT, SELECTION))


def _redone(found: Findings, what: str) -> bool:
    if what == SELECTION:
        return selection.redo(found)
    read, again = (review.read, review.redo) if what == REVIEW else (selections.read, selections.redo)
    if not read(found.run).undone:
        return False
    again(found.run)
    return True


def _undone(found: Findings) -> list[str]:
    kinds: list[str] = st.session_state.setdefault(f"undone of {found.run.name}", [])
    return kinds
