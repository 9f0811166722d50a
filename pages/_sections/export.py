"""Download reliable samples in the formats of other programs."""

import shutil
from collections.abc import Callable
from typing import BinaryIO

import streamlit as st

from hume.evaluation.reliable import ReliableSamples
from hume.exchange import export
from hume.exchange.export import FORMATS, export_request
from hume.runs.findings import Findings
from pages._state import ground_truth, runs
from pages._widgets import plots


def offer(found: Findings, samples: Callable[[], ReliableSamples], *, disabled: bool = False) -> None:
    """A choice of formats and a download button; the samples are ranked and written when the button is pressed."""
    with st.popover("Export for …", icon=":material/move_up:", disabled=disabled):
        key = st.radio(
            "Format", list(FORMATS), key="format", format_func=lambda key: FORMATS[key].title,
            captions=[form.purpose for form in FORMATS.values()], label_visibility="collapsed",
        )  # fmt: skip
        form = FORMATS[key]
        reason = export.available(form, found.dataset)

        offered = key == "usb" and ground_truth.shows_truth(found.dataset)
        true_labels = offered and st.checkbox(
            "With as many random true labels", key="true labels",
            help="To train on both and compare (Table 4). The file then contains true labels.",
        )  # fmt: skip

        def content() -> bytes | BinaryIO:
            review = runs.read_review(found)
            made = export.as_file(export_request(found, samples(), review, true_labels=true_labels), form)
            if isinstance(made, bytes):
                return made
            file = made.open("rb")
            shutil.rmtree(made.parent)  # an open file can still be read
            return file

        st.download_button(
            f"Download for {form.title}", content, f"{found.run.name}-{form.key}{form.ending}", key="handover",
            type="primary", icon=":material/download:", on_click="ignore", disabled=reason is not None,
        )  # fmt: skip
        if reason is not None:
            st.caption(f"Unavailable: {plots.plain(reason)}.")
        content_note = "Found and true labels." if true_labels else "Found classes only, no ground truth."
        st.caption(f"{content_note} The command line writes folders of any size: `export --to`.")
