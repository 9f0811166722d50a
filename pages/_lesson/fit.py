"""Step 2 of the lesson: any labeling can be fitted, few generalize; and what prevents a collapse to one class."""

from collections.abc import Iterable
from typing import Any

import streamlit as st
from numpy.typing import NDArray

from hume.common.formatting import count, percent
from hume.lesson.figures import toy as drawn
from hume.lesson.toy import (
    LABELINGS,
    Fit,
    Labeling,
    Toy,
    conclusion,
    cut,
    fit,
    make_toy,
    random_errors,
    random_labeling,
)
from pages._lesson import entropy
from pages._widgets import plots

HEIGHT = 540
PAINTED = "painted"
CHOICES = {
    "human": "What people see: round or square",
    "brightness": "Dark or bright",
    "random": "A coin toss",
    "one class": "Everything in one class",
    PAINTED: "Painted by you",
}
CHOICE, PAINTING, PAINTINGS, TOSSES = "toy labeling", "toy painting", "toy paintings", "toy tosses"
CUT_VIEW, CUT_ANGLE, CUT_OFFSET = "toy cut view", "toy cut angle", "toy cut offset"
START = {CUT_VIEW: 1, CUT_ANGLE: 45, CUT_OFFSET: 0.0}  # halfway between shape and brightness


def show() -> None:
    """Draw the step."""
    _labelings()
    st.divider()
    _random()  # cached now, so that choosing it is as fast as the others
    entropy.show(_toy())


@st.cache_resource(show_spinner=False)
def _toy() -> Toy:
    return make_toy()


@st.cache_resource(show_spinner=False)
def _random() -> str:
    """The errors of many random labelings, in a sentence."""
    train, test = random_errors(_toy())
    fitted, S = int((train == 0).all(0).sum()), train.shape[1]
    best = float(test.max(0).min())  # by the worse view
    return (
        f"Of {count(S, 'random labeling')}, {fitted if fitted < S else 'all'} can be fitted without an error in both "
        f"views; the best of them is wrong on {percent(best, 0)} of the new points in its worse view."
    )


# --- a labeling and its errors -----------------------------------------------------------------


@st.fragment
def _labelings() -> None:
    toy = _toy()
    st.markdown(
        "Each point is a drawing, **round** or **square**, dark or bright. A linear classifier learns from the filled "
        "points; the open ones are held out."
    )
    choice = st.radio(
        "Labeling", list(CHOICES), key=CHOICE, horizontal=True, label_visibility="collapsed",
        format_func=CHOICES.__getitem__, persist_state="session",
    )  # fmt: skip
    if choice == PAINTED:
        _line()
    labeling = _labeling(toy, choice)
    fits = fit(toy, labeling)
    st.markdown(f"#### {conclusion(labeling, fits)}")
    selected = _views(toy, labeling, fits, choice)
    with st.container(horizontal=True, vertical_alignment="center"):
        if choice == PAINTED:
            _brushes(selected)
        elif choice == "random":
            st.button("Toss again", icon=":material/casino:", key="toss", on_click=_toss)
            st.markdown(_random())
    st.caption(
        f"The picture shows 2 coordinates of each view. Every point has {toy.num_hidden} more, of small noise, as the "
        f"features of a network have: more coordinates than the {int(toy.train.sum())} points to learn from, so that "
        "a linear classifier can fit any labeling of these. The shading is its prediction where the noise is zero."
    )
    st.markdown(
        "HUME makes labelings in view 1, with weights W₁. It searches for the one with the smallest error **on new "
        "points in view 2**, where a classifier with weights Ŵ₂ is fitted to the filled points (Equation 4):"
    )
    st.latex(
        r"\large \arg\min_{W_1}\; \mathcal{L}\Big(\underbrace{\sigma(\hat W_2(W_1)\,\phi_2(X_{te}))}_{\text{prediction "
        r"in view 2}},\; \underbrace{\tau_{W_1}(X_{te})}_{\text{the labeling}}\Big)"
    )


def _labeling(toy: Toy, choice: str) -> Labeling:
    if choice == PAINTED:
        return _painting()
    if choice == "random":
        return random_labeling(toy, st.session_state.get(TOSSES, 0))
    return LABELINGS[choice](toy)


def _toss() -> None:
    st.session_state[TOSSES] = st.session_state.get(TOSSES, 0) + 1


def _painting() -> Labeling:
    """The user's labeling, initially a cut halfway between shape and brightness."""
    if PAINTING not in st.session_state:
        _cut()
    painted: Labeling = st.session_state[PAINTING]
    return painted


def _cut() -> None:
    view, angle, offset = (st.session_state.get(key, START[key]) for key in (CUT_VIEW, CUT_ANGLE, CUT_OFFSET))
    st.session_state[PAINTING] = cut(_toy(), view - 1, angle, offset)
    _forget_selection()


def _paint(rows: Iterable[int], number: int) -> None:
    painted = _painting().copy()
    painted[list(rows)] = number
    st.session_state[PAINTING] = painted
    _forget_selection()


def _forget_selection() -> None:
    """Give the next plot a new key, so that the lasso of the old one is gone."""
    st.session_state[PAINTINGS] = st.session_state.get(PAINTINGS, 0) + 1


def _line() -> None:
    """Cut a view in two by a line: the way to paint with the keyboard."""
    left, middle, right = st.columns([2, 3, 3], vertical_alignment="bottom")
    keep: dict[str, Any] = {"on_change": _cut, "persist_state": "session"}
    left.segmented_control(
        "Cut by a line", [1, 2], default=START[CUT_VIEW], required=True, key=CUT_VIEW,
        format_func=lambda view: f"in view {view}", **keep,
    )  # fmt: skip
    middle.slider("Turn the line (degrees)", 0, 355, int(START[CUT_ANGLE]), 5, key=CUT_ANGLE, **keep)
    right.slider("Shift the line", -2.0, 2.0, START[CUT_OFFSET], 0.1, key=CUT_OFFSET, **keep)


def _brushes(selected: list[int]) -> None:
    """Assign a class to the selected points: the way to paint with the mouse."""
    if selected:
        st.markdown(f"**{count(len(selected), 'point')}** chosen:")
    else:
        st.markdown("Or select points with the mouse, in either view, and assign a class:")
    for number_, name in enumerate(drawn.CLASSES):
        st.button(
            f"Make {'it' if len(selected) == 1 else 'them'} {name}", key=f"paint {name}", disabled=not selected,
            on_click=_paint, args=(selected, number_),
        )  # fmt: skip


def _views(toy: Toy, labeling: Labeling, fits: tuple[Fit, Fit], choice: str) -> list[int]:
    """Draw both views with their errors; returns the selected points."""
    figure = drawn.toy_fits(
        [view.plane for view in toy.views], labeling, toy.shape, toy.train, [view.wrong for view in fits],
        [view.boundary for view in fits], [view.guess_error for view in fits],
    )  # fmt: skip
    header = ("point", "shape", "brightness", "learned from", "class", *(
        f"view {v} {what}" for v in (1, 2) for what in ("x", "y", "wrong")))  # fmt: skip

    def table() -> plots.Table:
        columns: list[NDArray[Any]] = [toy.shape, toy.brightness, toy.train, labeling]
        for view, fitted in zip(toy.views, fits, strict=True):
            columns += [*view.plane.T, fitted.wrong]
        return header, ([i, *(column[i].item() for column in columns)] for i in range(toy.num_points))

    points = plots.plot(
        figure, f"toy views {choice} {st.session_state.get(PAINTINGS, 0)}", table, name="lesson-toy", height=HEIGHT,
        alt="A labeling in two views, with the boundary of a linear classifier in each, and below its errors on "
        "training points and on new points", select=("lasso", "box", "points") if choice == PAINTED else (),
    )  # fmt: skip
    return plots.ids(points)
