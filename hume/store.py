"""Runs on disk: one folder a run, one registry for all, nothing lost when a run is killed.

    <home>/hume.db                  the registry (SQLite): which runs there are and where
    <home>/runs/<name>/run.json     what was asked
                       seeds/*.safetensors   a file a finished seed: prototypes, labeling, objective
                       scores.json  what came out; there once the run is finished
                       review.json  what a reader decided: class names, rejected samples
                       lock         held by the process that works on the run
    <home>/trash/<name>             deleted runs, until they are restored or the trash is emptied

The home is HUME_HOME, else the platform's data folder. Every file is written beside its
place and then moved into it, so that a reader sees it whole or not at all. A run whose
lock is free and whose scores are missing was interrupted; `resume` does what is missing.
"""

import json
import os
import re
import shutil
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import numpy as np
import platformdirs
import safetensors
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor

from hume import results, spaces
from hume.errors import InputError, RunError
from hume.inner import Implicit, InnerSolver, Unrolled
from hume.search import FINAL_WINDOW, Config, FinishedSeed, Setting, Step, check_sizes
from hume.spaces import Dataset

State = Literal["finished", "running", "interrupted"]
SOLVERS: dict[str, type[Unrolled] | type[Implicit]] = {"unrolled": Unrolled, "implicit": Implicit}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

_looking = threading.Lock()  # two threads that look at a free lock at once would each find it held

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    name TEXT PRIMARY KEY,
    folder TEXT NOT NULL,
    dataset TEXT NOT NULL,
    phi1 TEXT NOT NULL,
    phi2 TEXT NOT NULL,
    num_seeds INTEGER NOT NULL,
    created TEXT NOT NULL
)
"""


def default_home() -> Path:
    """HUME_HOME where it is set, else the platform's folder for a user's data."""
    named = os.environ.get("HUME_HOME")
    return Path(named).expanduser().resolve() if named else Path(platformdirs.user_data_dir("hume-explorer"))


def solver_name(solver: InnerSolver) -> str:
    """The name under which a solver is recorded."""
    return next(name for name, kind in SOLVERS.items() if isinstance(solver, kind))


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a run was asked to do: all that `resume` needs."""

    dataset: str  # a name, or a folder
    files: dict[str, str | None] | None  # phi1, phi2 and labels, when single files were given in place of a dataset
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

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "solver": {"name": solver_name(self.solver), **asdict(self.solver)}}  # type: ignore

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Request":
        solver = dict(values["solver"])
        kind = SOLVERS[solver.pop("name")]
        converted = {
            **values,
            "config": Config(**values["config"]),
            "solver": kind(**solver),
            "seeds": tuple(values["seeds"]),
            "fingerprints": tuple(values["fingerprints"]),
        }
        return cls(**converted)


class Store:
    """The runs of one home folder."""

    def __init__(self, home: Path | str | None = None):
        self.home = Path(home) if home is not None else default_home()

    @property
    def dataset_roots(self) -> list[Path]:
        """Where a user's own datasets lie."""
        return [self.home / "datasets"]

    def load_dataset(self, name_or_folder: str | Path) -> Dataset:
        """An embedded dataset, one of this home or any folder, see `spaces.load_dataset`."""
        return spaces.load_dataset(name_or_folder, self.dataset_roots)

    def create(
        self,
        dataset: Dataset,
        *,
        phi1: str,
        phi2: str,
        config: Config,
        solver: InnerSolver,
        setting: Setting = "transductive",
        seeds: Sequence[int] = range(100),
        device: str = "cpu",
        name: str | None = None,
        origin: Literal["search", "authors"] = "search",
    ) -> "Run":
        """Register a new run and write what it is asked to do.

        Raises InputError for data that cannot be searched so and for a name that cannot be
        a folder or is taken, before anything is written; RunError when the home cannot be
        written.
        """
        created = datetime.now(UTC)
        name = name or self._free_name(f"{dataset.name}-{phi1}-{phi2}", created)
        _check_name(name)
        first, second = dataset.space(phi1), dataset.space(phi2)
        rows = results.searched_rows(dataset, setting)
        if origin == "search":
            check_sizes((int(rows.sum()), first.features.shape[1]), (int(rows.sum()), second.features.shape[1]), config)
        spaces.unit_rows(first, centre=config.centre, mean_rows=rows)
        files = None
        if dataset.folder is None:
            if first.path is None or second.path is None:
                raise InputError(f"{dataset.name} has no files to come back to: save its spaces as .npy first")
            files = {"phi1": str(first.path), "phi2": str(second.path), "labels": _text(dataset.labels_path)}
        request = Request(
            dataset=dataset.name if dataset.folder is None or self._is_named(dataset) else str(dataset.folder),
            files=files,
            phi1=phi1,
            phi2=phi2,
            fingerprints=(first.fingerprint, second.fingerprint),
            config=config,
            solver=solver,
            setting=setting,
            seeds=tuple(seeds),
            device=device,
            created=created.isoformat(timespec="seconds"),
            origin=origin,
        )
        folder = self.home / "runs" / name
        with _disk_errors(folder), closing(self._connect()) as database, database:
            self._register(database, name, folder, request)
            if (folder / "run.json").exists():
                raise InputError(f"{folder} holds a run that is not registered here: choose another name")
            (folder / "seeds").mkdir(parents=True, exist_ok=True)
            write_atomically(folder / "run.json", json.dumps(request.to_json(), indent=2).encode())
        return Run(name, folder, request, self)

    def open(self, name: str) -> "Run":
        """The run of that name; raises RunError when there is none or its folder is damaged."""
        folder = self._folder(name)
        return Run(name, folder, _read_request(name, folder), self)

    def rename(self, name: str, new: str) -> "Run":
        """Give a run another name; its folder moves along.

        Raises InputError for a name that is taken or cannot be a folder, RunError while a process works on the run.
        """
        _check_name(new)
        run, target = self.open(name), self.home / "runs" / new
        if new == name:
            return run
        with _disk_errors(target), run.held(), closing(self._connect()) as database, database:
            self._register(database, new, target, run.request)
            if target.exists():
                raise InputError(f"{target} exists already: choose another name")
            database.execute("DELETE FROM runs WHERE name = ?", (name,))
            run.folder.rename(target)
        return self.open(new)

    def delete(self, name: str) -> str:
        """Move a run, also a damaged one, to the trash, from where `restore` brings it back.

        Returns its name in the trash, another one where a run of that name lies there already.
        Raises RunError when there is no such run or a process works on it.
        """
        folder, trash = self._folder(name), set(self.trash())
        place = self.home / "trash" / name
        if name in trash:
            stem = name[:90]
            place = place.with_name(next(f"{stem}-{i}" for i in count(2) if f"{stem}-{i}" not in trash))
        with _disk_errors(place), _held(folder, name), closing(self._connect()) as database, database:
            database.execute("DELETE FROM runs WHERE name = ?", (name,))
            place.parent.mkdir(exist_ok=True)
            folder.rename(place)
            os.utime(place)
        return place.name

    def restore(self, name: str) -> "Run":
        """Bring a deleted run back; raises RunError when it is not in the trash, InputError when its name is taken."""
        place, folder = self.home / "trash" / name, self.home / "runs" / name
        if name not in self.trash():
            raise RunError(f"there is no run {name!r} in the trash of {self.home}: it was emptied")
        request = _read_request(name, place)
        with _disk_errors(folder), closing(self._connect()) as database, database:
            self._register(database, name, folder, request)
            folder.parent.mkdir(exist_ok=True)
            place.rename(folder)
        return self.open(name)

    def trash(self) -> list[str]:
        """The names of the deleted runs, the last deleted first."""
        places = [place for place in (self.home / "trash").glob("*") if NAME.fullmatch(place.name)]
        return [place.name for place in sorted(places, key=lambda place: -place.stat().st_mtime)]

    def empty_trash(self, older_than: timedelta = timedelta(0)) -> list[str]:
        """Remove for good what was deleted longer ago than that; returns the names."""
        limit = (datetime.now(UTC) - older_than).timestamp()
        gone = [name for name in self.trash() if (self.home / "trash" / name).stat().st_mtime <= limit]
        for name in gone:
            with _disk_errors(self.home / "trash" / name):
                shutil.rmtree(self.home / "trash" / name)
        return gone

    def runs(self) -> list["Run"]:
        """All runs, the newest first; raises RunError when one is damaged."""
        return [self.open(name) for name in self.names()]

    def names(self) -> list[str]:
        """The names of all runs, the newest first; a folder that was removed by hand is passed over."""
        return [name for name, folder in self._rows() if (Path(folder) / "run.json").exists()]

    def _folder(self, name: str) -> Path:
        known = dict(self._rows())
        if name not in known:
            raise RunError(f"there is no run {name!r} in {self.home}: see `list`")
        return Path(known[name])

    def _register(self, database: sqlite3.Connection, name: str, folder: Path, request: Request) -> None:
        if not (folder / "run.json").exists():
            database.execute("DELETE FROM runs WHERE name = ?", (name,))  # its folder was removed by hand
        row = (name, str(folder), request.dataset, request.phi1, request.phi2, len(request.seeds), request.created)
        try:
            database.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise InputError(f"there is a run {name!r} already: choose another name or resume it") from None

    def _rows(self) -> list[tuple[str, str]]:
        with _disk_errors(self.home), closing(self._connect()) as database:
            return database.execute("SELECT name, folder FROM runs ORDER BY created DESC, rowid DESC").fetchall()

    def _connect(self) -> sqlite3.Connection:
        self.home.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.home / "hume.db", timeout=30)
        database.execute(_SCHEMA)
        return database

    def _free_name(self, stem: str, created: datetime) -> str:
        taken = {name for name, _ in self._rows()}
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:70] or "run"
        stamp = f"{stem}-{created:%Y%m%d-%H%M%S}"
        return next(name for i in range(len(taken) + 1) if (name := f"{stamp}-{i}" if i else stamp) not in taken)

    def _is_named(self, dataset: Dataset) -> bool:
        return dataset.folder in [folder.resolve() for folder in spaces.dataset_folders(self.dataset_roots)]


@dataclass(frozen=True, eq=False)
class Run:
    """One run on disk: what was asked, and what is there of it."""

    name: str
    folder: Path
    request: Request
    store: Store

    @property
    def finished_seeds(self) -> tuple[int, ...]:
        """The seeds whose results are on disk, in ascending order."""
        return tuple(sorted(int(path.stem) for path in (self.folder / "seeds").glob("[0-9]*.safetensors")))

    @property
    def missing_seeds(self) -> tuple[int, ...]:
        """The seeds that were asked for and are not on disk."""
        done = set(self.finished_seeds)
        return tuple(seed for seed in self.request.seeds if seed not in done)

    @property
    def state(self) -> State:
        """finished, running (a process holds its lock) or interrupted; raises RunError when the folder is gone."""
        if (self.folder / "scores.json").exists():
            return "finished"
        check_folder(self.folder, self.name)
        try:
            with _looking, FileLock(self.folder / "lock", timeout=0):
                return "interrupted"
        except Timeout:
            return "running"

    @property
    def version(self) -> tuple[int, int]:
        """Changes whenever seeds or scores are written: what a cache of this run's results has to be keyed by."""
        try:
            scored = (self.folder / "scores.json").stat().st_mtime_ns
        except FileNotFoundError:
            scored = 0
        return len(self.finished_seeds), scored

    def held(self) -> AbstractContextManager[None]:
        """Keep every other process from working on the run; raises RunError when one does already."""
        return _held(self.folder, self.name)

    def dataset(self) -> Dataset:
        """The data of this run; raises RunError when they changed since."""
        files = self.request.files
        if files is not None:
            labels = files["labels"]
            dataset = spaces.dataset_from_files(
                Path(str(files["phi1"])), Path(str(files["phi2"])), None if labels is None else Path(labels)
            )
        else:
            dataset = self.store.load_dataset(self.request.dataset)
        now = (dataset.space(self.request.phi1).fingerprint, dataset.space(self.request.phi2).fingerprint)
        if now != self.request.fingerprints:
            raise RunError(f"the spaces of run {self.name!r} have changed since it was made: start a new run")
        return dataset

    def execute(
        self,
        *,
        search: bool = True,
        on_step: Callable[[Step], None] | None = None,
        on_fold: Callable[[int], None] | None = None,
    ) -> dict[str, Any]:
        """Search the seeds that are missing, score all, and return what `scores.json` then holds.

        Every seed is on disk as soon as it has ended. Without `search` the seeds that are
        there are scored as they are; a later call may search the others. Whatever
        `on_step` or `on_fold` raise ends the work and leaves the run interrupted. Raises
        RunError when another process works on the run, its data changed or the disk is full.
        """
        with _disk_errors(self.folder), self.held():
            return self._execute(search, on_step, on_fold)

    def _execute(
        self, search: bool, on_step: Callable[[Step], None] | None, on_fold: Callable[[int], None] | None
    ) -> dict[str, Any]:
        search = search and bool(self.missing_seeds)
        if not search and (self.folder / "scores.json").exists():
            return self.scores()
        start = perf_counter() - self._seconds_so_far()
        request, dataset = self.request, self.dataset()
        device = results.choose_device(request.device)
        if search:
            if request.origin == "authors":
                raise RunError(f"run {self.name!r} was not imported to its end: import its tasks again, as another run")
            phi1, steps = results.prepare_search(
                dataset, request.phi1, request.phi2, request.config, request.solver, self.missing_seeds,
                request.setting, device,
            )  # fmt: skip
            (self.folder / "scores.json").unlink(missing_ok=True)  # they are of fewer seeds than there will be
            for step in steps:
                if step.finished:
                    labelings = results.label_all(phi1, step.finished)
                    for seed, labeling in zip(step.finished, labelings, strict=True):
                        self.write_seed(seed, labeling, perf_counter() - start)
                if on_step is not None:
                    on_step(step)
        searched = perf_counter()
        scored = results.score_labelings(
            dataset, request.phi2, self.labelings(), request.config.num_classes, device=device, on_fold=on_fold
        )
        return self.write_scores(scored, searched - start, perf_counter() - searched, device)

    def _seconds_so_far(self) -> float:
        """What the search of the seeds that are there took, so that a resumed run tells all its time."""
        return max((float(self._seed_tags(seed)["seconds"]) for seed in self.finished_seeds), default=0.0)

    def write_seed(self, seed: FinishedSeed, labeling: NDArray[np.int32], seconds: float) -> None:
        """Put one finished seed on disk, with its labeling of all rows (N,)."""
        arrays = {
            "prototypes": seed.prototypes,
            "labeling": labeling,
            "objective": seed.objective,
            "test_error": seed.test_error,
        }
        tags = {"converged": str(seed.converged), "seconds": f"{seconds:.3f}"}
        raw = save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, tags)
        with _disk_errors(self.folder):
            write_atomically(self.folder / "seeds" / f"{seed.seed:05d}.safetensors", raw)

    def write_scores(
        self, scored: results.Scores, search_seconds: float, score_seconds: float, device: str
    ) -> dict[str, Any]:
        """Put the scores of all seeds on disk, which makes the run a finished one."""
        values = {
            "seeds": list(self.finished_seeds),
            "objective": [value if np.isfinite(value) else None for value in self.objective().tolist()],
            **results.summary(scored),
            "seconds": search_seconds + score_seconds,
            "search_seconds": search_seconds,
            "score_seconds": score_seconds,
            "device": device,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with _disk_errors(self.folder):
            write_atomically(self.folder / "scores.json", json.dumps(values).encode())
        return values

    def phi1_rows(self, dataset: Dataset) -> Tensor:
        """φ1 as this run's search saw it, all rows: (N, d1) of unit norm, on the CPU."""
        seen = results.searched_rows(dataset, self.request.setting)
        return spaces.unit_rows(dataset.space(self.request.phi1), centre=self.request.config.centre, mean_rows=seen)

    # --- reading ---------------------------------------------------------------------------

    def array(self, name: Literal["prototypes", "labeling", "objective", "test_error"]) -> list[NDArray[Any]]:
        """One array of every finished seed, in the order of `finished_seeds`."""
        return [self.seed_array(seed, name) for seed in self.finished_seeds]

    def seed_array(self, seed: int, name: str) -> NDArray[Any]:
        """One array of one finished seed, named as in `array`."""
        path = self.folder / "seeds" / f"{seed:05d}.safetensors"
        with _seed_errors(path, self.name), safetensors.safe_open(path, framework="numpy") as file:
            array: NDArray[Any] = file.get_tensor(name)
        return array

    def converged(self) -> NDArray[np.bool_]:
        """Whether each finished seed (S,) ended because it had settled, not because its iterations were used up."""
        return np.array([self._seed_tags(seed)["converged"] == "True" for seed in self.finished_seeds])

    def _seed_tags(self, seed: int) -> dict[str, str]:
        path = self.folder / "seeds" / f"{seed:05d}.safetensors"
        with _seed_errors(path, self.name), safetensors.safe_open(path, framework="numpy") as file:
            tags: dict[str, str] = file.metadata()
        return tags

    def labelings(self) -> NDArray[np.int32]:
        """The labelings (S, N) of all finished seeds."""
        if not self.finished_seeds:
            raise RunError(f"run {self.name!r} has no finished seed yet: resume it")
        return np.stack(self.array("labeling"))

    def prototypes(self) -> NDArray[np.float32]:
        """The prototypes (S, K, d1) of all finished seeds."""
        return np.stack(self.array("prototypes"))

    def objective(self) -> NDArray[np.float64]:
        """Eq. 7 at the end of every finished seed, (S,), nats; NaN for a seed that was imported."""
        curves = self.array("objective")
        return np.array([curve[-FINAL_WINDOW:].mean() if len(curve) else np.nan for curve in curves])

    def scores(self) -> dict[str, Any]:
        """What a finished run found, as `scores.json` holds it; raises RunError for an unfinished one."""
        try:
            values: dict[str, Any] = json.loads((self.folder / "scores.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"run {self.name!r} is {self.state}: resume it to get its scores") from None
        except ValueError as error:
            path = self.folder / "scores.json"
            raise RunError(f"{path} cannot be read ({error}): remove it and resume run {self.name!r}") from None
        return values

    def cv_score(self) -> NDArray[np.float64]:
        """The cross-validation score (S,) of every seed of a finished run."""
        return np.array(self.scores()["cv_score"], np.float64)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise InputError(
            f"a run cannot be named {name!r}: use at most 100 letters, digits, dots, dashes and underscores"
        )


def check_folder(folder: Path, name: str) -> None:
    """Raise RunError when a run's folder is gone: a lock in it would make it anew, in the way of a restored run."""
    if not folder.is_dir():
        raise RunError(f"run {name!r} is no longer in {folder}: it was renamed or deleted, see `list`")


def _read_request(name: str, folder: Path) -> Request:
    try:
        return Request.from_json(json.loads((folder / "run.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"run {name!r} cannot be read from {folder / 'run.json'} ({error})") from None


@contextmanager
def _seed_errors(path: Path, name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, safetensors.SafetensorError) as error:
        raise RunError(f"{path} cannot be read ({error}): remove it and resume run {name!r}") from None


@contextmanager
def _held(folder: Path, name: str) -> Iterator[None]:
    check_folder(folder, name)
    try:
        lock = FileLock(folder / "lock", timeout=1).acquire()  # `state` holds the lock for a moment
    except Timeout:
        raise RunError(f"run {name!r} is being worked on by another process: wait for it") from None
    with lock:
        yield


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it to the disk, then move it there."""
    part = path.with_name(f".part-{uuid.uuid4().hex}")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def _disk_errors(place: Path) -> Iterator[None]:
    """Turn what the disk says into one sentence."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if isinstance(error, Timeout):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise RunError(
            f"cannot write to {place} ({reason}): make room or set HUME_HOME to another folder; "
            "finished seeds are kept and `resume` goes on from them"
        ) from None


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())
