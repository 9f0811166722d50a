"""Train a network on a dataset's own images: the settings, and how long they take before anything begins."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import streamlit as st

from hume.common import devices
from hume.data.dataset import Dataset
from hume.data.folder import DatasetFolder
from hume.features import pretrain as training
from hume.features.encoders import ENCODERS
from hume.features.pretrain import PretrainConfig
from hume.features.space_pace import is_long, rough_seconds, short
from hume.reporting import space_sentences
from pages._sections import progress
from pages._state import services

REFRESH = 0.5  # seconds
Way = Literal["full", "short"]
TITLES: dict[Way, str] = {"full": "Full", "short": "Short"}


def form(folder: DatasetFolder, data: Dataset, error: str, at: str) -> None:
    """The settings of a training and the button; error: the session key of a refusal, at: where progress is shown."""
    if data.images is None:
        st.caption("This dataset has no images.")
        return
    st.markdown("For **φ1**: self-supervised features, trained on these images without labels.")
    device = devices.choose_device("auto")
    left, right = st.columns(2)
    method = left.selectbox("Method", training.METHODS, key="method", format_func=training.METHOD_TITLES.__getitem__)
    usual = training.defaults(folder, device, method=method)
    encoder = right.selectbox(
        "Network", ENCODERS, ENCODERS.index(usual.encoder), key=f"encoder {device}",
        format_func=training.ENCODER_TITLES.__getitem__,
    )  # fmt: skip
    full = replace(usual, encoder=encoder)
    way = _way(folder, full, device)
    start, mark = (full, "") if way == "full" else (short(full), " short")
    scope = f"{folder.name} {method}{mark}"
    columns = st.columns([1, 1, 1, 2], vertical_alignment="bottom")
    largest = max(8, *data.images.shape[1:3])
    side = columns[0].number_input(
        "Side of the pictures", 8, largest, min(start.side, largest), key=f"side of training {scope}",
        help="In pixels; larger pictures are reduced to it. Half the side takes a quarter of the time.",
    )  # fmt: skip
    epochs = columns[1].number_input("Epochs", 1, 100_000, start.epochs, key=f"epochs {scope}")
    batch = columns[2].number_input("Batch", 8, 65_536, start.batch_size, key=f"batch {scope}")
    with columns[3]:
        flip = st.checkbox(
            "Mirror images", usual.flip, key="flip", help="Not where left and right differ, as in digits or letters."
        )
        split = st.checkbox(
            "Train rows only", key=f"split {folder.name}", disabled=data.test_rows is None,
            help="Excludes the test rows from training, for the inductive setting.",
        )  # fmt: skip
    config = replace(
        start, side=int(side), epochs=int(epochs), batch_size=int(batch), flip=flip, train_split_only=split
    )
    button, text = st.columns([1, 4], vertical_alignment="center")
    begins = button.button("Train", type="primary", key="train", icon=":material/model_training:")
    with text:
        draw_time(lambda: services.services().space_paces.training(folder, config, device), device)
    if begins:
        work = services.services().work
        progress.start(lambda: work.pretrain(folder, config, device=device), error, at=at)


def _way(folder: DatasetFolder, full: PretrainConfig, device: str) -> Way:
    """The full training or a shorter one, each with its time; the shorter one at first where the full one is long."""
    less = short(full)
    if less == full:
        return "full"
    paces = services.services().space_paces
    configs: dict[Way, PretrainConfig] = {"full": full, "short": less}
    known = {way: paces.training(folder, config, device) for way, config in configs.items()}
    key = f"way {folder.name} {full.method} {full.encoder}"
    if not st.session_state.get(f"{key} chosen"):
        st.session_state[key] = "full" if proposed(folder, full, device) == full else "short"
    texts = [
        space_sentences.training(config, known[way][0], measuring=known[way][1]) for way, config in configs.items()
    ]
    chosen: Way = st.radio(
        "Length", list(configs), key=key, format_func=TITLES.__getitem__, captions=texts, horizontal=True,
        on_change=_choose, args=(key,),
    )  # fmt: skip
    return chosen


def proposed(folder: DatasetFolder, full: PretrainConfig, device: str) -> PretrainConfig:
    """The full training, or a shorter one where that takes long."""
    seconds, _ = services.services().space_paces.training(folder, full, device)
    return short(full) if is_long(rough_seconds(folder, full) if seconds is None else seconds) else full


def _choose(key: str) -> None:
    st.session_state[f"{key} chosen"] = True


def draw_time(ask: Callable[[], tuple[float | None, bool]], device: str) -> None:
    """How long something takes; while that is measured, poll and rerun the page once it is known."""
    seconds, measuring = ask()

    @st.fragment(run_every=REFRESH if measuring else None)
    def draw() -> None:
        if measuring and not ask()[1]:
            st.rerun()
        text = space_sentences.time(seconds, measuring=measuring)
        st.markdown(f"**{text.capitalize()}** on {device}, at the machine's pace now.")

    draw()
