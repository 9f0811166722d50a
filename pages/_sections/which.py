"""Which samples: all, those selected on the map, or a selection that is kept with the run."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume.runs import selections
from hume.runs.findings import Findings
from pages._state import selection

EVERY, ON_MAP = "all", "selected on the map"


def choice(found: Findings, key: str, *, label: str = "Samples", every: bool = True) -> NDArray[np.int64] | None:
    """A choice among what there is; None for all samples, and no rows where nothing is selected yet."""
    kept, chosen = selections.read(found.run).by_name, selection.rows(found)
    named = {f"“{name}”": name for name in kept}
    options = [*([EVERY] if every else []), *([ON_MAP] if len(chosen) or not every else []), *named]
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]  # it was deleted
    if len(options) == 1:
        return None if every else chosen
    asked = st.selectbox(
        label, options, key=key, bind="query-params", width=280,
        help="Selections are made and named on the page Explore.",
    )  # fmt: skip
    if asked in named:
        rows = kept[named[asked]]
        return rows[rows < found.dataset.num_samples]
    return None if asked == EVERY else chosen
