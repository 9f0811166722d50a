"""The methods that are compared: HUME, its negative controls, the baselines, and baselines followed by a refinement."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from hume.experiments.baselines.catalogue import BASELINES
from hume.experiments.negative_controls import NEGATIVE_CONTROLS

Kind = Literal["hume", "answered", "control", "baseline", "supervised"]

HUME = "hume-refined"  # what a run offers
AS_IN_PAPER = "hume"  # the vote of all searched labelings
FIRST = (HUME, "shuffled", "kmeans-both")  # what a reader would run first
REFINED = ("kmeans-both", "gmm-both")  # the baselines that are refined, too


@dataclass(frozen=True, kw_only=True)
class Method:
    """One line of a comparison."""

    key: str
    title: str
    kind: Kind
    does: str  # one sentence
    source: str
    left_out: str
    num_seeds: int
    quick_seeds: int
    refines: str | None = None  # the method whose labelings are refined


_SOURCE = "Gadetsky and Brbić (NeurIPS 2023); the preset `fast` of this project"


def _methods() -> Iterator[Method]:
    yield Method(
        key=HUME,
        title="HUME",
        kind="hume",
        does="Searches for the labeling, linear in φ1, that a classifier in φ2 predicts best, refines every seed in "
        "both spaces at once, lets the most likely fifth vote and refines the vote.",
        source=f"{_SOURCE}, with its choice of how even classes are kept",
        left_out="nothing",
        num_seeds=100,
        quick_seeds=100,
    )
    yield Method(
        key=AS_IN_PAPER,
        title="HUME as in the paper",
        kind="hume",
        does="The same search for classes of equal size; all seeds vote and no labeling is refined.",
        source=_SOURCE,
        left_out="nothing",
        num_seeds=100,
        quick_seeds=100,
    )
    for control in NEGATIVE_CONTROLS.values():
        yield Method(
            key=control.key,
            title=f"negative control: {control.title}",
            kind="control",
            does=control.does,
            source="HUME's search on a pair without a second view",
            left_out="nothing",
            num_seeds=100,
            quick_seeds=20,
        )
    for baseline in BASELINES.values():
        yield Method(
            key=baseline.key,
            title=baseline.title,
            kind="supervised" if baseline.needs_labels else "baseline",
            does=baseline.does,
            source=baseline.source,
            left_out=baseline.left_out,
            num_seeds=baseline.num_seeds,
            quick_seeds=baseline.quick_seeds,
        )
        if baseline.key in REFINED:
            yield Method(
                key=f"{baseline.key}-refined",
                title=f"{baseline.title}, refined",
                kind="baseline",
                does=f"Refines every labeling of {baseline.title} as HUME's are; the most likely fifth vote, and the "
                "vote is refined.",
                source=f"{baseline.source}; HUME's refinement",
                left_out=baseline.left_out,
                num_seeds=baseline.num_seeds,
                quick_seeds=baseline.quick_seeds,
                refines=baseline.key,
            )


METHODS: Mapping[str, Method] = MappingProxyType({method.key: method for method in _methods()})
