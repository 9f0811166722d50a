"""The route that serves arrays of numbers to maps, each cached by the browser.

    <base path>/arrays/<digest of the content>

Only arrays that a page of this process has offered are served, the latest 256 MiB of them. After a restart an open page
may ask for one before its rerun: it gets a 404, and the map asks for a rerun, which offers the array again.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pages._widgets.thumbnails import FOR_GOOD, base_path

_PATH = re.compile(r"[0-9a-f]{32}")
_MOST_BYTES = 256 * 2**20

# Numbers hardly shrink, and compressing eight megabytes holds all tabs for half a second.
AS_IS = {"Content-Encoding": "identity"}

_lock = threading.Lock()
_offered: OrderedDict[str, NDArray[Any]] = OrderedDict()


def offer(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Let the route serve arrays by their keys; returns the prefix of a key."""
    with _lock:
        for key, array in arrays.items():
            _offered.setdefault(key, array)
            _offered.move_to_end(key)
        while len(_offered) > len(arrays) and sum(array.nbytes for array in _offered.values()) > _MOST_BYTES:
            _offered.popitem(last=False)
    return f"{base_path()}/arrays/"


def offered(key: str) -> NDArray[Any]:
    """An array by its key; raises KeyError for one that is not served."""
    return _offered[key]


def _serve(request: Request) -> Response:
    key = request.path_params["key"]
    array = _offered.get(key) if _PATH.fullmatch(key) else None
    if array is None:
        return Response(status_code=404, headers={"Cache-Control": "no-store"})
    return Response(array.tobytes(), media_type="application/octet-stream", headers=FOR_GOOD | AS_IS)


# As for thumbnails, any prefix matches.
ROUTES = [Route(f"{base}/arrays/{{key}}", _serve, methods=["GET"]) for base in ("", "/{base:path}")]
