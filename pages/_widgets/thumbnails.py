"""The route that serves pictures of samples, each cached by the browser.

    <base path>/thumbnails/<key>/<row>              the picture of a tile
    <base path>/thumbnails/<key>/<row>?size=256     the larger one, shown on hover

A key stands for one dataset with one state of its images, and only for datasets that a page of this process has
registered: nothing in the URL is ever used as a path. Responses are therefore immutable. After a restart an open page
may request a picture before its rerun; it gets a 404 and retries after the rerun.
"""

import hashlib
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from streamlit import config

from hume.data.dataset import Dataset
from hume.data.thumbnails import MEDIA_TYPE, THUMBNAIL, full_white, sample_images, thumbnail

PREVIEW = 256
SIZES = {"": THUMBNAIL, str(THUMBNAIL): THUMBNAIL, str(PREVIEW): PREVIEW}

_PATH = re.compile(r"([0-9a-f]{20})/([0-9]{1,9})")
_MOST_DATASETS = 8
FOR_GOOD = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, eq=False)
class Pictures:
    """The images of one dataset, as the route serves them."""

    key: str
    images: NDArray[np.uint8]  # (N, H, W) or (N, H, W, 3)
    white: int

    @property
    def url(self) -> str:
        """The prefix of a row number."""
        return f"{base_path()}/thumbnails/{self.key}/"

    @property
    def shrunk(self) -> bool:
        """Whether the images are larger than a tile."""
        return bool(max(self.images.shape[1:3]) > THUMBNAIL)


_lock = threading.Lock()
_served: OrderedDict[str, Pictures] = OrderedDict()
_of_dataset: WeakKeyDictionary[Dataset, Pictures | None] = WeakKeyDictionary()


def register(dataset: Dataset) -> Pictures | None:
    """Let the route serve a dataset's images; None where it has none.

    The 8 datasets registered last are served. Raises InputError for images that cannot be shown.
    """
    with _lock:
        if dataset not in _of_dataset:
            _of_dataset[dataset] = _read(dataset)
        pictures = _of_dataset[dataset]
        if pictures is not None:
            pictures = _served.setdefault(pictures.key, pictures)
            _served.move_to_end(pictures.key)
            while len(_served) > _MOST_DATASETS:
                _served.popitem(last=False)
        return pictures


def base_path() -> str:
    base = str(config.get_option("server.baseUrlPath")).strip("/")
    return f"/{base}" if base else ""


def _read(dataset: Dataset) -> Pictures | None:
    if dataset.folder is None:
        return None
    key = _content_key(dataset.folder)
    images = sample_images(dataset)
    return None if images is None else Pictures(key, images, full_white(images))


def _content_key(folder: Path) -> str:
    """A digest that changes with the folder and with its file of images."""
    digest = hashlib.blake2b(str(folder).encode(errors="surrogateescape"), digest_size=10)
    for name in ("images.npy", "images.npz"):
        if (folder / name).exists():
            state = (folder / name).stat()
            digest.update(f"|{name} {state.st_size} {state.st_mtime_ns}".encode())
    return digest.hexdigest()


def _serve(request: Request) -> Response:
    match = _PATH.fullmatch(request.path_params["path"])
    size = SIZES.get(request.query_params.get("size", ""))
    pictures = None if match is None else _served.get(match[1])
    if match is None or size is None or pictures is None or int(match[2]) >= len(pictures.images):
        return Response(status_code=404, headers={"Cache-Control": "no-store"})
    row = int(match[2])
    headers = {**FOR_GOOD, "ETag": f'"{pictures.key}-{row}-{size}"'}
    if headers["ETag"] in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    content = thumbnail(pictures.images[row], size, white=pictures.white)
    return Response(content, media_type=MEDIA_TYPE, headers=headers)


# For `st.App(..., routes=ROUTES)`. Streamlit does not add its base path to routes, and at import its configuration may
# not be read yet, so any prefix matches.
ROUTES = [Route(f"{base}/thumbnails/{{path:path}}", _serve, methods=["GET"]) for base in ("", "/{base:path}")]
