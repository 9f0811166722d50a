"""Sweeps over one setting and over the number of classes, as stacked panels on one axis."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from hume.common.errors import InputError
from hume.reporting.figures.palette import ACCENT, EARTH, MAIN, MUTED, faded
from hume.reporting.figures.parts import (
    LEGEND_BELOW,
    category_axis,
    frame,
    padded_range,
    percent,
    same_length,
    small,
    unique,
)

PANEL_HEIGHT = 150  # pixels
GAP = 0.08  # between two panels, as a share of the figure


def ablation(
    values: Sequence[str],
    cv_score: ArrayLike,
    cv_std: ArrayLike,
    occupied: ArrayLike,
    acc: ArrayLike | None = None,
    acc_std: ArrayLike | None = None,
    vote: ArrayLike | None = None,
    *,
    axis: str,
) -> go.Figure:
    """See what one setting does: accuracy, cross-validation score and occupied classes against its values (Fig. B1).

    values: (V,) as text, in the order to be drawn; all others (V,), shares 0 to 1 except `occupied`, classes. Means
    with their standard deviations as bars, the vote as a star. Without `acc` there is no panel of accuracies. axis:
    what the values are. Raises InputError when the lengths differ, or `acc` comes without `acc_std`.
    """
    same_length(values=values, scores=cv_score, deviations=cv_std, classes=occupied)
    same_length(values=values, accuracies=acc, accuracy_deviations=acc_std, votes=vote)
    if (acc is None) != (acc_std is None):
        raise InputError("a figure of accuracies needs their mean and their standard deviation: give both")
    places = unique(values)
    panels, traces = ["CV score in φ2", "Occupied classes"], []
    if acc is not None and acc_std is not None:
        panels.insert(0, "Accuracy (ACC)")
        traces.append(_bars(places, percent(acc), percent(acc_std), 1, "mean ± standard deviation", ACCENT, " %"))
        if vote is not None:
            traces.append(_stars(places, percent(vote)))
    traces.append(
        _bars(places, percent(cv_score), percent(cv_std), len(panels) - 1, "cross-validation score", MAIN, " %")
    )
    traces.append(_line(places, small(occupied), len(panels), "occupied classes", MUTED))
    layout = _stacked(panels, ticks=[" %"] * (len(panels) - 1) + [""])
    layout[f"yaxis{len(panels)}"]["rangemode"] = "tozero"
    fig = frame(traces, x=axis, xaxis={**category_axis(places), "showgrid": True}, showlegend=acc is not None, **layout)
    return fig.update_xaxes(anchor=f"y{len(panels)}")


def number_of_classes(
    num_classes: ArrayLike,
    corrected: ArrayLike,
    corrected_std: ArrayLike,
    stability: ArrayLike,
    occupied: ArrayLike,
    suggested: tuple[int, int, int] | None = None,
) -> go.Figure:
    """Show how many classes there are: score above chance, agreement of the seeds and occupied classes against K.

    num_classes: (P,) rising; corrected, corrected_std: (P,) shares, 0 is chance; stability: (P,) NaN where unknown;
    occupied: (P,) classes, next to the line of no empty class; suggested: K with the lowest and the highest number
    that would do as well, drawn through all panels. Raises InputError when the lengths differ.
    """
    same_length(counts=num_classes, scores=corrected, deviations=corrected_std, agreements=stability, classes=occupied)
    K = np.asarray(num_classes, np.int64)
    panels = ["Score above chance", "Agreement (ARI)", "Occupied classes"]
    all_of_them = _line(K, K, 3, "as many as asked for", EARTH)
    all_of_them.update(mode="lines", line={"color": EARTH, "dash": "dot", "width": 1})
    traces = [
        _bars(K, percent(corrected), percent(corrected_std), 1, "score above chance", MAIN, " %"),
        _line(K, small(stability), 2, "agreement of the seeds", MAIN),
        all_of_them,
        _line(K, small(occupied), 3, "occupied classes", MUTED),
    ]
    layout = _stacked(panels, ticks=[" %", "", ""])
    layout["yaxis2"]["range"] = padded_range(stability, least=0.2)
    few = {"tickmode": "linear", "tick0": 0, "dtick": max(1, K.size // 15)}
    fig = frame(traces, x="Number of classes asked for, K", xaxis=few, showlegend=False, **layout)
    if suggested is not None:
        _mark(fig, *suggested)
    return fig.update_xaxes(anchor="y3")


def _mark(fig: go.Figure, best: int, low: int, high: int) -> None:
    """The suggested K as a line through all panels, the numbers that would do as well as a band."""
    whole = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    if high > low:
        band = {"x0": low - 0.3, "x1": high + 0.3, "fillcolor": faded(ACCENT, 0.15), "line": {"width": 0}}
        fig.add_shape(type="rect", **band, **whole)
    fig.add_shape(type="line", x0=best, x1=best, line={"color": ACCENT, "dash": "dot", "width": 2}, **whole)
    place = {"x": best, "xref": "x", "y": 1, "yref": "paper", "yanchor": "bottom"}
    fig.add_annotation(text=f"suggested: {best}", showarrow=False, **place)


def _stacked(titles: Sequence[str], ticks: Sequence[str]) -> dict[str, Any]:
    """The vertical axes of panels above one another, and the height of all."""
    size = (1 - GAP * (len(titles) - 1)) / len(titles)
    axes: dict[str, Any] = {}
    for i, (title, suffix) in enumerate(zip(titles, ticks, strict=True)):
        top = 1 - i * (size + GAP)
        axes[f"yaxis{'' if i == 0 else i + 1}"] = {
            "domain": [max(0.0, top - size), top],
            "title": {"text": title},
            "ticksuffix": suffix,
            "automargin": True,
            "zeroline": False,
        }
    return {**axes, "legend": LEGEND_BELOW, "hovermode": "closest", "height": 110 + PANEL_HEIGHT * len(titles)}


def _axis(panel: int) -> str:
    return "y" if panel == 1 else f"y{panel}"


def _bars(
    x: "Sequence[str] | NDArray[np.int64]",
    mean: NDArray[np.float32],
    std: NDArray[np.float32],
    panel: int,
    name: str,
    color: str,
    unit: str,
) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=mean,
        yaxis=_axis(panel),
        mode="lines+markers",
        line={"color": color, "width": 1.5},
        marker={"color": color, "size": 9},
        error_y={"array": std, "color": color, "thickness": 1.5, "width": 5},
        customdata=std,
        name=name,
        hovertemplate=f"%{{x}}<br>%{{y:.1f}} ± %{{customdata:.1f}}{unit}<extra></extra>",
    )


def _stars(x: Sequence[str], vote: NDArray[np.float32]) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=vote,
        mode="markers",
        marker={"color": ACCENT, "symbol": "star", "size": 14},
        name="vote of the seeds",
        hovertemplate="%{x}<br>vote: %{y:.1f} %<extra></extra>",
    )


def _line(x: "Sequence[str] | NDArray[np.int64]", y: NDArray[Any], panel: int, name: str, color: str) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        yaxis=_axis(panel),
        mode="lines+markers",
        line={"color": color, "width": 1.5},
        marker={"color": color, "size": 8},
        name=name,
        hovertemplate=f"%{{x}}<br>{name}: %{{y:.2f}}<extra></extra>",
    )
