"""The server of HUME Explorer: start, shutdown and routes. Run it with `make app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import streamlit as st
from starlette.middleware import Middleware

from hume.common import runtime

runtime.configure()  # before torch is loaded

from hume import Store
from hume.exchange.incoming import sweep
from pages._state import errors, hosts, services
from pages._widgets import arrays, thumbnails

TRASH_KEPT = timedelta(days=7)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Empty the trash and leftover uploads at the start; stop queues and processes at the end."""
    store = Store()
    store.empty_trash(TRASH_KEPT)
    sweep(store)
    yield
    services.close()


# The script is in `pages/`: next to a folder `pages/`, Streamlit would run every file of it as a page when the first
# visitor opens a deep link.
app = st.App(
    "pages/_main.py",
    lifespan=lifespan,
    routes=[*thumbnails.ROUTES, *arrays.ROUTES],
    middleware=[Middleware(hosts.OwnHosts)],
    on_script_error=errors.on_error,
)
