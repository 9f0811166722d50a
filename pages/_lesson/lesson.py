"""What the steps of the lesson share: its data, the run it looks at, what may be revealed, and large plots."""

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
    """Which data the lesson is about, and whether people's labels of them may be seen: the same in all steps."""
    names = datasets.dataset_names()
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    left.selectbox(
        "Pictures", names, names.index(datasets.usual_dataset(names)), key="lesson_data", bind="query-params",
        persist_state="session",
    )  # fmt: skip
    with right:
        offer_truth(data())


def offer_truth(dataset: Dataset) -> None:
    """The switch for people's labels, where there are any."""
    if dataset.labels is not None:
        st.toggle(
            "Show people's labels", key="lesson_truth", bind="query-params", persist_state="session",
            disabled=ground_truth.is_blind(),
            help="Blind mode is on: turn it off in the sidebar."
            if ground_truth.is_blind()
            else "Off until the class has guessed.",
        )  # fmt: skip


def data() -> Dataset:
    """The data of the lesson."""
    names = datasets.dataset_names()
    chosen = st.session_state.get("lesson_data")
    return datasets.dataset(chosen if chosen in names else datasets.usual_dataset(names))


def home() -> Path:
    """Where the guesses are kept."""
    return services.services().store.home


def shows_truth() -> bool:
    """Whether the lesson has come to where people's labels may be seen; the search never sees them."""
    return may_reveal(data())


def may_reveal(dataset: Dataset) -> bool:
    """The same for any dataset that a step shows."""
    return ground_truth.shows_truth(dataset) and bool(st.session_state.get("lesson_truth"))


def latest_run() -> Run | None:
    """The run the lesson looks at: the chosen one when it is of the lesson's data, else the newest that is."""
    return runs.latest_of(data().name)


def found() -> Findings | None:
    """What that run has found, or else the newest that has ended; None where there is none that can be read."""
    run = latest_run()
    if run is None:
        return None
    if runs.state(run) != "finished":
        others = runs.readable_runs()
        ended = [each for each in others if each.request.dataset == data().name and each.state == "finished"]
        if not ended:
            return None
        run = ended[0]
    try:
        return runs.findings(run)
    except HumeError as error:  # its data changed, say
        st.error(str(error), icon=":material/error:")
        return None


def needs_a_run() -> Findings | None:
    """What was found; where nothing was, says so and shows the way."""
    known = found()
    if known is None:
        st.info(
            "This step looks at a finished search of these pictures, and there is none yet: **100 seeds**, in the list "
            "of steps above, makes one.",
            icon=":material/info:",
        )
    return known


def plot(
    figure: go.Figure, key: str, table: Callable[[], plots.Table], *, alt: str, name: str, height: int = TALL
) -> list[dict[str, Any]]:
    """A figure with type that the last row can read: large, and as dark as the page's own."""
    font = {"size": LARGE_TYPE, "color": INK[str(st.context.theme.type)]}
    axis = {"tickfont": font, "title": {"font": font}}
    figure.update_layout(font=font, legend={"font": font})
    figure.update_xaxes(axis)
    figure.update_yaxes(axis)
    return plots.plot(figure, key, table, alt=alt, name=plots.file_name("lesson", name), height=height)
