"""What belongs to every sample beside its class, as where and when a picture was taken: columns.csv."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.files import regular, write_atomically

Column = NDArray[Any]
Columns = dict[str, Column]
Kind = Literal["number", "date", "text"]

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "nat", "<na>", "-"})
LINES = 300  # read at once: more would let Python look for garbage again and again
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?")


def load_columns(path: Path, num_samples: int) -> Columns:
    """Read the columns of a CSV file by name, each (N,), in the order of the file.

    Its first line has the names, each line after it the cells of one sample. A column of numbers becomes float64 with
    NaN where a cell is missing or infinite, one of ISO dates datetime64 in UTC with NaT, any other one text with "".
    Raises InputError, with the number of the line, for a file that does not have one cell per name and sample.
    """
    try:
        with regular(path).open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            names = [name.strip() for name in next(lines, [])]
            if not all(names) or not names or len(set(names)) < len(names):
                raise InputError(
                    f"line 1 of {path} does not name its columns: give each a name of its own, between commas"
                )
            columns: list[list[str]] = [[] for _ in names]
            while some := list(islice(lines, LINES)):
                _check_cells(path, some, len(names), len(columns[0]))
                for column, cells in zip(columns, zip(*some, strict=True), strict=True):
                    column.extend(cells)
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}): write it again") from None
    except csv.Error as error:
        raise InputError(f"{path} is not a CSV file ({error}): write it again") from None
    if len(columns[0]) != num_samples:
        raise InputError(
            f"{path} has {len(columns[0])} lines after its names: give one for each of the {num_samples} rows"
        )
    return {name: parse(cells) for name, cells in zip(names, columns, strict=True)}


def _check_cells(path: Path, lines: list[list[str]], expected: int, before: int) -> None:
    uneven = next((i for i, cells in enumerate(lines) if len(cells) != expected), None)
    if uneven is not None:
        raise InputError(
            f"line {before + uneven + 2} of {path} has {len(lines[uneven])} cells for {expected} columns: give one for "
            "each"
        )


def write_columns(path: Path, columns: Mapping[str, Sequence[Any] | Column]) -> list[str]:
    """Write columns (N,) of any type for `load_columns`; returns a sentence for each of mixed types.

    Names are trimmed, and numbered where two are equal; nothing is written without columns.
    """
    if not columns:
        return []
    named: dict[str, list[str]] = {}
    for i, (given, cells) in enumerate(columns.items()):
        name = " ".join(str(given).split()) or f"column {i + 1}"
        while name in named:
            name = f"{name} again"
        named[name] = _cells(cells)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([list(named), *zip(*named.values(), strict=True)])
    write_atomically(path, text.getvalue().encode("utf-8", "backslashreplace"))
    return [
        f"The column {name} holds numbers and other text: it is read as text."
        for name, cells in named.items()
        if is_mixed(cells)
    ]


def parse(cells: Sequence[str]) -> Column:
    """Cells as numbers, dates or text, whichever all that are not missing can be."""
    with suppress(ValueError):  # a cell is missing, or is no number
        read = _numbers(cells)
        if not np.isnan(read).all():
            return read
    given = [cell.strip() for cell in cells]
    present = [cell for cell in given if cell.lower() not in MISSING]
    numbers = [np.nan if cell.lower() in MISSING else cell for cell in given]
    try:
        read = _numbers(numbers)
        if present:
            return read
    except ValueError:
        pass
    if present and all(map(_DATE.fullmatch, present)):
        try:
            moments = [None if cell.lower() in MISSING else _moment(cell) for cell in given]
            return np.array(moments, dtype="datetime64[us]")
        except ValueError:
            pass
    return np.array(given, dtype=object)


def _numbers(cells: Sequence[Any]) -> Column:
    """Cells as float64, NaN for what is not finite; raises ValueError for one that is no number."""
    read = np.array(cells, dtype=object).astype(np.float64)
    return np.where(np.isfinite(read), read, np.nan)


def kind_of(column: Column) -> Kind:
    """What a column holds."""
    return "number" if column.dtype.kind == "f" else "date" if column.dtype.kind == "M" else "text"


def is_missing(column: Column) -> NDArray[np.bool_]:
    """Which cells (N,) of a column are empty."""
    if column.dtype.kind == "f":
        return np.isnan(column)
    missing: NDArray[np.bool_] = np.isnat(column) if column.dtype.kind == "M" else column == ""
    return missing


def is_mixed(cells: Sequence[str]) -> bool:
    """Whether some cells are numbers and others are not, missing ones aside."""
    kinds = {_is_number(cell) for cell in set(cells) if cell.strip().lower() not in MISSING}
    return len(kinds) > 1


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _moment(cell: str) -> datetime:
    read = datetime.fromisoformat(cell)
    return read if read.tzinfo is None else read.astimezone(UTC).replace(tzinfo=None)


def _cells(column: Sequence[Any] | Column) -> list[str]:
    """Cells as text on one line each; whole numbers without a decimal point, missing ones empty."""
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        return ["" if cell == "NaT" else cell for cell in np.datetime_as_string(column).tolist()]
    values = column.tolist() if isinstance(column, np.ndarray) else column
    return [_cell(value) for value in values]


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return " ".join((value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).split())
