"""CSV files for spreadsheets and training scripts."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hume.common.errors import InputError, RunError
from hume.common.files import regular, write_atomically


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[Any]], *, spreadsheet: bool = False) -> bytes:
    """Encode a table as one CSV file, UTF-8; text stays as it is, so that names of files can be joined.

    spreadsheet: prefix text that a spreadsheet would take for a formula (it begins with =, +, - or @) with an
    apostrophe. Non-ASCII text is preceded by a byte order mark, without which spreadsheets garble it.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(header)
    table.writerows([_harmless(cell) for cell in row] if spreadsheet else row for row in rows)
    written = text.getvalue()
    return written.encode("utf-8" if written.isascii() else "utf-8-sig")


def read_csv_bytes(path: Path) -> bytes:
    """The content of a CSV file that a person named; raises InputError when it cannot be read."""
    try:
        return regular(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}): give a CSV file") from None


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]], *, spreadsheet: bool = False) -> Path:
    """Write a table atomically as one CSV file (see `csv_bytes`); returns its absolute path.

    Raises RunError when the file cannot be written.
    """
    content = csv_bytes(header, rows, spreadsheet=spreadsheet)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise RunError(f"cannot write {path} ({error.strerror}): choose another folder") from None
    return path.resolve()


def unquoted(cell: str) -> str:
    """A cell without the apostrophe that `csv_bytes` puts before it."""
    return cell[1:] if cell[:1] == "'" and _harmless(cell[1:]) == cell else cell


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
