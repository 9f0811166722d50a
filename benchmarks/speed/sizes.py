"""The benchmark data: two embedded datasets, and planted classes of the sizes of CIFAR-10 and ImageNet."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import hume
from hume.data.dataset import Dataset, Space

IMAGENET_ROWS = 1_281_167
BLOCK_ROWS = 10_000  # generated at once, so that the peak memory is that of the data
FACTORS = 16  # directions of variation that both spaces share and that no class explains
CLASS_WEIGHT = 0.7  # strength of the classes: 6 seeds on 50,000 rows reach an ACC of 0.72 to 0.85, with 0.6 of 0.3


@dataclass(frozen=True)
class Size:
    """A dataset and its default rows."""

    title: str
    load: Callable[[float], Dataset]  # given the share of the rows of ImageNet
    parts: tuple[str, ...]


def planted(num_samples: int, dims: tuple[int, int], num_classes: int) -> Dataset:
    """Generate two spaces that agree on one known labeling, and on other features, as the spaces of images do.

    A row is noise, plus the centre of its class, plus the centre of an equally strong group of this space only, plus
    factors that both spaces share. All decay from the first direction to the last like the spectra of deep features.
    So k-means finds little, and a search has to distinguish the classes from other features that generalize.
    """
    rng = np.random.default_rng(0)
    classes = rng.integers(num_classes, size=num_samples)
    factors = rng.standard_normal((num_samples, FACTORS), dtype=np.float32)
    features = {name: _space(rng, classes, num_classes, factors, dim) for name, dim in zip("12", dims, strict=True)}
    return Dataset(
        name="planted",
        spaces={f"phi{name}": Space(f"phi{name}", rows) for name, rows in features.items()},
        labels=classes,
        classes=tuple(f"class {k}" for k in range(num_classes)),
        card={"default_pair": ["phi1", "phi2"]},
    )


def _space(
    rng: np.random.Generator, classes: NDArray[np.int64], num_classes: int, factors: NDArray[np.float32], dim: int
) -> NDArray[np.float32]:
    spread = np.arange(1, dim + 1, dtype=np.float32) ** -0.5
    shown = spread * np.minimum(1, 16 / np.arange(1, dim + 1, dtype=np.float32))  # classes fade sooner than noise
    centres, others = CLASS_WEIGHT * shown * rng.standard_normal((2, num_classes, dim), dtype=np.float32)
    mixing = shown * rng.standard_normal((FACTORS, dim), dtype=np.float32) / np.float32(FACTORS**0.5)
    groups = rng.integers(num_classes, size=len(classes))
    features = np.empty((len(classes), dim), np.float32)
    for start in range(0, len(classes), BLOCK_ROWS):
        some = slice(start, start + BLOCK_ROWS)
        rows = rng.standard_normal((len(classes[some]), dim), dtype=np.float32) * spread
        rows += centres[classes[some]]
        rows += others[groups[some]]
        rows += factors[some] @ mixing
        features[some] = rows
    return features


SIZES = {
    "digits": Size(
        "digits, 1,797 rows",
        lambda scale: hume.load_dataset("digits"),
        ("reference", "search", "scores", "sklearn-scores", "vote", "refinement", "kmeans", "turtle"),
    ),
    "embedded": Size(
        "Fashion-MNIST, 10,000 rows",
        lambda scale: hume.load_dataset("fashion-mnist"),
        (
            *("reference", "unrolled", "search-float32", "search", "iteration-float32", "iteration"),
            *("scores", "sklearn-scores", "neighbors", "sklearn-neighbors", "vote", "refinement", "kmeans", "turtle"),
            *("against-seeds", "against-rows", "against-classes"),
        ),
    ),
    "cifar": Size(
        "as CIFAR-10, 50,000 rows, planted classes",
        lambda scale: planted(50_000, (512, 1536), 10),
        ("search", "iteration-float32", "scores", "vote", "refinement"),
    ),
    "imagenet": Size(
        "as ImageNet, planted classes",
        lambda scale: planted(max(1000, round(scale * IMAGENET_ROWS)), (2048, 1536), 1000),
        ("iteration-float32", "iteration", "neighbors"),
    ),
}
