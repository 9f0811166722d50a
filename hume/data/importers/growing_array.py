"""Write images.npy row by row, without knowing the number of images or their shape in advance."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hume.data.feature_files import write_npy_header
from hume.data.image_files import fit

Pixels = NDArray[np.uint8]  # (H, W) or (H, W, 3)


class GrowingImages:
    """A .npy file of images, (N, H, W) or (N, H, W, 3) uint8, that grows a row at a time in bounded memory.

    Rows are stored exactly while all have one size of at most `side` pixels, and grey while all are; the first that
    differs triggers a rewrite of the rows before it, so that no file is decoded twice.
    Call `close` at the end, which makes the file readable for numpy.
    """

    def __init__(self, path: Path, side: int) -> None:
        self.path, self.side = path, side
        self.shape: tuple[int, ...] = ()  # of one row
        self.exact = True
        self.count = 0
        self._file: BinaryIO = path.open("xb")
        self._start = 0  # where the first row begins

    @property
    def colour(self) -> bool:
        return len(self.shape) == 3

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape))

    def add(self, pixels: Pixels, *, exact: bool) -> None:
        """Append one image: a whole picture of at most `side` pixels (exact), or one fitted to side × side."""
        if not self.count:
            self.shape, self.exact = pixels.shape, exact
            self._start = self._write_header(self._file, 0)
        if self.exact and not (exact and pixels.shape[:2] == self.shape[:2]):
            self._rewrite(self._fitted)
            self.exact = False
        if exact and not self.exact:
            pixels = self._fitted(pixels)
        if pixels.ndim == 3 and not self.colour:
            self._rewrite(_coloured)
        elif pixels.ndim == 2 and self.colour:
            pixels = _coloured(pixels)
        self._file.write(np.ascontiguousarray(pixels).data)
        self.count += 1

    def close(self) -> None:
        """Complete the header, if there are rows, and close the file."""
        if self._file.closed:  # a rewrite failed
            return
        with self._file:
            if self.count:
                self._file.seek(0)
                self._write_header(self._file, self.count)

    def _fitted(self, pixels: Pixels) -> Pixels:
        return fit(Image.fromarray(pixels), self.side)

    def _write_header(self, file: BinaryIO, count: int) -> int:
        """Write the header for `count` images; returns its length, the same for any count."""
        write_npy_header(file, (count, *self.shape), np.dtype(np.uint8))
        return file.tell()

    def _rewrite(self, convert: Callable[[Pixels], Pixels]) -> None:
        """Convert all rows so far, which may change their shape."""
        self._file.close()
        shape, start = self.shape, self._start
        rewritten = self.path.with_suffix(".part")
        with self.path.open("rb") as old:
            old.seek(start)
            self._file = rewritten.open("xb")
            for row in range(self.count):
                converted = convert(np.frombuffer(old.read(int(np.prod(shape))), np.uint8).reshape(shape))
                if not row:
                    self.shape = converted.shape
                    self._start = self._write_header(self._file, 0)
                self._file.write(np.ascontiguousarray(converted).data)
        rewritten.replace(self.path)


def _coloured(pixels: Pixels) -> Pixels:
    return np.repeat(pixels[:, :, None], 3, axis=2)
