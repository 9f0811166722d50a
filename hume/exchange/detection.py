"""What a path holds that can be imported; nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

from hume.common.errors import InputError
from hume.common.formatting import count
from hume.common.once import once
from hume.data.folder import free_name
from hume.data.importers.folder_listing import Listing, check_allowed, list_folder, why_not
from hume.data.importers.folder_meaning import Meaning, Outcome, check, outcomes
from hume.data.importers.table_listing import PARQUET
from hume.data.importers.zip_archive import list_zip, open_zip, stored_name
from hume.exchange.releases import Release, scan_release

Kind = Literal["images", "zip", "arrays", "release", "hugging-face"]
Named = tuple[str, str]  # a file that was set aside, and the reason

TABLES = (".csv", ".tsv", *PARQUET)
LISTED = 20  # arrays
ARRAYS = (".npy", ".npz", ".safetensors", *PARQUET, ".h5ad", ".gz")


@dataclass(frozen=True)
class DetectedFormat:
    """The format of a path, before anything is imported."""

    kind: Kind
    path: Path
    summary: str  # one sentence
    listing: Listing | None = None
    release: Release | None = None
    pictures: tuple[str, ...] = ()  # of a folder or zip, whose folders may mean something
    meaning: Meaning | None = None  # of these folders, as the caller says
    left_out: tuple[Named, ...] = ()  # of a zip
    label_column: str | None = None  # of arrays, as the caller says
    split_column: str | None = None

    @once
    def outcomes(self) -> list[Outcome]:
        """What comes in under every meaning of the folders, the one that is used first; none for other formats."""
        found = outcomes(self.pictures) if self.pictures else []
        return found if self.meaning is None else sorted(found, key=lambda each: each.meaning != self.meaning)

    @property
    def suggested_name(self) -> str:
        """A name for the dataset, after the file or folder."""
        return free_name(self.path.name.split(".")[0], [], "dataset")

    @property
    def set_aside(self) -> list[Named]:
        """Files that will not be imported, as far as their names and headers show."""
        if self.release is not None:
            return [(item.path, item.reason) for item in self.release.set_aside]
        return list(self.left_out) if self.listing is None else self.listing.set_aside


def detect_format(
    path: Path, *, roots: list[Path] | None = None, meaning: Meaning | None = None, **columns: str | None
) -> DetectedFormat:
    """Detect the format of a path: images, a zip of them, a table of paths, arrays, a release, a Hugging Face dataset.

    roots: the folders that may be read, None for no limit; meaning: of the sub-folders of pictures, judged by their
    names if left out; columns: path_column, label_column and split_column of a table, where they are not known by
    name. Raises InputError for an unsupported format, a path outside the roots, a file that cannot be read, columns of
    a file that is not a table, and a meaning that the folders cannot have.
    """
    found = _detected(path, roots, meaning, columns)
    if meaning is not None and not found.pictures:
        raise InputError(f"{path} has no folders of pictures, so they are not {meaning}: omit that option")
    return found


def detect_zip(archive: Path | BinaryIO, path: Path, meaning: Meaning | None = None) -> DetectedFormat:
    """Detect what an archive holds, from its table of contents; path: its name, where it is an open file."""
    with open_zip(archive) as opened:
        entries, aside = list_zip(opened)
    reasons = {name: _why_not_in_zip(name) for name in sorted(entries)}
    pictures = tuple(name for name, why in reasons.items() if why is None)
    if meaning is not None and pictures:
        check(pictures, meaning)
    aside += [(name, why) for name, why in reasons.items() if why is not None]
    summary = f"An archive of {count(len(pictures) + len(aside), 'file')}, {len(pictures):,} of them images."
    if guessed := sum(stored_name(entry)[1] for entry in entries.values()):
        names = "1 name has" if guessed == 1 else f"{guessed:,} names have"
        summary += f" {names} no known encoding and may come out wrong: they are read as of MS-DOS."
    return DetectedFormat("zip", path, summary, pictures=pictures, meaning=meaning, left_out=tuple(aside))


def _detected(
    path: Path, roots: list[Path] | None, meaning: Meaning | None, columns: dict[str, str | None]
) -> DetectedFormat:
    resolved = check_allowed(path, roots)
    try:
        if resolved.is_dir():
            _refuse_columns(path, columns)
            return detect_folder(resolved, roots, meaning)
        if not resolved.is_file():
            reason = "is neither a file nor a folder" if resolved.exists() else "does not exist"
            raise InputError(f"{path} {reason}: check the path")
        if resolved.suffix != path.suffix:  # a link of a cache, whose files have digests as names
            resolved = path.expanduser().absolute()
        return _detect_file(path, resolved, roots, meaning, columns)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check the path and its permissions") from None


def _refuse_columns(path: Path, columns: dict[str, str | None]) -> None:
    requested = [name.replace("_", " ") for name, column in columns.items() if column]
    if requested:
        raise InputError(f"{path} is not a table, so it has no {requested[0]}: omit that option")


def _detect_file(
    path: Path, resolved: Path, roots: list[Path] | None, meaning: Meaning | None, columns: dict[str, str | None]
) -> DetectedFormat:
    from hume.data.importers import hugging_face_columns
    from hume.data.importers.arrays.plain import IDX_NAME, labels_beside
    from hume.data.importers.hugging_face import holds_images

    ending, requested = resolved.suffix.lower(), any(columns.values())
    if ending in PARQUET and not requested and holds_images(resolved):
        summary = f"A dataset of Hugging Face in 1 Parquet file. {hugging_face_columns.told(resolved)}"
        return DetectedFormat("hugging-face", resolved, summary)
    table = bool(columns.get("path_column")) or _is_table_of_paths(resolved, roots) if ending in PARQUET else False
    if ending in TABLES and (ending not in PARQUET or table):
        from hume.data.importers.table_listing import list_table

        return _images(resolved, list_table(resolved, roots=roots, **columns))
    if not columns.get("path_column") and (ending in ARRAYS or resolved.name.endswith("-ubyte")):
        labels, split = columns.get("label_column"), columns.get("split_column")
        if IDX_NAME.fullmatch(resolved.name) and (beside := labels_beside(resolved)) is not None:
            check_allowed(beside, roots)
        summary = _arrays_summary(resolved, labels, split)
        return DetectedFormat("arrays", resolved, summary, label_column=labels, split_column=split)
    _refuse_columns(path, columns)
    if ending == ".zip":
        return detect_zip(resolved, resolved, meaning)
    raise InputError(
        f"unsupported input: {path}. Supported: a folder or zip of images, a table of their paths (CSV, Parquet), "
        "arrays (.npy, .npz, .safetensors, Parquet, .h5ad)"
    )


def detect_folder(path: Path, roots: list[Path] | None, meaning: Meaning | None = None) -> DetectedFormat:
    from hume.data.importers import hugging_face_columns
    from hume.data.importers.arrays.shards import series_in
    from hume.data.importers.hugging_face import holds_images, parquet_files
    from hume.data.importers.saved_to_disk import is_saved

    release = scan_release(path) if is_release(path) else None
    if release is not None and release.datasets:
        return DetectedFormat("release", path, _release_summary(release), release=release)
    if is_saved(path):
        return DetectedFormat("hugging-face", path, f"A dataset of Hugging Face. {hugging_face_columns.told(path)}")
    tables = parquet_files(path)
    series = [file for files in series_in(path).values() for file in files]
    for file in {*tables, *series}:
        check_allowed(file, roots)
    if series and not any(map(holds_images, tables)):
        return DetectedFormat("arrays", path, f"{count(len(series), 'file')} as one. {_arrays_summary(path)}")
    if tables:
        summary = f"A dataset of Hugging Face in {count(len(tables), 'Parquet file')}."
        return DetectedFormat("hugging-face", path, f"{summary} {hugging_face_columns.told(tables[0])}")
    try:
        found = _images(path, list_folder(path, roots=roots, meaning=meaning))
        assert found.listing is not None
        pictures = tuple(entry.name for entry in found.listing.entries)
        return replace(found, pictures=pictures, meaning=meaning)
    except InputError:
        if release is None:
            raise
        raise InputError(no_dataset(release)) from None


def is_release(folder: Path) -> bool:
    """Whether a folder looks like a release of HUME's or TURTLE's authors; a folder of classes may look so too."""
    return any((folder / part).is_dir() for part in ("data/representations", "representations", "tasks"))


def _images(path: Path, listing: Listing) -> DetectedFormat:
    summary = count(len(listing.entries), "image")
    if listing.classes is not None:
        summary += f" in {count(len(listing.classes), 'class', 'classes')}"
    if listing.set_aside:
        summary += f"; {count(len(listing.set_aside), 'other file')} will be set aside"
    return DetectedFormat("images", path, " ".join([f"{summary}.", *listing.notes]), listing=listing)


def _why_not_in_zip(name: str) -> str | None:
    """Why a file of an archive is not used, judged by its folders and its name."""
    *folders, _ = name.split("/")
    return "is in a hidden folder" if any(part.startswith(".") for part in folders) else why_not(name)


def _is_table_of_paths(path: Path, roots: list[Path] | None) -> bool:
    from hume.data.importers.table_listing import list_table

    try:
        list_table(path, roots=roots)
    except InputError:
        return False
    return True


def _arrays_summary(path: Path, labels: str | None = None, split: str | None = None) -> str:
    """The arrays with what each is taken for, and what of that is a guess."""
    from hume.data.importers.arrays import describe_arrays

    found = describe_arrays(path, labels=labels, split=split)
    parts = []
    for facts in found[:LISTED]:
        role = f"not used: {facts.why}" if facts.why else facts.role
        parts.append(f"{facts.name} {' × '.join(f'{n:,}' for n in facts.shape)} ({role})".replace("  ", " "))
    if len(found) > LISTED:
        parts.append(f"and {len(found) - LISTED:,} more")
    sentences = [f"Arrays: {', '.join(parts)}."]
    whole = [facts.name for facts in found if facts.role == "column" and facts.dtype.startswith(("int", "uint"))]
    if whole and path.suffix.lower() in PARQUET:
        more = f" and {len(whole) - 3:,} more" if len(whole) > 3 else ""
        sentences.append(f"Whole numbers are kept beside the features, not among them: {', '.join(whole[:3])}{more}.")
    names = [facts.name for facts in found if facts.role == "labels"]
    if names and labels is None:
        sentences.append(f"{names[0]} is taken for the labels, by its name.")
    elif not names and any(facts.role == "column" for facts in found):
        sentences.append("No column is taken for the labels: none is named so.")
    return " ".join(sentences)


def _release_summary(release: Release) -> str:
    spaces = sum(len(dataset.spaces) for dataset in release.datasets)
    runs = sum(pair.problem is None for pair in release.pairs)
    whose = {"hume": "HUME", "turtle": "TURTLE"}[release.layout]
    return (
        f"A release in {whose}'s layout: {count(len(release.datasets), 'dataset')}, {count(spaces, 'space')}, "
        f"{count(runs, 'finished run')}."
    )


def no_dataset(release: Release, aside: Sequence[Named] = ()) -> str:
    aside = aside or [(item.path, item.reason) for item in release.set_aside]
    why = f" ({' '.join(aside[0])})" if aside else ""
    return f"{release.folder} has the layout of a release, but no usable dataset{why}: check its files"
