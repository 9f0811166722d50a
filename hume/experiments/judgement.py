"""The judgement of a run as it is kept in the run's folder: a verdict and its evidence, read without computing.

trust-<view>.json   verdict, evidence and the agreement of neighbours; view: refined or searched

It is of no more use once the run is scored again or the rule has changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from hume.common.json_files import read_json
from hume.evaluation.metrics import Correlation
from hume.runs.request import View
from hume.runs.run import Run

Verdict = Literal["reliable", "unclear", "not reliable"]
Subject = Literal["ranking", "labeling"]  # what a verdict is about
Direction: TypeAlias = Literal["for", "doubt", "against", "neither"]
Kind: TypeAlias = Literal[
    "few seeds", "equal scores", "scores", "failed seeds", "single seed", "agreement", "all classes", "empty classes",
    "less even", "as even", "at chance", "above chance", "incomparable controls", "as good as control", "control",
    "no phi1 score", "phi1 unranked", "opposite in phi1", "same in phi1", "unrelated in phi1", "others unranked",
    "shared less", "shared more", "shared alike",
    "likelihoods", "one mode", "split voters", "close modes", "likeliest mode", "neighbors unranked",
    "opposite by neighbors", "same by neighbors", "unrelated by neighbors", "scores unranked", "worse in both",
    "better in both", "scores apart", "at chance in phi1", "at chance in phi2", "one view", "two views",
]  # fmt: skip

SUBJECTS: Mapping[View, Subject] = MappingProxyType({"searched": "ranking", "refined": "labeling"})
LEAST_SEEDS = 10  # with fewer the ends of an interval mean nothing
RULE = 1  # changes with the rule


@dataclass(frozen=True)
class Evidence:
    """The result of one test, and whether it supports the ranking of the seeds."""

    key: str  # what is tested
    kind: Kind  # the result
    supports: Direction
    values: Mapping[str, float] = field(default_factory=dict)
    correlation: Correlation | None = None  # of ranks over the seeds


@dataclass(frozen=True, eq=False, kw_only=True)
class Judgement:
    """A verdict and the evidence for it; computed without ground truth."""

    verdict: Verdict
    about: Subject
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Kept:
    """The file of a judgement."""

    scored: list[Any]
    verdict: Verdict
    about: Subject
    evidence: tuple[Evidence, ...]
    neighbor_agreement: list[float] | None
    shared_neighbors: float | None


def read(run: Run, view: View) -> Judgement | None:
    """The judgement of a run's view so far; None where there is none that is still of use."""
    known = kept(run, view)
    return None if known is None else Judgement(verdict=known.verdict, about=known.about, evidence=known.evidence)


def kept(run: Run, view: View) -> Kept | None:
    """What is on disk, if it is of these scores and this rule."""
    try:
        known = read_json(run.folder / name(view), Kept)
    except (FileNotFoundError, ValueError):
        return None
    return known if known.scored == scored(run) else None


def name(view: View) -> str:
    """The file of a view's judgement in the run's folder."""
    return f"trust-{view}.json"


def scored(run: Run) -> list[Any]:
    """What a judgement depends on: the rule, the seeds and when they were scored."""
    values = run.scores()
    return [RULE, len(values["seeds"]), values.get("finished")]
