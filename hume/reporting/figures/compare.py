"""Methods side by side, and all pairs of spaces of a dataset, as figures."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from hume.reporting.figures.palette import ACCENT, MAIN, MUTED, SEQUENTIAL
from hume.reporting.figures.parts import LEGEND_BELOW, category_axis, color_bar, frame, percent, same_length, unique

ROW_HEIGHT = 30  # pixels a method
COLOURS = {"hume": ACCENT, "answered": ACCENT, "control": MUTED, "baseline": MAIN, "supervised": MUTED}
TITLES = {
    "hume": "HUME",
    "answered": "with a person's answers",
    "control": "negative controls",
    "baseline": "without labels",
    "supervised": "supervised: upper bound",
}
SYMBOLS = {"hume": "circle", "answered": "diamond", "control": "x", "baseline": "circle", "supervised": "square-open"}
GREY = "#8b8d91"  # of numbers that were printed elsewhere


def leaderboard(
    names: Sequence[str],
    kinds: Sequence[str],
    mean: ArrayLike,
    std: ArrayLike,
    n: ArrayLike,
    vote: ArrayLike,
    published: Sequence[tuple[str, float]] = (),
    refined: ArrayLike | None = None,
) -> go.Figure:
    """Compare the accuracy of all methods: mean and standard deviation over seeds, the vote as a star.

    names, kinds (keys of TITLES), mean, std, n, vote: (M,), shares 0 to 1, NaN where there
    is no vote; published: printed numbers (name, share), drawn in grey below everything that was measured; refined:
    (M,) accuracies of the most likely labelings after refinement, NaN where there is none. Methods come in the order
    given, from the top. Raises InputError when the lengths differ.
    """
    same_length(names=names, kinds=kinds, means=mean, deviations=std, numbers=n, votes=vote)
    labels = unique([*names, *(f"{name} (printed)" for name, _ in published)])
    mine = labels[: len(names)]
    values, spread, amount = percent(mean), percent(std), np.asarray(n)
    traces = []
    for kind in TITLES:
        rows = [i for i, each in enumerate(kinds) if each == kind]
        if not rows:
            continue
        traces.append(
            go.Scatter(
                x=values[rows],
                y=[mine[i] for i in rows],
                error_x={"type": "data", "array": spread[rows], "thickness": 1.5, "width": 5, "color": COLOURS[kind]},
                mode="markers",
                marker={"color": COLOURS[kind], "symbol": SYMBOLS[kind], "size": 10, "line": {"width": 2}},
                customdata=np.column_stack([spread[rows], amount[rows]]),
                name=TITLES[kind],
                hovertemplate="%{y}<br>%{x:.1f} ± %{customdata[0]:.1f} %, n = %{customdata[1]:.0f}<extra></extra>",
            )
        )
    stars = np.isfinite(np.asarray(vote, np.float64))
    if stars.any():
        traces.append(
            go.Scatter(
                x=percent(vote)[stars],
                y=[name for name, star in zip(mine, stars, strict=True) if star],
                mode="markers",
                marker={"color": ACCENT, "symbol": "star", "size": 14},
                name="vote of the seeds",
                hovertemplate="%{y}<br>vote: %{x:.1f} %<extra></extra>",
            )
        )
    likeliest = np.full(len(names), np.nan) if refined is None else np.asarray(refined, np.float64)
    same_length(names=names, refined=likeliest)
    if np.isfinite(likeliest).any():
        traces.append(
            go.Scatter(
                x=percent(likeliest)[np.isfinite(likeliest)],
                y=[name for name, known in zip(mine, np.isfinite(likeliest), strict=True) if known],
                mode="markers",
                marker={"color": MUTED, "symbol": "diamond-open", "size": 9, "line": {"width": 2}},
                name="most likely after refinement",
                hovertemplate="%{y}<br>most likely after refinement: %{x:.1f} %<extra></extra>",
            )
        )
    if published:
        traces.append(
            go.Scatter(
                x=percent([value for _, value in published]),
                y=labels[len(names) :],
                mode="markers",
                marker={"color": GREY, "symbol": "diamond-open", "size": 9, "line": {"width": 2}},
                name="printed in the paper, on other features",
                hovertemplate="%{y}<br>%{x:.1f} %<extra></extra>",
            )
        )
    axis = {**category_axis(labels), "autorange": "reversed", "showgrid": True}
    return frame(
        traces,
        x="Accuracy: mean and standard deviation over seeds",
        xaxis={"ticksuffix": " %"},
        yaxis=axis,
        legend=LEGEND_BELOW,
        showlegend=True,
        hovermode="closest",
        height=140 + ROW_HEIGHT * len(labels),
    )


def pairs(spaces: Sequence[str], values: ArrayLike, seconds: ArrayLike, *, name: str, share: bool = True) -> go.Figure:
    """See which pair of spaces works best: a cell for every φ1 (row) and φ2 (column), its cost when hovered over.

    spaces: (M,) names; values: (M, M), NaN where nothing was run; seconds: (M, M) that each took; name: of what the
    values are, such as "ACC of the vote". Raises InputError when the shapes differ.
    """
    shown, cost = np.asarray(values, np.float64), np.asarray(seconds, np.float64)
    same_length(spaces=spaces, rows=shown)
    same_length(spaces=spaces, columns=shown.T)
    same_length(rows=shown, costs=cost)
    labels = unique(spaces)
    drawn = percent(shown) if share else shown.astype(np.float32)
    unit = " %" if share else ""
    text = [["" if not np.isfinite(value) else f"{value:.1f}{unit}" for value in row] for row in drawn]
    heat = go.Heatmap(
        z=drawn,
        x=labels,
        y=labels,
        text=text,
        texttemplate="%{text}",
        customdata=cost.astype(np.float32),
        colorscale=SEQUENTIAL,
        colorbar=color_bar(name),
        hoverongaps=False,
        hovertemplate="φ1 %{y}, φ2 %{x}<br>%{z:.1f}" + unit + ", %{customdata:.0f} s<extra></extra>",
    )
    return frame(
        [heat],
        x="φ2: space of the classifier",
        y="φ1: space of the labels",
        xaxis=category_axis(labels),
        yaxis={**category_axis(labels), "autorange": "reversed"},
        height=160 + 44 * len(labels),
    )
