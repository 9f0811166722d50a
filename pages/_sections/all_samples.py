"""The table of samples: all of them or those selected, with filters that select on the map, too."""

from datetime import date
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume.reporting import selection_sentences
from hume.runs.findings import Findings
from hume.runs.sample_table import ANYWHERE, Filter, SampleTable
from pages._state import samples, selection
from pages._state.selection import Chosen
from pages._widgets import plots, thumbnails

PER_PAGE = 500  # rows that are sent to the browser
STEPS = 200  # of a slider
HEIGHT, ROW_HEIGHT = 440, 44  # pixels
SHARES = ("probability", "vote share", "vote margin", "neighbour agreement")


def restore(found: Findings) -> None:
    """Select what the filters of a link pass, before the map is drawn."""
    chosen = selection.now(found)
    if chosen.filters and chosen.source == selection.OTHER and not len(chosen.rows):
        table = samples.table(found)
        asked = table.known(chosen.filters)
        selection.select(found, table.passing(asked) if asked else [], selection.FILTER, asked)


def section(found: Findings) -> None:
    """Filters, then the rows; rows that are ticked are selected."""
    table, chosen = samples.table(found), selection.now(found)
    _filters(found, table, chosen)
    every = _listed(found, table, chosen)
    st.caption(plots.plain(selection_sentences.listed(len(every), len(table.frame), PER_PAGE)))
    rows = _page(table, every)
    shown = table.frame.iloc[rows]
    shown.index.name = "sample"
    pictures = thumbnails.register(found.dataset)
    if pictures is not None:
        shown.insert(0, "picture", [f"{pictures.url}{row}" for row in rows.tolist()])
    if not np.array_equal(rows, st.session_state.get("listed rows", ())):
        st.session_state["listed rows"] = rows
        st.session_state["listing"] = st.session_state.get("listing", 0) + 1  # other rows have no ticks
    key = f"samples #{st.session_state['listing']}"
    st.dataframe(
        shown, key=key, on_select=lambda: _ticked(found, key, rows), selection_mode="multi-row",
        height=min(HEIGHT, ROW_HEIGHT * (len(rows) + 1) + 4),
        row_height=ROW_HEIGHT, placeholder="",
        column_config={
            "picture": st.column_config.ImageColumn("", width=52),
            **{name: st.column_config.NumberColumn(format="%.3f") for name in SHARES},
        },
        alt="Samples with what was found of each and what came with the data",
    )  # fmt: skip
    places = st.session_state[key]["selection"]["rows"]
    if len(places) == 1 and places[0] < len(rows):
        row = int(rows[places[0]])
        st.button(f"Open sample {row}", key="open ticked", icon=":material/open_in_new:",
                  on_click=selection.open_sample, args=(row,))  # fmt: skip


def _page(table: SampleTable, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of one page, in the order that is asked for."""
    if len(rows) <= PER_PAGE:
        return rows
    by, down = st.session_state.get("sort by"), bool(st.session_state.get("sort down"))
    by = by if by in table.kinds else None
    ordered = rows if by is None else table.ordered(rows, by, descending=down)
    page = st.pagination(-(-len(rows) // PER_PAGE), key=f"page of samples {len(rows)}", max_visible_pages=5)
    return ordered[(page - 1) * PER_PAGE : page * PER_PAGE]


def _listed(found: Findings, table: SampleTable, chosen: Chosen) -> NDArray[np.int64]:
    """The rows of the table: those of the selection, all without one; ticks on the table change none."""
    key = f"listing of {found.run.name}"
    if chosen.source != selection.TABLE:
        every = not len(chosen.rows) and not chosen.filters
        st.session_state[key] = np.arange(len(table.frame)) if every else chosen.rows
    rows: NDArray[np.int64] = st.session_state.get(key, np.arange(len(table.frame)))
    return rows


def _ticked(found: Findings, key: str, rows: NDArray[np.int64]) -> None:
    places = [place for place in st.session_state[key]["selection"]["rows"] if place < len(rows)]
    if places:
        selection.select(found, rows[places], selection.TABLE, selection.now(found).filters)
    else:  # what is listed is selected again, unless that is all
        every, filters = len(rows) == found.dataset.num_samples, selection.now(found).filters
        selection.select(found, [] if every else rows, selection.FILTER, filters)


# --- filters ---------------------------------------------------------------------------------------


def _filters(found: Findings, table: SampleTable, chosen: Chosen) -> None:
    """A field to search in all columns, and one for each column that is filtered by."""
    if st.session_state.get("filters shown") != (found.run.name, chosen.filters):
        st.session_state["filters shown"] = (found.run.name, chosen.filters)
        st.session_state["filter fields"] = st.session_state.get("filter fields", 0) + 1
    number, now = st.session_state["filter fields"], {each.column: each for each in chosen.filters}
    columns = list(table.kinds)
    change: Any = {"on_change": _filtered, "args": (found, number, columns)}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "Search", now[ANYWHERE].text if ANYWHERE in now else "", key=f"search {number}", width=130,
            placeholder="Search", icon=":material/search:", label_visibility="collapsed", **change,
        )  # fmt: skip
        label = f"Filters ({len(now)})" if now else "Filters"
        with st.popover(label, icon=":material/filter_alt:"):
            by = st.multiselect(
                "Columns", columns, [name for name in now if name in columns], key=f"filtered {number}",
                placeholder="Filter by …", **change,
            )  # fmt: skip
            for name in by:
                _field(table, name, now.get(name, Filter(name)), f"filter {number} {name}", change)
        with st.popover("Sort", icon=":material/sort:"):
            first = st.selectbox("Sort all pages by", columns, None, key="sort by", placeholder="Sample")
            st.toggle("Largest first", key="sort down", disabled=first is None)
    if now:
        st.caption(plots.plain(selection_sentences.filters(chosen.filters)))


def _field(table: SampleTable, name: str, now: Filter, key: str, change: Any) -> None:
    kind, label = table.kinds[name], plots.plain(name)
    if kind == "values":
        values = table.values(name)
        st.multiselect(label, values, [value for value in now.values if value in values], key=key,
                       format_func=lambda value: value or "missing", **change)  # fmt: skip
    elif kind == "text":
        st.text_input(label, now.text, key=key, placeholder="has …", **change)
    else:
        low, high = table.bounds(name)
        if not low < high:  # all missing, or all the same
            st.caption(f"{label}: every sample has the same, or none.")
        elif kind == "number":
            low, high = float(low), float(high)
            start, end = (min(max(float(bound), low), high) if isinstance(bound, int | float) else other
                          for bound, other in ((now.low, low), (now.high, high)))  # fmt: skip
            st.slider(label, low, high, (start, end), (high - low) / STEPS, format="%.3g", key=key, **change)
        else:
            st.date_input(label, (_day(now.low, low), _day(now.high, high)), low.date(), high.date(), key=key, **change)


def _day(bound: Any, other: Any) -> date:
    try:
        return date.fromisoformat(str(bound)[:10])
    except ValueError:
        day: date = other.date()
        return day


def _filtered(found: Findings, number: int, columns: list[str]) -> None:
    """What passes the fields is selected; in a callback, so that the map knows."""
    table, state = samples.table(found), st.session_state
    asked = [Filter(ANYWHERE, text=state.get(f"search {number}", "").strip())]
    for name in state.get(f"filtered {number}", ()):
        value = state.get(f"filter {number} {name}")
        if name in columns and value is not None:
            asked.append(_filter_of(table, name, value))
    filters = table.known(asked)
    state["filters shown"] = (found.run.name, filters)
    selection.select(found, table.passing(filters) if filters else [], selection.FILTER, filters)


def _filter_of(table: SampleTable, name: str, value: Any) -> Filter:
    kind = table.kinds[name]
    if kind == "values":
        return Filter(name, values=tuple(value))
    if kind == "text":
        return Filter(name, text=str(value).strip())
    least, most = table.bounds(name)
    if kind == "date":
        if len(value) < 2:  # the second day is still to be chosen
            return Filter(name)
        first = None if value[0] <= least.date() else f"{value[0]}"
        return Filter(name, first, None if value[1] >= most.date() else f"{value[1]}T23:59:59.999999")
    near = (most - least) / STEPS / 2  # a slider's ends are rounded
    return Filter(name, None if value[0] <= least + near else value[0], None if value[1] >= most - near else value[1])
