"""A look into a folder or zip of pictures before it is imported: some of the pictures, and the files that are none."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hume.data.image_files import PictureError, check_start, fit, open_picture
from hume.data.importers.zip_archive import list_zip, open_zip
from hume.exchange.detection import DetectedFormat, Named

CHECKED = 2_000  # files whose first bytes are read
START = 16  # bytes
LARGEST = 64 * 2**20  # bytes of a file in an archive that is shown


@dataclass(frozen=True)
class Preview:
    """Some pictures (side, side) or (side, side, 3) uint8 with their names, and the files that cannot be read."""

    pictures: list[tuple[str, NDArray[np.uint8]]]
    unreadable: list[Named]
    checked: int  # files, of all


def look(detected: DetectedFormat, source: Path | BinaryIO, *, shown: int = 12, side: int = 72) -> Preview:
    """Look at pictures spread over a folder, table or zip, and at the first bytes of all of up to 2,000 files.

    source: the path, or the open file of an upload.
    """
    if detected.listing is not None:
        paths = {entry.name: entry.path for entry in detected.listing.entries}
        return _look(list(paths), lambda name: _start_of(paths[name]), paths.__getitem__, shown, side)
    if detected.kind != "zip":
        return Preview([], [], 0)
    with open_zip(source) as opened:
        entries, _ = list_zip(opened)

        def start(name: str) -> bytes:
            with opened.open(entries[name]) as file:
                return file.read(START)

        def content(name: str) -> bytes:
            if entries[name].file_size > LARGEST:
                raise PictureError(name, "is too large to be shown")
            return opened.read(entries[name])

        return _look(list(detected.pictures), start, content, shown, side)


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(START)


def _look(
    names: list[str], start: Callable[[str], bytes], content: Callable[[str], Path | bytes], shown: int, side: int
) -> Preview:
    unreadable: dict[str, str] = {}
    checked = names[:CHECKED]
    for name in checked:
        try:
            check_start(start(name), name)
        except PictureError as error:
            unreadable[name] = error.reason
        except Exception:  # a damaged archive raises whatever its decoder does
            unreadable[name] = "is damaged or has an unknown compression"
    readable = [name for name in names if name not in unreadable]
    pictures = []
    for name in readable[:: max(1, len(readable) // max(1, shown))][:shown]:
        try:
            pictures.append((name, fit(open_picture(content(name), name, at_least=side), side)))
        except PictureError as error:
            if "shown" not in error.reason:
                unreadable[name] = error.reason
        except Exception:
            unreadable[name] = "is damaged or has an unknown compression"
    return Preview(pictures, sorted(unreadable.items()), len(checked))
