"""Running every baseline: from a `Task` to its `Labelings`, a function a method."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.formatting import count, percent
from hume.data.dataset import Dataset
from hume.data.features import Matrix
from hume.experiments.baselines.gaussian_mixture import mixture_labeling, whitened
from hume.experiments.baselines.graphs import (
    diffusion_labeling,
    diffusion_map,
    neighbor_graph,
    num_parts,
    spectral_labeling,
)
from hume.experiments.baselines.kmeans import concatenate, kmeans
from hume.experiments.baselines.linear_probe import cross_validated_probe, linear_probe
from hume.experiments.baselines.spice import spice
from hume.experiments.baselines.task import Labelings, Method, Task, one_by_one
from hume.experiments.baselines.turtle import turtle
from hume.experiments.baselines.umap_clusters import DensityClusters, Layouts, density_clusters


def has_split(dataset: Dataset) -> bool:
    """Whether there are train rows to learn from and test rows to predict."""
    return dataset.test_rows is not None and not dataset.test_rows.all()


def _side_by_side(task: Task) -> Matrix:
    """The rows of one space as they are, of two with unit length in each."""
    return task.features[0] if len(task.features) == 1 else concatenate(*task.features)


def run_kmeans(task: Task) -> Labelings:
    rows = _side_by_side(task)
    return one_by_one(task, lambda seed: kmeans(rows, task.num_classes, restarts=1, seed=seed).labelings[0])


def run_turtle(task: Task) -> Labelings:
    settings = dict(task.settings)
    if "batch_size" in settings:  # with many classes a small batch has no sample of some
        settings["batch_size"] = max(settings["batch_size"], 20 * task.num_classes)

    def label(seed: int) -> NDArray[np.int64]:
        return turtle(task.features, task.num_classes, seed=seed, device=task.device, **settings).labeling

    return one_by_one(task, label)


def run_heads(method: Callable[..., Any]) -> Method:
    def run(task: Task) -> Labelings:
        chosen = method(
            task.features[0],
            task.num_classes,
            seeds=task.seeds,
            device=task.device,
            on_progress=task.on_progress,
            **task.settings,
        )
        return Labelings(chosen.labelings)

    return run


def run_spice(task: Task) -> Labelings:
    settings = dict(task.settings)
    rows = settings.pop("rows_learned", None)
    if rows is not None:  # the budget of a quick run; large datasets need fewer passes
        settings["num_epochs"] = min(100, max(5, rows // len(task.features[0])))
    return run_heads(spice)(replace(task, settings=settings))


def run_gaussian_mixture(task: Task) -> Labelings:
    rows = whitened(task.features)
    return one_by_one(task, lambda seed: mixture_labeling(rows, task.num_classes, seed=seed, **task.settings))


def run_spectral(task: Task) -> Labelings:
    graph = neighbor_graph(task.features)
    found = one_by_one(task, lambda seed: spectral_labeling(graph, task.num_classes, seed=seed))
    return replace(found, note=_parts(num_parts(graph)))


def run_diffusion(task: Task) -> Labelings:
    graph = neighbor_graph(task.features)
    positions = diffusion_map(graph, 2 * task.num_classes)
    found = one_by_one(task, lambda seed: diffusion_labeling(positions, task.num_classes, seed=seed))
    return replace(found, note=_parts(num_parts(graph)))


def _parts(number: int) -> str:
    return "" if number == 1 else f"the graph has {number} parts without a connection"


def run_umap_kmeans(task: Task) -> Labelings:
    layouts = Layouts(_side_by_side(task), **task.settings)

    def label(seed: int) -> NDArray[np.int64]:
        found = kmeans(layouts.layout(seed), task.num_classes, restarts=1, normalize=False, seed=seed)
        return np.asarray(found.labelings[0])

    return one_by_one(task, label)


def run_umap_hdbscan(task: Task) -> Labelings:
    layouts = Layouts(_side_by_side(task), **task.settings)
    clusters: list[DensityClusters] = []

    def label(seed: int) -> NDArray[np.int64]:
        clusters.append(density_clusters(layouts.layout(seed), task.num_classes))
        return clusters[-1].labeling

    found = one_by_one(task, label)
    numbers, noise = [each.num_clusters for each in clusters], float(np.mean([each.noise for each in clusters]))
    low, high = min(numbers), max(numbers)
    several = f"{low} to {high} clusters" if low < high else count(low, "cluster")
    return replace(found, note=f"{several} found, {percent(noise)} of the rows were noise")


def run_probe(task: Task) -> Labelings:
    rows = _side_by_side(task)
    labels, test = task.dataset.labels, task.dataset.test_rows
    assert labels is not None  # checked by `run_baseline`
    if test is None or not has_split(task.dataset):
        on_progress = task.on_progress if len(task.seeds) == 1 else None

        def label(seed: int) -> NDArray[np.int64]:
            return cross_validated_probe(rows, labels, seed=seed, on_progress=on_progress).predictions

        return one_by_one(task, label)
    return one_by_one(task, lambda seed: linear_probe(rows[~test], labels[~test], rows, seed=seed).predictions)
