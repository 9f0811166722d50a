"""Numbers that belong to every sample beside its class, as where and when a picture was taken: columns.csv."""

import csv
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError


def load_columns(path: Path, num_samples: int) -> dict[str, NDArray[np.float64]]:
    """Read the columns of a CSV file by name, each (N,), in the order of the file.

    Its first line has the names, each line after it the finite numbers of one sample. Raises InputError, with the
    number of the line, for anything else.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8: save it as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{path} is not a CSV file ({error}): write it again") from None
    names = [name.strip() for name in lines[0]] if lines else []
    if not all(names) or not names or len(set(names)) < len(names):
        raise InputError(f"line 1 of {path} does not name its columns: give each a name of its own, between commas")
    if len(lines) - 1 != num_samples:
        raise InputError(
            f"{path} has {len(lines) - 1} lines after its names: give one for each of the {num_samples} rows"
        )
    table = np.empty((num_samples, len(names)))
    for row, cells in enumerate(lines[1:]):
        table[row] = _numbers(cells, len(names), f"line {row + 2} of {path}")
    return dict(zip(names, table.T, strict=True))


def _numbers(cells: list[str], expected: int, where: str) -> list[float]:
    if len(cells) != expected:
        raise InputError(f"{where} has {len(cells)} cells for {expected} columns: give one number for each")
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise InputError(f"{where} is not all finite numbers ({', '.join(cells)}): columns hold numbers only")
    return numbers
