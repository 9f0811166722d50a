"""Joint refinement: the closed form of Eq. 2, which a search in one direction leaves out.

The search tests a labeling in φ2 alone (Eq. 4). What a linear softmax classifier separates in BOTH spaces at once
is the posterior of a Gaussian mixture with one covariance for all classes, on the whitened rows of both spaces
side by side. Its EM steps start from a labeling that was searched, and move it towards the nearest one that both
spaces support. All labelings share the rows, so that they are refined in one product, and a step needs one pass
over the rows, in memory or from disk.

Lineage: discriminative k-means (Ye, Zhao and Wu, NIPS 2007), Fisher-EM (Bouveyron and Brunet, 2012). The model is
scikit-learn's `GaussianMixture(covariance_type="tied")` where the covariance is not shrunk.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.errors import InputError
from hume.engine.joint_rows import JointRows, block_rows
from hume.engine.linear import logits, transposed_product

LEAST_WITHIN = 1e-4  # variance within classes, of 1 in all: rounding of float32 is far below
SHRINKAGE = 0.1  # of the covariance towards a multiple of the identity
MAX_STEPS = 60
TOLERANCE = 1e-3  # nats a row, gained in a step, below which a labeling is settled
SEED_CLASSES = 16_000  # classes of all labelings that are refined side by side
SIDE_BY_SIDE = 128  # labelings, whose covariances take as much memory as so many classes
LEAST_ROWS = 5  # a class, on average, for a covariance to be estimated

Priors: TypeAlias = Literal["equal", "free"] | tuple[float, ...]


# --- the model -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class JointModel:
    """S fitted mixtures, each a linear softmax classifier over the whitened rows of both spaces."""

    weights: Tensor  # (D, K, S)
    bias: Tensor  # (K, S)

    def posterior(self, z: Tensor) -> Tensor:
        """The probability (n, K, S) of every class for rows z (n, D)."""
        return torch.softmax(self.logits(z), 1)

    def labelings(self, rows: JointRows) -> NDArray[np.int32]:
        """The class of the largest posterior for every row, (S, N)."""
        _, K, S = self.weights.shape
        labels = np.empty((S, len(rows)), np.int32)
        for start, z in rows.blocks(block_rows(K * S, rows.dim)):
            labels[:, start : start + len(z)] = self.logits(z).argmax(1).T.cpu().numpy()
        return labels

    def logits(self, z: Tensor) -> Tensor:
        """The log-probabilities (n, K, S) of every class for rows z (n, D), up to a constant of the row."""
        return logits(z, self.weights).add_(self.bias)

    def of(self, which: slice) -> "JointModel":
        """Some of the mixtures."""
        return JointModel(self.weights[:, :, which], self.bias[:, which])

    @classmethod
    def joined(cls, models: Sequence["JointModel"]) -> "JointModel":
        """The mixtures of several models."""
        return cls(torch.cat([each.weights for each in models], 2), torch.cat([each.bias for each in models], 1))


@dataclass(frozen=True, eq=False)
class Refined:
    """Mixtures after refinement, in the order of the labelings they started from."""

    model: JointModel
    likelihood: NDArray[np.float64]  # (S,) mean log-likelihood of a row, nats; comparable at equal D and K only
    steps: NDArray[np.int64]  # (S,) taken until settled, or MAX_STEPS


@dataclass(frozen=True, eq=False)
class Known:
    """Rows whose class a person gave: they count `weight` times in it, whatever the posterior says."""

    rows: NDArray[np.int64]  # (A,) numbers of different rows
    classes: NDArray[np.int64]  # (A,) 0..K − 1; −1 for a row that is left out
    weight: float


def refine(
    rows: JointRows,
    labelings: NDArray[np.integer[Any]],
    num_classes: int,
    *,
    priors: Priors = "equal",
    shrinkage: float = SHRINKAGE,
    max_steps: int = MAX_STEPS,
    tolerance: float = TOLERANCE,
    known: Known | None = None,
    on_step: Callable[[float], None] | None = None,
) -> Refined:
    """Refine labelings (S, N), classes 0..K − 1, in both spaces at once, side by side (see `side_by_side`).

    priors: equal class probabilities, `free` ones, which follow the posterior, or given sizes in any order. A class
    that loses all its rows keeps its last mean and may win rows back. known: rows that stay in their class, of all
    labelings; a class without rows in a labeling starts from them. on_step is called with the share of the work
    that is done at most. Raises InputError when there are fewer than five rows a class, or shapes do not fit.
    """
    labelings = np.asarray(labelings)
    check_rows(len(rows), num_classes)
    if labelings.ndim != 2 or labelings.shape[1] != len(rows):
        raise InputError(f"the labelings have shape {labelings.shape}: give (seeds, {len(rows)}).")
    fit = _Fit(rows, labelings, num_classes, priors, shrinkage, known)
    return fit.run(max_steps, tolerance, on_step or (lambda share: None))


def side_by_side(num_classes: int) -> int:
    """How many labelings should be refined in one product."""
    return max(1, min(SIDE_BY_SIDE, SEED_CLASSES // num_classes))


def enough_rows(num_rows: int, num_classes: int) -> bool:
    """Whether a covariance within classes can be estimated."""
    return num_rows >= LEAST_ROWS * num_classes


def check_rows(num_rows: int, num_classes: int) -> None:
    """Raise InputError when there are not enough rows to refine a labeling."""
    if not enough_rows(num_rows, num_classes):
        raise InputError(
            f"{num_classes} classes on {num_rows} samples are fewer than {LEAST_ROWS} samples a class: "
            "too few to refine labelings in both spaces"
        )


class _Fit:
    """EM of labelings that are refined side by side."""

    def __init__(
        self,
        rows: JointRows,
        labelings: NDArray[np.integer[Any]],
        num_classes: int,
        priors: Priors,
        shrinkage: float,
        known: Known | None = None,
    ):
        self.rows, self.K, self.shrinkage, self.priors = rows, num_classes, shrinkage, priors
        self.labelings = labelings
        self.means = torch.zeros(len(labelings), num_classes, rows.dim, dtype=torch.float64, device=rows.device)
        self.total, self.second = float(len(rows)), rows.second  # weight of all rows, and their mean zᵀz
        self.known = None if known is None or not len(known.rows) else known
        if self.known is not None:
            self._weigh(self.known)

    def run(self, max_steps: int, tolerance: float, report: Callable[[float], None]) -> Refined:
        S = len(self.means)
        active = torch.arange(S)
        counts, sums = self._start()
        weights, bias = self._maximize(counts, sums, active)
        likelihood, steps = torch.full((S,), -torch.inf, dtype=torch.float64), np.zeros(S, np.int64)
        final_weights, final_bias = weights.clone(), bias.clone()
        for step in range(1, max_steps + 1):
            counts, sums, found = self._expect(weights, bias)
            gained = found - likelihood[active]
            likelihood[active], steps[active.numpy()] = found, step
            final_weights[..., active], final_bias[..., active] = weights, bias
            going = gained >= tolerance
            if step == max_steps or not going.any():
                break
            keep = going.nonzero().squeeze(1).to(sums.device)
            active = active[going]
            weights, bias = self._maximize(counts[:, keep], sums[..., keep], active)
            report(step / max_steps)
        report(1.0)
        return Refined(JointModel(final_weights, final_bias), likelihood.numpy(), steps)

    def _weigh(self, known: Known) -> None:
        """Let known rows count as often as they weigh."""
        classes = torch.from_numpy(known.classes).to(self.rows.device)
        self.known_z = self.rows.take(torch.from_numpy(known.rows))  # (A, D)
        self.target = torch.zeros(len(classes), self.K, 1, device=self.rows.device)  # (A, K, 1)
        given = classes >= 0
        self.target[given.nonzero()[:, 0], classes[given]] = known.weight
        extra = self.target.sum((1, 2)).double() - 1  # (A,)
        z = self.known_z.double()
        self.second = self.second * self.total + z.mT @ (z * extra.unsqueeze(1))
        self.total += float(extra.sum())
        self.second = self.second / self.total

    def _correct(self, counts: Tensor, sums: Tensor, posterior: Tensor) -> None:
        """Replace what known rows, of this posterior (A, K, S), gave to the moments by what a person says."""
        change = self.target - posterior
        counts += change.sum(0)
        sums += transposed_product(self.known_z, change)

    def _start(self) -> tuple[Tensor, Tensor]:
        """Counts (K, S) and sums (D, K, S) of the rows of each class."""
        S, D, device = len(self.means), self.rows.dim, self.rows.device
        counts = torch.zeros(self.K, S, device=device, dtype=torch.float64)
        sums = torch.zeros(D, self.K, S, device=device, dtype=torch.float64)
        for start, z in self.rows.blocks(block_rows(self.K * S, D)):
            one_hot = self._one_hot(slice(start, start + len(z)))
            counts += one_hot.sum(0)
            sums += transposed_product(z, one_hot)
        if self.known is not None:
            self._correct(counts, sums, self._one_hot(self.known.rows))
        return counts, sums

    def _one_hot(self, which: slice | NDArray[np.int64]) -> Tensor:
        """The classes (n, K, S) of some rows."""
        some = torch.from_numpy(self.labelings[:, which].T.astype(np.int64)).to(self.rows.device)
        hot = torch.zeros(len(some), self.K, len(self.means), device=self.rows.device)
        return hot.scatter_(1, some.unsqueeze(1), 1.0)

    def _expect(self, weights: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One pass over the rows: counts (K, A), sums (D, K, A) and the mean log-likelihood (A,) of the mixtures."""
        D, K, A = weights.shape
        counts = torch.zeros(K, A, device=bias.device, dtype=torch.float64)
        sums = torch.zeros(D, K, A, device=bias.device, dtype=torch.float64)
        evidence = torch.zeros(A, device=bias.device, dtype=torch.float64)
        for _, z in self.rows.blocks(block_rows(K * A, D)):
            g = logits(z, weights).add_(bias)
            top = g.amax(1, keepdim=True)
            posterior = g.sub_(top).exp_()
            total = posterior.sum(1, keepdim=True)
            posterior.div_(total)
            evidence += (total.log_().add_(top)).sum((0, 1))
            counts += posterior.sum(0)
            sums += transposed_product(z, posterior)
        if self.known is not None:
            g = logits(self.known_z, weights).add_(bias)
            evidence += (self.target * g).sum((0, 1)) - torch.logsumexp(g, 1).sum(0)
            self._correct(counts, sums, torch.softmax(g, 1))
        return counts, sums, (evidence / self.total + self.constant).cpu()

    def _maximize(self, counts: Tensor, sums: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
        """The mixtures' classifiers, weights (D, K, A) and bias (K, A), from the moments of their classes."""
        D = self.rows.dim
        index = active.to(counts.device)
        n, total = counts.T, sums.permute(2, 1, 0)  # (A, K), (A, K, D)
        lives = (n >= 1).unsqueeze(2)
        means = torch.where(lives, total / n.clamp(min=1).unsqueeze(2), self.means[index])
        self.means[index] = means
        between = torch.where(lives, means, 0.0)
        within = self.second - between.mT @ (between * n.unsqueeze(2)) / self.total
        level = (within.diagonal(dim1=1, dim2=2).mean(1) * self.shrinkage).clamp(min=LEAST_WITHIN)
        within = (1 - self.shrinkage) * within + level.view(-1, 1, 1) * torch.eye(D, device=n.device)
        factor = torch.linalg.cholesky(within)
        inverse = torch.cholesky_inverse(factor)
        weights = means @ inverse  # (A, K, D)
        log_prior = self._log_priors(n)
        bias = log_prior - 0.5 * (weights * means).sum(2)
        # of the log-density, what does not depend on the class
        log_det = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1)
        self.constant = -0.5 * ((inverse * self.second).sum((1, 2)) + log_det + D * np.log(2 * np.pi))
        return weights.permute(2, 1, 0).float().contiguous(), bias.T.float().contiguous()

    def _log_priors(self, n: Tensor) -> Tensor:
        if self.priors == "equal":
            return torch.full_like(n, -np.log(self.K))
        if self.priors == "free":
            return (n.clamp(min=1) / n.clamp(min=1).sum(1, keepdim=True)).log()
        sizes = torch.tensor(self.priors, dtype=torch.float64, device=n.device)
        sizes = (sizes / sizes.sum()).sort(descending=True).values
        rank = n.argsort(dim=1, descending=True, stable=True).argsort(1)
        return sizes[rank].log()
