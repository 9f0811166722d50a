"""Errors of a page: one sentence for the user, the traceback for the log."""

import logging
from collections.abc import Callable

import streamlit as st

from hume.common.errors import HumeError

log = logging.getLogger(__name__)


def guard(page: Callable[[], None]) -> None:
    """Run a page; errors that the user can fix are shown as one sentence."""
    try:
        page()
    except HumeError as error:
        st.error(str(error), icon=":material/error:")


def on_error(error: Exception) -> bool:
    """Show one sentence on the page and write the details to the server's log."""
    if isinstance(error, HumeError):
        st.error(str(error), icon=":material/error:")
        return True
    log.error("a page failed", exc_info=error)
    st.error(
        "Unexpected error on this page: reload it, or choose another run. The details are in the server's log.",
        icon=":material/error:",
    )
    return True
