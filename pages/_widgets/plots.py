"""Plots and downloads of pages."""

import csv
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from hume.common.csv_files import csv_bytes
from hume.common.formatting import duration as duration
from pages._state.text import plain as plain
from pages._state.text import spaces as spaces

Table = tuple[Sequence[str], Iterable[Sequence[Any]]]
MODE_BAR = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["toggleSpikelines", "hoverClosestCartesian", "hoverCompareCartesian"],
}


def plot(
    figure: go.Figure,
    key: str,
    table: Callable[[], Table],
    *,
    alt: str,
    name: str,
    select: Sequence[Literal["points", "box", "lasso"]] = (),
    height: int | None = None,
) -> list[dict[str, Any]]:
    """Draw a figure that downloads as PNG or SVG, with its data as CSV below; returns the selected points.

    table: called when the CSV is downloaded; name: of the files, without a suffix.
    """
    saved = str(st.session_state.get("plot_format") or "PNG").lower()
    config = {
        **MODE_BAR,
        "toImageButtonOptions": {"format": saved, "filename": name, "scale": 1 if saved == "svg" else 3},
    }
    if height is not None:
        figure.update_layout(height=height)
    if select:
        event = st.plotly_chart(
            figure, key=key, config=config, alt=alt, on_select="rerun", selection_mode=tuple(select)
        )
        points = list(event["selection"]["points"])
    else:
        st.plotly_chart(figure, key=key, config=config, alt=alt)
        points = []
    csv_button("Data as CSV", table, name, key=f"{key} csv", type="tertiary")
    return points


def csv_button(label: str, table: Callable[[], Table], name: str, *, key: str, **options: Any) -> None:
    """A button that downloads a table, computed when the button is pressed."""

    def content() -> bytes:
        return csv_bytes(*table(), spreadsheet=bool(st.session_state.get("csv_for_spreadsheets")))

    st.download_button(
        label, content, f"{name}.csv", "text/csv", key=key, icon=":material/download:", on_click="ignore", **options
    )


def read_table(path: Path, most: int) -> dict[str, list[str]]:
    """The columns of a CSV file that this app wrote, of its first rows."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = islice(csv.reader(file), most + 1)
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}


def ids(points: Iterable[dict[str, Any]]) -> list[int]:
    """The sample or seed numbers of selected points, from their custom data, each once."""
    found: dict[int, None] = {}
    for point in points:
        value = point.get("customdata")
        while isinstance(value, list | tuple):
            value = value[0] if value else None
        if isinstance(value, int | float):
            found[int(value)] = None
    return list(found)


def whole_number(text: str) -> int | None:
    """An integer in the address, None for anything else."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def size(num_bytes: float) -> str:
    """Bytes as text."""
    return f"{num_bytes / 2**30:.1f} GiB" if num_bytes >= 2**30 else f"{max(1, round(num_bytes / 2**20))} MiB"


def file_name(*parts: str | Path) -> str:
    """A file name of letters, digits, dots, dashes and underscores."""
    return "-".join("".join(c if c.isalnum() or c in "._-" else "-" for c in str(part)) for part in parts)
