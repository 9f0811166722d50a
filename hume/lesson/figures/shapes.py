"""Elements of the lesson's figures: discs for labels, arrows for prototypes, sectors for a classifier."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from hume.reporting.figures.palette import MUTED, class_colors, faded
from hume.reporting.figures.parts import percent, small

SIZES = {"circle": 11, "diamond": 14}  # pixels
RING = 32  # pixels, the diameter around a point on which a classifier is wrong by 1 nat
SURE = 0.9  # above this probability a region of the plane has its full colour

Plane = NDArray[np.float64]


def discs(places: Plane, task: ArrayLike | None, symbol: str) -> list[go.Scatter]:
    """Points as discs; a shared label has the discs of its smaller classes inside, by visible area."""
    if task is None:
        marker = {"size": SIZES[symbol], "symbol": symbol, "color": MUTED, "opacity": 0.8}
        return [
            go.Scatter(x=small(places[:, 0]), y=small(places[:, 1]), mode="markers", marker=marker, hoverinfo="skip")
        ]
    shares = np.asarray(task, np.float64)
    order = np.argsort(-shares, axis=1, kind="stable")
    ranked = np.take_along_axis(shares, order, axis=1)
    left = np.concatenate([np.ones((len(shares), 1)), 1 - ranked.cumsum(1)[:, :-1]], axis=1).clip(0)
    traces = []
    for rank in range(shares.shape[1]):
        shown = left[:, rank] > 1e-4
        if rank and not shown.any():
            break
        traces.append(
            go.Scatter(
                x=small(places[shown, 0]),
                y=small(places[shown, 1]),
                customdata=percent(shares[shown]),
                mode="markers",
                marker={
                    "size": small(SIZES[symbol] * np.sqrt(left[shown, rank])),
                    "symbol": symbol,
                    **class_scale(order[shown, rank], shares.shape[1]),
                    "line": {"color": MUTED, "width": 0 if rank else 1},
                    "opacity": 1,  # where sizes differ, Plotly's own is lower
                },
                hovertemplate="".join(f"class {k}: %{{customdata[{k}]:.0f}} %<br>" for k in range(shares.shape[1]))
                + "<extra></extra>",
            )
        )
    return traces


def class_scale(classes: ArrayLike, num_classes: int) -> dict[str, Any]:
    """The colours of classes as numbers on a scale: Plotly reads numbers ten times as fast as names of colours."""
    colors = class_colors(num_classes)
    scale = [[k / (num_classes - 1), color] for k, color in enumerate(colors)]
    return {"color": small(classes), "colorscale": scale, "cmin": 0, "cmax": num_classes - 1, "showscale": False}


def arrows(tips: Plane, opacity: float = 1.0, *, named: bool = True) -> list[go.Scatter]:
    """Arrows from the centre to tips (K, 3); those that point away from the camera are dotted."""
    traces = []
    for k, (tip, color) in enumerate(zip(tips, class_colors(len(tips)), strict=True)):
        line = {"color": color, "width": 5 if named else 3, "dash": "dot" if tip[2] < 0 else "solid"}
        head = {"symbol": "arrow", "size": [0, 20 if named else 14], "angleref": "previous", "color": color}
        arrow = go.Scatter(x=[0, tip[0]], y=[0, tip[1]], mode="lines+markers", line=line, hoverinfo="skip")
        traces.append(arrow.update(marker={**head, "opacity": 1}, opacity=opacity))
        if named:
            reach = max(float(np.hypot(*tip[:2])), 0.14)
            x, y = tip[:2] / reach * (1.1 if reach > 0.6 else reach + 0.14)  # next to the points, not among them
            name = go.Scatter(x=[x], y=[y], mode="text", text=[f"<b>w<sub>{k}</sub></b>"])
            traces.append(name.update(textfont={"size": 20}, hoverinfo="skip"))
    return traces


def trails(paths: Plane) -> list[go.Scatter]:
    """The path (t, K, 3) of every tip."""
    return [
        go.Scatter(
            x=small(paths[:, k, 0]),
            y=small(paths[:, k, 1]),
            mode="lines",
            line={"color": color, "width": 2.5},
            opacity=0.8,
            hoverinfo="skip",
        )
        for k, color in enumerate(class_colors(paths.shape[1]))
    ]


def regions(classifier: Plane, reach: float) -> list[go.Scatter]:
    """The regions of each predicted class, and of confident predictions: sectors around the origin.

    Without a bias the prediction depends on the angle only, and its confidence grows with the distance.
    """
    angles = np.radians(np.arange(0, 360.5, 0.5))
    logits = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ classifier  # (angles, K) at a distance of 1
    first, far, distances = logits.argmax(1), 3 * reach, np.linspace(0.02, 3 * reach, 200)
    scaled = distances[:, None, None] * (logits - logits.max(1, keepdims=True))
    sure = 1 / np.exp(scaled).sum(2) >= SURE  # (distances, angles)
    near = np.where(sure.any(0), distances[sure.argmax(0)], far)
    traces = []
    for k, color in enumerate(class_colors(classifier.shape[1])):
        for start in (np.zeros_like(near), near):
            for run in _runs(first == k):
                x = np.concatenate([start[run] * np.cos(angles[run]), far * np.cos(angles[run][::-1])])
                y = np.concatenate([start[run] * np.sin(angles[run]), far * np.sin(angles[run][::-1])])
                area = go.Scatter(x=small(x), y=small(y), mode="lines", fill="toself", hoverinfo="skip")
                traces.append(area.update(line={"width": 0}, fillcolor=faded(color, 0.16)))
    return traces


def _runs(inside: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Runs of consecutive indices, each with the index after it so that neighbours touch."""
    indices = np.flatnonzero(inside)
    if not indices.size:
        return []
    runs = np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1)
    return [np.append(run, min(run[-1] + 1, inside.size - 1)) for run in runs]


def rings(places: Plane, errors: NDArray[np.float64]) -> go.Scatter:
    return go.Scatter(
        x=small(places[:, 0]),
        y=small(places[:, 1]),
        customdata=small(errors),
        mode="markers",
        marker={"symbol": "circle-open", "size": small(RING * np.sqrt(errors)), "color": MUTED, "line": {"width": 2}},
        hovertemplate="wrong by %{customdata:.2f} nats<extra></extra>",
    )
