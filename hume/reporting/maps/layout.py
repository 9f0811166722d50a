"""One map: neighbours, their layout in two dimensions by UMAP, and its file.

UMAP: McInnes, Healy and Melville (2018), arXiv:1802.03426.
"""

import hashlib
import json
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import save
from sklearn.decomposition import PCA

from hume.common.errors import InputError, RunError
from hume.common.files import regular, write_atomically
from hume.data.dataset import Space, load_space
from hume.evaluation import reliable
from hume.experiments.baselines.kmeans import concatenate

OnProgress = Callable[[float, str], None]  # the share that is done, 0 to 1, and a sentence

MAX_ROWS = 70_000
# Comparing all pairs took 26 s for 20,000 rows of 1,280 dimensions on two cores and grows with the square of the rows;
# UMAP's own approximate search takes 30 to 50 s for 20,000 and for 70,000 rows alike, nearly all of it compilation.
EXACT_ROWS = 20_000
CHUNK_ROWS = 1_000
MIN_ROWS = 4


@dataclass(frozen=True, kw_only=True)
class MapConfig:
    """What decides a map besides the features; UMAP's own defaults."""

    num_neighbors: int = 15  # a sample itself is counted among them, as UMAP does
    min_dist: float = 0.1  # of neighbours on the map
    seed: int = 0
    max_rows: int = MAX_ROWS  # of more rows, a random sample is mapped

    def __post_init__(self) -> None:
        if self.num_neighbors < 2:
            raise InputError(f"num_neighbors is {self.num_neighbors}: ask for at least 2")
        if not 0 <= self.min_dist <= 1:
            raise InputError(f"min_dist is {self.min_dist}: choose a number from 0 to 1")
        if self.max_rows < MIN_ROWS:
            raise InputError(f"max_rows is {self.max_rows}: map at least {MIN_ROWS} rows")


@dataclass(frozen=True, eq=False)
class Map:
    """Where samples lie on a map."""

    rows: NDArray[np.int64]  # (M,) sample numbers, ascending
    positions: NDArray[np.floating[Any]]  # (M, 2)
    num_samples: int  # N

    @property
    def is_sample(self) -> bool:
        """Whether some samples were left out, by chance, because there are too many."""
        return len(self.rows) < self.num_samples


# --- one map ---------------------------------------------------------------------------------


def map_key(first: Space, second: Space | None = None, config: MapConfig | None = None) -> str:
    """The name of a map: a digest of the features and of all that decides it.

    It depends neither on the names of the spaces nor on their order nor on the run that asks.
    """
    config = config or MapConfig()
    values = asdict(config) | {
        "spaces": sorted(space.fingerprint for space in (first, second) if space is not None),
        "max_rows": min(config.max_rows, len(first.features)),
        "version": 1,  # to be raised when the same features should get another map
    }
    return hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=16).hexdigest()


def make_map(
    first: Space,
    second: Space | None = None,
    config: MapConfig | None = None,
    *,
    on_progress: OnProgress = lambda share, stage: None,
) -> Map:
    """Map one space, or two side by side as [φ1/‖φ1‖, φ2/‖φ2‖], so that each weighs the same.

    Above `config.max_rows` a uniform sample of that many rows is drawn. Raises InputError for fewer than 4 rows and
    for values that are not finite.
    """
    config = config or MapConfig()
    num_samples = len(first.features)
    rows = np.arange(num_samples)
    if num_samples > config.max_rows:
        rows = np.sort(np.random.default_rng(config.seed).choice(num_samples, config.max_rows, replace=False))
    positions = compute(_features(first, second, rows), config, on_progress=on_progress)
    return Map(rows=rows, positions=positions, num_samples=num_samples)


def _features(first: Space, second: Space | None, rows: NDArray[np.int64]) -> NDArray[np.floating[Any]]:
    """The rows (M, d) of one space, or (M, d1 + d2) of two in an order that does not depend on which is φ1."""
    if second is None:
        return np.asarray(first.features[rows], dtype=np.float32)
    one, other = sorted((first, second), key=lambda space: space.fingerprint)
    return concatenate(one.features[rows], other.features[rows])


def compute(
    features: NDArray[np.floating[Any]],
    config: MapConfig | None = None,
    *,
    on_progress: OnProgress = lambda share, stage: None,
) -> NDArray[np.float32]:
    """Place samples in the plane so that neighbours by cosine similarity stay neighbours (UMAP).

    features: (M, d). Returns positions (M, 2); equal on one machine for equal features, configuration and versions.
    Neighbours are exact up to 20,000 rows. The layout starts from the two leading principal directions: as good as
    UMAP's spectral start on the embedded data (trustworthiness within 0.002), quicker, and indifferent to whether the
    graph of neighbours is connected. Raises InputError for fewer than 4 rows and for values that are not finite.
    """
    config = config or MapConfig()
    if len(features) < MIN_ROWS:
        raise InputError(f"a map needs at least {MIN_ROWS} samples, got {len(features)}: add more")
    features = _unit_rows(features)
    num_neighbors = min(config.num_neighbors, len(features) - 1)
    if len(features) <= EXACT_ROWS:
        neighbors = _exact_neighbors(features, num_neighbors, on_progress)
    else:
        neighbors = _approximate_neighbors(features, num_neighbors, config.seed, on_progress)
    on_progress(0.45, "Preparing the layout.")
    return _layout(_start(features, config.seed), neighbors, config, on_progress)


def _unit_rows(features: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Rows of unit L2 norm; a zero row stays zero."""
    with np.errstate(over="ignore"):  # what overflows is reported below
        rows = np.asarray(features, dtype=np.float32)
        norm = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(norm).all():
        row = int(np.flatnonzero(~np.isfinite(norm))[0])
        raise InputError(f"row {row} of the features holds values that are not finite or too large: fix or remove it")
    return np.asarray(rows / np.where(norm > 0, norm, np.float32(1)), dtype=np.float32)


def _exact_neighbors(
    features: NDArray[np.float32], num_neighbors: int, on_progress: OnProgress
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Numbers and cosine distances (M, num_neighbors) of the nearest samples, each sample itself in front."""
    total = len(features)
    numbers = np.empty((total, num_neighbors), np.int64)
    distances = np.zeros((total, num_neighbors), np.float32)
    for start in range(0, total, CHUNK_ROWS):
        on_progress(0.02 + 0.43 * start / total, f"Looking for neighbours: {start:,} of {total:,} samples.")
        rows = np.arange(start, min(start + CHUNK_ROWS, total))
        numbers[rows, 0] = rows
        numbers[rows, 1:] = reliable.nearest_neighbors(features, rows, num_neighbors - 1)
        for row in rows:
            distances[row, 1:] = 1 - features[numbers[row, 1:]] @ features[row]
    return numbers, np.maximum(distances, 0)


def _approximate_neighbors(
    features: NDArray[np.float32], num_neighbors: int, seed: int, on_progress: OnProgress
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """As `_exact_neighbors`, by nearest neighbour descent, which tells no progress and finds more than 99 %."""
    on_progress(0.02, f"Looking for neighbours among {len(features):,} samples: about a minute.")
    with _without_warnings():
        from umap.umap_ import nearest_neighbors

        numbers, distances, _ = nearest_neighbors(features, num_neighbors, "cosine", {}, True, seed)
    return numbers.astype(np.int64), distances.astype(np.float32)


def _start(features: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """The two leading principal directions (M, 2), with a little noise that parts equal samples."""
    start = 1e-4 * np.random.default_rng(seed).normal(size=(len(features), 2))
    components = min(2, features.shape[1])
    with np.errstate(invalid="ignore"):  # PCA divides by the variance, which is zero when all samples are equal
        leading = PCA(components, random_state=seed).fit_transform(features)
    start[:, :components] += 10 * leading / max(float(np.abs(leading).max()), 1e-6)
    return start.astype(np.float32)


def _layout(
    start: NDArray[np.float32],
    neighbors: tuple[NDArray[np.int64], NDArray[np.float32]],
    config: MapConfig,
    on_progress: OnProgress,
) -> NDArray[np.float32]:
    """UMAP's positions (M, 2) from a start (M, 2) and the neighbours of each sample."""
    on_progress(0.5, f"Laying out: {len(start):,} samples.")
    with _without_warnings():
        import umap

        model = umap.UMAP(
            n_neighbors=neighbors[0].shape[1],
            min_dist=config.min_dist,
            init=start,
            random_state=config.seed,
            n_jobs=1,
            precomputed_knn=neighbors,
        )
        # With neighbours and start given, UMAP only counts the data; it would copy and hash the features.
        positions: NDArray[np.float32] = model.fit_transform(start)
    if not np.isfinite(positions).all():
        raise RunError("UMAP found no finite positions for these features: map another space")
    return positions.astype(np.float32, copy=False)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Hide what UMAP says about features that are not used: TensorFlow's, and placing new data later."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
        warnings.filterwarnings("ignore", r"precomputed_knn\[2\]", UserWarning)
        yield


# --- in a process of its own -------------------------------------------------------------------


def make_and_save(
    report: Callable[[tuple[float, str]], None], path: Path, spaces: Sequence[Path], config: MapConfig
) -> None:
    """Make the map of one or two spaces from their files, what `Maps` calls in a process; reports progress.

    Raises RunError when the files are no longer those that `path` is named after.
    """
    if hasattr(os, "nice"):
        os.nice(10)
    report((0.0, "Reading the features."))
    first, *others = [load_space(space) for space in spaces]
    second = others[0] if others else None
    if map_key(first, second, config) != path.stem:
        raise RunError(f"{' or '.join(map(str, spaces))} has changed since the map was requested: reload the page")
    made = make_map(first, second, config, on_progress=lambda share, stage: report((share, stage)))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # at any other moment it ends this process and leaves nothing behind
    save_map(path, made)


# --- on disk ---------------------------------------------------------------------------------


def save_map(path: Path, made: Map) -> None:
    """Put a map on disk, whole or not at all; raises RunError when it cannot be written."""
    arrays: dict[str, NDArray[Any]] = {"rows": made.rows, "positions": made.positions}
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    content = save(arrays, {"num_samples": str(made.num_samples)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise RunError(
            f"cannot write {path} ({error.strerror}): make room or set HUME_HOME to another folder"
        ) from None


def load_map(path: Path) -> Map:
    """Read a map; raises RunError when the file is damaged."""
    try:
        with safetensors.safe_open(regular(path), framework="numpy") as file:
            rows, positions = file.get_tensor("rows"), file.get_tensor("positions")
            num_samples = int(file.metadata()["num_samples"])
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise RunError(f"{path} cannot be read ({error}): remove it to have the map made again") from None
    whole = rows.dtype == np.int64 and rows.ndim == 1 and positions.dtype == np.float32
    whole = whole and positions.shape == (len(rows), 2) and bool(np.isfinite(positions).all())
    if not (whole and len(rows) and rows[0] >= 0 and rows[-1] < num_samples and (np.diff(rows) > 0).all()):
        raise RunError(f"{path} holds no map: remove it to have the map made again")
    return Map(rows=rows, positions=positions, num_samples=num_samples)
