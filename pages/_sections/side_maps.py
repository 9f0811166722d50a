"""Two labelings on one map twice, with one selection."""

from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume.experiments.sides import TwoLabelings
from hume.reporting import difference_sentences
from hume.reporting.maps.scene import Colour, Panel, scene
from hume.runs.findings import Findings
from pages._sections import map_view
from pages._state import runs
from pages._widgets import plots
from pages._widgets.sample_map import sample_map

HEIGHT = 420  # pixels
SPACES = ("φ1", "φ2")
CIRCLED, OPENED = "circled of two labelings", "opened of two labelings"


def circled(both: TwoLabelings) -> NDArray[np.int64] | None:
    """The samples that were circled on the maps of these two labelings, None for none."""
    of, rows = st.session_state.get(CIRCLED, (None, ()))
    return rows if of == _key(both) and len(rows) else None


def forget() -> None:
    """Show the samples of a cell again."""
    st.session_state.pop(CIRCLED, None)


def section(both: TwoLabelings, found: Findings, rows: NDArray[np.int64]) -> None:
    """The maps, when opened, with these samples selected; a sample that is clicked on opens on Explore."""
    opened = st.expander("Both labelings on the map", icon=":material/scatter_plot:", key="two maps", on_change="rerun")
    with opened:
        if not opened.open:
            return
        space = str(st.segmented_control("Map of", SPACES, default=SPACES[0], required=True, key="two maps of"))
        request, dataset = found.run.request, found.dataset
        made = map_view.the_map(dataset.space(request.phi1 if space == SPACES[0] else request.phi2), None)
        if made is None:
            return
        titles = [difference_sentences.title(side) for side in (both.first, both.second)]
        labelings = both.differences.first, both.differences.second
        names = both.first_names, both.second_names
        described = scene(
            [Panel(title, made) for title in titles],
            [Colour(*of_side) for of_side in zip(titles, labelings, names, strict=True)],
            num_samples=dataset.num_samples, file=plots.file_name(found.run.name, "two-labelings"), height=HEIGHT,
        )  # fmt: skip
        sample_map(
            described, key=f"two maps {_key(both)}", dataset=dataset, selected=rows,
            on_select=partial(_circle, _key(both)), on_open=_open,
        )  # fmt: skip
    row = st.session_state.pop(OPENED, None)
    if row is not None:
        st.switch_page(runs.EXPLORE, query_params={"sample": str(row)})


def _key(both: TwoLabelings) -> str:
    return f"{both.first.text} {both.second.text}"


def _circle(key: str, rows: NDArray[np.int64]) -> None:
    st.session_state[CIRCLED] = (key, rows)


def _open(row: int) -> None:
    st.session_state[OPENED] = row
