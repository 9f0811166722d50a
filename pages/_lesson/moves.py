"""How the search moves: Algorithm 1 an iteration and a phase at a time, on points with two views and on digits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from hume.lesson import moves
from hume.lesson.figures import moves as drawn
from hume.lesson.moves import PHASES, UPDATE, Moment, Recording
from pages._lesson import _equations
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery
from pages._widgets.pairs import pairs
from pages._widgets.player import Player

CASES = {"toy": "Points with two views", "digits": "Handwritten digits"}
NOUNS = {"toy": "point", "digits": "image"}
PICTURE, PICTURES = 42, 5  # pixels; of every class
TALL, LOW = 340, 300  # pixels


@dataclass(frozen=True)
class Speed:
    """How far playing goes, and how often."""

    frames: int
    seconds: float


SPEEDS = {
    "phase by phase": Speed(1, 2.0),
    "slow": Speed(len(PHASES), 1.0),
    "fast": Speed(4 * len(PHASES), 1.0),
}


def show() -> None:
    """The whole step."""
    player = st.session_state.setdefault("lesson player", Player())
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        case = st.segmented_control(
            "Data", list(CASES), default="toy", required=True, format_func=CASES.__getitem__, key="moves case",
            persist_state="session", label_visibility="collapsed",
        )  # fmt: skip
        speed = SPEEDS[
            st.segmented_control(
                "Speed of playing", list(SPEEDS), default="slow", required=True, key="moves speed",
                persist_state="session", label_visibility="collapsed",
            )
        ]  # fmt: skip
    recording = moves.of_toy() if case == "toy" else moves.of_digits()[1]

    def draw() -> None:
        _controls(player, recording)
        moment = recording.at(player.frame)
        st.markdown(moves.describe(moment, NOUNS[case]))
        if case == "toy":
            _toy(moment)
        else:
            _digits(moment)

    player.show(
        case, recording.num_frames, draw, seconds=speed.seconds, following=lambda frame: _ahead(frame, speed.frames)
    )
    _curves_as_csv(case, recording)


# --- the controls -----------------------------------------------------------------------------------


def _ahead(frame: int, frames: int) -> int:
    """The frame after so many frames; steps of whole iterations end after an update."""
    if frames == 1:
        return frame + 1
    iteration, phase = divmod(frame, len(PHASES))
    begun = frames // len(PHASES) - (phase < UPDATE)
    return Recording.frame(iteration + begun, UPDATE)


def _controls(player: Player, recording: Recording) -> None:
    frame, at_end = player.frame, player.frame == player.last
    iteration, phase = divmod(frame, len(PHASES))
    buttons, slider = st.columns([1, 1], vertical_alignment="bottom")
    with buttons.container(horizontal=True):
        player.button("moves play", shortcut="P")
        st.button(
            "One step", key="moves step", icon=":material/step:", shortcut="S", disabled=at_end,
            on_click=player.go, args=(frame + 1,),
        )  # fmt: skip
        st.button(
            "Next iteration", key="moves next", icon=":material/skip_next:", shortcut="N", disabled=at_end,
            on_click=player.go, args=(_ahead(frame, len(PHASES)),),
        )  # fmt: skip
    slider.slider(
        "Iteration", 1, recording.num_iterations, iteration + 1,
        **player.field_options("moves iteration", lambda chosen: Recording.frame(chosen - 1, UPDATE)),
    )  # fmt: skip
    st.segmented_control(
        "Phase", PHASES, default=PHASES[phase], required=True, width="stretch", label_visibility="collapsed",
        format_func=lambda name: f"{PHASES.index(name) + 1} {name}",
        **player.field_options("moves phase", lambda chosen: Recording.frame(iteration, PHASES.index(chosen))),
    )  # fmt: skip


# --- figures ------------------------------------------------------------------------------------------


def _toy(moment: Moment) -> None:
    first, second, third = st.columns([1, 1, 1.45])
    with first:
        st.markdown("**φ1: labels are made here**")
        globe = drawn.globe(
            moment.recording.phi1, moment.prototypes, task=moment.task, moved=moment.moved, trail=moment.trail
        )
        alt = "Points on a globe, coloured by their labels, and three prototypes as arrows at right angles"
        _plot(globe, "globe", TALL, alt)
    with second:
        st.markdown("**φ2: they are tested here**")
        plane = drawn.plane(
            moment.recording.phi2, task=moment.task, split=moment.split, classifier=moment.classifier,
            errors=moment.errors,
        )  # fmt: skip
        alt = "The same points in another view, training and test points, with a classifier's regions"
        _plot(plane, "plane", TALL, alt)
    with third:
        _equations.draw(moment.phase)
        st.caption(
            "A disc within a disc: a label shared by two classes, by area. A dotted arrow points away from you. "
            "Diamonds are test points; a ring's area is the classifier's error there."
        )
    left, right = st.columns(2)
    with left:
        temperature = _temperature(moment)
        shares = moves.on_simplex(moment.cosines, temperature)
        alt = "The labels as points of a triangle, by sparsemax in its corners and edges, by softmax inside"
        _plot(drawn.triangles(shares.sparsemax, shares.softmax), "triangles", LOW, alt)
        st.markdown(moves.compare(shares, "point"))
    with right:
        _falling(moment)


def _digits(moment: Moment) -> None:
    digits, _ = moves.of_digits()
    left, right = st.columns([1.35, 1])
    with left:
        st.markdown("**The images nearest to each prototype now**; the classes are unnamed")
        for (k, rows), half in zip(enumerate(moment.typical(PICTURES)), pairs(), strict=False):
            name, wall = half.columns([1, 9], vertical_alignment="center")
            name.markdown(f"**{k}**")
            with wall:
                tiles = [Tile(int(row)) for row in rows]
                gallery(tiles, key=f"moves class {k}", dataset=digits, label=f"Class {k}", size=PICTURE)
    with right:
        _equations.draw(moment.phase)
        if moment.shares is not None:
            alt = "Bars of the share of the labels in each of ten classes"
            _plot(drawn.share_bars(moment.shares), "shares", LOW, alt)
    left, right = st.columns(2)
    with left:
        shares = moves.on_simplex(moment.cosines, _temperature(moment))
        st.markdown(moves.compare(shares, "image"))
    with right:
        _falling(moment)


def _temperature(moment: Moment) -> float:
    """The temperature that the user tries on the labels of this moment; the search has its own."""
    own = moment.recording.temperature(moment.iteration)
    return float(
        st.slider(
            f"Temperature γ, to try; the search uses {own:g}", 0.02, 1.0, own, 0.02,
            key=f"moves temperature {own:g}", persist_state="session",
        )
    )  # fmt: skip


def _falling(moment: Moment) -> None:
    recording = moment.recording
    most = float(np.log(recording.config.num_classes))
    figure = drawn.falling(recording.objective, recording.test_error, recording.entropy, moment.num_tested, most)
    _plot(figure, "falling", LOW + 60, "Curves of objective, test error and entropy over the iterations")


def _plot(figure: go.Figure, key: str, height: int, alt: str) -> None:
    figure.update_layout(height=height)
    st.plotly_chart(figure, key=f"moves {key}", alt=alt, config={"displayModeBar": False})


def _curves_as_csv(case: str, recording: Recording) -> None:
    header = ["iteration", "objective", "test_error", "entropy", "train_error"]

    def table() -> plots.Table:
        columns: list[Any] = [recording.objective, recording.test_error, recording.entropy, recording.train_error]
        return header, zip(range(1, recording.num_iterations + 1), *columns, strict=True)

    plots.csv_button("Curves as CSV", table, f"lesson-{case}-curves", key="moves csv", type="tertiary")
