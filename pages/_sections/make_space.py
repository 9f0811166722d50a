"""How spaces are made of a dataset: what is offered, what is under way, what was left unfinished."""

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from hume.common import devices
from hume.common.errors import HumeError
from hume.data.dataset import Dataset
from hume.data.folder import DatasetFolder
from hume.data.importers.folder_listing import allowed_roots, check_allowed
from hume.features import extract as extracting
from hume.features import pretrain as training
from hume.features.backbones import KNOWN, available
from hume.features.derive import Recipe
from hume.features.encoders import ENCODERS
from hume.jobs.datasets import upload
from hume.jobs.queues import Status
from hume.reporting import figures
from pages._state import ground_truth, runs
from pages._state import services as services_module
from pages._widgets import plots

REFRESH = 1.0  # seconds


# --- under way -----------------------------------------------------------------------------------


def under_way() -> None:
    """Work on data: progress, a training's loss, and what came of what has ended."""
    work = services_module.services().work
    if not work.statuses():
        return
    going = any(status.under_way for status in work.statuses())

    @st.fragment(run_every=REFRESH if going else None)
    def draw() -> None:
        now = work.statuses()
        for status in now:
            _line(status)
        if going and not any(status.under_way for status in now):
            st.rerun()

    draw()


def _line(status: Status) -> None:
    work = services_module.services().work
    words, button = st.columns([6, 1], vertical_alignment="center")
    name = f"**{plots.plain(status.name)}**"
    if status.under_way:
        left = "" if status.seconds_left is None else f", about {plots.duration(status.seconds_left)} left"
        said = f"waiting behind {status.ahead}" if status.state == "queued" else f"under way{left}"
        words.progress(min(1.0, status.share), text=f"{name} · {said}")
        button.button("Cancel", key=f"cancel {status.name}", icon=":material/stop_circle:",
                      on_click=services_module.services().jobs.cancel, args=(status.name,))  # fmt: skip
        _loss(status.name)
        return
    icon = runs.STATE_ICONS[status.state]
    if status.state == "failed":
        words.error(f"{name}: {plots.plain(status.message)}", icon=icon)
    elif status.state == "cancelled":
        words.warning(f"{name} was cancelled; what is done is kept and can be resumed.", icon=icon)
    else:
        words.success(f"{name}: {plots.plain(status.message)}", icon=icon)
    button.button("Dismiss", key=f"dismiss {status.name}", on_click=work.forget, args=(status.name,))


def _loss(name: str) -> None:
    """The loss of a training so far; neighbours' accuracy beside it unless the reader is blind."""
    records = services_module.services().work.live(name)
    steps = [record for record in records if np.isfinite(record.loss)]
    if len(steps) < 2:
        return
    probes = [(record.step, record.knn_score) for record in steps if record.knn_score is not None]
    if ground_truth.is_blind():
        probes = []
    last = steps[-1]
    st.caption(
        f"Epoch {last.epoch} of {last.num_epochs}, step {last.step:,} of {last.num_steps:,}; "
        f"{plots.duration(last.seconds)} so far." + (f" {last.note}" if last.note else "")
    )
    figure = figures.training(
        [record.step for record in steps], [record.loss for record in steps],
        [step for step, _ in probes], [score for _, score in probes],
    )  # fmt: skip
    plots.plot(
        figure, f"loss {name}",
        lambda: (["step", "loss"], [(record.step, record.loss) for record in steps]),
        alt="The loss of the training over its steps", name=plots.file_name(name, "loss"), height=260,
    )  # fmt: skip


# --- left unfinished -----------------------------------------------------------------------------


def unfinished(folder: DatasetFolder) -> None:
    """What was cancelled or killed, to be gone on with or dropped."""
    work = services_module.services().work
    if work.is_busy(folder):
        return
    for left in training.pending(folder):
        share = left.step / max(left.num_steps, 1)
        _left(
            folder, left.key, f"{left.config.title}: {share:.0%} of the training is done",
            lambda left=left: work.pretrain(folder, left.config, train_rows=left.train_rows),
            training.discard,
        )  # fmt: skip
    for part in extracting.pending(folder):
        _left(
            folder, part.key, f"{part.backbone}: {part.done:,} of {part.of:,} rows are done",
            lambda part=part: work.extract(folder, part.backbone, size=part.size, weights=part.weights),
            extracting.discard,
        )  # fmt: skip


def _left(folder: DatasetFolder, key: str, words: str, resume: Any, discard: Any) -> None:
    line, first, second = st.columns([5, 1, 1], vertical_alignment="center")
    line.warning(f"Unfinished: {plots.plain(words)}.", icon=":material/pause_circle:")
    first.button("Resume", key=f"resume {key}", type="primary", on_click=_safely, args=(resume,))
    second.button("Discard", key=f"discard {key}", on_click=_safely, args=(discard, folder, key))


def _safely(act: Any, *arguments: Any) -> None:
    try:
        act(*arguments)
    except HumeError as error:
        st.session_state["data error"] = str(error)


# --- offers --------------------------------------------------------------------------------------


def offer(folder: DatasetFolder, data: Dataset) -> None:
    """The ways to another space of this dataset."""
    st.subheader("Make a space")
    titles = ["Pretrained network", "Self-supervised training", "Combine or reduce", "Features from a file"]
    network, train, derive, file = st.tabs(titles, key="space_by", bind="query-params")
    if network.open:
        with network:
            _network(folder, data)
    if train.open:
        with train:
            _training(folder, data)
    if derive.open:
        with derive:
            _derived(folder, data)
    if file.open:
        with file:
            _from_file(folder)


def _network(folder: DatasetFolder, data: Dataset) -> None:
    if data.images is None:
        st.caption("This dataset has no images to look at.")
        return
    st.markdown("For **φ2**: features of a network that was trained on other images.")
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
        "File of weights", key="weights", placeholder="only where the network's own cannot be fetched",
        help="A .safetensors, .pth or .npz file on this machine, within the folders that may be read.",
    ).strip()  # fmt: skip
    largest = max(data.images.shape[1:3])
    side = size.number_input(
        "Side, pixels", 32, 1024, None, key=f"side {folder.name}", placeholder="its own",
        help=f"Images are resized to this. The stored pictures have {largest}; a smaller side is faster.",
    )  # fmt: skip
    if name and name in KNOWN:
        st.caption(f"{KNOWN[name].title} · {KNOWN[name].dim:,} dimensions · {KNOWN[name].licence}")
    if st.button("Make features", type="primary", key="extract", icon=":material/memory:", disabled=not name):
        _launch(lambda: services_module.services().work.extract(folder, name, **_asked(name, weights, side)))


def _asked(name: str, weights: str, side: float | None) -> dict[str, Any]:
    """The options of a network; raises InputError for a path outside the folders that may be read."""
    roots = [*allowed_roots(), services_module.services().store.home]
    source, _, model = name.partition(":")
    if source == "transformers" and Path(model).is_dir():
        check_allowed(Path(model), roots)
    return {
        "weights": check_allowed(Path(weights), roots) if weights else None,
        "size": None if side is None else int(side),
    }


def _network_label(name: str) -> str:
    if name not in KNOWN:
        return name
    return f"{KNOWN[name].title}" + ("" if available(name) else " (its weights have to be fetched)")


def _training(folder: DatasetFolder, data: Dataset) -> None:
    if data.images is None:
        st.caption("This dataset has no images to learn from.")
        return
    st.markdown("For **φ1**: features that a network learns from these images alone, without labels.")
    device = devices.choose_device("auto")
    columns = st.columns(4)
    method = columns[0].selectbox(
        "Method", training.METHODS, key="method", format_func=training.METHOD_TITLES.__getitem__
    )
    usual = training.defaults(folder, device, method=method)
    encoder = columns[1].selectbox(
        "Network", ENCODERS, ENCODERS.index(usual.encoder), key=f"encoder {device}",
        format_func=training.ENCODER_TITLES.__getitem__,
    )  # fmt: skip
    epochs = columns[2].number_input("Epochs", 1, 100_000, usual.epochs, key=f"epochs {folder.name} {method}")
    batch = columns[3].number_input("Batch", 8, 65_536, usual.batch_size, key=f"batch {folder.name} {method}")
    columns = st.columns(4)
    flip = columns[0].checkbox(
        "Mirror images", usual.flip, key="flip", help="Not where left and right matter, as in digits or letters."
    )
    split = columns[1].checkbox(
        "Train rows only", key=f"split {folder.name}", disabled=data.test_rows is None,
        help="Leaves the test rows out of the training, for the inductive setting.",
    )  # fmt: skip
    if st.button("Train", type="primary", key="train", icon=":material/model_training:"):
        _launch(
            lambda: services_module.services().work.pretrain(
                folder,
                training.defaults(
                    folder, device, method=method, encoder=encoder, epochs=int(epochs), batch_size=int(batch),
                    flip=flip, train_split_only=split,
                ),
                device=device,
            )
        )  # fmt: skip


def _derived(folder: DatasetFolder, data: Dataset) -> None:
    if not data.spaces:
        st.caption("There is no space yet to derive another from.")
        return
    columns = st.columns([3, 1, 1, 1, 1], vertical_alignment="bottom")
    parents = columns[0].multiselect("Of these spaces, side by side", list(data.spaces), key=f"parents {folder.name}")
    centre = columns[1].checkbox("Centre", key="derive centre", help="Take the mean row away.")
    unit = columns[2].checkbox("Unit length", key="derive unit", help="Divide every row by its L2 norm.")
    dims = columns[3].number_input("PCA to", 1, None, None, key="derive dims", placeholder="no")
    whiten = columns[4].checkbox("Whiten", key="derive whiten", disabled=dims is None)
    recipe_wanted = parents and (len(parents) > 1 or centre or unit or dims)
    if st.button("Derive", type="primary", key="derive", icon=":material/call_merge:", disabled=not recipe_wanted):
        _launch(
            lambda: services_module.services().work.derive(
                folder,
                Recipe(
                    spaces=tuple(parents), centre=centre, unit=unit, pca=None if dims is None else int(dims),
                    whiten=bool(whiten and dims),
                ),
            )
        )  # fmt: skip


def _from_file(folder: DatasetFolder) -> None:
    st.markdown("Features computed elsewhere: one row a sample, in the order of this dataset.")
    file = st.file_uploader(
        "A matrix", ["npy", "npz", "safetensors", "parquet"], key=f"matrix {st.session_state.get('uploads', 0)}"
    )
    if file is None:
        return
    name = st.text_input("Name of the space", file.name.split(".")[0], key=f"space name {file.file_id}")
    if st.button("Add it", type="primary", key="add matrix", icon=":material/add:"):

        def begin() -> None:
            services = services_module.services()
            place = upload(services.store.home, [(file.name, file)])
            services.work.add_features(folder, name, place)

        _launch(begin)


def _launch(begin: Any) -> None:
    """Queue work; why it cannot begin is said on the page."""
    try:
        begin()
        st.toast("It is in the queue: see above how far it is.", icon=":material/schedule:")
    except HumeError as error:
        st.session_state["data error"] = str(error)
    st.session_state["uploads"] = st.session_state.get("uploads", 0) + 1
    st.rerun()
