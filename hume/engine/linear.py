"""Matrix products and derivatives of the linear softmax classifier of all seeds and classes at once."""

import torch
from torch import Tensor

from hume.engine import kernels


def cross_entropy(x: Tensor, classifier: Tensor, task: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean cross-entropy (S,) of a linear classifier on rows x (n, r), and its two gradients.

    The first is in the classifier, (r, K, S), the second in the task, (n, K, S).
    """
    n = len(x)
    log_p = torch.log_softmax(logits(x, classifier), 1)
    loss = -(task * log_p).sum((0, 1)).div_(n)
    residual = log_p.exp().mul_(task.sum(1, keepdim=True)).sub_(task)
    return loss, transposed_product(x, residual).div_(n), log_p.div_(-n)


def logits(x: Tensor, classifier: Tensor) -> Tensor:
    """x (n, r) times classifier (r, K, S): one matrix product for all classes and seeds, in the precision of x."""
    r, K, S = classifier.shape
    return (x @ classifier.reshape(r, K * S).to(x.dtype)).to(classifier.dtype).view(-1, K, S)


def transposed_product(x: Tensor, values: Tensor) -> Tensor:
    """xᵀ (r, n) times values (n, K, S): (r, K, S), in the precision of x."""
    n, K, S = values.shape
    return (x.mT @ values.reshape(n, K * S).to(x.dtype)).to(values.dtype).view(-1, K, S)


def softmax_jacobian(p: Tensor, v: Tensor) -> Tensor:
    """(diag(p) − p pᵀ) v over the classes: p ∘ (v − ⟨p, v⟩), all (n, K, S)."""
    if p.device.type == "cpu":
        out = torch.empty(p.shape, dtype=p.dtype)
        kernels.over_rows(kernels.softmax_jacobian, p.contiguous(), v.contiguous(), out)
        return out
    return p * (v - (p * v).sum(1, keepdim=True))
