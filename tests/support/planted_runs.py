"""Runs on planted data, in a home of their own."""

import json
from dataclasses import replace

import numpy as np

from hume.data.dataset import dataset_from_files, load_dataset
from hume.engine.config import preset
from hume.engine.solvers import Implicit
from tests.support.planted import planted


class StoppedError(Exception):
    """What a test raises in the middle of a search."""


def stop_after_the_first_seed(step):
    if step.finished:
        raise StoppedError


def save_files(folder, *, labels=True, **options):
    """The planted arrays as single files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("phi1.npy", "phi2.npy", "labels.npy")]
    for path, array in zip(paths, planted(**options), strict=True):
        np.save(path, array)
    return dataset_from_files(*paths[: 3 if labels else 2])


def save_folder(folder, *, labels=True, test_rows=None, files=None, names=None, **options):
    """The planted arrays as a dataset's folder."""
    (folder / "spaces").mkdir(parents=True)
    phi1, phi2, truth = planted(**options)
    np.save(folder / "spaces" / "phi1.npy", phi1)
    np.save(folder / "spaces" / "phi2.npy", phi2)
    if labels:
        np.save(folder / "labels.npy", truth)
    if test_rows is not None:
        np.save(folder / "test_rows.npy", test_rows)
    if files is not None:
        (folder / "files.txt").write_text("\n".join(files) + "\n", encoding="utf-8")
    if names is not None:
        (folder / "card.json").write_text(json.dumps({"classes": names}), encoding="utf-8")
    return load_dataset(folder)


def create(store, dataset, name=None, *, num_classes=3, seeds=range(4), device="cpu", of_run=None, **changes):
    """Register a run; seeds end at different iterations, soon, and find the same whatever the preset becomes.

    of_run: options of the run itself, such as `refine`; changes: of its configuration.
    """
    config, _ = preset("fast", num_classes=num_classes, num_samples=dataset.num_samples)
    kept = {"step_size": 0.01, "patience": 10, "min_gain": 0, "precision": "float32"}
    return store.create(
        dataset, phi1="phi1", phi2="phi2", config=replace(config, **(kept | changes)),
        solver=Implicit(truncation=0.01), seeds=seeds, device=device, name=name, **(of_run or {}),
    )  # fmt: skip


def shorten(monkeypatch, *modules, num_iterations=20):
    """Searches by the presets of these modules end soon: for tests that need a search, whatever it finds."""

    def few(*arguments, **options):
        config, solver = preset(*arguments, **options)
        return replace(config, num_iterations=num_iterations), solver

    for module in modules:
        monkeypatch.setattr(module, "preset", few)
