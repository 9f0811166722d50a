"""How the samples of one grouping are spread over the next: an alluvial (Sankey) diagram."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.evaluation.metrics import contingency_table
from hume.lesson.comparison import Grouping
from hume.reporting.figures.palette import class_colors, faded
from hume.reporting.figures.parts import MARGIN, safe, same_length

LINK = 0.45  # opacity
TITLE_ROOM = 40  # pixels above the picture
THICKNESS = 22  # pixels of a group's bar


def flows(columns: Sequence[Grouping]) -> go.Figure:
    """Show how the same samples are grouped several times: a bar a group, a band for the samples two groups share.

    columns: two or more, from left to right. A group without samples has no bar. Bands have the colour of their left
    group. Raises InputError for fewer columns, and where the columns' samples differ in number.
    """
    if len(columns) < 2:
        raise InputError("flows lead from one grouping to another: give two or more.")
    same_length(**{f"samples in column {i + 1}": column.labels for i, column in enumerate(columns)})
    starts = np.cumsum([0, *(len(column.names) for column in columns)])
    colors = [color for column in columns for color in class_colors(len(column.names))]
    source, target, value = _links(columns, starts)
    positions = np.linspace(0.001, 0.999, len(columns))
    fig = go.Figure(
        go.Sankey(
            arrangement="snap",
            node={
                "label": [safe(name) for column in columns for name in column.names],
                "color": colors,
                "thickness": THICKNESS,
                "pad": 12,
                "line": {"width": 0},
                "customdata": [safe(column.title) for column in columns for _ in column.names],
                "hovertemplate": "%{customdata}: %{label}, %{value:d}<extra></extra>",
            },
            link={
                "source": source,
                "target": target,
                "value": value,
                "color": [faded(colors[node], LINK) for node in source],
                "hovertemplate": "%{source.label} → %{target.label}: %{value:d}<extra></extra>",
            },
        )
    )
    for column, x, anchor in zip(columns, positions, _anchors(len(columns)), strict=True):
        fig.add_annotation(
            text=f"<b>{safe(column.title)}</b>", x=float(x), y=1, xref="paper", yref="paper", xanchor=anchor,
            yanchor="bottom", yshift=10, showarrow=False,
        )  # fmt: skip
    return fig.update_layout(margin={**MARGIN, "t": TITLE_ROOM, "b": 12})


def flow_table(columns: Sequence[Grouping]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Header and rows of a table: the group of every sample in every column."""
    names = [[column.names[k] for k in column.labels.tolist()] for column in columns]
    return [column.title for column in columns], list(zip(*names, strict=True))


def _links(columns: Sequence[Grouping], starts: NDArray[np.int64]) -> tuple[list[int], list[int], list[int]]:
    source: list[int] = []
    target: list[int] = []
    value: list[int] = []
    for i, (left, right) in enumerate(pairwise(columns)):
        counts = contingency_table(left.labels, right.labels, len(left.names), len(right.names))
        for a, b in np.argwhere(counts):
            source.append(int(starts[i] + a))
            target.append(int(starts[i + 1] + b))
            value.append(int(counts[a, b]))
    return source, target, value


def _anchors(number: int) -> list[str]:
    return ["left", *["center"] * (number - 2), "right"]
