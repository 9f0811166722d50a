"""Accuracy of classifiers trained on reliable samples, over the number of labels per class (Table 4)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from hume.common.errors import InputError
from hume.reporting.figures.palette import ACCENT, EARTH, MAIN, MUTED, faded
from hume.reporting.figures.parts import LEGEND_BELOW, frame, padded_range, percent, same_length

BAND = 0.18  # opacity of a standard deviation
RELIABLE, TRUE = "from reliable samples", "from random true labels"

Line = tuple[ArrayLike, ArrayLike]  # (P,) means and (P,) standard deviations over seeds, shares 0 to 1


def semi_supervised(
    per_class: Sequence[int],
    reliable: Line,
    true: Line | None = None,
    *,
    plain: tuple[ArrayLike, ArrayLike | None] | None = None,
    correct: ArrayLike | None = None,
    vote: float | None = None,
    y: str = "Accuracy on held-out samples",
) -> go.Figure:
    """Compare training on reliable and on true labels: accuracy of classifiers over n labels per class, two lines.

    per_class: (P,) numbers n, ascending. reliable, true: mean and standard deviation over seeds, the latter drawn as a
    band. plain: (P,) means of both without pseudo-labels, dotted; correct: (P,) share of the reliable samples that are
    right, NaN where unknown; vote: accuracy of the vote itself, a line across. y: what is measured. Raises InputError
    when the lengths differ.
    """
    amounts = np.asarray(per_class, np.int64)
    same_length(amounts=amounts, means=reliable[0], deviations=reliable[1], correct=correct)
    if true is not None:
        same_length(amounts=amounts, means=true[0], deviations=true[1])
    if amounts.size == 0:
        raise InputError("a figure needs at least one number of labels a class: train a classifier first")
    lines = [(RELIABLE, ACCENT, "circle", reliable)]
    lines += [] if true is None else [(TRUE, MAIN, "square", true)]
    traces = [_band(amounts, line, color) for _, color, _, line in lines]
    traces += [_line(amounts, name, color, symbol, line) for name, color, symbol, line in lines]
    for (name, color, symbol, _), values in zip(lines, plain or (), strict=False):
        if values is not None:
            same_length(amounts=amounts, means=values)
            traces.append(_plain(amounts, name, color, symbol, values))
    if correct is not None:
        traces.append(_correct(amounts, correct))
    known = np.concatenate([np.asarray(trace.y, np.float64) for trace in traces] + [percent([vote or np.nan])])
    fig = frame(
        traces,
        x="Labels per class",
        y=y,
        xaxis={"type": "log", "tickvals": amounts.tolist(), "ticktext": [str(n) for n in amounts]},
        yaxis={"ticksuffix": " %", "range": padded_range(known, least=10, end=101)},
        legend=LEGEND_BELOW,
        showlegend=True,
        hovermode="closest",
    )
    if vote is not None:
        fig.add_hline(y=float(percent(vote)), line={"color": MUTED, "dash": "dash", "width": 1.5},
                      annotation={"text": "HUME's vote", "xanchor": "right"})  # fmt: skip
    return fig


def _band(x: NDArray[np.int64], line: Line, color: str) -> go.Scatter:
    """The means with one standard deviation on both sides."""
    mean, std = (np.asarray(each, np.float64) for each in line)
    around = np.concatenate([mean + std, (mean - std)[::-1]])
    return go.Scatter(
        x=np.concatenate([x, x[::-1]]), y=percent(around), fill="toself", fillcolor=faded(color, BAND),
        line={"width": 0}, mode="lines", hoverinfo="skip", showlegend=False,
    )  # fmt: skip


def _line(x: NDArray[np.int64], name: str, color: str, symbol: str, line: Line) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=percent(line[0]),
        error_y={"array": percent(line[1]), "color": color, "thickness": 1.5, "width": 5},
        mode="lines+markers",
        line={"color": color, "width": 2.5},
        marker={"color": color, "symbol": symbol, "size": 9},
        customdata=percent(line[1]),
        name=name,
        hovertemplate=f"%{{x}} a class, {name}<br>%{{y:.1f}} ± %{{customdata:.1f}} %<extra></extra>",
    )


def _plain(x: NDArray[np.int64], name: str, color: str, symbol: str, values: ArrayLike) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=percent(values),
        mode="lines+markers",
        line={"color": color, "width": 1.5, "dash": "dot"},
        marker={"color": color, "symbol": f"{symbol}-open", "size": 7},
        name=f"{name}, without pseudo-labels",
        hovertemplate=f"%{{x}} a class, {name} alone<br>%{{y:.1f}} %<extra></extra>",
    )


def _correct(x: NDArray[np.int64], values: ArrayLike) -> go.Scatter:
    style: dict[str, Any] = {"color": EARTH, "width": 1.5, "dash": "dashdot"}
    return go.Scatter(
        x=x,
        y=percent(values),
        mode="lines+markers",
        line=style,
        marker={"color": EARTH, "symbol": "diamond", "size": 9},
        name="reliable samples that are right",
        hovertemplate="%{y:.1f} % of %{x} a class are right<extra></extra>",
    )
