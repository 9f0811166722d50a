"""HUME Explorer, the server: what lives beside the pages. Run it with `make app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import streamlit as st

from hume.common import runtime

runtime.configure()  # before torch is loaded

from hume import Store
from hume.exchange.incoming import sweep
from pages._state import errors, services
from pages._widgets import thumbnails

TRASH_KEPT = timedelta(days=7)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Empty what was deleted long ago or left behind; at the end, stop the queue and its processes."""
    store = Store()
    store.empty_trash(TRASH_KEPT)
    sweep(store)
    yield
    services.close()


# The script lies among the pages, not here: a script beside a folder `pages/` makes Streamlit
# run every file in it as a page of its own when the first visitor comes by a deep link.
app = st.App("pages/_main.py", lifespan=lifespan, routes=thumbnails.ROUTES, on_script_error=errors.on_error)
