"""Destinations of an export: a folder or a zip archive, written file by file, so that neither is held in memory."""

import shutil
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

EARLIEST = (1980, 1, 1, 0, 0, 0)  # date in a zip archive
PACKED = (".png", ".jpg", ".webp")  # compressed already


class Sink(ABC):
    """Writes files by name; names have slashes and are created by this package, never by a user."""

    files = 0

    @abstractmethod
    def _open(self, name: str) -> AbstractContextManager[IO[bytes]]: ...

    @abstractmethod
    def folder(self, name: str) -> None:
        """Create a folder that may stay empty."""

    @contextmanager
    def stream(self, name: str) -> Iterator[IO[bytes]]:
        """Open a new file for writing."""
        with self._open(name) as file:
            yield file
        self.files += 1

    def put(self, name: str, content: bytes) -> None:
        """Write a new file with this content."""
        with self.stream(name) as file:
            file.write(content)

    def copy(self, name: str, path: Path) -> None:
        """Write a new file with the content of another."""
        with path.open("rb") as given, self.stream(name) as file:
            shutil.copyfileobj(given, file, 1 << 20)


class FolderSink(Sink):
    """Writes files into a new folder."""

    def __init__(self, root: Path):
        self.root = root
        root.mkdir(parents=True)

    def _open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")

    def folder(self, name: str) -> None:
        (self.root / name).mkdir(parents=True, exist_ok=True)


class ZipSink(Sink):
    """Writes files into one folder of a zip archive, byte for byte reproducible."""

    def __init__(self, archive: zipfile.ZipFile, top: str):
        self.archive = archive
        self.top = top

    def _open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        entry = self._entry(name, 0o100644)
        entry.compress_type = zipfile.ZIP_STORED if name.endswith(PACKED) else zipfile.ZIP_DEFLATED
        return self.archive.open(entry, "w", force_zip64=True)  # an array may be of any size

    def folder(self, name: str) -> None:
        self.archive.writestr(self._entry(f"{name}/", 0o040755), b"")

    def _entry(self, name: str, mode: int) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(f"{self.top}/{name}", EARLIEST)
        entry.create_system = 3  # Unix, wherever this runs
        entry.external_attr = mode << 16
        return entry
