"""Import any supported file or folder as datasets of a home.

detected = detect_format(path)            the format, with a summary; nothing is written
report = import_path(detected, store)     the datasets, and the runs of a release
"""

import csv
import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import time
from typing import TYPE_CHECKING

from hume.common import files
from hume.common.errors import InputError
from hume.common.formatting import count
from hume.common.progress import Progress, part
from hume.data.folder import DatasetFolder
from hume.exchange.detection import DetectedFormat, Named, detect_folder, no_dataset
from hume.exchange.releases import Release, import_release
from hume.runs.store import Store

if TYPE_CHECKING:
    from hume.data.importers.images import Keep

UNPACKED = ".unpacked-"
UPLOADS = "uploads"  # a folder of the home
STALE = timedelta(days=1)  # then leftovers of killed imports are removed
UNPACKING = 0.3  # share of the progress


@dataclass(frozen=True)
class ImportReport:
    """What was imported and what was set aside: together all input."""

    summary: str  # one sentence
    datasets: tuple[str, ...]
    runs: tuple[str, ...] = ()
    set_aside: tuple[Named, ...] = field(default=())


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

        folder = import_array_file(
            detected.path, root, name, label_column=detected.label_column, split_column=detected.split_column,
            source=source, on_progress=on_progress,
        )  # fmt: skip
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
        inside = detect_folder(top_folder(unpacked), None, detected.meaning)
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
        raise InputError(no_dataset(release, aside))
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
    """Remove the leftovers of imports, uploads, new runs and unfinished files that were killed a day ago or longer."""
    age = STALE.total_seconds()
    files.sweep(store.home, age)
    for folder, pattern in (*((root, f"{UNPACKED}*") for root in store.dataset_roots), (store.home / UPLOADS, "*")):
        with suppress(OSError):
            for left in list(folder.glob(pattern)):
                files.remove_stale(left, time() - age)
