"""The classes that a finished search found: a row of typical pictures each, with its size, and a way to all of them."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume.runs.findings import Findings
from pages._state import ground_truth, runs, selection
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery
from pages._widgets.pairs import pairs

PER_CLASS = 12


def classes(found: Findings) -> None:
    """The classes of the labeling that is shown, in two columns."""
    names, blind = runs.class_names(found), not ground_truth.shows_truth(found.dataset)
    sizes = np.bincount(found.vote.labeling, minlength=found.num_classes)
    typical = _typical(found)
    opened = None
    for k, column in zip(found.classes, pairs(gap="large"), strict=False):
        with column:
            truth = "" if blind else _truth(found, k)
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{plots.plain(names[k])}** · {sizes[k]:,} samples{truth}", width="content")
                if st.button(
                    "All", key=f"all of class {k}", type="tertiary", icon=":material/arrow_forward:",
                    help=f"Explore all samples of {plots.plain(names[k])}",
                ):  # fmt: skip
                    opened = k
            tiles = [Tile(int(row)) for row in typical[k] if row >= 0]
            gallery(tiles, key=f"class {k}", dataset=found.dataset, label=names[k], size=48)
    if opened is not None:
        selection.select(found, np.flatnonzero(found.vote.labeling == opened), selection.OTHER)
        # Without parameters it would clear the address, to which the sidebar's parameters are bound.
        st.switch_page(runs.EXPLORE, query_params={})


def number(found: Findings) -> int:
    """How many classes have samples."""
    return int(np.count_nonzero(np.bincount(found.vote.labeling, minlength=found.num_classes)))


def _typical(found: Findings) -> NDArray[np.int64]:
    """The typical rows of every class."""
    if found.view == "refined" or found.mode is not None or found.review is not None:
        return found.typical(found.vote.labeling, PER_CLASS)
    return found.seed(found.seeds[int(found.statistics.order[0])], PER_CLASS).typical


def _truth(found: Findings, k: int) -> str:
    if found.match is None or found.match[k] < 0:
        return " · no matching true class"
    return f" · ground truth: *{plots.plain(found.true_names[int(found.match[k])])}*"
