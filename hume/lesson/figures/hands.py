"""How many people raised their hands for each answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from hume.reporting.figures.palette import ACCENT, MAIN
from hume.reporting.figures.parts import frame

ROOM = 2.5  # answers before the first and after the last
FEW = 30  # answers that each have a tick


def hands(counts: Mapping[int, int], *, marked: int | None = None) -> go.Figure:
    """Show the guesses of a class: a bar an answer, as high as the hands raised for it.

    counts: number of kinds -> hands; marked: an answer with a dashed line, once it may be shown.
    """
    answers = sorted(counts)
    fig = frame(
        [
            go.Bar(
                x=answers,
                y=[counts[answer] for answer in answers],
                width=0.7,
                marker={"color": MAIN},
                hovertemplate="%{x} kinds: %{y} hands<extra></extra>",
            )
        ],
        x="Kinds of things",
        y="Hands",
        yaxis={"rangemode": "tozero", "tickformat": "d"},
        xaxis=_axis([*answers, *([] if marked is None else [marked])]),
    )
    if marked is not None:
        fig.add_vline(x=marked, line={"color": ACCENT, "width": 3, "dash": "dash"})
    return fig


def _axis(answers: Sequence[int]) -> dict[str, Any]:
    if not answers:
        return {}
    low, high = min(answers), max(answers)
    ticks: dict[str, Any] = {"tickmode": "linear", "dtick": 1} if high - low < FEW else {}
    return {"range": [max(0.5, low - ROOM), high + ROOM], **ticks}
