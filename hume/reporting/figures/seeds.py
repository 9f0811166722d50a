"""One point a seed: do labelings that generalize resemble the human one (Fig. 1)?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from plotly.subplots import make_subplots
from scipy.stats import t as student

from hume.evaluation.metrics import CONSTANT, MIN_PAIRS, Correlation, FloatArray
from hume.reporting.figures.palette import ACCENT, EARTH, MAIN, MUTED, faded
from hume.reporting.figures.parts import (
    CLICK_SELECTS,
    GOLDEN,
    LEGEND_BELOW,
    MARGIN,
    frame,
    ids,
    on_lines,
    padded_range,
    percent,
    safe,
    same_length,
    seeds_in_words,
)


@dataclass(frozen=True)
class Axis:
    """What ranks the seeds, as the horizontal axis of a figure."""

    title: str
    noun: str
    first: str  # the adjective of the seed with the most of it
    is_share: bool = True  # else nats

    @property
    def unit(self) -> str:
        return " %" if self.is_share else " nats"

    def values(self, values: ArrayLike) -> NDArray[np.float32]:
        return percent(values) if self.is_share else np.asarray(values, np.float32)


SCORE = Axis("Cross-validation score (how well the labeling generalizes)", "score", "best score")
BOTH_SCORES = Axis("Mean of the cross-validation scores in φ1 and φ2 (Eq. 2)", "mean score", "best mean score")
LIKELIHOOD = Axis("Log-likelihood of a sample after refinement, nats", "likelihood", "most likely", is_share=False)
AXES = {"score": SCORE, "both": BOTH_SCORES, "likelihood": LIKELIHOOD}  # by what ranks the seeds
KNOWN_STATES = ("converged", "stopped at T", "imported")
STATE_STYLES = ((MAIN, "circle"), (EARTH, "diamond"), (MUTED, "square"), (MAIN, "triangle-up"), (EARTH, "x"))
FEW = 8  # counts, from 0, that can each have a tick
MARKER_SIZE = 10
RING_SIZE = 20


def correlation(
    criterion: ArrayLike,
    acc: ArrayLike,
    seeds: ArrayLike,
    state: Sequence[str],
    found: Correlation | None,
    *,
    axis: Axis = SCORE,
    reference: int | None = None,
    selected: int | None = None,
) -> go.Figure:
    """Show whether what ranks the seeds predicts accuracy: one point a seed, the line through them, r (Fig. 1).

    criterion: (S,) shares or, of `LIKELIHOOD`, nats; acc: (S,) shares; NaN where unknown; seeds: (S,) their numbers,
    which travel as `customdata`; state: (S,) such as "converged", shown by colour and symbol; found: the correlation of
    the two, or None. The line is the least-squares fit with the 95 % confidence band of its mean, drawn for 3 seeds and
    more whose values differ. axis: what the criterion is; reference: the seed to ring, by default the one with the
    most; selected: another seed to mark. A click selects one point. Raises InputError when the lengths differ.
    """
    same_length(scores=criterion, accuracies=acc, seeds=seeds, states=state)
    x, y, numbers = axis.values(criterion), percent(acc), ids(seeds)
    hover = f"seed %{{customdata}}<br>{axis.noun} %{{x:.2f}}{axis.unit}<br>accuracy %{{y:.2f}} %"
    points = [
        _points(x[rows], y[rows], numbers[rows], f"{hover}<br>{safe(name)}<extra></extra>", safe(name), style)
        for name, style, rows in _by_state(state)
    ]
    return frame(
        [*_regression_traces(x, y), *points, *_rings(x, y, numbers, axis.first, reference, selected)],
        x=axis.title,
        y="Accuracy against the ground truth",
        xaxis={"ticksuffix": " %" if axis.is_share else ""},
        yaxis={"ticksuffix": " %", "range": padded_range(y)},
        annotations=[_above_plot(_in_words(found))],
        legend=LEGEND_BELOW,
        showlegend=True,
        **CLICK_SELECTS,
    )


def score_distribution(
    criterion: ArrayLike,
    seeds: ArrayLike,
    *,
    axis: Axis = SCORE,
    reference: int | None = None,
    selected: int | None = None,
) -> go.Figure:
    """Show how well the seeds' labelings generalize when there is no truth to compare with, or none to be shown.

    One dot a seed below a histogram of the same scores; the height of a dot means nothing, it only keeps dots apart.
    Arguments, clicks and errors as for `correlation`.
    """
    same_length(scores=criterion, seeds=seeds)
    x, numbers = axis.values(criterion), ids(seeds)
    height = ((np.argsort(np.argsort(x)) * GOLDEN) % 1).astype(np.float32)
    hover = f"seed %{{customdata}}<br>{axis.noun} %{{x:.2f}}{axis.unit}<extra></extra>"
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.4, 0.6], vertical_spacing=0.04)
    fig.add_trace(_histogram(x), row=1, col=1)
    dots = _points(x, height, numbers, hover, "one dot a seed", (MAIN, "circle"))
    fig.add_traces([dots, *_rings(x, height, numbers, axis.first, reference, selected)], rows=2, cols=1)
    fig.update_xaxes(ticksuffix=" %" if axis.is_share else "", zeroline=False, automargin=True)
    fig.update_xaxes(title={"text": on_lines(axis.title)}, row=2, col=1)
    counted = {"dtick": 1} if fig.data[0].y.max(initial=0) < FEW else {}  # else ticks between whole numbers
    fig.update_yaxes(title={"text": "Seeds"}, zeroline=False, automargin=True, rangemode="tozero", row=1, col=1)
    fig.update_yaxes(counted, row=1, col=1)
    fig.update_yaxes(visible=False, range=[-0.25, 1.25], row=2, col=1)
    return fig.update_layout(margin=MARGIN, bargap=0.04, legend=LEGEND_BELOW, **CLICK_SELECTS)


def _points(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    numbers: NDArray[np.int64],
    hover: str,
    name: str,
    style: tuple[str, str],
) -> go.Scatter:
    color, symbol = style
    return go.Scatter(
        x=x,
        y=y,
        customdata=numbers,
        mode="markers",
        marker={"color": color, "symbol": symbol, "size": MARKER_SIZE, "opacity": 0.85},
        unselected={"marker": {"opacity": 0.45}},
        name=name,
        hovertemplate=hover,
    )


def _by_state(state: Sequence[str]) -> list[tuple[str, tuple[str, str], NDArray[np.intp]]]:
    """The states that occur, each with its look and its places; the known ones always look the same."""
    others = sorted(set(state) - set(KNOWN_STATES))
    names = np.asarray(state, dtype=object)
    return [
        (name, STATE_STYLES[i % len(STATE_STYLES)], np.flatnonzero(names == name))
        for i, name in enumerate((*KNOWN_STATES, *others))
        if name in state
    ]


def _rings(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    numbers: NDArray[np.int64],
    first: str,
    reference: int | None,
    selected: int | None,
) -> list[go.Scatter]:
    """Rings around the first seed and the selected one, where these can be drawn; clicks go through them."""
    if reference is None and np.isfinite(x).any():
        reference = int(numbers[np.nanargmax(x)])
    wanted = ((first, reference, "circle-open"), ("selected", selected, "square-open"))
    rings = []
    for words, seed, symbol in wanted:
        at = np.flatnonzero(numbers == seed)
        if seed is None or not np.isfinite(x[at] + y[at]).any():
            continue
        rings.append(
            go.Scatter(
                x=x[at],
                y=y[at],
                customdata=numbers[at],
                mode="markers",
                marker={"symbol": symbol, "size": RING_SIZE, "color": ACCENT, "line": {"width": 2.5}},
                unselected={"marker": {"opacity": 1}},
                name=f"{words}: seed {seed}",
                hoverinfo="skip",
            )
        )
    return rings


def _regression(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Fit y = a + b x and bound its mean: a + b x ± t s √(1/n + (x − x̄)²/Σ(x_i − x̄)²), 95 %, n − 2 degrees.

    Returns (60,) places x, the line there and the half width of the band, or None when no line can be drawn.
    """
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if x.size < MIN_PAIRS or np.ptp(x) <= CONSTANT * np.abs(x).max():
        return None
    centred = x - x.mean()
    spread = centred @ centred
    slope = centred @ y / spread
    rest = y - y.mean() - slope * centred
    deviation = np.sqrt(rest @ rest / (x.size - 2))
    places = np.linspace(x.min(), x.max(), 60)
    away = places - x.mean()
    half = student.ppf(0.975, x.size - 2) * deviation * np.sqrt(1 / x.size + away**2 / spread)
    return places, y.mean() + slope * away, half


def _regression_traces(x: NDArray[np.float32], y: NDArray[np.float32]) -> list[go.Scatter]:
    fitted = _regression(x.astype(np.float64), y.astype(np.float64))
    if fitted is None:
        return []
    places, line, half = fitted
    around = np.r_[places, places[::-1]].astype(np.float32)
    edges = np.r_[line + half, (line - half)[::-1]].astype(np.float32)
    common: dict[str, Any] = {"mode": "lines", "hoverinfo": "skip", "legendgroup": "line"}
    band = go.Scatter(
        x=around, y=edges, fill="toself", fillcolor=faded(MUTED, 0.2), line={"width": 0}, showlegend=False, **common
    )
    name = "straight-line fit, 95 % band"
    middle = go.Scatter(
        x=places.astype(np.float32), y=line.astype(np.float32), line={"color": MUTED, "width": 2}, name=name, **common
    )
    return [band, middle]


def _histogram(x: NDArray[np.float32]) -> go.Bar:
    """Bars without hover, so that a click on the figure can only ever mean a seed."""
    counts, edges = np.histogram(x[np.isfinite(x)], bins="auto")
    return go.Bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        width=np.diff(edges) * 0.96,
        marker={"color": MUTED},
        unselected={"marker": {"opacity": 1}},
        showlegend=False,
        hoverinfo="skip",
    )


def _above_plot(text: str) -> dict[str, Any]:
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"}
    return {"text": text, "showarrow": False, "align": "left", **place}


def _in_words(found: Correlation | None) -> str:
    if found is None:
        return "not enough different seeds for a correlation"
    r, low, high = (f"{value:.2f}".replace("-", "−") for value in (found.r, found.low, found.high))
    p = "" if not found.p_agrees else ", p &lt; 0.001" if found.p < 0.001 else f", p = {found.p:.3f}"
    return f"r = {r} (95 % interval {low} to {high}){p}, {seeds_in_words(found.n)}"
