"""List the image files of a folder, with labels and split from its sub-folders, and the files not used and why."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hume.common.errors import InputError
from hume.data.importers.folder_meaning import Meaning, Split, check, judge, ordered, places

PNG_LIKE = {".png", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"}
JPEG_LIKE = {".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".jp2", ".j2k", ".jpx"}
ENDINGS = frozenset(PNG_LIKE | JPEG_LIKE)
JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
OUT = "is a link out of the folder"
ROOTS = "HUME_DATA_ROOTS"


@dataclass(slots=True)
class Entry:
    """One image file: its name within the listing's root, with slashes, and label and split from its folder.

    cells: of the listing's columns.
    """

    name: str
    path: Path
    label: str | None = None
    split: Split | None = None
    cells: tuple[str, ...] = ()


@dataclass
class Listing:
    """All files given: those to use, in order, and those set aside, each with a reason."""

    entries: list[Entry]
    set_aside: list[tuple[str, str]]
    classes: list[str] | None  # in order; None if nothing has a label
    root: Path
    notes: list[str] = field(default_factory=list)  # further remarks for the user
    columns: tuple[str, ...] = ()  # names of what else is known of every image

    @property
    def given(self) -> int:
        return len(self.entries) + len(self.set_aside)


# --- allowed folders -----------------------------------------------------------------------


def allowed_roots() -> list[Path]:
    """The folders that pages may read from: those in HUME_DATA_ROOTS, else the user's home folder."""
    named = [path for path in os.environ.get(ROOTS, "").split(os.pathsep) if path]
    return [Path(path).expanduser().resolve() for path in named] or [Path.home().resolve()]


def check_allowed(path: Path, roots: Sequence[Path] | None) -> Path:
    """Resolve a path and its links; raises InputError when it is under none of the roots.

    roots: None for no limit.
    """
    try:
        resolved = path.expanduser().resolve()
    except (OSError, RuntimeError, ValueError):
        raise InputError(f"{path} is not a valid path: check it") from None
    if roots is not None and not any(resolved.is_relative_to(root.resolve()) for root in roots):
        allowed = ", ".join(str(root) for root in roots)
        raise InputError(f"{path} is outside the folders that may be read ({allowed}): set {ROOTS} to allow more")
    return resolved


# --- folders -------------------------------------------------------------------------------


def list_folder(folder: Path, *, roots: Sequence[Path] | None, meaning: Meaning | None = None) -> Listing:
    """List all images in a folder and below it, with what their folders mean.

    meaning: of the sub-folders, judged by their names and sizes if left out, see `hume.data.importers.folder_meaning`.
    Set aside are hidden files, other files than images by their ending, and links out of the folder. Every file in a
    hidden folder counts; a link to a folder counts as one.

    Entries are sorted by split, class and name, class names in natural order. 500,000 files take about 4 s.
    Raises InputError for a folder that does not exist, may not be read, is outside `roots` or has no image.
    """
    root = check_allowed(folder, roots)
    try:
        os.scandir(root).close()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder} is not a folder: name the folder with the images") from None
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}): check the path and its permissions") from None
    aside: list[tuple[str, str]] = []
    names = sorted(_walk(root, aside))
    leading_out = sum(reason == OUT for _, reason in aside)
    if not names and leading_out:
        raise InputError(
            f"{folder} has {leading_out:,} images that are links out of the folder, which are not followed: give a "
            "folder above that has their files, too, or copy them with cp -rL"
        )
    if not names:
        raise InputError(f"{folder} has no images ({len(aside):,} other files): name a folder with {_some_endings()}")
    if meaning is not None:
        check(names, meaning)
    found = places(names, meaning or judge(names))
    entries = [Entry(name, root / name, *place) for name, place in zip(names, found, strict=True)]
    labels = {entry.label for entry in entries if entry.label is not None}
    classes = ordered(labels) if labels else None
    ranks = {label: rank for rank, label in enumerate(classes or [])}
    entries.sort(key=lambda entry: (entry.split == "test", ranks.get(entry.label or "", -1), entry.name))
    return Listing(entries, sorted(aside), classes, root)


def why_not(name: str) -> str | None:
    """Why a file is not used as an image, judged by its name; None if it is used."""
    last = name.rsplit("/", 1)[-1]
    if last.casefold() in JUNK:
        return "is a file of the operating system"
    if last.startswith("."):
        return "is hidden"
    if name.splitlines() != [name] or name.startswith("\ufeff"):
        return "has a line break in its name"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    if os.path.splitext(last)[1].lower() not in ENDINGS:  # noqa: PTH122
        return "is not an image by its ending"
    return None


# --- scanning ---------------------------------------------------------------------------------------


def _walk(root: Path, aside: list[tuple[str, str]]) -> Iterator[str]:
    """The names of the images under a folder, without opening the files; the rest is set aside."""
    waiting: list[tuple[str, str | None]] = [("", None)]  # folders, and why nothing in them is used
    while waiting:
        below, hidden = waiting.pop()
        try:
            items = os.scandir(root / below)
        except OSError as error:
            aside.append((below, f"is a folder that cannot be read ({error.strerror})"))
            continue
        with items:
            for item in items:
                name = below + item.name
                if item.is_dir(follow_symlinks=False):
                    waiting.append((f"{name}/", hidden or _why_not_inside(item.name)))
                    continue
                reason = hidden or why_not(name) or (_why_not_link(root, name) if item.is_symlink() else None)
                if reason is None:
                    yield name
                else:
                    aside.append((name, reason))


def _why_not_inside(name: str) -> str | None:
    """Why nothing in a folder of this name is used; None if it is."""
    if name.casefold() in JUNK:
        return "is in a folder of the operating system"
    return "is in a hidden folder" if name.startswith(".") else None


def _why_not_link(root: Path, name: str) -> str | None:
    """Why a link is not followed; None for one to a file in the folder itself."""
    try:
        target = (root / name).resolve(strict=True)
    except (OSError, RuntimeError):
        return "is a broken link"
    if not target.is_relative_to(root):
        return OUT
    return "is a link to a folder" if target.is_dir() else None


def _some_endings() -> str:
    return ".png, .jpg, .gif, .bmp, .tif, .webp or similar files"
