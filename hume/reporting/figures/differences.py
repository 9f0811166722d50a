"""Who went where between two labelings: a cell for every pair of classes, each a point that can be clicked."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from hume.reporting.figures.palette import ACCENT, CLASS_COLORS, MAIN
from hume.reporting.figures.parts import (
    CLICK_SELECTS,
    category_axis,
    frame,
    percent,
    safe,
    same_length,
    unique,
)

MAX_WRITTEN = 15  # classes; with more, a cell is too small for a number
MAX_DRAWN = 40  # classes of a labeling
FRAME = CLASS_COLORS[4]  # of the selected cell: told from both kinds
STAYED, MOVED = ("#dcebf8", MAIN), ("#fbe3d3", ACCENT)  # opaque, so that Plotly finds a colour to write on them


def drawn_classes(table: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows and columns of a table to draw, ascending: those with samples, at most 40 with the most moved ones."""
    counts = np.asarray(table, np.int64)
    moved = counts * (np.arange(counts.shape[0])[:, None] != np.arange(counts.shape[1]))
    rows, columns = (_most(counts.sum(axis) > 0, moved.sum(axis)) for axis in (1, 0))
    return rows, columns


def _most(present: NDArray[np.bool_], moved: NDArray[np.int64]) -> NDArray[np.int64]:
    numbers = np.flatnonzero(present)
    return np.sort(numbers[np.argsort(-moved[numbers], kind="stable")[:MAX_DRAWN]])


def who_went_where(
    table: ArrayLike,
    row_names: Sequence[str],
    column_names: Sequence[str],
    titles: tuple[str, str],
    selected: tuple[int, int] | None = None,
) -> go.Figure:
    """Show which samples two labelings put into which classes: blue where matched, orange where they moved.

    table: (A, B) counts of samples, matched classes on the diagonal; row_names, column_names: one name each; titles: of
    the two labelings; selected: a row and a column, which have a frame. A cell is the fuller, the larger its share of
    the row; `customdata` of its point is row · B + column. Classes without samples are left out, and of many those
    with the fewest moved ones. Raises InputError when the lengths differ.
    """
    counts = np.asarray(table, np.int64)
    same_length(rows=counts, row_names=row_names)
    same_length(columns=counts.T, column_names=column_names)
    rows, columns = drawn_classes(counts)
    shown = counts[np.ix_(rows, columns)]
    shares = shown / np.maximum(counts[rows].sum(axis=1, keepdims=True), 1)
    stayed = rows[:, None] == columns
    y, x = unique([row_names[k] for k in rows]), unique([column_names[k] for k in columns])
    written = max(shown.shape, default=0) <= MAX_WRITTEN
    cells = [
        _cells(np.where(kind & (shown > 0), shares, np.nan), shown, x, y, name, colors, written)
        for kind, name, colors in ((stayed, "matched classes", STAYED), (~stayed, "moved", MOVED))
    ]
    fig = frame(
        [*cells, _points(shown, shares, rows * counts.shape[1], columns, x, y)],
        x=safe(titles[1]),
        y=safe(titles[0]),
        xaxis={**category_axis(x), "showgrid": False, "side": "top"},
        yaxis={**category_axis(y), "autorange": "reversed", "showgrid": False},
        height=int(np.clip(150 + 30 * len(y), 320, 900)),
        hoverdistance=-1,
        margin={"l": 10, "r": 12, "t": 40, "b": 10},
        **CLICK_SELECTS,
    )
    if selected is not None and selected[0] in rows and selected[1] in columns:
        i, j = int(np.searchsorted(rows, selected[0])), int(np.searchsorted(columns, selected[1]))
        fig.add_shape(type="rect", x0=j - 0.5, x1=j + 0.5, y0=i - 0.5, y1=i + 0.5, line={"color": FRAME, "width": 4})
    return fig


def _cells(
    shares: NDArray[np.float64],
    counts: NDArray[np.int64],
    x: list[str],
    y: list[str],
    name: str,
    colors: tuple[str, str],
    written: bool,
) -> go.Heatmap:
    words = np.where(np.isfinite(shares), np.char.mod("%d", counts), "")
    return go.Heatmap(
        z=percent(shares),
        x=x,
        y=y,
        text=words if written else None,
        texttemplate="%{text}" if written else None,
        colorscale=[[0, colors[0]], [1, colors[1]]],
        zmin=0,
        zmax=100,
        xgap=int(written),
        ygap=int(written),
        name=name,
        showscale=False,
        hoverinfo="skip",
    )


def _points(
    shown: NDArray[np.int64],
    shares: NDArray[np.float64],
    row_starts: NDArray[np.int64],
    columns: NDArray[np.int64],
    x: list[str],
    y: list[str],
) -> go.Scatter:
    """An invisible point in every cell with samples: the cells of a heat map cannot be selected."""
    i, j = np.nonzero(shown)
    words = [
        f"{count:,} samples, {100 * share:.1f} % of {y[a]}"
        for count, share, a in zip(shown[i, j], shares[i, j], i, strict=True)
    ]
    return go.Scatter(
        x=[x[b] for b in j],
        y=[y[a] for a in i],
        customdata=row_starts[i] + columns[j],
        mode="markers",
        hovertext=words,
        hovertemplate="%{y} → %{x}<br>%{hovertext}<extra></extra>",
        marker={"symbol": "square", "size": 24, "color": ACCENT, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        showlegend=False,
        name="",
    )
