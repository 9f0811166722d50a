"""A map of the samples, one point each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from hume.common.errors import InputError
from hume.reporting.figures.palette import MUTED, POINTS_SEQUENTIAL, class_colors, class_symbols
from hume.reporting.figures.parts import color_bar, frame, ids, safe, same_length, small

NO_CATEGORY = -1
HEIGHT = 600
HIDDEN_AXIS = {"visible": False}
LEGEND = {"itemclick": "toggleothers", "itemdoubleclick": "toggle", "itemsizing": "constant"}


def scatter_map(
    positions: ArrayLike,
    rows: ArrayLike,
    *,
    categories: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    values: ArrayLike | None = None,
    value_name: str = "",
    selected: ArrayLike | None = None,
    value_range: tuple[float, float] | None = None,
    hover: Sequence[str] | None = None,
) -> go.Figure:
    """Draw samples at their places on a map, coloured by class or by a number, to be circled with a lasso.

    positions: (P, 2); rows: (P,) sample numbers, which travel as `customdata`. Give either categories, (P,) integers
    with −1 for none, one trace each with the colours of the classes and `names` (K,) in the legend, or values, (P,)
    numbers with `value_name` at the colour bar and an optional range. selected: sample numbers to stand out while the
    others are dimmed; those that are not on the map are passed over. hover: (P,) further lines of hover text, at their
    price in size. Axes are hidden: those of a UMAP mean nothing. A click in the legend shows one category alone.
    Raises InputError when the lengths differ or both colourings are given.
    """
    same_length(positions=positions, rows=rows, categories=categories, values=values, texts=hover)
    if categories is not None and values is not None:
        raise InputError("a map can show categories or values, and both were given: choose one.")
    places, numbers = small(positions), ids(rows)
    texts = None if hover is None else np.array([safe(text) for text in hover], dtype=object)
    chosen = None if selected is None else np.isin(numbers, ids(selected))
    if chosen is not None and not chosen.any():
        chosen = None
    parts = _by_category(categories, names) if categories is not None else [_everyone(values, value_name, value_range)]
    traces = []
    for name, looks, members in parts:
        lines = ["row %{customdata}", *([name] if categories is not None else []), *_more(values, value_name, hover)]
        traces.append(
            go.Scattergl(
                x=places[members, 0],
                y=places[members, 1],
                customdata=numbers[members],
                text=None if texts is None else texts[members],
                mode="markers",
                marker={"size": _marker_size(numbers.size), "opacity": 0.85, **looks},
                name=name,
                hovertemplate="<br>".join(lines) + "<extra></extra>",
                **_emphasis(chosen, members, _marker_size(numbers.size)),
            )
        )
    return frame(
        traces,
        xaxis=HIDDEN_AXIS,
        yaxis=HIDDEN_AXIS,
        legend=LEGEND,
        showlegend=categories is not None,
        dragmode="lasso",
        hovermode="closest",
        height=HEIGHT,
        uirevision="map",
    )


_Part = tuple[str, dict[str, Any], NDArray[np.intp] | slice]


def _by_category(categories: ArrayLike, names: Sequence[str] | None) -> list[_Part]:
    """Name, look and members of every category that has any; those without one come first, below the others."""
    codes = ids(categories)
    count = max(len(names or ()), int(codes.max(initial=NO_CATEGORY)) + 1)
    labels = [safe(names[k]) if names is not None and k < len(names) else f"class {k}" for k in range(count)]
    colors, symbols = class_colors(count), class_symbols(count)
    parts: list[_Part] = []
    for k in np.unique(codes):
        look = {"color": MUTED, "symbol": "circle"} if k < 0 else {"color": colors[k], "symbol": symbols[k]}
        parts.append(("none" if k < 0 else labels[k], look, np.flatnonzero(codes == k)))
    return parts


def _everyone(values: ArrayLike | None, value_name: str, value_range: tuple[float, float] | None) -> _Part:
    if values is None:
        return "samples", {"color": MUTED}, slice(None)
    low, high = value_range or (None, None)
    bar = color_bar(safe(value_name))
    look = {"color": small(values), "colorscale": POINTS_SEQUENTIAL, "cmin": low, "cmax": high, "colorbar": bar}
    return safe(value_name), look, slice(None)


def _more(values: ArrayLike | None, value_name: str, hover: Sequence[str] | None) -> list[str]:
    number = [] if values is None else [f"{safe(value_name)} %{{marker.color:,.3~f}}"]
    return number + ([] if hover is None else ["%{text}"])


def _marker_size(num_points: int) -> float:
    """4 pixels for 10,000 points, 2.2 for 70,000, 8 for a few."""
    return round(float(np.clip(4 * (10_000 / max(num_points, 1)) ** 0.3, 2, 8)), 1)


def _emphasis(chosen: NDArray[np.bool_] | None, members: NDArray[np.intp] | slice, size: float) -> dict[str, Any]:
    """The look of a selection, drawn here or by the user's lasso."""
    look: dict[str, Any] = {
        "selected": {"marker": {"opacity": 1, "size": size + 3}},
        "unselected": {"marker": {"opacity": 0.12}},
    }
    if chosen is not None:
        look["selectedpoints"] = np.flatnonzero(chosen[members])
    return look
