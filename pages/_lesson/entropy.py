"""Why not put everything into one class? The entropy weight of Eq. 7, turned on the toy (Fig. B1)."""

import numpy as np
import streamlit as st

from hume.common.formatting import number, percent
from hume.lesson.collapse import ENTROPY_WEIGHTS, Found, search_toy
from hume.lesson.figures import toy as drawn
from hume.lesson.toy import Toy
from pages._widgets import plots

HEIGHT = 360
WEIGHT = "toy entropy weight"


@st.cache_resource(show_spinner="Searching with six entropy weights …")
def _searched(_toy: Toy) -> list[Found]:
    return search_toy(_toy)


@st.fragment
def show(toy: Toy) -> None:
    """Draw the second half of the step."""
    st.markdown("#### Why not put everything into one class?")
    st.markdown(
        "It has the smallest error of all, so a search for the smallest error ends there. Equation 7 therefore "
        "subtracts the entropy R of the class sizes, 0 for a single class and largest for equal ones, times a weight η:"
    )
    st.latex(
        r"\large \arg\min_{W_1}\; \underbrace{\mathcal{L}\big(\sigma(\hat W_2(W_1)\,\phi_2(X_{te})),\; "
        r"\tau_{W_1}(X_{te})\big)}_{\text{error on new points}} \;-\; \eta\, "
        r"\underbrace{\mathcal{R}(\bar\tau(W_1))}_{\text{entropy}}"
    )
    found = _searched(toy)
    weight = st.select_slider(
        "Entropy weight η", ENTROPY_WEIGHTS, key=WEIGHT, format_func=_weight_in_words, persist_state="session"
    )
    chosen = ENTROPY_WEIGHTS.index(weight)
    st.markdown(f"#### {_what_was_found(found[chosen])}")
    left, right = st.columns([3, 2], vertical_alignment="center")
    with left:
        _shares(found, chosen)
    right.markdown(_costs(found, weight))


def _weight_in_words(weight: float) -> str:
    return f"{weight:g}"


def _what_was_found(found: Found) -> str:
    """What the search with one weight ends with, in one sentence."""
    N, eta = len(found.labeling), _weight_in_words(found.entropy_weight)
    collapsed = f"{found.collapsed or 'none'} of {found.num_seeds} random starts end in one class"
    first, second = np.bincount(found.labeling, minlength=2)
    if min(first, second) == 0:
        return f"With η = {eta} the best search puts all {N} points into one class; {collapsed}."
    return (
        f"With η = {eta} the best search makes classes of {first} and {second} points, {percent(found.accuracy, 0)} "
        f"right by the shapes, which nobody told it; {collapsed}."
    )


def _shares(found: list[Found], chosen: int) -> None:
    figure = drawn.toy_shares(
        [_weight_in_words(each.entropy_weight) for each in found], [each.shares for each in found], chosen
    )
    header = ("entropy weight", "class A", "class B", "error on new points (nats)", "entropy (nats)", "objective",
              "agrees with the shapes", "starts in one class", "starts")  # fmt: skip
    rows = [
        (each.entropy_weight, *each.shares, each.test_error, each.label_entropy, each.objective(each.entropy_weight),
         each.accuracy, each.collapsed, each.num_seeds)
        for each in found
    ]  # fmt: skip
    plots.plot(
        figure, "toy shares", lambda: (header, rows), name="lesson-toy-entropy",
        alt="Share of the points in each class, for every entropy weight", height=HEIGHT,
    )  # fmt: skip


def _costs(found: list[Found], weight: float) -> str:
    """What Eq. 7 makes of the labelings found without the entropy term and with the paper's, under one weight."""
    rivals = {"one class": found[0], "two classes": found[-1]}
    lowest = min(each.objective(weight) for each in rivals.values())
    lines = [f"What the search weighs at η = {_weight_in_words(weight)}, lower is better:", ""]
    lines += ["| | error | − η × entropy | = |", "| --- | --- | --- | --- |"]
    for name, each in rivals.items():
        total = number(each.objective(weight))
        if each.objective(weight) == lowest:
            name, total = f"**{name}**", f"**{total}**"
        term = f"− {_weight_in_words(weight)} × {number(each.label_entropy)}"
        lines.append(f"| {name} | {number(each.test_error)} | {term} | {total} |")
    return "\n".join(lines)
