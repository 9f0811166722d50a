"""The probability simplex: sparsemax labels and their entropy (Eqs. 3 and 6).

Tasks of many seeds are one tensor (n, K, S): rows, classes, seeds. Seeds are
contiguous in memory, so that a sum over the few classes runs over long vectors.
"""

from typing import Any

import torch
from torch import Tensor

from hume.engine import kernels
from hume.engine.class_sizes import SMALLEST_SHARE


def sparsemax(scores: Tensor, dim: int = -1) -> Tensor:
    """Solve argmin over p in the simplex of ‖p − z‖², the sparse counterpart of softmax.

    scores: any shape, floating; the simplex is along `dim`. Differentiable.
    Source: Martins and Astudillo (2016); the paper's Eq. 3.
    """
    K = scores.shape[dim]
    moved = scores.movedim(dim, -1)
    task: Tensor = _Sparsemax.apply(moved.reshape(-1, K, 1))  # type: ignore[no-untyped-call]
    return task.reshape(moved.shape).movedim(-1, dim)


def project(scores: Tensor) -> Tensor:
    """Sparsemax over the classes of scores (n, K, S).

    The threshold t solves Σ_k max(z_k − t, 0) = 1. On the CPU Newton's method finds it: the
    left side is convex and piecewise linear in t, so steps from t = max z − 1 rise to the root and
    reach it exactly after at most K of them; a handful suffice, because few classes are in the support.
    On other devices the classes are sorted, because a test for convergence of Newton's method
    would synchronize with the device.
    """
    if scores.device.type == "cpu":
        task = torch.empty(scores.shape, dtype=scores.dtype)
        kernels.over_rows(kernels.project, scores.contiguous(), task)
        return task
    return project_by_sorting(scores)


def project_by_sorting(scores: Tensor) -> Tensor:
    """Sparsemax over the classes of scores (n, K, S) on any device, without synchronizing with it.

    With z sorted, t = max over k of (z_1 + … + z_k − 1)/k: the quotient rises while z_k is above
    the threshold of the k − 1 before it, and falls from there on.
    """
    z = scores - scores.amax(1, keepdim=True)  # next to a large maximum a threshold of 1 would be rounded away
    sums = z.sort(dim=1, descending=True).values.cumsum(1)
    sizes = torch.arange(1, z.shape[1] + 1, device=z.device, dtype=z.dtype).view(1, -1, 1)
    threshold = sums.sub_(1).div_(sizes).amax(1, keepdim=True)
    return (z - threshold).clamp_(min=0)


def project_backward(task: Tensor, grad: Tensor) -> Tensor:
    """Gradient with respect to the scores, from `task` = project(scores) and its gradient.

    The Jacobian is diag(s) − s sᵀ/|s| with s the support (Martins and Astudillo, Prop. 2).
    Both tensors are (n, K, S); so is the result.
    """
    if task.device.type == "cpu":
        out = torch.empty(task.shape, dtype=task.dtype)
        kernels.over_rows(kernels.project_backward, task.contiguous(), grad.contiguous(), out)
        return out
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


def label_entropy(shares: Tensor, class_sizes: Tensor | None = None) -> Tensor:
    """How well the class sizes of a task match those expected: R = log K − KL(τ̄ ‖ π), in nats.

    shares: (K, S), the mean task τ̄ of every seed; the result is (S,). Without `class_sizes` π is 1/K for every
    class and R = −Σ_k τ̄_k log τ̄_k is Eq. 6, the entropy: 0 for one class and log K for equal ones. A share below
    1e-8 counts as 1e-8 inside the logarithm: an empty class adds nothing, and its gradient stays finite.

    class_sizes: (K,), positive, the largest first, of sum 1. They state how large classes are, not which of them is
    which, so π is the order of the sizes that is nearest to τ̄: by the rearrangement inequality
    Σ_k τ̄_k log π_k is largest where the r-th largest share meets the r-th largest size.
    """
    entropy = -(shares * shares.clamp(min=SMALLEST_SHARE).log()).sum(0)
    return entropy if class_sizes is None else entropy + (shares * _log_sizes(shares, class_sizes)).sum(0)


def label_entropy_grad(shares: Tensor, class_sizes: Tensor | None = None) -> Tensor:
    """Gradient (K, S) of label_entropy with respect to the shares, finite for empty classes."""
    grad = -(shares.clamp(min=SMALLEST_SHARE).log() + 1)
    return grad if class_sizes is None else grad + _log_sizes(shares, class_sizes)


def _log_sizes(shares: Tensor, class_sizes: Tensor) -> Tensor:
    """log(K π_k) for every class (K, S), its size that of its rank among the shares: 0 for equal sizes."""
    ranks = shares.argsort(dim=0, descending=True, stable=True).argsort(dim=0)
    return (class_sizes * len(class_sizes)).log()[ranks]
