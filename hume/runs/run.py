"""One run on disk: its request, the results so far, and the work that is missing.

run.json              the request
seeds/*.safetensors   a file a finished seed: prototypes, labeling, objective
trajectories/*.safetensors  prototypes during the search, see `hume.runs.trajectory`; optional
refined/*.safetensors  the labelings after refinement, see `hume.runs.refinement`; where they are refined
scores.json           the scores; present once the run is finished
review.json           the user's review, see `hume.runs.review`
lock                  held by the process that works on the run
"""

import json
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import numpy as np
import safetensors
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors.numpy import save

from hume.common import devices
from hume.common.errors import InputError, RunError
from hume.common.files import disk_errors, write_atomically
from hume.common.progress import Progress, part
from hume.data import space_rows, splits
from hume.data.dataset import Dataset, dataset_from_files, load_dataset
from hume.data.rows import Rows
from hume.engine.refinement import side_by_side
from hume.engine.search import FinishedSeed, Step, final_objective
from hume.runs import cost, evenness, ray_cluster, result, searching
from hume.runs.refinement import Final, RefinedFiles, RefinedLabelings, Refinement
from hume.runs.request import Request, write_request
from hume.runs.trajectory import Recorder

State = Literal["finished", "running", "interrupted"]
_checking = threading.Lock()  # two threads that check a free lock at once would each find it held


@dataclass(frozen=True, eq=False)
class Run:
    """One run on disk: its request and its results so far."""

    name: str
    folder: Path
    request: Request
    home: Path  # whose datasets the run may name

    @property
    def finished_seeds(self) -> tuple[int, ...]:
        """The seeds whose results are on disk, in ascending order."""
        return tuple(sorted(int(path.stem) for path in (self.folder / "seeds").glob("[0-9]*.safetensors")))

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

    def with_evenness(self, on_progress: Progress | None = None) -> "Run":
        """The run once it is chosen how even its classes should be; the same run where that is settled.

        The choice is written with the request. Raises InputError for data that cannot be searched, RunError as
        `execute` does.
        """
        request = self.request
        if request.sizes != "auto" or request.evenness is not None or self.finished_seeds:
            return self
        with disk_errors(self.folder), self.held():
            dataset, pair = self.dataset(), (request.phi1, request.phi2)
            if not evenness.can_choose(dataset, request.config, request.setting):
                return self
            chosen = evenness.choose(
                dataset, *pair, request.config, request.solver, request.setting,
                device=devices.choose_device(request.device), on_progress=on_progress,
            )  # fmt: skip
            decided = replace(request, evenness=chosen, config=chosen.applied(request.config))
            write_request(self.folder, decided)
            return replace(self, request=decided)

    def execute(
        self,
        *,
        search: bool = True,
        record: bool = True,
        on_step: Callable[[Step], None] | None = None,
        on_fold: Callable[[int], None] | None = None,
        on_refine: Progress | None = None,
    ) -> dict[str, Any]:
        """Search the seeds that are missing, score and refine all, and return the content of `scores.json`.

        Every seed is written as soon as it has ended, with `record` its trajectory too. Without
        `search` only the finished seeds are scored; a later call may search the others. `on_fold` is called
        at every fold of the searched labelings, then of the refined ones. An exception of a callback ends the work
        and leaves the run interrupted. Raises RunError when another process works on the run, its data have changed
        or the disk is full.
        """
        if search:
            self = self.with_evenness()
        with disk_errors(self.folder), self.held():
            return self._execute(search, record, on_step, on_fold, on_refine)

    def _execute(
        self,
        search: bool,
        record: bool,
        on_step: Callable[[Step], None] | None,
        on_fold: Callable[[int], None] | None,
        on_refine: Progress | None,
    ) -> dict[str, Any]:
        search = search and bool(self.missing_seeds)
        if not search and (self.folder / "scores.json").exists():
            return self.scores()
        start = perf_counter() - self._seconds_so_far()
        request, dataset = self.request, self.dataset()
        device = devices.choose_device(request.device)
        if search:
            if request.origin == "authors":
                raise RunError(f"the import of run {self.name!r} is not complete: import its tasks again, as a new run")
            recorder = Recorder(self.folder, request.seeds, request.config.num_iterations).record if record else None
            self._search(dataset, device, start, [call for call in (recorder, on_step) if call is not None])
        searched = perf_counter()
        labelings, K = self.labelings(), request.config.num_classes
        scored = result.score_labelings(dataset, request.phi2, labelings, K, device=device, on_fold=on_fold)
        found, problem, begun = None, None, perf_counter()
        if request.refine == "joint":
            try:
                seeds, refined, final = self._refine(dataset, labelings, scored.cv_score, device, on_refine)
            except InputError as error:
                problem = str(error)
            else:
                refine_seconds = perf_counter() - begun
                found = (
                    seeds,
                    result.score_refined(dataset, request.phi2, refined, final, K, device=device, on_fold=on_fold),
                )
        seconds = {"search_seconds": searched - start, "score_seconds": perf_counter() - searched}
        if found is not None:
            seconds |= {"score_seconds": seconds["score_seconds"] - refine_seconds, "refine_seconds": refine_seconds}
        device = device if request.cluster is None else "cluster"
        return self.write_scores(scored, seconds, device, request.config.precision, found, problem)

    def _refine(
        self,
        dataset: Dataset,
        labelings: NDArray[np.int32],
        cv_score: NDArray[np.float64],
        device: str,
        on_progress: Progress | None,
    ) -> tuple[tuple[int, ...], RefinedLabelings, Final]:
        """Refine the labelings (S, N) of the finished seeds that are not refined yet, and write each batch of them.

        All of them, or those with the best scores where all would take longer than the search. Raises InputError for
        data that cannot be refined.
        """
        request, files = self.request, self.refined
        searched, K = splits.searched_rows(dataset, request.setting), request.config.num_classes
        stage = Refinement.of(
            dataset, request.phi1, request.phi2, request.config, searched, device, files.whitenings(device)
        )
        files.write_whitenings(stage.fitted.whitenings)
        wanted = cost.seeds_to_refine(stage, cv_score)
        known = set(files.seeds)
        missing = [int(i) for i in wanted if self.finished_seeds[i] not in known]
        size = side_by_side(K)
        for start in range(0, len(missing), size):
            some = missing[start : start + size]
            report = part(on_progress, start / len(missing), (start + len(some)) / len(missing))
            files.write([self.finished_seeds[i] for i in some], stage.refine(labelings[some], report))
        seeds = tuple(self.finished_seeds[i] for i in wanted)
        refined = files.read(seeds)
        final = stage.final(refined, len(labelings))
        files.write_final(final)
        return seeds, refined, final

    def _search(self, dataset: Dataset, device: str, start: float, callbacks: Sequence[Callable[[Step], None]]) -> None:
        """Search the seeds that are missing, here or on the cluster, and write each when it has ended."""
        request = self.request
        arguments = (
            dataset, request.phi1, request.phi2, request.config, request.solver, self.missing_seeds, request.setting
        )  # fmt: skip
        phi1, steps = (
            searching.prepare_search(*arguments, device, request.seed_batch)
            if request.cluster is None
            else ray_cluster.prepare_search(*arguments, request.cluster)
        )
        try:
            for number, step in enumerate(steps):
                # Existing scores are of fewer seeds than there will be; a search that fails to start keeps them.
                if number == 0:
                    (self.folder / "scores.json").unlink(missing_ok=True)
                if step.finished:
                    labelings = searching.label_all(phi1, step.finished)
                    for seed, labeling in zip(step.finished, labelings, strict=True):
                        self.write_seed(seed, labeling, perf_counter() - start)
                for callback in callbacks:
                    callback(step)
        finally:
            if isinstance(steps, Generator):
                steps.close()  # a cluster is released before the error is reported

    def _seconds_so_far(self) -> float:
        """Seconds of the search of the finished seeds, so that a resumed run reports its total time."""
        return max((float(self._seed_tags(seed)["seconds"]) for seed in self.finished_seeds), default=0.0)

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
        scored: result.Scores,
        seconds: dict[str, float],
        device: str,
        precision: str | None = None,
        refined: tuple[tuple[int, ...], result.RefinedScores] | None = None,
        not_refined: str | None = None,
    ) -> dict[str, Any]:
        """Write the scores of all seeds, and of the refined ones, which makes the run a finished one.

        `seconds` are those of each stage; `precision` is the number type of the search's products, None for an imported
        run; `not_refined` is one sentence, why a run that should be refined is not.
        """
        values = {
            "seeds": list(self.finished_seeds),
            "objective": [value if np.isfinite(value) else None for value in self.objective().tolist()],
            **result.summary(scored, self.finished_seeds, refined),
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

    def phi1_rows(self, dataset: Dataset) -> Rows:
        """All rows of φ1 as this run's search saw them, (N, d1) of unit norm: in memory or, if too large, on disk."""
        searched, space = splits.searched_rows(dataset, self.request.setting), dataset.space(self.request.phi1)
        return space_rows.rows(space, unit=True, centre=self.request.config.centre, mean_rows=searched)

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
        """Whether each finished seed (S,) converged, rather than used up its iterations."""
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

    @property
    def refined(self) -> RefinedFiles:
        """The refined labelings, where there are some."""
        return RefinedFiles(self.folder / "refined")

    def prototypes(self) -> NDArray[np.float32]:
        """The prototypes (S, K, d1) of all finished seeds."""
        return np.stack(self.array("prototypes"))

    def objective(self) -> NDArray[np.float64]:
        """Eq. 7 at the end of every finished seed, (S,), nats; NaN for an imported seed."""
        return np.array([final_objective(curve) for curve in self.array("objective")])

    def scores(self) -> dict[str, Any]:
        """The content of `scores.json` of a finished run; raises RunError for an unfinished one."""
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


def check_folder(folder: Path, name: str) -> None:
    """Raise RunError when a run's folder is gone: a lock would create it again and block restoring the run."""
    if not folder.is_dir():
        raise RunError(f"run {name!r} is no longer in {folder}: it was renamed or deleted, see `list`")


@contextmanager
def _seed_errors(path: Path, name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, safetensors.SafetensorError) as error:
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
