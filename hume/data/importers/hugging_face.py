"""Import Hugging Face datasets with a column of images.

import_hugging_face("folder-of-save_to_disk", root, "mine")
"""

import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hume.common import optional
from hume.common.errors import HumeError, InputError
from hume.common.files import disk_errors
from hume.common.progress import Progress, part
from hume.data.folder import DatasetFolder, check_name
from hume.data.importers.folder_listing import ENDINGS, Entry, Listing
from hume.data.importers.folder_meaning import TEST, TRAIN, VALIDATION, ordered, split_of
from hume.data.importers.hugging_face_columns import labels_among
from hume.data.importers.label_text import absent, as_text, cleaned, spellings
from hume.data.importers.saved_to_disk import check_saved, is_saved
from hume.data.importers.table_listing import PARQUET

METADATA = frozenset({"dataset_info.json", "dataset_infos.json"})  # next to Parquet files, never read
WRITING = 0.4  # fraction of the progress for unpacking a table's pictures
UNPACKED = ".unpacked-"  # prefix of temporary folders; those of killed imports are removed by it


def import_hugging_face(
    path_or_id: str | Path,
    root: Path,
    name: str,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    on_progress: Progress | None = None,
) -> DatasetFolder:
    """Import a Hugging Face dataset with a column of images as `root/name`.

    path_or_id: a folder written by `save_to_disk`, a folder or file of Parquet, or a name on the hub, if the
    hub is reachable; code of a dataset is never run, and one that names files outside its folder is rejected. In a
    folder of only Parquet files, each file belongs to the split that its path names. image_column,
    label_column: by default the first column of images and of classes. Splits named train, validation and test are
    imported; rows of other splits next to these, and images that cannot be decoded, are set aside. Pictures
    larger than 96 pixels are stored as originals.

    Raises InputError for a dataset that is missing, unreachable, damaged or without images, and RunError when the
    disk is full.
    """
    library = optional.library("datasets", "datasets", "a Hugging Face dataset")
    check_name(name, "dataset")
    from hume.data.importers.images import import_images

    work_folder = root / f"{UNPACKED}{uuid.uuid4().hex}"
    try:
        with disk_errors(root):
            work_folder.mkdir(parents=True)
        splits = _splits_of(library, path_or_id, work_folder / "cache")
        info = next(iter(splits.values())).info
        with disk_errors(root):
            columns = _columns(library, splits, image_column, label_column)
            home = Path(path_or_id) if Path(path_or_id).exists() else Path(library.config.HF_CACHE_HOME)
            listing = _unpack(library, splits, columns, work_folder / "images", home, part(on_progress, 0, WRITING))
        source, licence = f"Hugging Face datasets: {info.homepage or path_or_id}", info.license or "not stated"
        writing = part(on_progress, WRITING, 1)
        folder, _ = import_images(listing, root, name, keep="move", source=source, licence=licence, on_progress=writing)
        part(on_progress, 0, 1)(1.0)
    finally:
        shutil.rmtree(work_folder, ignore_errors=True)
    return folder


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files in a folder and below it, in order; none if there are files other than these and readmes."""
    tables = []
    for path in folder.rglob("*"):
        hidden = any(name.startswith(".") for name in path.relative_to(folder).parts)
        if hidden or (path.is_dir() and not path.is_symlink()) or path.stem.lower() == "readme":
            continue
        if path.name in METADATA:
            continue
        if path.suffix.lower() not in PARQUET or not path.is_file():
            return []
        tables.append(path)
    return sorted(tables)


def holds_images(table: Path) -> bool:
    """Whether a Parquet file has a column of whole image files, as Hugging Face datasets do; reads only the schema.

    Such a column has records of bytes and a path.
    """
    try:
        import pyarrow
        from pyarrow import parquet, types
    except ImportError:
        return False
    try:
        kinds = [field.type for field in parquet.read_schema(table)]
    except (pyarrow.ArrowException, OSError, UnicodeEncodeError):
        return False
    return any(types.is_struct(kind) and {field.name for field in kind} == {"bytes", "path"} for kind in kinds)


def _linked(splits: dict[str, list[str]], folder: Path) -> dict[str, list[str]]:
    """Links with plain names to the files of every split: their own names may contain glob characters."""
    folder.mkdir(parents=True)
    links: dict[str, list[str]] = {}
    for split, files in splits.items():
        for number, file in enumerate(files):
            link = folder / f"{split}-{number:07d}.parquet"
            link.symlink_to(Path(file).resolve())
            links.setdefault(split, []).append(str(link))
    return links


def _by_split(folder: Path, files: list[Path]) -> dict[str, list[str]]:
    """Files by the first word of their path that names a split; the others are "other", or "train" if all are."""
    splits: dict[str, list[str]] = {}
    for file in files:
        words = re.findall("[a-z]+", file.relative_to(folder).as_posix().lower())
        split = next((word for word in words if word in TRAIN | TEST | VALIDATION), "other")
        splits.setdefault(split, []).append(str(file))
    return {"train": splits["other"]} if list(splits) == ["other"] else splits


def _splits_of(library: Any, path_or_id: str | Path, cache: Path) -> dict[str, Any]:
    """The splits of a dataset by name, "" if it has none; nothing is decoded."""
    path = Path(path_or_id).expanduser()
    try:
        if is_saved(path):
            check_saved(path)
            loaded = library.load_from_disk(str(path.resolve()))
        elif path.is_file() or (path.is_dir() and parquet_files(path)):
            files = {"train": [str(path)]} if path.is_file() else _by_split(path, parquet_files(path))
            files = _linked(files, cache.with_name("tables"))
            loaded = library.load_dataset("parquet", data_files=files, cache_dir=str(cache))
        elif path.is_dir():  # never left to the library, which reads all files named in a readme
            raise InputError(
                f"{path_or_id} is neither written by save_to_disk nor a folder of only Parquet files: save the "
                "dataset with save_to_disk"
            )
        elif path.is_absolute() or str(path_or_id).startswith((".", "~")):
            raise InputError(f"{path_or_id} does not exist: check the path")
        else:
            loaded = library.load_dataset(str(path_or_id))
        splits = dict(loaded) if isinstance(loaded, dict) else {"": loaded}
        splits = {split: _with_images(library, rows) for split, rows in splits.items() if len(rows)}
    except HumeError:
        raise
    except Exception as error:  # of the network, the hub or damaged files
        raise InputError(
            f"{path_or_id} cannot be loaded ({_short(error)}): check the name, or save the dataset with "
            "save_to_disk on a machine that reaches the hub and give its folder"
        ) from None
    if not splits:
        raise InputError(f"{path_or_id} has no rows: choose another dataset")
    return splits


def _with_images(library: Any, rows: Any) -> Any:
    """Rows with columns of bytes and a path cast to images, where the file does not declare them."""
    for name, kind in rows.features.items():
        if isinstance(kind, dict) and set(kind) == {"bytes", "path"}:
            rows = rows.cast_column(name, library.Image())
    return rows


class _Columns(NamedTuple):
    """The columns of a dataset by what is done with them."""

    images: str
    labels: str | None
    others: list[str]  # of one number or text a row, in all splits


def _columns(library: Any, splits: dict[str, Any], images: str | None, labels: str | None) -> _Columns:
    """The columns of images and labels: those requested, else the first by type, for labels else by name."""
    features = next(iter(splits.values())).features
    for requested in filter(None, (images, labels)):
        if requested not in features:
            raise InputError(f"there is no column {requested!r}: choose one of {', '.join(features)}")
    pictures = [name for name, kind in features.items() if isinstance(kind, library.Image)]
    images = images or next(iter(pictures), None)
    if images not in pictures:
        raise InputError(
            f"of the columns {', '.join(features)}, these have images: {', '.join(pictures) or 'none'}; choose one"
        )
    if labels is None:
        labels = labels_among({name: type(kind).__name__ for name, kind in features.items()})
    plain = (library.Value, library.ClassLabel)
    others = [
        name
        for name, kind in features.items()
        if name not in (images, labels)
        and all(isinstance(rows.features.get(name), plain) for rows in splits.values())
        and "binary" not in kind.dtype
    ]
    return _Columns(str(images), labels, others)


def _unpack(
    library: Any, splits: dict[str, Any], columns: _Columns, out: Path, home: Path, on_progress: Progress
) -> Listing:
    """Write every row's encoded image into its own file; files that rows refer to must be in `home`."""
    images, labels, others = columns
    features = next(iter(splits.values())).features
    names = getattr(features[labels], "names", None) if labels else None
    named = {name: getattr(features[name], "names", None) for name in others}
    known = [split for split in splits if split.lower() in TRAIN | TEST | VALIDATION]
    has_test = any(split.lower() in TEST for split in splits)
    entries: list[Entry] = []
    given: list[Any] = []  # labels
    aside: list[tuple[str, str]] = []
    done, total = 0, sum(map(len, splits.values()))
    for split, rows in splits.items():
        folder = split or "all"
        (out / folder).mkdir(parents=True)
        for number, row in enumerate(_rows(library, rows, columns)):
            file = f"{folder}/{number:07d}{_ending(row[images])}"
            if known and split not in known:
                aside.append((file, f"is in the split {split}, which is neither train nor test"))
            elif (content := _content(row[images], home)) is None:
                aside.append((file, "has no image"))
            else:
                (out / file).write_bytes(content)
                cells = tuple(_cell(row[name], named[name]) for name in others)
                entries.append(Entry(file, out / file, None, split_of(split, has_test=has_test), cells))
                given.append(_named(row[labels], names) if labels else None)
            done += 1
            if done % 256 == 0 or done == total:
                on_progress(done / total)
    found = given if names else cleaned(given)
    for entry, label in zip(entries, found, strict=True):
        entry.label = label
    present = {label for label in found if label is not None}
    classes = None if not present else list(map(str, names)) if names else ordered(present)
    written = spellings(found, given)
    note = f"The labels are the column {labels}{f', where {written} means none' * bool(written)}."
    return Listing(entries, aside, classes, out, [note] if present else [], tuple(others))


def _cell(value: Any, names: list[str] | None) -> str:
    """A cell of a further column as text; of classes by their name."""
    if absent(value) or (names and value == -1):
        return ""
    return str(names[value]) if names and 0 <= value < len(names) else as_text(value)


def _rows(library: Any, rows: Any, columns: _Columns) -> Iterator[Any]:
    """The rows of a split with encoded images; raises InputError for damaged files."""
    try:
        rows = rows.select_columns([columns.images, *([columns.labels] if columns.labels else []), *columns.others])
        yield from rows.cast_column(columns.images, library.Image(decode=False))
    except Exception as error:  # of damaged files or labels outside the classes
        raise InputError(f"the dataset cannot be read ({_short(error)}): download or save it again") from None


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _named(value: Any, names: list[str] | None) -> Any:
    """A label by its name, where the dataset names its classes; None for none, which it writes as −1."""
    if not names or value is None or value == -1:
        return None if names else value
    if not 0 <= value < len(names):
        raise InputError(f"the dataset has a label {value} for {len(names)} classes: save it again with all of them")
    return str(names[value])


def _content(cell: Any, home: Path) -> bytes | None:
    """The bytes of an image, read from its file if the cell only refers to one."""
    if not isinstance(cell, dict):
        return None
    if cell.get("bytes"):
        return bytes(cell["bytes"])
    try:
        path = Path(cell.get("path") or "").resolve()
        return path.read_bytes() if path.is_file() and path.is_relative_to(home.resolve()) else None
    except OSError:
        return None


def _ending(cell: Any) -> str:
    suffix = Path((cell or {}).get("path") or "").suffix.lower()
    if suffix in ENDINGS:
        return suffix
    return ".jpg" if ((cell or {}).get("bytes") or b"").startswith(b"\xff\xd8") else ".png"
