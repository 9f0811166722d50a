"""What the steps of the lesson share: the data, the run, whether ground truth is shown, and large plots."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from hume import Run
from hume.common.errors import HumeError
from hume.data.dataset import Dataset
from hume.runs.findings import Findings
from pages._state import datasets, ground_truth, runs, services
from pages._widgets import plots

LARGE_TYPE = 17  # pixels, in plots
TALL = 460  # pixels
INK = {"light": "#1c2430", "dark": "#e6ebf0", "None": "#1c2430"}  # as in .streamlit/config.toml


def choose_data() -> None:
    """Choose the data, and whether people's labels are shown: the same in all steps."""
    names = datasets.dataset_names()
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    left.selectbox(
        "Pictures", names, names.index(datasets.usual_dataset(names)), key="lesson_data", bind="query-params",
        persist_state="session",
    )  # fmt: skip
    with right:
        offer_truth(data())


def offer_truth(dataset: Dataset) -> None:
    """The switch for people's labels, if there are any."""
    if dataset.labels is not None:
        st.toggle(
            "Show people's labels", key="lesson_truth", bind="query-params", persist_state="session",
            disabled=ground_truth.is_blind(),
            help="Blind mode is on: turn it off in the sidebar."
            if ground_truth.is_blind()
            else "Leave it off until the class has guessed.",
        )  # fmt: skip


def data() -> Dataset:
    """The data of the lesson."""
    names = datasets.dataset_names()
    chosen = st.session_state.get("lesson_data")
    return datasets.dataset(chosen if chosen in names else datasets.usual_dataset(names))


def home() -> Path:
    """The folder where the guesses are saved."""
    return services.services().store.home


def shows_truth() -> bool:
    """Whether people's labels of the lesson's data are shown; the search never sees them."""
    return may_reveal(data())


def may_reveal(dataset: Dataset) -> bool:
    """Whether people's labels of any dataset are shown."""
    return ground_truth.shows_truth(dataset) and bool(st.session_state.get("lesson_truth"))


def latest_run() -> Run | None:
    """The run that the lesson shows: the chosen one if it is on the lesson's data, else the newest on them."""
    return runs.latest_of(data().name)


def findings() -> Findings | None:
    """The findings of that run, else of the newest finished one; None if there is no readable one."""
    run = latest_run()
    if run is None:
        return None
    if runs.state(run) != "finished":
        others = runs.readable_runs()
        ended = [other for other in others if other.request.dataset == data().name and other.state == "finished"]
        if not ended:
            return None
        run = ended[0]
    try:
        return runs.findings(run)
    except HumeError as error:  # e.g. its data changed
        st.error(str(error), icon=":material/error:")
        return None


def needs_a_run() -> Findings | None:
    """The findings; if there are none, shows the next step."""
    found = findings()
    if found is None:
        st.info(
            "This step needs a finished search of these pictures: start one in **100 seeds**, in the list of steps "
            "above.",
            icon=":material/info:",
        )
    return found


def plot(
    figure: go.Figure, key: str, table: Callable[[], plots.Table], *, alt: str, name: str, height: int = TALL
) -> list[dict[str, Any]]:
    """Draw a figure with type that is readable from the last row: large, in the colour of the page's text."""
    font = {"size": LARGE_TYPE, "color": INK[str(st.context.theme.type)]}
    axis = {"tickfont": font, "title": {"font": font}}
    figure.update_layout(font=font, legend={"font": font})
    figure.update_xaxes(axis)
    figure.update_yaxes(axis)
    return plots.plot(figure, key, table, alt=alt, name=plots.file_name("lesson", name), height=height)
