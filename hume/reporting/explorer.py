"""The widget of `hume.explore`: the app's map in a notebook's cell, and the selected samples as pictures."""

from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from hume.common.errors import InputError
from hume.common.progress import Progress
from hume.data.thumbnails import PIXEL_ART, THUMBNAIL, full_white, sample_images, thumbnail
from hume.reporting.maps import Which, web
from hume.reporting.maps.of_run import map_of
from hume.reporting.maps.scene import Colour, Panel, rows_of, scene, selection_of
from hume.runs import review
from hume.runs.findings import Findings

PREVIEW = 256
MOST_PICTURES = 200  # in one answer to the browser


class Explorer(anywidget.AnyWidget):
    """A map of a run's samples; `selection` holds the selected ones, `opened` the one that was clicked on last.

    Both can be observed and set: `widget.observe(act, "selection")`, `widget.selection = [3, 5]`.
    """

    _esm = web.script("notebook.js", styled=True)

    selection = traitlets.Any()  # (n,) row numbers in ascending order
    opened = traitlets.Int(None, allow_none=True).tag(sync=True)
    scene = traitlets.Dict().tag(sync=True)
    arrays = traitlets.Dict().tag(sync=True)  # binary, by the keys that the scene names
    selected = traitlets.Dict().tag(sync=True)  # the selection as the browser takes it
    done = traitlets.Dict().tag(sync=True)  # what the reader did last

    def __init__(self, found: Findings, *, space: Which, colour: Any, height: int, on_progress: Progress | None = None):
        self.found = found
        self._images = sample_images(found.dataset)
        self._white = 255 if self._images is None else full_white(self._images)
        made = map_of(found, space, on_progress)
        described = scene(
            [Panel(f"UMAP of {space}", made)], [self._colour(colour)], num_samples=found.dataset.num_samples,
            captions=self._classes(), file=f"{found.run.name}-map", height=height,
        )  # fmt: skip
        images = self._images
        pictures = None if images is None else {"preview": PREVIEW, "pixelated": max(images.shape[1:3]) <= PIXEL_ART}
        super().__init__(
            selection=np.empty(0, np.int64),
            scene={**described.data, "pictures": pictures},
            arrays={key: array.tobytes() for key, array in described.arrays.items()},
            selected=selection_of([], found.dataset.num_samples),
        )
        self.on_msg(self._asked)

    @traitlets.validate("selection")
    def _rows(self, proposal: Any) -> NDArray[np.int64]:
        rows, N = np.unique(np.asarray(proposal["value"])), self.found.dataset.num_samples
        if rows.size and (not np.issubdtype(rows.dtype, np.integer) or rows[0] < 0 or rows[-1] >= N):
            raise traitlets.TraitError(f"a selection holds row numbers from 0 to {N - 1}")
        return rows.astype(np.int64)

    @traitlets.observe("selection")
    def _show(self, change: Any) -> None:
        self.selected = selection_of(change["new"], self.found.dataset.num_samples)

    @traitlets.observe("done")
    def _act(self, change: Any) -> None:
        rows = rows_of(change["new"].get("select"), self.found.dataset.num_samples)
        if rows is not None:
            self.selection = rows

    def _asked(self, widget: Any, content: Any, buffers: Any) -> None:
        """Send pictures that the browser asks for, by their rows and size."""
        rows = content.get("rows") if isinstance(content, dict) else None
        if self._images is None or not isinstance(rows, list):
            return
        N, size = len(self._images), PREVIEW if content.get("size") == PREVIEW else THUMBNAIL
        known = [row for row in rows[:MOST_PICTURES] if type(row) is int and 0 <= row < N]
        made = [thumbnail(self._images[row], size, white=self._white) for row in known]
        self.send({"rows": known, "size": content.get("size")}, buffers=made)

    def _classes(self) -> Colour:
        given = review.read(self.found.run)
        names = [given.name(k) for k in range(self.found.num_classes)]
        return Colour("Found class", self.found.vote.labeling, names)

    def _colour(self, given: ArrayLike | None) -> Colour:
        if given is None:
            return self._classes()
        values, N = np.asarray(given), self.found.dataset.num_samples
        if values.shape != (N,):
            raise InputError(f"colour has shape {values.shape}: give one entry for each of {N:,} samples")
        if np.issubdtype(values.dtype, np.number) or values.dtype == np.bool_:
            return Colour("colour", values=values.astype(np.float64))
        names, codes = np.unique(values.astype(str), return_inverse=True)
        return Colour("colour", codes, names.tolist())
