"""The replay of a finished run: its seeds at a frame, and how many samples change class."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.reporting.figures.palette import ACCENT, MAIN, MUTED, faded
from hume.reporting.figures.parts import CLICK_SELECTS, LEGEND_BELOW, frame, ids, padded_range, percent, small
from hume.runs.replay import Cloud

TAIL = 6  # frames before this one through which a seed's tail runs
MARKER_SIZE = 10
HIGHEST = 104  # percent: room for a marker at 100
NARROWEST = 1e-3  # share of the whole fall that the ends count as apart, so that equal ends can be drawn
Numbers = NDArray[np.float64]


def cloud_at(cloud: Cloud, at: int, *, truth: bool, selected: int | None = None) -> go.Figure:
    """Show every seed at one frame of a replay: objective against accuracy, each with the tail of its last frames.

    at: the frame, 0 to F − 1; truth: whether the accuracy may be shown; without it, and where there is none, the
    share of samples that have the class in which they end takes its place. selected: a seed to ring. Rings are
    running seeds, discs those that have ended; numbers of seeds travel as `customdata`.

    Axes are the same at all frames. That of the objective runs backwards, lower is better, and is stretched towards
    the lowest by the logarithm of the distance to it: else the fall of the first iterations would leave no room for
    the rest. Raises InputError for a frame that is not there.
    """
    if not 0 <= at < len(cloud.iterations):
        raise InputError(f"there is no frame {at}: choose one of 0 to {len(cloud.iterations) - 1}")
    seen = cloud.acc if truth else None
    name, words = ("Accuracy on a sample", "accuracy") if seen is not None else ("Samples in their last class", "share")
    y = percent(cloud.settled if seen is None else seen)
    x, axis = _stretched(cloud.objective)
    low, high = padded_range(y, end=HIGHEST) or (0, HIGHEST)
    ended = cloud.ends <= cloud.iterations[at]
    hover = f"seed %{{customdata}}<br>objective %{{text}} nats<br>{words} %{{y:.1f}} %<extra></extra>"
    groups = (("running", "circle-open", 2, ~ended), ("ended", "circle", 0, ended))
    points = [
        go.Scatter(
            x=x[at, some],
            y=y[at, some],
            text=[f"{value:.2f}".replace("-", "−") for value in cloud.objective[at, some]],
            customdata=ids(cloud.seeds[some]),
            mode="markers",
            marker={"color": MAIN, "symbol": symbol, "size": MARKER_SIZE, "line": {"width": width}},
            name=words_of_group,
            hovertemplate=hover,
        )
        for words_of_group, symbol, width, some in groups
    ]
    return frame(
        [_tails(x, y, at), *points, *_ring(x[at], y[at], cloud.seeds, selected)],
        x="Objective, nats (lower is better; axis reversed and stretched)",
        y=name,
        xaxis=axis,
        yaxis={"ticksuffix": " %", "range": [max(0.0, low), high]},
        legend=LEGEND_BELOW,
        showlegend=True,
        uirevision="replayed cloud",
        **CLICK_SELECTS,
    )


def changes_curve(cloud: Cloud, at: int | None = None) -> go.Figure:
    """Show how the labels settle: the share of the samples that change class from one frame to the next.

    The mean over the seeds that have not ended, and the range of eight tenths of them. Frames are further and
    further apart, so that equal shares mean fewer and fewer changes an iteration; iterations have a logarithmic
    axis. at: a frame to mark.
    """
    running = cloud.iterations[:-1, None] < cloud.ends
    values = np.where(running, 100 * cloud.changes, np.nan)
    times = cloud.iterations[1:]
    mean = np.nanmean(values, axis=1) if len(times) else np.zeros(0)
    low, high = np.nanquantile(values, [0.1, 0.9], axis=1) if len(times) else (mean, mean)
    before = cloud.iterations[:-1]
    traces = [
        go.Scatter(
            x=np.r_[times, times[::-1]],
            y=small(np.r_[high, low[::-1]]),
            fill="toself",
            fillcolor=faded(MAIN, 0.2),
            mode="lines",
            line={"width": 0},
            name="eight of ten seeds",
            hoverinfo="skip",
        ),
        go.Scatter(
            x=times,
            y=small(mean),
            customdata=before,
            mode="lines",
            line={"color": MAIN, "width": 3},
            name="mean of the seeds under way",
            hovertemplate="iterations %{customdata} to %{x}<br>%{y:.1f} % change class<extra></extra>",
        ),
    ]
    if at is not None and 1 <= at <= len(times):
        marker = {"color": ACCENT, "size": MARKER_SIZE}
        here = {"mode": "markers", "marker": marker, "name": "this moment", "hoverinfo": "skip"}
        traces.append(go.Scatter(x=times[at - 1 : at], y=small(mean[at - 1 : at]), **here))
    return frame(
        traces,
        x="Iteration",
        y="Samples that change class",
        xaxis={"type": "log", "dtick": 1},
        yaxis={"ticksuffix": " %", "rangemode": "tozero"},
        legend=LEGEND_BELOW,
        showlegend=True,
        uirevision="class changes",
    )


def _stretched(objective: Numbers) -> tuple[Numbers, dict[str, Any]]:
    """Places (F, S) on a logarithmic axis of the distance to the lowest objective, and that axis."""
    known = objective[np.isfinite(objective)]
    if known.size == 0:
        return objective, {}
    lowest, highest = known.min(), known.max()
    ends = objective[-1][np.isfinite(objective[-1])]
    apart = np.median(ends) - lowest if ends.size else 0.0
    unit = max(apart, NARROWEST * (highest - lowest), 1e-9)  # distances below it are not stretched
    places = objective - lowest + unit
    room = 1.15
    limits = [float(np.log10(place)) for place in ((highest - lowest + unit) * room, unit / room)]
    ticks = np.geomspace(unit, highest - lowest + unit, 6)
    digits = int(np.clip(np.ceil(-np.log10(unit)), 2, 6))
    text = [f"{tick + lowest - unit:.{digits}f}".replace("-", "−") for tick in ticks]
    return places, {"type": "log", "range": limits, "tickvals": ticks, "ticktext": text}


def _tails(x: Numbers, y: NDArray[np.float32], at: int) -> go.Scatter:
    """Where all seeds were before, as one trace with a NaN after each."""
    start = max(0, at - TAIL)
    gap = np.full((1, x.shape[1]), np.nan)
    return go.Scatter(
        x=np.concatenate([x[start : at + 1], gap]).T.ravel(),
        y=small(np.concatenate([y[start : at + 1], gap]).T.ravel()),
        mode="lines",
        line={"color": faded(MUTED, 0.45), "width": 1.5},
        name="the last frames",
        showlegend=False,
        hoverinfo="skip",
    )


def _ring(x: Numbers, y: NDArray[np.float32], seeds: NDArray[np.int64], selected: int | None) -> list[go.Scatter]:
    some = seeds == selected
    if selected is None or not some.any():
        return []
    marker = {"symbol": "square-open", "size": 2 * MARKER_SIZE, "color": ACCENT, "line": {"width": 2.5}}
    name = f"selected: seed {selected}"
    return [go.Scatter(x=x[some], y=y[some], mode="markers", marker=marker, name=name, hoverinfo="skip")]
