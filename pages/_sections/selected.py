"""The selected samples: as pictures and as a table, with what can be done with them."""

import numpy as np
import streamlit as st

from hume.runs.findings import Findings
from pages._sections import correct, sample
from pages._sections.sample import tiles
from pages._state import ground_truth, runs, selection
from pages._widgets import plots
from pages._widgets.gallery import gallery

PER_PAGE = 60  # pictures


def section(found: Findings) -> None:
    """The selected samples as pictures and as a table."""
    rows = selection.rows(found)
    if not rows:
        st.info(
            "Select points on the map to see their pictures here. Click a picture to see its neighbours in both spaces "
            "and its votes.",
            icon=":material/gesture_select:",
        )
        return
    head, clear = st.columns([2, 1], vertical_alignment="center")
    head.markdown(f"**{len(rows):,} sample{'s' * (len(rows) != 1)}** · {_composition(found, rows)}")
    clear.button("Clear", key="clear selection", on_click=selection.clear, args=(found,), shortcut="Esc")
    truth = ground_truth.shows_truth(found.dataset)  # now: a download cannot read the session
    how = st.segmented_control("As", ["Pictures", "Table"], default="Pictures", required=True, key="as",
                               label_visibility="collapsed")  # fmt: skip
    if how == "Table":
        header, cells = selection_table(found, rows, truth)
        st.dataframe({name: [row[i] for row in cells] for i, name in enumerate(header)}, hide_index=True, height=440)
    else:
        pages = -(-len(rows) // PER_PAGE)
        page = st.pagination(pages, key="page") if pages > 1 else 1
        chosen = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
        clicked = gallery(
            tiles(found, chosen), key="selection", dataset=found.dataset, label="Selected samples", size=64
        )
        if truth:
            st.caption("≠ marks samples whose true class differs.")
        if clicked is not None:
            sample.show(clicked)
    correct.samples(found, rows)
    plots.csv_button("Selection as CSV", lambda: selection_table(found, rows, truth), "selection", key="selection csv")


def _composition(found: Findings, rows: list[int]) -> str:
    names = runs.class_names(found)
    sizes = np.bincount(found.vote.labeling[rows], minlength=found.num_classes)
    largest = np.argsort(-sizes, kind="stable")[:3]
    return ", ".join(f"{sizes[k]:,} {plots.plain(names[k])}" for k in largest if sizes[k])


def selection_table(found: Findings, rows: list[int], show_truth: bool) -> tuple[list[str], list[list[object]]]:
    """One row a sample: the vote's class, its share and probability, and the truth where it may be shown."""
    names, files, known = runs.class_names(found), ground_truth.file_names(found.dataset), found.confidence
    truth = found.dataset.labels if show_truth else None
    header = ["row", *(["file"] if files else []), "class", "class_name", "vote_share"]
    header += [*(["probability"] if known is not None else []), *(["true_class"] if truth is not None else [])]
    table: list[list[object]] = []
    for row in rows:
        k = int(found.vote.labeling[row])
        file, sure = [files[row]] if files else [], [] if known is None else [round(float(known[row]), 4)]
        line: list[object] = [row, *file, k, names[k], round(float(found.vote.share[row]), 4), *sure]
        table.append(line if truth is None else [*line, found.true_names[int(truth[row])]])
    return header, table
