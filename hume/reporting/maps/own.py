"""Maps by two columns of the data: places on the earth, cells in a tissue, any x and y."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.data.columns import Columns, kind_of
from hume.reporting.maps.layout import Map
from hume.reporting.maps.scene import Panel

WORLD = (-180.0, 180.0, -90.0, 90.0)
_LONGITUDE, _LATITUDE = {"longitude", "lon", "lng", "long"}, {"latitude", "lat"}
_PAIRS = (("longitude", "latitude"), ("lon", "lat"), ("lng", "lat"), ("spatial x", "spatial y"), ("x", "y"))


@dataclass(frozen=True, eq=False)
class OwnMap:
    """A map by two columns, and what it leaves out."""

    panel: Panel
    left_out: int  # samples without one of the two numbers
    is_one_place: bool  # all others have the same


def numeric(columns: Columns) -> list[str]:
    """The columns that can be an axis, by name: those of numbers, with at least one."""
    return [name for name, column in columns.items() if kind_of(column) == "number" and np.isfinite(column).any()]


def usual_axes(columns: Columns) -> tuple[str, str] | None:
    """The two columns that are coordinates by their names, else the first two of numbers; None if there are not two."""
    names = numeric(columns)
    lower = {name.lower(): name for name in reversed(names)}
    for x, y in _PAIRS:
        if x in lower and y in lower:
            return lower[x], lower[y]
    return (names[0], names[1]) if len(names) > 1 else None


def own_map(columns: Mapping[str, NDArray[Any]], x: str, y: str) -> OwnMap:
    """The map with one column to the right and one upwards; samples without one of the two numbers are left out.

    Longitude and latitude get the outline of the land. Raises InputError for a column that is missing or holds no
    numbers, and where no sample has both.
    """
    known = numeric(dict(columns))
    for name in (x, y):
        if name not in known:
            raise InputError(f"there is no column of numbers {name!r}: choose one of {', '.join(known) or 'none'}")
    positions = np.column_stack([columns[x], columns[y]]).astype(np.float64)
    rows = np.flatnonzero(np.isfinite(positions).all(axis=1))
    if not len(rows):
        raise InputError(f"no sample has both {x} and {y}: choose other columns")
    kept = positions[rows]
    is_world = x.lower() in _LONGITUDE and y.lower() in _LATITUDE
    is_world = is_world and bool((np.abs(kept) <= (180, 90)).all())
    panel = Panel(
        f"{x} × {y}",
        Map(rows, kept, len(positions)),
        box=WORLD if is_world else None,
        keeps_shape=is_world or any((x.lower(), y.lower()) == pair for pair in _PAIRS),
        outline=coastline() if is_world else None,
    )
    return OwnMap(panel, len(positions) - len(rows), bool((kept == kept[0]).all()))


def coastline() -> NDArray[np.float32]:
    """The outline of the land (P, 2), longitude and latitude with NaN between two lines; Natural Earth, 1:110 m."""
    outline: NDArray[np.float32] = np.load(Path(__file__).with_name("coastline.npy"), allow_pickle=False)
    return outline
