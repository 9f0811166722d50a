"""Thumbnails of samples, small enough for hundreds on a page or in a report.

Pillow is imported here and nowhere else in the library; `import hume` does not load this module.
"""

import base64
import io
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hume.common.errors import InputError
from hume.data.dataset import Dataset
from hume.data.features import spread_over

MEDIA_TYPE = "image/webp"
THUMBNAIL = 96  # pixels on the longer side
PIXEL_ART = 64  # pictures up to this size are enlarged pixel by pixel
QUALITY = 80  # of larger ones, out of 100

_DARK = 64
_PROBED = 256


def sample_images(dataset: Dataset) -> NDArray[np.uint8] | None:
    """The images of a dataset, (N, H, W) or (N, H, W, 3) uint8, checked; None if it has none.

    Raises InputError for a damaged file, another shape or type, or a number of images other than that of the rows.
    """
    try:
        images = dataset.images
    except InputError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"the images of {dataset.folder} cannot be read ({error}): write them again") from None
    if images is None:
        return None
    if images.dtype != np.uint8 or not _is_grey_or_colour(images.shape[1:]):
        raise InputError(
            f"the images of {dataset.folder} are {images.dtype} of shape {images.shape}: "
            "save them as uint8 of shape (N, H, W) or (N, H, W, 3)"
        )
    if dataset.spaces and len(images) != dataset.num_samples:
        raise InputError(
            f"{dataset.folder} has {len(images)} images for {dataset.num_samples} rows: give one per row, in order"
        )
    return images


def full_white(images: NDArray[np.uint8]) -> int:
    """Choose the value shown as white, so that images with few grey levels are not all black.

    255, unless the brightest of up to 256 images spread over the dataset, (N, H, W) or (N, H, W, 3), is below 64:
    then that value, as with masks of 0 and 1 or scikit-learn's digits of 0 to 16.
    """
    brightest = int(images[spread_over(len(images), _PROBED)].max(initial=0))
    return brightest if 0 < brightest < _DARK else 255


def brightened(pixels: NDArray[np.uint8], white: int) -> NDArray[np.uint8]:
    """Stretch values of 0 to `white` to 0 to 255; see `full_white`."""
    if white == 255:
        return pixels
    return np.minimum(pixels.astype(np.uint16) * 255 // max(white, 1), 255).astype(np.uint8)


def thumbnail(image: NDArray[np.uint8], size: int = THUMBNAIL, *, white: int = 255) -> bytes:
    """One image as WebP, its longer side at most `size` pixels.

    image: (H, W) or (H, W, 3) uint8; white: the value shown as white, see `full_white`. Up to 64 pixels the copy is
    exact. Larger images are reduced; the browser enlarges smaller ones with `image-rendering: pixelated`.
    WebP was smaller than PNG on all images tried: 448 bytes to 497 for Fashion-MNIST, 103 to 122 for digits, 2.7 kB to
    18 kB for photographs at 96 pixels. Raises InputError for another shape or type or a size below 1.
    """
    return _encode(_shrunk(image, size, white), exact=_is_pixel_art(image, size))


def data_uri(image: NDArray[np.uint8], size: int = THUMBNAIL, *, white: int = 255) -> str:
    """The thumbnail as a data URI, for a page without a server; arguments as for `thumbnail`."""
    return f"data:{MEDIA_TYPE};base64,{base64.b64encode(thumbnail(image, size, white=white)).decode()}"


def _is_grey_or_colour(shape: tuple[int, ...]) -> bool:
    return 0 not in shape and (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3))


def _shrunk(image: NDArray[np.uint8], size: int, white: int) -> Image.Image:
    pixels: NDArray[Any] = np.asarray(image)
    if pixels.dtype != np.uint8 or not _is_grey_or_colour(pixels.shape):
        raise InputError(f"an image is {pixels.dtype} of shape {pixels.shape}: give uint8 of (H, W) or (H, W, 3)")
    if size < 1:
        raise InputError(f"size is {size}: choose at least 1 pixel")
    picture = Image.fromarray(np.ascontiguousarray(brightened(pixels, white)))
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    return picture


def _is_pixel_art(image: NDArray[np.uint8], size: int) -> bool:
    return bool(max(image.shape[:2]) <= min(size, PIXEL_ART))


def _encode(picture: Image.Image, *, exact: bool) -> bytes:
    content = io.BytesIO()
    if exact:
        # Higher effort was up to a hundred times slower and rarely smaller.
        picture.save(content, "WEBP", lossless=True, quality=50, method=1)
    else:
        picture.save(content, "WEBP", quality=QUALITY)
    return content.getvalue()
