"""Explore: which samples are uncertain?"""

import streamlit as st

from hume.reporting import sentences
from pages._sections import (
    all_samples,
    by_key,
    correct,
    map_choice,
    map_view,
    sample,
    search_samples,
    selected,
    suspects,
)
from pages._state import ground_truth, runs


def main() -> None:
    st.title("Which samples are uncertain?")
    found = runs.finished_run()
    st.markdown(sentences.doubt(found, ground_truth.shows_truth(found.dataset)))
    correct.standing(found)
    all_samples.restore(found)
    panels, colours = map_choice.choose(found)
    left, right = st.columns([3, 2], gap="medium") if len(panels) < 2 else (st.container(), st.container())
    opened = sample.opened(found)
    with right:  # first: its pictures are there before the map is drawn anew
        if opened is None:
            selected.section(found)
        else:
            sample.section(found, opened)
    if panels:
        with left:
            map_view.draw(found, panels, colours)
    search_samples.section(found)
    suspect = suspects.section(found)
    if suspect is not None:
        sample.show(suspect)
    by_key.listen(found, by_key.EXPLORE, opened)


main()
