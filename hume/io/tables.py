"""CSV files for spreadsheets and training scripts."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hume.errors import RunError
from hume.store import write_atomically


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a table as one CSV file, whole or not at all; returns its absolute path.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    Raises RunError when the file cannot be written.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(header)
    table.writerows([_harmless(cell) for cell in row] for row in rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.getvalue().encode())
    except OSError as error:
        raise RunError(f"cannot write {path} ({error.strerror}): choose another place") from None
    return path.resolve()


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
