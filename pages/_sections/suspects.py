"""Samples to look at first: doubted labels, near-duplicates and outliers, as pictures and as a file."""

import hashlib
from itertools import chain
from typing import get_args

import streamlit as st

from hume.common.formatting import percent
from hume.reporting import suspect_sentences
from hume.runs.findings import Findings
from hume.runs.suspects import COLUMNS, Kind, Labels, Suspects
from pages._state import ground_truth
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

KINDS: dict[str, Kind] = {"Doubted labels": "label", "Near-duplicates": "duplicate", "Outliers": "outlier"}
WHOSE: dict[Labels, str] = {"given": "given with the data", "found": "found"}
PER_PAGE = 60  # pictures


def section(found: Findings) -> int | None:
    """The lists, computed when opened; returns the sample that was clicked on."""
    with st.expander(
        "Samples to check: doubted labels, near-duplicates, outliers",
        icon=":material/flag:", key="suspects", on_change="rerun",
    ) as opened:  # fmt: skip
        return _lists(found) if opened.open else None


def _lists(found: Findings) -> int | None:
    row = st.columns([3, 2, 2], vertical_alignment="bottom")
    kind = KINDS[
        str(row[0].segmented_control("List", list(KINDS), default="Doubted labels", required=True, key="suspect kind"))
    ]
    truth = ground_truth.shows_truth(found.dataset)
    choices: list[Labels] = list(get_args(Labels)) if truth else ["found"]
    whose: Labels = row[1].selectbox(
        "Labels", choices, len(choices) - 1, key=f"suspect labels {truth}", disabled=len(choices) == 1,
        format_func=WHOSE.__getitem__,
    )  # fmt: skip
    asked = Suspects(found, whose)
    digest = hashlib.blake2b(asked.labels.tobytes() + found.vote.labeling.tobytes(), digest_size=8).hexdigest()
    listed = _suspects(str(found.run.home), found.run.name, digest, kind, asked)
    with row[2]:
        files = ground_truth.file_names(found.dataset)  # now: a download cannot read the session
        plots.csv_button(
            "CSV",
            lambda: (COLUMNS[kind], listed.table(kind, files)),
            plots.file_name(found.run.name, f"suspect-{kind}"),
            key="suspects csv",
            help="The whole list, as `python -m hume suspects` writes it.",
        )
    st.markdown(plots.plain(suspect_sentences.suspects(listed, kind)))
    number = len(listed.rows(kind))
    if not number:
        return None
    pages = -(-number // PER_PAGE)
    page = st.pagination(pages, key=f"suspect page {kind} {whose}") if pages > 1 else 1
    shown = slice((page - 1) * PER_PAGE, page * PER_PAGE)
    return gallery(
        _tiles(listed, kind, shown), key=f"suspect {kind}", dataset=found.dataset, label="Samples to check", size=64
    )


def _tiles(listed: Suspects, kind: Kind, shown: slice) -> list[Tile]:
    """Pictures with what is doubtful about each; a near-duplicate stands behind the sample that it repeats."""
    names = listed.names
    if kind == "label":
        each = listed.suspect
        columns = (each.rows, each.label, each.predicted, each.predicted_probability)
        return [
            Tile(row, f"{names[label]} → {names[predicted]}, {percent(high, 0)}")
            for row, label, predicted, high in zip(*(column[shown].tolist() for column in columns), strict=True)
        ]
    if kind == "outlier":
        return [Tile(row, f"{listed.seen.distances[row]:.1f}") for row in listed.outliers[shown].tolist()]
    pairs = zip(listed.duplicates.others[shown].tolist(), listed.duplicates.rows[shown].tolist(), strict=True)
    return [Tile(row, f"{row}") for row in chain.from_iterable(pairs)]


@st.cache_resource(max_entries=12, show_spinner="Comparing the samples in both spaces …")
def _suspects(home: str, name: str, digest: str, kind: Kind, _asked: Suspects) -> Suspects:
    _asked.rows(kind)
    return _asked
