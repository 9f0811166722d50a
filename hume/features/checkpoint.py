"""What an unfinished extraction has so far, so that it goes on after any interruption and ends with the same bytes.

In the dataset's folder `work`, under the key of what is computed, lie

    <key>.npy            the header of the finished file, then the rows done so far
    <key>.extract.json   how many rows are done, in what batches, and which originals could not be read
"""

import io
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from hume.common.errors import InputError, RunError
from hume.common.files import disk_errors, write_atomically
from hume.data.feature_files import write_npy_header

SAVED_EVERY = 3.0  # seconds
LISTED = 300  # problems that a card names; all are counted


@dataclass
class Record:
    """What is known of an extraction beside its rows."""

    key: str
    name: str
    backbone: str
    of: int  # N
    dim: int  # d
    batch: int  # between whose ends it may be interrupted
    size: int | None = None
    weights: str | None = None
    step: int = 0  # pictures that go through the network at once; the batch, unless memory was short
    done: int = 0  # rows
    seconds: float = 0.0
    num_problems: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise InputError(f"a batch needs at least 1 picture, got batch_size={self.batch}")
        self.step = self.step or self.batch


class Work:
    """The rows done so far on disk: never more in the record than in the file."""

    def __init__(self, place: Path, begun: Record) -> None:
        self.array, self.path = place / f"{begun.key}.npy", place / f"{begun.key}.extract.json"
        self.record = begun
        self.dtype: np.dtype[Any] = np.dtype(np.float16)
        with disk_errors(place.parent):
            if not self._goes_on():
                self.array.write_bytes(self._header())
            self.file: BinaryIO = self.array.open("r+b")
        self.saved = time.monotonic()

    def _goes_on(self) -> bool:
        """Take over what an earlier call left, where it is whole and of the same shape."""
        earlier = read_record(self.path)
        if earlier is None or (earlier.of, earlier.dim) != (self.record.of, self.record.dim) or earlier.done < 1:
            return False
        for dtype in (np.dtype(np.float16), np.dtype(np.float32)):
            self.dtype, size = dtype, len(self._header()) + earlier.done * earlier.dim * dtype.itemsize
            if self.array.exists() and self.array.stat().st_size >= size:
                with self.array.open("rb") as file:
                    if file.read(len(self._header())) == self._header():
                        self.record = earlier
                        return True
        self.dtype = np.dtype(np.float16)
        return False

    def _header(self) -> bytes:
        header = io.BytesIO()
        write_npy_header(header, (self.record.of, self.record.dim), self.dtype)
        return header.getvalue()

    def append(self, rows: NDArray[np.float32], problems: list[str | None]) -> None:
        """Add the next rows (B, d); raises RunError when the disk is full."""
        with np.errstate(over="ignore"):
            if np.isinf(rows.astype(self.dtype)).any():
                self._widen()
        record, content = self.record, rows.astype(self.dtype)
        with disk_errors(self.array.parent.parent):
            self.file.seek(len(self._header()) + record.done * record.dim * self.dtype.itemsize)
            self.file.write(content.tobytes())
            self.file.flush()
        bad = [(record.done + i, problem) for i, problem in enumerate(problems) if problem is not None]
        record.num_problems += len(bad)
        record.problems += bad[: max(0, LISTED - len(record.problems))]
        record.done += len(rows)
        if time.monotonic() > self.saved + SAVED_EVERY or record.done == record.of:
            self.save()

    def _widen(self) -> None:
        """Go on in float32, which holds the values that float16 does not; earlier rows stay as they were rounded."""
        half, record = len(self._header()), self.record
        part = self.array.with_name(f".part-{record.key}")
        with disk_errors(self.array.parent.parent), part.open("wb") as wide:
            self.dtype = np.dtype(np.float32)
            wide.write(self._header())
            self.file.seek(half)
            for start in range(0, record.done, record.batch):
                count = (min(record.done, start + record.batch) - start) * record.dim
                wide.write(np.frombuffer(self.file.read(2 * count), np.float16).astype(np.float32).tobytes())
            wide.flush()
            os.fsync(wide.fileno())
            self.file.close()
            part.replace(self.array)
            self.file = self.array.open("r+b")

    def save(self) -> None:
        """Make sure of the rows done, then say so; raises RunError when the disk is full."""
        with disk_errors(self.array.parent.parent):
            self.file.flush()
            os.fsync(self.file.fileno())
            write_atomically(self.path, json.dumps(asdict(self.record)).encode())
        self.saved = time.monotonic()

    def close(self) -> None:
        """Keep what is done, as far as the disk lets."""
        with suppress(RunError):
            self.save()
        with suppress(OSError):
            self.file.close()

    def forget(self) -> None:
        """Remove what is left beside the finished rows."""
        self.path.unlink(missing_ok=True)


def read_record(path: Path) -> Record | None:
    """The record in a file, None where it is missing or damaged."""
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@contextmanager
def alone(place: Path, key: str) -> Iterator[None]:
    """Hold an extraction's lock; raises RunError while another holds it."""
    lock = FileLock(place / f"{key}.lock")
    try:
        with disk_errors(place.parent):
            lock.acquire(blocking=False)
    except Timeout:
        raise RunError("these features are being computed already: wait for them, or stop that computation") from None
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
