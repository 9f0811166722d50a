"""Sort pictures into bins, from a tray of unsorted ones, by mouse or keyboard."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from hume.data.dataset import Dataset
from hume.data.thumbnails import PIXEL_ART, THUMBNAIL
from pages._widgets.clicks import hear, heard, whole
from pages._widgets.thumbnails import PREVIEW, register

UNSORTED = -1  # the tray, in messages between browser and server

_ASSETS = Path(__file__).parents[2] / "assets"
_mount = st.components.v2.component(
    "hume_bins",
    js=(_ASSETS / "bins.js").read_text(encoding="utf-8"),
    css=(_ASSETS / "bins.css").read_text(encoding="utf-8"),
)


def bins(
    rows: Sequence[int],
    names: Sequence[str],
    placed: Mapping[int, int],
    *,
    key: str,
    dataset: Dataset,
    on_move: Callable[[int, int | None], None],
    tray: str = "Not sorted yet",
    size: int = 72,
) -> None:
    """Draw rows of a dataset in the bins called `names`, where `placed` has them, the others in the tray.

    on_move: called before the rerun with the row and the bin, None for the tray, of every move in its order.
    """
    pictures = register(dataset)
    shown = set(rows)

    def act(move: dict[str, Any]) -> None:
        row, to_tray = whole(move.get("row"), dataset.num_samples), move.get("bin") == UNSORTED
        target = whole(move.get("bin"), len(names))
        if row in shown and row is not None and (to_tray or target is not None):
            on_move(row, target)

    def moved() -> None:
        hear(key, st.session_state[key].get("moved"), act)

    _mount(
        key=key,
        data={
            "size": size,
            "tray": tray,
            "bins": list(names),
            "tiles": [(int(row), int(placed.get(row, UNSORTED))) for row in rows],
            "url": None if pictures is None else pictures.url,
            "query": f"?size={PREVIEW}" if pictures is not None and pictures.shrunk and size > THUMBNAIL else "",
            "pixelated": pictures is not None and max(pictures.images.shape[1:3]) <= PIXEL_ART,
            "heard": heard(key),
        },
        on_moved_change=moved,
    )
