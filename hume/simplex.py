"""The probability simplex: sparsemax labels and their entropy (Eqs. 3 and 6).

Tasks of many seeds are held as one tensor (n, K, S): rows, classes, seeds. Seeds lie
side by side in memory, so that a sum over the few classes runs over long vectors.
"""

from typing import Any

import torch
from torch import Tensor

# One block of scores and its two work arrays stay in a core's cache.
BLOCK_ELEMENTS = 100_000
SMALLEST_SHARE = 1e-8


def sparsemax(scores: Tensor, dim: int = -1) -> Tensor:
    """Solve argmin over p in the simplex of ‖p − z‖², the sparse counterpart of softmax.

    scores: any shape, floating; the simplex lies along `dim`. Differentiable.
    Source: Martins and Astudillo (2016); the paper's Eq. 3.
    """
    K = scores.shape[dim]
    moved = scores.movedim(dim, -1)
    task: Tensor = _Sparsemax.apply(moved.reshape(-1, K, 1))  # type: ignore[no-untyped-call]
    return task.reshape(moved.shape).movedim(-1, dim)


def project(scores: Tensor) -> Tensor:
    """Sparsemax over the classes of scores (n, K, S); the threshold is found by Newton's method.

    The threshold t solves Σ_k max(z_k − t, 0) = 1. The left side is convex and piecewise
    linear in t, so Newton steps from t = max z − 1 rise to the root and reach it exactly
    after at most K of them; a handful do, because few classes are in the support.
    """
    n, K, S = scores.shape
    task = torch.empty_like(scores)
    block = max(1, BLOCK_ELEMENTS // (K * S))
    for start in range(0, n, block):
        z, p = scores[start : start + block], task[start : start + block]
        z = z - z.amax(1, keepdim=True)  # beside a large maximum a step of 1 would be rounded away
        threshold = torch.full_like(z[:, :1], -1)
        size = torch.zeros_like(threshold)
        for _ in range(K):
            torch.sub(z, threshold, out=p).clamp_(min=0)
            previous, size = size, torch.sign(p).sum(1, keepdim=True)
            threshold += p.sum(1, keepdim=True).sub_(1).div_(size)
            if torch.equal(size, previous):
                break
        torch.sub(z, threshold, out=p).clamp_(min=0)
    return task


def project_backward(task: Tensor, grad: Tensor) -> Tensor:
    """Gradient with respect to the scores, from `task` = project(scores) and its gradient.

    The Jacobian is diag(s) − s sᵀ/|s| with s the support (Martins and Astudillo, Prop. 2).
    Both tensors are (n, K, S); so is the result.
    """
    support = torch.sign(task)
    inside = support * grad
    mean = inside.sum(1, keepdim=True).div_(support.sum(1, keepdim=True))
    return inside.sub_(support.mul_(mean))


class _Sparsemax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor) -> Tensor:
        task = project(scores)
        ctx.save_for_backward(task)
        return task

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (task,) = ctx.saved_tensors
        return project_backward(task, grads[0])


def label_entropy(shares: Tensor) -> Tensor:
    """How evenly a task uses its classes: R = −Σ_k τ̄_k log τ̄_k in nats (Eq. 6).

    shares: (K, S), the mean task τ̄ of every seed; the result is (S,), 0 for one class
    and log K for equal classes. A share below 1e-8 counts as 1e-8 inside the logarithm:
    an empty class adds nothing, and its gradient stays finite.
    """
    return -(shares * shares.clamp(min=SMALLEST_SHARE).log()).sum(0)


def label_entropy_grad(shares: Tensor) -> Tensor:
    """Gradient (K, S) of label_entropy with respect to the shares, finite for empty classes."""
    return -(shares.clamp(min=SMALLEST_SHARE).log() + 1)
