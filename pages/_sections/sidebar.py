"""The sidebar of every page: the chosen run, jobs under way, blind mode."""

from contextlib import suppress

import streamlit as st
from streamlit.errors import StreamlitAPIException

from hume.common.errors import RunError
from hume.common.formatting import percent
from hume.runs.findings import View
from pages._state import modes
from pages._state.runs import choose, choose_next, chosen_run, readable_runs, run_names, views
from pages._state.services import services
from pages._widgets import plots

VIEWS: dict[View, str] = {
    "corrected": "refined again with the answers",
    "refined": "in both spaces; the most likely vote",
    "searched": "as in the paper; all vote",
}


def sidebar() -> None:
    """The chosen run, blind mode and jobs under way."""
    with st.sidebar:
        _run_choice()
        _view_choice()
        modes.choice()
        st.toggle(
            "Blind mode",
            key="blind",
            bind="query-params",
            help="Hides the ground truth on all pages until you reveal it.",
        )
        st.segmented_control(
            "Save plots as",
            ["PNG", "SVG"],
            default="PNG",
            required=True,
            key="plot_format",
            persist_state="session",
            help="The format of every plot's camera button.",
        )
        _under_way()


def _run_choice() -> None:
    names = run_names()
    if "next run" in st.session_state:
        choose(st.session_state.pop("next run"))
    if not names:
        return
    if st.session_state.get("run") not in names:
        st.session_state.pop("run", None)  # it was deleted or renamed
        if st.query_params.get("run") not in names:
            choose(_newest(names))
    if "run" in st.session_state:
        # The address follows an existing widget; before its first run it is set here.
        with suppress(StreamlitAPIException):
            st.query_params["run"] = st.session_state["run"]
    name = st.selectbox("Run", names, key="run", bind="query-params", index=None, placeholder="Choose a run")
    if name is None:  # the address names a run that does not exist
        choose_next(_newest(names))
        st.rerun()


def _view_choice() -> None:
    """The labelings to show, where the chosen run has several; kept in `view`, which pages read."""
    st.session_state["view"] = None
    with suppress(RunError):  # a damaged run; its page reports it
        run = chosen_run()
        offered: list[View] = [] if run is None else views(run)
        if run is None or len(offered) < 2:
            return
        _follow(offered)
        st.session_state["view"] = st.radio(
            "Labelings",
            offered,
            captions=[VIEWS[view] for view in offered],
            key="labeling",
            bind="query-params",
            persist_state="session",
            on_change=modes.choose,
            args=(run.name, None),  # the other view has other modes
            help="Corrected: the labeling with the answers of the page Answer. Refined: every labeling is "
            "moved to the nearest one that both spaces support and ranked by its likelihood; the vote of the most "
            "likely ones is refined once more. Searched: ranked by the score in φ2.",
        )


def _follow(offered: list[View]) -> None:
    """Choose the first view again where it has changed, as with the first answer, or where the chosen one is gone."""
    before, chosen = st.session_state.get("views"), st.session_state.get("labeling")
    st.session_state["views"] = offered
    if chosen is not None and (chosen not in offered or (before and chosen == before[0])):
        st.session_state["labeling"] = offered[0]


def _newest(names: list[str]) -> str:
    readable = readable_runs()
    return readable[0].name if readable else names[0]


def _under_way() -> None:
    statuses = services().jobs.statuses()

    @st.fragment(run_every=2.0 if statuses else None)
    def lines() -> None:
        now = services().jobs.statuses()
        for status in now:
            text = f"{plots.plain(status.name)}: {status.state}"
            if status.state != "queued":
                text += f" {percent(status.share, 0)}"
            st.progress(min(1.0, status.share), text=text)
        if [status.name for status in now] != [status.name for status in statuses]:
            st.rerun()

    lines()
