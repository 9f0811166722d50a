"""How the search moves: Algorithm 1 an iteration and a phase at a time, on points with two views and on digits."""

from dataclasses import dataclass, field
from time import monotonic
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


@dataclass
class Player:
    """Where the reader is in each recording; it stays while other steps are looked at."""

    frames: dict[str, int] = field(default_factory=dict)
    playing: bool = False
    since: float = 0.0  # when the picture moved last
    # A field is made anew whenever something else moves the picture: what its old self still sends, a browser being
    # behind, counts for nothing; and the one that the reader is using keeps the keyboard.
    scrubs: int = 0
    phases: int = 0

    def go(self, case: str, frame: int, last: int, *, by: str = "") -> None:
        """Show a moment, the nearest there is; at the end, stop. by: the field that says so, scrub or phase."""
        self.frames[case] = min(max(frame, 0), last)
        self.playing, self.since = self.playing and frame < last, monotonic()
        self.scrubs += by == ""
        self.phases += by != "phase"

    def toggle(self, case: str, last: int) -> None:
        """Play or pause; from the end, play again."""
        self.playing, self.since = not self.playing, monotonic()
        if self.playing and self.frames[case] == last:
            self.go(case, 0, last)


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
    last = recording.num_frames - 1
    player.frames.setdefault(case, 0)
    if player.playing and monotonic() - player.since > 5 * speed.seconds:
        player.playing = False  # another step was looked at in between
    playing = player.playing

    @st.fragment(run_every=speed.seconds if playing else None)
    def draw() -> None:
        # A touch on a slider draws anew too, and must not make it faster.
        if player.playing and monotonic() - player.since > 0.7 * speed.seconds:
            player.go(case, _ahead(player.frames[case], speed.frames), last)
        if player.playing != playing:
            st.rerun()  # only the whole page can set the clock
        _controls(player, case, recording)
        moment = recording.at(player.frames[case])
        st.markdown(moves.say(moment, NOUNS[case]))
        if case == "toy":
            _toy(moment)
        else:
            _digits(moment)

    draw()
    _curves_as_csv(case, recording)


# --- the controls -----------------------------------------------------------------------------------


def _ahead(frame: int, frames: int) -> int:
    """Where so many frames lead; who goes by iterations sees each of them complete."""
    if frames == 1:
        return frame + 1
    iteration, phase = divmod(frame, len(PHASES))
    begun = frames // len(PHASES) - (phase < UPDATE)
    return Recording.frame(iteration + begun, UPDATE)


def _controls(player: Player, case: str, recording: Recording) -> None:
    last, frame = recording.num_frames - 1, player.frames[case]
    iteration, phase = divmod(frame, len(PHASES))
    scrubs, phases = player.scrubs, player.phases
    scrub_key, phase_key = f"moves iteration {case} {scrubs}", f"moves phase {case} {phases}"

    def to_iteration() -> None:
        if player.scrubs == scrubs:
            player.go(case, Recording.frame(st.session_state[scrub_key] - 1, UPDATE), last, by="scrub")

    def to_phase() -> None:
        if player.phases == phases:
            chosen = PHASES.index(st.session_state[phase_key])
            player.go(case, Recording.frame(iteration, chosen), last, by="phase")

    buttons, slider = st.columns([1, 1], vertical_alignment="bottom")
    with buttons.container(horizontal=True):
        st.button(
            "Pause" if player.playing else "Play", key="moves play", on_click=player.toggle, args=(case, last),
            icon=":material/pause:" if player.playing else ":material/play_arrow:", type="primary", shortcut="P",
        )  # fmt: skip
        st.button(
            "One step", key="moves step", icon=":material/step:", shortcut="S", disabled=frame == last,
            on_click=player.go, args=(case, frame + 1, last),
        )  # fmt: skip
        st.button(
            "Next iteration", key="moves next", icon=":material/skip_next:", shortcut="N", disabled=frame == last,
            on_click=player.go, args=(case, _ahead(frame, len(PHASES)), last),
        )  # fmt: skip
    slider.slider("Iteration", 1, recording.num_iterations, iteration + 1, key=scrub_key, on_change=to_iteration)
    st.segmented_control(
        "Phase", PHASES, default=PHASES[phase], key=phase_key, required=True, on_change=to_phase, width="stretch",
        label_visibility="collapsed",
        format_func=lambda name: f"{PHASES.index(name) + 1} {name}",
    )  # fmt: skip


# --- what moves ---------------------------------------------------------------------------------------


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
        alt = "The same points in another view, those to learn from and those to test on, with a classifier's regions"
        _plot(plane, "plane", TALL, alt)
    with third:
        _equations.draw(moment.phase)
        st.caption(
            "A disc within a disc: a label shared by two classes, by area. A dotted arrow points away from you. "
            "Diamonds are put aside for the test; a ring's area is how wrong the classifier is there."
        )
    left, right = st.columns(2)
    with left:
        temperature = _temperature(moment)
        found = moves.on_simplex(moment.cosines, temperature)
        alt = "The labels as points of a triangle, by sparsemax in its corners and edges, by softmax inside"
        _plot(drawn.triangles(found.sparsemax, found.softmax), "triangles", LOW, alt)
        st.markdown(moves.compare(found, "point"))
    with right:
        _falling(moment)


def _digits(moment: Moment) -> None:
    digits, _ = moves.of_digits()
    left, right = st.columns([1.35, 1])
    with left:
        st.markdown("**The images nearest to each prototype now**; nobody named the classes")
        halves = st.columns(2)
        for k, rows in enumerate(moment.typical(PICTURES)):
            name, wall = halves[k % 2].columns([1, 9], vertical_alignment="center")
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
        found = moves.on_simplex(moment.cosines, _temperature(moment))
        st.markdown(moves.compare(found, "image"))
    with right:
        _falling(moment)


def _temperature(moment: Moment) -> float:
    """The temperature that the reader tries out on the labels of this moment; the search keeps its own."""
    own = moment.recording.temperature(moment.iteration)
    return float(
        st.slider(
            f"Temperature γ, to try out; the search uses {own:g}", 0.02, 1.0, own, 0.02,
            key=f"moves temperature {own:g}", persist_state="session",
        )
    )  # fmt: skip


def _falling(moment: Moment) -> None:
    found = moment.recording
    most = float(np.log(found.config.num_classes))
    figure = drawn.falling(found.objective, found.test_error, found.entropy, moment.num_tested, most)
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
