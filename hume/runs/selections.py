"""Selections with names: sets of samples that are kept with a run, combined, and given wherever samples are chosen.

    selections.keep(run, "odd ones", rows, num_samples=dataset.num_samples)
    selections.read(run).rows("odd ones")

They are steps of one history (`hume.runs.history`) in `selections.jsonl` in the run's folder, so that two tabs lose
nothing of each other, every step can be undone and redone, and they go where the run goes. Rows are sample numbers of
the run's dataset, whose spaces the run checks.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError, RunError
from hume.runs import history
from hume.runs.history import History, Step
from hume.runs.record import check_folder
from hume.runs.review import Rows, checked_name
from hume.runs.run import Run

FILE = "selections.jsonl"
How: TypeAlias = Literal["and", "or", "without"]
_COMBINED: dict[How, Callable[..., NDArray[np.int64]]] = {
    "and": np.intersect1d,
    "or": np.union1d,
    "without": np.setdiff1d,
}


@dataclass(frozen=True, eq=False)
class Selections:
    """The named selections of one run."""

    by_name: dict[str, NDArray[np.int64]] = field(default_factory=dict)  # (R,) sample numbers, ascending
    version: int = 0
    steps: tuple[Step, ...] = ()  # oldest first
    undone: tuple[int, ...] = ()  # versions that can be redone, the next one last

    def rows(self, name: str) -> NDArray[np.int64]:
        """(R,) the samples of a selection, ascending; raises InputError when there is none of that name."""
        if name not in self.by_name:
            known = ", ".join(map(repr, self.by_name)) or "none is kept yet"
            raise InputError(f"there is no selection {name!r}: choose one of the run's, {known}")
        return self.by_name[name]


def read(run: Run) -> Selections:
    """The selections of a run, those of a run that is gone none; raises RunError when the file is damaged."""
    path = run.folder / FILE
    try:
        state = path.stat()
    except FileNotFoundError:
        return Selections()
    return _read(run.folder, state.st_mtime_ns, state.st_size)


def keep(run: Run, name: str, rows: Rows, *, num_samples: int, replacing: bool = False) -> Selections:
    """Keep samples under a name; replacing: also in place of others of that name, which can be undone.

    num_samples: of the run's dataset. Raises InputError for rows that are none of its, for no rows, for a name that is
    empty, too long or not printable, and for one that is taken.
    """
    name, given = _checked(name), _numbers(rows, num_samples)
    if not given:
        raise InputError("nothing is selected: select samples, then keep them")

    def decide(now: Selections) -> list[Step]:
        if name in now.by_name and not replacing:
            raise InputError(f"there is a selection {name!r} already: replace it or choose another name")
        return [{"kind": "keep", "name": name, "rows": given}]

    return _append(run, decide)


def add(run: Run, name: str, rows: Rows, *, num_samples: int) -> Selections:
    """Add samples to a selection: what another tab added meanwhile stays."""
    given = _numbers(rows, num_samples)

    def decide(now: Selections) -> list[Step]:
        news = np.setdiff1d(given, now.rows(name))
        return [{"kind": "add", "name": name, "rows": news.tolist()}] if news.size else []

    return _append(run, decide)


def rename(run: Run, name: str, new: str) -> Selections:
    """Give a selection another name; raises InputError for an unknown one and for a new one that is taken."""
    new = _checked(new)

    def decide(now: Selections) -> list[Step]:
        now.rows(name)
        if new == name:
            return []
        if new in now.by_name:
            raise InputError(f"there is a selection {new!r} already: choose another name")
        return [{"kind": "rename", "name": name, "new": new}]

    return _append(run, decide)


def delete(run: Run, name: str) -> Selections:
    """Delete a selection, which can be undone; raises InputError for an unknown one."""

    def decide(now: Selections) -> list[Step]:
        now.rows(name)
        return [{"kind": "delete", "name": name}]

    return _append(run, decide)


def undo(run: Run) -> Selections:
    """Undo the last step, if there is one."""
    check_folder(run.folder, run.name)
    return _folded(run.folder, history.undo(run.folder, FILE))


def redo(run: Run) -> Selections:
    """Take the step again that was undone last, unless another one was taken since."""
    check_folder(run.folder, run.name)
    return _folded(run.folder, history.redo(run.folder, FILE))


def combine(first: Iterable[int], how: str, second: Iterable[int]) -> NDArray[np.int64]:
    """The samples in both sets ("and"), in any ("or"), in the first alone ("without"), ascending.

    Raises InputError for another word.
    """
    one, other = (rows if isinstance(rows, np.ndarray) else np.fromiter(rows, np.int64) for rows in (first, second))
    for known in get_args(How):
        if how == known:
            return _COMBINED[known](one, other)
    raise InputError(f"{how!r} combines no selections: say and, or, without")


def _checked(name: str) -> str:
    name = checked_name(name)
    if not name:
        raise InputError("the selection has no name: give it one")
    return name


def _numbers(rows: Rows, num_samples: int) -> list[int]:
    given = np.unique(np.fromiter(rows, np.int64))
    if given.size and not 0 <= given[0] <= given[-1] < num_samples:
        wrong = given[0] if given[0] < 0 else given[-1]
        raise InputError(f"there is no sample {wrong}: they are 0 to {num_samples - 1}")
    numbers: list[int] = given.tolist()
    return numbers


# --- from steps to selections ----------------------------------------------------------------------


@lru_cache(maxsize=8)
def _read(folder: Path, modified: int, size: int) -> Selections:
    return _folded(folder, history.read(folder, FILE))


def _append(run: Run, decide: Callable[[Selections], list[Step]]) -> Selections:
    check_folder(run.folder, run.name)
    folder = run.folder
    return _folded(folder, history.append(folder, lambda before: decide(_folded(folder, before)), FILE))


def _folded(folder: Path, past: History) -> Selections:
    known: dict[str, NDArray[np.int64]] = {}
    try:
        for step in past.steps:
            known = _after(known, step)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RunError(f"{folder / FILE} cannot be read ({error}): remove it to start again") from None
    return Selections(known, past.version, past.steps, past.undone)


def _after(known: dict[str, NDArray[np.int64]], step: dict[str, Any]) -> dict[str, NDArray[np.int64]]:
    kind, name = step["kind"], str(step["name"])
    if kind == "rename":
        return {str(step["new"]) if each == name else each: rows for each, rows in known.items()}
    if kind == "delete":
        return {each: rows for each, rows in known.items() if each != name}
    rows = np.unique(np.array(step["rows"], np.int64))
    return known | {name: np.union1d(known[name], rows) if kind == "add" else rows}
