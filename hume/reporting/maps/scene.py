"""What a browser draws of a map: a description as JSON, and arrays by keys that stand for their content.

Sample numbers travel with every point, so that no place in an array is ever taken for a sample.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hume.common.errors import InputError
from hume.reporting.figures import palette
from hume.reporting.maps.layout import Map

MOST_CLASSES = 1_000  # that a legend can list
LONG = 2_000  # rows of a selection that travel as a list; more as bits
FAR = 5  # times the extent of all but the outer hundredths
SYMBOLS = {name: i for i, name in enumerate(palette.CLASS_SYMBOLS)}


@dataclass(frozen=True, eq=False)
class Colour:
    """What points are coloured by: classes, with −1 for none, or numbers, with NaN for none."""

    title: str
    classes: NDArray[np.integer[Any]] | None = None  # (N,)
    names: Sequence[str] = ()  # of the classes
    values: NDArray[np.floating[Any]] | None = None  # (N,)
    limits: tuple[float, float] | None = None  # by default those of the numbers, without a few far ones
    rest: str = "none"  # the legend's word for samples without a class
    are_dates: bool = False  # values are days since 1970


@dataclass(frozen=True, eq=False)
class Panel:
    """One map with its title."""

    title: str
    map: Map
    box: tuple[float, float, float, float] | None = None  # left, right, bottom, top; by default that of the points
    keeps_shape: bool = True  # both axes have one unit
    outline: NDArray[np.floating[Any]] | None = None  # (P, 2) corners, NaN between two lines


@dataclass(eq=False)
class Scene:
    """A description for the browser and the arrays (1-D) that it names."""

    data: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    def add(self, array: NDArray[Any]) -> dict[str, str]:
        """Take an array in; returns its key and type."""
        flat = np.ascontiguousarray(array).reshape(-1)
        digest = hashlib.blake2b(f"{flat.dtype} {flat.size}".encode(), digest_size=16)
        digest.update(flat.data)
        self.arrays[digest.hexdigest()] = flat
        return {"key": digest.hexdigest(), "type": flat.dtype.name}


def scene(
    panels: Sequence[Panel],
    colours: Sequence[Colour],
    *,
    num_samples: int,
    captions: Colour | None = None,
    file: str = "map",
    height: int = 560,
) -> Scene:
    """Describe one or two maps of the same samples, in one colouring or one for each.

    captions: classes that a sample is described by, and that are written on maps coloured by numbers. file: the name
    of a downloaded picture, without suffix. Raises InputError for arrays of other lengths.
    """
    made = Scene()
    made.data = {
        "samples": num_samples,
        "height": height,
        "file": file,
        "panels": [_panel(made, panel, num_samples) for panel in panels],
        "colours": [_colour(made, colour, num_samples) for colour in colours],
        "classes": None if captions is None else _classes(made, captions, num_samples),
    }
    return made


def selection_of(rows: Sequence[int] | NDArray[np.integer[Any]], num_samples: int) -> dict[str, Any]:
    """A selection for the browser, as a list or as bits, with a number that stands for its content."""
    numbers = np.asarray(rows, dtype=np.int64)
    version = hashlib.blake2b(numbers.tobytes(), digest_size=8).hexdigest()
    if len(numbers) <= LONG:
        return {"n": version, "rows": numbers.tolist()}
    bits = np.zeros(num_samples, bool)
    bits[numbers] = True
    return {"n": version, "mask": base64.b64encode(np.packbits(bits, bitorder="little").tobytes()).decode()}


def rows_of(selection: Any, num_samples: int) -> NDArray[np.int64] | None:
    """The rows of a selection that a browser sent; None for anything else."""
    if not isinstance(selection, dict):
        return None
    rows, mask = selection.get("rows"), selection.get("mask")
    if isinstance(rows, list) and len(rows) <= LONG:
        known = dict.fromkeys(row for row in rows if type(row) is int and 0 <= row < num_samples)
        return np.fromiter(known, np.int64, len(known))
    if not isinstance(mask, str) or len(mask) > num_samples // 4 + 8:
        return None
    try:
        packed = np.frombuffer(base64.b64decode(mask, validate=True), np.uint8)
    except ValueError:
        return None
    bits = np.unpackbits(packed, bitorder="little")[:num_samples]
    return np.flatnonzero(bits)


def _panel(made: Scene, panel: Panel, num_samples: int) -> dict[str, Any]:
    places, aspect = normalized(panel.map.positions, panel.box)
    outline = None if panel.outline is None else normalized(panel.outline, panel.box)[0]
    rows = panel.map.rows
    whole = len(rows) == num_samples
    return {
        "title": panel.title,
        "label": f"{panel.title}, {len(rows):,} samples. Arrows go from sample to sample, Enter opens one, plus and "
        "minus enlarge and shrink, Home shows the whole map, Escape clears the selection.",
        "places": made.add(places),
        "rows": None if whole else made.add(rows.astype(np.int32)),
        "aspect": aspect if panel.keeps_shape else None,
        "outline": None if outline is None else made.add(outline),
    }


def normalized(
    positions: ArrayLike, box: tuple[float, float, float, float] | None = None
) -> tuple[NDArray[np.float32], float]:
    """Positions (M, 2) with each axis from −1 to 1, and the width of their box by its height.

    An axis without extent is 0 everywhere and counts as one as long as the other.
    """
    given = np.asarray(positions, dtype=np.float64, order="F")  # each axis in one piece: four times faster
    if box is None:
        low, high = given.min(axis=0), given.max(axis=0)
    else:
        low, high = np.array([box[0], box[2]]), np.array([box[1], box[3]])
    extent = high - low
    places = 2 * (given - low) / np.where(extent > 0, extent, 1) - 1
    places[:, extent <= 0] = 0
    aspect = float(extent[0] / extent[1]) if (extent > 0).all() else 1.0
    return places.astype(np.float32), aspect


def _colour(made: Scene, colour: Colour, num_samples: int) -> dict[str, Any]:
    if colour.classes is not None:
        return _classes(made, colour, num_samples)
    values = np.zeros(num_samples) if colour.values is None else colour.values
    _check(values, num_samples)
    known = values[np.isfinite(values)]
    low, high = colour.limits or _limits(known)
    return {
        "kind": "values",
        "title": colour.title,
        "values": made.add(values.astype(np.float32)),
        "low": low,
        "high": high,
        "scale": palette.sequential(),
        "clipped": bool(known.size and (known.min() < low or known.max() > high)),
        "missing": int(values.size - known.size),
        "dates": colour.are_dates,
    }


def _limits(known: NDArray[Any]) -> tuple[float, float]:
    """The least and the largest number, without the outer hundredths where these are far from all others."""
    if not known.size:
        return 0.0, 0.0
    least, low, high, largest = np.quantile(known, [0, 0.01, 0.99, 1]).tolist()
    return (low, high) if largest - least > FAR * (high - low) > 0 else (least, largest)


def _classes(made: Scene, colour: Colour, num_samples: int) -> dict[str, Any]:
    assert colour.classes is not None
    _check(colour.classes, num_samples)
    count = len(colour.names)
    if count > MOST_CLASSES:
        raise InputError(f"{colour.title} has {count:,} values: a map can tell {MOST_CLASSES:,} apart")
    kind, none = (np.uint8, 255) if count < 255 else (np.uint16, 65535)
    codes = np.where((colour.classes < 0) | (colour.classes >= count), none, colour.classes).astype(kind)
    return {
        "kind": "classes",
        "title": colour.title,
        "codes": made.add(codes),
        "names": list(colour.names),
        "colors": palette.class_colors(count),
        "symbols": [SYMBOLS[name] for name in palette.class_symbols(count)],
        "rest": colour.rest,
    }


def _check(array: NDArray[Any], num_samples: int) -> None:
    if array.shape != (num_samples,):
        raise InputError(f"a colouring has shape {array.shape} for {num_samples} samples: give one entry per sample")
