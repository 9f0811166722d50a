"""What all figures are made of: names that cannot be markup, numbers that stay small, a bare frame."""

from collections import Counter
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from hume.common.errors import InputError

GOLDEN = (np.sqrt(5) - 1) / 2  # multiples of it, without their whole part, are far from one another
LONGEST_LINE = 40  # characters of a title
LONGEST_NAME = 40  # characters; a longer one would leave no room for the plot
# Plotly reads a small HTML, %{…} in hover templates and $…$ as a formula; it decodes these numbers in all texts.
MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "{": "&#123;", "$": "&#36;"})

LEGEND_BELOW = {"orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yanchor": "bottom", "yref": "container"}
MARGIN = {"l": 10, "r": 12, "t": 30, "b": 0}  # axes ask for more by themselves
# A click selects the point under it; while a box or a lasso is the tool, Plotly takes it for the start of a drag.
CLICK_SELECTS = {"clickmode": "event+select", "dragmode": "pan", "hovermode": "closest"}


def safe(name: object) -> str:
    """Escape a typed name: in Plotly's texts and templates it stays plain text.

    Line breaks become spaces, and what is longer than 40 characters ends in "…".
    """
    plain = " ".join(str(name).split())
    if len(plain) > LONGEST_NAME:
        plain = plain[: LONGEST_NAME - 1].rstrip() + "…"
    return plain.translate(MARKUP)


def unique(names: Sequence[object]) -> list[str]:
    """Safe names for an axis of categories, where two equal ones would become one place."""
    labels = [safe(name) for name in names]
    times, seen = Counter(labels), Counter[str]()
    result = []
    for name in labels:
        seen[name] += 1
        result.append(name if times[name] == 1 else f"{name} ({seen[name]})")
    return result


def percent(shares: ArrayLike) -> NDArray[np.float32]:
    """Shares 0 to 1 as percentages."""
    return (100 * np.asarray(shares, np.float64)).astype(np.float32)


def small(values: ArrayLike) -> NDArray[np.float32]:
    """Numbers to draw, in the precision that a screen can show."""
    return np.asarray(values).astype(np.float32)


def ids(numbers: ArrayLike) -> NDArray[np.int64]:
    """Numbers of seeds or rows to be carried as `customdata`; Plotly packs them into the smallest type."""
    return np.asarray(numbers, np.int64)


def same_length(**arrays: ArrayLike | None) -> None:
    """Raise InputError unless all arrays have as many entries as the first; None is left out."""
    lengths = {name: len(np.asarray(array)) for name, array in arrays.items() if array is not None}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise InputError(f"a figure cannot match {found}: give the same number of each.")


def seeds_in_words(num_seeds: int) -> str:
    return "1 seed" if num_seeds == 1 else f"{num_seeds} seeds"


def frame(traces: Sequence[Any], *, x: str = "", y: str = "", **layout: Any) -> go.Figure:
    """A figure of these traces with axis titles, otherwise in the look of its page."""
    fig = go.Figure(traces)
    fig.update_layout(margin=MARGIN)
    fig.update_xaxes(title={"text": on_lines(x)}, automargin=True, zeroline=False)
    fig.update_yaxes(title={"text": on_lines(y)}, automargin=True, zeroline=False)
    fig.update_layout(layout)
    return fig


def on_lines(title: str) -> str:
    """The title of an axis, on as many lines as fit a phone."""
    return "<br>".join(wrap(title, LONGEST_LINE))


def color_bar(title: str, **more: Any) -> dict[str, Any]:
    return {"title": {"text": title, "side": "right"}, "outlinewidth": 0, "thickness": 14, **more}


def padded_range(values: ArrayLike, *, least: float = 1, end: float = np.inf) -> list[float] | None:
    """From just below the smallest number to just above the largest, `least` wide or more, not beyond `end`."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if known.size == 0:
        return None
    low, high = known.min(), known.max()
    room = max(0.08 * (high - low), (least - (high - low)) / 2)
    above = max(0.0, high + room - end)
    return [float(low - room - above), float(high + room - above)]


def category_axis(names: Sequence[str]) -> dict[str, Any]:
    """An axis with one place a name, in this order, also where names look like numbers."""
    order = {"type": "category", "categoryorder": "array", "categoryarray": list(names)}
    return {**order, "ticks": "outside", "ticklen": 6, "tickcolor": "rgba(0,0,0,0)"}  # room between names and plot
