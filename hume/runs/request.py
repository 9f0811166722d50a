"""The request of a run: its data and settings, as run.json records them."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict, get_type_hints

from hume.common.errors import RunError
from hume.common.files import write_atomically
from hume.common.json_files import checked, read_json
from hume.data.splits import Setting
from hume.engine.config import Config, PresetName, check_seeds
from hume.engine.solvers import Implicit, InnerSolver, Unrolled
from hume.runs.evenness import Evenness

Refine: TypeAlias = Literal["joint", "none"]
View: TypeAlias = Literal["corrected", "refined", "searched"]  # whose labeling is looked at
SOLVERS: dict[str, type[Unrolled] | type[Implicit]] = {"unrolled": Unrolled, "implicit": Implicit}


def solver_name(solver: InnerSolver) -> str:
    """The name under which a solver is recorded."""
    return next(name for name, kind in SOLVERS.items() if isinstance(solver, kind))


def default_refine(preset: PresetName) -> Refine:
    """Whether a preset's labelings are refined: the paper's presets keep the paper's path."""
    return "joint" if preset == "fast" else "none"


class Files(TypedDict):
    """The files of a run on single files."""

    phi1: str
    phi2: str
    labels: str | None


@dataclass(frozen=True, kw_only=True)
class Request:
    """The data and settings of a run: all that `resume` needs."""

    dataset: str  # a name, or a folder
    files: Files | None  # for a run on single files in place of a dataset
    phi1: str
    phi2: str
    fingerprints: tuple[str, str]  # of both spaces
    config: Config
    solver: InnerSolver
    setting: Setting
    seeds: tuple[int, ...]
    device: str
    created: str  # UTC, ISO 8601
    origin: Literal["search", "authors"] = "search"  # authors: prototypes and scores were imported
    cluster: str | None = None  # address of the Ray cluster that searches; `device` then only scores
    refine: Refine = "none"  # joint: every labeling is refined in both spaces
    sizes: Literal["as configured", "auto"] = "as configured"  # auto: how even classes should be is to be chosen
    evenness: Evenness | None = None  # what was chosen, and is in `config` since
    seed_batch: int | None = None  # seeds searched side by side, None for as many as memory allows

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "solver": {"name": solver_name(self.solver), **asdict(self.solver)}}  # type: ignore

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Request":
        """The request of a file; raises ValueError with the reason for another content."""
        solver = dict(checked(values.get("solver"), dict[str, Any], "solver"))
        name = solver.pop("name", None)
        if name not in SOLVERS:
            raise ValueError(f"there is no solver {name!r}")
        kinds = _kinds() | {"solver": SOLVERS[name]}
        given = {**values, "solver": solver}
        unknown = [key for key in given if key not in kinds]
        if unknown:
            raise ValueError(f"Unknown entry {unknown[0]!r}")
        try:
            request = cls(**{key: checked(value, kinds[key], key) for key, value in given.items()})
        except TypeError as error:
            raise ValueError(str(error).partition("() ")[2]) from None
        check_seeds(request.seeds, request.seed_batch)
        datetime.fromisoformat(request.created)
        return request


@cache
def _kinds() -> dict[str, Any]:
    return get_type_hints(Request)


def read_request(name: str, folder: Path) -> Request:
    try:
        return Request.from_json(read_json(folder / "run.json", dict[str, Any]))
    except (FileNotFoundError, ValueError) as error:
        raise RunError(f"run {name!r} cannot be read from {folder / 'run.json'} ({error})") from None


def write_request(folder: Path, request: Request) -> None:
    """Write a request, or replace it: the file's time, by which runs are sorted, stays that of their creation."""
    path = folder / "run.json"
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns) if path.exists() else None
    write_atomically(path, json.dumps(request.to_json(), indent=2).encode())
    if times is not None:
        os.utime(path, ns=times)
