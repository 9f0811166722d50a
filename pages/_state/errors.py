"""Errors of a page: one sentence for the reader, the traceback for the log."""

import logging
from collections.abc import Callable

import streamlit as st

from hume.common.errors import HumeError

log = logging.getLogger(__name__)


def guard(page: Callable[[], None]) -> None:
    """Run a page; what a reader can mend is said in one sentence."""
    try:
        page()
    except HumeError as error:
        st.error(str(error), icon=":material/error:")


def on_error(error: Exception) -> bool:
    """Say one sentence on the page and keep the details in the server's log."""
    if isinstance(error, HumeError):
        st.error(str(error), icon=":material/error:")
        return True
    log.error("a page failed", exc_info=error)
    st.error(
        "Something went wrong on this page. Nothing was lost: reload it, or choose another run. "
        "The details are in the server's log.",
        icon=":material/error:",
    )
    return True
