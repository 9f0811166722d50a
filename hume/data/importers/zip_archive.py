"""Unpack an untrusted zip archive of images into one folder."""

import lzma
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from hume.common.errors import InputError, RunError
from hume.common.files import disk_errors
from hume.common.progress import Progress
from hume.data.importers.folder_listing import JUNK

MAX_ENTRIES = 2_000_000
MAX_BYTES = 512 * 2**30  # unpacked
MAX_RATIO = 200  # deflate reaches 1,032 with zeros; archives of images stay below 30
SMALL = 2**20  # smaller entries may have any compression ratio
HEADER_BYTES = 30  # the smallest header of an entry
LONGEST_PART, LONGEST_PATH = 255, 1024  # bytes
UTF_8 = 0x800  # the flag of an entry
UNICODE_PATH = 0x7075  # an extra field
CHUNK = 2**20
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError, OSError)


def unpack_zip(archive: Path | BinaryIO, folder: Path, *, on_progress: Progress | None = None) -> list[tuple[str, str]]:
    """Unpack the files of a zip archive into a folder; returns those set aside: (name, reason).

    Set aside are absolute names and those with `..`, links and other special files, encrypted and damaged entries,
    a second file of the same name (ignoring case), files of the operating system, entries that unpack to
    more than 200 times their size, and overlapping entries. folder: new or empty; see `top_folder`
    for archives of one folder.

    Raises InputError for a file that is no zip archive, is cut short, or unpacks to more than 512 GB, 2 million files,
    or 200 times its size (64 MB are always allowed), and RunError when the disk is full or cannot be written;
    the caller then removes `folder`.
    """
    name = archive.name if isinstance(archive, Path) else "the archive"
    with open_zip(archive) as opened:
        assert opened.fp is not None  # it was opened
        size = opened.fp.seek(0, os.SEEK_END)
        return _unpack(opened, name, size, folder, on_progress)


def open_zip(archive: Path | BinaryIO) -> zipfile.ZipFile:
    """Open a zip archive to read; raises InputError for a file that is none, or is cut short."""
    name = archive.name if isinstance(archive, Path) else "the archive"
    try:
        return zipfile.ZipFile(archive)
    except FileNotFoundError:
        raise InputError(f"{archive} does not exist: check the path") from None
    except (*DAMAGED, UnicodeDecodeError):
        raise InputError(f"{name} is no zip archive, or is cut short: create it again") from None


def list_zip(opened: zipfile.ZipFile) -> tuple[dict[str, zipfile.ZipInfo], list[tuple[str, str]]]:
    """The files that `unpack_zip` would write, by name, and those it would set aside; nothing is unpacked."""
    aside: list[tuple[str, str]] = []
    entries = [entry for entry in opened.infolist() if not entry.is_dir()]
    return {"/".join(parts): entry for entry, parts in _usable(entries, aside)}, aside


def stored_name(entry: zipfile.ZipInfo) -> tuple[str, bool]:
    """An entry's name as its writer meant it, and whether its encoding is a guess.

    It is UTF-8 where a flag or an extra field (0x7075, of Info-ZIP) says so, and where it can be: macOS writes UTF-8
    without the flag. Else it is read in the code page 437, as of MS-DOS.
    """
    if entry.flag_bits & UTF_8 or entry.filename.isascii():
        return entry.filename, False
    raw = entry.orig_filename.encode("cp437")
    extra = entry.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        content, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and content[:1] == b"\1" and content[1:5] == struct.pack("<I", zlib.crc32(raw)):
            raw = content[5:]
    try:
        return raw.decode().partition("\0")[0], False
    except UnicodeDecodeError:
        return entry.filename, True


def top_folder(folder: Path) -> Path:
    """The folder with the images: its only item if that is a folder, else the folder itself."""
    with os.scandir(folder) as entries:
        items = list(entries)
    if len(items) == 1 and items[0].is_dir(follow_symlinks=False):
        return folder / items[0].name
    return folder


def _unpack(
    opened: zipfile.ZipFile, name: str, size: int, folder: Path, on_progress: Progress | None
) -> list[tuple[str, str]]:
    entries = [entry for entry in opened.infolist() if not entry.is_dir()]
    if len(entries) > MAX_ENTRIES:
        raise InputError(f"{name} has {len(entries):,} files, more than {MAX_ENTRIES:,}: split it")
    aside: list[tuple[str, str]] = []
    usable = list(_usable(entries, aside))
    total = sum(entry.file_size for entry, _ in usable)
    packed = min(size, sum(entry.compress_size for entry, _ in usable))
    if total > max(64 * SMALL, MAX_RATIO * packed):
        raise InputError(f"{name} unpacks to more than {MAX_RATIO} times its size: give the unpacked folder")
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"{folder} is not empty: name a new folder")
        _check_room(name, folder, total)
    done = 0
    for entry, parts in usable:
        problem = _write(opened, entry, folder.joinpath(*parts))
        if problem is not None:
            aside.append(("/".join(parts), problem))
        done += entry.file_size
        if on_progress is not None:
            on_progress(done / max(total, 1))
    return aside


def _usable(
    entries: list[zipfile.ZipInfo], aside: list[tuple[str, str]]
) -> Iterator[tuple[zipfile.ZipInfo, tuple[str, ...]]]:
    """The entries that may be written, with the parts of their paths; the others are set aside."""
    overlapping = _overlapping(entries)
    files: set[str] = set()
    folders: set[str] = set()
    for entry in entries:
        name, _ = stored_name(entry)
        parts = PurePosixPath(name.replace("\\", "/")).parts
        reason = _why_not(entry, parts)
        path = "/".join(parts).casefold()
        parents = {path[:i] for i, letter in enumerate(path) if letter == "/"}
        if reason is None and (path in files or path in folders or parents & files):
            reason = "has the name of another file"
        if reason is None and id(entry) in overlapping:
            reason = "shares bytes with another file"
        if reason is None:
            files.add(path)
            folders |= parents
            yield entry, parts
        else:
            aside.append((name, reason))


def _overlapping(entries: list[zipfile.ZipInfo]) -> set[int]:
    """The entries (by id) that overlap the next: shared bytes turn a small archive into a zip bomb."""
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    return {
        id(entry)
        for entry, following in pairwise(ordered)
        if entry.header_offset + HEADER_BYTES + entry.compress_size > following.header_offset
    }


def _why_not(entry: zipfile.ZipInfo, parts: tuple[str, ...]) -> str | None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if not parts or parts[0] == "/" or parts[0][1:2] == ":" or ".." in parts:
        return "has a name that leads out of the archive"
    if any(part.casefold() in JUNK for part in parts) or parts[-1] == ".DS_Store" or parts[-1].startswith("._"):
        return "is a file of the operating system"
    lengths = [len(os.fsencode(part)) for part in parts]
    if (
        max(lengths) > LONGEST_PART
        or sum(lengths) + len(parts) > LONGEST_PATH
        or any(letter < " " for letter in "".join(parts))
    ):
        return "has an invalid file name"
    if kind not in (0, stat.S_IFREG):
        return "is a link" if kind == stat.S_IFLNK else "is not a plain file"
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if entry.file_size > max(SMALL, MAX_RATIO * entry.compress_size):
        return f"unpacks to more than {MAX_RATIO} times its size"
    return None


def _check_room(name: str, folder: Path, total: int) -> None:
    if total > MAX_BYTES:
        raise InputError(f"{name} unpacks to {_gigabytes(total)}, more than {_gigabytes(MAX_BYTES)}: split it")
    free = shutil.disk_usage(folder).free
    if total > free:
        raise RunError(f"{name} unpacks to {_gigabytes(total)}, {folder} has room for {_gigabytes(free)}: make room")


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> str | None:
    """Write one entry, never more bytes than it declares; returns why it cannot be read, else None."""
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("xb")
    try:
        with file, opened.open(entry) as content:
            left = entry.file_size
            while chunk := content.read(CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise zipfile.BadZipFile("longer than declared")
                with disk_errors(path.parent):
                    file.write(chunk)
                    file.flush()
        return None
    except DAMAGED:
        path.unlink()
        return "is damaged or has an unknown compression"
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.2f} GB"
