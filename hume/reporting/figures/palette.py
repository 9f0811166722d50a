"""Colours and symbols that colour-blind readers can tell apart, on white and on a dark page."""

from collections.abc import Sequence

from plotly.colors import sample_colorscale

# Petroff's accessible sequence of ten, arXiv:2107.02270.
CLASS_COLORS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
CLASS_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "x", "star", "triangle-down")

# Those of the ten that stand out from white and from a dark page alike, by 3 to 1 or more.
MAIN = "#3f90da"
ACCENT = "#e76300"
MUTED = "#717581"
EARTH = "#a96b59"
RUN_COLORS = (MAIN, ACCENT, MUTED, EARTH, "#bd1f01")

SEQUENTIAL = "Cividis"
# Without its ends, which vanish on a page as dark or as light as they are; cells of a heatmap need no such care.
POINTS_SEQUENTIAL = sample_colorscale(SEQUENTIAL, [0.2 + 0.65 * i / 8 for i in range(9)])


def class_colors(num_classes: int) -> list[str]:
    """Give every class a colour that it keeps in all figures; beyond ten classes they repeat.

    With `class_symbols` colour and symbol together stay unique for up to 80 classes.
    """
    return _cycled(CLASS_COLORS, range(num_classes))


def class_symbols(num_classes: int) -> list[str]:
    """Give every class a marker symbol, another one whenever the colours begin anew."""
    return _cycled(CLASS_SYMBOLS, [k // len(CLASS_COLORS) for k in range(num_classes)])


def run_colors(num_runs: int) -> list[str]:
    """Colours for lines that must stand out on any page; beyond five runs they repeat."""
    return _cycled(RUN_COLORS, range(num_runs))


def faded(color: str, opacity: float) -> str:
    """The colour "#rrggbb" with an opacity between 0 and 1."""
    red, green, blue = bytes.fromhex(color[1:])
    return f"rgba({red},{green},{blue},{opacity})"


def _cycled(values: Sequence[str], places: Sequence[int]) -> list[str]:
    return [values[place % len(values)] for place in places]
