"""What answers change."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from hume.reporting.figures.palette import run_colors
from hume.reporting.figures.parts import frame, padded_range, percent, same_length


def answer_curve(answers: ArrayLike, accuracy: ArrayLike) -> go.Figure:
    """Show what answers are worth: accuracy of all labels (M,), shares, after so many answers (M,)."""
    n, values = np.asarray(answers, np.int64), percent(accuracy)
    same_length(answers=n, accuracies=values)
    trace = go.Scatter(
        x=n,
        y=values,
        mode="lines+markers",
        line={"color": run_colors(1)[0], "width": 2.5},
        hovertemplate="%{x} answers: %{y:.1f} %<extra></extra>",
    )
    return frame(
        [trace],
        x="Answers",
        y="Accuracy of all labels",
        yaxis={"ticksuffix": " %", "range": padded_range(values, least=10, end=101)},
        showlegend=False,
    )
