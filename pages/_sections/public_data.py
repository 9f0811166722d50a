"""Add a public dataset by its name, or one of the Hugging Face hub."""

import re
from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from hume.common.errors import InputError
from hume.common.progress import Progress
from hume.data.catalog import CATALOG, import_named
from hume.data.folder import DatasetFolder
from hume.data.importers.folder_listing import allowed_roots, check_allowed
from hume.data.importers.hugging_face import import_hugging_face
from hume.exchange.incoming import ImportReport
from hume.jobs.datasets import FILES
from pages._state import services as services_module

Start = Callable[[Callable[[], str], str], None]  # queues an import and the name of its dataset

HUB = "another one of the Hugging Face hub …"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def named(start: Start) -> None:
    """A dataset of the catalog: where its files are, and whether missing ones are downloaded."""
    left, right = st.columns(2)
    key = left.selectbox(
        "Dataset", [*CATALOG, HUB], key="named", format_func=lambda key: CATALOG[key].title if key != HUB else key
    )
    if key == HUB:
        _from_hub(right, start)
        return
    known = CATALOG[key]
    text = right.text_input(
        "Folder with its files", str(services_module.services().store.home / "downloads"), key="named folder",
        help="Where the files are, or are downloaded to.",
    )  # fmt: skip
    st.caption(f"{known.source} · licence: {known.licence}")
    download = st.checkbox("Download missing files", key="named download")
    if st.button("Add", type="primary", icon=":material/add:", key="add named"):
        services = services_module.services()

        def work(on_progress: Progress) -> ImportReport:
            folder = check_allowed(Path(text), [*allowed_roots(), services.store.home])
            made = import_named(
                key, services.store.dataset_roots[0], data_folder=folder, download=download, on_progress=on_progress
            )
            return _report(made)

        start(lambda: services.work.do(f"Add {key}", work, FILES), key)


def _from_hub(column: DeltaGenerator, start: Start) -> None:
    """A dataset of the Hugging Face hub, where it can be reached."""
    text = column.text_input("Its name on the hub", key="hub name", placeholder="owner/dataset").strip()
    if st.button("Add", type="primary", icon=":material/add:", key="add hub", disabled=not HUB_NAME.fullmatch(text)):
        services, name = services_module.services(), text.rsplit("/", 1)[-1]

        def work(on_progress: Progress) -> ImportReport:
            if Path(text).exists():  # a name is never a path of this machine here
                raise InputError(f"{text} is a folder of this machine: add it by its path")
            made = import_hugging_face(text, services.store.dataset_roots[0], name, on_progress=on_progress)
            return _report(made)

        start(lambda: services.work.do(f"Add {text}", work, FILES), name)


def _report(made: DatasetFolder) -> ImportReport:
    return ImportReport(f"{made.load().num_samples:,} images are in {made.name}.", (made.name,))
