"""Start: what does HUME find? A first labeling within a minute."""

from datetime import UTC, datetime

import numpy as np
import streamlit as st

from hume import Run
from hume.common.errors import HumeError
from hume.common.formatting import percent
from hume.jobs.queues import UNDER_WAY
from hume.reporting import sentences
from hume.runs.findings import Findings
from pages._sections import correct, found_classes, launch, live_search, next_step
from pages._state import current, datasets, ground_truth
from pages._state.runs import (
    ANSWER,
    DATA,
    EXPLORE,
    OBJECTIVE,
    RELIABLE,
    SEARCH,
    STATE_ICONS,
    choose,
    findings,
    latest_of,
    notes,
    readable_runs,
    state,
)
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

MOSAIC = 60  # pictures
RECENT = 6


def main() -> None:
    st.title("What does HUME find?")
    st.markdown(
        "HUME searches for labelings in one representation of the images that a linear classifier in **another** "
        "representation predicts on held-out samples. Such labelings resemble human ones. No label is used."
    )
    name = current.choice(datasets.dataset_names(with_spaces=False), kind="pills")
    run = latest_of(name)
    now = None if run is None else state(run)
    if run is None or now not in (*UNDER_WAY, "finished"):
        data_and_button(name)
    elif now == "finished":
        try:
            found = findings(run)
        except HumeError as error:  # for example, its data changed
            st.error(str(error), icon=":material/error:")
            data_and_button(name)
        else:
            notes(run)
            sorted_pictures(found)
            data_and_button(name, again=True)
    else:
        live_search.panel(run, pictures_only=True)
    recent_runs()


def data_and_button(name: str, *, again: bool = False) -> None:
    """Some of the images, unsorted, and the button that starts a search."""
    data = datasets.dataset(name)
    if not again:
        card = data.card
        st.markdown(
            f"**{plots.plain(str(card.get('name', name)))}** · {card.get('summary', f'{data.num_samples:,} samples')}"
        )
        rows = np.random.default_rng(0).choice(data.num_samples, min(MOSAIC, data.num_samples), replace=False)
        clicked = gallery(
            [Tile(int(row)) for row in rows], key="mosaic", dataset=data, label="Images, unsorted", size=56
        )
        if clicked is not None:
            st.caption(f"Sample {clicked}, not labeled yet.")
    if len(data.spaces) < 2:
        next_step.make_spaces(data)
        return
    plan = launch.usual(data)
    if plan is None:
        st.info("The number of classes of this dataset is unknown.", icon=":material/info:")
        st.page_link(SEARCH, label="Choose on the Search page", icon=":material/search:")
        return
    expected = launch.expected(plan)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            f"Search {'again ' if again else ''}from {plan.num_seeds} random starts",
            type="secondary" if again else "primary",
            icon=":material/rocket_launch:",
            key="launch",
        ):
            launch.launch(plan)
        launch.draw_cost(
            plan,
            expected,
            lambda cost: st.caption(
                f"{cost.text} · {plan.config.num_classes} classes, {plots.spaces(plan.phi1, plan.phi2)}"
            ),
        )
    launch.draw_error()
    if not again:
        st.page_link(DATA, label="Use pictures of your own", icon=":material/add_photo_alternate:")


def sorted_pictures(found: Findings) -> None:
    """The classes of the vote, each as a row of typical pictures."""
    blind = not ground_truth.shows_truth(found.dataset)
    st.subheader(f"{sentences.offered(found)}: {found_classes.number(found)} classes")
    found_classes.classes(found)
    correct.standing(found)
    correct.classes(found)
    agreement = found.vote_agreement
    if agreement is not None and not blind:
        st.markdown(
            f"**{percent(agreement.acc)}** of the samples are in the right class of the ground truth, which the search "
            "does not use. " + sentences.gain(found)
        )
    if blind:
        ground_truth.reveal(found.dataset, "what people call them")
    with st.container(horizontal=True):
        st.page_link(OBJECTIVE, label=sentences.question(found.view), icon=":material/scatter_plot:")
        st.page_link(OBJECTIVE, label="Labelings found", icon=":material/call_split:")
        st.page_link(EXPLORE, label="Explore the samples", icon=":material/hub:")
        st.page_link(ANSWER, label="Correct the labels", icon=":material/touch_app:")
        st.page_link(RELIABLE, label="Reliable samples", icon=":material/verified:")


def recent_runs() -> None:
    """The newest runs with their state; a click opens one."""
    runs = readable_runs()[:RECENT]
    if not runs:
        return
    st.divider()
    st.markdown("**Recent runs**")
    for run in runs:
        now = state(run)
        request = run.request
        age = plots.duration((datetime.now(UTC) - datetime.fromisoformat(request.created)).total_seconds())
        columns = st.columns([6, 4, 5, 3], vertical_alignment="center")
        columns[0].markdown(f"{STATE_ICONS[now]} {run.name}")
        columns[1].markdown(f"{now}, {len(run.finished_seeds)} of {len(request.seeds)} seeds")
        columns[2].markdown(f"{plots.spaces(request.phi1, request.phi2)} · {age} ago")
        columns[3].button("Open", key=f"open {run.name}", on_click=_open, args=(run,))


def _open(run: Run) -> None:
    choose(run.name)


main()
