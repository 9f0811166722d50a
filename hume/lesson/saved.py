"""What a class does in the lesson, saved as JSON in the home, so that two tabs lose none of each other's changes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from hume.common.errors import RunError
from hume.common.files import disk_errors, write_atomically

WAIT = 5  # seconds for another process

T = TypeVar("T")


def change(path: Path, read: Callable[[], T], make: Callable[[T], T], values: Callable[[T], Any]) -> T:
    """Read, change and write a file under a lock; `values` are what is written.

    Raises RunError when it cannot be written, and what `read` and `make` raise.
    """
    try:
        with disk_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock"), timeout=WAIT):
                before = read()
                after = make(before)
                if after != before:
                    write_atomically(path, json.dumps(values(after), ensure_ascii=False).encode())
    except Timeout:
        raise RunError(f"{path} is being written by another process: try again") from None
    return after


def remove(path: Path) -> None:
    """Delete a file, a damaged one too; raises RunError when it cannot be deleted."""
    with disk_errors(path.parent):
        path.unlink(missing_ok=True)
