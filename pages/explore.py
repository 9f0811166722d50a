"""Explore: which samples are uncertain?"""

import streamlit as st

from hume.reporting import sentences
from hume.reporting.maps import Which
from hume.reporting.maps.scene import Panel
from pages._sections import (
    all_samples,
    by_key,
    colorings,
    correct,
    map_view,
    sample,
    search_samples,
    selected,
    suspects,
)
from pages._state import ground_truth, runs

SPACES: dict[str, Which] = {"φ1": "phi1", "φ2": "phi2", "both": "both"}


def main() -> None:
    st.title("Which samples are uncertain?")
    found = runs.finished_run()
    st.markdown(sentences.doubt(found, ground_truth.shows_truth(found.dataset)))
    correct.standing(found)
    all_samples.restore(found)
    row = st.columns([2, 3, 4], vertical_alignment="bottom")
    where = row[0].segmented_control(
        "Map of", list(SPACES), default="φ1", required=True, key="map", bind="query-params",
        help="UMAP of one space, or of both concatenated.",
    )  # fmt: skip
    choices = colorings.offered(found)
    name = row[1].selectbox("Colour", list(choices), key="colour", bind="query-params")
    if not ground_truth.shows_truth(found.dataset):
        with row[2]:
            ground_truth.reveal(found.dataset, "true classes and errors")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        made = map_view.the_map(found, SPACES[str(where)])
        if made is not None:
            if made.is_sample:
                st.caption(
                    f"This map shows {len(made.rows):,} random samples of {made.num_samples:,}, which a browser can "
                    "draw. Neighbours and votes are those of all samples."
                )
            map_view.draw(found, [Panel(f"UMAP of {where}", made)], choices[str(name)](found))
    opened = sample.opened(found)
    with right:
        if opened is None:
            selected.section(found)
        else:
            sample.section(found, opened)
    search_samples.section(found)
    suspect = suspects.section(found)
    if suspect is not None:
        sample.show(suspect)
    by_key.listen(found, by_key.EXPLORE, opened)


main()
