"""Search the samples by an example, one of them or a new picture, or by words; what is found can be selected."""

import hashlib
import tempfile
from pathlib import Path
from typing import Literal, TypeAlias

import streamlit as st

from hume.common import devices
from hume.common.errors import InputError
from hume.evaluation.similarity import Similar
from hume.features.again import with_captions
from hume.reporting import similar_sentences
from hume.runs import similar, similar_new
from hume.runs.findings import Findings
from hume.runs.similar import Where
from pages._sections import sample
from pages._state import ground_truth, runs, selection
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

FOUND = 40  # samples, so that the address can hold them as a selection
SPACES: dict[str, Where] = {"both": "both", "φ1": "phi1", "φ2": "phi2"}
PICTURES = ["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff"]
By: TypeAlias = Literal["a sample", "a new picture", "words"]


def section(found: Findings) -> None:
    """What is searched for, and what is most like it."""
    opened = st.expander(
        "Search by an example or by words", icon=":material/image_search:", key="search samples", on_change="rerun"
    )
    with opened:
        if not opened.open:
            return
        ways: list[By] = ["a sample"]
        if found.dataset.images is not None:
            ways += ["a new picture", "words"]
        left, right = st.columns([3, 2], vertical_alignment="bottom")
        by: By = left.segmented_control("Search by", ways, default=ways[0], required=True, key="search by")
        where = "both"
        if by != "words":
            where = str(right.segmented_control("In", list(SPACES), default="both", required=True, key="search in"))
        try:
            near = _near(found, by, SPACES[where])
        except InputError as error:
            st.warning(str(error), icon=":material/info:")
            return
        if near is not None:
            _result(found, near, by, SPACES[where])


def _near(found: Findings, by: By, where: Where) -> Similar | None:
    """The samples that are found; None as long as nothing is asked for."""
    if by == "a sample":
        shown = plots.whole_number(st.query_params.get("sample", "")) or 0
        most = found.dataset.num_samples - 1
        row = st.number_input("Sample", 0, most, min(shown, most), key=f"search sample {shown}")
        return similar.like_row(found, int(row), where, FOUND)
    if by == "a new picture":
        given = st.file_uploader("Picture", PICTURES, key="search picture")
        if given is None:
            return None
        content = given.getvalue()
        return _like_picture(
            str(found.run.home), found.run.name, found.run.version, where, hashlib.sha256(content).hexdigest(),
            found, content, given.name,
        )  # fmt: skip
    if not with_captions(found.dataset):
        raise InputError(similar_sentences.no_captions(found.dataset.name))
    words = st.text_input("Words", key="search words", placeholder="a red car in the snow", max_chars=200)
    return _like_words(str(found.run.home), found.run.name, found.run.version, words, found) if words.strip() else None


@st.cache_data(max_entries=32, show_spinner="Computing the spaces of the picture …")
def _like_picture(
    home: str, run: str, version: tuple[int, int], where: Where, digest: str, _found: Findings, _content: bytes,
    _name: str,
) -> Similar:  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        path.write_bytes(_content)
        return similar_new.like_picture(_found, path, where, FOUND, name=_name, device=devices.devices()[0])


@st.cache_data(max_entries=32, show_spinner="Reading the network of words …")
def _like_words(home: str, run: str, version: tuple[int, int], words: str, _found: Findings) -> Similar:
    return similar_new.like_words(_found, words, FOUND, device=devices.devices()[0])


def _result(found: Findings, near: Similar, by: By, where: Where) -> None:
    rows, distances = near.rows.tolist(), near.distances
    names = [f"{value:.2f}" for value in distances[0]]
    if len(distances) == 2:
        names = [f"{a:.2f} · {b:.2f}" for a, b in distances.T.tolist()]
    clicked = gallery(
        [Tile(row, name) for row, name in zip(rows, names, strict=True)], key="similar", dataset=found.dataset,
        label="Similar samples", size=64,
    )  # fmt: skip
    space = similar_new.space_for_words(found) if by == "words" else ""
    st.caption(similar_sentences.words(space) if space else similar_sentences.order(where))
    files = ground_truth.file_names(found.dataset)
    given = runs.read_review(found)
    with st.container(horizontal=True):
        st.button(
            "Select these", key="select similar", icon=":material/select_all:", on_click=_select, args=(found, rows)
        )
        plots.csv_button(
            "As CSV", lambda: similar.table(found, near, given, files), plots.file_name(found.run.name, "similar"),
            key="similar csv",
        )  # fmt: skip
    if clicked is not None:
        sample.show(clicked)


def _select(found: Findings, rows: list[int]) -> None:
    selection.select(found, rows, selection.OTHER)
