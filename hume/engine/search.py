"""Algorithm 1: search for the labelings that generalize best, many seeds in parallel (Eqs. 4, 7).

`search` is a generator of steps. The caller draws the progress, stores finished seeds or
stops: the search depends on no page, terminal or disk.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.devices import free_bytes, out_of_memory
from hume.data.rows import Rows
from hume.engine import checkpoint, simplex
from hume.engine.checkpoint import Checkpoint
from hume.engine.config import Config, check_seeds, check_sizes, uses_bfloat16
from hume.engine.finished_seed import FinishedSeed
from hume.engine.inner import InnerProblem
from hume.engine.linear import transposed_product
from hume.engine.prototypes import Encoder, Householder, Retraction, random_prototypes, soft_labels
from hume.engine.solvers import InnerSolver
from hume.engine.stopping import EarlyStopping


@dataclass(frozen=True, eq=False)
class Step:
    """One iteration of one batch of seeds.

    The tensors are on the search's device: reading their values synchronizes with it, the search does not.
    """

    iteration: int  # from 0
    seeds: tuple[int, ...]  # the batch's seeds that are still being searched
    objective: Tensor  # (A,) Eq. 7 of these seeds on this iteration's splits
    test_error: Tensor  # (A,) its first term
    label_shares: Tensor  # (A, K) the mean task
    prototypes: Tensor  # (A, K, d1) before the update
    finished: tuple[FinishedSeed, ...]  # seeds that end with this iteration
    progress: float  # of the whole search, 0 to 1, assuming that no other seed converges early
    checkpoint: Callable[[], Checkpoint] | None = None  # to go on from here, until the next step; None where it cannot

    def latest_prototypes(self) -> Tensor:
        """The latest prototypes (A, K, d1): for seeds that end with this iteration, those after its update."""
        latest = self.prototypes.clone()
        for seed in self.finished:
            latest[self.seeds.index(seed.seed)] = torch.from_numpy(seed.prototypes)
        return latest


def search(
    phi1: Rows,
    phi2: Rows,
    config: Config,
    *,
    solver: InnerSolver,
    seeds: Sequence[int] = range(100),
    seed_batch: int | None = None,
    resumed: Checkpoint | None = None,
) -> Iterator[Step]:
    """Find, for every seed, the prototypes W1 that minimize Eq. 7; yield one step per iteration.

    phi1 is (N, d1) with rows of unit L2 norm (see `hume.data.space_rows.unit_rows`), phi2 (N, d2); both
    float32 on the device of the computation, or on disk, from where the rows of every
    split are read. All seeds of a batch see the same random splits, so that one matrix
    product serves them all, and a seed's result depends on the other seeds in its last bits
    alone. By default a batch is as large as memory allows; one that does not fit after all is
    restarted at half the size. resumed: where an earlier search of more seeds stood, whose batch
    goes on, the seeds of it that are not asked for too.
    Raises InputError when the spaces do not match or are too small for the
    configuration, MemoryError when not even one seed fits. Source: Algorithm 1.
    """
    check_sizes(tuple(phi1.shape), tuple(phi2.shape), config)
    check_seeds(seeds, seed_batch)
    size = seed_batch or largest_batch(phi1.shape[1], phi2.shape[1], config, solver, free_bytes(phi1.device))
    remaining = list(seeds)
    if resumed is not None:
        size = resumed.batch_size
    while remaining:
        batch, fitted = remaining[:size] if resumed is None else list(resumed.seeds), True
        try:
            for step in _search_batch(phi1, phi2, config, solver, batch, size, resumed):
                ended = {result.seed for result in step.finished}
                remaining = [seed for seed in remaining if seed not in ended]
                in_progress = len(step.seeds) - len(step.finished)
                done = len(seeds) - len(remaining) + in_progress * (step.iteration + 1) / config.num_iterations
                yield replace(step, progress=min(1.0, done / len(seeds)))
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if len(batch) == 1:
                raise MemoryError("not even one seed fits into memory") from error
            fitted = False
        resumed = None
        if not fitted:  # here the failed batch is freed; inside `except` its traceback still holds it
            size = max(1, len([seed for seed in batch if seed in remaining]) // 2)


def largest_batch(d1: int, d2: int, config: Config, solver: InnerSolver, free: int) -> int:
    """The number of seeds on spaces (N, d1) and (N, d2) that fit into a third of the free bytes, at least 1."""
    return max(1, free // 3 // (4 * floats_per_seed(d1, d2, config, solver)))


def floats_per_seed(d1: int, d2: int, config: Config, solver: InnerSolver) -> int:
    """The number of floats held per seed during a search, in addition to the two spaces."""
    K, drawn = config.num_classes, config.num_train + config.num_test
    floats = solver.floats_per_seed(config.num_train, d2, K) + 6 * drawn * K + 6 * K * d1
    if config.encoder == "householder":
        floats += 2 * d1 * d1
    return floats


@torch.no_grad()
def _search_batch(
    phi1: Rows,
    phi2: Rows,
    config: Config,
    solver: InnerSolver,
    seeds: list[int],
    batch_size: int,
    resumed: Checkpoint | None,
) -> Iterator[Step]:
    start = random_prototypes(seeds, config.num_classes, phi1.shape[1]).to(phi1.device)
    encoder: Encoder = Householder(start) if config.encoder == "householder" else Retraction(start)
    problem = solver.start(phi2, config.num_classes, seeds)
    splits = torch.Generator().manual_seed(config.split_seed)
    stopping = EarlyStopping(config, len(seeds))
    active = np.arange(len(seeds))
    # Eq. 7 and its first term at every iteration, on the device until a seed may end.
    curves = start.new_full((2, config.num_iterations, len(seeds)), torch.nan)
    if resumed is not None:
        encoder.load(checkpoint.part(resumed.state, "encoder"))
        problem.load(checkpoint.part(resumed.state, "problem"))
        stopping.load(checkpoint.part(resumed.state, "stopping"))
        splits.set_state(resumed.state["splits"].cpu())
        active = resumed.state["active"].cpu().numpy()
        curves[:, : resumed.iteration] = resumed.state["curves"]
    positions, pace = torch.from_numpy(active).to(start.device), torch.from_numpy(stopping.pace[active]).to(start)

    def state(following: int) -> Checkpoint:
        parts = {"encoder": encoder.state(), "problem": problem.state(), "stopping": stopping.state()}
        own = {"splits": splits.get_state(), "active": torch.from_numpy(active), "curves": curves[:, :following]}
        return Checkpoint(tuple(seeds), batch_size, following, {**checkpoint.joined(**parts), **own})

    for iteration in range(0 if resumed is None else resumed.iteration, config.num_iterations):
        anneal = config.annealing(iteration)
        prototypes = encoder.prototypes()
        grad, test_error, shares = _gradient(phi1, problem, config, prototypes, config.temperature * anneal, splits)
        evenness = simplex.label_entropy(shares, _class_sizes(config, shares.device))
        objective = test_error - config.entropy_weight * evenness
        curves[0, iteration, positions], curves[1, iteration, positions] = objective, test_error
        encoder.step(grad, (config.step_size * anneal * pace).view(-1, 1, 1), config.clip_norm)

        ends = np.zeros(len(active), bool)
        finished: tuple[FinishedSeed, ...] = ()
        if stopping.is_due(iteration):
            history = curves[:, : iteration + 1].cpu().numpy()
            ends = stopping.update(iteration, active, history[0])
            finished = _finished(encoder, active, ends, seeds, history, stopping.converged)
            pace = torch.from_numpy(stopping.pace[active]).to(pace)
        searched = tuple(seeds[i] for i in active)
        if ends.any() and not ends.all():
            active = active[~ends]
            remaining = torch.from_numpy(np.flatnonzero(~ends)).to(positions.device)
            positions, pace = positions[remaining], pace[remaining]
            encoder.keep(remaining)
            problem.keep(remaining)
        yield Step(
            iteration=iteration,
            seeds=searched,
            objective=objective,
            test_error=test_error,
            label_shares=shares.T,
            prototypes=prototypes,
            finished=finished,
            progress=0.0,
            checkpoint=None if ends.all() else partial(state, iteration + 1),
        )
        if ends.all():
            return


def _finished(
    encoder: Encoder,
    active: NDArray[np.intp],
    ends: NDArray[np.bool_],
    seeds: list[int],
    curves: NDArray[np.float32],
    converged: NDArray[np.bool_],
) -> tuple[FinishedSeed, ...]:
    """The results of the seeds that end; curves is (2, T, S), ends (A,)."""
    if not ends.any():
        return ()
    prototypes = encoder.prototypes().cpu().numpy()[ends]
    return tuple(
        FinishedSeed(
            seed=seeds[i],
            prototypes=W,
            objective=curves[0, :, i].copy(),
            test_error=curves[1, :, i].copy(),
            converged=bool(converged[i]),
        )
        for i, W in zip(active[ends], prototypes, strict=True)
    )


def _gradient(
    phi1: Rows, problem: InnerProblem, config: Config, prototypes: Tensor, temperature: float, splits: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Eq. 7 averaged over random splits: its gradient (S, K, d1), test error (S,), mean task (K, S)."""
    S, K, d1 = prototypes.shape
    grad, error, shares = prototypes.new_zeros(d1, K, S), prototypes.new_zeros(S), prototypes.new_zeros(K, S)
    drawn = config.num_train + config.num_test
    half, sizes = uses_bfloat16(config.precision, phi1.device), _class_sizes(config, phi1.device)
    for _ in range(config.num_splits):
        rows = _to(phi1.device, torch.randperm(len(phi1), generator=splits)[:drawn])
        x1, x2 = phi1[rows], problem.rows(rows)
        if half:
            x1, x2 = x1.bfloat16(), x2.bfloat16()
        labels = soft_labels(x1, prototypes, temperature)
        test_error, task_grad = problem.generalization(x2, labels, config.num_train)
        share = labels.mean(0)
        task_grad -= simplex.label_entropy_grad(share, sizes).mul_(config.entropy_weight / drawn)
        grad += transposed_product(x1, simplex.project_backward(labels, task_grad))
        error, shares = error + test_error, shares + share
    grad = grad.div_(config.num_splits * temperature).permute(2, 1, 0).contiguous()
    return grad, error / config.num_splits, shares / config.num_splits


def _class_sizes(config: Config, device: torch.device) -> Tensor | None:
    return None if config.class_sizes is None else _to(device, torch.tensor(config.class_sizes))


def _to(device: torch.device, tensor: Tensor) -> Tensor:
    """Copy a CPU tensor to a device without synchronizing with it."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
