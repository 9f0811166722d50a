"""Figures of the lesson's toy: a labeling in two views with its errors, and the class sizes by entropy weight."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from hume.common.formatting import percent as in_words
from hume.reporting.figures.palette import ACCENT, MAIN, MUTED, faded
from hume.reporting.figures.parts import CLICK_SELECTS, category_axis, frame, ids, percent, same_length, small

COLORS = (MAIN, ACCENT)  # of class A and B: both stand out from white and from a dark page
CLASSES = ("class A", "class B")
SYMBOLS = ("circle", "square")  # of the two kinds of points
WRONG = "#bd1f01"
MISTAKE = {"symbol": "x-thin", "size": 14, "line": {"width": 3, "color": WRONG}}
SIZE = 10
TYPE = {"size": 18}  # readable from the last row of a class

NUM_VIEWS = 2
EDGE = 2.8  # the planes are drawn from −EDGE to EDGE at least
FAR = 20.0  # regions are shaded up to here, beyond every edge
COLUMNS = ([0, 0.48], [0.52, 1])  # of the figure's width
PLANES, BARS = [0.26, 1], [0, 0.23]  # of its height
LONGEST_BAR = 80  # percent
ROOMY = 0.24  # an error whose bar has room for text
CORNERS = np.array([[-FAR, -FAR], [FAR, -FAR], [FAR, FAR], [-FAR, FAR]])

Boundary = tuple[float, float, float]  # (a, b, c): class B is where a x + b y + c > 0


def toy_fits(
    planes: Sequence[ArrayLike],
    labeling: ArrayLike,
    kind: ArrayLike,
    train: ArrayLike,
    wrong: Sequence[ArrayLike],
    boundaries: Sequence[Boundary],
    guess_error: Sequence[float],
) -> go.Figure:
    """Show one labeling in two views: the boundary of a linear classifier, its mistakes, and its errors.

    planes: two (N, 2); labeling: (N,) 0 or 1, shown by colour; kind: (N,) 0 or 1, by symbol; train: (N,) training
    points, filled; wrong: two (N,), crossed out and counted in bars below, on training and on new points;
    guess_error: two, the error of guessing on the new points, a dotted line. Points carry their numbers and are
    selected by box, lasso or click. Raises InputError when the lengths differ.
    """
    first, second = planes
    same_length(labels=labeling, kinds=kind, split=train, first=first, second=second)
    given, kinds, learned = np.asarray(labeling), np.asarray(kind), np.asarray(train, bool)
    traces: list[Any] = _legend()
    for view in range(NUM_VIEWS):
        points, missed = small(planes[view]), np.asarray(wrong[view], bool)
        errors = (float(missed[~learned].mean()), float(missed[learned].mean()))
        above = [
            *(_region(boundaries[view], number) for number in range(2)),
            _points(points, given, kinds, learned),
            _mistakes(points[missed]),
        ]
        traces += [trace.update(xaxis=f"x{view + 1}", yaxis=f"y{view + 1}") for trace in above]
        traces.append(_bars(errors).update(xaxis=f"x{view + 3}", yaxis=f"y{view + 3}"))
    return go.Figure(traces, {**_axes(), **_annotations(guess_error), **CLICK_SELECTS, "dragmode": "lasso"})


def _axes() -> dict[str, Any]:
    """Two planes, as high as they are wide, above the axes 3 and 4 of the bars."""
    plain = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": ""}
    layout: dict[str, Any] = {"margin": {"l": 0, "r": 0, "t": 64, "b": 0}, "bargap": 0.2}
    for view, across in enumerate(COLUMNS, 1):
        plane, bars = {**plain, "range": [-EDGE, EDGE]}, {**plain, "fixedrange": True}
        layout[f"xaxis{view}"] = {**plane, "domain": across, "anchor": f"y{view}"}
        layout[f"yaxis{view}"] = {**plane, "domain": PLANES, "anchor": f"x{view}", "scaleanchor": f"x{view}"}
        layout[f"xaxis{view + 2}"] = {**bars, "domain": across, "anchor": f"y{view + 2}", "range": [0, LONGEST_BAR]}
        layout[f"yaxis{view + 2}"] = {**bars, "domain": BARS, "anchor": f"x{view + 2}", "range": [-0.5, 2.5]}
    return layout


def _annotations(guess_error: Sequence[float]) -> dict[str, Any]:
    """The names of the views, and the error of guessing on the new points."""
    names, lines = [], []
    for view, (error, across) in enumerate(zip(guess_error, COLUMNS, strict=True), 1):
        above = {"xref": "paper", "yref": "paper", "x": sum(across) / 2, "y": 1, "xanchor": "center"}
        names.append({"text": f"View {view}", "showarrow": False, "font": TYPE, "yanchor": "bottom", **above})
        if error <= 0:  # one class
            continue
        at, end = {"xref": f"x{view + 2}", "yref": f"y{view + 2}"}, 100 * error
        line = {"color": MUTED, "dash": "dot", "width": 3}
        lines.append({"type": "line", "x0": end, "x1": end, "y0": -0.5, "y1": 1.5, "line": line, **at})
        beside = {"x": end, "y": 2, "xanchor": "center", **at}  # above both bars, whose text may be as long as they are
        names.append({"text": f"guessing: {in_words(error, 0)}", "showarrow": False, "font": TYPE, **beside})
    legend = {"orientation": "h", "x": 0.5, "xanchor": "center", "y": 1.07, "yanchor": "bottom", "font": TYPE}
    return {"annotations": names, "shapes": lines, "legend": legend}


def _region(boundary: Boundary, number: int) -> go.Scatter:
    """The region of the plane where a class is predicted, with its boundary."""
    a, b, c = boundary if number else tuple(-x for x in boundary)
    corners = _beyond(a, b, c)
    return go.Scatter(
        x=corners[:, 0], y=corners[:, 1], mode="lines", fill="toself", fillcolor=faded(COLORS[number], 0.17),
        line={"color": MUTED, "width": 2}, showlegend=False, hoverinfo="skip",
    )  # fmt: skip


def _beyond(a: float, b: float, c: float) -> NDArray[np.float64]:
    """Corners (n, 2) of what a x + b y + c > 0 leaves of a large square (Sutherland and Hodgman, 1974)."""
    heights, kept = CORNERS @ [a, b] + c, []
    for i in range(len(CORNERS)):
        here, there = heights[i - 1], heights[i]
        if (here > 0) != (there > 0):
            kept.append(CORNERS[i - 1] + (CORNERS[i] - CORNERS[i - 1]) * here / (here - there))
        if there > 0:
            kept.append(CORNERS[i])
    return np.array(kept).reshape(-1, 2)


def _points(
    plane: NDArray[np.float32], labeling: NDArray[Any], kinds: NDArray[Any], learned: NDArray[np.bool_]
) -> go.Scatter:
    symbols = np.array([[f"{symbol}-open", symbol] for symbol in SYMBOLS])
    split = np.array(["new to the classifier", "learned from"])[learned.astype(int)]
    return go.Scatter(
        x=plane[:, 0],
        y=plane[:, 1],
        customdata=ids(np.arange(len(plane))),
        text=[f"{CLASSES[k]}, {role}" for k, role in zip(labeling, split, strict=True)],
        mode="markers",
        marker={
            "color": np.array(COLORS)[labeling],
            "symbol": symbols[kinds, learned.astype(int)],
            "size": SIZE,
            "line": {"width": np.where(learned, 0, 2)},
        },
        unselected={"marker": {"opacity": 0.25}},
        showlegend=False,
        hovertemplate="point %{customdata}<br>%{text}<extra></extra>",
    )


def _mistakes(plane: NDArray[np.float32]) -> go.Scatter:
    return go.Scatter(
        x=plane[:, 0], y=plane[:, 1], mode="markers", marker=MISTAKE, showlegend=False, hoverinfo="skip",
        unselected={"marker": {"opacity": 0.25}},
    )  # fmt: skip


def _legend() -> list[go.Scatter]:
    """Legend entries for colour, filling and cross."""
    entries: list[tuple[str, dict[str, Any]]] = [
        *((name, {"color": color, "symbol": "circle"}) for name, color in zip(CLASSES, COLORS, strict=True)),
        ("learned from", {"color": MUTED, "symbol": "circle"}),
        ("new point", {"color": MUTED, "symbol": "circle-open", "line": {"width": 2}}),
        ("wrong", MISTAKE),
    ]
    return [
        go.Scatter(x=[None], y=[None], mode="markers", name=name, marker={"size": SIZE, **marker})
        for name, marker in entries
    ]


def _bars(errors: Sequence[float]) -> go.Bar:
    """The errors on new points and on training points."""
    names = ("new points", "learned from")
    return go.Bar(
        x=percent(errors),
        y=names,
        orientation="h",
        marker={"color": [WRONG, MUTED]},
        text=[f"{name}: <b>{in_words(error, 0)}</b> wrong" for error, name in zip(errors, names, strict=True)],
        textposition=["inside" if error > ROOMY else "outside" for error in errors],
        insidetextfont={**TYPE, "color": "white"},
        outsidetextfont=TYPE,
        cliponaxis=False,
        unselected={"marker": {"opacity": 1}},
        showlegend=False,
        hoverinfo="skip",
    )


def toy_shares(weights: Sequence[str], shares: ArrayLike, chosen: int) -> go.Figure:
    """Show when classes vanish: the share of the points in every class for every entropy weight (Fig. B1).

    weights: (W,) as text; shares: (W, 2), 0 to 1; chosen: the index of the highlighted weight.
    Raises InputError when the lengths differ.
    """
    same_length(weights=weights, shares=shares)
    values, highlighted = percent(shares), np.arange(len(weights)) == chosen
    bars = [
        go.Bar(
            x=list(weights),
            y=values[:, k],
            marker={"color": COLORS[k], "opacity": np.where(highlighted, 1, 0.35)},
            text=np.where(highlighted & (values[:, k] > 0), f"<b>{CLASSES[k]}</b>", ""),
            textposition="inside",
            insidetextanchor="middle",
            insidetextfont={**TYPE, "color": "white"},
            textangle=0,
            hovertemplate=f"η = %{{x}}<br>{CLASSES[k]}: %{{y:.0f}} %<extra></extra>",
        )
        for k in range(len(CLASSES))
    ]
    fig = frame(
        bars, x="Entropy weight η", y="Share of the points", barmode="stack", bargap=0.15, showlegend=False,
        xaxis=category_axis(weights), yaxis={"ticksuffix": " %", "range": [0, 100], "showgrid": False},
    )  # fmt: skip
    large = {"tickfont": TYPE, "title": {"font": TYPE}}
    return fig.update_xaxes(**large).update_yaxes(**large)
