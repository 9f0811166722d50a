"""The mode whose labeling all pages show in place of the run's own: in the session and in the address."""

from contextlib import suppress

import streamlit as st
from streamlit.errors import StreamlitAPIException

OWN = "vote"  # the run's own labeling


def chosen(run: str) -> int | None:
    """The number of the mode chosen for a run; None for the run's own labeling."""
    asked = str(st.session_state.get("mode", OWN))
    return int(asked) if asked.isdecimal() and run == st.session_state.get("mode of") else None


def choose(run: str, number: int | None) -> None:
    """Choose a mode for all pages; only in a callback, before the sidebar is drawn."""
    st.session_state["mode"] = OWN if number is None else str(number)
    st.session_state["mode of"] = run


def choice() -> None:
    """In the sidebar: the chosen mode, and the run's own labeling to return to; nothing where none is chosen."""
    run = st.session_state.get("run")
    if st.session_state.setdefault("mode of", run) != run:
        st.session_state.pop("mode", None)
        st.session_state["mode of"] = run
        with suppress(StreamlitAPIException):  # a widget that is drawn no longer leaves the address by itself
            st.query_params.pop("mode", None)
        return
    asked = str(st.session_state.get("mode") or st.query_params.get("mode", OWN))
    if not asked.isdecimal():
        st.session_state.pop("mode", None)
        return
    if "mode" in st.session_state:
        with suppress(StreamlitAPIException):  # the address follows an existing widget
            st.query_params["mode"] = asked
    st.selectbox(
        "Labeling",
        [OWN, asked],  # the first one is the default, which the address leaves out
        key="mode",
        bind="query-params",
        help="The number of a labeling that the seeds found, or the run's vote.",
    )
