"""The search of a negative control, see `hume.experiments.negative_controls`."""

from collections.abc import Callable, Sequence

from hume.common.errors import InputError
from hume.data.dataset import Dataset
from hume.engine.config import preset
from hume.engine.search import Step
from hume.experiments.negative_controls import NEGATIVE_CONTROLS
from hume.runs.discover import discover
from hume.runs.result import Result


def run_negative_control(
    key: str,
    dataset: Dataset,
    phi1: str,
    phi2: str,
    *,
    num_classes: int,
    seeds: Sequence[int] = range(20),
    device: str = "cpu",
    on_step: Callable[[Step], None] | None = None,
) -> Result:
    """Search a pair of spaces changed by one of `NEGATIVE_CONTROLS`, with the `fast` preset, in memory.

    Raises InputError for an unknown control and for data that cannot be searched.
    """
    if key not in NEGATIVE_CONTROLS:
        raise InputError(f"there is no negative control {key!r}: choose one of {', '.join(NEGATIVE_CONTROLS)}")
    first, second = NEGATIVE_CONTROLS[key].change(dataset.space(phi1), dataset.space(phi2))
    changed = Dataset(
        name=f"{dataset.name}, {NEGATIVE_CONTROLS[key].title}",
        spaces={"phi1": first, "phi2": second},
        labels=dataset.labels,
        test_rows=dataset.test_rows,
    )
    config, solver = preset("fast", num_classes=num_classes, num_samples=dataset.num_samples)
    return discover(
        changed, phi1="phi1", phi2="phi2", config=config, solver=solver, seeds=seeds, refine="none", device=device,
        on_step=on_step,
    )  # fmt: skip
