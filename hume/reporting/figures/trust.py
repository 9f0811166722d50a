"""The score of the same labelings in φ2 against φ1, one point a seed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from hume.common.errors import InputError
from hume.reporting.figures.palette import MUTED, POINTS_SEQUENTIAL, faded
from hume.reporting.figures.parts import (
    CLICK_SELECTS,
    color_bar,
    frame,
    ids,
    padded_range,
    percent,
    safe,
    same_length,
    small,
)

Band = tuple[str, float, float]  # title, lowest and highest score


def trust(
    cv_score: ArrayLike,
    other: ArrayLike,
    agreement: ArrayLike,
    evenness: ArrayLike,
    seeds: ArrayLike,
    controls: Sequence[Band] = (),
) -> go.Figure:
    """See whether φ1 ranks the seeds as φ2 does: rising points are a good sign, falling ones a bad one.

    cv_score, other: (S,) shares 0 to 1, in φ2 and in φ1; agreement: (S,) with the other seeds, shown by colour,
    NaN where unknown; evenness: (S,), 1 for equal classes, shown on hover; seeds: (S,) numbers, in `customdata`;
    controls: bands of the scores of the negative controls, as text alone where they are out of range.
    Raises InputError when the lengths differ or a band is upside down.
    """
    same_length(scores=cv_score, others=other, agreements=agreement, evenness=evenness, seeds=seeds)
    if any(low > high for _, low, high in controls):
        raise InputError("a band of scores ends below its beginning: give the lowest score, then the highest")
    y = percent(cv_score)
    shown = padded_range(y, least=1, end=100.5)
    colour = small(agreement)
    marker: dict[str, Any] = {"size": 10, "opacity": 0.9, "color": MUTED}
    if np.isfinite(colour).any():
        marker |= {
            "color": colour,
            "colorscale": POINTS_SEQUENTIAL,
            "colorbar": color_bar("Agreement with the other seeds"),
        }
    words = [f"evenness {each:.3f}" for each in np.asarray(evenness, np.float64)]
    points = go.Scatter(
        x=percent(other),
        y=y,
        customdata=ids(seeds),
        text=words,
        mode="markers",
        marker=marker,
        showlegend=False,
        hovertemplate="seed %{customdata}<br>φ2 %{y:.2f} %<br>%{x:.2f} %<br>%{text}<extra></extra>",
    )
    fig = frame(
        [points],
        x="Score in φ1 (cross-validation of the same labels)",
        y="Cross-validation score in φ2",
        xaxis={"ticksuffix": " %", "range": padded_range(percent(other), least=1)},
        yaxis={"ticksuffix": " %", "range": shown},
        **CLICK_SELECTS,
    )
    _draw_controls(fig, controls, shown)
    return fig


def _draw_controls(fig: go.Figure, controls: Sequence[Band], shown: list[float] | None) -> None:
    """Bands behind the points where they can be seen; the others are named at the edge."""
    beyond = []
    for title, low, high in controls:
        words = f"{safe(title)}: {100 * low:.1f} to {100 * high:.1f} %"
        if shown is None or 100 * high < shown[0] or 100 * low > shown[1]:
            beyond.append(f"{words} ({'below' if shown is None or 100 * high < shown[0] else 'above'} what is drawn)")
            continue
        inside = {"y0": max(100 * low, shown[0]), "y1": min(100 * high, shown[1])}
        fig.add_hrect(**inside, fillcolor=faded(MUTED, 0.2), line_width=0, layer="below", annotation={"text": words})
    if beyond:
        place = {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"}
        fig.add_annotation(text="<br>".join(beyond), showarrow=False, align="left", **place)
        fig.update_layout(margin_t=30 + 16 * len(beyond))
