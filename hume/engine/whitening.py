"""Whitened coordinates of φ2, in which gradient descent on the ridge classifier converges in a few steps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hume.data.rows import Rows, moments

# The ridge as a fraction of φ2's total variance, and the fraction of a direction below which the ridge drops it,
# for cross-validation (SEARCH_TRUNCATION is the search's): docs/method.md says how they were chosen without labels.
RIDGE_SHARE = 0.01
TRUNCATION = 0.01


@dataclass(frozen=True, kw_only=True)
class Whitening:
    """Coordinates of φ2 in which gradient steps of size 1 on a ridge problem never overshoot.

    The softmax Hessian is at most ½C + λI with C = φ2ᵀφ2/N (Böhning, 1992), for every
    task. With C = U diag(μ) Uᵀ the map M = U diag(½μ + λ)^(−1/2) makes that bound the
    identity. Directions in which the ridge leaves less than `truncation` of the unregularized
    answer, ½μ/(½μ + λ) < truncation, are dropped.
    """

    transform: Tensor  # M, (d2, r)
    decay: Tensor  # ρ = λ/(½μ + λ), (r,): the ridge in these coordinates
    ridge: float  # λ

    @classmethod
    def of(cls, phi2: Rows, ridge: float | None, *, truncation: float = TRUNCATION) -> "Whitening":
        """Whiten rows phi2 (N, d2); a ridge of None is `RIDGE_SHARE` of the total variance."""
        mean, moment = moments(phi2)
        if ridge is None:
            ridge = RIDGE_SHARE * (moment.trace() - mean @ mean).item()
        spectrum, vectors = torch.linalg.eigh(moment.cpu())
        spectrum, vectors = spectrum.flip(0).clamp(min=0), vectors.flip(1)
        bound = 0.5 * spectrum + ridge
        rank = max(1, int((0.5 * spectrum >= truncation * bound).sum()))
        transform = vectors[:, :rank] * bound[:rank].rsqrt()
        return cls(
            transform=transform.to(phi2.device, torch.float32),
            decay=(ridge / bound[:rank]).to(phi2.device, torch.float32).view(-1, 1, 1),
            ridge=ridge,
        )
