"""Compute spaces of a dataset, and resume unfinished ones."""

from pathlib import Path
from typing import Any

import streamlit as st

from hume.common import devices
from hume.common.errors import HumeError
from hume.data.dataset import Dataset
from hume.data.folder import DatasetFolder
from hume.data.importers.folder_listing import allowed_roots, check_allowed
from hume.features import extract as extracting
from hume.features import pretrain as training
from hume.features.backbones import KNOWN, available
from hume.features.recipe import Recipe
from hume.jobs.datasets import upload
from pages._sections import make_training, progress, quick_spaces
from pages._state import services
from pages._widgets import plots

ERROR = "data error"  # the session key of the last error
AT, QUICK = "space", "quick"  # where the jobs of these forms are shown
PLACES = (AT, QUICK)

# --- unfinished ----------------------------------------------------------------------------------


def unfinished(folder: DatasetFolder) -> None:
    """Cancelled or interrupted jobs, to resume or discard."""
    work = services.services().work
    if work.is_busy(folder):
        return
    for job in training.pending(folder):
        share = job.step / max(job.num_steps, 1)
        _unfinished_job(
            folder, job.key, f"{job.config.title}: {share:.0%} of the training is done",
            lambda job=job: work.pretrain(folder, job.config, train_rows=job.train_rows),
            training.discard,
        )  # fmt: skip
    for extraction in extracting.pending(folder):
        _unfinished_job(
            folder, extraction.key, f"{extraction.backbone}: {extraction.done:,} of {extraction.of:,} rows are done",
            lambda job=extraction: work.extract(folder, job.backbone, size=job.size, weights=job.weights),
            extracting.discard,
        )  # fmt: skip


def _unfinished_job(folder: DatasetFolder, key: str, text: str, resume: Any, discard: Any) -> None:
    line, first, second = st.columns([5, 1, 1], vertical_alignment="center")
    line.warning(f"Unfinished: {plots.plain(text)}.", icon=":material/pause_circle:")
    first.button("Resume", key=f"resume {key}", type="primary", on_click=safely, args=(resume,))
    second.button("Discard", key=f"discard {key}", on_click=safely, args=(discard, folder, key))


def safely(act: Any, *arguments: Any) -> None:
    """Call a button's action; on failure keep the message for the page to show."""
    try:
        act(*arguments)
    except HumeError as error:
        st.session_state[ERROR] = str(error)


# --- offers --------------------------------------------------------------------------------------


def offer(folder: DatasetFolder, data: Dataset) -> None:
    """The ways to add a space to this dataset."""
    quick_spaces.offer(folder, data, ERROR, QUICK)
    progress.begun(QUICK)
    st.subheader("Add a space")
    titles = ["Pretrained network", "Self-supervised training", "Combine or reduce", "Features from a file"]
    network, train, derive, file = st.tabs(titles, key="space_by", bind="query-params")
    if network.open:
        with network:
            _network(folder, data)
    if train.open:
        with train:
            make_training.form(folder, data, ERROR, AT)
    if derive.open:
        with derive:
            _derived(folder, data)
    if file.open:
        with file:
            _from_file(folder)
    progress.begun(AT)


def _network(folder: DatasetFolder, data: Dataset) -> None:
    if data.images is None:
        st.caption("This dataset has no images.")
        return
    st.markdown("For **φ2**: features of a network pretrained on other images.")
    names = sorted(KNOWN, key=lambda name: not available(name))
    other = "another one …"
    left, right, size = st.columns([2, 2, 1])
    chosen = left.selectbox("Network", [*names, other], key="network", format_func=_network_label)
    name = chosen
    if chosen == other:
        name = left.text_input(
            "Its name", key="network name", placeholder="timm:vit_small_patch14_dinov2.lvd142m",
            help="timm:MODEL, open_clip:ARCHITECTURE/WEIGHTS, torchvision:MODEL or transformers:ID.",
        ).strip()  # fmt: skip
    weights = right.text_input(
        "File of weights", key="weights", placeholder="only if they cannot be downloaded",
        help="A .safetensors, .pth or .npz file on this machine, in an allowed folder.",
    ).strip()  # fmt: skip
    largest = max(data.images.shape[1:3])
    side = size.number_input(
        "Side, pixels", 32, 1024, None, key=f"side {folder.name}", placeholder="its own",
        help=f"Images are resized to this. Stored pictures: {largest} pixels; smaller is faster.",
    )  # fmt: skip
    if name and name in KNOWN:
        st.caption(f"{KNOWN[name].title} · {KNOWN[name].dim:,} dimensions · {KNOWN[name].licence}")
    button, text = st.columns([1, 3], vertical_alignment="center")
    if button.button("Compute features", type="primary", key="extract", icon=":material/memory:", disabled=not name):
        work = services.services().work
        progress.start(lambda: work.extract(folder, name, **_options(name, weights, side)), ERROR, at=AT)
    if name in KNOWN and not weights and available(name):
        paces, device, size_wanted = services.services().space_paces, devices.choose_device("auto"), _whole(side)
        with text:
            make_training.draw_time(
                lambda: paces.extraction(folder, name, device, size=size_wanted, weights=None), device
            )


def _options(name: str, weights: str, side: float | None) -> dict[str, Any]:
    """The options of a network; raises InputError for a path outside the allowed folders."""
    roots = [*allowed_roots(), services.services().store.home]
    source, _, model = name.partition(":")
    if source == "transformers" and Path(model).is_dir():
        check_allowed(Path(model), roots)
    return {
        "weights": check_allowed(Path(weights), roots) if weights else None,
        "size": _whole(side),
    }


def _whole(side: float | None) -> int | None:
    return None if side is None else int(side)


def _network_label(name: str) -> str:
    if name not in KNOWN:
        return name
    return f"{KNOWN[name].title}" + ("" if available(name) else " (weights not downloaded)")


def _derived(folder: DatasetFolder, data: Dataset) -> None:
    if not data.spaces:
        st.caption("No space to derive another from yet.")
        return
    columns = st.columns([3, 1, 1, 1, 1], vertical_alignment="bottom")
    parents = columns[0].multiselect("Concatenate these spaces", list(data.spaces), key=f"parents {folder.name}")
    centre = columns[1].checkbox("Centre", key="derive centre", help="Subtract the mean row.")
    unit = columns[2].checkbox("Unit length", key="derive unit", help="Divide every row by its L2 norm.")
    dims = columns[3].number_input("PCA to", 1, None, None, key="derive dims", placeholder="no")
    whiten = columns[4].checkbox("Whiten", key="derive whiten", disabled=dims is None)
    recipe_wanted = parents and (len(parents) > 1 or centre or unit or dims)
    if st.button("Derive", type="primary", key="derive", icon=":material/call_merge:", disabled=not recipe_wanted):
        progress.start(
            lambda: services.services().work.derive(
                folder,
                Recipe(
                    spaces=tuple(parents), centre=centre, unit=unit, pca=None if dims is None else int(dims),
                    whiten=bool(whiten and dims),
                ),
            ),
            ERROR,
            at=AT,
        )  # fmt: skip


def _from_file(folder: DatasetFolder) -> None:
    st.markdown(
        "Features computed elsewhere: one row a sample, in the order of this dataset, or in any order with an array of "
        "the samples' names, as `file` or `id`."
    )
    file = st.file_uploader(
        "A matrix", ["npy", "npz", "safetensors", "parquet"], key=f"matrix {st.session_state.get('uploads', 0)}"
    )
    if file is None:
        return
    name = st.text_input("Name of the space", file.name.split(".")[0], key=f"space name {file.file_id}")
    if st.button("Add it", type="primary", key="add matrix", icon=":material/add:"):

        def begin() -> str:
            uploaded = upload(services.services().store.home, [(file.name, file)])
            return services.services().work.add_features(folder, name, uploaded)

        progress.start(begin, ERROR, at=AT)
