"""A CLIP model of open_clip with random weights, small enough for a test, and a run on pictures in its space."""

import json

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from hume.data.folder import DatasetFolder
from hume.exchange.detection import detect_format
from hume.exchange.incoming import import_path
from hume.features.backbones import load_backbone
from hume.features.extract import extract
from tests.support.app_driver import given

ARCH = "tiny-clip-with-words"
PICTURES = 60


def tiny_clip(folder):
    """The name of the network and its file of weights, and the network itself."""
    import open_clip
    import torch

    config = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 8},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    (folder / f"{ARCH}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder / f"{ARCH}.json")
    network = open_clip.create_model(ARCH, pretrained=None).eval()
    torch.save(network.state_dict(), folder / "clip.pt")
    return f"open_clip:{ARCH}", folder / "clip.pt", network


def picture_files(folder):
    """Files of 60 digits of three classes."""
    folder.mkdir(exist_ok=True)
    for i, image in enumerate(load_digits(n_class=3).images[:PICTURES]):
        Image.fromarray((15 * image).astype(np.uint8)).resize((30, 30)).save(folder / f"{i:03d}.png")
    return folder


def run_in_clip(store, files, clip):
    """A finished run on these files in two spaces of the network, which found the digits."""
    import_path(detect_format(files), store, "digits-3", side=32)
    folder = DatasetFolder(store.dataset_roots[0] / "digits-3")
    for name, size in (("phi1", 48), ("phi2", None)):
        extract(folder, load_backbone(clip[0], weights=clip[1], size=size), name=name)
    labels = load_digits(n_class=3).target[:PICTURES].astype(np.int64)
    return given(store, folder.load(), "run", [labels] * 2, num_classes=3)
