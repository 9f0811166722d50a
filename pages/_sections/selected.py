"""The selected samples: as pictures and as a table, with what can be done with them."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume.reporting import selection_sentences
from hume.runs.findings import Findings
from pages._sections import all_samples, by_key, correct, export, kept_selections
from pages._sections.sample import tiles
from pages._state import ground_truth, runs, selection
from pages._widgets import plots
from pages._widgets.gallery import gallery

PER_PAGE = 60  # pictures


def section(found: Findings) -> None:
    """The selected samples as pictures, or the table of all samples."""
    rows = selection.rows(found)
    above = st.container()  # also where it stays empty: what opens below is not to move
    if len(rows):
        head, clear = above.columns([2, 1], vertical_alignment="center")
        words = selection_sentences.composition(found.vote.labeling[rows], runs.class_names(found))
        head.markdown(f"**{len(rows):,} sample{'s' * (len(rows) != 1)}** · {plots.plain(words)}")
        clear.button("Clear", key="clear selection", on_click=selection.clear, args=(found,), shortcut="Esc")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        how = st.segmented_control("As", ["Pictures", "Table"], default="Pictures", required=True, key="as",
                                   label_visibility="collapsed")  # fmt: skip
        kept_selections.section(found, rows)
    if how == "Table":
        all_samples.section(found)
    elif len(rows):
        _pictures(found, rows)
    else:
        st.info(
            "Select points on the map to see their pictures here. Click a picture to see its neighbours in both spaces "
            "and its votes. The table lists all samples, to sort and to filter.",
            icon=":material/gesture_select:",
        )
    if len(rows):
        _offers(found, rows)


def _pictures(found: Findings, rows: NDArray[np.int64]) -> None:
    pages = -(-len(rows) // PER_PAGE)
    page = st.pagination(pages, key="page") if pages > 1 else 1
    chosen = rows[(page - 1) * PER_PAGE : page * PER_PAGE].tolist()
    gallery(
        tiles(found, chosen), key="selection", dataset=found.dataset, label="Selected samples", size=64, main=True,
        on_click=selection.open_sample, keys=by_key.OF_A_PICTURE,
        on_key=lambda row, key: by_key.on_picture(found, row, key),
    )  # fmt: skip
    if ground_truth.shows_truth(found.dataset):
        st.caption("≠ marks samples whose true class differs.")


def _offers(found: Findings, rows: NDArray[np.int64]) -> None:
    truth = ground_truth.shows_truth(found.dataset)  # now: a download cannot read the session
    correct.samples(found, rows)
    with st.container(horizontal=True, gap="small"):
        plots.csv_button(
            "Selection as CSV", lambda: selection_table(found, rows.tolist(), truth), "selection", key="selection csv"
        )
        export.offer(found, lambda: found.reliable_samples(found.ranking(), None, among=rows)[0])


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
