"""The map of a run's samples: made once for all runs, coloured by what is chosen, selected on."""

import streamlit as st

from hume.reporting import figures
from hume.reporting.maps import Map, Which
from hume.runs.findings import Findings
from pages._sections.colorings import Coloring
from pages._state import selection, services
from pages._widgets import plots

MAP_HEIGHT = 620  # pixels
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


def draw(found: Findings, made: Map, where: str, name: str, coloring: Coloring) -> None:
    """The scatter plot; points that are circled or clicked become the selection."""
    rows = made.rows
    view = (found.run.name, where, name)
    if st.session_state.get("map view") != view:
        # Only now: a figure that changes while its selection is under way would lose it.
        st.session_state["map view"], st.session_state["map highlight"] = view, selection.rows(found)
    figure = figures.scatter_map(
        made.positions,
        rows,
        categories=None if coloring.categories is None else coloring.categories[rows],
        names=coloring.names,
        values=None if coloring.values is None else coloring.values[rows],
        value_name=name,
        value_range=None if coloring.values is None else (0.0, 1.0),
        selected=st.session_state["map highlight"] or None,
    )

    def table() -> plots.Table:
        shown = coloring.values if coloring.categories is None else coloring.categories
        assert shown is not None
        columns = [rows.tolist(), *made.positions.T.tolist(), shown[rows].tolist()]
        return ["row", "x", "y", name], zip(*columns, strict=True)

    points = plots.plot(
        figure,
        f"map {found.run.name} {where} {st.session_state.get('cleared', 0)}",
        table,
        alt=f"UMAP of {where}, coloured by {name}",
        name=plots.file_name(found.run.name, "map"),
        select=("points", "box", "lasso"),
        height=MAP_HEIGHT,
    )
    picked = plots.ids(points)
    if picked and picked != st.session_state.get("last lasso"):
        st.session_state["last lasso"] = picked
        selection.select(found, picked)
