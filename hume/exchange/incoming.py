"""Import any supported file or folder as datasets of a home.

detected = detect_format(path)            the format, with a summary; nothing is written
report = import_path(detected, store)     the datasets, and the runs of a release
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
Named = tuple[str, str]  # a file that was set aside, and the reason

TABLES = (".csv", ".tsv", *PARQUET)
ARRAYS = (".npy", ".npz", ".safetensors", *PARQUET, ".h5ad", ".gz")
UNPACKED = ".unpacked-"
UPLOADS = "uploads"  # a folder of the home
STALE = timedelta(days=1)  # then leftovers of killed imports are removed
UNPACKING = 0.3  # share of the progress


@dataclass(frozen=True)
class DetectedFormat:
    """The format of a path, before anything is imported."""

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
        """Files that will not be imported, as far as their names and headers show."""
        if self.release is not None:
            return [(item.path, item.reason) for item in self.release.set_aside]
        return [] if self.listing is None else self.listing.set_aside


@dataclass(frozen=True)
class ImportReport:
    """What was imported and what was set aside: together all input."""

    summary: str  # one sentence
    datasets: tuple[str, ...]
    runs: tuple[str, ...] = ()
    set_aside: tuple[Named, ...] = field(default=())


# --- detecting -------------------------------------------------------------------------------------


def detect_format(path: Path, *, roots: list[Path] | None = None, **columns: str | None) -> DetectedFormat:
    """Detect the format of a path: images, a zip of them, a table of paths, arrays, a release, a Hugging Face dataset.

    roots: the folders that may be read, None for no limit; columns: path_column, label_column and split_column of a
    table, where they are not known by name. Raises InputError for an unsupported format, a path outside the roots, a
    file that cannot be read, and columns of a file that is not a table.
    """
    resolved = check_allowed(path, roots)
    try:
        if resolved.is_dir():
            _refuse_columns(path, columns)
            return _detect_folder(resolved, roots)
        if not resolved.is_file():
            raise InputError(f"{path} does not exist: check the path")
        return _detect_file(path, resolved, roots, columns)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check the path and its permissions") from None


def _refuse_columns(path: Path, columns: dict[str, str | None]) -> None:
    requested = [name.replace("_", " ") for name, column in columns.items() if column]
    if requested:
        raise InputError(f"{path} is not a table, so it has no {requested[0]}: omit that option")


def _detect_file(
    path: Path, resolved: Path, roots: list[Path] | None, columns: dict[str, str | None]
) -> DetectedFormat:
    from hume.data.importers.hugging_face import holds_images

    ending, requested = resolved.suffix.lower(), any(columns.values())
    if ending in PARQUET and not requested and holds_images(resolved):
        return DetectedFormat("hugging-face", resolved, "A dataset of Hugging Face in 1 Parquet file.")
    if ending in TABLES and (ending not in PARQUET or requested or _is_table_of_paths(resolved, roots)):
        from hume.data.importers.table_listing import list_table

        return _images(resolved, list_table(resolved, roots=roots, **columns))
    _refuse_columns(path, columns)
    if ending == ".zip":
        return DetectedFormat("zip", resolved, _zip_summary(resolved))
    if ending in ARRAYS or resolved.name.endswith("-ubyte"):
        return DetectedFormat("arrays", resolved, _arrays_summary(resolved))
    raise InputError(
        f"unsupported input: {path}. Supported: a folder or zip of images, a table of their paths (CSV, Parquet), "
        "arrays (.npy, .npz, .safetensors, Parquet, .h5ad)"
    )


def _detect_folder(path: Path, roots: list[Path] | None) -> DetectedFormat:
    from hume.data.importers.hugging_face import is_saved, parquet_files

    release = scan_release(path) if is_release(path) else None
    if release is not None and release.datasets:
        return DetectedFormat("release", path, _release_summary(release), release=release)
    if is_saved(path):
        return DetectedFormat("hugging-face", path, "A dataset of Hugging Face.")
    if files := parquet_files(path):
        for file in files:
            check_allowed(file, roots)
        return DetectedFormat(
            "hugging-face", path, f"A dataset of Hugging Face in {count(len(files), 'Parquet file')}."
        )
    try:
        return _images(path, list_folder(path, roots=roots))
    except InputError:
        if release is None:
            raise
        raise InputError(_no_dataset(release)) from None


def is_release(folder: Path) -> bool:
    """Whether a folder looks like a release of HUME's or TURTLE's authors; a folder of classes may look so too."""
    return any((folder / part).is_dir() for part in ("data/representations", "representations", "tasks"))


def _images(path: Path, listing: Listing) -> DetectedFormat:
    summary = count(len(listing.entries), "image")
    if listing.classes is not None:
        summary += f" in {count(len(listing.classes), 'class', 'classes')}"
    if listing.set_aside:
        summary += f"; {count(len(listing.set_aside), 'other file')} will be set aside"
    return DetectedFormat("images", path, f"{summary}.", listing=listing)


def _zip_summary(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except (OSError, zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is not a zip archive, or a damaged one ({error}): pack it again") from None
    return (
        f"An archive of {count(len(names), 'file')}, {sum(why_not(name) is None for name in names):,} of them images."
    )


def _is_table_of_paths(path: Path, roots: list[Path] | None) -> bool:
    from hume.data.importers.table_listing import list_table

    try:
        list_table(path, roots=roots)
    except InputError:
        return False
    return True


def _arrays_summary(path: Path) -> str:
    from hume.data.importers.arrays import describe_arrays

    parts = [
        f"{facts.name} {' × '.join(f'{n:,}' for n in facts.shape)} ({facts.role})" for facts in describe_arrays(path)
    ]
    return f"Arrays: {', '.join(parts)}."


def _release_summary(release: Release) -> str:
    spaces = sum(len(dataset.spaces) for dataset in release.datasets)
    runs = sum(pair.problem is None for pair in release.pairs)
    whose = {"hume": "HUME", "turtle": "TURTLE"}[release.layout]
    return (
        f"A release in {whose}'s layout: {count(len(release.datasets), 'dataset')}, {count(spaces, 'space')}, "
        f"{count(runs, 'finished run')}."
    )


def _no_dataset(release: Release, aside: Sequence[Named] = ()) -> str:
    aside = aside or [(item.path, item.reason) for item in release.set_aside]
    why = f" ({' '.join(aside[0])})" if aside else ""
    return f"{release.folder} has the layout of a release, but no usable dataset{why}: check its files"


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
    """Import a detected format as datasets into the home's folder of datasets.

    name: of the dataset; a release keeps its own names; keep: whether pictures larger than `side` pixels stay where
    they are ("refer") or are imported ("copy", "move"; files outside a table's folder are never moved); source: the
    origin of the data, for the card. Raises InputError for unusable data, RunError when the disk is full.
    """
    requested = name if name != detected.suggested_name else None
    name, root = name or detected.suggested_name, store.dataset_roots[0]
    if detected.kind == "zip":
        return _import_zip(detected, store, name, side, on_progress)
    if detected.release is not None:
        return _import_release(detected.release, store, requested, on_progress)
    if detected.listing is not None:
        from hume.data.importers.images import import_images

        own = detected.path if detected.path.is_dir() else detected.path.parent  # a table may name files anywhere
        folder, report = import_images(
            detected.listing, root, name, keep=keep, own=own, side=side, source=source, on_progress=on_progress
        )
        summary = f"{report.used:,} of {count(report.given, 'given file')} are in {folder.name}"
        if report.set_aside:
            summary += f"; {_set_aside(len(report.set_aside))}"
        return ImportReport(" ".join([f"{summary}.", *report.notes]), (folder.name,), set_aside=tuple(report.set_aside))
    if detected.kind == "hugging-face":
        from hume.data.importers.hugging_face import import_hugging_face

        folder = import_hugging_face(str(detected.path), root, name, on_progress=on_progress)
    else:
        from hume.data.importers.arrays import import_array_file

        folder = import_array_file(detected.path, root, name, source=source, on_progress=on_progress)
    aside = _listed_aside(folder)
    summary = f"{folder.load().num_samples:,} rows are in {folder.name}"
    if aside:
        summary += f"; {_set_aside(len(aside))}"
    return ImportReport(f"{summary}.", (folder.name,), set_aside=aside)


def _listed_aside(folder: DatasetFolder) -> tuple[Named, ...]:
    """The files that were set aside at the import of a dataset, from its own list."""
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

    unpacked = store.dataset_roots[0] / f"{UNPACKED}{uuid.uuid4().hex}"
    try:
        aside = unpack_zip(detected.path, unpacked, on_progress=part(on_progress, 0, UNPACKING))
        inside = _detect_folder(top_folder(unpacked), None)
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
    except InputError as error:  # reported with the archive's name, which the user knows
        archive = detected.path.name
        raise InputError(str(error).replace(str(unpacked.resolve()), archive).replace(str(unpacked), archive)) from None
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    if not aside or inside.listing is not None:  # then it is counted there
        return report
    summary = f"{report.summary} Of the files of the archive, {_set_aside(len(aside))}."
    return replace(report, summary=summary, set_aside=(*aside, *report.set_aside))


def _import_release(
    release: Release, store: Store, requested: str | None, on_progress: Progress | None
) -> ImportReport:
    report = import_release(release, store, on_progress=on_progress)
    aside = tuple((item.path, item.reason) for item in report.set_aside)
    if not report.datasets and not report.known_datasets:
        raise InputError(_no_dataset(release, aside))
    summary = f"{count(len(report.datasets), 'dataset')} and {count(len(report.runs), 'finished run')} were added"
    known = len(report.known_datasets) + len(report.known_runs)
    if known:
        summary += f", {known} existed already"
    if aside:
        summary += f"; {_set_aside(len(aside))}"
    if requested is not None and requested not in report.datasets + report.known_datasets:
        summary += f". A release keeps its own names, {requested} is not used"
    return ImportReport(f"{summary}.", report.datasets + report.known_datasets, report.runs, aside)


def sweep(store: Store) -> None:
    """Remove the leftovers of imports, uploads and new runs that were killed a day ago or longer.

    A folder with a younger file may still be in use; a folder that vanishes meanwhile was removed by another process.
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
