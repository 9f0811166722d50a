"""Maps made in a process of their own, one at a time, while pages go on."""

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Literal, get_args

from hume.common.errors import HumeError, InputError
from hume.common.process import Process, ProcessError
from hume.data.dataset import Space
from hume.reporting.maps.layout import Map, MapConfig, load_map, map_key

LEAVE_SECONDS = 10.0  # until a process that has made its map is gone
Which = Literal["phi1", "phi2", "both"]


@dataclass(frozen=True)
class MapProgress:
    """How far a requested map is."""

    state: Literal["waiting", "running", "failed"]
    share: float  # 0 to 1
    stage: str  # a sentence
    seconds: float = 0.0  # since the map was requested
    error: str | None = None  # a sentence, when it failed


@dataclass(eq=False)
class _Job:
    """A map that was requested and is not there yet."""

    key: str
    spaces: list[Path]
    requested: float  # a moment of the monotonic clock
    progress: MapProgress
    process: Process | None = None


class Maps:
    """The maps of one home folder: those on disk, and those being made by one process at a time.

    All methods may be called from any thread. `close` ends the process that is at work; when the program dies
    without it, the process notices at its next report and ends, too.
    """

    def __init__(self, home: Path | str, config: MapConfig | None = None):
        self._folder = Path(home).resolve() / "maps"
        self._config = config or MapConfig()
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}  # waiting, running and failed, in the order of the requests
        self._running: _Job | None = None
        self._reader: threading.Thread | None = None
        self._closed = False

    def key(self, phi1: Space, phi2: Space, which: Which) -> str:
        """The name of a map, see `map_key`."""
        return map_key(*chosen_spaces(phi1, phi2, which), self._config)

    def get(self, phi1: Space, phi2: Space, which: Which) -> Map | None:
        """The map, None when it is not on disk; raises RunError when its file is damaged."""
        path = self._path(self.key(phi1, phi2, which))
        return load_map(path) if path.exists() else None

    def request(self, phi1: Space, phi2: Space, which: Which) -> str:
        """Have a map made, unless it is there, waiting or being made; a failed one is tried again.

        Returns its key, to ask `progress` with. Raises InputError for a space that lies in no file.
        """
        first, second = chosen_spaces(phi1, phi2, which)
        key = map_key(first, second, self._config)
        paths = [space.path.resolve() for space in (first, second) if space is not None and space.path is not None]
        if len(paths) < (1 if second is None else 2):
            raise InputError("a space that lies in no file cannot be mapped: save it with numpy.save first")
        with self._lock:
            known = self._jobs.get(key)
            busy = known is not None and known.progress.state != "failed"
            if not (busy or self._closed or self._path(key).exists()):
                self._jobs.pop(key, None)
                self._jobs[key] = _Job(key, paths, monotonic(), MapProgress("waiting", 0.0, "Waiting for another map."))
                self._start_next()
        return key

    def progress(self, key: str) -> MapProgress | None:
        """How far a map is; None when it is done, cancelled or was never requested: then ask `get`."""
        with self._lock:
            job = self._jobs.get(key)
            return None if job is None else replace(job.progress, seconds=monotonic() - job.requested)

    def cancel(self, key: str) -> None:
        """Forget a request; a process that works on it is ended, and nothing of it stays on disk."""
        with self._lock:
            job = self._jobs.pop(key, None)
            if job is not None and job is self._running and job.process is not None:
                job.process.popen.terminate()

    def close(self) -> None:
        """Forget all requests and end the process that is at work; later requests start nothing."""
        with self._lock:
            self._closed = True
            self._jobs.clear()
            reader = self._reader
            if self._running is not None and self._running.process is not None:
                self._running.process.popen.terminate()
        if reader is not None:
            reader.join()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.safetensors"

    def _start_next(self) -> None:
        """Start the first job that waits, unless one is running; the lock is held."""
        job = next((job for job in self._jobs.values() if job.progress.state == "waiting"), None)
        if self._running is not None or job is None:
            return
        make, path = "hume.reporting.maps.layout:make_and_save", self._path(job.key)
        try:
            job.process = Process(make, path, job.spaces, self._config)
        except OSError as error:
            reason = f"the process that makes maps could not be started ({error.strerror}): close other programs"
            job.progress = replace(job.progress, state="failed", error=reason)
            return
        job.progress = MapProgress("running", 0.0, "Starting.")
        self._running = job
        self._reader = threading.Thread(target=self._follow, args=(job, job.process), daemon=True)
        self._reader.start()

    def _follow(self, job: _Job, process: Process) -> None:
        """Pass on what a process reports until it ends, then start the next."""
        error = None
        try:
            for share, stage in process.reports():
                with self._lock:
                    job.progress = MapProgress("running", share, stage)
        except (HumeError, ProcessError) as failure:
            error = _reason(failure)
        process.close(LEAVE_SECONDS)
        with self._lock:
            if self._jobs.get(job.key) is job:
                if error is None:
                    del self._jobs[job.key]
                else:
                    job.progress = replace(job.progress, state="failed", error=error)
            self._running = None
            self._start_next()


def chosen_spaces(phi1: Space, phi2: Space, which: Which) -> tuple[Space, Space | None]:
    if which not in get_args(Which):
        raise InputError(f"there is no map of {which!r}: choose one of {', '.join(get_args(Which))}")
    return (phi1, phi2) if which == "both" else (phi1 if which == "phi1" else phi2, None)


def _reason(failure: HumeError | ProcessError) -> str:
    """One sentence about a process that failed."""
    if isinstance(failure, HumeError):
        return str(failure)
    if failure.code is None:
        return f"the map could not be made ({failure})"
    if failure.code < 0:
        return (
            f"the process that makes the map was ended by signal {-failure.code}: it may need more memory than there is"
        )
    return f"the process that makes the map {failure} and said nothing"
