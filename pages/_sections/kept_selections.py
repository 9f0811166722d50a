"""The selections that are kept with a run: to keep, combine, rename, delete, write and read again."""

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume.common.errors import HumeError
from hume.common.formatting import count
from hume.reporting import selection_sentences
from hume.runs import review, selections, selections_csv
from hume.runs.findings import Findings
from hume.runs.review import MAX_NAME
from hume.runs.selections import Selections
from pages._sections import batches
from pages._state import ground_truth, selection
from pages._widgets import plots

COUNTED = 100_000  # samples of both selections: what more would combine to takes too long to count at every look
HOW = {"and": "Only those in both", "or": "Those in any", "without": "Without those"}


def section(found: Findings, rows: NDArray[np.int64]) -> None:
    """Folded away: keep what is selected, choose what was kept."""
    try:
        kept = selections.read(found.run)
    except HumeError as error:
        st.error(plots.plain(str(error)), icon=":material/error:")
        return
    with st.popover(f"Selections ({len(kept.by_name)})" if kept.by_name else "Selections", icon=":material/bookmark:"):
        if len(rows):
            with st.form("keep selection", border=False):
                st.text_input(
                    f"Keep {count(len(rows), 'sample')} as", key="selection name", max_chars=MAX_NAME,
                    placeholder="A name",
                )  # fmt: skip
                st.checkbox("Replace one of that name", key="replace selection")
                st.form_submit_button("Keep", icon=":material/bookmark_add:", on_click=_keep, args=(found, rows))
        else:
            st.caption("Select samples on the map or by a filter, then keep them here under a name.")
        if kept.by_name:
            _kept(found, kept, rows)
        _read(found)
        _undo(found, kept)


def _kept(found: Findings, kept: Selections, rows: NDArray[np.int64]) -> None:
    names = list(kept.by_name)
    name = st.selectbox(
        "Kept with this run", names, key=f"kept {found.run.name} {kept.version}",
        format_func=lambda each: f"{each} · {len(kept.by_name[each]):,}",
    )  # fmt: skip
    its = kept.by_name[name]
    with st.container(horizontal=True, gap="small"):
        st.button("Show", key="show kept", type="primary", on_click=_select, args=(found, its))
        plots.csv_button("CSV", _table(found, its), plots.file_name(name), key="kept csv")
        st.button("Delete", key="delete kept", icon=":material/delete:", on_click=_attempt,
                  args=(lambda: selections.delete(found.run, name),), help="Can be undone.")  # fmt: skip
    if len(rows):
        st.caption(f"With the {count(len(rows), 'sample')} selected now:")
        with st.container(horizontal=True, gap="small"):
            for how, label in HOW.items():
                few = len(rows) + len(its) <= COUNTED
                number = f": {len(selections.combine(rows, how, its)):,}" if few else ""
                st.button(label + number, key=f"combine {how}", on_click=_combine, args=(found, rows, how, its))
            st.button("Add to it", key="add to kept", on_click=_attempt, args=(lambda: selections.add(
                found.run, name, rows, num_samples=found.dataset.num_samples),))  # fmt: skip
    field = f"new name {name} {kept.version}"
    st.text_input("Rename", name, key=field, max_chars=MAX_NAME, on_change=_rename, args=(found, name, field))


def _table(found: Findings, rows: NDArray[np.int64]) -> Any:
    folders = found.dataset.labels is None or not ground_truth.is_blind()  # now: a download cannot read the session
    column = selections_csv.COLUMNS.index("file")

    def table() -> plots.Table:
        lines = selections_csv.table(found, rows.tolist(), review.read(found.run))
        return selections_csv.COLUMNS, lines if folders else [(*x[:column], "", *x[column + 1 :]) for x in lines]

    return table


def _read(found: Findings) -> None:
    version = st.session_state.get("selection files", 0)
    given = st.file_uploader(
        "Read a selection", "csv", key=f"selection file {version}", help="A CSV file with row or file"
    )
    if given is not None:
        st.button("Keep it", key="keep file", type="primary", on_click=_keep_file, args=(found, given))


def _undo(found: Findings, kept: Selections) -> None:
    if not kept.steps and not kept.undone:
        return
    with st.container(horizontal=True, gap="small"):
        last = kept.steps[-1] if kept.steps else None
        st.button(
            "Undo", icon=":material/undo:", key="undo kept", disabled=last is None, on_click=_attempt,
            args=(lambda: selections.undo(found.run),),
            help=None if last is None else f"Takes back: {plots.plain(selection_sentences.step(last))}.",
        )  # fmt: skip
        st.button("Redo", icon=":material/redo:", key="redo kept", disabled=not kept.undone, on_click=_attempt,
                  args=(lambda: selections.redo(found.run),))  # fmt: skip


def _keep(found: Findings, rows: NDArray[np.int64]) -> None:
    name, replacing = st.session_state["selection name"], st.session_state["replace selection"]

    def keep() -> None:
        selections.keep(found.run, name, rows, num_samples=found.dataset.num_samples, replacing=replacing)
        st.session_state["selection name"] = ""

    _attempt(keep)


def _keep_file(found: Findings, given: Any) -> None:
    def keep() -> None:
        rows = selections_csv.read(given.getvalue(), found.run, found.dataset)
        name = PurePosixPath(given.name).stem[:MAX_NAME]
        selections.keep(found.run, name, rows, num_samples=found.dataset.num_samples)
        st.session_state["selection files"] = st.session_state.get("selection files", 0) + 1  # an empty field again
        selection.select(found, rows, selection.OTHER)

    _attempt(keep)


def _rename(found: Findings, name: str, field: str) -> None:
    _attempt(lambda: selections.rename(found.run, name, st.session_state[field]))


def _combine(found: Findings, rows: NDArray[np.int64], how: str, others: NDArray[np.int64]) -> None:
    selection.select(found, selections.combine(rows, how, others), selection.OTHER)


def _select(found: Findings, rows: NDArray[np.int64]) -> None:
    selection.select(found, rows, selection.OTHER)


def _attempt(step: Callable[[], object]) -> None:
    """`batches.attempt` as a callback, which returns nothing."""
    batches.attempt(step)
