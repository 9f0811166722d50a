"""Import any supported file or folder as datasets of a home.

detected = detect_format(path)            what is there, in one sentence; nothing is written
report = import_path(detected, store)     the datasets, and runs where a release has some
"""

import csv
import shutil
import uuid
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Literal

from hume.common.errors import InputError
from hume.common.formatting import count
from hume.common.progress import Progress, part
from hume.data.folder import DatasetFolder, free_name
from hume.data.importers.folder_listing import Listing, check_allowed, list_folder, why_not
from hume.data.importers.table_listing import PARQUET
from hume.exchange.releases import Release, import_release, scan_release
from hume.runs.store import Store

if TYPE_CHECKING:
    from hume.data.importers.images import Keep

Kind = Literal["images", "zip", "arrays", "release", "hugging-face"]
Named = tuple[str, str]  # what was set aside, and why

TABLES = (".csv", ".tsv", *PARQUET)
ARRAYS = (".npy", ".npz", ".safetensors", *PARQUET, ".h5ad", ".gz")
UNPACKED = ".unpacked-"
UPLOADS = "uploads"  # a folder of the home
STALE = timedelta(days=1)  # what an import that was killed left behind is swept away then
UNPACKING = 0.3  # share of the time


@dataclass(frozen=True)
class DetectedFormat:
    """What is at a path, before anything is imported."""

    kind: Kind
    path: Path
    summary: str  # one sentence
    listing: Listing | None = None
    release: Release | None = None

    @property
    def suggested_name(self) -> str:
        """A name for the dataset, after the file or folder."""
        return free_name(self.path.name.split(".")[0], [], "dataset")

    @property
    def set_aside(self) -> list[Named]:
        """What will not be taken, as far as is known without reading it."""
        if self.release is not None:
            return [(each.path, each.reason) for each in self.release.set_aside]
        return [] if self.listing is None else self.listing.set_aside


@dataclass(frozen=True)
class ImportReport:
    """What was imported and what was set aside: together all that was given."""

    summary: str  # one sentence
    datasets: tuple[str, ...]
    runs: tuple[str, ...] = ()
    set_aside: tuple[Named, ...] = field(default=())


# --- detecting -------------------------------------------------------------------------------------


def detect_format(path: Path, *, roots: list[Path] | None = None, **columns: str | None) -> DetectedFormat:
    """Detect what is at a path: images, a zip of them, a table of paths, arrays, a release, a Hugging Face dataset.

    roots: the folders that may be read, None for no limit; columns: path_column, label_column and split_column of a
    table, where they are not known by name. Raises InputError for an unsupported format, a path elsewhere, a file that
    cannot be read, and columns of what is no table.
    """
    place = check_allowed(path, roots)
    try:
        if place.is_dir():
            _refuse_columns(path, columns)
            return _detect_folder(place, roots)
        if not place.is_file():
            raise InputError(f"{path} does not exist: check the path")
        return _detect_file(path, place, roots, columns)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check the path and its permissions") from None


def _refuse_columns(path: Path, columns: dict[str, str | None]) -> None:
    asked = [name.replace("_", " ") for name, column in columns.items() if column]
    if asked:
        raise InputError(f"{path} is no table, so it has no {asked[0]}: leave that option out")


def _detect_file(path: Path, place: Path, roots: list[Path] | None, columns: dict[str, str | None]) -> DetectedFormat:
    from hume.data.importers.hugging_face import holds_images

    ending, asked = place.suffix.lower(), any(columns.values())
    if ending in PARQUET and not asked and holds_images(place):
        return DetectedFormat("hugging-face", place, "A dataset of Hugging Face in 1 Parquet file.")
    if ending in TABLES and (ending not in PARQUET or asked or _is_table_of_paths(place, roots)):
        from hume.data.importers.table_listing import list_table

        return _images(place, list_table(place, roots=roots, **columns))
    _refuse_columns(path, columns)
    if ending == ".zip":
        return DetectedFormat("zip", place, _zip_in_words(place))
    if ending in ARRAYS or place.name.endswith("-ubyte"):
        return DetectedFormat("arrays", place, _arrays_in_words(place))
    raise InputError(
        f"unsupported input: {path}. Supported: a folder or zip of images, a table of their paths (CSV, Parquet), "
        "arrays (.npy, .npz, .safetensors, Parquet, .h5ad)"
    )


def _detect_folder(place: Path, roots: list[Path] | None) -> DetectedFormat:
    from hume.data.importers.hugging_face import is_saved, parquet_files

    release = scan_release(place) if is_release(place) else None
    if release is not None and release.datasets:
        return DetectedFormat("release", place, _release_in_words(release), release=release)
    if is_saved(place):
        return DetectedFormat("hugging-face", place, "A dataset of Hugging Face.")
    if files := parquet_files(place):
        for file in files:
            check_allowed(file, roots)
        return DetectedFormat(
            "hugging-face", place, f"A dataset of Hugging Face in {count(len(files), 'Parquet file')}."
        )
    try:
        return _images(place, list_folder(place, roots=roots))
    except InputError:
        if release is None:
            raise
        raise InputError(_no_dataset(release)) from None


def is_release(folder: Path) -> bool:
    """Whether a folder looks like what the authors of HUME or TURTLE release; classes of images may look so too."""
    return any((folder / part).is_dir() for part in ("data/representations", "representations", "tasks"))


def _images(place: Path, listing: Listing) -> DetectedFormat:
    words = count(len(listing.entries), "image")
    if listing.classes is not None:
        words += f" in {count(len(listing.classes), 'class', 'classes')}"
    if listing.set_aside:
        words += f"; {count(len(listing.set_aside), 'other file')} will be set aside"
    return DetectedFormat("images", place, f"{words}.", listing=listing)


def _zip_in_words(place: Path) -> str:
    try:
        with zipfile.ZipFile(place) as archive:
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except (OSError, zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise InputError(f"{place.name} is no zip archive, or a damaged one ({error}): pack it again") from None
    return (
        f"An archive of {count(len(names), 'file')}, {sum(why_not(name) is None for name in names):,} of them images."
    )


def _is_table_of_paths(place: Path, roots: list[Path] | None) -> bool:
    from hume.data.importers.table_listing import list_table

    try:
        list_table(place, roots=roots)
    except InputError:
        return False
    return True


def _arrays_in_words(place: Path) -> str:
    from hume.data.importers.arrays import describe_arrays

    parts = [
        f"{facts.name} {' × '.join(f'{n:,}' for n in facts.shape)} ({facts.role})" for facts in describe_arrays(place)
    ]
    return f"Arrays: {', '.join(parts)}."


def _release_in_words(release: Release) -> str:
    spaces = sum(len(dataset.spaces) for dataset in release.datasets)
    runs = sum(pair.problem is None for pair in release.pairs)
    whose = {"hume": "HUME", "turtle": "TURTLE"}[release.layout]
    return (
        f"A release in {whose}'s layout: {count(len(release.datasets), 'dataset')}, {count(spaces, 'space')}, "
        f"{count(runs, 'finished run')}."
    )


def _no_dataset(release: Release, aside: Sequence[Named] = ()) -> str:
    aside = aside or [(each.path, each.reason) for each in release.set_aside]
    why = f" ({' '.join(aside[0])})" if aside else ""
    return f"{release.folder} is laid out as a release, but holds no dataset that can be used{why}: check its files"


# --- importing ------------------------------------------------------------------------------------


def import_path(
    detected: DetectedFormat,
    store: Store,
    name: str | None = None,
    *,
    keep: "Keep" = "refer",
    side: int = 96,
    source: str = "",
    on_progress: Progress | None = None,
) -> ImportReport:
    """Import what was detected as datasets in the home's folder of datasets.

    name: of the dataset, where one is made, a release keeps its own; keep: whether pictures larger than `side` pixels
    stay where they are ("refer") or come along ("copy", "move"; what a table names outside its folder is never moved);
    source: what the card says about where they come from. Raises InputError for data that cannot be used, RunError when
    the disk is full.
    """
    asked = name if name != detected.suggested_name else None
    name, root = name or detected.suggested_name, store.dataset_roots[0]
    if detected.kind == "zip":
        return _import_zip(detected, store, name, side, on_progress)
    if detected.release is not None:
        return _import_release(detected.release, store, asked, on_progress)
    if detected.listing is not None:
        from hume.data.importers.images import import_images

        own = detected.path if detected.path.is_dir() else detected.path.parent  # a table may name files anywhere
        folder, report = import_images(
            detected.listing, root, name, keep=keep, own=own, side=side, source=source, on_progress=on_progress
        )
        words = f"{report.used:,} of {count(report.given, 'given file')} are in {folder.name}"
        if report.set_aside:
            words += f"; {_set_aside(len(report.set_aside))}"
        return ImportReport(" ".join([f"{words}.", *report.notes]), (folder.name,), set_aside=tuple(report.set_aside))
    if detected.kind == "hugging-face":
        from hume.data.importers.hugging_face import import_hugging_face

        folder = import_hugging_face(str(detected.path), root, name, on_progress=on_progress)
    else:
        from hume.data.importers.arrays import import_array_file

        folder = import_array_file(detected.path, root, name, source=source, on_progress=on_progress)
    aside = _listed_aside(folder)
    words = f"{folder.load().num_samples:,} rows are in {folder.name}"
    if aside:
        words += f"; {_set_aside(len(aside))}"
    return ImportReport(f"{words}.", (folder.name,), set_aside=aside)


def _listed_aside(folder: DatasetFolder) -> tuple[Named, ...]:
    """What was set aside when a dataset was made, by its own list."""
    try:
        with (folder.path / "set_aside.csv").open(encoding="utf-8", newline="") as file:
            return tuple((row["name"], row["reason"]) for row in csv.DictReader(file))
    except FileNotFoundError:
        return ()


def _set_aside(number: int) -> str:
    return f"{number:,} {'was' if number == 1 else 'were'} set aside"


def _import_zip(
    detected: DetectedFormat, store: Store, name: str, side: int, on_progress: Progress | None
) -> ImportReport:
    from hume.data.importers.zip_archive import top_folder, unpack_zip

    place = store.dataset_roots[0] / f"{UNPACKED}{uuid.uuid4().hex}"
    try:
        aside = unpack_zip(detected.path, place, on_progress=part(on_progress, 0, UNPACKING))
        inside = _detect_folder(top_folder(place), None)
        if inside.listing is not None:
            inside.listing.set_aside.extend(aside)
        report = import_path(
            inside,
            store,
            inside.suggested_name if inside.release is not None and name == detected.suggested_name else name,
            keep="move",
            side=side,
            source=detected.path.name,
            on_progress=part(on_progress, UNPACKING, 1),
        )
    except InputError as error:  # names the archive, which the reader knows
        words = str(error).replace(str(place.resolve()), detected.path.name).replace(str(place), detected.path.name)
        raise InputError(words) from None
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if not aside or inside.listing is not None:  # then it is counted there
        return report
    words = f"{report.summary} Of the files of the archive, {_set_aside(len(aside))}."
    return replace(report, summary=words, set_aside=(*aside, *report.set_aside))


def _import_release(release: Release, store: Store, asked: str | None, on_progress: Progress | None) -> ImportReport:
    report = import_release(release, store, on_progress=on_progress)
    aside = tuple((each.path, each.reason) for each in report.set_aside)
    if not report.datasets and not report.known_datasets:
        raise InputError(_no_dataset(release, aside))
    words = f"{count(len(report.datasets), 'dataset')} and {count(len(report.runs), 'finished run')} were added"
    known = len(report.known_datasets) + len(report.known_runs)
    if known:
        words += f", {known} were there already"
    if aside:
        words += f"; {_set_aside(len(aside))}"
    if asked is not None and asked not in report.datasets + report.known_datasets:
        words += f". The release's own names are kept, {asked} is not used"
    return ImportReport(f"{words}.", report.datasets + report.known_datasets, report.runs, aside)


def sweep(store: Store) -> None:
    """Remove what imports, uploads and new runs left behind that were killed a day ago or longer.

    What holds a younger file may still be at work; what vanishes meanwhile is another's.
    """
    limit = time() - STALE.total_seconds()
    for folder, pattern in (
        *((root, pattern) for root in store.dataset_roots for pattern in (f"{UNPACKED}*", ".part-*")),
        (store.home / "runs", ".part-*"),
        (store.home / UPLOADS, "*"),
    ):
        with suppress(OSError):
            for left in list(folder.glob(pattern)):
                with suppress(OSError):
                    if _is_stale(left, limit):
                        shutil.rmtree(left, ignore_errors=True)


def _is_stale(folder: Path, limit: float) -> bool:
    """Whether a folder and every file in it was last changed before a time."""
    inside = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return all(path.lstat().st_mtime < limit for path in (folder, *inside))
