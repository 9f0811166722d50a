"""The rows and lines, by name."""

from collections.abc import Callable
from functools import partial

from benchmarks.speed.job import Job, Measured
from benchmarks.speed.lines import Line, against_classes, against_rows, against_seeds
from benchmarks.speed.scoring import (
    kmeans,
    neighbors,
    refinement,
    scores,
    sklearn_neighbors,
    sklearn_scores,
    turtle,
    vote,
)
from benchmarks.speed.searches import iteration, judged, reference, unrolled, whole_search
from hume.engine.solvers import Implicit, Unrolled

PARTS: dict[str, Callable[[Job], Measured]] = {
    "reference": reference,
    "unrolled": unrolled,
    "search-float32": partial(whole_search, precision="float32"),
    "search": partial(whole_search, precision="auto"),
    "iteration-float32": partial(iteration, precision="float32"),
    "iteration": partial(iteration, precision="auto"),
    "scores": scores,
    "sklearn-scores": sklearn_scores,
    "neighbors": neighbors,
    "sklearn-neighbors": sklearn_neighbors,
    "vote": vote,
    "refinement": refinement,
    "kmeans": kmeans,
    "turtle": turtle,
    "judged-unrolled": partial(judged, name="Unrolled", solver=Unrolled()),
    "judged-like": partial(judged, name="Implicit, λ = 1/(α m)", solver=Implicit.like(Unrolled())),
    "judged-fast": partial(judged, name="Implicit, as preset", solver=Implicit()),
}
LINES: dict[str, Callable[[Job], Line]] = {
    "against-seeds": against_seeds,
    "against-rows": against_rows,
    "against-classes": against_classes,
}
NEEDED = {
    "scores": "search",
    "sklearn-scores": "search",
    "vote": "scores",
    "refinement": "search",
}  # rows that run before


def measure(part: str, job: Job) -> Measured | Line:
    """Measure one row, or one line; for its own process."""
    return LINES[part](job) if part in LINES else PARTS[part](job)
