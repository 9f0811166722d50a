"""Both spaces that a search needs with one button: features of a network that is here, and a training on the images."""

import streamlit as st

from hume.common import devices
from hume.data.dataset import Dataset
from hume.data.folder import DatasetFolder
from hume.features import pretrain as training
from hume.features.backbones import KNOWN, available
from hume.reporting import space_sentences
from pages._sections import make_training, progress
from pages._state import services
from pages._widgets import plots

SMALL, ENLARGED = 48, 96  # pixels: pictures up to this are enlarged to that, not to a network's usual 224
KINDS = {"pretrained": "φ2", "self-supervised": "φ1"}


def offer(folder: DatasetFolder, data: Dataset, error: str, at: str) -> None:
    """What is missing of the two spaces, its time, and the button; nothing where both are there or cannot be made."""
    missing = set(KINDS) - {space.kind for space in data.spaces.values()}
    network = next((name for name in KNOWN if available(name)), None)
    if data.images is None or data.num_samples < training.FEWEST or not missing or len(data.spaces) > 1:
        return
    if ("pretrained" in missing and network is None) or services.services().work.is_busy(folder):
        return
    device, paces = devices.choose_device("auto"), services.services().space_paces
    # A convolutional network takes pictures of any size; a transformer has its own.
    size = ENLARGED if network == "efficientnet-lite0" and max(data.images.shape[1:3]) <= SMALL else None
    config = make_training.proposed(folder, training.defaults(folder, device), device)

    def ask() -> tuple[float | None, bool]:
        known = []
        if "pretrained" in missing and network is not None:
            known.append(paces.extraction(folder, network, device, size=size, weights=None))
        if "self-supervised" in missing:
            known.append(paces.training(folder, config, device))
        seconds = [each for each, _ in known if each is not None]
        return (sum(seconds) if len(seconds) == len(known) else None), any(measuring for _, measuring in known)

    def begin() -> list[str]:
        work, names = services.services().work, []
        if "pretrained" in missing and network is not None:
            names.append(work.extract(folder, network, device=device, size=size))
        if "self-supervised" in missing:
            names.append(work.pretrain(folder, config, device=device))
        return names

    parts = []
    if "pretrained" in missing and network is not None:
        parts.append(f"features of {KNOWN[network].title}, which was trained on other images (φ2)")
    if "self-supervised" in missing:
        length = space_sentences.size(config)
        parts.append(f"features of a network that learns from these images without labels (φ1; {length})")
    title = "Make both spaces" if len(parts) == 2 else f"Make {KINDS[next(iter(missing))]}"
    st.markdown(plots.plain(f"A search needs {' and '.join(parts)}."))
    button, text = st.columns([1, 3], vertical_alignment="center")
    begins = button.button(title, type="primary", icon=":material/auto_awesome:", key="make both")
    with text:
        make_training.draw_time(ask, device)
    if begins:
        progress.start(begin, error, at=at)
