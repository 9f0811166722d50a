"""Differences: how do two labelings of the same samples differ?"""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume.evaluation.differences import Flow
from hume.experiments import sides
from hume.experiments.sides import TwoLabelings
from hume.reporting import difference_sentences, figures
from pages._sections import side_choice, side_maps
from pages._state import ground_truth, runs, selection
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

PER_PAGE = 40  # pictures
LISTED = 1000  # pairs of classes
MAX_HEIGHT = 420  # pixels of the table


def main() -> None:
    st.title("How do two labelings differ?")
    found = runs.finished_run()
    both = side_choice.choose(found)
    st.markdown(
        f"**{plots.plain(difference_sentences.agreement(both))}** {plots.plain(difference_sentences.largest(both))}"
    )
    st.markdown(plots.plain(difference_sentences.what_differs(both.first.run, both.second.run)))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        flow = picture(both)
    with right:
        rows = samples(both, flow)
    side_maps.section(both, found, rows)
    table(both)


def picture(both: TwoLabelings) -> Flow | None:
    """Who went where, a cell for every pair of classes; returns the pair that is chosen."""
    differences, titles = both.differences, (both.first, both.second)
    named = difference_sentences.title(titles[0]), difference_sentences.title(titles[1])
    chosen = _chosen(both)
    picked = plots.ids(
        plots.plot(
            figures.who_went_where(
                differences.table, both.first_names, both.second_names, named,
                selected=None if chosen is None else (chosen.first, chosen.second),
            ),
            f"who went where {both.first.text} {both.second.text}",
            lambda: (sides.FLOW_COLUMNS, both.flow_table()),
            alt=f"A cell for every pair of classes of {named[0]} and {named[1]}, with the number of its samples",
            name=_file_name(both, "classes"),
            select=("points",),
        )
    )  # fmt: skip
    drawn = figures.drawn_classes(differences.table)
    if any(len(shown) < (differences.table.sum(axis) > 0).sum() for shown, axis in zip(drawn, (1, 0), strict=True)):
        st.caption(f"Drawn are the {len(drawn[0])} × {len(drawn[1])} classes with the most moved samples.")
    st.caption(difference_sentences.classes(both))
    if picked:
        _open_if_new(both, *divmod(picked[0], differences.num_second), "picked")
    return chosen


def samples(both: TwoLabelings, flow: Flow | None) -> NDArray[np.int64]:
    """The samples of the chosen pair of classes, or those that were circled, as pictures; returns their rows."""
    found, rows = runs.findings(both.first.run), side_maps.circled(both)
    if rows is not None:
        title = f"**Circled on the map** · {len(rows):,} samples"
    elif flow is not None:
        rows = both.differences.members(flow.first, flow.second)
        title = f"**{plots.plain(both.first_names[flow.first])} → {plots.plain(both.second_names[flow.second])}** · "
        title += f"{len(rows):,} samples"
    else:
        st.info("No sample moved. Choose a cell to see its samples.", icon=":material/check_circle:")
        return np.empty(0, np.int64)
    st.markdown(title)
    pages = -(-len(rows) // PER_PAGE)
    page = st.pagination(pages, key=f"cell page {len(rows)} {rows[0]}") if pages > 1 else 1
    clicked = gallery(
        [Tile(row) for row in rows[(page - 1) * PER_PAGE : page * PER_PAGE].tolist()], key="cell",
        dataset=found.dataset, label="Samples of these two classes", size=64,
    )  # fmt: skip
    st.caption("Click a picture to open it on Explore.")
    with st.container(horizontal=True):
        st.button(
            "Select these", key="select cell", icon=":material/select_all:", on_click=selection.select,
            args=(found, rows, selection.OTHER), help="On all pages of the first run.",
        )  # fmt: skip
        if side_maps.circled(both) is not None:
            st.button("Back to the cell", key="forget circle", icon=":material/undo:", on_click=side_maps.forget)
    if clicked is not None:
        st.switch_page(runs.EXPLORE, query_params={"sample": str(clicked)})
    return rows


def table(both: TwoLabelings) -> None:
    """All pairs of classes, the largest move first, and files of both kinds."""
    st.subheader("Who went where")
    flows = both.differences.flows[:LISTED]
    lines = both.flow_table(LISTED)
    picked = st.dataframe(
        {name: [line[i] for line in lines] for i, name in enumerate(sides.FLOW_COLUMNS)},
        hide_index=True, on_select="rerun", selection_mode="single-row",
        height="content" if len(lines) < 10 else MAX_HEIGHT,
        key=f"flows {both.first.text} {both.second.text}",
        column_config={"share_of_first": st.column_config.NumberColumn("share of first", format="percent")},
    )  # fmt: skip
    row = next(iter(picked["selection"]["rows"]), None)
    if row is not None and row < len(flows):
        _open_if_new(both, flows[row].first, flows[row].second, "ticked")
    files = ground_truth.file_names(runs.findings(both.first.run).dataset)
    with st.container(horizontal=True):
        plots.csv_button(
            "Who went where as CSV", lambda: (sides.FLOW_COLUMNS, both.flow_table()), _file_name(both, "classes"),
            key="flows csv",
        )  # fmt: skip
        plots.csv_button(
            "Moved samples as CSV", lambda: (sides.MOVED_COLUMNS, both.moved_table(files)), _file_name(both, "moved"),
            key="moved csv", disabled=len(both.differences.moved) == 0,
        )  # fmt: skip


def _chosen(both: TwoLabelings) -> Flow | None:
    """The pair of classes in the address, else the largest that moved."""
    asked = tuple(map(plots.whole_number, st.query_params.get("cell", "").split("-")))
    flows = both.differences.flows
    moved = flows[0] if flows and flows[0].moved else None
    return next((flow for flow in flows if (flow.first, flow.second) == asked), moved)


def _open_if_new(both: TwoLabelings, first: int, second: int, how: str) -> None:
    """Show the samples of the cell or line that was selected just now; an unchanged selection is ignored."""
    key, now = f"{how} cell", (both.first.text, both.second.text, first, second)
    if st.session_state.get(key) == now:
        return
    st.session_state[key] = now
    st.query_params["cell"] = f"{first}-{second}"
    side_maps.forget()
    st.rerun()


def _file_name(both: TwoLabelings, what: str) -> str:
    return plots.file_name(both.first.run.name, both.first.what, both.second.run.name, both.second.what, what)


main()
