"""One sample: its neighbours in both spaces and its votes."""

from typing import Literal

import numpy as np
import streamlit as st

from hume.common import formatting
from hume.reporting import figures
from hume.runs.findings import Findings
from pages._state import ground_truth, runs
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

NEIGHBORS = 24


def tiles(found: Findings, rows: list[int]) -> list[Tile]:
    """Pictures with their found class; wrong ones are marked where the truth may be shown."""
    names = runs.class_names(found)
    right = found.right if ground_truth.shows_truth(found.dataset) else None
    return [
        Tile(row, names[found.vote.labeling[row]], "wrong" if right is not None and not right[row] else "")
        for row in rows
    ]


def show(row: int) -> None:
    """Open a sample; the one before it can be gone back to."""
    if st.query_params.get("sample") != str(row):
        trail = st.session_state.setdefault("trail", [])
        if "sample" in st.query_params:
            trail.append(st.query_params["sample"])
        st.query_params["sample"] = str(row)
        st.rerun()


def _back() -> None:
    trail = st.session_state.get("trail", [])
    if trail:
        st.query_params["sample"] = trail.pop()


def section(found: Findings) -> None:
    """A sample with its neighbours in φ1 and φ2 side by side, and its votes."""
    row, request = plots.whole_number(st.query_params.get("sample", "")), found.run.request
    if row is None or row >= found.dataset.num_samples:
        return
    names = runs.class_names(found)
    st.divider()
    head, back = st.columns([6, 1], vertical_alignment="center")
    files = ground_truth.file_names(found.dataset)
    head.subheader(f"Sample {row}" + (f" · {plots.plain(files[row])}" if files else ""))
    back.button("Back", icon=":material/undo:", key="back", on_click=_back, disabled=not st.session_state.get("trail"))
    left, first, second = st.columns([2, 3, 3], gap="medium")
    with left:
        ballots = found.vote.aligned
        gallery(tiles(found, [row]), key="sample", dataset=found.dataset, label=f"Sample {row}", size=140)
        k, votes = int(found.vote.labeling[row]), np.bincount(ballots[:, row], minlength=found.num_classes)
        sure = "" if found.confidence is None else f" Its probability is {formatting.percent(found.confidence[row])}."
        voted = f"{votes[k]} of {formatting.count(len(ballots), 'seed')} vote for **{plots.plain(names[k])}**."
        st.markdown(voted + sure)
        if ground_truth.shows_truth(found.dataset) and found.dataset.labels is not None:
            st.markdown(f"Ground truth: **{plots.plain(found.true_names[int(found.dataset.labels[row])])}**.")
        plots.plot(
            figures.votes(votes, names),
            "votes",
            lambda: (["class", "class_name", "votes"], [[i, n, int(votes[i])] for i, n in enumerate(names)]),
            alt="Bars of the votes for each class",
            name=plots.file_name(found.run.name, "votes", str(row)),
        )
    with first:
        neighbors(found, row, "phi1", f"Nearest in φ1 ({request.phi1})")
    with second:
        neighbors(found, row, "phi2", f"Nearest in φ2 ({request.phi2})")


def neighbors(found: Findings, row: int, space: Literal["phi1", "phi2"], title: str) -> None:
    """The nearest samples of one sample in a space; a click opens one."""
    near = found.neighbors(row, space, NEIGHBORS)
    same = int((found.vote.labeling[near] == found.vote.labeling[row]).sum())
    st.markdown(f"**{plots.plain(title)}** · {same} of {len(near)} in the same found class")
    clicked = gallery(tiles(found, near.tolist()), key=f"near {space}", dataset=found.dataset, label=title, size=64)
    if clicked is not None:
        show(clicked)
