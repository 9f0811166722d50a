"""A selection as a table for other programs, and back: a line a sample.

`spaces` has the fingerprints of the run's spaces, so that rows are not taken for those of other data.
"""

import csv
import io
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hume.common.csv_files import unquoted
from hume.common.errors import InputError
from hume.data.dataset import Dataset
from hume.runs.findings import LABEL_COLUMNS, Findings
from hume.runs.review import Rows
from hume.runs.review_state import Review
from hume.runs.run import Run

COLUMNS = (*LABEL_COLUMNS, "spaces")
Line: TypeAlias = dict[str, str | None]


def table(found: Findings, rows: Rows, review: Review) -> list[tuple[Any, ...]]:
    """The samples with their labels, under `COLUMNS`."""
    labels, spaces = found.label_table(review), _spaces(found.run)
    return [(*labels[int(row)], spaces) for row in rows]


def read(content: bytes, run: Run, dataset: Dataset) -> NDArray[np.int64]:
    """(R,) the samples that a CSV file lists in its column row or, where it has none, in file.

    Raises InputError for a file without such a column, about other data, or with a line that names no sample; where
    both columns are given and the data have files, for a row that is not its file's.
    """
    try:
        lines = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error):
        raise InputError("the file is not a CSV file in UTF-8: export it as one") from None
    if not lines or not {"row", "file"} & set(lines[0]):
        raise InputError("the CSV file needs a column row or file, and at least one line below the names")
    others = {line["spaces"] for line in lines if line.get("spaces")}
    if dataset.file_names is None and not any(_related(each, run) for each in others) and others:
        raise InputError(f"the selection is about other data than run {run.name!r}: its rows mean other samples")
    by_file = {file: row for row, file in enumerate(dataset.file_names or [])}
    return np.unique([_row(line, number, dataset, by_file) for number, line in enumerate(lines, 2)]).astype(np.int64)


def _row(line: Line, number: int, dataset: Dataset, by_file: dict[str, int]) -> int:
    text, given = (line.get("row") or "").strip(), (line.get("file") or "").strip()
    file = given if given in by_file else unquoted(given)
    if not text:
        if file not in by_file:
            raise InputError(f"line {number}: no sample has the file {file!r}: give the files of this dataset, or rows")
        return by_file[file]
    if not text.isdecimal() or int(text) >= dataset.num_samples:
        raise InputError(f"line {number}: there is no sample {text!r}: they are 0 to {dataset.num_samples - 1}")
    row, names = int(text), dataset.file_names
    if file and names is not None and names[row] != file:
        raise InputError(f"line {number}: sample {row} is {names[row]}, not {file}: the selection is about other data")
    return row


def _spaces(run: Run) -> str:
    return " ".join(run.request.fingerprints)


def _related(spaces: str | None, run: Run) -> bool:
    """Whether rows of these spaces are those of the run: one of its spaces is among them."""
    return bool(set((spaces or "").split()) & set(run.request.fingerprints))
