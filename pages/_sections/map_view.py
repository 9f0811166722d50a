"""The map of a run's samples: made once for all runs, coloured by what is chosen, selected on."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from hume.reporting.maps import Map, Which
from hume.reporting.maps.scene import Colour, Panel, scene
from hume.runs.findings import Findings
from pages._sections import colorings, sample
from pages._state import selection, services
from pages._widgets import plots
from pages._widgets.sample_map import sample_map

REFRESH = 1.0  # seconds


def the_map(found: Findings, which: Which) -> Map | None:
    """The stored map; None while it is computed, with its progress drawn."""
    maps, request = services.services().maps, found.run.request
    phi1, phi2 = found.dataset.space(request.phi1), found.dataset.space(request.phi2)
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


def draw(found: Findings, panels: Sequence[Panel], colour: Colour) -> None:
    """One or two maps; samples that are circled become the selection, one that is clicked on is opened."""
    dataset, opened = found.dataset, sample.opened(found)
    described = scene(
        panels,
        colour,
        num_samples=dataset.num_samples,
        captions=colorings.found_label(found),
        file=plots.file_name(found.run.name, "map"),
    )
    if opened is not None and "found on map" not in st.session_state:
        _find(opened)  # the link of a sample leads to its place
    sample_map(
        described,
        key=f"map {found.run.name}",
        dataset=dataset,
        selected=selection.rows(found),
        opened=opened,
        centre=st.session_state.get("found on map"),
        on_select=partial(selection.select, found),
        on_open=_open,
    )
    left, right = st.columns(2, vertical_alignment="center")
    with left:
        plots.csv_button(
            "Data as CSV",
            lambda: _table(panels, colour),
            plots.file_name(found.run.name, "map"),
            key="map csv",
            type="tertiary",
        )
    if opened is None:
        return
    if all(opened in panel.map.rows for panel in panels):
        right.button(
            f"Find sample {opened} on the map", key="find", icon=":material/my_location:", on_click=_find,
            args=(opened,), type="tertiary",
        )  # fmt: skip
    else:
        right.caption(f"Sample {opened} is not on this map.")


def _open(row: int) -> None:
    st.session_state.setdefault("found on map", "")  # its place is in sight already
    selection.open_sample(row)


def _find(row: int) -> None:
    st.session_state["finds"] = st.session_state.get("finds", 0) + 1
    st.session_state["found on map"] = f"{row} {st.session_state['finds']}"


def _table(panels: Sequence[Panel], colour: Colour) -> plots.Table:
    """The points of the first map, with what they are coloured by."""
    shown = panels[0].map
    values = colour.values if colour.classes is None else colour.classes
    columns = [shown.rows.tolist(), *shown.positions.T.tolist(), [] if values is None else values[shown.rows].tolist()]
    return ["row", "x", "y", colour.title], zip(*columns, strict=True)
