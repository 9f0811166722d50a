"""What a search costs: seconds and memory, beside a plain autograd reference.

    make bench                      # everything, about ten minutes on two cores
    python -m benchmarks.search --only embedded digits

Run it on a machine that does nothing else: it prints what it measures, in seconds of
wall time, and the processor it ran on.
"""

import argparse
import platform
import resource
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

import hume
from hume import inner, results, spaces, task
from hume.search import Config, FinishedSeed, search


def embedded(num_seeds: int = 100) -> None:
    """100 seeds on the embedded images, search and cross-validation scores; the peak memory of the process."""
    dataset = hume.load_dataset("fashion-mnist")
    iterations: list[int] = []
    result = hume.discover(
        dataset, seeds=range(num_seeds), device="cpu", on_step=lambda s: iterations.append(len(s.seeds))
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"embedded dataset, {num_seeds} seeds: {result.seconds:.1f} s in all, peak memory {peak:.2f} GiB")
    print(f"  {len(iterations)} iterations, {sum(iterations) / num_seeds:.0f} a seed on average")
    cv_score = result.scores.cv_score
    print(f"  cv score {cv_score.mean():.4f} ± {cv_score.std():.4f}, vote {result.scores.vote_agreement}")


def digits(num_seeds: int = 20) -> None:
    """20 seeds of digits."""
    result = hume.discover(hume.load_dataset("digits"), seeds=range(num_seeds), device="cpu")
    print(f"digits, {num_seeds} seeds: {result.seconds:.1f} s in all, {result.scores.vote_agreement}")


def reference() -> None:
    """One iteration of one seed by plain autograd through 300 steps, against ours for a hundred seeds at once."""
    dataset = hume.load_dataset("fashion-mnist")
    config, solver = hume.preset("fast", num_classes=10, num_samples=dataset.num_samples)
    phi1 = spaces.unit_rows(dataset.space("simclr"), centre=config.centre)
    phi2 = spaces.as_tensor(dataset.space("lite0"))
    rows = torch.randperm(len(phi1), generator=torch.Generator().manual_seed(0))[: config.num_train + config.num_test]
    start = perf_counter()
    plain_iteration(phi1[rows], phi2[rows], config, inner.Unrolled())
    plain = perf_counter() - start

    steps = search(phi1, phi2, replace(config, patience=None, num_iterations=60), solver=solver, seeds=range(100))
    for step in steps:  # the first iterations warm up
        if step.iteration == 9:
            start = perf_counter()
    ours = (perf_counter() - start) / 50 / 100
    print(f"one seed, one iteration of one split: plain autograd {plain:.2f} s, ours {ours * 1e3:.3f} ms")
    print(f"  ratio per seed {plain / ours:,.0f}")


def plain_iteration(phi1: Tensor, phi2: Tensor, config: Config, solver: inner.Unrolled) -> None:
    """Algorithm 1 as one would write it first: autograd through every inner step."""
    W1 = task.random_prototypes([0], config.num_classes, phi1.shape[1])[0].requires_grad_()
    labels = hume.simplex.sparsemax(phi1 @ W1.T / config.temperature)
    n = config.num_train
    W2 = torch.nn.init.uniform_(torch.empty(phi2.shape[1], config.num_classes), -0.03, 0.03).requires_grad_()
    for _ in range(solver.inner_steps):
        loss = torch.nn.functional.cross_entropy(phi2[:n] @ W2, labels[:n])
        (grad,) = torch.autograd.grad(loss, W2, create_graph=True)
        W2 = W2 - solver.inner_step_size * grad
    error = torch.nn.functional.cross_entropy(phi2[n:] @ W2, labels[n:])
    entropy = torch.special.entr(labels.mean(0)).sum()
    torch.autograd.grad(error - config.entropy_weight * entropy, W1)


def solvers(num_seeds: int = 4, num_iterations: int = 60) -> None:
    """Both solvers from the same starts on the same splits, at full size, judged by the paper's objective.

    A ridge and an early stop leave different classifiers, so each solver's own cross-entropy
    is no common measure: what was found is held against Algorithm 1's held-out cross-entropy.
    """
    dataset = hume.load_dataset("fashion-mnist")
    config, fast = hume.preset("fast", num_classes=10, num_samples=dataset.num_samples)
    config = replace(config, patience=None, num_iterations=num_iterations)
    phi2, unrolled = spaces.as_tensor(dataset.space("lite0")), inner.Unrolled()
    named = {"unrolled": unrolled, "implicit, λ = 1/(α m)": inner.Implicit.like(unrolled), "implicit, as preset": fast}
    for name, solver in named.items():
        start = perf_counter()
        phi1, steps = results.prepare_search(
            dataset, "simclr", "lite0", config, solver, range(num_seeds), "transductive", "cpu"
        )
        found = [seed for step in steps for seed in step.finished]
        seconds = perf_counter() - start
        error = held_out(phi1, phi2, config, found)
        print(
            f"{name}: {num_iterations} iterations of {num_seeds} seeds in {seconds:.0f} s, "
            f"held-out cross-entropy {error.mean():.4f} ± {error.std():.4f}",
            flush=True,
        )


def held_out(phi1: Tensor, phi2: Tensor, config: Config, found: list[FinishedSeed], num_splits: int = 3) -> Tensor:
    """The first term of Eq. 7 by the paper's solver, (S,), a mean over splits that no search has seen."""
    prototypes = torch.from_numpy(np.stack([seed.prototypes for seed in found]))
    problem = inner.Unrolled().start(phi2, config.num_classes, range(len(found)))
    generator = torch.Generator().manual_seed(77)
    errors = []
    for _ in range(num_splits):
        rows = torch.randperm(len(phi1), generator=generator)[: config.num_train + config.num_test]
        labels = task.soft_labels(phi1[rows], prototypes, config.temperature)
        errors.append(problem.generalization(problem.rows(rows), labels, config.num_train)[0])
    return torch.stack(errors).mean(0)


PARTS: dict[str, Callable[[], None]] = {
    "embedded": embedded,
    "digits": digits,
    "reference": reference,
    "solvers": solvers,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time the search.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for part in parser.parse_args().only:
        PARTS[part]()
