"""A run against the ground truth: how many seeds, how many samples, which run (Figs. 3a, 3b, E1, F1)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from hume.evaluation.ensemble import TopNCurve
from hume.reporting.figures.palette import ACCENT, MAIN, MUTED, run_colors
from hume.reporting.figures.parts import (
    LEGEND_BELOW,
    category_axis,
    frame,
    padded_range,
    percent,
    safe,
    same_length,
    seeds_in_words,
    unique,
)

ROW_HEIGHT = 36  # pixels a run
ENDS = {"symbol": ["circle-open", "star"], "size": [11, 14], "line": {"width": [2.5, 0]}}  # n = 1 and those that vote


def top_n(
    curves: Sequence[tuple[str, TopNCurve]], voters: Sequence[int] | None = None, *, first: str = "best-scored"
) -> go.Figure:
    """Show how many seeds the vote needs: its ACC and ARI over the n first seeds, one colour a run (Figs. 3a, F1).

    curves: the name and curve of each run; voters: how many seeds of each vote, by default all, the paper's choice;
    first: adjective of the seeds that are ranked first. A star marks the seeds that vote and a ring the first seed
    alone. If any run lacks ground truth, what all of them have is drawn instead: the share of samples labeled as by
    all seeds. Raises InputError when the lengths differ.
    """
    same_length(curves=[name for name, _ in curves], voters=voters)
    ends = [len(curve.n) for _, curve in curves] if voters is None else list(voters)
    everyone = all(len(curve.n) == end for (_, curve), end in zip(curves, ends, strict=True))
    known = bool(curves) and all(curve.acc is not None for _, curve in curves)
    traces = []
    for (name, curve), end, color in zip(curves, ends, run_colors(len(curves)), strict=True):
        lines = (("ACC", "solid", curve.acc), ("ARI", "dash", curve.ari))
        for measure, dash, values in lines if known else (("as by all seeds", "solid", curve.consistency),):
            if values is not None:
                traces.append(_top_n_line(curve.n, percent(values), f"{safe(name)}: {measure}", color, dash, first))
                traces.append(_top_n_ends(curve.n[[0, end - 1]], percent(values)[[0, end - 1]], color))
    y = "ACC in %, ARI × 100" if known else "Share of samples labeled as by all seeds"
    fig = frame(
        [*traces, *_top_n_key(first, everyone)] if curves else [],
        x=f"Number of {first} seeds that vote",
        y=y,
        yaxis={"ticksuffix": "" if known else " %"},
        legend={**LEGEND_BELOW, "groupclick": "toggleitem"},
        showlegend=True,
        hovermode="closest",
    )
    return fig.update_xaxes(rangemode="tozero")


def reliability_curve(
    n: ArrayLike, accuracy: ArrayLike, *, chosen: int | None = None, names: Sequence[str] | None = None
) -> go.Figure:
    """Show how many samples per class are reliable: accuracy of the n most reliable of every class (Figs. 3b, E1).

    n: (M,) samples a class; accuracy: (M,) shares, or (C, M) for several curves with `names`. chosen: the current
    number, marked by a line and its accuracy. Raises InputError when the lengths differ.
    """
    amounts, values = np.asarray(n, np.int64), np.atleast_2d(percent(accuracy))
    labels = names or ["accuracy"] * len(values)
    same_length(amounts=amounts, accuracies=values.T)
    same_length(curves=values, names=labels)
    traces = [
        go.Scatter(
            x=amounts,
            y=y,
            mode="lines+markers" if amounts.size == 1 else "lines",
            line={"color": color, "width": 2.5},
            name=safe(name),
            hovertemplate="%{x} a class: %{y:.1f} % are right<extra></extra>",
        )
        for name, y, color in zip(labels, values, run_colors(len(values)), strict=True)
    ]
    fig = frame(
        traces,
        x="Samples per class",
        y="Accuracy of these samples",
        yaxis={"ticksuffix": " %", "range": padded_range(values, least=10, end=101)},
        legend=LEGEND_BELOW,
        showlegend=len(values) > 1,
        hovermode="closest",
    )
    at = np.flatnonzero(amounts == chosen)
    if at.size:
        _mark(fig, int(amounts[at[0]]), values[:, at[0]], bool(at[0] > amounts.size / 2))
    return fig


def compare_runs(
    names: Sequence[str],
    means: ArrayLike,
    stds: ArrayLike,
    votes: ArrayLike,
    num_seeds: Sequence[int] | None = None,
) -> go.Figure:
    """Compare runs by accuracy: mean ± standard deviation over the seeds as a dot with bars, the vote as a diamond.

    names: (R,); means, stds, votes: (R,) shares, NaN where a run has no ground truth, which its row says;
    num_seeds: (R,) for the hover text. Raises InputError when the lengths differ.
    """
    same_length(names=names, means=means, deviations=stds, votes=votes, counts=num_seeds)
    rows = unique(names)
    over = [f" over {seeds_in_words(count)}" for count in num_seeds] if num_seeds is not None else [""] * len(rows)
    spread = percent(stds)
    dots = go.Scatter(
        x=percent(means),
        y=rows,
        mode="markers",
        marker={"color": MAIN, "size": 10},
        error_x={"array": spread, "color": MAIN, "thickness": 2, "width": 5},
        text=[f"± {deviation:.1f} %{words}" for deviation, words in zip(spread, over, strict=True)],
        name="mean ± standard deviation over the seeds",
        hovertemplate="%{y}<br>mean %{x:.1f} % %{text}<extra></extra>",
    )
    diamonds = go.Scatter(
        x=percent(votes),
        y=rows,
        mode="markers",
        marker={"color": ACCENT, "symbol": "diamond", "size": 12},
        name="vote",
        hovertemplate="%{y}<br>the vote: %{x:.1f} %<extra></extra>",
    )
    unknown = ~np.isfinite(percent(means)) & ~np.isfinite(percent(votes))
    return frame(
        [dots, diamonds],
        x="Accuracy against the ground truth (ACC)",
        xaxis={"ticksuffix": " %"},
        yaxis={**category_axis(rows), "autorange": "reversed"},
        annotations=[_without_truth(rows[i]) for i in np.flatnonzero(unknown)],
        legend=LEGEND_BELOW,
        hovermode="closest",
        height=160 + ROW_HEIGHT * max(len(rows), 2),
    )


def _without_truth(row: str) -> dict[str, Any]:
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": row, "yshift": 9}
    return {"text": "no ground truth", "showarrow": False, **place}


def _top_n_line(
    n: NDArray[np.int64], values: NDArray[np.float32], name: str, color: str, dash: str, first: str
) -> go.Scatter:
    return go.Scatter(
        x=n,
        y=values,
        mode="lines",
        line={"color": color, "dash": dash, "width": 2},
        name=name,
        hovertemplate=f"{name}<br>the {first} %{{x}}: %{{y:.1f}}<extra></extra>",
    )


def _top_n_ends(n: NDArray[np.int64], values: NDArray[np.float32], color: str) -> go.Scatter:
    return go.Scatter(
        x=n,
        y=values,
        mode="markers",
        marker={"color": color, "opacity": 1, **ENDS},
        showlegend=False,
        hoverinfo="skip",
    )


def _top_n_key(first: str, everyone: bool) -> list[go.Scatter]:
    """Entries of the legend alone, which say what ring and star mean."""
    paper = " (the paper's choice)" if first == "best-scored" else ""
    star = f"all seeds{paper}" if everyone else "the seeds that vote"
    meanings = ((f"{first} seed alone", "circle-open"), (star, "star"))
    return [
        go.Scatter(x=[None], y=[None], mode="markers", marker={"color": MUTED, "symbol": symbol, "size": 11}, name=name)
        for name, symbol in meanings
    ]


def _mark(fig: go.Figure, amount: int, values: NDArray[np.float32], to_the_left: bool) -> None:
    fig.add_vline(x=amount, line={"color": ACCENT, "dash": "dot", "width": 2})
    found = ", ".join(f"{value:.1f} %" for value in values)
    side = {"xshift": -6, "xanchor": "right"} if to_the_left else {"xshift": 6, "xanchor": "left"}
    words = {"text": f"{amount} a class: {found}", "showarrow": False, **side}
    fig.add_annotation(x=amount, y=0, yref="paper", yanchor="bottom", **words)
    fig.add_scatter(
        x=[amount] * values.size,
        y=values,
        mode="markers",
        marker={"color": ACCENT, "size": 10},
        showlegend=False,
        hoverinfo="skip",
    )
