"""What the browser tests look at: datasets and finished runs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

import hume
from tests.support.server import ROOT

# Words that stand nowhere in the app, so that one of them on a page betrays the ground truth.
NAMES = ["aardvark", "bittern", "capybara", "dormouse", "echidna", "flamingo", "gudgeon", "hoatzin", "ibex", "jackdaw"]
PICTURE = 64  # pixels


def copy_dataset(name: str, folder: Path, *, classes: list[str], pictures: bool = False) -> None:
    """An embedded dataset under other class names, where asked for with pictures of random dots."""
    shutil.copytree(ROOT / "assets" / "datasets" / name, folder)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    (folder / "card.json").write_text(json.dumps(card | {"name": "Zoo", "classes": classes}), encoding="utf-8")
    if pictures:
        count = len(np.load(folder / "labels.npy"))
        (folder / "images.npz").unlink()
        dots = np.random.default_rng(0).integers(0, 256, (count, PICTURE, PICTURE, 3), np.uint8)
        np.save(folder / "images.npy", dots)


def search(home: Path, dataset: str, name: str, num_seeds: int) -> hume.Run:
    """A finished run, searched no longer than to have something to show."""
    store = hume.Store(home)
    data = store.load_dataset(dataset)
    config, solver = hume.preset("fast", num_classes=10, num_samples=data.num_samples)
    phi1, phi2 = data.default_pair
    config = replace(config, num_iterations=60)
    run = store.create(
        data, phi1=phi1, phi2=phi2, config=config, solver=solver, seeds=range(num_seeds), device="cpu", name=name
    )
    run.execute()
    return run
