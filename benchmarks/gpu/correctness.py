"""Is it right: the same data and seeds on the CPU and on the device."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

import hume
from benchmarks.gpu.result import Result, Setup
from hume.data import space_rows
from hume.data.dataset import Dataset
from hume.engine.config import Config
from hume.engine.solvers import InnerSolver
from hume.evaluation.cross_validation import cross_validation_scores
from hume.evaluation.neighbors import nearest_neighbors, shared_neighbors
from hume.runs.refinement import RefinedLabelings, Refinement
from hume.runs.searching import search_all

SEEDS, SHORT, NEIGHBORS = 10, 40, 100  # SHORT: iterations where only the way there matters
WITHIN = 0.005  # of the accuracy, as between float32 and bfloat16
CLOSE = 0.999  # share of rows or neighbours that are the same
NARROW = 0.6  # of the memory that a search took at first is what it gets


def labelings(setup: Setup) -> Result:
    """The vote of refined labelings of digits; seeds part ways in their last bits, what they find does not."""
    data, config, solver = _digits()
    found = [_search(data, config, solver, device) for device in ("cpu", setup.device)]
    votes = []
    for labeled, device in zip(found, ("cpu", setup.device), strict=True):
        stage, refined = _refined(data, config, labeled, device)
        votes.append(stage.final(refined, SEEDS).labeling)
    same = (found[0] == found[1]).mean(1)
    assert data.labels is not None
    accuracy = [hume.clustering_accuracy(data.labels, vote) for vote in votes]
    return Result(
        {
            "seeds: rows labeled as on the CPU, median and least": f"{np.median(same):.2%}, {same.min():.2%}",
            "accuracy of the vote, CPU and device": f"{accuracy[0]:.4f}, {accuracy[1]:.4f}",
        },
        bool(abs(accuracy[0] - accuracy[1]) <= WITHIN),
        f"the accuracies differ by at most {WITHIN}",
    )


def scores(setup: Setup) -> Result:
    """Cross-validation of the same labelings."""
    data, config, solver = _digits(num_iterations=SHORT)
    labeled = torch.from_numpy(_search(data, config, solver, "cpu"))
    phi2 = data.space(data.default_pair[1])
    first, second = (
        cross_validation_scores(space_rows.as_tensor(phi2, device), labeled, config.num_classes)
        for device in ("cpu", setup.device)
    )
    apart = float(np.abs(first - second).max())
    return Result({"largest difference of a score": f"{apart:.5f}"}, apart <= 1 - CLOSE, f"at most {1 - CLOSE:.3f}")


def refinement(setup: Setup) -> Result:
    """Refinement of the same labelings."""
    data, config, solver = _digits(num_iterations=SHORT)
    labeled = _search(data, config, solver, "cpu")
    first, second = (_refined(data, config, labeled, device)[1] for device in ("cpu", setup.device))
    same = float((first.labelings == second.labelings).mean())
    apart = float(np.abs(first.likelihood - second.likelihood).max())
    return Result(
        {"rows with the same class": f"{same:.3%}", "largest difference of a likelihood": f"{apart:.5f} nats"},
        same >= CLOSE,
        f"at least {CLOSE:.1%}",
    )


def neighbors(setup: Setup) -> Result:
    """Exact nearest neighbours in φ1."""
    data = _digits()[0]
    features, rows = data.space(data.default_pair[0]).features, np.arange(data.num_samples)
    first, second = (nearest_neighbors(features, rows, NEIGHBORS, device=device) for device in ("cpu", setup.device))
    same = shared_neighbors(first, second)
    return Result({f"of {NEIGHBORS} neighbours the same": f"{same:.3%}"}, same >= CLOSE, f"at least {CLOSE:.1%}")


def memory(setup: Setup) -> Result:
    """A search that is given too little memory for its batch ends with all seeds, in smaller batches."""
    if torch.device(setup.device).type != "cuda":
        return Result({"out of memory": "not tried: there is no GPU"})
    data, config, solver = _digits(num_iterations=SHORT, patience=None)
    pair = [space_rows.unit_rows(data.space(data.default_pair[0]), centre=config.centre).to(setup.device)]
    pair.append(space_rows.as_tensor(data.space(data.default_pair[1]), setup.device))
    seeds = range(8 * SEEDS)

    def batches() -> list[int]:
        sizes, ended = [], 0
        steps = hume.search(*pair, config, solver=solver, seeds=seeds, seed_batch=len(seeds))
        for step in steps:
            sizes.append(len(step.seeds))
            ended += len(step.finished)
        assert ended == len(seeds), "seeds were lost"
        return sorted(set(sizes), reverse=True)

    torch.cuda.reset_peak_memory_stats(setup.device)
    batches()
    needed = torch.cuda.max_memory_allocated(setup.device)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(NARROW * needed / torch.cuda.mem_get_info(setup.device)[1], setup.device)
    found = batches()
    return Result(
        {f"batches of {len(seeds)} seeds with {NARROW:.0%} of the memory": ", ".join(map(str, found))},
        min(found) < len(seeds),
        "all seeds end, in smaller batches",
    )


def _digits(**changes: object) -> tuple[Dataset, Config, InnerSolver]:
    data = hume.load_dataset("digits")
    config, solver = hume.preset("fast", num_classes=10, num_samples=data.num_samples)
    return data, replace(config, precision="float32", **changes), solver  # type: ignore[arg-type]


def _search(data: Dataset, config: Config, solver: InnerSolver, device: str) -> NDArray[np.int32]:
    return search_all(data, *data.default_pair, config, solver, range(SEEDS), "transductive", device)[1]


def _refined(
    data: Dataset, config: Config, labeled: NDArray[np.int32], device: str
) -> tuple[Refinement, RefinedLabelings]:
    stage = Refinement.of(data, *data.default_pair, config, np.ones(data.num_samples, np.bool_), device)
    return stage, stage.refine(labeled)
