"""How fast: a whole run at the size of CIFAR-10, the paper's preset, and what compiling would bring."""

from dataclasses import replace
from typing import Any

import torch

import hume
from benchmarks.gpu.result import Result, Setup
from benchmarks.speed.job import Job
from benchmarks.speed.scoring import refinement, scores
from benchmarks.speed.searches import begin, fast, pace, whole_search
from hume.engine.inner import ImplicitProblem

TARGET = 60.0  # seconds of 100 seeds with scores and refinement
# In the order of this table the first is how the search runs.
VARIANTS: dict[str, dict[str, Any] | None] = {
    "as it is": None,
    "torch.compile": {},
    "CUDA graphs (torch.compile, reduce-overhead)": {"mode": "reduce-overhead"},
}


def cifar(setup: Setup) -> Result:
    """100 seeds with scores and refinement on planted classes."""
    job = _job(setup)
    searched = whole_search(job, "auto")
    job = replace(job, labelings=searched.labelings)
    scored, refined = scores(job), refinement(job)
    seconds = searched.seconds + scored.seconds + refined.seconds
    assert searched.rate is not None
    assert searched.share is not None
    return Result(
        {
            f"{job.num_seeds} seeds with scores and refinement": f"{seconds:.1f} s",
            "search, scores, refinement": ", ".join(f"{each.seconds:.1f} s" for each in (searched, scored, refined)),
            "iterations": searched.note,
            "rate of the search's matrix products": f"{searched.rate / 1e9:,.0f} GFLOP/s",
            "share of what the same products reach alone": f"{searched.share:.0%}",
            "memory at most": f"{max(each.peak_bytes for each in (searched, scored, refined)) / 2**30:.1f} GiB",
            "accuracy of the refined vote": f"{refined.acc:.3f}",
        },
        None if setup.small else seconds <= TARGET,
        f"at most {TARGET:.0f} s",
    )


def paper(setup: Setup) -> Result:
    """One seed by the paper's preset, from the pace of its first iterations."""
    job = _job(setup)
    data = job.load()
    config, solver = hume.preset("paper", num_classes=data.num_classes or 0, num_samples=data.num_samples)
    if setup.small:
        config = replace(config, num_splits=1, num_train=1200, num_test=400)
    steps = begin(job, config, solver, data, 1)[1]
    each = pace(steps, setup.device)
    return Result(
        {
            "an iteration of one seed": f"{each:.3f} s",
            f"{config.num_iterations:,} iterations, from it": f"{each * config.num_iterations / 60:.1f} min",
        }
    )


def variants(setup: Setup) -> Result:
    """An iteration with the classifier's steps compiled, for one seed, which launches bind, and for many."""
    figures, plain = {}, ImplicitProblem.generalization
    for num_seeds in (1, _job(setup).num_seeds):
        usual = 0.0
        for name, options in VARIANTS.items():
            job = replace(_job(setup), num_seeds=num_seeds)
            compiled = plain if options is None else torch.compile(plain, **options)
            ImplicitProblem.generalization = compiled  # type: ignore[method-assign]
            try:
                data, config, solver = fast(job, patience=None)
                seconds = pace(begin(job, config, solver, data, num_seeds)[1], setup.device)
            except Exception as error:  # a compiler that is missing or refuses is a finding
                figures[f"{name}, {num_seeds} seeds"] = f"does not run: {type(error).__name__}"
                continue
            finally:
                ImplicitProblem.generalization = plain  # type: ignore[method-assign]
            usual = usual or seconds
            figures[f"{name}, {num_seeds} seeds"] = f"{1000 * seconds:.1f} ms an iteration, {usual / seconds:.2f} ×"
    return Result(figures)


def _job(setup: Setup) -> Job:
    if setup.small:
        return Job(size="digits", scale=1, num_seeds=2, device=setup.device)
    return Job(size="cifar", scale=1, num_seeds=100, device=setup.device)
