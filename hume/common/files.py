"""Atomic writes, and disk errors in one sentence."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time

from filelock import Timeout

from hume.common.errors import RunError

PART = ".part-"  # begins the name of what is not complete yet


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A temporary name next to `path` for an unfinished file or folder; removed after the block unless renamed."""
    part = path.with_name(f"{PART}{uuid.uuid4().hex}")
    try:
        yield part
    finally:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def regular(path: Path) -> Path:
    """The path of a file, or of nothing; raises OSError for a folder, and for a device or a pipe, which may block."""
    if path.exists() and not path.is_file():
        raise OSError("it is a folder, a device or a pipe")
    return path


@contextmanager
def atomically(path: Path, *, flush: bool = False) -> Iterator[Path]:
    """The name of a file to write, which replaces `path` when the block succeeds; else `path` stays as it was.

    A link is followed, and what is no file, as a device or a pipe, is never replaced: then it raises OSError.
    flush: wait for the disk first; otherwise a power cut may truncate the file.
    """
    if path.is_symlink():
        try:
            path = path.resolve()
        except RuntimeError:  # what Python before 3.13 raises for a link that leads to itself
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "it is a folder, a device or a pipe", str(path))
    with unfinished(path) as part:
        yield part
        if flush:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        part.replace(path)


def write_atomically(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write or replace a file; `flush` as in `atomically`."""
    with atomically(path, flush=flush) as part, part.open("xb") as file:
        file.write(content)


def sweep(folder: Path, older_than: float) -> None:
    """Remove what killed processes left unfinished below a folder, so many seconds ago or longer.

    A younger one, or a folder with a younger file, may be in use; one that vanishes meanwhile was removed by another.
    """
    limit = time() - older_than
    with suppress(OSError):
        for left in list(folder.rglob(f"{PART}*")):
            remove_stale(left, limit)


def remove_stale(left: Path, limit: float) -> None:
    """Remove a file or folder if it, and every file in it, was last changed before a time."""
    with suppress(OSError):
        inside = (path for path in left.rglob("*") if path.is_symlink() or not path.is_dir())
        if not all(path.lstat().st_mtime < limit for path in (left, *inside)):
            return
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink()


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn a disk error into a RunError."""
    try:
        yield
    except OSError as error:
        if isinstance(error, Timeout):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise RunError(
            f"cannot write to {folder} ({reason}): make room or set HUME_HOME to another folder; "
            "finished results are saved and interrupted work can be resumed"
        ) from None
