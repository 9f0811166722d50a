"""Checkpoints of an extraction, so that it resumes after any interruption and ends with the same bytes.

In the dataset's folder `work`, under the key of the space:

    <key>.npy            the header of the finished file, then the rows done so far
    <key>.extract.json   the number of rows done, the batch size, and the originals that could not be read
"""

import io
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from hume.common.errors import InputError, RunError
from hume.common.files import disk_errors, write_atomically
from hume.common.json_files import read_json
from hume.common.progress import Progress
from hume.data.feature_files import float_blocks, write_features, write_npy_header
from hume.data.npy_files import open_features

SAVED_EVERY = 3.0  # seconds
DTYPE = np.dtype(np.float32)
LISTED = 300  # problems listed in a card; all are counted


@dataclass
class Record:
    """State of an extraction, without its rows."""

    key: str
    name: str
    backbone: str
    of: int  # N
    dim: int  # d
    batch: int  # rows appended at once
    size: int | None = None
    weights: str | None = None
    step: int = 0  # pictures per forward pass; the batch, unless memory was short
    done: int = 0  # rows
    seconds: float = 0.0
    num_problems: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise InputError(f"a batch needs at least 1 picture, got batch_size={self.batch}")
        self.step = self.step or self.batch


class Work:
    """The rows done so far, on disk: the record never counts more rows than the file has."""

    def __init__(self, folder: Path, record: Record) -> None:
        self.array, self.path = folder / f"{record.key}.npy", folder / f"{record.key}.extract.json"
        self.record = record
        header = io.BytesIO()
        write_npy_header(header, (record.of, record.dim), DTYPE)
        self._header = header.getvalue()
        with disk_errors(folder.parent):
            if not self._resume():
                self.array.write_bytes(self._header)
            self.file: BinaryIO = self.array.open("r+b")
        self.saved = time.monotonic()

    def _resume(self) -> bool:
        """Resume from an earlier call's checkpoint, if it is complete and of the same shape."""
        earlier = read_record(self.path)
        if earlier is None or (earlier.of, earlier.dim) != (self.record.of, self.record.dim) or earlier.done < 1:
            return False
        size = len(self._header) + earlier.done * earlier.dim * DTYPE.itemsize
        if not self.array.exists() or self.array.stat().st_size < size:
            return False
        with self.array.open("rb") as file:
            if file.read(len(self._header)) != self._header:
                return False
        self.record = earlier
        return True

    def append(self, rows: NDArray[np.float32], problems: list[str | None]) -> None:
        """Add the next rows (B, d); raises RunError when the disk is full."""
        record = self.record
        with disk_errors(self.array.parent.parent):
            self.file.seek(len(self._header) + record.done * record.dim * DTYPE.itemsize)
            self.file.write(rows.astype(DTYPE, copy=False).tobytes())
            self.file.flush()
        bad = [(record.done + i, problem) for i, problem in enumerate(problems) if problem is not None]
        record.num_problems += len(bad)
        record.problems += bad[: max(0, LISTED - len(record.problems))]
        record.done += len(rows)
        if time.monotonic() > self.saved + SAVED_EVERY or record.done == record.of:
            self.save()

    def finish(self, path: Path, on_progress: Progress | None = None) -> None:
        """Write all rows as the file of a space, see `write_features`; raises RunError when the disk is full."""
        self.file.flush()
        rows = open_features(self.array)
        with disk_errors(path.parent.parent):
            write_features(path, rows.shape, lambda: float_blocks(rows, self.record.name), on_progress)

    def save(self) -> None:
        """Flush the rows, then write the record; raises RunError when the disk is full."""
        with disk_errors(self.array.parent.parent):
            self.file.flush()
            os.fsync(self.file.fileno())
            write_atomically(self.path, json.dumps(asdict(self.record)).encode())
        self.saved = time.monotonic()

    def close(self) -> None:
        """Save a checkpoint if the disk allows, and close the file."""
        with suppress(RunError):
            self.save()
        with suppress(OSError):
            self.file.close()

    def discard(self) -> None:
        """Remove the rows and the record of a finished extraction."""
        self.array.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def read_record(path: Path) -> Record | None:
    """Read a record; None if it is missing or damaged."""
    try:
        return read_json(path, Record)
    except (FileNotFoundError, ValueError):
        return None


@contextmanager
def extraction_lock(folder: Path, key: str) -> Iterator[None]:
    """Hold an extraction's lock; raises RunError while another process holds it."""
    lock = FileLock(folder / f"{key}.lock")
    try:
        with disk_errors(folder.parent):
            lock.acquire(blocking=False)
    except Timeout:
        raise RunError("these features are already being computed: wait for them or stop that computation") from None
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
