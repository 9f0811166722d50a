"""What comes next: two spaces, a search, a look, answers, labels to train on."""

import streamlit as st

from hume.common.formatting import count
from hume.data.dataset import Dataset
from pages._state import runs
from pages._widgets import plots

NEXT = {  # page: what to do after it, and where
    "objective": ("Look at the samples of every class", runs.EXPLORE, ":material/hub:"),
    "aggregation": ("Look at the samples of every class", runs.EXPLORE, ":material/hub:"),
    "explore": ("Answer a few questions where the search is unsure", runs.ANSWER, ":material/touch_app:"),
    "answer": ("Take the reliable samples and export them", runs.RELIABLE, ":material/verified:"),
}


def make_spaces(data: Dataset) -> None:
    """Where a dataset has no two spaces yet: say so, and where to make them."""
    has = f"{plots.plain(data.name)} has {count(len(data.spaces), 'space')}: a search needs two."
    st.info(has, icon=":material/info:")
    st.page_link(runs.DATA, label="Make two spaces", icon=":material/photo_library:")


def footer(page: str) -> None:
    """The next step after a page that was drawn to its end."""
    if page in NEXT:
        label, target, icon = NEXT[page]
        st.divider()
        st.page_link(target, label=f"Next: {label}", icon=icon)
