"""Which maps are drawn and in which colours; the address carries it."""

from typing import Any

import streamlit as st

from hume.data.dataset import Space
from hume.reporting import map_sentences
from hume.reporting.maps.own import numeric, own_map, usual_axes
from hume.reporting.maps.scene import Colour, Panel
from hume.runs.findings import Findings
from pages._sections import colorings, map_view
from pages._state import ground_truth, palettes
from pages._state.text import plain

OWN, NOTHING, SAME = "columns", "nothing", "as the first"


def choose(found: Findings) -> tuple[list[Panel], list[Colour]]:
    """One map or two with their colours; no map while one is being made, with its progress drawn."""
    axes = usual_axes(found.dataset.columns)
    known = ["φ1", "φ2", "both", *([OWN] if axes else [])]
    row = st.columns([4, 4, 4, 3], vertical_alignment="bottom")
    where = row[0].segmented_control(
        "Map of", known, default="φ1", required=True, key="map", bind="query-params",
        help="UMAP of one space, of both concatenated, or two columns of the data.",
    )  # fmt: skip
    choices = colorings.offered(found)
    name = row[1].selectbox("Colour", list(choices), key="colour", bind="query-params")
    others = [space for space in found.dataset.spaces if space not in (found.run.request.phi1, found.run.request.phi2)]
    beside = row[2].selectbox(
        "Beside it", [NOTHING, *known, *others], key="second_map", bind="query-params",
        help="A second map of the same samples: what is selected on one is selected on both.",
    )  # fmt: skip
    with row[3]:
        palettes.choice()
    other = SAME
    row = st.columns([3, 3, 5], vertical_alignment="bottom")
    if beside != NOTHING:
        other = row[1].selectbox("Colour of the second map", [SAME, *choices], key="second_colour",
                                 bind="query-params")  # fmt: skip
    if not ground_truth.shows_truth(found.dataset):
        with row[2]:
            ground_truth.reveal(found.dataset, "true classes and errors")
    pair = _axes(found, axes) if axes and OWN in (where, beside) else ("", "")
    panels: list[Panel] = []
    for chosen in (where, *([beside] if beside != NOTHING else [])):
        panel = _panel(found, str(chosen), pair)
        if panel is None:
            return [], []
        panels.append(panel)
    colours = [choices[str(name)](found)]
    if other != SAME:
        colours.append(choices[str(other)](found))
    return panels, colours


def _axes(found: Findings, usual: tuple[str, str]) -> tuple[str, str]:
    """The two columns of a map; only shown where there is a choice."""
    names = numeric(found.dataset.columns)
    if len(names) == len(usual):
        return usual
    left, right, _ = st.columns([3, 3, 5])
    options: dict[str, Any] = {"bind": "query-params"}
    x = left.selectbox("To the right", names, index=names.index(usual[0]), key="x_column", **options)
    y = right.selectbox("Upwards", names, index=names.index(usual[1]), key="y_column", **options)
    return str(x), str(y)


def _panel(found: Findings, chosen: str, axes: tuple[str, str]) -> Panel | None:
    if chosen == OWN:
        own = own_map(found.dataset.columns, *axes)
        note = map_sentences.own(own)
        if note:
            st.caption(plain(note))
        return own.panel
    made = map_view.the_map(*_spaces(found, chosen))
    if made is None:
        return None
    if made.is_sample:
        st.caption(map_sentences.sampled(made))
    return Panel(_title(chosen), made)


def _spaces(found: Findings, chosen: str) -> tuple[Space, Space | None]:
    request = found.run.request
    phi1, phi2 = found.dataset.space(request.phi1), found.dataset.space(request.phi2)
    if chosen == "both":
        return phi1, phi2
    return {"φ1": phi1, "φ2": phi2}.get(chosen) or found.dataset.space(chosen), None


def _title(chosen: str) -> str:
    return "UMAP of φ1 and φ2" if chosen == "both" else f"UMAP of {chosen}"
