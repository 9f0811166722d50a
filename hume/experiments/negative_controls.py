"""What the second space contributes: the same search where it contributes nothing.

A negative control is HUME's search on a pair without a second view of the samples: one space twice, the rows of φ2
permuted, noise in place of φ2. A pair that scores no better than these has found nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from hume.common.errors import InputError
from hume.data.dataset import Dataset, Space
from hume.data.space_rows import as_tensor
from hume.engine.config import preset
from hume.engine.search import Step
from hume.runs.discover import discover
from hume.runs.result import Result

STREAM = 20231106  # of the random numbers that replace or permute φ2
WITHOUT_PHI2 = ("shuffled", "noise")  # those in which φ2 holds nothing about the samples


@dataclass(frozen=True, kw_only=True)
class NegativeControl:
    """One way to take the second view out of a pair of spaces."""

    key: str
    title: str
    does: str  # one sentence
    change: Callable[[Space, Space], tuple[Space, Space]]


def _renamed(phi1: Space, phi2: Space) -> tuple[Space, Space]:
    """The same two spaces under names that differ."""
    return replace(phi1, name="phi1"), replace(phi2, name="phi2")


def _permuted(phi1: Space, phi2: Space) -> tuple[Space, Space]:
    rows = np.random.default_rng(STREAM).permutation(len(phi2.features))
    return _renamed(phi1, replace(phi2, features=as_tensor(phi2).numpy()[rows], path=None))


def _noise(phi1: Space, phi2: Space) -> tuple[Space, Space]:
    drawn = np.random.default_rng(STREAM).standard_normal(phi2.features.shape, np.float32)
    return _renamed(phi1, replace(phi2, features=drawn, path=None))


NEGATIVE_CONTROLS: Mapping[str, NegativeControl] = MappingProxyType(
    {
        control.key: control
        for control in (
            NegativeControl(
                key="only-phi1",
                title="φ1 twice",
                does="One space judges itself: whatever is easy in φ1 generalizes.",
                change=lambda phi1, _: _renamed(phi1, phi1),
            ),
            NegativeControl(
                key="only-phi2",
                title="φ2 twice",
                does="One space judges itself: whatever is easy in φ2 generalizes.",
                change=lambda _, phi2: _renamed(phi2, phi2),
            ),
            NegativeControl(
                key="shuffled",
                title="φ2 permuted",
                does="φ2 belongs to other samples: it predicts nothing of φ1.",
                change=_permuted,
            ),
            NegativeControl(
                key="noise",
                title="noise for φ2",
                does="φ2 holds random numbers: what it predicts is chance.",
                change=_noise,
            ),
        )
    }
)


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
    """Search a pair of spaces as one of `NEGATIVE_CONTROLS` changes it, with the `fast` preset, in memory.

    Raises InputError for an unknown control, or what the search refuses.
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
        changed, phi1="phi1", phi2="phi2", config=config, solver=solver, seeds=seeds, device=device, on_step=on_step
    )
