"""Datasets of Hugging Face that have a column of images.

import_hugging_face("folder-of-save_to_disk", root, "mine")
"""

import json
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hume.common import optional
from hume.common.errors import HumeError, InputError
from hume.common.files import disk_errors
from hume.common.progress import Progress, part
from hume.data.folder import DatasetFolder, check_name
from hume.data.importers.folder_listing import ENDINGS, TEST, TRAIN, VALIDATION, Entry, Listing, ordered, split_of
from hume.data.importers.table_listing import LABEL_COLUMNS, PARQUET

METADATA = frozenset({"dataset_info.json", "dataset_infos.json"})  # beside Parquet files, never read
WRITING = 0.4  # share of the time, where pictures leave a table first
UNPACKED = ".unpacked-"  # folders that an import was killed over are swept away by this name


def import_hugging_face(
    path_or_id: str | Path,
    root: Path,
    name: str,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    on_progress: Progress | None = None,
) -> DatasetFolder:
    """Make a dataset `root/name` of a dataset of Hugging Face that has a column of images.

    path_or_id: a folder written by `save_to_disk`, a folder or file of Parquet, or a name on the hub, where the
    machine can reach it; no code of a dataset is ever run, and one that names files outside its folder is refused. Of a
    folder of Parquet files and nothing else, each file belongs to the part that its path names. image_column,
    label_column: by default the first column of images and of classes. Parts named train, validation and test are
    kept as the split; rows of other parts beside these, and images that cannot be decoded, are set aside. Pictures
    larger than 96 pixels are kept as originals.

    Raises InputError for a dataset that is missing, out of reach, damaged or without images, and RunError when the
    disk is full.
    """
    library = optional.library("datasets", "datasets", "a dataset of Hugging Face")
    check_name(name, "dataset")
    from hume.data.importers.images import import_images

    place = root / f"{UNPACKED}{uuid.uuid4().hex}"
    try:
        with disk_errors(root):
            place.mkdir(parents=True)
        parts = _parts_of(library, path_or_id, place / "cache")
        info = next(iter(parts.values())).info
        with disk_errors(root):
            columns = _columns(library, next(iter(parts.values())).features, image_column, label_column)
            home = Path(path_or_id) if Path(path_or_id).exists() else Path(library.config.HF_CACHE_HOME)
            listing = _unpack(library, parts, columns, place / "images", home, part(on_progress, 0, WRITING))
        source, licence = f"Hugging Face datasets: {info.homepage or path_or_id}", info.license or "not stated"
        folder, report = import_images(
            listing,
            root,
            name,
            keep="move",
            source=source,
            licence=licence,
            on_progress=part(on_progress, WRITING, 1),
        )
        if report.notes:
            folder.change_card(lambda card: card.setdefault("notes", []).extend(report.notes))
        part(on_progress, 0, 1)(1.0)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return folder


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files in a folder and below it, in order; none where it holds more than these and readmes."""
    found = []
    for path in folder.rglob("*"):
        hidden = any(name.startswith(".") for name in path.relative_to(folder).parts)
        if hidden or (path.is_dir() and not path.is_symlink()) or path.stem.lower() == "readme":
            continue
        if path.name in METADATA:
            continue
        if path.suffix.lower() not in PARQUET or not path.is_file():
            return []
        found.append(path)
    return sorted(found)


def is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` wrote a folder."""
    return any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


def holds_images(table: Path) -> bool:
    """Whether a Parquet file has a column of whole image files, as datasets of Hugging Face do; only its head is read.

    Such a column holds records of bytes and a path.
    """
    try:
        import pyarrow
        from pyarrow import parquet, types
    except ImportError:
        return False
    try:
        kinds = [field.type for field in parquet.read_schema(table)]
    except (pyarrow.ArrowException, OSError):
        return False
    return any(types.is_struct(kind) and {field.name for field in kind} == {"bytes", "path"} for kind in kinds)


def _check_saved(folder: Path) -> None:
    """Raise InputError where what save_to_disk wrote names files outside its folder, which would be read."""
    top = folder.resolve()
    if "::" in str(top):
        raise InputError(f"{folder} has :: in its path, which stands for something else: rename it")
    parts = [top]
    if (top / "dataset_dict.json").exists():
        names = json.loads(_inside(top / "dataset_dict.json", top).read_text("utf-8"))["splits"]
        bad = next((name for name in names if not re.fullmatch(r"\w+([.-]\w+)*", str(name))), None)
        if bad is not None:
            raise InputError(f"{folder} has a part named {bad!r}: save it again with parts of plain names")
        parts = [top / name for name in names]
    for split in parts:
        _inside(split / "dataset_info.json", top)
        state = json.loads(_inside(split / "state.json", top).read_text("utf-8"))
        for file in state["_data_files"]:
            _inside(split / file["filename"], top)


def _inside(path: Path, folder: Path) -> Path:
    """A path, links resolved; raises InputError where it leads out of a folder."""
    place = path.resolve()
    if not place.is_relative_to(folder):
        raise InputError(f"{folder} names {path.name}, which lies outside it: save the dataset again with save_to_disk")
    return place


def _linked(parts: dict[str, list[str]], folder: Path) -> dict[str, list[str]]:
    """Links with plain names to files, by part: a name of theirs may hold signs that stand for other files."""
    folder.mkdir(parents=True)
    found: dict[str, list[str]] = {}
    for split, files in parts.items():
        for number, file in enumerate(files):
            link = folder / f"{split}-{number:07d}.parquet"
            link.symlink_to(Path(file).resolve())
            found.setdefault(split, []).append(str(link))
    return found


def _by_part(folder: Path, files: list[Path]) -> dict[str, list[str]]:
    """Files by the first word of their path that names a part; the others are "other", or "train" where all are."""
    parts: dict[str, list[str]] = {}
    for file in files:
        words = re.findall("[a-z]+", file.relative_to(folder).as_posix().lower())
        split = next((word for word in words if word in TRAIN | TEST | VALIDATION), "other")
        parts.setdefault(split, []).append(str(file))
    return {"train": parts["other"]} if list(parts) == ["other"] else parts


def _parts_of(library: Any, path_or_id: str | Path, cache: Path) -> dict[str, Any]:
    """The parts of a dataset by name, "" where it has none; nothing is decoded."""
    path = Path(path_or_id).expanduser()
    try:
        if is_saved(path):
            _check_saved(path)
            found = library.load_from_disk(str(path.resolve()))
        elif path.is_file() or (path.is_dir() and parquet_files(path)):
            files = {"train": [str(path)]} if path.is_file() else _by_part(path, parquet_files(path))
            files = _linked(files, cache.with_name("tables"))
            found = library.load_dataset("parquet", data_files=files, cache_dir=str(cache))
        elif path.is_dir():  # never left to the library, which reads whatever a readme names
            raise InputError(
                f"{path_or_id} is neither what save_to_disk writes nor a folder of Parquet files alone: save the "
                "dataset with save_to_disk"
            )
        elif path.is_absolute() or str(path_or_id).startswith((".", "~")):
            raise InputError(f"{path_or_id} does not exist: check the path")
        else:
            found = library.load_dataset(str(path_or_id))
        parts = dict(found) if isinstance(found, dict) else {"": found}
        parts = {split: _with_images(library, rows) for split, rows in parts.items() if len(rows)}
    except HumeError:
        raise
    except Exception as error:  # of the network, the hub or damaged files
        raise InputError(
            f"{path_or_id} cannot be loaded ({_short(error)}): check the name, or save the dataset with "
            "save_to_disk where the hub can be reached and give its folder"
        ) from None
    if not parts:
        raise InputError(f"{path_or_id} has no rows: choose another dataset")
    return parts


def _with_images(library: Any, rows: Any) -> Any:
    """Rows whose columns of bytes and a path are told to be images, where the file does not say what they are."""
    for name, kind in rows.features.items():
        if isinstance(kind, dict) and set(kind) == {"bytes", "path"}:
            rows = rows.cast_column(name, library.Image())
    return rows


def _columns(library: Any, features: Any, images: str | None, labels: str | None) -> tuple[str, str | None]:
    """The columns of images and of labels: those asked for, else the first by type, for labels else by name."""
    for asked in filter(None, (images, labels)):
        if asked not in features:
            raise InputError(f"there is no column {asked!r}: choose one of {', '.join(features)}")
    pictures = [name for name, kind in features.items() if isinstance(kind, library.Image)]
    images = images or next(iter(pictures), None)
    if images not in pictures:
        raise InputError(
            f"of the columns {', '.join(features)}, these hold images: {', '.join(pictures) or 'none'}; choose one"
        )
    if labels is None:
        classes = [name for name, kind in features.items() if isinstance(kind, library.ClassLabel)]
        usual = [name for name in features if name.lower() in LABEL_COLUMNS and hasattr(features[name], "dtype")]
        labels = next(iter(classes + usual), None)
    return str(images), labels


def _unpack(
    library: Any, parts: dict[str, Any], columns: tuple[str, str | None], place: Path, home: Path, on_progress: Progress
) -> Listing:
    """Write every row's image into a file of its own, as it is stored; files that rows refer to must lie in `home`."""
    images, labels = columns
    names = getattr(next(iter(parts.values())).features[labels], "names", None) if labels else None
    known = [split for split in parts if split.lower() in TRAIN | TEST | VALIDATION]
    has_test = any(split.lower() in TEST for split in parts)
    entries: list[Entry] = []
    aside: list[tuple[str, str]] = []
    done, total = 0, sum(map(len, parts.values()))
    for split, rows in parts.items():
        folder = split or "all"
        (place / folder).mkdir(parents=True)
        for number, row in enumerate(_rows(library, rows, images, labels)):
            file = f"{folder}/{number:07d}{_ending(row[images])}"
            if known and split not in known:
                aside.append((file, f"is in the part {split}, which is neither train nor test"))
            elif (content := _content(row[images], home)) is None:
                aside.append((file, "has no image"))
            else:
                (place / file).write_bytes(content)
                label = _label(row[labels], names) if labels else None
                entries.append(Entry(file, place / file, label, split_of(split, has_test=has_test)))
            done += 1
            if done % 256 == 0 or done == total:
                on_progress(done / total)
    found = {entry.label for entry in entries if entry.label is not None}
    classes = None if not found else list(names) if names else ordered(found)
    return Listing(entries, aside, classes, place)


def _rows(library: Any, rows: Any, images: str, labels: str | None) -> Iterator[Any]:
    """The rows of a part, images as they are stored; raises InputError for what is damaged."""
    try:
        rows = rows.select_columns([images, *([labels] if labels else [])])
        yield from rows.cast_column(images, library.Image(decode=False))
    except Exception as error:  # of damaged files, or labels that are none of the classes
        raise InputError(f"the dataset cannot be read ({_short(error)}): get or save it again") from None


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _label(value: Any, names: list[str] | None) -> str | None:
    if value is None or value == "" or value == -1:
        return None
    if not names:
        return str(value)
    if not 0 <= value < len(names):
        raise InputError(f"the dataset has a label {value} for {len(names)} classes: save it again with all of them")
    return str(names[value])


def _content(cell: Any, home: Path) -> bytes | None:
    """The bytes of an image; of one that is only referred to, those of its file."""
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
