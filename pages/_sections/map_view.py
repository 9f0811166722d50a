"""The map of a run's samples: made once for all runs, coloured by what is chosen, selected on."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from hume.data.dataset import Space
from hume.reporting.maps import Map, Which
from hume.reporting.maps.scene import Colour, Panel, scene
from hume.runs.findings import Findings
from pages._sections import colorings, sample
from pages._state import selection, services
from pages._widgets import plots
from pages._widgets.sample_map import sample_map

REFRESH = 1.0  # seconds


def the_map(first: Space, second: Space | None) -> Map | None:
    """The stored map of one space or two; None while it is computed, with its progress drawn."""
    maps = services.services().maps
    which: Which = "phi1" if second is None else "both"
    phi1, phi2 = first, second or first
    made = maps.get(phi1, phi2, which)
    if made is not None:
        return made
    key = maps.key(phi1, phi2, which)
    progress = maps.progress(key)
    if progress is not None and progress.state == "failed":
        st.error(f"The map could not be computed: {progress.error}", icon=":material/error:")
        if st.button("Try again", key="retry map"):
            maps.request(phi1, phi2, which)
            st.rerun()
        return None
    if st.session_state.get("stopped map") != key:
        maps.request(phi1, phi2, which)
    elif progress is None:
        st.button("Compute the map", key="make map", on_click=_again, type="primary")
        return None

    @st.fragment(run_every=REFRESH)
    def wait() -> None:
        now = maps.progress(key)
        if now is None or now.state == "failed":
            st.rerun()
        bar, button = st.columns([6, 1], vertical_alignment="center")
        text = f"Computing the map, once for all runs: {now.stage} {now.seconds:.0f} s so far."
        bar.progress(min(1.0, now.share), text=text)
        button.button("Cancel", key="cancel map", on_click=_stop, args=(key,))

    wait()
    return None


def _stop(key: str) -> None:
    st.session_state["stopped map"] = key
    services.services().maps.cancel(key)


def _again() -> None:
    st.session_state.pop("stopped map", None)


def draw(found: Findings, panels: Sequence[Panel], colours: Sequence[Colour]) -> None:
    """One or two maps; samples that are circled become the selection, one that is clicked on is opened.

    colours: one for all maps, or one for each.
    """
    dataset, opened = found.dataset, sample.opened(found)
    described = scene(
        panels,
        colours,
        num_samples=dataset.num_samples,
        captions=colorings.found_label(found),
        file=plots.file_name(found.run.name, "map"),
    )
    sample_map(
        described,
        key=f"map {found.run.name}",
        dataset=dataset,
        selected=selection.rows(found),
        opened=opened,
        centre=selection.place(opened),
        on_select=partial(selection.select, found),
        on_open=selection.open_in_sight,
    )
    plots.csv_button(
        "Data as CSV",
        lambda: _table(panels[0].map, colours),
        plots.file_name(found.run.name, "map"),
        key="map csv",
        type="tertiary",
    )
    if opened is not None and not all(opened in panel.map.rows for panel in panels):
        st.caption(f"Sample {opened} is not on this map.")


def _table(shown: Map, colours: Sequence[Colour]) -> plots.Table:
    """The points of the first map, with what they are coloured by."""
    columns = [shown.rows.tolist(), *shown.positions.T.tolist()]
    for colour in colours:
        values = colour.values if colour.classes is None else colour.classes
        assert values is not None
        columns.append(values[shown.rows].tolist())
    return ["row", "x", "y", *(colour.title for colour in colours)], zip(*columns, strict=True)
