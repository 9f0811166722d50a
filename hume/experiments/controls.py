"""What the second space buys: the same search where it can buy nothing.

A control is HUME's search on a pair that was changed on purpose: one space twice, the rows of φ2 in
another order, noise in place of φ2. A pair that finds no more than these finds nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from hume.common.errors import InputError
from hume.data.dataset import Dataset, Space
from hume.data.space_rows import as_tensor
from hume.engine.config import Config, preset
from hume.engine.inner import InnerSolver
from hume.engine.search import Step
from hume.runs.discover import discover
from hume.runs.result import Result

STREAM = 20231106  # of the random numbers that spoil a space


@dataclass(frozen=True, kw_only=True)
class Control:
    """One way to spoil a pair of spaces."""

    key: str
    title: str
    says: str  # what it tells, one sentence
    spoil: Callable[[Space, Space], tuple[Space, Space]]


def _renamed(phi1: Space, phi2: Space) -> tuple[Space, Space]:
    """The same two spaces under names that differ."""
    return replace(phi1, name="phi1"), replace(phi2, name="phi2")


def _shuffled(phi1: Space, phi2: Space) -> tuple[Space, Space]:
    rows = np.random.default_rng(STREAM).permutation(len(phi2.features))
    return _renamed(phi1, replace(phi2, features=as_tensor(phi2).numpy()[rows], path=None))


def _noise(phi1: Space, phi2: Space) -> tuple[Space, Space]:
    drawn = np.random.default_rng(STREAM).standard_normal(phi2.features.shape, np.float32)
    return _renamed(phi1, replace(phi2, features=drawn, path=None))


CONTROLS: Mapping[str, Control] = MappingProxyType(
    {
        control.key: control
        for control in (
            Control(
                key="only-phi1",
                title="φ1 twice",
                says="One space judges itself: whatever is easy in φ1 generalizes.",
                spoil=lambda phi1, _: _renamed(phi1, phi1),
            ),
            Control(
                key="only-phi2",
                title="φ2 twice",
                says="One space judges itself: whatever is easy in φ2 generalizes.",
                spoil=lambda _, phi2: _renamed(phi2, phi2),
            ),
            Control(
                key="shuffled",
                title="φ2's rows shuffled",
                says="φ2 belongs to other samples: nothing of φ1 can be foretold from it.",
                spoil=_shuffled,
            ),
            Control(
                key="noise",
                title="noise for φ2",
                says="φ2 holds random numbers: what is foretold from it is chance.",
                spoil=_noise,
            ),
        )
    }
)


def run_control(
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
    """Search a pair of spaces that a control of `CONTROLS` has spoiled, with the `fast` preset, in memory.

    Raises InputError for an unknown control, or what the search refuses.
    """
    if key not in CONTROLS:
        raise InputError(f"there is no control {key!r}: choose one of {', '.join(CONTROLS)}")
    first, second = CONTROLS[key].spoil(dataset.space(phi1), dataset.space(phi2))
    spoiled = Dataset(
        name=f"{dataset.name}, {CONTROLS[key].title}",
        spaces={"phi1": first, "phi2": second},
        labels=dataset.labels,
        test_rows=dataset.test_rows,
    )
    config, solver = _settings(dataset, num_classes)
    return discover(
        spoiled, phi1="phi1", phi2="phi2", config=config, solver=solver, seeds=seeds, device=device, on_step=on_step
    )


def run_pair(
    dataset: Dataset,
    phi1: str,
    phi2: str,
    *,
    num_classes: int,
    seeds: Sequence[int] = range(100),
    device: str = "cpu",
    on_step: Callable[[Step], None] | None = None,
) -> Result:
    """Search a pair of spaces as it is, with the `fast` preset, in memory: what the controls stand beside."""
    config, solver = _settings(dataset, num_classes)
    return discover(
        dataset, phi1=phi1, phi2=phi2, config=config, solver=solver, seeds=seeds, device=device, on_step=on_step
    )


def _settings(dataset: Dataset, num_classes: int) -> tuple[Config, InnerSolver]:
    return preset("fast", num_classes=num_classes, num_samples=dataset.num_samples)
