"""The option --class-sizes: numbers, a file of numbers, or an estimate computed first."""

import sys

from hume.cli.base import progress
from hume.data.dataset import Dataset
from hume.data.splits import Setting
from hume.experiments.class_sizes import estimate_sizes, read_sizes
from hume.reporting import experiment_sentences

AUTO, EQUAL, ESTIMATE = "auto", "equal", "estimate"


def asked_sizes(
    given: str, data: Dataset, phi1: str, phi2: str, num_classes: int, setting: Setting, device: str
) -> tuple[float, ...]:
    """The requested class sizes; an estimate is printed, with its certainty, on standard error."""
    if given != ESTIMATE:
        return read_sizes(given)
    with progress(transient=True) as bar:
        task = bar.add_task("class sizes", total=1.0)
        estimate = estimate_sizes(
            data, phi1, phi2, num_classes, setting=setting, device=device,
            on_progress=lambda share: bar.update(task, completed=share),
        )  # fmt: skip
    print(f"class sizes  {experiment_sentences.class_sizes(estimate)}", file=sys.stderr)
    return estimate.sizes
