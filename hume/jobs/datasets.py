"""Dataset jobs in the background: imports, and spaces, in the same queues as searches.

Every job has a readable name with a space in it, which is never a run's. The records of a training stay in memory for
pages to show.
"""

import shutil
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from hume.common import devices
from hume.common.errors import InputError
from hume.common.files import disk_errors
from hume.common.progress import Progress
from hume.data.folder import DatasetFolder
from hume.data.importers.folder_listing import why_not
from hume.data.importers.folder_meaning import Meaning
from hume.exchange.detection import ARRAYS, TABLES, DetectedFormat, detect_format
from hume.exchange.incoming import UPLOADS, import_path
from hume.jobs.queues import Status
from hume.jobs.runs import RunJobs
from hume.runs.findings import Findings

if TYPE_CHECKING:
    from hume.features.pretrain import Epoch, PretrainConfig
    from hume.features.recipe import Recipe

CHUNK = 2**20
NOTHING_ADDED = "nothing was added"
RESUMED = "what is done is saved and can be resumed or discarded on the Data page"
FILES = "files"  # the queue of imports, which wait for no search
TRAINING = 0.95  # share of a training's time, the rest writes features


@dataclass(frozen=True)
class NewSpace:
    """The result of a job that makes a space."""

    dataset: str
    space: str


class DatasetJobs:
    """The dataset jobs of one process; every method may be called from any thread."""

    def __init__(self, jobs: RunJobs):
        self.jobs = jobs
        self._lock = threading.Lock()
        self._names: dict[str, None] = {}  # of all work since the server started, in order
        self._live: dict[str, list[Epoch]] = {}

    def add(self, path: Path, name: str, *, keep: Literal["refer", "copy"], side: int, **look: Any) -> str:
        """Import a path, see `hume.exchange.incoming`; look: arguments of `detect_format`."""

        def work(on_progress: Progress) -> object:
            detected = detect_format(path, **look)
            return import_path(detected, self.jobs.store, name, keep=keep, side=side, on_progress=on_progress)

        return self._submit(f"Add {name}", work, FILES, kept=NOTHING_ADDED)

    def add_uploaded(self, place: Path, name: str, *, side: int, meaning: Meaning | None = None) -> str:
        """Import an upload from a folder of `upload`, then remove the folder; meaning: of the folders of a zip."""

        def work(on_progress: Progress) -> object:
            try:
                detected = detect_format(_uploaded_path(place), roots=[place], meaning=meaning)
                _set_unlisted_aside(detected, place)
                return import_path(detected, self.jobs.store, name, keep="move", side=side, on_progress=on_progress)
            finally:
                shutil.rmtree(place, ignore_errors=True)

        return self._submit(f"Add {name}", work, FILES, kept=NOTHING_ADDED)

    def do(self, name: str, work: Callable[[Progress], object], device: str = "cpu") -> str:
        """Any other job, by a readable name, as a function that reports its progress and may return a result.

        device: or the queue `FILES`, for work that may go on beside a search.
        """
        return self._submit(name, work, device)

    def extract(self, folder: DatasetFolder, network: str, *, device: str = "auto", **options: Any) -> str:
        """Extract a space by a pretrained network; options: those of `load_backbone`."""

        def work(on_progress: Progress) -> object:
            from hume.features.backbones import load_backbone
            from hume.features.extract import extract

            backbone = load_backbone(network, device=devices.choose_device(device), **options)
            return NewSpace(folder.name, extract(folder, backbone, on_progress=on_progress))

        side = f" at {options['size']} pixels" if options.get("size") else ""
        return self._submit(f"{folder.name}: {network}{side}", work, device, kept=RESUMED)

    def pretrain(
        self, folder: DatasetFolder, config: "PretrainConfig", *, device: str = "auto", train_rows: Any = None
    ) -> str:
        """Train an encoder on a dataset's own images and extract a space of its features."""
        name = f"{folder.name}: {config.title}"

        def work(on_progress: Progress) -> object:
            from hume.features.pretrain import pretrain

            with self._lock:
                seen = self._live[name] = []
            steps = pretrain(folder, config, device=devices.choose_device(device), train_rows=train_rows)
            with closing(steps):
                while True:
                    try:
                        record = next(steps)
                    except StopIteration as end:
                        return NewSpace(folder.name, end.value)
                    with self._lock:
                        seen.append(record)
                    on_progress(TRAINING * record.step / record.num_steps + (1 - TRAINING) * record.written)

        return self._submit(name, work, device, kept=RESUMED)

    def derive(self, folder: DatasetFolder, recipe: "Recipe", name: str | None = None) -> str:
        """Derive a space from others."""

        def work(on_progress: Progress) -> object:
            from hume.features.derive import derive

            return NewSpace(folder.name, derive(folder, recipe, name, on_progress=on_progress))

        return self._submit(f"{folder.name}: derive {name or 'a space'}", work, FILES, kept=NOTHING_ADDED)

    def add_features(self, folder: DatasetFolder, name: str, place: Path) -> str:
        """Add a space computed elsewhere: the one file in a folder of `upload`, then removed."""

        def work(on_progress: Progress) -> object:
            from hume.data.importers.arrays import add_features

            try:
                (path,) = place.iterdir()
                return NewSpace(folder.name, add_features(folder, name, path, on_progress=on_progress))
            finally:
                shutil.rmtree(place, ignore_errors=True)

        return self._submit(f"{folder.name}: features {name}", work, FILES, kept=NOTHING_ADDED)

    def label(self, dataset: str, run: str, *, device: str = "auto") -> str:
        """Label the samples of a dataset as a run labels its own."""

        def work(on_progress: Progress) -> object:
            from hume.runs.label_new import label_new

            found = Findings(self.jobs.store.open(run))
            return label_new(found, dataset, device=devices.choose_device(device), on_progress=on_progress)

        return self._submit(labeling_name(dataset, run), work, device)

    # --- status ------------------------------------------------------------------------------

    def statuses(self) -> list[Status]:
        """All dataset jobs since the server started, ended ones included, the newest first."""
        with self._lock:
            names = list(self._names)
        statuses = [self.jobs.status(name) for name in reversed(names)]
        return [status for status in statuses if status is not None]

    def live(self, name: str) -> "list[Epoch]":
        """The records of a training so far, empty for other jobs."""
        with self._lock:
            return list(self._live.get(name, []))

    def forget(self, name: str) -> None:
        """Drop the status of an ended job."""
        self.jobs.forget(name)
        with self._lock:
            if self.jobs.status(name) is None:
                self._names.pop(name, None)
                self._live.pop(name, None)

    def is_busy(self, folder: DatasetFolder) -> bool:
        """Whether a job on a dataset is queued or under way."""
        return any(status.under_way and status.name.startswith(f"{folder.name}: ") for status in self.statuses())

    def _submit(self, name: str, work: Callable[[Progress], object], device: str = "cpu", *, kept: str = "") -> str:
        """Queue a job and return its name, with a number where a job of that name is queued or under way."""
        place = device if device == FILES else devices.choose_device(device)
        with self._lock:
            chosen = next(free for free in _numbered(name) if not self.jobs.is_under_way(free))
            self._names.pop(chosen, None)
            self._names[chosen] = None
            self.jobs.submit_work(chosen, place, work, kept=kept)
        return chosen


def labeling_name(dataset: str, run: str) -> str:
    """The name of the job that labels a dataset's samples."""
    return f"{dataset}: label with {run}"


def upload(home: Path, files: Iterable[tuple[str, IO[bytes]]]) -> Path:
    """Put uploaded files (name, content) into a folder of their own; returns it.

    Raises InputError for a name that is no file's, or twice the same, and RunError when the disk is full.
    """
    place = home / UPLOADS / uuid.uuid4().hex
    try:
        with disk_errors(place):
            place.mkdir(parents=True)
            for name, content in files:
                _receive(place, name, content)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return place


def _receive(place: Path, name: str, content: IO[bytes]) -> None:
    """Write one uploaded file into a folder, under the last part of the name that the browser gave it."""
    target = place / Path(name).name
    if not target.name or target.parent != place or "\0" in name:
        raise InputError(f"{name!r} is not a file name: rename it")
    if target.exists():
        raise InputError(f"two files are called {target.name}: rename one")
    with target.open("xb") as file:
        shutil.copyfileobj(content, file, CHUNK)


def _uploaded_path(place: Path) -> Path:
    """The path to import from an upload: the only file, a table of the others, else the folder of images.

    Raises InputError for an archive or arrays next to other files, which is ambiguous.
    """
    files = sorted(place.iterdir())
    others = [path for path in files if why_not(path.name) is not None]
    if len(files) == 1:
        return files[0] if others else place
    if len(others) == 1 and others[0].suffix.lower() in TABLES:
        return others[0]
    alone = next((path.name for path in others if path.suffix.lower() in (".zip", *ARRAYS)), None)
    if alone is not None:
        raise InputError(f"{alone} came with other files: upload it alone, then the others")
    return place


def _set_unlisted_aside(detected: DetectedFormat, place: Path) -> None:
    """Set uploaded pictures aside that the uploaded table does not name."""
    if detected.listing is not None and detected.path.parent == place and detected.path.is_file():
        named = {entry.path.resolve() for entry in detected.listing.entries}
        named |= {(place / name).resolve() for name, _ in detected.listing.set_aside}
        rest = [path.name for path in sorted(place.iterdir()) if path.resolve() not in named and path != detected.path]
        detected.listing.set_aside.extend((name, "is not in the table") for name in rest)


def _numbered(name: str) -> Iterator[str]:
    """name, name (2), name (3) and so on."""
    yield name
    yield from (f"{name} ({number})" for number in count(2))
