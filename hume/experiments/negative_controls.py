"""Negative controls: the same search where the second space contributes nothing.

A negative control is HUME's search on a pair without a second view of the samples: one space twice, the rows of φ2
permuted, noise in place of φ2. A pair that scores no better than these gives no evidence for its labelings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from hume.data.dataset import Space

STREAM = 20231106  # of the random numbers that replace or permute φ2
WITHOUT_PHI2 = ("shuffled", "noise")  # those in which φ2 has no information on the samples


@dataclass(frozen=True, kw_only=True)
class NegativeControl:
    """One way to remove the second view from a pair of spaces."""

    key: str
    title: str
    does: str  # one sentence
    change: Callable[[Space, Space], tuple[Space, Space]]


def _renamed(phi1: Space, phi2: Space) -> tuple[Space, Space]:
    """The same two spaces under names that differ."""
    return replace(phi1, name="phi1"), replace(phi2, name="phi2")


def _permuted(phi1: Space, phi2: Space) -> tuple[Space, Space]:
    rows = np.random.default_rng(STREAM).permutation(len(phi2.features))
    return _renamed(phi1, replace(phi2, features=np.asarray(phi2.features, np.float32)[rows], path=None))


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
                does="φ1 takes the place of φ2: every labeling that is easy in φ1 scores well.",
                change=lambda phi1, _: _renamed(phi1, phi1),
            ),
            NegativeControl(
                key="only-phi2",
                title="φ2 twice",
                does="φ2 takes the place of φ1: every labeling that is easy in φ2 scores well.",
                change=lambda _, phi2: _renamed(phi2, phi2),
            ),
            NegativeControl(
                key="shuffled",
                title="φ2 permuted",
                does="The rows of φ2 belong to other samples: its predictions are chance.",
                change=_permuted,
            ),
            NegativeControl(
                key="noise",
                title="noise for φ2",
                does="φ2 holds random numbers: its predictions are chance.",
                change=_noise,
            ),
        )
    }
)
