"""Replay a finished search: the seeds at every frame, and the pictures that change class."""

from collections.abc import Callable

import streamlit as st

from hume.common.errors import HumeError
from hume.reporting import figures, sentences
from hume.runs import replay
from hume.runs.findings import Findings
from hume.runs.replay import Cloud, Labels
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery
from pages._widgets.player import Player

EVERY = 0.8  # seconds a frame while playing
PICTURE = 56  # pixels
SHOWN = 24  # pictures
BACK = 3  # frames within which a picture has changed class

Plot = Callable[..., object]  # `_show.plot`, or one with larger type


def show(found: Findings, *, truth: bool, plot: Plot = plots.plot) -> None:
    """The replay of a run, where it was recorded; truth: whether accuracies may be shown."""
    missing = replay.missing_trajectories(found.run)
    if missing is not None:
        st.caption(sentences.missing_trajectories(missing))
    if not replay.recorded_seeds(found.run):
        st.markdown("This run has no recording: search again to replay it.")
        return
    try:
        cloud = _cloud(str(found.run.folder), found.run.version, found)
    except HumeError as error:  # all recordings are damaged
        st.warning(str(error), icon=":material/warning:")
        return
    recorded = set(cloud.seeds.tolist())
    seeds = [seed for seed in (found.seeds[i] for i in found.statistics.order.tolist()) if seed in recorded]
    seed = st.selectbox(
        "Seed", seeds, key=f"lesson replayed {found.run.name}", persist_state="session",
        help=f"The {sentences.first_ranked(found)} first; its pictures are shown below.",
    )  # fmt: skip
    labels = _labels(str(found.run.folder), found.run.version, seed, found, cloud)
    _draw(found, cloud, labels, seed, truth, plot)


def _draw(found: Findings, cloud: Cloud, labels: Labels, seed: int, truth: bool, plot: Plot) -> None:
    player: Player = st.session_state.setdefault(f"replay of {found.run.name}", Player())

    def draw() -> None:
        _controls(player, cloud.iterations.tolist())
        _plots(found, cloud, player.frame, seed, truth and cloud.acc is not None, plot)
        _movers(found, cloud, labels, player.frame)

    player.show(found.run.name, len(cloud.iterations), draw, seconds=EVERY)


def _controls(player: Player, moments: list[int]) -> None:
    buttons, slider = st.columns([1, 4], vertical_alignment="bottom")
    with buttons:
        player.button("replay play")
    if len(moments) > 1:
        moment = moments[player.frame]
        slider.select_slider("Iterations done", moments, moment, **player.field_options("replay moment", moments.index))


def _plots(found: Findings, cloud: Cloud, at: int, seed: int, truth: bool, plot: Plot) -> None:
    left, right = st.columns([3, 2])
    heights = cloud.acc if truth and cloud.acc is not None else cloud.settled
    header = ["seed", "objective", "accuracy" if truth else "share in the last class"]
    with left:
        plot(
            figures.cloud_at(cloud, at, truth=truth, selected=seed), "replayed cloud",
            lambda: (header, zip(cloud.seeds, cloud.objective[at], heights[at], strict=True)),
            alt="One point a seed at this frame", name=plots.file_name(found.run.name, "replay"),
        )  # fmt: skip
    with right:
        plot(
            figures.changes_curve(cloud, at), "replayed changes",
            lambda: (["iteration", *(f"seed {number}" for number in cloud.seeds.tolist())],
                     ([i, *row] for i, row in zip(cloud.iterations[1:].tolist(), cloud.changes.tolist(), strict=True))),
            alt="Share of the samples that change class over the iterations",
            name=plots.file_name(found.run.name, "changes"),
        )  # fmt: skip
    st.caption(f"Computed on a fixed sample of {len(cloud.rows):,}.")


def _movers(found: Findings, cloud: Cloud, labels: Labels, at: int) -> None:
    """The pictures that have just changed class in the selected seed."""
    at = min(at, len(labels) - 1)
    start = max(0, at - BACK)
    moved = replay.movers(labels, cloud.rows, start=start, end=at)
    tiles = [
        Tile(row, f"{before} → {after}")
        for row, before, after in zip(
            moved.rows.tolist(), moved.before.tolist(), moved.after.tolist(), strict=True
        )
        if before != after
    ][:SHOWN]  # fmt: skip
    if not tiles:
        st.markdown("No picture has just changed class.")
        return
    st.markdown("**Pictures that have just changed class** (before → now)")
    gallery(tiles, key="lesson movers", dataset=found.dataset, label="Pictures that changed class", size=PICTURE)


@st.cache_resource(max_entries=4, show_spinner="Replaying the search …")
def _cloud(folder: str, version: tuple[int, int], _found: Findings) -> Cloud:
    return replay.cloud(_found.run, _found.dataset)


@st.cache_resource(max_entries=16, show_spinner=False)
def _labels(folder: str, version: tuple[int, int], seed: int, _found: Findings, _cloud: Cloud) -> Labels:
    """The labels of one seed on the replayed rows at every frame, (F, n), in the class numbers of all pages."""
    reference = _found.aligned[_found.seeds.index(seed)]
    return replay.followed(_found.run, _found.dataset, _cloud, seed, reference)
