"""What a person decided about a run, step by step: only ever appended to, so that every version can be restored.

`history.jsonl` in the run's folder, or another log there, has a JSON object a line. A line
`{"kind": "restore", "version": v}` makes what stood after line v the current version again; every other line is a step
after the current version. A line that was cut off by a crash was never confirmed to anyone and is dropped.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias, TypedDict

from filelock import FileLock

from hume.common.errors import InputError, RunError
from hume.common.files import regular
from hume.common.json_files import parse_json, read_json

Step: TypeAlias = dict[str, Any]

FILE, BEFORE = "history.jsonl", "review.json"  # the latter was written by version 0.1


class _Version01(TypedDict):
    names: dict[str, str]
    rejected: list[int]


@dataclass(frozen=True)
class History:
    """The steps that led to one version, oldest first."""

    steps: tuple[Step, ...] = ()
    version: int = 0  # the number of the last step's line, 0 for none
    lines: int = 0  # written in all, those taken back too
    undone: tuple[int, ...] = ()  # versions that undoing left and no later step replaced, the last left one last


def read(folder: Path, log: str = FILE, version: int | None = None) -> History:
    """The current version in a run's folder, or an earlier one.

    Raises RunError when the file is damaged, InputError when there is no version of that number.
    """
    path = folder / log
    try:
        before = folder / BEFORE
        lines = _lines(path) if path.exists() else _of_version_0_1(before) if log == FILE else []
        current = _follow(lines)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        name = path if path.exists() else folder / BEFORE
        raise RunError(f"{name} cannot be read ({error}): remove it to start again") from None
    if version is None:
        return current
    _check(version, current.lines)
    return _follow(lines[:version])


def versions(folder: Path) -> list[tuple[int, Step]]:
    """Every step ever taken, with the version that it made, newest first."""
    path = folder / FILE
    if not path.exists():
        return []
    read(folder)
    return [(number, line) for number, line in enumerate(_lines(path), 1) if line["kind"] != "restore"][::-1]


def append(folder: Path, decide: Callable[[History], list[Step]], log: str = FILE) -> History:
    """Append the steps that `decide` makes of the current version, under a lock, so that no tab's step is lost.

    Raises RunError when the file cannot be read or written.
    """
    path = folder / log
    try:
        with FileLock(folder / "history.lock", timeout=10):
            before = read(folder, log)
            steps = decide(before)
            if not steps:
                return before
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            new = [step if "time" in step else {**step, "time": now} for step in steps]
            if not path.exists():
                new = [*before.steps, *new]
            _write(path, b"".join(json.dumps(step, ensure_ascii=False).encode() + b"\n" for step in new))
            return read(folder, log)
    except OSError as error:
        raise RunError(f"cannot write {path} ({error.strerror or error}): free disk space and try again") from None


def restore(folder: Path, version: int) -> History:
    """Make an earlier version the current one; raises InputError when there is none of that number."""

    def decide(before: History) -> list[Step]:
        _check(version, before.lines)
        return [] if version == before.version else [{"kind": "restore", "version": version}]

    return append(folder, decide)


def undo(folder: Path, log: str = FILE) -> History:
    """Take back the last step, if there is one."""

    def decide(before: History) -> list[Step]:
        return [{"kind": "restore", "version": before.steps[-1]["after"]}] if before.steps else []

    return append(folder, decide, log)


def redo(folder: Path, log: str = FILE) -> History:
    """Take the step again that was taken back last, unless another one was taken since."""

    def decide(before: History) -> list[Step]:
        return [{"kind": "restore", "version": before.undone[-1]}] if before.undone else []

    return append(folder, decide, log)


def _check(version: int, lines: int) -> None:
    if not 0 <= version <= lines:
        raise InputError(f"there is no version {version}: choose 0 to {lines}")


def _lines(path: Path) -> list[Step]:
    return [parse_json(line, Step) for line in regular(path).read_bytes().split(b"\n")[:-1]]


def _write(path: Path, content: bytes) -> None:
    """Append to a file behind its last whole line."""
    with path.open("ab") as file:
        size = file.tell()
        if size:
            with path.open("rb") as old:
                size = old.read().rfind(b"\n") + 1
            file.truncate(size)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _follow(lines: list[Step]) -> History:
    """The steps of the current version; each has, as `after`, the version before it."""
    before: dict[int, int] = {}  # of every version, the one before its step
    stands: list[int] = [0]  # the version after every line
    undone: list[int] = []
    for number, line in enumerate(lines, 1):
        if line["kind"] == "restore":
            now, then = stands[-1], stands[range(number)[int(line["version"])]]
            if then == before.get(now):
                undone.append(now)
            elif undone and then == undone[-1]:
                undone.pop()
            else:
                undone.clear()
            stands.append(then)
        else:
            undone.clear()
            before[number] = stands[-1]
            stands.append(number)
    steps, version = [], stands[-1]
    while version:
        steps.append({**lines[version - 1], "after": before[version]})
        version = before[version]
    return History(tuple(steps[::-1]), stands[-1], len(lines), tuple(undone))


def _of_version_0_1(path: Path) -> list[Step]:
    """The steps that make the names and rejected samples of a file as version 0.1 wrote it."""
    if not path.exists():
        return []
    values = read_json(path, _Version01)
    names = [
        {"kind": "name", "class": int(k), "name": name, "before": ""} for k, name in sorted(values["names"].items())
    ]
    return names + [{"kind": "reject", "rows": [row], "rejected": True} for row in sorted(values["rejected"])]
