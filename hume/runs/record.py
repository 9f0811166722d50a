"""The record of a run on disk: its request and its results so far.

run.json              the request
seeds/*.safetensors   a file a finished seed: prototypes, labeling, objective
search.safetensors    where the search stands, see `hume.runs.checkpoint`; while it is under way
trajectories/*.safetensors  prototypes during the search, see `hume.runs.trajectory`; optional
refined/*.safetensors  the labelings after refinement, see `hume.runs.refinement`; where they are refined
scores.json           the scores; present once the run is finished
history.jsonl         the user's review, see `hume.runs.review`; optional, as what follows
selections.jsonl      named selections of samples, see `hume.runs.selections`
lock                  held by the process that works on the run
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np
import safetensors
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors.numpy import save

from hume.common.errors import RunError
from hume.common.files import disk_errors, regular, write_atomically
from hume.common.json_files import checked
from hume.data import splits
from hume.data.dataset import Dataset, dataset_from_files, load_dataset
from hume.engine.finished_seed import FinishedSeed, final_objective
from hume.runs.request import Request
from hume.runs.scores import RefinedScores, Scores, summary
from hume.runs.scores_file import read_scores

if TYPE_CHECKING:
    from hume.data.rows import Rows
    from hume.runs.refinement import RefinedFiles

State = Literal["finished", "running", "interrupted"]
_ARRAYS = {"prototypes": ("f", 2), "labeling": ("i", 1), "objective": ("f", 1), "test_error": ("f", 1)}
_checking = threading.Lock()  # two threads that check a free lock at once would each find it held


class _SeedTags(TypedDict):
    converged: bool
    seconds: float


@dataclass(frozen=True, eq=False)
class Record:
    """What is on disk of a run: its request, and its results so far, which are read and written here."""

    name: str
    folder: Path
    request: Request
    home: Path  # whose datasets the run may name

    @property
    def finished_seeds(self) -> tuple[int, ...]:
        """The seeds whose results are on disk, in ascending order."""
        names = [path.stem for path in (self.folder / "seeds").glob("[0-9]*.safetensors")]
        return tuple(sorted(int(name) for name in names if re.fullmatch("[0-9]{5,18}", name)))

    @property
    def missing_seeds(self) -> tuple[int, ...]:
        """The requested seeds whose results are not on disk."""
        done = set(self.finished_seeds)
        return tuple(seed for seed in self.request.seeds if seed not in done)

    @property
    def state(self) -> State:
        """finished, running (a process holds its lock) or interrupted; raises RunError when the folder is gone."""
        if (self.folder / "scores.json").exists():
            return "finished"
        check_folder(self.folder, self.name)
        try:
            with _checking, FileLock(self.folder / "lock", timeout=0):
                return "interrupted"
        except Timeout:
            return "running"

    @property
    def version(self) -> tuple[int, int]:
        """Changes whenever seeds or scores are written: the key for caches of this run's results."""
        try:
            scored = (self.folder / "scores.json").stat().st_mtime_ns
        except FileNotFoundError:
            scored = 0
        return len(self.finished_seeds), scored

    def held(self) -> AbstractContextManager[None]:
        """Lock the run against other processes; raises RunError when another one works on it."""
        return held(self.folder, self.name)

    def dataset(self) -> Dataset:
        """The data of this run; raises RunError when they have changed."""
        files = self.request.files
        if files is not None:
            labels = files["labels"]
            dataset = dataset_from_files(
                Path(str(files["phi1"])), Path(str(files["phi2"])), None if labels is None else Path(labels)
            )
        else:
            dataset = load_dataset(self.request.dataset, [self.home / "datasets"])
        now = (dataset.space(self.request.phi1).fingerprint, dataset.space(self.request.phi2).fingerprint)
        if now != self.request.fingerprints:
            raise RunError(f"the spaces of run {self.name!r} have changed since it was created: start a new run")
        return dataset

    def seconds_so_far(self) -> float:
        """Seconds of the search of the finished seeds, so that a resumed run reports its total time."""
        return max((self._seed_tags(seed)["seconds"] for seed in self.finished_seeds), default=0.0)

    def write_seed(self, seed: FinishedSeed, labeling: NDArray[np.int32], seconds: float) -> None:
        """Write one finished seed, with its labeling of all rows (N,)."""
        arrays = {
            "prototypes": seed.prototypes,
            "labeling": labeling,
            "objective": seed.objective,
            "test_error": seed.test_error,
        }
        tags = {"converged": str(seed.converged), "seconds": f"{seconds:.3f}"}
        raw = save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, tags)
        with disk_errors(self.folder):
            write_atomically(self.folder / "seeds" / f"{seed.seed:05d}.safetensors", raw)

    def write_scores(
        self,
        scored: Scores,
        seconds: dict[str, float],
        device: str,
        precision: str | None = None,
        refined: tuple[tuple[int, ...], RefinedScores] | None = None,
        not_refined: str | None = None,
    ) -> dict[str, Any]:
        """Write the scores of all seeds, and of the refined ones, which makes the run a finished one.

        `seconds` are those of each stage; `precision` is the number type of the search's products, None for an imported
        run; `not_refined` is one sentence, why a run that should be refined is not.
        """
        values = {
            "seeds": list(self.finished_seeds),
            "objective": [value if np.isfinite(value) else None for value in self.objective().tolist()],
            **summary(scored, self.finished_seeds, refined),
            "not_refined": not_refined,
            "seconds": sum(seconds.values()),
            **seconds,
            "device": device,
            "precision": precision,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with disk_errors(self.folder):
            write_atomically(self.folder / "scores.json", json.dumps(values).encode())
        return values

    def phi1_rows(self, dataset: Dataset) -> "Rows":
        """All rows of φ1 as this run's search saw them, (N, d1) of unit norm: in memory or, if too large, on disk."""
        from hume.data import space_rows

        searched, space = splits.searched_rows(dataset, self.request.setting), dataset.space(self.request.phi1)
        return space_rows.rows(space, unit=True, centre=self.request.config.centre, mean_rows=searched)

    # --- reading ---------------------------------------------------------------------------

    def array(self, name: Literal["prototypes", "labeling", "objective", "test_error"]) -> list[NDArray[Any]]:
        """One array of every finished seed, in the order of `finished_seeds`."""
        return [self.seed_array(seed, name) for seed in self.finished_seeds]

    def seed_array(self, seed: int, name: str) -> NDArray[Any]:
        """One array of one finished seed, named as in `array`."""
        path = self.folder / "seeds" / f"{seed:05d}.safetensors"
        with _seed_errors(path, self.name), safetensors.safe_open(regular(path), framework="numpy") as file:
            array: NDArray[Any] = file.get_tensor(name)
            _check_array(name, array, self.request.config.num_classes)
        return array

    def converged(self) -> NDArray[np.bool_]:
        """Whether each finished seed (S,) converged, rather than used up its iterations."""
        return np.array([self._seed_tags(seed)["converged"] for seed in self.finished_seeds])

    def _seed_tags(self, seed: int) -> _SeedTags:
        path = self.folder / "seeds" / f"{seed:05d}.safetensors"
        with _seed_errors(path, self.name), safetensors.safe_open(regular(path), framework="numpy") as file:
            return checked(file.metadata(), _SeedTags, of_text=True)

    def labelings(self) -> NDArray[np.int32]:
        """The labelings (S, N) of all finished seeds."""
        if not self.finished_seeds:
            raise RunError(f"run {self.name!r} has no finished seed yet: resume it")
        return self._stacked("labeling")

    @property
    def refined(self) -> "RefinedFiles":
        """The refined labelings, where there are some."""
        from hume.runs.refinement import RefinedFiles

        return RefinedFiles(self.folder / "refined")

    def prototypes(self) -> NDArray[np.float32]:
        """The prototypes (S, K, d1) of all finished seeds."""
        return self._stacked("prototypes")

    def _stacked(self, name: Literal["prototypes", "labeling"]) -> NDArray[Any]:
        arrays = self.array(name)
        for seed, array in zip(self.finished_seeds, arrays, strict=True):
            if array.shape != arrays[0].shape:
                path = self.folder / "seeds" / f"{seed:05d}.safetensors"
                reason = f"its {name} has the shape {array.shape}, that of others {arrays[0].shape}"
                raise RunError(f"{path} cannot be read ({reason}): remove it and resume run {self.name!r}")
        return np.stack(arrays)

    def objective(self) -> NDArray[np.float64]:
        """Eq. 7 at the end of every finished seed, (S,), nats; NaN for an imported seed."""
        return np.array([final_objective(curve) for curve in self.array("objective")])

    def scores(self) -> dict[str, Any]:
        """The content of `scores.json` of a finished run; raises RunError for an unfinished one."""
        try:
            return read_scores(self.folder / "scores.json")
        except FileNotFoundError:
            raise RunError(f"run {self.name!r} is {self.state}: resume it to get its scores") from None
        except ValueError as error:
            path = self.folder / "scores.json"
            raise RunError(f"{path} cannot be read ({error}): remove it and resume run {self.name!r}") from None

    def cv_score(self) -> NDArray[np.float64]:
        """The cross-validation score (S,) of every seed of a finished run."""
        return np.array(self.scored()["cv_score"], np.float64)

    def scored(self) -> dict[str, Any]:
        """The scores of a finished run whose seeds are those that were scored; raises RunError for others."""
        values = self.scores()
        if list(self.finished_seeds) != values["seeds"]:
            raise RunError(f"the seeds of run {self.name!r} are not those that were scored: resume it")
        return values


def check_folder(folder: Path, name: str) -> None:
    """Raise RunError when a run's folder is gone: a lock would create it again and block restoring the run."""
    if not folder.is_dir():
        raise RunError(f"run {name!r} is no longer in {folder}: it was renamed or deleted, see `list`")


def _check_array(name: str, array: NDArray[Any], num_classes: int) -> None:
    """Raise ValueError unless an array of a seed is what its name says."""
    kind, dimensions = _ARRAYS[name]
    if array.dtype.kind != kind or array.ndim != dimensions or not (array.size or (kind == "f" and dimensions == 1)):
        raise ValueError(f"{name} is {array.dtype} of shape {array.shape}")
    if name == "labeling" and not 0 <= array.min() <= array.max() < num_classes:
        raise ValueError(f"{name} has classes from {array.min()} to {array.max()}, not 0 to {num_classes - 1}")
    if name == "prototypes" and (len(array) != num_classes or not np.isfinite(array).all()):
        raise ValueError(f"{name} are not {num_classes} rows of finite numbers")


@contextmanager
def _seed_errors(path: Path, name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, safetensors.SafetensorError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}): remove it and resume run {name!r}") from None


@contextmanager
def held(folder: Path, name: str) -> Iterator[None]:
    check_folder(folder, name)
    try:
        lock = FileLock(folder / "lock", timeout=1).acquire()  # `state` holds the lock for a moment
    except Timeout:
        raise RunError(f"run {name!r} is in use by another process: wait for it") from None
    with lock:
        yield
