"""How many people raised their hands for each answer."""

from collections.abc import Mapping

import plotly.graph_objects as go

from hume.figures.palette import ACCENT, MAIN
from hume.figures.parts import frame


def hands(counts: Mapping[int, int], *, found: int | None = None) -> go.Figure:
    """Show what a class thinks before it is told: a bar an answer, as high as the hands raised for it.

    counts: number of kinds -> hands; found: an answer to be marked, once it may be known.
    """
    answers = sorted(counts)
    fig = frame(
        [
            go.Bar(
                x=answers,
                y=[counts[answer] for answer in answers],
                marker={"color": MAIN},
                hovertemplate="%{x} kinds: %{y} hands<extra></extra>",
            )
        ],
        x="Kinds of things",
        y="Hands",
        yaxis={"rangemode": "tozero", "tickformat": "d"},
        xaxis={"tickmode": "linear" if answers and answers[-1] - answers[0] < 30 else "auto", "dtick": 1},
        bargap=0.3,
    )
    if found is not None:
        fig.add_vline(x=found, line={"color": ACCENT, "width": 3, "dash": "dash"})
    return fig
