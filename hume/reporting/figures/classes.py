"""The found classes: size, confusion, votes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from plotly.subplots import make_subplots

from hume.reporting.figures.palette import ACCENT, MUTED, SEQUENTIAL, class_colors
from hume.reporting.figures.parts import (
    LEGEND_BELOW,
    MARGIN,
    category_axis,
    color_bar,
    frame,
    ids,
    percent,
    same_length,
    seeds_in_words,
    small,
    unique,
)

MAX_WRITTEN = 15  # classes; with more, a cell is too small for a number
MOST_PROBABLE = 8  # classes of one sample; the others are one bar
MAX_TICKS = 20  # seeds named along an axis


def label_shares(shares: ArrayLike, seeds: ArrayLike) -> go.Figure:
    """Watch how every seed spreads its labels: one row a seed, its classes from the largest to the smallest.

    shares: (S, K) label shares, rows that sum to 1 (NaN for a seed not begun); seeds: (S,) numbers. `customdata` of a
    cell is (seed, class). An empty class is no cell but a cross. The colours end at the larger of 4 times an even
    share and the 99th percentile of the shares. Raises InputError when the lengths differ.
    """
    same_length(shares=shares, seeds=seeds)
    values, numbers = np.asarray(shares, np.float64), ids(seeds)
    order = np.argsort(-values, axis=1, kind="stable")
    ranked = percent(np.take_along_axis(values, order, axis=1))  # (S, K)
    num_seeds, num_classes = ranked.shape
    empty = ranked == 0
    cells = np.stack([np.broadcast_to(numbers[:, None], order.shape), order], axis=-1)  # (S, K, 2)
    marks, words = _scale(ranked, num_classes)
    heat = go.Heatmap(
        z=np.where(empty, np.float32(np.nan), ranked),
        x=np.arange(1, num_classes + 1),
        y=np.arange(num_seeds),
        customdata=cells,
        colorscale=SEQUENTIAL,
        zmin=0,
        zmax=marks[-1],
        colorbar=color_bar("share of the labels", tickvals=marks, ticktext=words),
        hoverongaps=False,
        hovertemplate="seed %{customdata[0]}, class %{customdata[1]}: %{z:.1f} % of the labels<extra></extra>",
    )
    return frame(
        [heat, _crosses(empty, cells)],
        x="The seed's classes, largest first",
        y="Seed",
        xaxis={"showgrid": False, "dtick": 1 if num_classes <= MAX_WRITTEN else None},
        yaxis={"showgrid": False, "range": [num_seeds - 0.5, -0.5], **_seed_ticks(numbers)},
        legend=LEGEND_BELOW,
        showlegend=bool(empty.any()),
        hovermode="closest",
        uirevision="label shares",
    )


def confusion(table: ArrayLike, row_names: Sequence[str], column_names: Sequence[str]) -> go.Figure:
    """Show which true classes a found class holds: shares of each row in colour, counts in the cells.

    table: (K found, K true) counts of samples; row_names, column_names: one name each. Counts are written for up to
    15 classes, zeros left out, and shown on hover for more; a found class without samples is an empty row that says
    so. Raises InputError when the lengths differ.
    """
    counts = np.asarray(table, np.int64)
    same_length(rows=counts, row_names=row_names)
    same_length(columns=counts.T, column_names=column_names)
    sizes = counts.sum(axis=1, keepdims=True)
    shares = np.full(counts.shape, np.nan)
    np.divide(counts, sizes, out=shares, where=sizes > 0)
    found = [name if size else f"{name} (empty)" for name, size in zip(unique(row_names), sizes, strict=True)]
    true = unique(column_names)
    written = max(counts.shape) <= MAX_WRITTEN
    heat = go.Heatmap(
        z=percent(shares),
        x=true,
        y=found,
        customdata=counts,
        text=[[str(count or "") for count in row] for row in counts] if written else None,
        texttemplate="%{text}" if written else None,
        colorscale=SEQUENTIAL,
        zmin=0,
        zmax=100,
        xgap=int(written),
        ygap=int(written),
        colorbar=color_bar("share of the found class", ticksuffix=" %"),
        hoverongaps=False,
        hovertemplate="found class: %{y}<br>true class: %{x}<br>%{customdata} samples, %{z:.1f} % of the found class"
        "<extra></extra>",
    )
    return frame(
        [heat],
        x="True class",
        y="Found class",
        xaxis={**category_axis(true), "showgrid": False},
        yaxis={**category_axis(found), "autorange": "reversed", "showgrid": False},
        height=int(np.clip(160 + 32 * len(found), 350, 800)),
    )


def class_sizes(
    found_sizes: ArrayLike,
    names: Sequence[str],
    true_sizes: ArrayLike | None = None,
    true_names: Sequence[str] | None = None,
) -> go.Figure:
    """Show whether the found classes are balanced: one bar a class, next to the true classes if given.

    found_sizes: (K,) samples; names: (K,); true_sizes, true_names: the same of the ground truth, whose classes are
    not matched to the found ones. A dotted line marks equal sizes. Raises InputError when the lengths differ.
    """
    sides = [("Samples of the found class", ids(found_sizes), list(names), class_colors(len(names)))]
    if true_sizes is not None:
        true = ids(true_sizes)
        titles = list(true_names) if true_names is not None else [f"class {k}" for k in range(true.size)]
        sides.append(("Samples of the true class", true, titles, [MUTED] * true.size))
    fig = make_subplots(rows=1, cols=len(sides), horizontal_spacing=0.22)
    for column, (title, sizes, labels, colors) in enumerate(sides, start=1):
        same_length(sizes=sizes, names=labels)
        rows = unique(labels)
        fig.add_trace(_size_bars(sizes, rows, colors), row=1, col=column)
        equal = {"x": sizes.mean(), "annotation_text": "equal sizes", "annotation_position": "top"}
        fig.add_vline(line={"color": MUTED, "dash": "dot", "width": 2}, row=1, col=column, **equal)
        reach = [0, 1.05 * max(int(sizes.max(initial=0)), 1)]
        fig.update_xaxes(title={"text": title}, range=reach, automargin=True, row=1, col=column)
        axis = {**category_axis(rows), "autorange": "reversed", "automargin": True}
        fig.update_yaxes(axis, row=1, col=column)
    longest = max(len(labels) for _, _, labels, _ in sides)
    return fig.update_layout(margin=MARGIN, showlegend=False, height=int(np.clip(120 + 28 * longest, 250, 1200)))


def votes(counts: ArrayLike, names: Sequence[str]) -> go.Figure:
    """Show how the seeds voted on one sample: the classes that got votes, most votes first.

    counts: (K,) votes; names: (K,), whose order gives the colours. Raises InputError when the lengths differ.
    """
    same_length(votes=counts, names=names)
    given = ids(counts)
    total = int(given.sum())
    order = [k for k in np.argsort(-given, kind="stable") if given[k]]
    labels, colors = unique(names), class_colors(len(names))
    words = [f"{given[k]} of {seeds_in_words(total)}" for k in order]
    rows = [labels[k] for k in order]
    bars = go.Bar(
        x=given[order],
        y=rows,
        orientation="h",
        marker={"color": [colors[k] for k in order], "line": {"color": MUTED, "width": 1}},
        text=words,
        textposition="auto",
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    return frame(
        [bars],
        x="Seeds",
        xaxis={"range": [0, 1.02 * max(total, 1)], "showgrid": False},
        yaxis={**category_axis(rows), "autorange": "reversed"},
        showlegend=False,
        height=90 + 34 * max(len(rows), 1),
    )


def posterior(shares: ArrayLike, names: Sequence[str]) -> go.Figure:
    """Show how probable each class is for one sample: the most probable ones, then all others together.

    shares: (K,) probabilities; names: (K,), whose order gives the colours. Raises InputError when the lengths differ.
    """
    same_length(shares=shares, names=names)
    given = np.asarray(shares, np.float64)
    order = [int(k) for k in np.argsort(-given, kind="stable")[:MOST_PROBABLE]]
    labels, colors = unique(names), class_colors(len(names))
    rows, values, colored = ([labels[k] for k in order], [float(given[k]) for k in order], [colors[k] for k in order])
    if len(given) > len(order):
        rows.append(f"{len(given) - len(order)} others")
        values.append(max(0.0, float(given.sum()) - sum(values)))
        colored.append(MUTED)
    bars = go.Bar(
        x=[100 * value for value in values],
        y=rows,
        orientation="h",
        marker={"color": colored, "line": {"color": MUTED, "width": 1}},
        text=[f"{100 * value:.1f} %" for value in values],
        textposition="auto",
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    return frame(
        [bars],
        x="Probability, %",
        xaxis={"range": [0, 102], "showgrid": False},
        yaxis={**category_axis(rows), "autorange": "reversed"},
        showlegend=False,
        height=90 + 30 * len(rows),
    )


def _scale(ranked: NDArray[np.float32], num_classes: int) -> tuple[list[float], list[str]]:
    """Ticks of the colours and their words, which say so where larger shares have the last colour."""
    known = ranked[np.isfinite(ranked)]
    common = np.percentile(known, 99) if known.size else 0.0
    marks = np.linspace(0, min(100.0, max(400 / num_classes, common)), 5).tolist()
    words = [f"{mark:.3g} %" for mark in marks]
    if (known > marks[-1]).any():
        words[-1] = f"{words[-1]} or more"
    return marks, words


def _crosses(empty: NDArray[np.bool_], cells: NDArray[np.int64]) -> go.Scatter:
    rows, places = np.nonzero(empty)
    return go.Scatter(
        x=places + 1,
        y=rows,
        customdata=cells[rows, places],
        mode="markers",
        marker={"symbol": "x", "color": ACCENT, "size": 6},
        name="empty class",
        hovertemplate="seed %{customdata[0]}: class %{customdata[1]} is empty<extra></extra>",
    )


def _seed_ticks(numbers: NDArray[np.int64]) -> dict[str, Any]:
    step = -(-numbers.size // MAX_TICKS) or 1
    places = np.arange(0, numbers.size, step)
    return {"tickmode": "array", "tickvals": places, "ticktext": [str(seed) for seed in numbers[places]]}


def _size_bars(sizes: NDArray[np.int64], rows: list[str], colors: list[str]) -> go.Bar:
    return go.Bar(
        x=small(sizes),
        y=rows,
        orientation="h",
        marker={"color": colors, "line": {"color": MUTED, "width": 1}},
        text=[f"{size:,}" if size else "empty" for size in sizes],
        textposition=["auto" if size else "outside" for size in sizes],
        insidetextanchor="start",
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
