"""Decode an untrusted image file to pixels, or report one reason why not.

Pillow decodes; formats that start other programs or are uncommon for photographs are excluded.
Pillow's own guard against decompression bombs warns through a process-wide switch, so files are
opened by the class of their format and their size is checked here, before decoding.
"""

import io
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import HumeError, InputError
from hume.data.grey_range import Extremes, Span, common_span

try:
    from PIL import (
        AvifImagePlugin,
        BmpImagePlugin,
        ExifTags,
        GifImagePlugin,
        Image,
        ImageFile,
        Jpeg2KImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        PpmImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )
except ImportError:
    raise InputError("images cannot be read without Pillow: pip install pillow") from None

MAX_PIXELS = 178_956_970  # Pillow's own limit; about 700 MB once decoded
JPEG_2000_PIXELS = 40_000_000  # its decoder takes 20 bytes a pixel and cannot decode in strips
MAX_BYTES = 2**30
LARGE_PIXELS = 2**24  # larger pictures are decoded one at a time ...
HUGE_PIXELS = 2**26  # ... and these even at a reduced size, since progressive JPEG holds the whole picture
STRIP_PIXELS = 2**22  # converted at once
LARGE = threading.Lock()

WEBP, AVIF = (b"RIFF", b"WEBP"), (b"ftyp", b"avif", b"avis")
FORMATS: tuple[tuple[tuple[bytes, ...], type[ImageFile.ImageFile]], ...] = (
    ((b"\x89PNG\r\n\x1a\n",), PngImagePlugin.PngImageFile),
    ((b"\xff\xd8\xff",), JpegImagePlugin.JpegImageFile),
    ((b"GIF87a", b"GIF89a"), GifImagePlugin.GifImageFile),
    ((b"BM",), BmpImagePlugin.BmpImageFile),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), TiffImagePlugin.TiffImageFile),
    ((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"), PpmImagePlugin.PpmImageFile),
    ((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), Jpeg2KImagePlugin.Jpeg2KImageFile),
)

BYTES_ALONE = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".dib", ".webp", ".avif"})

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # EXIF orientation to the transpose that undoes it


class PictureError(HumeError):
    """An unusable image; `reason` states why, as "is cut short"."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")
        self.reason = reason


def open_picture(
    source: Path | bytes | BinaryIO, name: str, *, at_least: int | None = None, span: Span | None = None
) -> Image.Image:
    """Decode one image file, in bounded memory, as mode "L" where it is grey and "RGB" otherwise.

    EXIF orientation is applied, transparency composited on white, CMYK and palettes converted; of an animation
    the first frame is used. span: black and white of values wider than a byte, by default the picture's own, see
    `common_span`: pictures of one dataset share theirs, so that brighter stays brighter.
    at_least: a shorter side that is enough for the caller; a larger picture may be returned reduced to it,
    and JPEG then decodes several times faster.

    Raises PictureError for a file that is not an image, damaged, cut short, or has more than 178 million pixels, in
    JPEG 2000 more than 40 million.
    """
    with _opened(source, name) as file, _decoding(name):
        picture = _identified(file, name)
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise PictureError(name, f"has {_millions(width * height)} million pixels, more than 178 million")
        if isinstance(picture, Jpeg2KImagePlugin.Jpeg2KImageFile) and width * height > JPEG_2000_PIXELS:
            most = f"more than {_millions(JPEG_2000_PIXELS)} million in JPEG 2000"
            raise PictureError(name, f"has {_millions(width * height)} million pixels, {most}")
        if at_least is not None:
            picture.draft(None, (at_least, at_least))
        large = picture.width * picture.height > LARGE_PIXELS or width * height > HUGE_PIXELS
        with LARGE if large else nullcontext():
            picture.load()
            return _upright(_plain(picture, at_least, span), picture)


def extremes(source: Path, name: str) -> Extremes | None:
    """The type of a picture with values wider than a byte, their least and their largest; None for any other file.

    Only the header is read of other pictures, and nothing of those whose format has bytes alone, by its ending.
    """
    if source.suffix.lower() in BYTES_ALONE:
        return None
    try:
        with _opened(source, name) as file, _decoding(name):
            picture = _identified(file, name)
            if not _is_wide(picture) or picture.width * picture.height > MAX_PIXELS:
                return None
            with LARGE if picture.width * picture.height > LARGE_PIXELS else nullcontext():
                picture.load()
                return (picture.mode, *_extremes(picture))
    except PictureError:
        return None


def fit(picture: Image.Image, side: int) -> NDArray[np.uint8]:
    """The largest centred square of a picture, resized to (side, side) or (side, side, 3) uint8."""
    width, height = picture.size
    square = min(width, height)
    left, top = (width - square) / 2, (height - square) / 2
    box = (left, top, left + square, top + square)
    return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, box=box))


def check_start(start: bytes, name: str) -> None:
    """Raise PictureError for a file whose first 16 bytes are no picture's; what follows may still be damaged."""
    if not start:
        raise PictureError(name, "is empty")
    _format(start, name)


# --- opening -------------------------------------------------------------------------------


@contextmanager
def _opened(source: Path | bytes | BinaryIO, name: str) -> Iterator[BinaryIO]:
    """Open a file for reading, checked to be a regular file of allowed size."""
    with _readable(source, name) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size == 0:
            raise PictureError(name, "is empty")
        if size > MAX_BYTES:
            raise PictureError(name, f"has {size / 2**30:.1f} GB, more than 1 GB")
        yield file


@contextmanager
def _readable(source: Path | bytes | BinaryIO, name: str) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif isinstance(source, Path):
        try:
            if not stat.S_ISREG(source.stat().st_mode):  # opening a pipe would block
                raise PictureError(name, "is a folder" if source.is_dir() else "is not a plain file")
            file = source.open("rb")
        except FileNotFoundError:
            raise PictureError(name, "does not exist") from None
        except PermissionError:
            raise PictureError(name, "may not be read") from None
        except OSError as error:
            raise PictureError(name, f"cannot be read ({error.strerror})") from None
        with file:
            yield file
    else:
        yield source


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Turn a decoder's exception into a PictureError; on damaged files decoders raise arbitrary ones."""
    try:
        yield
    except PictureError:
        raise
    except MemoryError:
        raise PictureError(name, "does not fit in memory") from None
    except Image.DecompressionBombError:
        raise PictureError(name, "has more than 178 million pixels") from None
    except Exception as error:
        short = isinstance(error, EOFError) or "truncated" in str(error).lower()
        raise PictureError(name, "is cut short" if short else "is damaged or cut short") from None


def _identified(file: BinaryIO, name: str) -> ImageFile.ImageFile:
    """Identify the format by the first bytes; reads only the header."""
    start = file.read(16)
    file.seek(0)
    kind = _format(start, name)
    try:
        return kind(file, "")
    except SyntaxError:
        if kind is TiffImagePlugin.TiffImageFile:
            _explain(file, name)
        raise


def _explain(file: BinaryIO, name: str) -> None:
    """Raise PictureError for a TIFF whose channels Pillow does not know."""
    file.seek(0)
    tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
    file.seek(tags.next)
    tags.load(file)
    bits = tags.get(258, (1,))
    if tags.get(277, 1) > 1:
        raise PictureError(name, f"has {tags[277]} channels of {bits[0]} bits: save it with 1, 3 or 4 of 8 bits")


def _format(start: bytes, name: str) -> type[ImageFile.ImageFile]:
    known = next((kind for magics, kind in FORMATS if start.startswith(magics)), None)
    if start.startswith(WEBP[0]) and start[8:12] == WEBP[1]:
        known = WebPImagePlugin.WebPImageFile
    elif start[4:8] == AVIF[0] and start[8:12] in AVIF[1:]:
        known = AvifImagePlugin.AvifImageFile
    if known is None:
        raise PictureError(name, "is not an image")
    return known


def _millions(pixels: int) -> str:
    return f"{pixels / 1e6:,.0f}"


# --- converting ----------------------------------------------------------------------------


def _plain(picture: Image.Image, at_least: int | None, span: Span | None) -> Image.Image:
    """Convert a picture to "L" or "RGB", strip by strip to avoid a second full copy.

    Where `at_least` allows, strips are reduced by an integer factor, to at least twice that size; a remainder that is
    not divisible is cropped on both sides, so that nothing is stretched.
    """
    factor = 1 if at_least is None else max(1, min(picture.size) // (2 * at_least))
    width, height = (length // factor * factor for length in picture.size)
    left, above = (picture.width - width) // 2, (picture.height - height) // 2
    grey = _is_grey(picture)
    if not _is_wide(picture):
        span = None
    elif span is None:
        span = common_span([(picture.mode, *_extremes(picture))])
    plain = Image.new("L" if grey else "RGB", (width // factor, height // factor))
    step = max(1, STRIP_PIXELS // (width * factor)) * factor
    for top in range(0, height, step):
        box = (left, above + top, left + width, above + min(top + step, height))
        strip = _plain_strip(picture.crop(box), grey, span)
        plain.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    return plain


def _plain_strip(strip: Image.Image, grey: bool, span: Span | None) -> Image.Image:
    if span is not None:
        low, high = span
        values = np.nan_to_num(np.asarray(strip, dtype=np.float32), nan=low, posinf=high, neginf=low)
        return Image.fromarray(np.rint((values - low) * (255 / (high - low))).clip(0, 255).astype(np.uint8))
    mode = "L" if grey else "RGB"
    if not strip.has_transparency_data:
        return strip.convert(mode)
    strip = strip.convert("LA" if strip.mode in ("1", "L", "LA", "La") else "RGBA")
    opaque = Image.new(mode, strip.size, "white")
    opaque.paste(strip.convert(mode), mask=strip.getchannel("A"))
    return opaque


def _is_grey(picture: Image.Image) -> bool:
    if picture.mode in ("P", "PA"):
        palette = np.array(picture.getpalette("RGB") or [], dtype=np.int16).reshape(-1, 3)
        return bool((palette == palette[:, :1]).all())
    return picture.mode in ("1", "L", "LA", "La", "I", "F") or picture.mode.startswith("I;16")


def _is_wide(picture: Image.Image) -> bool:
    return picture.mode in ("I", "F") or picture.mode.startswith("I;16")


def _extremes(picture: Image.Image) -> tuple[float, float]:
    """The smallest and largest finite value of a picture, read strip by strip."""
    width, height = picture.size
    step = max(1, STRIP_PIXELS // width)
    extremes: list[float] = []
    for top in range(0, height, step):
        values: NDArray[Any] = np.asarray(picture.crop((0, top, width, min(top + step, height))))
        values = values[np.isfinite(values)]
        if values.size:
            extremes += [float(values.min()), float(values.max())]
    return (min(extremes), max(extremes)) if extremes else (0.0, 0.0)


def _upright(plain: Image.Image, picture: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; damaged EXIF is ignored."""
    try:
        turn = TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        turn = None
    return plain if turn is None else plain.transpose(turn)
