"""The measurements as tables on a terminal, a CSV file and a page with plots."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from rich.table import Table

from benchmarks.speed.job import Measured
from benchmarks.speed.lines import Line
from benchmarks.speed.machine import GIBIBYTE

LEGEND = (
    "GEMM: share of the FLOP/s that the same matrix products reach alone, in the same numbers and process.\n"
    "Objective (Eq. 7 on held-out rows, lower is better), CV score and ACC are means over the seeds of a search, "
    "and those of the one labeling of the others.\n"
    "Others: cores that other processes used meanwhile."
)
COLUMNS = ("size", "what", "seconds", "peak_bytes", "rate", "share", "objective", "cv_score", "acc", "others", "note")


def rows_table(title: str, rows: Sequence[Measured]) -> Table:
    shown = Table(title=title, box=None, title_justify="left", padding=(0, 1))
    shown.add_column("")
    for name in ("seconds", "GiB", "GFLOP/s", "GEMM", "objective", "CV score", "ACC", "others"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("")
    for row in rows:
        shown.add_row(
            row.what,
            digits(row.seconds),
            f"{row.peak_bytes / GIBIBYTE:.2f}",
            formatted(row.rate and row.rate / 1e9, ".0f"),
            formatted(row.share, ".0%"),
            formatted(row.objective, ".3f"),
            formatted(row.cv_score, ".4f"),
            formatted(row.acc, ".3f"),
            f"{row.others:.1f}",
            row.note,
        )
    return shown


def ratio_table(title: str, rows: Sequence[Measured]) -> Table:
    """The seconds of others for the same unit of work as times ours, the slowest of ours where there are two."""
    shown = Table(title=f"{title}: times our seconds, in the same run", box=None, title_justify="left", padding=(0, 1))
    for name in ("for", "ours, s", "other", "times"):
        shown.add_column(name, justify="left" if name in ("for", "other") else "right")
    for unit in dict.fromkeys(unit for row in rows for unit in row.counts):
        cost = {row.what: (row.seconds / row.counts[unit], row.ours) for row in rows if unit in row.counts}
        ours = max((seconds for seconds, is_ours in cost.values() if is_ours), default=None)
        for what, (seconds, is_ours) in cost.items():
            if ours is not None and not is_ours:
                shown.add_row(unit, digits(ours), what, digits(seconds / ours))
    return shown


def line_table(title: str, line: Line) -> Table:
    slope, rest = line.coefficients
    caption = f"{1e3 * rest:.2f} ms + {1e6 * slope:.1f} µs for each, R² = {line.r_squared:.4f}"
    shown = Table(title=f"{title}: {line.against}", caption=caption, box=None, title_justify="left", min_width=80)
    for name in (line.against, "ms an iteration", "µs for each"):
        shown.add_column(name, justify="right")
    for x, seconds in zip(line.x, line.seconds, strict=True):
        shown.add_row(f"{x:,}", f"{1e3 * seconds:.2f}", f"{1e6 * seconds / x:.1f}")
    return shown


def digits(seconds: float) -> str:
    """Three significant digits, without an exponent."""
    places = 2 - int(np.floor(np.log10(max(seconds, 1e-6))))
    return f"{seconds:.{max(0, places)}f}"


def formatted(number: float | None, form: str) -> str:
    return "" if number is None else f"{number:{form}}"


def write_csv(rows: dict[str, list[Measured]], lines: dict[str, list[Line]], path: Path) -> None:
    """Write a line for each row, and for each point of the lines, with the number of seeds or rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for size, group in rows.items():
            writer.writerows([size, *(getattr(row, name) for name in COLUMNS[1:])] for row in group)
        for size, drawn in lines.items():
            for line in drawn:
                points = zip(line.x, line.seconds, strict=True)
                writer.writerows([size, f"one iteration, {x} {line.against}", seconds] for x, seconds in points)


def draw(lines: dict[str, list[Line]], path: Path) -> None:
    """Points and the straight lines through them, side by side, as a page that needs no network."""
    drawn = [(size, line) for size, group in lines.items() for line in group]
    figure = make_subplots(
        cols=len(drawn), subplot_titles=[f"{size}, R² = {line.r_squared:.4f}" for size, line in drawn]
    )
    for column, (_, line) in enumerate(drawn, start=1):
        slope, rest = line.coefficients
        ends = np.array([0, max(line.x)])
        fitted = go.Scatter(x=ends, y=1e3 * (slope * ends + rest), mode="lines", name="least squares")
        points = go.Scatter(x=line.x, y=1e3 * np.array(line.seconds), mode="markers", name="measured")
        figure.add_traces([fitted, points], rows=1, cols=column)
        figure.update_xaxes(title=line.against, rangemode="tozero", col=column)
    figure.update_yaxes(title="ms an iteration", rangemode="tozero")
    figure.update_layout(showlegend=False)
    figure.write_html(path, include_plotlyjs=True)
