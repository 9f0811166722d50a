"""Maps of samples that pages share: drawn by the browser, arrays by URL, sample numbers on the wire."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume.data.dataset import Dataset
from hume.data.thumbnails import PIXEL_ART
from hume.reporting.maps import web
from hume.reporting.maps.scene import Scene, rows_of, selection_of
from pages._widgets import arrays
from pages._widgets.clicks import hear, heard, whole
from pages._widgets.thumbnails import PREVIEW, register

_mount = st.components.v2.component("hume_map", js=web.script(), css=web.style())


def sample_map(
    scene: Scene,
    *,
    key: str,
    dataset: Dataset,
    selected: NDArray[np.int64],
    opened: int | None = None,
    centre: str | None = None,
    on_select: Callable[[NDArray[np.int64]], None],
    on_open: Callable[[int], None],
) -> None:
    """Draw one or two maps with one selection.

    key: unique on the page. opened: a sample to ring; centre: whenever this text changes, the maps move to it.
    on_select, on_open: called before the rerun with the rows that were circled, and the row that was clicked on.
    """
    pictures = register(dataset)

    def act(click: dict[str, Any]) -> None:
        row, rows = whole(click.get("open"), dataset.num_samples), rows_of(click.get("select"), dataset.num_samples)
        if row is not None:
            on_open(row)
        if rows is not None:
            on_select(rows)

    def done() -> None:
        hear(key, st.session_state[key].get("done"), act)

    _mount(
        key=key,
        data={
            **scene.data,
            "url": arrays.offer(scene.arrays),
            "pictures": None
            if pictures is None
            else {
                "url": pictures.url,
                "preview": f"?size={PREVIEW}" if pictures.shrunk else "",
                "pixelated": max(pictures.images.shape[1:3]) <= PIXEL_ART,
            },
            "selected": selection_of(selected, dataset.num_samples),
            "opened": opened,
            "centre": centre,
            "heard": heard(key),
        },
        on_done_change=done,
    )
