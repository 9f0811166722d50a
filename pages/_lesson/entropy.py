"""Why not put everything into one class? The effect of the entropy weight of Eq. 7 on the toy (Fig. B1)."""

import numpy as np
import streamlit as st

from hume.common.formatting import number, percent
from hume.lesson.collapse import ENTROPY_WEIGHTS, WeightResult, search_toy
from hume.lesson.figures import toy as drawn
from hume.lesson.toy import Toy
from pages._widgets import plots

HEIGHT = 360
WEIGHT = "toy entropy weight"


@st.cache_resource(show_spinner="Searching with six entropy weights …")
def _searched(_toy: Toy) -> list[WeightResult]:
    return search_toy(_toy)


@st.fragment
def show(toy: Toy) -> None:
    """Draw the second half of the step."""
    st.markdown("#### Why not put everything into one class?")
    st.markdown(
        "It has the smallest error of all, so a search for the smallest error ends there. Therefore Equation 7 "
        "subtracts the entropy R of the class sizes, 0 for a single class and largest for equal sizes, times a weight "
        "η:"
    )
    st.latex(
        r"\large \arg\min_{W_1}\; \underbrace{\mathcal{L}\big(\sigma(\hat W_2(W_1)\,\phi_2(X_{te})),\; "
        r"\tau_{W_1}(X_{te})\big)}_{\text{error on new points}} \;-\; \eta\, "
        r"\underbrace{\mathcal{R}(\bar\tau(W_1))}_{\text{entropy}}"
    )
    results = _searched(toy)
    weight = st.select_slider(
        "Entropy weight η", ENTROPY_WEIGHTS, key=WEIGHT, format_func=_weight_in_words, persist_state="session"
    )
    chosen = ENTROPY_WEIGHTS.index(weight)
    st.markdown(f"#### {_conclusion(results[chosen])}")
    left, right = st.columns([3, 2], vertical_alignment="center")
    with left:
        _shares(results, chosen)
    right.markdown(_costs(results, weight))


def _weight_in_words(weight: float) -> str:
    return f"{weight:g}"


def _conclusion(result: WeightResult) -> str:
    """The result of the search with one weight, in one sentence."""
    N, eta = len(result.labeling), _weight_in_words(result.entropy_weight)
    collapsed = f"{result.collapsed or 'none'} of {result.num_seeds} random starts end in one class"
    first, second = np.bincount(result.labeling, minlength=2)
    if min(first, second) == 0:
        return f"With η = {eta} the best search puts all {N} points into one class; {collapsed}."
    return (
        f"With η = {eta} the best search finds classes of {first} and {second} points, which agree with the shapes on "
        f"{percent(result.accuracy, 0)} of the points; the search does not see the shapes; {collapsed}."
    )


def _shares(results: list[WeightResult], chosen: int) -> None:
    figure = drawn.toy_shares(
        [_weight_in_words(result.entropy_weight) for result in results], [result.shares for result in results], chosen
    )
    header = ("entropy weight", "class A", "class B", "error on new points (nats)", "entropy (nats)", "objective",
              "agrees with the shapes", "starts in one class", "starts")  # fmt: skip
    rows = [
        (result.entropy_weight, *result.shares, result.test_error, result.label_entropy,
         result.objective(result.entropy_weight), result.accuracy, result.collapsed, result.num_seeds)
        for result in results
    ]  # fmt: skip
    plots.plot(
        figure, "toy shares", lambda: (header, rows), name="lesson-toy-entropy",
        alt="Share of the points in each class, for every entropy weight", height=HEIGHT,
    )  # fmt: skip


def _costs(results: list[WeightResult], weight: float) -> str:
    """Eq. 7 under one weight, for the labelings found without the entropy term and with the paper's weight."""
    rivals = {"one class": results[0], "two classes": results[-1]}
    lowest = min(result.objective(weight) for result in rivals.values())
    lines = [f"The objective at η = {_weight_in_words(weight)}, lower is better:", ""]
    lines += ["| | error | − η × entropy | = |", "| --- | --- | --- | --- |"]
    for name, result in rivals.items():
        total = number(result.objective(weight))
        if result.objective(weight) == lowest:
            name, total = f"**{name}**", f"**{total}**"
        term = f"− {_weight_in_words(weight)} × {number(result.label_entropy)}"
        lines.append(f"| {name} | {number(result.test_error)} | {term} | {total} |")
    return "\n".join(lines)
