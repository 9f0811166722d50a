"""Whatever people bring, told by what it is and made into datasets of a home.

found = look_at(path)            what lies there, in one sentence; nothing is written
brought = bring(found, store)    the datasets, and runs where a release has some
"""

import shutil
import uuid
import zipfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Literal

from hume.data.folder import Progress, free_name
from hume.data.listing import Listing, check_allowed, list_folder, why_not
from hume.data.tables import PARQUET
from hume.errors import InputError
from hume.io.releases import Release, import_release, scan_release
from hume.sentences import count
from hume.store import Store

if TYPE_CHECKING:
    from hume.data.importing import Keep

Kind = Literal["images", "zip", "arrays", "release", "hugging-face"]
Named = tuple[str, str]  # what was set aside, and why

TABLES = (".csv", ".tsv", *PARQUET)
ARRAYS = (".npy", ".npz", ".safetensors", *PARQUET, ".h5ad", ".gz")
UNPACKED = ".unpacked-"
UPLOADS = "uploads"  # a folder of the home
STALE = timedelta(days=1)  # what an import that was killed left behind is swept away then
UNPACKING = 0.3  # share of the time


@dataclass(frozen=True)
class Found:
    """What lies at a path, before anything is made of it."""

    kind: Kind
    path: Path
    words: str  # one sentence
    listing: Listing | None = None
    release: Release | None = None

    @property
    def suggested_name(self) -> str:
        """A name for the dataset, after the file or folder."""
        return free_name(self.path.name.split(".")[0], [], "dataset")

    @property
    def set_aside(self) -> list[Named]:
        """What will not be taken, as far as can be told without reading it."""
        if self.release is not None:
            return [(each.path, each.reason) for each in self.release.set_aside]
        return [] if self.listing is None else self.listing.set_aside


@dataclass(frozen=True)
class Brought:
    """What came of it: nothing that was given is in none of these."""

    words: str  # one sentence
    datasets: tuple[str, ...]
    runs: tuple[str, ...] = ()
    set_aside: tuple[Named, ...] = field(default=())


# --- looking -------------------------------------------------------------------------------------


def look_at(path: Path, *, roots: list[Path] | None = None, **columns: str | None) -> Found:
    """Tell what lies at a path: images, a zip of them, a table of paths, arrays, a release, a Hugging Face dataset.

    roots: the folders that may be read, None for no limit; columns: path_column, label_column and split_column of a
    table, where their names do not tell. Raises InputError for what is none of these or lies elsewhere.
    """
    place = check_allowed(path, roots)
    if place.is_dir():
        return _look_at_folder(place, roots)
    if not place.is_file():
        raise InputError(f"{path} does not exist: check the path")
    ending = place.suffix.lower()
    if ending == ".zip":
        return Found("zip", place, _zip_in_words(place))
    if ending in TABLES and (ending not in PARQUET or any(columns.values()) or _is_table_of_paths(place, roots)):
        from hume.data.tables import list_table

        return _images(place, list_table(place, roots=roots, **columns))
    if ending in ARRAYS or place.name.endswith("-ubyte"):
        return Found("arrays", place, _arrays_in_words(place))
    raise InputError(
        f"{path} is nothing that can be brought: give a folder or zip of images, a table of their paths "
        "(CSV, Parquet), or arrays (.npy, .npz, .safetensors, Parquet, .h5ad)"
    )


def _look_at_folder(place: Path, roots: list[Path] | None) -> Found:
    from hume.data.hugging_face import parquet_files

    if is_release(place):
        release = scan_release(place)
        return Found("release", place, _release_in_words(release), release=release)
    if (place / "dataset_info.json").exists() or (place / "dataset_dict.json").exists():
        return Found("hugging-face", place, "A dataset of Hugging Face.")
    if files := parquet_files(place):
        for file in files:
            check_allowed(file, roots)
        return Found("hugging-face", place, f"A dataset of Hugging Face in {count(len(files), 'Parquet file')}.")
    return _images(place, list_folder(place, roots=roots))


def is_release(folder: Path) -> bool:
    """Whether a folder looks like what the authors of HUME or TURTLE release."""
    return any((folder / part).is_dir() for part in ("data/representations", "representations", "tasks"))


def _images(place: Path, listing: Listing) -> Found:
    words = count(len(listing.entries), "image")
    if listing.classes is not None:
        words += f" in {count(len(listing.classes), 'class')}".replace("classs", "classes")
    if listing.set_aside:
        words += f"; {count(len(listing.set_aside), 'other file')} will be set aside"
    return Found("images", place, f"{words}.", listing=listing)


def _zip_in_words(place: Path) -> str:
    try:
        with zipfile.ZipFile(place) as archive:
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(f"{place.name} is no zip archive, or a damaged one ({error}): pack it again") from None
    return (
        f"An archive of {count(len(names), 'file')}, {sum(why_not(name) is None for name in names):,} of them images."
    )


def _is_table_of_paths(place: Path, roots: list[Path] | None) -> bool:
    from hume.data.tables import list_table

    try:
        list_table(place, roots=roots)
    except InputError:
        return False
    return True


def _arrays_in_words(place: Path) -> str:
    from hume.data.arrays import describe_arrays

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


# --- bringing ------------------------------------------------------------------------------------


def bring(
    found: Found,
    store: Store,
    name: str | None = None,
    *,
    keep: "Keep" = "refer",
    side: int = 96,
    source: str = "",
    on_progress: Progress | None = None,
) -> Brought:
    """Make datasets of what was found; they lie in the home's folder of datasets afterwards.

    name: of the dataset, where one is made; keep: whether pictures larger than `side` pixels stay where they are
    ("refer") or come along ("copy", "move"); source: what the card says about where they come from. Raises InputError
    for data that cannot be used, RunError when the disk is full.
    """
    name, root = name or found.suggested_name, store.dataset_roots[0]
    if found.kind == "zip":
        return _bring_zip(found, store, name, side, on_progress)
    if found.release is not None:
        return _bring_release(found.release, store, on_progress)
    if found.listing is not None:
        from hume.data.importing import import_images

        folder, report = import_images(
            found.listing, root, name, keep=keep, side=side, source=source, on_progress=on_progress
        )
        words = f"{report.used:,} of {count(report.given, 'given file')} are in {folder.name}"
        if report.set_aside:
            words += f"; {_set_aside(len(report.set_aside))}"
        return Brought(" ".join([f"{words}.", *report.notes]), (folder.name,), set_aside=tuple(report.set_aside))
    if found.kind == "hugging-face":
        from hume.data.hugging_face import import_hugging_face

        folder = import_hugging_face(str(found.path), root, name, on_progress=on_progress)
    else:
        from hume.data.arrays import import_array_file

        folder = import_array_file(found.path, root, name, source=source, on_progress=on_progress)
    return Brought(f"{folder.load().num_samples:,} rows are in {folder.name}.", (folder.name,))


def _set_aside(number: int) -> str:
    return f"{number:,} {'was' if number == 1 else 'were'} set aside"


def _bring_zip(found: Found, store: Store, name: str, side: int, on_progress: Progress | None) -> Brought:
    from hume.data.archives import top_folder, unpack_zip

    tell = on_progress or (lambda _: None)
    place = store.dataset_roots[0] / f"{UNPACKED}{uuid.uuid4().hex}"
    try:
        aside = unpack_zip(found.path, place, on_progress=lambda share: tell(UNPACKING * share))
        inside = _look_inside(top_folder(place), found.path.name)
        if inside.listing is not None:
            inside.listing.set_aside.extend(aside)
        brought = bring(
            inside,
            store,
            name,
            keep="move",
            side=side,
            source=found.path.name,
            on_progress=lambda share: tell(UNPACKING + (1 - UNPACKING) * share),
        )
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return brought


def _look_inside(folder: Path, archive: str) -> Found:
    """What was unpacked; errors name the archive, which the reader knows."""
    try:
        return _look_at_folder(folder, None)
    except InputError as error:
        raise InputError(str(error).replace(str(folder), archive)) from None


def _bring_release(release: Release, store: Store, on_progress: Progress | None) -> Brought:
    report = import_release(release, store, on_progress=on_progress)
    words = f"{count(len(report.datasets), 'dataset')} and {count(len(report.runs), 'finished run')} were added"
    known = len(report.known_datasets) + len(report.known_runs)
    if known:
        words += f", {known} were there already"
    aside = tuple((each.path, each.reason) for each in report.set_aside)
    if aside:
        words += f"; {_set_aside(len(aside))}"
    return Brought(f"{words}.", report.datasets + report.known_datasets, report.runs, aside)


def sweep(store: Store) -> None:
    """Remove what imports and uploads left behind that were killed a day ago or longer."""
    limit = time() - STALE.total_seconds()
    places = [place for root in store.dataset_roots for place in (*root.glob(f"{UNPACKED}*"), *root.glob(".part-*"))]
    for left in (*places, *(store.home / UPLOADS).glob("*")):
        if left.stat().st_mtime < limit:
            shutil.rmtree(left, ignore_errors=True)
