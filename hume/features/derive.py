"""Spaces derived from other spaces: concatenated, centred, normalized, reduced by PCA; in bounded memory.

derive(folder, Recipe(spaces=("simclr", "lite0"), unit=True, pca=128))
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.devices import fits
from hume.common.errors import InputError
from hume.common.files import disk_errors, unfinished
from hume.common.progress import Progress
from hume.data.dataset import Dataset, Space
from hume.data.folder import DatasetFolder, check_name
from hume.data.importers.arrays import write_features
from hume.data.rows import BLOCK_BYTES, MOMENT_ROWS, StreamedRows, norms
from hume.data.space_rows import streamed
from hume.features.recipe import Recipe, entry, fingerprint

Block: TypeAlias = "tuple[range, Tensor]"  # row numbers, and the rows (n, d)
Change: TypeAlias = "Callable[[range, Tensor], Tensor]"

EXACT_DIM = 4096  # up to here PCA decomposes the whole covariance; above, leading directions are iterated
SPARE = 32  # directions iterated beyond those requested
ITERATIONS = 8
NO_VARIANCE = 1e-9  # of the largest variance: rounding to float32


def derive(
    folder: DatasetFolder, recipe: Recipe, name: str | None = None, *, on_progress: Progress | None = None
) -> str:
    """Add the space that a recipe describes to a dataset; returns its name, or that of an equal existing space.

    PCA: rows x − µ projected on the eigenvectors of C = E[xxᵀ] − µµᵀ with the largest eigenvalues λ, divided by √λ
    where whitened; above 4,096 dimensions by subspace iteration from a fixed start. By sign convention the largest
    entry of each direction is positive. Written as `write_features` does.

    Raises InputError for an unknown space, a name that is taken, a row of zero length (naming it),
    more directions than dimensions, and RunError when the disk is full.
    """
    dataset = folder.load()
    parents = [dataset.space(parent) for parent in recipe.spaces]
    key = fingerprint(recipe, parents, dataset)
    twin = folder.space_with_key(key)
    if twin is not None:
        return twin
    if name is not None:
        check_name(name, "space")
        if name in dataset.spaces:
            raise InputError(f"{folder.name} already has a space {name!r}: choose another name")
    pipeline = _Pipeline(recipe, parents, _fitted_rows(recipe, dataset), on_progress)
    explained = pipeline.fit()
    with unfinished(folder.path / "space") as part:
        with disk_errors(folder.path):
            shape = (dataset.num_samples, pipeline.dim)
            write_features(part, shape, lambda: (rows.numpy() for _, rows in pipeline.blocks()), pipeline.report)
        added = name or folder.free_space_name(recipe.short)
        folder.add_space(added, part, {**entry(recipe, parents, explained), "key": key})
    return added


def derived_rows(recipe: Recipe, dataset: Dataset, others: list[Space], key: str) -> NDArray[np.float32]:
    """The rows (M, d) that a recipe makes of its spaces of other samples, fitted to the dataset's rows as before.

    key: that of the derived space. Raises InputError where the dataset's spaces are not those it was derived from.
    """
    parents = [dataset.space(parent) for parent in recipe.spaces]
    if fingerprint(recipe, parents, dataset) != key:
        raise InputError(f"{' + '.join(recipe.spaces)} changed since a space was derived from it: derive it again")
    pipeline = _Pipeline(recipe, parents, _fitted_rows(recipe, dataset), None)
    pipeline.fit()
    pipeline.read(others)
    return np.concatenate([rows.numpy() for _, rows in pipeline.blocks()])


class _Pipeline:
    """The parents' rows in blocks, transformed by every step fitted so far."""

    def __init__(
        self, recipe: Recipe, parents: list[Space], fit_rows: NDArray[np.bool_] | None, on_progress: Progress | None
    ):
        self.recipe, self.fit_rows, self.on_progress = recipe, fit_rows, on_progress
        self.read(parents)
        self.dim = sum(source.shape[1] for source in self.sources)
        self.scales = [1.0] * len(self.sources)
        self.changes: list[Change] = []
        self.passes = 1 + (recipe.balanced == "scale") + recipe.centre + self._pca_passes()
        self.passed = 0

    def read(self, spaces: list[Space]) -> None:
        """Read the rows of these spaces from now on."""
        self.sources: list[StreamedRows] = [streamed(space) for space in spaces]
        self.num_rows = len(self.sources[0])

    def _pca_passes(self) -> int:
        return 0 if self.recipe.pca is None else 1 if self.dim <= EXACT_DIM else 2 + ITERATIONS

    def fit(self) -> float | None:
        """Fit means, scales and directions; returns the fraction of the variance that PCA explains."""
        recipe = self.recipe
        if recipe.pca is not None and recipe.pca > self.dim:
            raise InputError(f"PCA to {recipe.pca} dimensions of {self.dim} is not possible: choose at most {self.dim}")
        if recipe.balanced == "scale":
            self._fit_scales()
        if recipe.centre:
            mean = self._mean()
            self.changes.append(lambda _, rows: rows - mean)
        if recipe.unit:
            otherwise = "equals the mean row" if recipe.centre else "is all zeros"
            self.changes.append(lambda numbers, rows: rows / norms(rows, " + ".join(recipe.spaces), otherwise, numbers))
        if recipe.pca is None:
            return None
        mean, directions, explained = self._directions(recipe.pca)
        self.changes.append(lambda _, rows: (rows - mean) @ directions)
        self.dim = recipe.pca
        return explained

    # --- passes over the rows ---------------------------------------------------------------

    def blocks(self) -> Iterator[Block]:
        """All rows after every step so far, float32."""
        size = max(1, BLOCK_BYTES // (4 * sum(source.shape[1] for source in self.sources)))
        for start in range(0, self.num_rows, size):
            numbers = range(start, min(start + size, self.num_rows))
            rows = self._concatenated(numbers)
            for change in self.changes:
                rows = change(numbers, rows)
            yield numbers, rows

    def _concatenated(self, numbers: range) -> Tensor:
        index = torch.arange(numbers.start, numbers.stop)
        features = []
        for stream, scale in zip(self.sources, self.scales, strict=True):
            rows = stream[index]
            if self.recipe.balanced == "unit":
                rows = rows / norms(rows, stream.source, "is all zeros", numbers)
            features.append(rows / scale)
        return torch.cat(features, 1)

    def _fitted(self) -> Iterator[Tensor]:
        """One pass over the rows that means and directions are fitted on."""
        for numbers, rows in self.blocks():
            yield rows if self.fit_rows is None else rows[torch.from_numpy(self.fit_rows[numbers.start : numbers.stop])]
            self.report(numbers.stop / self.num_rows)
        self.passed += 1

    def report(self, done: float) -> None:
        """Report the progress of one pass as part of all passes."""
        if self.on_progress is not None:
            self.on_progress((self.passed + done) / self.passes)

    # --- fitting -----------------------------------------------------------------------------

    def _fit_scales(self) -> None:
        """Each space's root mean square norm, so that spaces weigh the same while their rows keep relative lengths."""
        dims = [source.shape[1] for source in self.sources]
        squares = np.zeros(len(dims))
        for rows in self._fitted():
            squares += [float(x.double().square().sum()) for x in torch.split(rows, dims, 1)]
        if not (squares > 0).all():
            raise InputError(f"{self.recipe.spaces[int(squares.argmin())]} is all zeros: leave it out")
        self.scales = np.sqrt(squares / self._num_fitted).tolist()

    @property
    def _num_fitted(self) -> int:
        return self.num_rows if self.fit_rows is None else int(self.fit_rows.sum())

    def _mean(self) -> Tensor:
        total = torch.zeros(self.dim, dtype=torch.float64)
        for rows in self._fitted():
            total += rows.sum(0, dtype=torch.float64)
        return (total / self._num_fitted).float()

    def _directions(self, count: int) -> tuple[Tensor, Tensor, float]:
        """The mean row (d,), the leading directions (d, count), and the fraction of the variance they explain."""
        if self.dim <= EXACT_DIM or count + SPARE >= self.dim:
            mean, total, values, vectors = self._decomposed()
        else:
            mean, total, values, vectors = self._iterated(count)
        values, vectors = values[:count].clamp(min=0), vectors[:, :count]
        rank = int((values > NO_VARIANCE * values[0]).sum()) if values[0] > 0 else 0
        if rank == 0:
            raise InputError(f"all rows of {' + '.join(self.recipe.spaces)} are equal: PCA needs rows that differ")
        if self.recipe.whiten and rank < count:
            raise InputError(
                f"only {rank} directions have any variance, {count} cannot be whitened: choose at most {rank}"
            )
        signs = vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()
        vectors = vectors * signs / (values.sqrt() if self.recipe.whiten else 1)
        return mean.float(), vectors.float(), float(values.sum() / total)

    def _decomposed(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean, total variance, all eigenvalues in descending order, and eigenvectors of the covariance."""
        if not fits(4 * 8 * self.dim**2, "cpu"):
            raise InputError(f"PCA of {self.dim} dimensions needs more memory than is free: choose fewer directions")
        mean = torch.zeros(self.dim, dtype=torch.float64)
        moment = torch.zeros(self.dim, self.dim, dtype=torch.float64)
        for rows in self._fitted():
            for chunk in map(Tensor.double, torch.split(rows, MOMENT_ROWS)):
                mean += chunk.sum(0)
                moment.addmm_(chunk.mT, chunk)
        mean /= self._num_fitted
        moment = moment.div_(self._num_fitted).sub_(torch.outer(mean, mean))
        values, vectors = torch.linalg.eigh(moment)
        return mean, moment.trace(), values.flip(0), vectors.flip(1)

    def _iterated(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`_decomposed` for the leading directions only: subspace iteration, one pass over the rows per step.

        Source: Halko, Martinsson, Tropp, Finding structure with randomness, SIAM Review 53 (2011), Alg. 4.4.
        """
        mean = torch.zeros(self.dim, dtype=torch.float64)
        total = 0.0
        for rows in self._fitted():
            mean += rows.sum(0, dtype=torch.float64)
            total += float(rows.double().square().sum())
        mean /= self._num_fitted
        start = torch.randn(self.dim, count + SPARE, generator=torch.Generator().manual_seed(0))
        basis = torch.linalg.qr(start)[0]
        for _ in range(ITERATIONS):
            basis = torch.linalg.qr(self._covariance_times(basis, mean.float()))[0]
        image = self._covariance_times(basis, mean.float())
        values, turn = torch.linalg.eigh((basis.mT @ image).double())
        variance = torch.tensor(total / self._num_fitted - float(mean @ mean))
        return mean, variance, values.flip(0), (basis.double() @ turn).flip(1)

    def _covariance_times(self, basis: Tensor, mean: Tensor) -> Tensor:
        image = torch.zeros_like(basis)
        for rows in self._fitted():
            centred = rows - mean
            image.addmm_(centred.mT, centred @ basis)
        return image / self._num_fitted


def _fitted_rows(recipe: Recipe, dataset: Dataset) -> NDArray[np.bool_] | None:
    if not recipe.train_rows:
        return None
    if dataset.test_rows is None or dataset.test_rows.all():
        raise InputError(f"{dataset.name} has no training rows apart from test rows: use all rows")
    return ~dataset.test_rows
