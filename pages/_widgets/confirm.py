"""A button that asks once before what cannot be undone."""

from collections.abc import Callable

import streamlit as st

from hume.common.formatting import count
from pages._widgets import plots


def once(label: str, key: str, users: list[str], act: Callable[[], None]) -> None:
    """A button with a confirmation for what cannot be undone; refused where runs use it."""
    if users:
        some = ", ".join(plots.plain(name) for name in users[:3]) + (" …" if len(users) > 3 else "")
        st.caption(f"Used by {count(len(users), 'run')} ({some}): delete these first.")
        return
    with st.popover(plots.plain(label), icon=":material/delete:"):
        st.markdown("This cannot be undone.")
        st.button("Delete for good", key=key, type="primary", on_click=act)
