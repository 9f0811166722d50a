"""A search under way on this server: its plots and the classes of the leading seed."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from hume import Run
from hume.data.dataset import Dataset
from hume.jobs.live_view import Live
from hume.reporting import figures
from pages._sections import progress
from pages._state import datasets, ground_truth, services
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery
from pages._widgets.pairs import pairs

PICTURE = 52  # pixels
SHOWN = 20  # classes


def panel(run: Run, *, pictures_only: bool = False) -> None:
    """Draw a run under way on this server: its plots and the classes of the leading seed."""
    data = datasets.dataset_of(run)

    def draw(live: Live) -> None:
        if not pictures_only:
            _plots(run.name, live, data)
        pictures(live, data)

    watch(run, draw)


def watch(run: Run, draw: Callable[[Live], None]) -> None:
    """Redraw a run under way on this server every second; when it ends, rerun the page."""
    jobs = services.services().jobs

    def again() -> None:
        status = jobs.status(run.name)
        if status is None or not status.under_way:
            st.rerun()
        progress.line(status, kept="Finished seeds are saved, and the run can be resumed.")
        live = jobs.live(run.name)
        if live is not None:
            draw(live)

    progress.repeat(lambda: jobs.is_under_way(run.name), again)


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
            st.markdown("**Are seeds with a lower objective more accurate?**")
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
    """The classes of the leading seed now, a row each."""
    if live.leader is None:
        return
    st.markdown(f"**Classes of the leading seed now** (seed {live.leader}; a row is an unnamed class)")
    rows = [row[row >= 0] for row in live.typical[:SHOWN]]
    if len(live.typical) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(live.typical):,} classes.")
    for (k, members), column in zip(enumerate(rows), pairs(), strict=False):
        with column:
            st.markdown(f"Class {k}")
            tiles = [Tile(int(row)) for row in members]
            gallery(tiles, key=f"live class {k}", dataset=data, label=f"Class {k}", size=PICTURE)
