"""Search results in the layout that the authors of HUME release: two files a seed in one folder.

`linear_task_{seed}.pt` is the state dict of `orthogonal(torch.nn.Linear(d1, K, bias=False))`, whose weight is the
prototypes W1 (Eq. 3); `results_{seed}.pickle` is `{"CV_Score": float}`, the score of the search.
"""

import math
import operator
import pickle
import re
import reprlib
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.parametrizations import orthogonal

from hume.common.errors import InputError, RunError
from hume.common.files import atomically, write_atomically
from hume.exchange.numbers_pickle import read_numbers

_PLAIN = "weight"
_ORIGINAL = "parametrizations.weight.original"
_BASE = "parametrizations.weight.0.base"
_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class AuthorTask:
    """One labeling task argmax_k <phi1(x), W1_k> and its score.

    `prototypes` is W1, (K, d1) float32 with orthonormal rows (columns if K > d1, as torch has it); `cv_score` is the
    authors' CV_Score, None without a results file.
    """

    seed: int
    prototypes: NDArray[np.float32]
    cv_score: float | None


def write_tasks(folder: Path, tasks: Iterable[AuthorTask]) -> list[Path]:
    """Save tasks so that the authors' code can load them; returns the files written, in the order of `tasks`.

    `linear_task_{seed}.pt` loads with `load_state_dict(strict=True)` into a new orthogonal layer and restores the
    prototypes; `results_{seed}.pickle` is omitted (and an older one removed) where `cv_score` is None. All tasks are
    checked before the first file is written, and each file is written atomically.

    Errors: `InputError` for prototypes that are not one (K, d1) matrix of the same shape for all seeds or not
    orthonormal within 1e-3, for a score that is not finite, for a negative or repeated seed; `RunError` if the
    folder cannot be written.
    """
    folder = Path(folder)
    checked: dict[int, tuple[NDArray[np.float32], float | None]] = {}
    for task in tasks:
        seed = operator.index(task.seed)
        if seed < 0:
            raise InputError(f"a seed must be 0 or more, got seed={seed}")
        if seed in checked:
            raise InputError(f"each task needs its own seed, got seed={seed} twice")
        checked[seed] = _check_prototypes(task), _check_score(task)
    shapes = {prototypes.shape for prototypes, _ in checked.values()}
    if len(shapes) > 1:
        raise InputError(f"the tasks of one folder need prototypes of the same shape, got {sorted(shapes)}")
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for seed, (prototypes, score) in checked.items():
            written += _write_task(folder, seed, prototypes, score)
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}") from error
    return written


def _check_prototypes(task: AuthorTask) -> NDArray[np.float32]:
    given = np.asarray(task.prototypes)
    if given.ndim != 2 or given.size == 0 or given.dtype.kind not in "fiu":
        raise InputError(
            f"prototypes must be a (K, d1) matrix of real numbers, got {given.dtype} of shape {given.shape} "
            f"for seed={task.seed}"
        )
    prototypes = given.astype(np.float32)
    error = _orthonormality_error(prototypes)
    if not error <= _TOLERANCE:
        raise InputError(
            f"prototypes must be orthonormal within {_TOLERANCE}, those of seed={task.seed} are off by {error:.2g}: "
            "orthonormalize them first"
        )
    return prototypes


def _check_score(task: AuthorTask) -> float | None:
    if task.cv_score is None:
        return None
    score = float(task.cv_score)
    if not math.isfinite(score):
        raise InputError(f"cv_score must be a finite number or None, got {score} for seed={task.seed}")
    return score


def _orthonormality_error(prototypes: NDArray[np.float32]) -> float:
    """max |V V^T - I| over the rows V, or the columns where there are more rows than columns; NaN if any is."""
    K, d1 = prototypes.shape
    vectors = (prototypes.T if d1 < K else prototypes).astype(np.float64)
    if not np.isfinite(vectors).all():
        return math.nan
    return float(np.abs(vectors @ vectors.T - np.eye(min(K, d1))).max())


def _write_task(folder: Path, seed: int, prototypes: NDArray[np.float32], score: float | None) -> list[Path]:
    task_path, results_path = folder / f"linear_task_{seed}.pt", folder / f"results_{seed}.pickle"
    # The score is written first, so that a concurrent reader finds no new task without its score.
    if score is None:
        results_path.unlink(missing_ok=True)
    else:
        write_atomically(results_path, pickle.dumps({"CV_Score": score}), flush=False)
    with atomically(task_path) as temporary, temporary.open("xb") as file:
        torch.save(_state_dict(prototypes), file)
    return [task_path] if score is None else [task_path, results_path]


def _state_dict(prototypes: NDArray[np.float32]) -> dict[str, Tensor]:
    """Solve weight(original, base) = W1 for the parametrization of torch.

    With V the tall one of W1 and its transpose, (n, k), n = max(K, d1), the layer computes V = base @ Q(original)
    and Q(-I) is the first k columns of the identity, by reflections if n > k and by the matrix exponential if n = k.
    So a base whose first columns are V restores W1 exactly; the rest complete it to an orthogonal (n, n) matrix.

    Assigning to `layer.weight` computes such a base too, but draws from torch's global generator.

    Source: `torch/nn/utils/parametrizations.py`, `_Orthogonal.forward`.
    """
    K, d1 = prototypes.shape
    tall = prototypes.T if d1 > K else prototypes  # (n, k)
    completed, _ = np.linalg.qr(tall.astype(np.float64), mode="complete")  # (n, n)
    base = np.concatenate([tall, completed[:, tall.shape[1] :].astype(np.float32)], axis=1)
    return {_ORIGINAL: -torch.eye(K, d1), _BASE: torch.from_numpy(base)}


def read_tasks(folder: Path) -> list[AuthorTask]:
    """Load every task of a folder in the authors' layout, sorted by seed.

    Each `linear_task_{seed}.pt` holds either the state dict of the orthogonal layer or `{"weight": (K, d1)}`, in any
    floating point type; its score is read from `results_{seed}.pickle` if there is one. Neither file can run code.
    `linear_task_{iteration}_{seed}.pt`, a checkpoint of an unfinished search, is skipped.

    Errors: `RunError` with the file's name, for a folder that is missing or has no task, a file name without a seed or
    with a repeated one, a file that is unreadable or has anything but the tensors above, prototypes that are not
    finite and orthonormal within 1e-3, a shape (K, d1) unlike that of the other seeds, a score that is not a number.
    """
    tasks: list[AuthorTask] = []
    layer = None
    for seed, path in _task_files(Path(folder)):
        state = _read_state(path)
        K, d1 = state[_ORIGINAL if _BASE in state else _PLAIN].shape
        if tasks and tasks[0].prototypes.shape != (K, d1):
            raise RunError(f"{path} holds prototypes of shape {(K, d1)}, other seeds {tasks[0].prototypes.shape}")
        if _BASE not in state:
            weight = state[_PLAIN]
        else:
            layer = _fresh_layer(K, d1) if layer is None else layer
            layer.load_state_dict(state, strict=True)
            weight = layer.weight
        prototypes = weight.detach().to(torch.float32).numpy().copy()
        error = _orthonormality_error(prototypes)
        if not error <= _TOLERANCE:
            raise RunError(f"{path} holds prototypes that are not orthonormal: off by {error:.2g}")
        tasks.append(AuthorTask(seed, prototypes, _read_score(_results_path(path))))
    return tasks


def _results_path(task_path: Path) -> Path:
    return task_path.with_name(task_path.name.replace("linear_task", "results", 1)).with_suffix(".pickle")


def _task_files(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder: it should hold linear_task_0.pt and so on")
    files: dict[int, Path] = {}
    for path in sorted(folder.glob("linear_task_*.pt")):
        if re.fullmatch(r"linear_task_[0-9]+_[0-9]+\.pt", path.name):
            continue
        match = re.fullmatch(r"linear_task_([0-9]+)\.pt", path.name)
        if match is None:
            raise RunError(f"{path} has no seed in its name: name it like linear_task_0.pt")
        seed = int(match[1])
        if seed in files:
            raise RunError(f"{path} has the same seed as {files[seed].name}")
        files[seed] = path
    if not files:
        raise RunError(f"{folder} holds no linear_task_*.pt file, the authors' layout of one task a seed")
    return sorted(files.items())


def _fresh_layer(K: int, d1: int) -> torch.nn.Linear:
    # Its random start is overwritten; the caller's generator keeps its state.
    with torch.random.fork_rng(devices=[]):
        layer = torch.nn.Linear(d1, K, bias=False)
        orthogonal(layer)
    return layer


def _read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a task file, safe to load: known names, matching shapes, real, dense, finite."""
    try:
        size = path.stat().st_size
        _refuse_compressed(path, size)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    # A file that is damaged, or tries to run code, fails anywhere inside torch.
    except Exception as error:
        raise RunError(f"{path} cannot be read as a torch state dict of plain tensors") from error
    if not isinstance(loaded, dict) or set(loaded) not in ({_PLAIN}, {_ORIGINAL, _BASE}):
        found = sorted(map(str, loaded)) if isinstance(loaded, dict) else type(loaded).__name__
        raise RunError(f"{path} is not an orthogonal layer without bias: it holds {reprlib.repr(found)}")
    state = {str(key): loaded[key] for key in loaded}
    for key, tensor in state.items():
        if not _is_matrix(tensor):
            raise RunError(f"{path} does not hold a matrix of real numbers as {key}")
    # Strides of zero let a small file claim a huge matrix.
    if sum(tensor.numel() * tensor.element_size() for tensor in state.values()) > size:
        raise RunError(f"{path} claims more numbers than its {size} bytes can hold")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in state.values()):
        raise RunError(f"{path} holds values that are NaN or infinite")
    if _BASE in state:
        (K, d1), base = state[_ORIGINAL].shape, tuple(state[_BASE].shape)
        if base != (max(K, d1), max(K, d1)):
            raise RunError(f"{path} holds shapes that do not fit: original {(K, d1)} with base {base}")
    return state


def _refuse_compressed(path: Path, size: int) -> None:
    """torch stores its archives uncompressed; one that unpacks to more than its own size could exhaust the memory."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > size:
            raise ValueError("the archive unpacks to more than its own size")


def _is_matrix(value: object) -> bool:
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and value.dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16)
        and value.dim() == 2
        and value.numel() > 0
    )


def _read_score(path: Path) -> float | None:
    if not path.exists():
        return None
    results = read_numbers(path)
    score = results.get("CV_Score") if isinstance(results, dict) else None
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise RunError(f"{path} holds no finite number as CV_Score: {reprlib.repr(results)}")
    return float(score)
