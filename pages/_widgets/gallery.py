"""The clickable gallery of samples that pages share: pictures by URL, row numbers on the wire."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from hume.data.dataset import Dataset
from hume.data.thumbnails import PIXEL_ART, THUMBNAIL
from pages._widgets.clicks import hear, heard, whole
from pages._widgets.thumbnails import PREVIEW, register

Mark = Literal["", "rejected", "wrong", "selected"]

_ASSETS = Path(__file__).parents[2] / "assets"
_mount = st.components.v2.component(
    "hume_gallery",
    js=(_ASSETS / "gallery.js").read_text(encoding="utf-8"),
    css=(_ASSETS / "gallery.css").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Tile:
    """One sample of a gallery: its row in the dataset, a caption and a mark."""

    row: int
    caption: str = ""
    mark: Mark = ""


def gallery(
    tiles: Sequence[Tile],
    *,
    key: str,
    dataset: Dataset,
    label: str,
    size: int = 72,
    on_click: Callable[[int], None] | None = None,
    on_key: Callable[[int, str], None] | None = None,
    keys: Sequence[str] = (),
    main: bool = False,
) -> int | None:
    """Draw samples as a grid of buttons; returns the row clicked on in this rerun, else None.

    key: unique on the page. label: the accessible name of the grid. size: of a tile, in CSS pixels. on_click: called
    before the rerun with the row of every click, also of several between two reruns. on_key: so with every key of
    `keys` pressed on a picture, as the browser calls it; for Enter pictures have a corner to click on, too. main: the
    gallery that arrow keys lead to. A dataset without images shows cards with row numbers. Raises InputError for
    images that cannot be shown.
    """
    pictures = register(dataset)
    large = f"?size={PREVIEW}" if pictures is not None and pictures.shrunk else ""

    def act(click: dict[str, Any]) -> None:
        row, pressed = _row(click, dataset), str(click.get("key") or "")
        if row is None:
            return
        if pressed in keys and on_key is not None:
            on_key(row, pressed)
        elif not pressed and on_click is not None:
            on_click(row)

    def clicked() -> None:
        hear(key, st.session_state[key].get("clicked"), act)

    result = _mount(
        key=key,
        data={
            "label": label,
            "size": size,
            "url": None if pictures is None else pictures.url,
            "query": large if size > THUMBNAIL else "",
            "preview": large,
            "pixelated": pictures is not None and max(pictures.images.shape[1:3]) <= PIXEL_ART,
            "tiles": [(int(tile.row), tile.caption, tile.mark) for tile in tiles],
            "keys": list(keys),
            "opens": "Enter" in keys,
            "main": main,
            "heard": heard(key),
        },
        on_clicked_change=clicked,
    )
    return None if isinstance(result.clicked, dict) and result.clicked.get("key") else _row(result.clicked, dataset)


def _row(clicked: Any, dataset: Dataset) -> int | None:
    """The clicked row; None for none and for a message that no gallery of this dataset sends."""
    return whole(clicked.get("row"), dataset.num_samples) if isinstance(clicked, dict) else None
