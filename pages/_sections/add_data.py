"""Add data: a path on this machine, an upload, a public dataset by its name."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from hume.common.errors import HumeError
from hume.data.folder import check_name
from hume.data.importers.folder_listing import allowed_roots
from hume.exchange.detection import DetectedFormat
from hume.jobs.datasets import upload
from pages._sections import import_preview, progress, public_data
from pages._state import services as services_module
from pages._widgets import plots

AT = "add"  # where the jobs of this form are shown
SIDES = (32, 64, 96, 128, 224)
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
            public_data.named(start)
    progress.begun(AT)
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
        found, preview = import_preview.of_path(text, tuple(map(str, roots)))
    except HumeError as error:
        st.error(plots.plain(str(error)), icon=":material/error:")
        return
    meaning = import_preview.show(found, preview, str(found.path))
    name, side, keep = _options(found)
    if st.button("Add", type="primary", icon=":material/add:", key="add path"):
        work = services_module.services().work
        start(lambda: work.add(Path(text), name, keep=keep, side=side, roots=roots, meaning=meaning), name)


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
    meaning = None
    if len(files) == 1 and files[0].name.lower().endswith(".zip"):
        try:
            found, preview = import_preview.of_upload(files[0].file_id, files[0].name, files[0])
        except HumeError as error:
            st.error(plots.plain(str(error)), icon=":material/error:")
            return
        meaning = import_preview.show(found, preview, files[0].file_id)
    columns = st.columns(3, vertical_alignment="bottom")
    name = columns[0].text_input("Name", files[0].name.split(".")[0], key=f"upload name {files[0].file_id}")
    side = _side(columns[1], "upload")
    if columns[2].button("Add", type="primary", icon=":material/add:", key="add upload"):
        services = services_module.services()

        def begin() -> str:
            folder = upload(services.store.home, [(file.name, file) for file in files])
            return services.work.add_uploaded(folder, name, side=side, meaning=meaning)

        start(begin, name)


def start(begin: Callable[[], str], name: str) -> None:
    """Queue the import of a dataset of that name; progress is shown below the form."""

    def checked() -> str:
        check_name(name, "dataset")
        return begin()

    progress.start(checked, ERROR, at=AT)
