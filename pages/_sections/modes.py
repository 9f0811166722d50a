"""The labelings that the seeds of a run found: their numbers, their classes in pictures, and a choice among them."""

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume.common.formatting import percent
from hume.evaluation.modes import Mode
from hume.reporting import mode_sentences
from hume.runs.findings import Findings
from pages._state import ground_truth, modes, runs
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery
from pages._widgets.pairs import pairs

PER_CLASS = 12  # pictures
PICTURED = 100  # classes
CHANGED = 24  # pictures of samples with another class


def section(found: Findings) -> None:
    """How many labelings were found; one of them is shown, and can be chosen for all pages."""
    st.subheader("Labelings found")
    with st.spinner("Comparing the labelings of the seeds …"):
        every = found.modes
    st.markdown(mode_sentences.modes(found))
    if len(every) == 1:
        return
    truth = ground_truth.shows_truth(found.dataset)
    st.caption("Select a row to see its classes.")
    picked = st.dataframe(
        _columns(found, truth),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"modes {found.run.name}",
    )
    shown = next(iter(picked["selection"]["rows"]), (found.mode or 1) - 1)
    _one(found, every[shown] if shown < len(every) else every[0], truth)


def _columns(found: Findings, truth: bool) -> dict[str, list[Any]]:
    every = found.modes
    columns: dict[str, list[Any]] = {
        "labeling": [mode.number for mode in every],
        "seeds": [mode.size for mode in every],
        "share": [round(mode.share, 3) for mode in every],
    }
    if every[0].best_likelihood is not None:
        columns["best_likelihood"] = [mode.best_likelihood for mode in every]
        columns["mean_likelihood"] = [mode.mean_likelihood for mode in every]
    columns["best_cv_score"] = [mode.best_score for mode in every]
    columns["mean_cv_score"] = [mode.mean_score for mode in every]
    columns["neighbor_agreement"] = [mode.neighbor_agreement for mode in every]
    if truth:
        agreements = [found.agreement_of(mode.vote.labeling) for mode in every]
        columns["acc"] = [agreement.acc for agreement in agreements if agreement is not None]
    return columns


def _one(found: Findings, mode: Mode, truth: bool) -> None:
    """One mode: its numbers, what differs from the first one, and its classes."""
    labeling = mode.vote.labeling
    text = f"**Labeling {mode.number}** · {mode_sentences.mode(mode)}"
    agreement = found.agreement_of(labeling) if truth else None
    if agreement is not None:
        text += f" · accuracy {percent(agreement.acc)}"
    st.markdown(text)
    if found.mode == mode.number:
        st.button("Use the run's vote again", key="use vote", icon=":material/undo:",
                  on_click=modes.choose, args=(found.run.name, None))  # fmt: skip
    else:
        st.button("Use this labeling", key="use mode", icon=":material/check:",
                  help="All pages, tables and exports then show it in place of the run's vote.",
                  on_click=modes.choose, args=(found.run.name, mode.number))  # fmt: skip
    names = runs.class_names(found)
    if mode.number > 1:
        _differences(found, found.modes[0].vote.labeling, labeling)
    sizes = np.bincount(labeling, minlength=found.num_classes)
    typical = _typical(str(found.run.home), found.run.name, found.run.version, found.view, mode.number, found)
    pictured = np.flatnonzero(sizes)[:PICTURED].tolist()
    for k, column in zip(pictured, pairs(gap="large"), strict=False):
        with column:
            st.markdown(f"**{plots.plain(names[k])}** · {sizes[k]:,} samples")
            tiles = [Tile(int(row)) for row in typical[k] if row >= 0]
            gallery(tiles, key=f"mode class {k}", dataset=found.dataset, label=names[k], size=48)
    if len(pictured) < np.count_nonzero(sizes):
        st.caption(f"Only the first {PICTURED} classes are shown.")


def _differences(found: Findings, first: NDArray[np.int64], labeling: NDArray[np.int64]) -> None:
    changed = np.flatnonzero(first != labeling)
    st.markdown(mode_sentences.difference(changed, len(labeling)))
    shown = changed[np.linspace(0, len(changed) - 1, min(CHANGED, len(changed))).astype(int)]
    tiles = [Tile(int(row), f"{first[row]} → {labeling[row]}") for row in shown]
    gallery(tiles, key="mode changed", dataset=found.dataset, label="Samples with another class", size=48)


@st.cache_data(max_entries=16, show_spinner="Choosing pictures …")
def _typical(
    home: str, name: str, version: tuple[int, int], view: str, number: int, _found: Findings
) -> NDArray[np.int64]:
    return _found.typical(_found.modes[number - 1].vote.labeling, PER_CLASS)
