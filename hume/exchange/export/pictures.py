"""The picture of a sample as a file: the original if the dataset has it, else the copy in its images.

Pillow is loaded only to encode a picture. Copies of few grey values are brightened as on the pages, so that
scikit-learn's digits of 0 to 16 are not black on black.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.progress import Progress
from hume.data.dataset import Dataset
from hume.exchange.export.destination import Sink
from hume.exchange.export.request import ExportRequest

BATCH = 64  # pictures between two reports of progress
FIRST_BYTES = {b"\xff\xd8\xff": ".jpg", b"\x89PNG\r\n\x1a\n": ".png", b"BM": ".bmp"}


def has_pictures(dataset: Dataset) -> bool:
    """Whether a dataset has pictures of its samples; no file is read."""
    folder = dataset.folder
    if folder is None:
        return False
    originals = "originals" in dataset.card and (folder / "files.txt").exists()
    return originals or any((folder / name).exists() for name in ("images.npy", "images.npz"))


class PictureFiles:
    """The pictures of a dataset, by row; raises InputError when its images or file names are damaged."""

    def __init__(self, dataset: Dataset):
        from hume.data.thumbnails import full_white, sample_images

        self.dataset = dataset
        self.images = sample_images(dataset)
        self.white = 255 if self.images is None else full_white(self.images)
        originals = dataset.card.get("originals")
        self.base = None if originals is None or dataset.folder is None else (dataset.folder / str(originals)).resolve()

    def file(self, row: int) -> tuple[Path | bytes | None, str]:
        """A sample's picture, a file to copy or the bytes of a PNG file, and its suffix; or None and the reason."""
        path = self._original(row)
        suffix = None if path is None else _suffix(path)
        if path is not None and suffix is not None:
            return path, suffix
        pixels, reason = self.pixels(row)
        return (None, reason) if pixels is None else (_png(pixels), ".png")

    def pixels(self, row: int, at_least: int | None = None) -> tuple[NDArray[np.uint8] | None, str]:
        """A sample's picture (H, W) or (H, W, 3) uint8, of the original if possible; or None and the reason.

        at_least: a sufficient length of the shorter side in pixels; a larger original may be returned smaller.
        """
        path, reason = self._original(row), "it has no picture"
        if path is not None:
            from hume.data.grey_range import grey_range
            from hume.data.image_files import PictureError, open_picture

            try:
                span = grey_range(self.dataset)
                return np.asarray(open_picture(path, path.name, at_least=at_least, span=span)), ""
            except PictureError as error:
                reason = f"its picture {error.reason}"
        if self.images is None:
            return None, reason
        from hume.data.thumbnails import brightened

        return brightened(self.images[row], self.white), ""

    def _original(self, row: int) -> Path | None:
        """The original file of a sample, if it exists and no link leads out of the originals."""
        if self.base is None or self.dataset.file_names is None:
            return None
        try:
            path = (self.base / self.dataset.file_names[row]).resolve()
        except (OSError, RuntimeError, ValueError):  # a link to itself, or no name that a file can have
            return None
        return path if path.is_relative_to(self.base) and path.is_file() else None


@dataclass(frozen=True)
class Written:
    """One picture that was written."""

    i: int  # index into the request's rows
    name: str
    original: bool  # whether it is the sample's original file


def write_pictures(
    request: ExportRequest, sink: Sink, name_of: Callable[[int], str], on_progress: Progress
) -> tuple[list[Written], list[tuple[int, str]]]:
    """Write the picture of every sample to `name_of(i)` plus a suffix; those without one are set aside with the reason.

    Raises InputError when no sample has a picture.
    """
    pictures = PictureFiles(request.dataset)
    written: list[Written] = []
    aside: list[tuple[int, str]] = []
    for i, row in steps(request.rows.tolist(), on_progress):
        content, suffix = pictures.file(row)
        if content is None:
            aside.append((row, suffix))
            continue
        name = f"{name_of(i)}{suffix}"
        if isinstance(content, Path):
            sink.copy(name, content)
        else:
            sink.put(name, content)
        written.append(Written(i, name, isinstance(content, Path)))
    if not written:
        raise InputError(f"none of the {len(request.rows)} samples has a picture that can be read: {aside[0][1]}")
    return written, aside


def steps(rows: list[int], on_progress: Progress) -> Iterator[tuple[int, int]]:
    """Enumerate the rows, and report the progress."""
    for i, row in enumerate(rows):
        if i % BATCH == 0:
            on_progress(i / len(rows))
        yield i, row
    on_progress(1.0)


def numbered(request: ExportRequest) -> Callable[[int], str]:
    """A file name for each sample, without suffix: its row number, zero-padded."""
    width = len(str(request.dataset.num_samples - 1))
    return lambda i: f"{request.rows[i]:0{width}}"


def _suffix(path: Path) -> str | None:
    """The suffix of a common image format, by the file's content."""
    try:
        with path.open("rb") as file:
            first = file.read(12)
    except OSError:
        return None
    if first[:4] == b"RIFF" and first[8:] == b"WEBP":
        return ".webp"
    return next((suffix for start, suffix in FIRST_BYTES.items() if first.startswith(start)), None)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(content, "PNG")
    return content.getvalue()
