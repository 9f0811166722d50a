"""The sidebar of every page: the chosen run, jobs under way, blind mode."""

from contextlib import suppress

import streamlit as st
from streamlit.errors import StreamlitAPIException

from hume.common.errors import RunError
from hume.common.formatting import percent
from hume.runs.labeling_view import views
from hume.runs.request import View
from pages._sections import progress
from pages._state import current, modes
from pages._state.runs import UNKNOWN, choose, choose_next, chosen_run, readable_runs, run_names
from pages._state.services import services
from pages._widgets import plots

VIEWS: dict[View, str] = {
    "corrected": "refined again with the answers",
    "refined": "in both spaces; the most likely vote",
    "searched": "as in the paper; all vote",
}


def sidebar() -> None:
    """The chosen run, blind mode and jobs under way."""
    progress.adopt()
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
        st.toggle(
            "CSV for spreadsheets",
            key="csv_for_spreadsheets",
            persist_state="session",
            help="Puts an apostrophe before text that a spreadsheet would take for a formula, as it begins with =, +, "
            "- or @. Files then have other names in the table than on disk.",
        )
        _under_way()


def _run_choice() -> None:
    names = run_names()
    if "next run" in st.session_state:
        choose(st.session_state.pop("next run"))
    if st.session_state.get("run") not in names:
        _find(names)
    else:
        st.session_state.pop(UNKNOWN, None)
    if not names:
        current.follow(None)
        return
    if "run" in st.session_state:
        # The address follows an existing widget; before its first run it is set here.
        with suppress(StreamlitAPIException):
            st.query_params["run"] = st.session_state["run"]
    name = st.selectbox("Run", names, key="run", bind="query-params", index=None, placeholder="Choose a run")
    current.follow(name)
    if name is None and UNKNOWN not in st.session_state:  # it was cleared
        choose_next(_newest(names))
        st.rerun()


def _find(names: list[str]) -> None:
    """The run to show where the session has none: the one of the link, else of the current dataset, else the newest."""
    gone = st.session_state.pop("run", None)  # deleted or renamed
    asked = gone or st.query_params.get("run") or st.session_state.get(UNKNOWN)
    if asked in names:
        return
    now = None if asked is None else services().store.renamed(str(asked))
    if now is not None:
        choose(now)
        st.toast(f"Run {plots.plain(str(asked))} is now called {plots.plain(now)}.", icon=":material/edit:")
    elif asked is not None and gone is None:
        st.session_state[UNKNOWN] = asked
        st.query_params.pop("run", None)
    elif names:
        choose(current.asked_run() or _newest(names))


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
