"""The references for the search: a plain Algorithm 1, and the paper's objective on held-out splits."""

import numpy as np
import torch
from torch import Tensor

from hume.engine import simplex
from hume.engine.config import Config
from hume.engine.finished_seed import FinishedSeed
from hume.engine.prototypes import random_prototypes, soft_labels
from hume.engine.solvers import Unrolled


def plain_iteration(phi1: Tensor, phi2: Tensor, config: Config, solver: Unrolled) -> None:
    """One iteration of one seed, written plainly: autograd through every inner step."""
    W1 = random_prototypes([0], config.num_classes, phi1.shape[1])[0].to(phi1.device).requires_grad_()
    labels = simplex.sparsemax(phi1 @ W1.T / config.temperature)
    n = config.num_train
    generator = torch.Generator().manual_seed(0)
    start = torch.empty(phi2.shape[1], config.num_classes).uniform_(-0.03, 0.03, generator=generator)
    W2 = start.to(phi2.device).requires_grad_()
    for _ in range(solver.inner_steps):
        loss = torch.nn.functional.cross_entropy(phi2[:n] @ W2, labels[:n])
        (grad,) = torch.autograd.grad(loss, W2, create_graph=True)
        W2 = W2 - solver.inner_step_size * grad
    error = torch.nn.functional.cross_entropy(phi2[n:] @ W2, labels[n:])
    entropy = torch.special.entr(labels.mean(0)).sum()
    torch.autograd.grad(error - config.entropy_weight * entropy, W1)


def held_out(phi1: Tensor, phi2: Tensor, config: Config, seeds: list[FinishedSeed], num_splits: int = 3) -> Tensor:
    """The first term of Eq. 7 by the paper's solver, (S,), a mean over held-out splits.

    A ridge and early stopping give different classifiers, so the solvers' own cross-entropies are not comparable.
    """
    prototypes = torch.from_numpy(np.stack([seed.prototypes for seed in seeds])).to(phi1.device)
    problem = Unrolled().start(phi2, config.num_classes, range(len(seeds)))
    generator = torch.Generator().manual_seed(77)
    errors = []
    for _ in range(num_splits):
        rows = torch.randperm(len(phi1), generator=generator)[: config.num_train + config.num_test].to(phi1.device)
        labels = soft_labels(phi1[rows], prototypes, config.temperature)
        errors.append(problem.generalization(problem.rows(rows), labels, config.num_train)[0])
    return torch.stack(errors).mean(0)
