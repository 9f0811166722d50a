"""The scores of a run on disk: scores.json, checked when it is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Required, TypedDict, cast

from hume.common.json_files import checked, read_json

BY_SEED = ("cv_score", "acc", "ari", "nmi")


class Agreement(TypedDict):
    """With the ground truth; None without it."""

    acc: float | None
    ari: float | None
    nmi: float | None


class Correlation(TypedDict):
    """Of what ranks the seeds with their accuracy; None where there is none."""

    r: float | None
    p: float | None
    low: float | None
    high: float | None
    n: int | None


class OfSeeds(TypedDict):
    """The scores of the seeds that are named, in their order."""

    seeds: list[int]
    cv_score: list[float]
    acc: list[float] | None
    ari: list[float] | None
    nmi: list[float] | None


class Scores(OfSeeds, total=False):
    """What `hume.runs.result.summary` makes, and the seconds, the device and the time."""

    objective: Required[list[float | None]]
    vote: Required[Agreement]
    searched_vote: Agreement
    correlation: Required[Correlation]
    refined: OfSeeds | None
    likelihood: list[float | None] | None
    likelihood_correlation: Correlation
    not_refined: str | None
    seconds: Required[float]
    search_seconds: float
    score_seconds: float
    refine_seconds: float
    device: Required[str]
    precision: str | None
    finished: str


class RefinedScores(TypedDict):
    """What the scores of a refined run have."""

    likelihood: list[float | None]
    likelihood_correlation: Correlation
    searched_vote: Agreement
    refine_seconds: float


def read_scores(path: Path) -> dict[str, Any]:
    """The content of scores.json.

    Raises FileNotFoundError when there is none, ValueError with the reason for a damaged one.
    """
    values = cast(dict[str, Any], read_json(path, Scores))
    refined = values.get("refined")
    if refined is not None:
        checked(values, RefinedScores)
    number, truth = len(values["seeds"]), values["vote"]["acc"] is not None
    columns = {name: values[name] for name in (*BY_SEED, "objective")}
    if values.get("likelihood") is not None:
        columns["likelihood"] = values["likelihood"]
    _check_lengths(columns, number)
    if refined is not None:
        _check_lengths({f"refined.{name}": refined[name] for name in BY_SEED}, len(refined["seeds"]))
        if sum(value is not None for value in values["likelihood"]) != len(refined["seeds"]):
            raise ValueError("likelihood and refined.seeds name other seeds")
    for each in (values, refined or values):
        if {each[name] is not None for name in ("acc", "ari", "nmi")} != {truth}:
            raise ValueError("some of acc, ari and nmi are missing")
    for name in ("vote", "searched_vote", "correlation", "likelihood_correlation"):
        _check_whole(values.get(name, {}), name)
    return values


def _check_lengths(columns: Mapping[str, list[Any] | None], number: int) -> None:
    for name, column in columns.items():
        if column is not None and len(column) != number:
            raise ValueError(f"{name} has {len(column)} values for {number} seeds")


def _check_whole(values: Mapping[str, float | None], name: str) -> None:
    if len({value is None for value in values.values()}) > 1:
        raise ValueError(f"{name} has some of its values only")
