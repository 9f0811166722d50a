"""Colours and symbols that colour-blind readers can tell apart, on white and on a dark page."""

from collections.abc import Sequence
from contextvars import ContextVar

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
# Others that colour-blind readers can tell apart: Okabe and Ito (2008), without black, which a dark page hides; Tol
# (2021), SRON/EPS/TN/09-002, without pale grey.
CLASS_PALETTES = {
    "Petroff": CLASS_COLORS,
    "Okabe–Ito": ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"),
    "Tol bright": ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377"),
    "Tol muted": ("#cc6677", "#332288", "#ddcc77", "#117733", "#88ccee", "#882255", "#44aa99", "#999933", "#aa4499"),
}
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
# For points by a number: of one hue's lightness to another's, and one that parts two sides of a middle.
SEQUENTIAL_PALETTES = {"Cividis": (0.2, 0.85), "Viridis": (0.05, 0.9), "Plasma": (0.05, 0.9), "PuOr": (0.0, 1.0)}
SHADES = 64

class_palette = ContextVar("class_palette", default="Petroff")  # those in use, by name
sequential_palette = ContextVar("sequential_palette", default=SEQUENTIAL)


def sequential() -> list[str]:
    """The shades "#rrggbb" of points by a number, from the least to the largest, in the palette in use."""
    low, high = SEQUENTIAL_PALETTES[sequential_palette.get()]
    shares = [low + (high - low) * i / (SHADES - 1) for i in range(SHADES)]
    shades = sample_colorscale(sequential_palette.get(), shares, colortype="tuple")
    return ["#" + "".join(f"{round(255 * part):02x}" for part in shade) for shade in shades]


def class_colors(num_classes: int) -> list[str]:
    """Give every class a colour of the palette in use, which it keeps in all figures; beyond its end they repeat.

    With `class_symbols` colour and symbol together stay unique, in the palette of ten for up to 80 classes.
    """
    return _cycled(CLASS_PALETTES[class_palette.get()], range(num_classes))


def class_symbols(num_classes: int) -> list[str]:
    """Give every class a marker symbol, another one whenever the colours begin anew."""
    return _cycled(CLASS_SYMBOLS, [k // len(CLASS_PALETTES[class_palette.get()]) for k in range(num_classes)])


def run_colors(num_runs: int) -> list[str]:
    """Colours for lines that must stand out on any page; beyond five runs they repeat."""
    return _cycled(RUN_COLORS, range(num_runs))


def faded(color: str, opacity: float) -> str:
    """The colour "#rrggbb" with an opacity between 0 and 1."""
    red, green, blue = bytes.fromhex(color[1:])
    return f"rgba({red},{green},{blue},{opacity})"


def _cycled(values: Sequence[str], places: Sequence[int]) -> list[str]:
    return [values[place % len(values)] for place in places]
