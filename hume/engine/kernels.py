"""Compiled CPU kernels for sparsemax and Jacobians: one pass over memory instead of up to two dozen.

Tasks are (n, K, S), seeds contiguous, so that the inner loops run over them in vector
registers while the few classes of a row stay in the nearest cache. Rows are split among as
many threads as torch uses, without the interpreter lock.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

# Below this, starting another thread costs more than it saves.
ELEMENTS_PER_THREAD = 50_000


def compiled(kernel: Callable[..., None]) -> Callable[..., None]:
    """Compile a kernel at its first call, cached on disk where a cache folder is writable."""
    try:
        function: Callable[..., None] = njit(nogil=True, cache=True, error_model="numpy")(kernel)
    except RuntimeError:  # neither the package's folder nor the user's cache is writable
        function = njit(nogil=True, error_model="numpy")(kernel)
    return function


def over_rows(kernel: Callable[..., None], *tensors: Tensor) -> None:
    """Call a kernel on contiguous CPU tensors (n, ...), with a block of rows per thread."""
    arrays: list[NDArray[Any]] = [tensor.detach().numpy() for tensor in tensors]
    num_threads = max(1, min(torch.get_num_threads(), tensors[0].numel() // ELEMENTS_PER_THREAD))
    if num_threads == 1:
        kernel(*arrays)
        return
    edges = np.linspace(0, len(arrays[0]), num_threads + 1).astype(int)
    # A pool that outlives the call would lose its threads after a fork.
    with ThreadPoolExecutor(num_threads - 1) as pool:
        slices = [[array[a:b] for array in arrays] for a, b in pairwise(edges)]
        pending = [pool.submit(kernel, *rows) for rows in slices[1:]]
        kernel(*slices[0])
        for future in pending:
            future.result()


@compiled
def project(scores: NDArray[Any], task: NDArray[Any]) -> None:  # pragma: no cover - compiled
    """Sparsemax of scores (n, K, S) into `task`; see `hume.engine.simplex.project`."""
    n, K, S = scores.shape
    zero, one = scores.dtype.type(0), scores.dtype.type(1)
    top = np.empty(S, scores.dtype)
    threshold, excess = np.empty_like(top), np.empty_like(top)
    size, previous = np.empty_like(top), np.empty_like(top)
    for i in range(n):
        top[:] = scores[i, 0]
        for k in range(1, K):
            for s in range(S):
                top[s] = max(top[s], scores[i, k, s])
        threshold[:] = -one
        previous[:] = zero
        for _ in range(K):
            excess[:] = -one
            size[:] = zero
            for k in range(K):
                for s in range(S):
                    above = (scores[i, k, s] - top[s]) - threshold[s]
                    excess[s] += above if above > zero else zero
                    size[s] += one if above > zero else zero
            moved = zero
            for s in range(S):
                threshold[s] += excess[s] / size[s]
                moved += one if size[s] != previous[s] else zero
                previous[s] = size[s]
            if moved == zero:
                break
        for k in range(K):
            for s in range(S):
                above = (scores[i, k, s] - top[s]) - threshold[s]
                task[i, k, s] = above if above > zero else zero


@compiled
def project_backward(task: NDArray[Any], grad: NDArray[Any], out: NDArray[Any]) -> None:  # pragma: no cover - compiled
    """Sparsemax's Jacobian times `grad`, all (n, K, S), into `out`; see `hume.engine.simplex.project_backward`."""
    n, K, S = task.shape
    zero, one = task.dtype.type(0), task.dtype.type(1)
    mean = np.empty(S, task.dtype)
    size = np.empty_like(mean)
    for i in range(n):
        mean[:] = zero
        size[:] = zero
        for k in range(K):
            for s in range(S):
                inside = task[i, k, s] > zero
                mean[s] += grad[i, k, s] if inside else zero
                size[s] += one if inside else zero
        for s in range(S):
            mean[s] /= size[s]
        for k in range(K):
            for s in range(S):
                out[i, k, s] = grad[i, k, s] - mean[s] if task[i, k, s] > zero else zero


@compiled
def softmax_jacobian(p: NDArray[Any], v: NDArray[Any], out: NDArray[Any]) -> None:  # pragma: no cover - compiled
    """Softmax's Jacobian at probabilities p times v, all (n, K, S), into `out`: p ∘ (v − ⟨p, v⟩)."""
    n, K, S = p.shape
    zero = p.dtype.type(0)
    mean = np.empty(S, p.dtype)
    for i in range(n):
        mean[:] = zero
        for k in range(K):
            for s in range(S):
                mean[s] += p[i, k, s] * v[i, k, s]
        for k in range(K):
            for s in range(S):
                out[i, k, s] = p[i, k, s] * (v[i, k, s] - mean[s])
