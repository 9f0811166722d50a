"""What would come in, before it is imported: what the folders mean, some pictures, the files set aside and why."""

from pathlib import Path
from typing import BinaryIO

import streamlit as st

from hume.common.formatting import count
from hume.data.importers.folder_meaning import Meaning
from hume.data.thumbnails import data_uri
from hume.exchange.detection import DetectedFormat, detect_format, detect_zip
from hume.exchange.preview import CHECKED, Preview, look
from hume.reporting import import_sentences
from pages._state import ground_truth
from pages._widgets import plots

PICTURE = 72  # pixels
SHOWN = 200  # files set aside, and classes


@st.cache_data(max_entries=4, ttl=60, show_spinner="Reading …")
def of_path(path: str, roots: tuple[str, ...]) -> tuple[DetectedFormat, Preview]:
    """What a path holds, and a look at its pictures."""
    found = detect_format(Path(path), roots=[Path(root) for root in roots])
    return found, look(found, found.path)


@st.cache_data(max_entries=4, ttl=600, show_spinner="Reading …")
def of_upload(file_id: str, name: str, _file: BinaryIO) -> tuple[DetectedFormat, Preview]:
    """What an uploaded archive holds, and a look at its pictures."""
    found = detect_zip(_file, Path(name))
    return found, look(found, _file)


def show(found: DetectedFormat, preview: Preview, key: str) -> Meaning | None:
    """Draw what would come in; returns what the folders mean, None where that is no question."""
    st.info(plots.plain(found.summary), icon=":material/folder_open:")
    meaning = _meaning(found, key)
    if preview.pictures:
        # Within the page: a file that Streamlit serves may be gone, with another reader's, before it is fetched.
        st.image([data_uri(pixels) for _, pixels in preview.pictures], width=PICTURE)
    aside = [*found.set_aside, *preview.unreadable]
    if aside:
        with st.expander(f"{count(len(aside), 'file')} will be set aside", icon=":material/block:"):
            st.dataframe({"file": [n for n, _ in aside[:SHOWN]], "why": [w for _, w in aside[:SHOWN]]}, hide_index=True)
            if len(aside) > SHOWN:
                st.caption(f"and {len(aside) - SHOWN:,} more")
    if 0 < preview.checked < len(found.pictures):
        st.caption(f"The first {CHECKED:,} files are checked; the import checks all and lists what it sets aside.")
    return meaning


def _meaning(found: DetectedFormat, key: str) -> Meaning | None:
    """The choice of what the folders mean, each with what follows from it."""
    outcomes = {each.meaning: each for each in found.outcomes}
    if not outcomes:
        return None
    number, hidden = len(found.pictures), ground_truth.is_blind()
    texts = [plots.plain(import_sentences.outcome(each, number, named=not hidden)) for each in outcomes.values()]
    if len(outcomes) == 1:
        st.caption(texts[0])
        return next(iter(outcomes))
    chosen = st.radio(
        "What do the folders mean?", list(outcomes), captions=texts, key=f"meaning {key}",
        format_func=import_sentences.MEANINGS.__getitem__,
        help="Classes are only for comparison: the search uses no label. Every picture comes in either way.",
    )  # fmt: skip
    sizes = outcomes[chosen].classes
    if len(sizes) > import_sentences.SHOWN and not hidden:
        with st.expander(f"Sizes of the {count(len(sizes), 'class', 'classes')}"):
            st.dataframe({"class": list(sizes)[:SHOWN], "pictures": list(sizes.values())[:SHOWN]}, hide_index=True)
    return chosen
