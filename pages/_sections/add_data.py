"""Add data: a path on this machine, an upload, a public dataset by its name."""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from hume.common.errors import HumeError, InputError
from hume.common.formatting import count
from hume.common.progress import Progress
from hume.data.catalog import CATALOG, import_named
from hume.data.folder import check_name
from hume.data.image_files import PictureError, fit, open_picture
from hume.data.importers.folder_listing import allowed_roots, check_allowed
from hume.data.importers.hugging_face import import_hugging_face
from hume.exchange.detection import DetectedFormat, detect_format
from hume.jobs.datasets import upload
from pages._sections import progress
from pages._state import services as services_module
from pages._widgets import plots

HUB = "another one of the Hugging Face hub …"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
SIDES = (32, 64, 96, 128, 224)
PREVIEWED, PREVIEW = 12, 72  # pictures, pixels
SHOWN = 20  # files set aside
ERROR = "add error"  # the session key of the last error
ENDINGS = ["zip", "png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff", "csv", "parquet", "pq", "npy", "npz",
           "safetensors", "h5ad"]  # fmt: skip


def add() -> None:
    """Three ways to add data, each with a preview before the import."""
    on_disk, uploaded, named = st.tabs(
        ["From this machine", "Upload", "Public dataset"], key="ways_in", bind="query-params"
    )
    if on_disk.open:
        with on_disk:
            _from_disk()
    if uploaded.open:
        with uploaded:
            _from_upload()
    if named.open:
        with named:
            _named()
    if ERROR in st.session_state:
        st.error(plots.plain(st.session_state.pop(ERROR)), icon=":material/error:")


def _from_disk() -> None:
    roots = allowed_roots()
    text = st.text_input(
        "Path", key="path", placeholder=f"{roots[0]}/my-images",
        help="A folder of images (class folders, or flat without labels; train and test folders are a split), a zip of "
        "it, a table of paths (CSV, Parquet), arrays (.npy, .npz, .safetensors, Parquet, .h5ad, idx), a "
        "Hugging Face dataset on disk, or the folder of a release of HUME or TURTLE.",
    ).strip()  # fmt: skip
    st.caption("Allowed folders: " + ", ".join(plots.plain(str(root)) for root in roots) + " (set by HUME_DATA_ROOTS).")
    if not text:
        return
    try:
        with st.spinner("Reading …"):
            found = _detected(text, tuple(map(str, roots)))
    except HumeError as error:
        st.error(plots.plain(str(error)), icon=":material/error:")
        return
    st.info(plots.plain(found.summary), icon=":material/folder_open:")
    _preview(found)
    _aside(found.set_aside)
    name, side, keep = _options(found)
    if st.button("Add", type="primary", icon=":material/add:", key="add path"):
        _start(lambda: services_module.services().work.add(Path(text), name, keep=keep, side=side, roots=roots), name)


@st.cache_data(max_entries=4, ttl=60, show_spinner=False)
def _detected(path: str, roots: tuple[str, ...]) -> DetectedFormat:
    return detect_format(Path(path), roots=[Path(root) for root in roots])


def _preview(found: DetectedFormat) -> None:
    """A few of the pictures to import, spread over the folder; unreadable ones are left out."""
    entries = [] if found.listing is None else found.listing.entries
    step = max(1, len(entries) // PREVIEWED)
    shown = []
    for entry in entries[::step][:PREVIEWED]:
        with suppress(PictureError):
            shown.append(fit(open_picture(entry.path, entry.name, at_least=PREVIEW), PREVIEW))
    if shown:
        st.image(shown, width=PREVIEW)


def _options(found: DetectedFormat) -> tuple[str, int, Literal["refer", "copy"]]:
    """The dataset's name, the side of its stored pictures, and whether large ones are copied."""
    name, side, keep = found.suggested_name, 96, "refer"
    if found.release is not None:
        return name, side, "refer"
    columns = st.columns(3, vertical_alignment="bottom")
    name = columns[0].text_input("Name", name, key=f"name {found.path}")
    if found.kind in ("images", "zip"):
        side = _side(columns[1], str(found.path))
    if found.kind == "images":
        copied = columns[2].checkbox(
            "Copy large pictures", key=f"copy {found.path}",
            help="Otherwise larger pictures stay where they are and are read from there for features.",
        )  # fmt: skip
        keep = "copy" if copied else "refer"
    return name, side, "copy" if keep == "copy" else "refer"


def _side(column: DeltaGenerator, key: str) -> int:
    return int(
        column.selectbox(
            "Stored at",
            SIDES,
            SIDES.index(96),
            key=f"side {key}",
            format_func=lambda side: f"{side} × {side} pixels",
            help="Larger pictures are stored as a square copy, for display and self-supervised training; pretrained "
            "networks read the originals. Pictures of one size up to this are stored unchanged.",
        )
    )


def _from_upload() -> None:
    files = st.file_uploader(
        "A zip of images, images, a table of them, or one file of arrays", ENDINGS, accept_multiple_files=True,
        key=f"files {st.session_state.get('uploads', 0)}",
    )  # fmt: skip
    if not files:
        return
    columns = st.columns(3, vertical_alignment="bottom")
    name = columns[0].text_input("Name", files[0].name.split(".")[0], key=f"upload name {files[0].file_id}")
    side = _side(columns[1], "upload")
    if columns[2].button("Add", type="primary", icon=":material/add:", key="add upload"):
        services = services_module.services()

        def begin() -> str:
            folder = upload(services.store.home, [(file.name, file) for file in files])
            return services.work.add_uploaded(folder, name, side=side)

        _start(begin, name)


def _named() -> None:
    left, right = st.columns(2)
    key = left.selectbox(
        "Dataset", [*CATALOG, HUB], key="named", format_func=lambda key: CATALOG[key].title if key != HUB else key
    )
    if key == HUB:
        _from_hub(right)
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

        def work(on_progress: Progress) -> str:
            folder = check_allowed(Path(text), [*allowed_roots(), services.store.home])
            made = import_named(
                key, services.store.dataset_roots[0], data_folder=folder, download=download, on_progress=on_progress
            )
            return f"{made.load().num_samples:,} images are in {made.name}."

        _start(lambda: services.work.do(f"Add {key}", work), key)


def _from_hub(column: DeltaGenerator) -> None:
    """A dataset of the Hugging Face hub, where it can be reached."""
    text = column.text_input("Its name on the hub", key="hub name", placeholder="owner/dataset").strip()
    if st.button("Add", type="primary", icon=":material/add:", key="add hub", disabled=not HUB_NAME.fullmatch(text)):
        services, name = services_module.services(), text.rsplit("/", 1)[-1]

        def work(on_progress: Progress) -> str:
            if Path(text).exists():  # a name is never a path of this machine here
                raise InputError(f"{text} is a folder of this machine: add it by its path")
            made = import_hugging_face(text, services.store.dataset_roots[0], name, on_progress=on_progress)
            return f"{made.load().num_samples:,} images are in {made.name}."

        _start(lambda: services.work.do(f"Add {text}", work), name)


def _start(begin: Callable[[], object], name: str) -> None:
    def checked() -> None:
        check_name(name, "dataset")
        begin()

    progress.start(checked, ERROR, shown="below")


def _aside(set_aside: list[tuple[str, str]]) -> None:
    if not set_aside:
        return
    with st.expander(f"{count(len(set_aside), 'file')} will be set aside", icon=":material/block:"):
        shown = set_aside[:SHOWN]
        st.dataframe({"file": [name for name, _ in shown], "why": [why for _, why in shown]}, hide_index=True)
        if len(set_aside) > SHOWN:
            st.caption(f"and {len(set_aside) - SHOWN:,} more")
