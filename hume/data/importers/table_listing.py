"""List the image files named in a CSV or Parquet table, with labels and a split if it has them."""

import csv
import math
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from hume.common.csv_files import unquoted
from hume.common.devices import fits
from hume.common.errors import InputError
from hume.data.importers.folder_listing import Entry, Listing, check_allowed, why_not
from hume.data.importers.folder_meaning import Split, ordered, split_of
from hume.data.importers.label_text import cleaned, spellings

PATH_COLUMNS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img")
LABEL_COLUMNS = ("label", "class", "target", "labels", "class_name", "category")
SPLIT_COLUMNS = ("split", "set", "fold", "subset", "partition")
PARQUET, CSV = (".parquet", ".pq"), (".csv", ".tsv", ".txt")
MAX_ROWS = 5_000_000
MISSING = "does not exist"
CELL_BYTES = 64  # memory of a short text
Columns = dict[str, list[str]]


def list_table(
    table: Path,
    *,
    roots: Sequence[Path] | None,
    path_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
) -> Listing:
    """List the images that a CSV or Parquet table names, one per row.

    Paths are relative to the table, or absolute. Columns are found by their usual names, ignoring case (path,
    file, image, …; label, class, target; split, set, fold), unless given here. Entries are in the table's order.
    Set aside are rows without a path, files that do not exist, are named twice, are outside `roots` or are no images by
    their ending. A row without a label is used. Split values are train and test or val, as for folders; if some
    are neither, there is no split and a note says so. All other columns come along. Listing.root is the table's
    folder, or the files' common folder.

    Raises InputError for a table that cannot be read, has more than 5 million rows or does not fit into the free
    memory, for an unknown column, and if no image is found.
    """
    path = check_allowed(table, roots)
    header = _header(path)
    twice = next((name for name, number in Counter(filter(str.strip, header)).items() if number > 1), None)
    if twice is not None:
        raise InputError(f"{table} has two columns named {twice}: rename one of them")
    path_name = _column(header, table, path_column, PATH_COLUMNS)
    if path_name is None:
        raise InputError(_no_paths(path, table, header))
    label_name = _column(header, table, label_column, LABEL_COLUMNS)
    split_name = _column(header, table, split_column, SPLIT_COLUMNS)
    known = [name for name in (path_name, label_name, split_name) if name is not None]
    others = [name for name in header if name not in known and name.strip()]
    columns = _columns(path, [*known, *others])
    aside: list[tuple[str, str]] = []
    files = _existing(columns[path_name], path.parent, roots, aside)
    if not files:
        reason = f" ({' '.join(aside[0])})" if aside else ""
        raise InputError(f"{table} names no usable image{reason}: check its column {path_name}")
    notes: list[str] = []
    splits = _splits(columns[split_name], split_name, notes) if split_name is not None else None
    root = _shared_folder(path.parent, list(files.values()))
    labels = [None] * len(files) if label_name is None else cleaned(columns[label_name][row] for row in files)
    if label_name is not None:
        written = spellings(labels, [columns[label_name][row] for row in files])
        if label_column is None or written:
            notes.append(f"The labels are the column {label_name}{f', where {written} means none' * bool(written)}.")
    entries = [
        Entry(
            os.path.relpath(file, root).replace(os.sep, "/"),
            Path(file),
            label,
            splits[row] if splits is not None else None,
            tuple(columns[name][row] for name in others),
        )
        for (row, file), label in zip(files.items(), labels, strict=True)
    ]
    present = {label for label in labels if label is not None}
    return Listing(entries, aside, ordered(present) if present else None, root, notes, tuple(others))


def _no_paths(path: Path, table: Path, header: Sequence[str]) -> str:
    """Why a table lists no images; one of numbers is probably features."""
    shown = f"{', '.join(header[:12])}{f' and {len(header) - 12:,} more' if len(header) > 12 else ''}"
    if path.suffix.lower() not in PARQUET:
        row = next(islice(_csv_lines(path), 1, None), [])
        if sum(map(_is_number, row)) > 1 and sum(map(_is_number, row)) >= len(row) - 2:
            return f"{table} is a table of numbers ({shown}): save features as Parquet, .npy or .npz and add that file"
    return f"{table} has no column of paths among {shown}: name the column"


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


# --- reading -------------------------------------------------------------------------------


def _header(table: Path) -> list[str]:
    """The names of the columns of text or numbers."""
    if not table.is_file():
        raise InputError(f"{table} does not exist: check the path")
    if table.suffix.lower() in PARQUET:
        with _parquet(table) as file:
            return [field.name for field in file.schema_arrow if _is_plain(field.type)]
    if table.suffix.lower() not in CSV:
        raise InputError(f"{table} is neither .csv nor .parquet: save the table as one of these")
    return next(_csv_lines(table), [])


def _columns(table: Path, names: Sequence[str]) -> Columns:
    """Read columns as text; empty cells become empty strings."""
    if table.suffix.lower() in PARQUET:
        with _parquet(table) as file:
            groups = range(file.metadata.num_row_groups)
            num_rows = sum(file.metadata.row_group(i).num_rows for i in groups)
            _check_size(table, max(num_rows, file.metadata.num_rows), len(names))
            read = file.read(columns=list(names))
            return {name: [_text(value) for value in read.column(name).to_pylist()] for name in names}
    header, *rows = islice(_csv_lines(table), MAX_ROWS + 2)
    _check_size(table, len(rows), len(names))
    uneven = next((i for i, row in enumerate(rows, 1) if len(row) > len(header)), None)
    if uneven is not None:
        raise InputError(f"row {uneven} of {table} has more cells than the header: quote cells with a separator")
    positions = {name: header.index(name) for name in names}
    return {name: [row[i].strip() if i < len(row) else "" for row in rows] for name, i in positions.items()}


def _check_size(table: Path, num_rows: int, num_columns: int) -> None:
    """Reject a table before it fills the memory: a file of 100 kB may have one text 15 million times."""
    if num_rows > MAX_ROWS:
        raise InputError(f"{table} has more than {MAX_ROWS:,} rows: split it")
    if not fits(CELL_BYTES * num_rows * num_columns, "cpu"):
        raise InputError(f"{table} has {num_rows:,} rows, more than fit into the free memory: split it")


def _csv_lines(table: Path) -> Iterator[list[str]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            told = re.fullmatch(r'"?sep=(.)"?\s*', first)  # as Excel writes before the header
            delimiter = told[1] if told else max(",;\t", key=first.count)
            if not told:
                file.seek(0)
            yield from filter(None, csv.reader(file, delimiter=delimiter))
    except UnicodeDecodeError:
        raise InputError(f"{table} is not UTF-8: save it as UTF-8") from None
    except (csv.Error, OSError) as error:
        raise InputError(f"{table} cannot be read ({error}): save it again as CSV") from None


@contextmanager
def _parquet(table: Path) -> Iterator[Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError("Parquet tables cannot be read without PyArrow: pip install pyarrow") from None
    try:
        with pyarrow.parquet.ParquetFile(table) as file:
            yield file
    except (pyarrow.ArrowException, OSError) as error:
        reason = (str(error).splitlines() or ["damaged"])[0]
        raise InputError(f"{table} cannot be read ({reason}): save it again as Parquet") from None


def _is_plain(kind: Any) -> bool:
    """Whether a Parquet column has no lists, records or bytes, as a column of whole image files has."""
    import pyarrow.types as types

    return not (types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind))


def _text(value: Any) -> str:
    """A cell as text; whole numbers without a decimal point, which integer columns with gaps have."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _column(header: Sequence[str], table: Path, requested: str | None, usual: Sequence[str]) -> str | None:
    """The requested column, else the first usual one that exists."""
    if requested is not None:
        if requested not in header:
            raise InputError(f"{table} has no column {requested!r}: choose one of {', '.join(header)}")
        return requested
    lower = {name.strip().casefold(): name for name in reversed(header)}
    return next((lower[name] for name in usual if name in lower), None)


# --- cells -----------------------------------------------------------------------


def _existing(
    cells: list[str], folder: Path, roots: Sequence[Path] | None, aside: list[tuple[str, str]]
) -> dict[int, str]:
    """The real path of every row with a usable file; the others are set aside."""
    allowed = None if roots is None else [root.resolve() for root in roots]
    paths: dict[int, str] = {}
    rows: dict[str, int] = {}  # by real path
    real_folders: dict[str, str] = {}
    for row, cell in enumerate(cells):
        path = _real_path(cell, folder, real_folders)
        if cell and _why_not(path, allowed) == MISSING:  # as another system or a spreadsheet writes it
            others = {unquoted(cell), *(unicodedata.normalize(form, cell) for form in ("NFC", "NFD"))} - {cell}
            found = (_real_path(other, folder, real_folders) for other in sorted(others))
            path = next((each for each in found if _why_not(each, allowed) != MISSING), path)
        if path in rows:
            reason: str | None = f"is the file of row {rows[path] + 1} again"
        else:
            reason = _why_not(path, allowed) if cell else "has no path"
        if reason is None:
            paths[row] = path
            rows[path] = row
        else:
            aside.append((cell or f"row {row + 1}", reason))
    return paths


def _real_path(cell: str, folder: Path, real_folders: dict[str, str]) -> str:
    """A cell's path, links resolved; "" if it is not a valid path."""
    try:
        above, last = os.path.split(os.path.join(folder, cell.replace("\\", "/")))  # noqa: PTH118
        if above not in real_folders:
            real_folders[above] = os.path.realpath(above)
        path = os.path.join(real_folders[above], last)  # noqa: PTH118
        return os.path.realpath(path) if last in ("", ".", "..") or os.path.islink(path) else path  # noqa: PTH114
    except (OSError, ValueError):
        return ""


def _why_not(path: str, allowed: Sequence[Path] | None) -> str | None:
    """Why a real path is not used; paths outside the allowed folders are not accessed."""
    if allowed is not None and not any(Path(path).is_relative_to(root) for root in allowed):
        return "is outside the folders that may be read"
    try:
        kind = os.lstat(path).st_mode
    except (OSError, ValueError):
        return MISSING
    if not stat.S_ISREG(kind):
        return "is a folder" if stat.S_ISDIR(kind) else "is not a plain file"
    return why_not(path)


def _splits(cells: list[str], name: str, notes: list[str]) -> list[Split | None] | None:
    has_test = any(cell.casefold().startswith("test") for cell in cells)
    kinds = {cell: split_of(cell, has_test=has_test) for cell in set(cells)}
    unknown = sorted(cell for cell, split in kinds.items() if split is None)
    if unknown:
        notes.append(f"The column {name} is not used as a split: it has {unknown[0]!r}, not only train and test.")
        return None
    return [kinds[cell] for cell in cells]


def _shared_folder(folder: Path, paths: list[str]) -> Path:
    """The folder that names are relative to: the given one if all files are in it, else their common one."""
    shared = Path(os.path.commonpath([os.path.dirname(path) for path in paths]))  # noqa: PTH120
    return folder if shared.is_relative_to(folder) else shared
