"""Whether a page may show the ground truth: blind mode and its exceptions."""

from pathlib import PurePosixPath
from typing import Any

import streamlit as st

from hume.data.dataset import Dataset


def is_blind() -> bool:
    """Whether blind mode hides the ground truth."""
    return bool(st.session_state.get("blind"))


def file_names(data: Dataset) -> list[str] | None:
    """The files of the samples; in blind mode without their folders, which may name the true classes."""
    names = data.file_names
    if names is None or data.labels is None or not is_blind():
        return names
    return [PurePosixPath(name).name for name in names]


def visible(data: Dataset, items: list[Any]) -> list[Any]:
    """Items that name files or classes; none while the ground truth is hidden, which folder names reveal."""
    return [] if data.labels is not None and is_blind() else items


def shows_truth(data: Dataset) -> bool:
    """Whether there is a ground truth and it may be shown."""
    return data.labels is not None and not is_blind()


def reveal(data: Dataset, what: str) -> None:
    """A button to reveal the ground truth where it is hidden; a note where there is none."""
    if data.labels is None:
        st.caption(f"{what} needs a ground truth, and this dataset has none.")
    elif is_blind():
        st.button(f"Reveal: {what}", icon=":material/visibility:", key=f"reveal {what}", on_click=_reveal)


def _reveal() -> None:
    st.session_state["blind"] = False
