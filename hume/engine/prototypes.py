"""The task encoder: orthonormal prototypes and the labels they give (Eq. 3).

A prototype is a unit vector in φ1 for one class; K of them, orthonormal, define a task. An
encoder holds the prototypes of S seeds, (S, K, d1), and updates them by gradient descent
with Adam subject to W1 W1ᵀ = I. Encoders differ in how they enforce it:
`Householder` is the published parametrization, `Retraction` is cheaper.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from hume.data.rows import Rows, blocks
from hume.engine import simplex

BLOCK_ELEMENTS = 4_000_000  # cosines computed at once when all rows are labeled


def random_prototypes(seeds: Sequence[int], num_classes: int, dim: int) -> Tensor:
    """Draw K orthonormal prototypes for every seed: (S, K, d1), each from a stream of its own.

    The orthonormal factor of a Gaussian matrix with the signs of R's diagonal made
    positive is uniform (Mezzadri, 2007): `ortho_rand(K)` of Algorithm 1.
    """
    stacked = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        q, r = torch.linalg.qr(torch.randn(dim, num_classes, generator=generator, dtype=torch.float64))
        stacked.append((q * r.diagonal().sign()).T.float())
    return torch.stack(stacked)


def class_scores(phi1: Tensor, prototypes: Tensor) -> Tensor:
    """Cosine similarity (n, K, S) of rows (n, d1), unit norm, to prototypes (S, K, d1), as exact as the rows."""
    S, K, d1 = prototypes.shape
    columns = prototypes.permute(2, 1, 0).reshape(d1, K * S)
    return (phi1 @ columns.to(phi1.dtype)).to(prototypes.dtype).view(-1, K, S)


def soft_labels(phi1: Tensor, prototypes: Tensor, temperature: float) -> Tensor:
    """The task τ (n, K, S) of rows (n, d1): sparsemax of the cosines over the temperature (Eq. 3)."""
    return simplex.project(class_scores(phi1, prototypes / temperature))


def hard_labels(phi1: Rows, prototypes: Tensor, block_elements: int = BLOCK_ELEMENTS) -> Tensor:
    """The labeling of every seed, (S, N) int64: the class of the closest prototype.

    phi1 is (N, d1), rows of unit norm; prototypes (S, K, d1). Memory stays near
    `block_elements` numbers for any N. Sparsemax keeps the order of its
    arguments, so this is the argmax of the task at any temperature.
    """
    return torch.cat(list(label_blocks(phi1, prototypes, block_elements))).T


def label_blocks(phi1: Rows, prototypes: Tensor, block_elements: int = BLOCK_ELEMENTS) -> Iterator[Tensor]:
    """`hard_labels` (n, S) in blocks of rows, in one pass over phi1."""
    S, K, _ = prototypes.shape
    for block in blocks(phi1):
        for rows in torch.split(block, max(1, block_elements // (S * K))):
            yield class_scores(rows, prototypes).argmax(1)


class Encoder(Protocol):
    """Prototypes of several seeds, updated by gradient descent."""

    def prototypes(self) -> Tensor:
        """The current prototypes, (S, K, d1), orthonormal rows per seed."""

    def step(self, grad: Tensor, step_size: Tensor, clip_norm: float | None) -> None:
        """One Adam step against `grad` (S, K, d1), the objective's gradient in the prototypes.

        step_size is (S, 1, 1); clip_norm bounds every seed's gradient.
        """

    def keep(self, seeds: Tensor) -> None:
        """Drop all seeds except those at these positions."""

    def state(self) -> dict[str, Tensor]:
        """All that changes during a search, not copied."""

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""


class Retraction:
    """Adam in the tangent space of the orthonormal matrices, then back onto them.

    The gradient is projected onto the tangent space, G − sym(G Wᵀ) W; after the
    step the nearest orthonormal matrix, the polar factor, replaces W (Absil,
    Mahony and Sepulchre, 2008, Sec. 3.5 and 4.1). It is equivariant to permutations
    of the classes.
    """

    def __init__(self, prototypes: Tensor):
        self._prototypes = prototypes
        self._adam = _Adam(prototypes)

    def prototypes(self) -> Tensor:
        return self._prototypes

    def step(self, grad: Tensor, step_size: Tensor, clip_norm: float | None) -> None:
        W = self._prototypes
        inner = grad @ W.mT
        tangent = grad - 0.5 * (inner + inner.mT) @ W
        moved = W - self._adam.direction(clip(tangent, clip_norm)).mul_(step_size)
        self._prototypes = polar_factor(moved)

    def keep(self, seeds: Tensor) -> None:
        self._prototypes = self._prototypes[seeds]
        self._adam.keep(seeds)

    def state(self) -> dict[str, Tensor]:
        return {"prototypes": self._prototypes, **self._adam.state()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._prototypes = state["prototypes"]
        self._adam.load(state)


class Householder:
    """Adam on the free parameters of torch's orthogonal parametrization, as published (Appendix A)."""

    def __init__(self, prototypes: Tensor):
        module: Any = nn.Module()
        module.weight = nn.Parameter(prototypes.clone())
        parametrizations.orthogonal(module, "weight")
        # torch completes the prototypes to a basis at random, and the basis steers Adam.
        module.parametrizations.weight[0].base = completed(prototypes)
        self._module = module
        self._adam = _Adam(prototypes)

    def _free(self) -> nn.Parameter:
        parameters: parametrize.ParametrizationList = self._module.parametrizations.weight
        return cast(nn.Parameter, parameters.original)

    def prototypes(self) -> Tensor:
        with torch.no_grad():
            weight: Tensor = self._module.weight
        return weight

    def step(self, grad: Tensor, step_size: Tensor, clip_norm: float | None) -> None:
        with torch.enable_grad():
            weight: Tensor = self._module.weight
            (free_grad,) = torch.autograd.grad(weight, self._free(), grad)
        self._free().data -= self._adam.direction(clip(free_grad, clip_norm)).mul_(step_size)

    def keep(self, seeds: Tensor) -> None:
        self._free().data = self._free().data[seeds]
        parametrization = self._module.parametrizations.weight[0]
        parametrization.base = parametrization.base[seeds]
        self._adam.keep(seeds)

    def state(self) -> dict[str, Tensor]:
        base: Tensor = self._module.parametrizations.weight[0].base
        return {"free": self._free().data, "base": base, **self._adam.state()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._free().data = state["free"]
        self._module.parametrizations.weight[0].base = state["base"]
        self._adam.load(state)


class _Adam:
    """Adam's direction (Kingma and Ba, 2014) for parameters (S, ...); seeds can be dropped between steps."""

    def __init__(self, like: Tensor, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8):
        self._mean, self._square = torch.zeros_like(like), torch.zeros_like(like)
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self._steps = 0

    def direction(self, grad: Tensor) -> Tensor:
        self._steps += 1
        self._mean.lerp_(grad, 1 - self._beta1)
        self._square.mul_(self._beta2).addcmul_(grad, grad, value=1 - self._beta2)
        scale = (self._square / (1 - self._beta2**self._steps)).sqrt_().add_(self._epsilon)
        mean = self._mean / (1 - self._beta1**self._steps)
        return mean.div_(scale)

    def keep(self, seeds: Tensor) -> None:
        self._mean, self._square = self._mean[seeds], self._square[seeds]

    def state(self) -> dict[str, Tensor]:
        return {"mean": self._mean, "square": self._square, "steps": torch.tensor(self._steps)}

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._mean, self._square, self._steps = state["mean"], state["square"], int(state["steps"])


def completed(prototypes: Tensor) -> Tensor:
    """Orthonormal bases of R^d1, (S, d1, d1), whose first K columns are the prototypes; deterministic.

    K = d1 prototypes are a basis already and are returned unchanged, in rows, as torch expects.
    """
    _, K, d1 = prototypes.shape
    if d1 == K:
        return prototypes.clone()
    others = torch.randn(d1, d1 - K, generator=torch.Generator().manual_seed(0)).to(prototypes)
    q, r = torch.linalg.qr(torch.cat([prototypes.mT, others.expand(len(prototypes), -1, -1)], dim=2))
    basis: Tensor = q * r.diagonal(dim1=1, dim2=2).sign().unsqueeze(1)
    return basis


def clip(grad: Tensor, max_norm: float | None) -> Tensor:
    """Scale every seed's gradient (S, ...) to at most `max_norm`, each by its own norm."""
    if max_norm is None:
        return grad
    norm = torch.linalg.vector_norm(grad, dim=tuple(range(1, grad.ndim)), keepdim=True)
    clipped: Tensor = grad * (max_norm / norm.clamp(min=1e-12)).clamp(max=1.0)
    return clipped


def polar_factor(matrices: Tensor, num_steps: int = 12) -> Tensor:
    """The nearest matrix with orthonormal rows: (A Aᵀ)^(−1/2) A for every A of (S, K, d1), full rank.

    The inverse root is the limit of Z in the coupled iteration of Newton and Schulz, with Y → root,

        T = (3 I − Z Y)/2,   Y ← Y T,   Z ← T Z,   from Y = A Aᵀ/c, Z = I,

    where c bounds the largest eigenvalue. It uses matrix products only and needs no synchronization
    with the device, unlike eigenvectors. An eigenvalue of 0.003 c converges in 12 steps; a search's
    step leaves none below 0.1 c (Higham, Functions of Matrices, 2008, Sec. 6.7).
    """
    gram = matrices @ matrices.mT
    scale = gram.abs().sum(2).amax(1).view(-1, 1, 1)
    identity = torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device)
    root, inverse = gram / scale, identity.expand_as(gram)
    for _ in range(num_steps):
        factor = 1.5 * identity - 0.5 * inverse @ root
        root, inverse = root @ factor, factor @ inverse
    nearest: Tensor = (inverse @ matrices).div_(scale.sqrt())
    return nearest
