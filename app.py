"""HUME Explorer, the server: what lives beside the pages. Run it with `make app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import streamlit as st

from hume import Store
from hume.data.bring import sweep
from pages import _session, _thumbnails

TRASH_KEPT = timedelta(days=7)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Empty what was deleted long ago or left behind; at the end, stop the queue and its processes."""
    store = Store()
    store.empty_trash(TRASH_KEPT)
    sweep(store)
    yield
    _session.close()


# The script lies among the pages, not here: a script beside a folder `pages/` makes Streamlit
# run every file in it as a page of its own when the first visitor comes by a deep link.
app = st.App("pages/_main.py", lifespan=lifespan, routes=_thumbnails.ROUTES, on_script_error=_session.on_error)
