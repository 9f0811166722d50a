"""The selected samples of a run: one set, which the map, the table, the pictures and every action share.

A filter is a selection as well: it stands until samples are selected in another way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume.runs import sample_table
from hume.runs.findings import Findings
from hume.runs.sample_table import Filter

SHORT = 40  # rows of a selection that the address can hold
MAP, TABLE, FILTER, OTHER = "map", "table", "filter", "other"  # where samples are selected
MOST_PAST = 50  # selections to return to
_PLACE = "place on the map"


@dataclass(frozen=True, eq=False)
class Chosen:
    """A selection, how it came about and when."""

    rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))  # in the order of their selection
    source: str = OTHER
    filters: tuple[Filter, ...] = ()
    time: str = ""  # as the steps of a history have it


def now(found: Findings) -> Chosen:
    """The selection; at first that of the address."""
    kept = _key(found)
    if kept not in st.session_state:
        asked = sample_table.read(st.query_params.get("filter", ""))
        st.session_state[kept] = Chosen(_from_address(found), OTHER, asked)
    chosen: Chosen = st.session_state[kept]
    return chosen


def rows(found: Findings) -> NDArray[np.int64]:
    """The selected samples."""
    return now(found).rows


def select(
    found: Findings, chosen: Sequence[int] | NDArray[np.int64], source: str = MAP, filters: tuple[Filter, ...] = ()
) -> None:
    """Replace the selection; a short one is kept in the address, and so are filters.

    source: one sample selected on the map is opened.
    """
    before, past, _ = now(found), *_stacks(found)
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    given = Chosen(np.array(chosen, dtype=np.int64), source, filters, time)
    if np.array_equal(given.rows, before.rows) and given.filters == before.filters:
        return
    past.append(before)
    del past[:-MOST_PAST]
    _stacks(found)[1].clear()
    _take(found, given)


def clear(found: Findings) -> None:
    """Select nothing."""
    select(found, [], OTHER)


def last_change(found: Findings) -> str:
    """When the selection that can be undone came about; empty where there is none."""
    return now(found).time if _stacks(found)[0] else ""


def undo(found: Findings) -> bool:
    """Return to the selection before this one; false where there is none."""
    return _swap(found, *_stacks(found))


def redo(found: Findings) -> bool:
    """Return to the selection that was undone last; false where there is none."""
    return _swap(found, *_stacks(found)[::-1])


def open_sample(row: int) -> None:
    """Show a sample beside the map; the one before it can be gone back to."""
    shown = st.query_params.get("sample")
    if shown not in (None, str(row)):
        st.session_state.setdefault("trail", []).append(shown)
    st.query_params["sample"] = str(row)


def open_in_sight(row: int) -> None:
    """Show a sample that was clicked on, on the map, which stays as it is."""
    st.session_state.setdefault(_PLACE, "")
    open_sample(row)


def find(row: int) -> None:
    """Let the map move to a sample."""
    finds = int(st.session_state.get(_PLACE, "").partition(" ")[2] or 0)
    st.session_state[_PLACE] = f"{row} {finds + 1}"


def place(opened: int | None) -> str | None:
    """What the map moves to whenever it changes; at first the sample of the address."""
    if opened is not None and _PLACE not in st.session_state:
        find(opened)
    asked: str | None = st.session_state.get(_PLACE)
    return asked


def close_sample() -> None:
    """Show the selection again in its place."""
    st.query_params.pop("sample", None)
    st.session_state.pop("trail", None)


def _swap(found: Findings, here: list[Chosen], there: list[Chosen]) -> bool:
    if not here:
        return False
    there.append(now(found))
    _take(found, here.pop())
    return True


def _take(found: Findings, chosen: Chosen) -> None:
    st.session_state[_key(found)] = chosen
    st.session_state.pop("page", None)
    short = 0 < len(chosen.rows) <= SHORT and not chosen.filters
    for name, text in (
        ("rows", ",".join(map(str, chosen.rows)) if short else ""),
        ("filter", sample_table.written(chosen.filters)),
    ):
        if text:
            st.query_params[name] = text
        else:
            st.query_params.pop(name, None)
    if len(chosen.rows) != 1:
        close_sample()
    elif chosen.source == MAP:
        open_sample(int(chosen.rows[0]))


def _stacks(found: Findings) -> tuple[list[Chosen], list[Chosen]]:
    """Selections before this one, and those that were undone."""
    stacks: tuple[list[Chosen], list[Chosen]] = st.session_state.setdefault(f"past {_key(found)}", ([], []))
    return stacks


def _key(found: Findings) -> str:
    return f"selection {found.run.name}"


def _from_address(found: Findings) -> NDArray[np.int64]:
    given = st.query_params.get("rows", "").split(",")
    numbers = (int(text) for text in given if text.isdecimal() and len(text) < 10)
    return np.array([row for row in numbers if row < found.dataset.num_samples][:SHORT], dtype=np.int64)
