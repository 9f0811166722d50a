"""Files that a reader sees whole or not at all, and what the disk says in one sentence."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from hume.common.errors import RunError


def write_atomically(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write a file beside its place, flush it to the disk, then move it there.

    Without `flush` nobody waits for the disk, and a power cut may leave less of the file.
    """
    part = path.with_name(f".part-{uuid.uuid4().hex}")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            if flush:
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turn what the disk says into one sentence."""
    try:
        yield
    except OSError as error:
        if isinstance(error, Timeout):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise RunError(
            f"cannot write to {place} ({reason}): make room or set HUME_HOME to another folder; "
            "what was finished is kept, and what was interrupted can be resumed"
        ) from None
