"""Live figures of a search. A constant `uirevision` keeps the user's zoom."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from hume.reporting.figures.palette import ACCENT, MAIN, MUTED, faded
from hume.reporting.figures.parts import (
    CLICK_SELECTS,
    GOLDEN,
    LEGEND_BELOW,
    frame,
    ids,
    padded_range,
    percent,
    same_length,
    small,
)

MAX_POINTS = 200  # a curve; a screen shows no more
MAX_VERTICES = 20_000  # all curves of one figure, which is drawn anew every second or two
MIN_POINTS = 20
RECENT = 20  # iterations averaged to name the lowest seed: single splits are noisy
FALL = 97  # percentile of the values at which the axis ends, so that the first iterations do not flatten the rest


def live_cloud(objective: ArrayLike, acc: ArrayLike, seeds: ArrayLike, done: ArrayLike) -> go.Figure:
    """Watch the seeds learn: objective against accuracy, running seeds as rings, finished ones filled.

    objective: (S,) Eq. 7 in nats; acc: (S,) shares on a sample of the rows; seeds: (S,) numbers, in `customdata`;
    done: (S,) booleans. Seeds with a NaN are not drawn. The axis of the objective runs backwards: lower is better,
    so that better is to the right, as in Figure 1, and the cloud moves to the upper right. The axis of the accuracy
    is always 0 to 100 %, so that only the seeds move. Raises InputError when the lengths differ.
    """
    same_length(objectives=objective, accuracies=acc, seeds=seeds, marks=done)
    x, y, numbers, finished = small(objective), percent(acc), ids(seeds), np.asarray(done, bool)
    hover = "seed %{customdata}<br>objective %{x:.2f} nats<br>accuracy %{y:.1f} %<extra></extra>"
    traces = [
        go.Scatter(
            x=x[rows],
            y=y[rows],
            customdata=numbers[rows],
            mode="markers",
            marker={
                "color": MAIN,
                "symbol": symbol,
                "size": 10,
                "line": {"width": 2 if symbol == "circle-open" else 0},
            },
            name=name,
            hovertemplate=hover,
        )
        for name, symbol, width, rows in (("running", "circle-open", 2, ~finished), ("finished", "circle", 0, finished))
    ]
    return frame(
        traces,
        x="Objective, nats (lower is better; axis reversed)",
        y="Accuracy on a sample",
        xaxis={"autorange": "reversed"},
        yaxis={"range": [0, 100], "ticksuffix": " %"},
        legend=LEGEND_BELOW,
        showlegend=True,
        uirevision="live cloud",
        **CLICK_SELECTS,
    )


def hidden_cloud(objective: ArrayLike, seeds: ArrayLike, done: ArrayLike) -> go.Figure:
    """Watch the seeds learn without the truth: the cloud of `live_cloud` whose height is hidden, so it means nothing.

    Arguments and errors as there.
    """
    numbers = ids(seeds)
    heights = (numbers * GOLDEN) % 1  # only keeps the points apart
    fig = live_cloud(objective, 0.15 + 0.7 * heights, numbers, done)
    fig.update_traces(hovertemplate="seed %{customdata}<br>objective %{x:.2f} nats<extra></extra>")
    return fig.update_yaxes(title={"text": "Accuracy: hidden"}, showticklabels=False, showgrid=False)


def objective_curves(iterations: ArrayLike, curves: ArrayLike, seeds: ArrayLike, finished: ArrayLike) -> go.Figure:
    """Watch the objective fall: every seed's curve in pale, the median in bold, the best seed so far on top.

    iterations: (T,) numbers; curves: (S, T) Eq. 7 in nats, NaN before a seed starts and after it ends; seeds: (S,)
    numbers, in `customdata` of every vertex; finished: (S,) booleans. The median is over all seeds begun so far, and
    a finished seed keeps its last value in it, so that seeds which end early do not make it jump. The lowest seed is
    chosen by the mean of its last 20 values. At most 200 points a curve are drawn, and the axis leaves out the top of
    the first fall. Raises InputError when the lengths differ.
    """
    values, numbers, done = np.asarray(curves, np.float64), ids(seeds), np.asarray(finished, bool)
    same_length(curves=values, seeds=seeds, marks=done)
    same_length(iterations=iterations, columns=values.T)
    begun = np.isfinite(values).any(axis=1)
    values, numbers, done = values[begun], numbers[begun], done[begun]
    median = _median(values, done)

    recent = [row[np.isfinite(row)][-RECENT:].mean() for row in values]
    drawn = _thinned(values.shape[1], len(values))
    times, values, median = ids(iterations)[drawn], values[:, drawn], median[drawn]
    groups = (("finished seeds", faded(MUTED, 0.4), done), ("running seeds", faded(MAIN, 0.35), ~done))
    traces = [_pale(times, values[rows], numbers[rows], name, color) for name, color, rows in groups if rows.any()]
    if numbers.size:
        traces.append(_bold(times, median, "median of the seeds", MAIN, "median"))
        best = int(np.argmin(recent))
        name = f"seed {numbers[best]}"
        trace = _bold(times, values[best], f"lowest so far: {name}", ACCENT, name)
        traces.append(trace.update(customdata=np.full(times.size, numbers[best])))
    return frame(
        traces,
        x="Iteration",
        y="Objective, nats (lower is better)",
        yaxis={"range": _without_the_fall(values)},
        legend=LEGEND_BELOW,
        showlegend=True,
        hovermode="closest",
        uirevision="objective curves",
    )


def _thinned(length: int, num_curves: int) -> NDArray[np.int64]:
    """Places of the columns to draw, the first and the last among them."""
    most = int(np.clip(MAX_VERTICES // max(num_curves, 1), MIN_POINTS, MAX_POINTS))
    return np.unique(np.linspace(0, length - 1, min(most, length)).round().astype(np.int64))


def _held(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put the last known value of each row in place of the NaNs after it."""
    places = np.where(np.isfinite(values), np.arange(values.shape[1]), 0)
    return np.take_along_axis(values, np.maximum.accumulate(places, axis=1), axis=1)


def _without_the_fall(values: NDArray[np.float64]) -> list[float] | None:
    known = values[np.isfinite(values)]
    return padded_range([known.min(), np.percentile(known, FALL)], least=0.1) if known.size else None


def _median(values: NDArray[np.float64], done: NDArray[np.bool_]) -> NDArray[np.float64]:
    held = np.where(done[:, None], _held(values), values)
    known = np.isfinite(held).any(axis=0)
    median = np.full(values.shape[1], np.nan)
    median[known] = np.nanmedian(held[:, known], axis=0)
    return median


def _pale(
    times: NDArray[np.int64], values: NDArray[np.float64], numbers: NDArray[np.int64], name: str, color: str
) -> go.Scatter:
    """Many curves in one trace, with a NaN after each to break the line."""
    broken = np.pad(values, ((0, 0), (0, 1)), constant_values=np.nan)
    return go.Scatter(
        x=np.tile(np.append(times, times[-1]), len(values)),
        y=small(broken.ravel()),
        customdata=np.repeat(numbers, times.size + 1),
        mode="lines",
        line={"color": color, "width": 1},
        name=name,
        hovertemplate="seed %{customdata}, iteration %{x}<br>%{y:.2f} nats<extra></extra>",
    )


def _bold(times: NDArray[np.int64], values: NDArray[np.float64], name: str, color: str, words: str) -> go.Scatter:
    return go.Scatter(
        x=times,
        y=small(values),
        mode="lines",
        line={"color": color, "width": 3},
        name=name,
        hovertemplate=f"{words}, iteration %{{x}}<br>%{{y:.2f}} nats<extra></extra>",
    )
