"""Import images as a dataset: every file is decoded once, and either used or set aside with a reason."""

import errno
import hashlib
import itertools
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hume.common.csv_files import write_csv
from hume.common.errors import InputError, RunError
from hume.common.files import write_atomically
from hume.common.progress import Progress, part
from hume.data.columns import write_columns
from hume.data.folder import DIGEST_BYTES, DatasetFolder, free_name, new_dataset, write_array
from hume.data.grey_range import Span, common_span
from hume.data.image_files import PictureError, extremes, fit, open_picture
from hume.data.importers.folder_listing import Entry, Listing
from hume.data.importers.growing_array import GrowingImages, Pixels

Keep = Literal["refer", "copy", "move"]

LEAST = 2  # images in a dataset
BLOCK = 64  # files decoded between two progress reports
WORKERS = min(8, os.cpu_count() or 1)
DECODED = 0.9  # fraction of the progress, if files are copied afterwards


@dataclass
class Report:
    """The outcome of an import: given = used + len(set_aside)."""

    given: int
    used: int
    set_aside: list[tuple[str, str]]  # name and reason
    notes: list[str] = field(default_factory=list)  # sentences


@dataclass
class _Decoded:
    """One file's pixels for images.npy."""

    entry: Entry
    pixels: Pixels
    exact: bool  # the whole picture rather than one fitted to side × side
    digest: bytes  # of the file


def import_images(
    listing: Listing,
    root: Path,
    name: str,
    *,
    keep: Keep,
    own: Path | None = None,
    side: int = 96,
    source: str = "",
    licence: str = "",
    on_progress: Progress | None = None,
) -> tuple[DatasetFolder, Report]:
    """Import the images of a listing as a dataset `root/name`.

    If all have one size of at most `side` pixels, images.npy has them exactly. Otherwise it has squares of
    side × side, the shorter side resized and the centre cropped, and the originals stay available: "refer" stores
    their folder, "copy" and "move" put them into the dataset; only files below `own`, by default the listing's
    root, are moved, others are copied. Labels are written if every used image has one, a split likewise. Files
    that cannot be decoded are set aside; set_aside.csv lists them with those that the listing set aside.

    Raises InputError for fewer than two usable images, RunError when the disk is full; then no files remain.
    """
    if side < 8:
        raise InputError(f"side is {side}: stored images need at least 8 pixels")
    report = Report(listing.given, 0, list(listing.set_aside), list(listing.notes))
    copies = keep != "refer"
    with new_dataset(root, free_name(name, [], "dataset")) as folder:
        with closing(GrowingImages(folder.path / "images.npy", side)) as images:
            decoding = part(on_progress, 0, DECODED if copies else 1)
            span = _common_span(listing.entries)
            used, digest = _decode_all(listing.entries, span, images, root, keep, report, decoding)
        if len(used) < LEAST:
            raise InputError(_too_few(name, report))
        originals = None
        if not images.exact:
            originals = "originals" if copies else str(listing.root.resolve())
            if copies:
                movable = (own or listing.root).resolve() if keep == "move" else None
                _transfer(used, folder.path / "originals", movable, part(on_progress, DECODED, 1))
        labels, classes = _labels(used, listing.classes or [], report.notes)
        _write_arrays(folder, labels, _test_rows(used, report.notes), [entry.name for entry in used])
        columns = {name: [entry.cells[i] for entry in used] for i, name in enumerate(listing.columns)}
        report.notes += write_columns(folder.path / "columns.csv", columns)
        if report.set_aside:
            rows_aside = [(_utf8(name), reason) for name, reason in report.set_aside]
            write_csv(folder.path / "set_aside.csv", ("name", "reason"), rows_aside)
        described = {"name": name, "summary": _summary(len(used), images.shape), "source": source, "licence": licence}
        content = {"classes": classes, "digest": digest, "originals": originals, "grey_range": span}
        rows = {"given": report.given, "used": report.used, "set_aside": len(report.set_aside)}
        _write_card(folder, {**described, **content, "rows": rows, "notes": report.notes})
    return folder, report


def import_arrays_of_images(
    images: NDArray[np.uint8],
    root: Path,
    name: str,
    labels: NDArray[Any] | None = None,
    classes: Sequence[str] | None = None,
    test_rows: NDArray[np.bool_] | None = None,
    file_names: Sequence[str] | None = None,
    card: dict[str, Any] | None = None,
) -> DatasetFolder:
    """Create a dataset `root/name` from images in memory or memory-mapped, (N, H, W) or (N, H, W, 3) uint8.

    labels: (N,) integers from 0; classes: their names, possibly without images; test_rows: (N,) bool, not written if
    all rows are on one side; card: entries of the card, which take precedence.
    Raises InputError for arrays that do not match, RunError when the disk is full.
    """
    count = len(images) if images.ndim else 0
    if images.dtype != np.uint8 or 0 in images.shape or not (images.ndim == 3 or images.shape[3:] == (3,)):
        raise InputError(f"images are {images.dtype} of shape {images.shape}: give uint8 (N, H, W) or (N, H, W, 3)")
    if count < LEAST:
        raise InputError(f"{name} has {count} image: give at least {LEAST}")
    _check_columns(count, labels, classes, test_rows, file_names)
    named = {} if classes is None else {"classes": [str(label) for label in classes]}
    if labels is not None:
        labels = labels.astype(np.uint8 if labels.max() < 256 else np.int64)
    if test_rows is not None and test_rows.all() == test_rows.any():
        test_rows = None
    with new_dataset(root, free_name(name, [], "dataset")) as folder:
        if images.nbytes > shutil.disk_usage(root).free:
            raise RunError(_no_room(root, images.nbytes))
        write_array(folder.path / "images.npy", images)
        _write_arrays(folder, labels, test_rows, file_names)
        rows = {"given": count, "used": count, "set_aside": 0}
        summary = _summary(count, images.shape[1:])
        _write_card(folder, {"name": name, "summary": summary, **named, "rows": rows, **(card or {})})
        folder.change_card(lambda card: card.setdefault("digest", folder.digest))
    return folder


# --- decoding ------------------------------------------------------------------------------


def _decode_all(
    entries: list[Entry],
    span: Span | None,
    images: GrowingImages,
    root: Path,
    keep: Keep,
    report: Report,
    on_progress: Progress,
) -> tuple[list[Entry], str]:
    """Append every image that can be decoded; returns their entries and a digest of their files."""
    used: list[Entry] = []
    digest = hashlib.blake2b(b"" if span is None else repr(span).encode(), digest_size=DIGEST_BYTES)
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="decode") as pool:
        for start in range(0, len(entries), BLOCK):
            some = entries[start : start + BLOCK]
            for item in pool.map(_decode, some, itertools.repeat(images.side), itertools.repeat(span)):
                if isinstance(item, _Decoded):
                    images.add(item.pixels, exact=item.exact)
                    digest.update(item.digest)
                    used.append(item.entry)
                else:
                    report.set_aside.append(item)
            if start == 0:
                _check_room(root, images, entries, keep)
            on_progress(min(start + BLOCK, len(entries)) / len(entries))
    report.used = len(used)
    return used, digest.hexdigest()


def _common_span(entries: list[Entry]) -> Span | None:
    """Black and white of all pictures with values wider than a byte, so that brighter stays brighter."""
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="range") as pool:
        found = pool.map(lambda entry: extremes(entry.path, entry.name), entries)
        return common_span(each for each in found if each is not None)


def _decode(entry: Entry, side: int, span: Span | None) -> _Decoded | tuple[str, str]:
    try:  # at least one pixel more, so that a reduced picture never counts as a small one
        picture = open_picture(entry.path, entry.name, at_least=side + 1, span=span)
        exact = max(picture.size) <= side
        pixels = np.asarray(picture) if exact else fit(picture, side)
        with entry.path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES)).digest()
        return _Decoded(entry, pixels, exact, digest)
    except PictureError as error:
        return entry.name, error.reason
    except OSError as error:
        return entry.name, f"cannot be read ({error.strerror})"


def _too_few(name: str, report: Report) -> str:
    example = f" ({' '.join(map(_utf8, report.set_aside[0]))})" if report.set_aside else ""
    return f"{report.used} of {report.given:,} files of {name} are usable images{example}: give at least {LEAST}"


# --- the disk ------------------------------------------------------------------------------


def _check_room(root: Path, images: GrowingImages, entries: list[Entry], keep: Keep) -> None:
    """Raise RunError when the size predicted from the first images exceeds the free disk space."""
    needed = images.row_bytes * len(entries) if images.count else 0
    if keep == "copy" and not images.exact:
        needed += sum(_size(entry.path) for entry in entries)
    if needed > shutil.disk_usage(root).free:
        raise RunError(_no_room(root, needed))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _no_room(root: Path, needed: int) -> str:
    free = shutil.disk_usage(root).free
    return f"the images need {needed / 1e9:,.2f} GB, {root} has room for {free / 1e9:,.2f} GB: make room"


def _transfer(used: list[Entry], folder: Path, movable: Path | None, on_progress: Progress) -> None:
    """Copy the files under their names, move those below `movable`; missing ones are skipped."""
    for i, entry in enumerate(used, 1):
        target = folder / entry.name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if movable is not None and entry.path.resolve().is_relative_to(movable):
                shutil.move(entry.path, target)
            else:
                shutil.copyfile(entry.path, target)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
        if i % BLOCK == 0 or i == len(used):
            on_progress(i / len(used))


# --- labels, split and card ----------------------------------------------------------------


def _labels(used: list[Entry], classes: list[str], notes: list[str]) -> tuple[NDArray[Any] | None, list[str] | None]:
    """Labels 0..C−1 and the C classes with images; None unless every image has a label."""
    unlabelled = sum(entry.label is None for entry in used)
    if unlabelled == len(used):
        return None, None
    if unlabelled:
        notes.append(f"Labels are not imported: {unlabelled:,} of {len(used):,} images have none.")
        return None, None
    present = {entry.label for entry in used}
    used_classes = [label for label in classes if label in present]
    if len(used_classes) < len(classes):
        empty = [label for label in classes if label not in present]
        notes.append(f"Classes without a usable image are removed: {', '.join(empty)}.")
    numbers = {label: number for number, label in enumerate(used_classes)}
    labels = [numbers[entry.label] for entry in used if entry.label is not None]
    return np.array(labels, dtype=np.uint8 if len(used_classes) <= 256 else np.int64), used_classes


def _test_rows(used: list[Entry], notes: list[str]) -> NDArray[np.bool_] | None:
    splits = {entry.split for entry in used}
    if None in splits and len(splits) > 1:
        notes.append("The split is not imported: some images are neither train nor test.")
    elif len(splits) == 1 and None not in splits:
        notes.append(f"There is no split: all usable images are {splits.pop()} images.")
    elif len(splits) > 1:
        return np.array([entry.split == "test" for entry in used])
    return None


def _check_columns(
    count: int,
    labels: NDArray[Any] | None,
    classes: Sequence[str] | None,
    test_rows: NDArray[np.bool_] | None,
    file_names: Sequence[str] | None,
) -> None:
    if labels is not None and (labels.dtype.kind not in "iu" or labels.shape != (count,) or labels.min() < 0):
        raise InputError(f"labels are {labels.dtype} of shape {labels.shape}: give {count:,} integers from 0")
    if labels is not None and classes is not None and labels.max() >= len(classes):
        raise InputError(f"there is a label {labels.max()} for {len(classes)} classes: name them all")
    if test_rows is not None and (test_rows.dtype != bool or test_rows.shape != (count,)):
        raise InputError(f"test rows are {test_rows.dtype} of shape {test_rows.shape}: give {count:,} booleans")
    if file_names is not None and len(file_names) != count:
        raise InputError(f"there are {len(file_names):,} file names for {count:,} images: give one per image")
    bad = next((name for name in file_names or () if name.splitlines() != [name]), None)
    if bad is not None:
        raise InputError(f"{bad!r} cannot be a file name: give names of one line")


def _write_arrays(
    folder: DatasetFolder,
    labels: NDArray[Any] | None,
    test_rows: NDArray[np.bool_] | None,
    file_names: Sequence[str] | None,
) -> None:
    if labels is not None:
        write_array(folder.path / "labels.npy", labels)
    if test_rows is not None:
        write_array(folder.path / "test_rows.npy", test_rows)
    if file_names is not None:
        write_atomically(folder.path / "files.txt", "".join(f"{name}\n" for name in file_names).encode())


def _write_card(folder: DatasetFolder, entries: dict[str, Any]) -> None:
    """Write the entries that have a value, with the time."""
    present = {key: value for key, value in entries.items() if value not in (None, "", [])}
    folder.change_card(lambda card: card.update(present, added=datetime.now(UTC).isoformat(timespec="seconds")))


def _summary(count: int, shape: tuple[int, ...]) -> str:
    return f"{count:,} {'colour' if len(shape) == 3 else 'grey'} images, stored at {shape[1]} × {shape[0]} pixels"


def _utf8(name: str) -> str:
    """A name that can be written; bytes that are not UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()
