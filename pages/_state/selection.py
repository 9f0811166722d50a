"""The selected samples of a run: one set, which the map, the table, the pictures and every action share."""

from collections.abc import Iterable

import streamlit as st

from hume.runs.findings import Findings

SHORT = 40  # rows of a selection that the address can hold


def rows(found: Findings) -> list[int]:
    """The selected samples; at first those of the address."""
    kept = _key(found)
    if kept not in st.session_state:
        st.session_state[kept] = _from_address(found)
    chosen: list[int] = st.session_state[kept]
    return chosen


def select(found: Findings, chosen: Iterable[int]) -> None:
    """Replace the selection; a short one is kept in the address."""
    given = list(chosen)
    st.session_state[_key(found)] = given
    st.session_state.pop("page", None)
    if given and len(given) <= SHORT:
        st.query_params["rows"] = ",".join(map(str, given))
    else:
        st.query_params.pop("rows", None)


def clear(found: Findings) -> None:
    """Select nothing."""
    select(found, [])
    st.session_state["cleared"] = st.session_state.get("cleared", 0) + 1  # a new plot, without its lasso
    for name in ("map view", "last lasso"):
        st.session_state.pop(name, None)


def _key(found: Findings) -> str:
    return f"selection {found.run.name}"


def _from_address(found: Findings) -> list[int]:
    given = st.query_params.get("rows", "").split(",")
    numbers = (int(text) for text in given if text.isdecimal() and len(text) < 10)
    return [row for row in numbers if row < found.dataset.num_samples][:SHORT]
