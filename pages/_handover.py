"""Reliable samples in the formats of other programs, to be downloaded."""

import shutil
from typing import BinaryIO

import streamlit as st

from hume.findings import Findings
from hume.io import handover
from hume.io.handover import FORMATS, handover_of
from hume.reliable import ReliableSamples
from pages import _session, _show


def offer(found: Findings, samples: ReliableSamples, *, disabled: bool) -> None:
    """A choice of formats, and the file of the chosen one; it is made when the button is pressed."""
    with st.popover("Export for …", icon=":material/move_up:", disabled=disabled):
        key = st.radio(
            "Format", list(FORMATS), key="format", format_func=lambda key: FORMATS[key].title,
            captions=[form.purpose for form in FORMATS.values()], label_visibility="collapsed",
        )  # fmt: skip
        form = FORMATS[key]
        reason = handover.available(form, found.dataset)

        asked = key == "usb" and _session.shows_truth(found.dataset)
        true_labels = asked and st.checkbox(
            "With as many random true labels", key="true labels",
            help="To train from both and compare (Table 4). The file then holds true labels.",
        )  # fmt: skip

        def content() -> bytes | BinaryIO:
            review = _session.read_review(found)
            made = handover.as_file(handover_of(found, samples, review, true_labels=true_labels), form)
            if isinstance(made, bytes):
                return made
            file = made.open("rb")
            shutil.rmtree(made.parent)  # what is open can still be read
            return file

        st.download_button(
            f"Download for {form.title}", content, f"{found.run.name}-{form.key}{form.ending}", key="handover",
            type="primary", icon=":material/download:", on_click="ignore", disabled=reason is not None,
        )  # fmt: skip
        if reason is not None:
            st.caption(f"Not here: {_show.plain(reason)}.")
        said = "Found and true labels." if true_labels else "Found classes only, no ground truth."
        st.caption(f"{said} The command line writes folders of any size: `hand-over`.")
