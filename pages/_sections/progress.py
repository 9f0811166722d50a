"""A run that is under way: how far it has come, what the seeds see, and how to stop it."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from hume import Run
from hume.data.dataset import Dataset
from hume.jobs.live_view import Live
from hume.jobs.queues import Status
from hume.reporting import figures
from pages._state import datasets, ground_truth, services
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

REFRESH = 1.0  # seconds
PICTURE = 52  # pixels
SHOWN = 20  # classes
PHASES = {"queued": "waiting", "searching": "searching", "scoring": "cross-validating the labelings"}


def panel(run: Run, *, pictures_only: bool = False) -> None:
    """Draw a run that this server works on: its plots and what the leading seed sees."""
    data = datasets.dataset_of(run)

    def draw(live: Live) -> None:
        if not pictures_only:
            _plots(run.name, live, data)
        pictures(live, data)

    watch(run, draw)


def watch(run: Run, draw: Callable[[Live], None]) -> None:
    """Draw a run that this server works on, again every second, until it ends; then the page runs again."""
    jobs, name = services.services().jobs, run.name

    @st.fragment(run_every=REFRESH)
    def again() -> None:
        status = jobs.status(name)
        if status is None or not status.under_way:
            st.rerun()
        _progress(status)
        live = jobs.live(name)
        if live is not None:
            draw(live)

    again()


def _progress(status: Status) -> None:
    words = PHASES[status.state]
    if status.state == "queued":
        words += f": {status.ahead} run{'s' * (status.ahead != 1)} before this one"
    elif status.seconds_left is not None:
        words += f", about {plots.duration(status.seconds_left)} left"
    bar, button = st.columns([6, 1], vertical_alignment="center")
    bar.progress(min(1.0, status.share), text=f"**{plots.plain(status.name)}** · {words}")
    button.button(
        "Cancel",
        icon=":material/stop_circle:",
        key=f"cancel {status.name}",
        on_click=services.services().jobs.cancel,
        args=(status.name,),
        help="Finished seeds are kept, and the run can be resumed.",
    )


def _plots(name: str, live: Live, data: Dataset) -> None:
    clouds = ground_truth.shows_truth(data) and bool(np.isfinite(live.accuracy).any())
    left, right = st.columns(2)
    with left:
        st.markdown(f"**Objective of every seed**, iteration {live.iteration + 1}")
        if live.objective.shape[1]:
            iterations = np.arange(1, live.objective.shape[1] + 1)
            plots.plot(
                figures.objective_curves(iterations, live.objective, live.seeds, live.done),
                "live objective",
                lambda: (["seed", *map(str, iterations)], np.column_stack([live.seeds, live.objective]).tolist()),
                alt="Curves of the objective over iterations, one a seed",
                name=plots.file_name(name, "objective"),
                height=340,
            )
    with right:
        if clouds:
            st.markdown("**Do the seeds that generalize better come closer to the truth?**")
            now = live.last_objective
            plots.plot(
                figures.live_cloud(now, live.accuracy, live.seeds, live.done),
                "live cloud",
                lambda: (["seed", "objective", "accuracy"], zip(live.seeds, now, live.accuracy, strict=True)),
                alt="Scatter plot of objective and accuracy, one point a seed",
                name=plots.file_name(name, "cloud"),
                height=340,
            )
        else:
            st.markdown("**Share of every class in the seeds' labels**")
            _shares(name, live)
    if clouds:
        with st.expander("Label distribution"):
            _shares(name, live)


def _shares(name: str, live: Live) -> None:
    known = np.isfinite(live.label_shares).all(axis=1)
    if not known.any():
        return
    seeds = np.array(live.seeds)[known]
    header = ["seed", *(f"class {k}" for k in range(live.label_shares.shape[1]))]
    plots.plot(
        figures.label_shares(live.label_shares[known], seeds),
        "live shares",
        lambda: (header, np.column_stack([seeds, live.label_shares[known]]).tolist()),
        alt="Heat map of the share of labels in every class, one row a seed",
        name=plots.file_name(name, "label-shares"),
        height=340,
    )


def pictures(live: Live, data: Dataset) -> None:
    """What the leading seed sees now, a row a class."""
    if live.leader is None:
        return
    st.markdown(f"**What the leading seed sees now** (seed {live.leader}; a row is a class, nobody named them)")
    rows = [row[row >= 0] for row in live.typical[:SHOWN]]
    if len(live.typical) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(live.typical):,} classes.")
    halves = st.columns(2)
    for k, members in enumerate(rows):
        with halves[k % 2]:
            st.markdown(f"Class {k}")
            tiles = [Tile(int(row)) for row in members]
            gallery(tiles, key=f"live class {k}", dataset=data, label=f"Class {k}", size=PICTURE)
