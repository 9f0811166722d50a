"""Files that a reader sees whole or not at all, and what the disk says in one sentence."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from hume.common.errors import RunError


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A name beside `path` for a file or folder in the making; what still has that name after the block is removed."""
    part = path.with_name(f".part-{uuid.uuid4().hex}")
    try:
        yield part
    finally:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


@contextmanager
def atomically(path: Path, *, flush: bool = False) -> Iterator[Path]:
    """The name of a file to be written, which replaces `path` when the block ends well; else `path` stays as it was.

    flush: wait for the disk before; without, a power cut may leave less of the file.
    """
    with unfinished(path) as part:
        yield part
        if flush:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        part.replace(path)


def write_atomically(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Replace a file by another content, or write it for the first time; `flush` as in `atomically`."""
    with atomically(path, flush=flush) as part, part.open("xb") as file:
        file.write(content)


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
