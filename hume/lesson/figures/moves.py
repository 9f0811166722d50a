"""Figures of Algorithm 1: prototypes on a globe, a classifier in the plane, labels in the simplex, the objective."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from hume.lesson.figures import shapes
from hume.lesson.figures.shapes import Plane
from hume.reporting.figures.palette import ACCENT, EARTH, MAIN, MUTED, class_colors, faded
from hume.reporting.figures.parts import MARGIN, category_axis, frame, percent, small

TYPE = {"size": 15}  # readable from the last row of a room
QUIET = {"fixedrange": True, "zeroline": False, "tickfont": TYPE, "automargin": True}
CORNERS = np.array([[0, 0], [1, 0], [0.5, np.sqrt(0.75)]])  # of a triangle with sides of 1
BESIDE = 1.25  # from one triangle to the next


def globe(
    phi1: ArrayLike,
    prototypes: ArrayLike,
    *,
    task: ArrayLike | None = None,
    moved: ArrayLike | None = None,
    trail: ArrayLike | None = None,
) -> go.Figure:
    """Show directions in space: rows as points of a globe seen from one side, prototypes as arrows from its centre.

    phi1: (n, 3) unit rows; prototypes: (3, 3), one a class; task: (n, 3) the share of each class in a row, drawn as
    discs within discs whose visible areas are these shares; moved: (3, 3) the prototypes after an update, which
    makes the old ones pale; trail: (t, 3, 3) their earlier positions. The camera is above the mean of the rows; an
    arrow that points away from it is dotted.
    """
    rows, eye = np.asarray(phi1, np.float64), _eye(phi1)
    around = np.radians(np.linspace(0, 360, 121))
    ball = go.Scatter(
        x=small(np.cos(around)),
        y=small(np.sin(around)),
        mode="lines",
        line={"color": MUTED, "width": 1.5},
        fill="toself",
        fillcolor=faded(MUTED, 0.07),
        hoverinfo="skip",
    )
    now = np.asarray(prototypes if moved is None else moved, np.float64) @ eye.T
    traces = [ball, *shapes.discs((rows @ eye.T)[:, :2], task, "circle")]
    if trail is not None:
        traces += shapes.trails(np.asarray(trail, np.float64) @ eye.T)
    if moved is not None:
        traces += shapes.arrows(np.asarray(prototypes, np.float64) @ eye.T, 0.4, named=False)
    return _bare([*traces, *shapes.arrows(now)], [-1.22, 1.22], "globe")


def plane(
    phi2: ArrayLike,
    *,
    task: ArrayLike | None = None,
    split: tuple[ArrayLike, ArrayLike] | None = None,
    classifier: ArrayLike | None = None,
    errors: ArrayLike | None = None,
) -> go.Figure:
    """Show a linear classifier that learns labels from some points and is tested on others.

    phi2: (n, 2); task: (n, K) their labels, as in `globe`; split: train rows, drawn as circles, and test rows, drawn
    as diamonds; classifier: (2, K), whose regions are tinted, fully where its confidence is 90 %; errors: (m,) nats
    of every test row, drawn as rings of proportional area.
    """
    rows = np.asarray(phi2, np.float64)
    reach = 1.08 * float(np.abs(rows).max())
    traces = [] if classifier is None else shapes.regions(np.asarray(classifier, np.float64), reach)
    if split is None:
        traces += shapes.discs(rows, task, "circle")
    else:
        labels = None if task is None else np.asarray(task)
        for members, symbol in zip(map(np.asarray, split), ("circle", "diamond"), strict=True):
            traces += shapes.discs(rows[members], None if labels is None else labels[members], symbol)
        if errors is not None:
            traces.append(shapes.rings(rows[np.asarray(split[1])], np.asarray(errors, np.float64)))
    return _bare(traces, [-reach, reach], "plane")


def triangles(sparse: ArrayLike, soft: ArrayLike) -> go.Figure:
    """Compare sparsemax with softmax on the same scores: shares (n, 3) of three classes as points of a triangle.

    A corner is one class alone, an edge is shared by two, the inside by all three.
    """
    traces: list[Any] = []
    notes: list[dict[str, Any]] = []
    for i, (name, shares) in enumerate((("sparsemax", sparse), ("softmax", soft))):
        corners = CORNERS + np.array([BESIDE * i, 0])
        traces += [_outline(corners), _inside(np.asarray(shares, np.float64), corners)]
        names = zip(corners + 0.16 * (CORNERS - CORNERS.mean(0)), "012", strict=True)
        notes += [_note(x, y, f"<b>{k}</b>", 18) for (x, y), k in names]
        notes.append(_note(BESIDE * i + 0.5, -0.24, f"<b>{name}</b>", 18))
    fig = _bare(traces, [-0.31, 1.02], "triangles", annotations=notes)
    return fig.update_xaxes(range=[-0.14, BESIDE + 1.14])


def falling(objective: ArrayLike, test_error: ArrayLike, entropy: ArrayLike, known: int, most: float) -> go.Figure:
    """Show the objective and its terms: three curves (T,) in nats, bold up to iteration `known`.

    most: the largest possible entropy, log K, as a dotted line. A vertical line marks the last known iteration.
    """
    curves = (
        ("objective", small(objective), MAIN),
        ("test error", small(test_error), ACCENT),
        ("entropy of class sizes", small(entropy), EARTH),
    )
    times = np.arange(1, len(curves[0][1]) + 1)
    traces, axes, notes = [], {}, []
    for i, (name, values, color) in enumerate(curves):
        y = "y" if i == 0 else f"y{i + 1}"
        hover = f"iteration %{{x}}: {name} %{{y:.2f}} nats<extra></extra>"
        for shown, line in ((values, {"color": faded(color, 0.3), "width": 1.5}), (values[:known], {"color": color})):
            trace = {"x": times[: shown.size], "y": shown, "yaxis": y, "line": {"width": 3.5, **line}}
            traces.append(go.Scatter(mode="lines", hovertemplate=hover, **trace))
        top = 1 - i * 0.36
        axes[y.replace("y", "yaxis")] = {"domain": [top - 0.26, top], "nticks": 4, **QUIET}
        text = f"{name} {values[known - 1]:.2f}".replace("-", "−") if known else name
        notes.append({**_note(1, top, f"<b>{text}</b>", TYPE["size"]), "xref": "paper", "yref": "paper"})
        notes[-1] |= {"xanchor": "right", "yanchor": "bottom"}
    limit = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y3", "y0": most, "y1": most}
    now = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": known, "x1": known}
    lines = [{**limit, "line": {"color": MUTED, "dash": "dot", "width": 1.5}}]
    if known:
        lines.append({**now, "line": {"color": MUTED, "width": 1.5}})
    below = {"title": {"text": "Iteration", "font": TYPE}, "anchor": "y3", "range": [0, times.size + 1], **QUIET}
    layout: dict[str, Any] = {
        **axes,
        "xaxis": below,
        "annotations": notes,
        "shapes": lines,
        "margin": {**MARGIN, "t": 24},
    }
    return go.Figure(traces, {**layout, "font": TYPE, "showlegend": False, "uirevision": "falling"})


def share_bars(shares: ArrayLike) -> go.Figure:
    """Show how balanced the classes are: the share (K,) of the labels of each, compared with equal shares."""
    values = percent(shares)
    names = [str(k) for k in range(values.size)]
    bars = go.Bar(
        x=names,
        y=values,
        marker={"color": class_colors(values.size), "line": {"color": MUTED, "width": 1}},
        hovertemplate="class %{x}: %{y:.1f} % of the labels<extra></extra>",
    )
    fig = frame(
        [bars],
        x="Class",
        y="Share of the labels",
        xaxis={**category_axis(names), "fixedrange": True},
        yaxis={
            "range": [0, max(250 / values.size, 1.05 * float(values.max()))],
            "ticksuffix": " %",
            "fixedrange": True,
        },
        font=TYPE,
        showlegend=False,
        uirevision="share bars",
    )
    for axis in (fig.layout.xaxis, fig.layout.yaxis):
        axis.update(tickfont=TYPE, title_font=TYPE)
    return fig.add_hline(y=100 / values.size, line={"color": MUTED, "dash": "dot", "width": 1.5})


# --- elements ----------------------------------------------------------------------------------------


def _bare(traces: Sequence[Any], reach: list[float], name: str, **layout: Any) -> go.Figure:
    """A figure without axes, with equal units in x and y, and without zoom and pan."""
    axis = {"visible": False, "fixedrange": True, "constrain": "domain", "range": reach}
    looks = {"font": TYPE, "showlegend": False, "hovermode": "closest", "dragmode": False, "uirevision": name}
    sides = {"xaxis": axis, "yaxis": {**axis, "scaleanchor": "x"}, "margin": {"l": 0, "r": 0, "t": 0, "b": 0}}
    return go.Figure(traces, {**looks, **sides, **layout})


def _eye(phi1: ArrayLike) -> Plane:
    """Right, up and towards the camera, which is above the mean of the rows: (3, 3), orthonormal."""
    towards = np.asarray(phi1, np.float64).mean(0)
    towards /= np.linalg.norm(towards)
    up = np.eye(3)[np.abs(towards).argmin()]
    up = up - (up @ towards) * towards
    up /= np.linalg.norm(up)
    return np.stack([np.cross(up, towards), up, towards])


def _outline(corners: Plane) -> go.Scatter:
    around = corners[[0, 1, 2, 0]]
    line = go.Scatter(x=small(around[:, 0]), y=small(around[:, 1]), mode="lines", hoverinfo="skip")
    return line.update(line={"color": MUTED, "width": 2}, fill="toself", fillcolor=faded(MUTED, 0.07))


def _inside(shares: Plane, corners: Plane) -> go.Scatter:
    """Shares (n, 3) as points, in the colour of the largest."""
    x, y = (shares @ corners).T
    points = go.Scatter(x=small(x), y=small(y), customdata=percent(shares), mode="markers")
    hover = "".join(f"class {k}: %{{customdata[{k}]:.0f}} %<br>" for k in range(shares.shape[1]))
    marker = {"size": 12, "opacity": 0.7, **shapes.class_scale(shares.argmax(1), shares.shape[1])}
    return points.update(
        marker={**marker, "line": {"color": MUTED, "width": 1}}, hovertemplate=f"{hover}<extra></extra>"
    )


def _note(x: float, y: float, text: str, size: int) -> dict[str, Any]:
    return {"x": x, "y": y, "text": text, "showarrow": False, "font": {"size": size}}
