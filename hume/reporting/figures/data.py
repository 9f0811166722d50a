"""What is in a dataset and its spaces, and how a training goes, as figures."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from hume.reporting.figures.palette import ACCENT, MAIN, MUTED, faded
from hume.reporting.figures.parts import LEGEND_BELOW, category_axis, frame, percent, same_length, small, unique

MOST_DIRECTIONS = 256  # the tail of a spectrum adds nothing


def spectrum(shares: ArrayLike) -> go.Figure:
    """See over how many directions a space spreads: its variance by leading direction, and in sum.

    shares: (d,) of the variance, falling, summing to at most 1. At most 256 directions are drawn, on a logarithmic
    axis, because the first ten matter as much as the next hundred.
    """
    all_shares = np.asarray(shares, np.float64)
    known = all_shares[:MOST_DIRECTIONS]
    numbers = np.arange(1, len(known) + 1)
    hover = "direction %{x}<br>%{y:.1f} % of the variance<extra></extra>"
    total = "the first %{x} directions<br>%{y:.1f} % of the variance<extra></extra>"
    traces = [
        go.Scatter(
            x=numbers, y=percent(known), mode="lines+markers", name="each", marker={"size": 5},
            line={"color": MAIN, "width": 2}, hovertemplate=hover,
        ),
        go.Scatter(
            x=numbers, y=percent(np.cumsum(known)), mode="lines", name="in sum",
            line={"color": ACCENT, "width": 2, "dash": "dash"}, hovertemplate=total,
        ),
    ]  # fmt: skip
    return frame(
        traces,
        x="Direction (leading first, logarithmic)",
        y="Share of the variance",
        xaxis={"type": "log"},
        yaxis={"range": [0, 102], "ticksuffix": " %"},
        legend=LEGEND_BELOW,
        showlegend=True,
        hovermode="closest",
    )


def norms(edges: ArrayLike, counts: ArrayLike) -> go.Figure:
    """See whether rows are of about the same length: a histogram of their L2 norms.

    edges: (B + 1,) of the bins, ascending; counts: (B,) rows in each. Raises InputError when these do not fit.
    """
    sides, heights = np.asarray(edges, np.float64), np.asarray(counts, np.int64)
    same_length(bins=sides[1:], counts=heights)
    bars = go.Bar(
        x=small((sides[1:] + sides[:-1]) / 2),
        y=heights,
        width=small(np.diff(sides)),
        marker={"color": MAIN, "line": {"width": 0}},
        hovertemplate="norm about %{x:.3g}<br>%{y} rows<extra></extra>",
    )
    return frame([bars], x="L2 norm of a row", y="Rows", bargap=0)


def class_counts(names: list[str], counts: ArrayLike) -> go.Figure:
    """See how balanced the given classes are: a bar a class, in their order.

    names: (C,); counts: (C,) samples. Raises InputError when the lengths differ.
    """
    heights = np.asarray(counts, np.int64)
    same_length(names=names, counts=heights)
    labels = unique(names)
    bars = go.Bar(
        x=heights,
        y=labels,
        orientation="h",
        marker={"color": MAIN},
        hovertemplate="%{y}<br>%{x} samples<extra></extra>",
    )
    axis = {**category_axis(labels), "autorange": "reversed"}
    return frame([bars], x="Samples", yaxis=axis, height=max(180, 60 + 22 * len(labels)))


def training(steps: ArrayLike, loss: ArrayLike, knn_steps: ArrayLike = (), knn_score: ArrayLike = ()) -> go.Figure:
    """Watch a self-supervised training: its loss, and the k-NN accuracy where labels exist and may be shown.

    steps, loss: (T,); knn_steps, knn_score: (P,) shares 0 to 1, on an axis of their own. Raises InputError when
    lengths differ.
    """
    same_length(steps=steps, losses=loss)
    same_length(steps=knn_steps, scores=knn_score)
    hover = "step %{x}<br>loss %{y:.3f}<extra></extra>"
    traces = [
        go.Scatter(x=small(steps), y=small(loss), mode="lines", name="loss", line={"color": MAIN, "width": 2},
                   hovertemplate=hover),
    ]  # fmt: skip
    layout = {}
    if len(np.asarray(knn_score)):
        traces.append(
            go.Scatter(
                x=small(knn_steps), y=percent(knn_score), mode="lines+markers", name="k-NN accuracy", yaxis="y2",
                line={"color": ACCENT, "width": 2},
                hovertemplate="step %{x}<br>k-NN accuracy %{y:.1f} %<extra></extra>",
            )
        )  # fmt: skip
        layout["yaxis2"] = {
            "overlaying": "y", "side": "right", "range": [0, 100], "ticksuffix": " %", "showgrid": False,
            "title": {"text": "k-NN accuracy"}, "automargin": True, "gridcolor": faded(MUTED, 0.2),
        }  # fmt: skip
    return frame(
        traces,
        x="Step",
        y="Loss (lower is better)",
        legend=LEGEND_BELOW,
        showlegend=True,
        hovermode="closest",
        uirevision="training",
        **layout,
    )
