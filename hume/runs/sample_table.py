"""All samples of a run as one table: what was found of each beside every column that came with the data.

A filter is a record, so that it can be kept in a link, and a selection: of the samples that pass.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hume.common.once import once
from hume.evaluation.ensemble import vote_counts
from hume.evaluation.reliable import ReliabilityRanking
from hume.runs.findings import Findings

if TYPE_CHECKING:
    import pandas as pd

Kind: TypeAlias = Literal["number", "date", "values", "text"]
FOUND, FILE, TRUE, ANYWHERE = "found class", "file", "true class", ""  # the last is no column: the words of all
MOST_VALUES = 50  # different ones, to choose from; a column of more is searched as text
BLOCK = 10_000_000  # votes of rows by classes that are counted at once
_MOST_LINK = 20  # filters read from a link


@dataclass(frozen=True)
class Filter:
    """What a column must have: a number or ISO date from low to high, one of some values, or a piece of text."""

    column: str  # ANYWHERE for text in any column
    low: float | str | None = None
    high: float | str | None = None
    values: tuple[str, ...] = ()
    text: str = ""

    @property
    def says_nothing(self) -> bool:
        """Whether every sample passes."""
        return self.low is None and self.high is None and not self.values and not self.text


@dataclass(frozen=True, eq=False)
class SampleTable:
    """N samples, the index of `frame` their numbers; its columns hold numbers, dates, categories or text."""

    frame: "pd.DataFrame"

    @once
    def kinds(self) -> dict[str, Kind]:
        """How each column is filtered."""
        return {name: _kind(self.frame[name]) for name in self.frame}

    def bounds(self, column: str) -> tuple[Any, Any]:
        """The least and the largest number or date of a column; both missing where it has none."""
        return self.frame[column].min(), self.frame[column].max()

    def values(self, column: str) -> list[str]:
        """What a column of values has, in its order."""
        values: list[str] = self.frame[column].cat.categories.tolist()
        return values

    def known(self, filters: Iterable[Filter]) -> tuple[Filter, ...]:
        """The filters that say something of a column that there is."""
        return tuple(
            each for each in filters if not each.says_nothing and each.column in ({ANYWHERE} | self.kinds.keys())
        )

    def passing(self, filters: Iterable[Filter]) -> NDArray[np.int64]:
        """(R,) the samples that pass all filters, ascending; a missing number or date passes none of its column."""
        kept = np.ones(len(self.frame), np.bool_)
        for each in self.known(filters):
            kept &= self._passes(each)
        return np.flatnonzero(kept)

    def ordered(self, rows: NDArray[np.int64], column: str, *, descending: bool = False) -> NDArray[np.int64]:
        """Samples in the order of a column, missing ones last, equal ones as they are."""
        cells = self.frame[column].iloc[rows].reset_index(drop=True)
        if self.kinds[column] == "text":
            cells = cells.astype(str)
        order: NDArray[np.int64] = rows[cells.sort_values(ascending=not descending, kind="stable").index.to_numpy()]
        return order

    def _passes(self, asked: Filter) -> NDArray[np.bool_]:
        if asked.column == ANYWHERE:
            kept = np.zeros(len(self.frame), np.bool_)
            for name, kind in self.kinds.items():
                if kind in ("values", "text"):
                    kept |= self._has(name, asked.text)
            return kept
        column, kept = self.frame[asked.column], np.ones(len(self.frame), np.bool_)
        if asked.values:
            kept &= column.isin(list(asked.values)).to_numpy()
        if asked.text:
            kept &= self._has(asked.column, asked.text)
        kind = self.kinds[asked.column]
        if kind in ("number", "date"):
            low, high = (_bound(value, kind) for value in (asked.low, asked.high))
            kept &= True if low is None else (column >= low).to_numpy()
            kept &= True if high is None else (column <= high).to_numpy()
        return kept

    def _has(self, name: str, text: str) -> NDArray[np.bool_]:
        """Whether the cells of a column have a piece of text, in capitals or not."""
        column = self.frame[name]
        if self.kinds[name] == "values":
            having = [value for value in self.values(name) if text.casefold() in value.casefold()]
            return np.asarray(column.isin(having))
        return np.asarray(column.astype(str).str.contains(text, case=False, regex=False), np.bool_)


def sample_table(
    found: Findings,
    names: Sequence[str],
    *,
    truth: bool,
    files: Sequence[str] | None,
    ranking: ReliabilityRanking | None = None,
) -> SampleTable:
    """All samples: found class, its evidence, file, then the columns of the data.

    names: (K,) of the classes. truth: with the true classes, where there are some. files: as they may be shown.
    ranking: of all samples, for the agreement of neighbours.
    """
    import pandas as pd

    vote, dataset = found.vote, found.dataset
    columns: dict[str, Any] = {FOUND: pd.Categorical.from_codes(vote.labeling, _distinct(names))}
    if found.confidence is not None:
        columns["probability"] = found.confidence.astype(np.float64)
    columns |= {"vote share": vote.share, "vote margin": vote_margin(vote.aligned, vote.labeling, vote.num_classes)}
    if ranking is not None and len(ranking.labeling) == dataset.num_samples:
        columns["neighbour agreement"] = ranking.neighbor_share
    if found.review is not None:
        columns["source"] = pd.Categorical(found.source)
    if truth and dataset.labels is not None and found.right is not None:
        columns[TRUE] = pd.Categorical.from_codes(dataset.labels, _distinct(found.true_names))
        columns["right"] = pd.Categorical(np.where(found.right, "yes", "no"))
    if files is not None:
        columns[FILE] = np.array(files, object)
    for name, values in pd.DataFrame(dataset.columns).items():
        columns[f"{name} (data)" if name in columns else str(name)] = _tidy(values)
    return SampleTable(pd.DataFrame(columns))


def vote_margin(
    aligned: NDArray[np.integer[Any]], labeling: NDArray[np.integer[Any]], num_classes: int
) -> NDArray[np.float64]:
    """(N,) the share of votes (S, N) for each sample's class minus that for the strongest other one, −1 to 1."""
    margin = np.empty(len(labeling))
    size = max(1, BLOCK // num_classes)
    for start in range(0, len(labeling), size):
        rows = slice(start, start + size)
        counts = vote_counts(aligned[:, rows], num_classes).astype(np.int32)
        every, own = np.arange(len(counts)), labeling[rows]
        votes = counts[every, own].copy()
        counts[every, own] = -1
        margin[rows] = (votes - np.maximum(counts.max(1), 0)) / len(aligned)
    return margin


def written(filters: Iterable[Filter]) -> str:
    """Filters as text for a link."""
    records = [{key: value for key, value in asdict(each).items() if value not in (None, (), "")} for each in filters]
    return json.dumps(records, ensure_ascii=False, separators=(",", ":")) if records else ""


def read(text: str) -> tuple[Filter, ...]:
    """The filters of a link; what is none is left out."""
    try:
        records = json.loads(text) if text else []
    except (ValueError, RecursionError):
        return ()
    found = map(_filter, records[:_MOST_LINK] if isinstance(records, list) else ())
    return tuple(each for each in found if each is not None)


def _filter(record: Any) -> Filter | None:
    if not isinstance(record, dict):
        return None
    column, text, values = record.get("column", ANYWHERE), record.get("text", ""), record.get("values", [])
    bounds = [record.get("low"), record.get("high")]
    plain = all(bound is None or (isinstance(bound, str | int | float) and bound == bound) for bound in bounds)
    if not (isinstance(column, str) and isinstance(text, str) and isinstance(values, list) and plain):
        return None
    return Filter(column, bounds[0], bounds[1], tuple(map(str, values)), text)


def _bound(value: float | str | None, kind: Kind) -> Any:
    """A bound as the column has it; None where it is none of that kind."""
    import pandas as pd

    if value is None:
        return None
    try:
        if kind == "number":
            return float(value)
        date = pd.Timestamp(value)
        return date if date.tzinfo is None else date.tz_convert(None)
    except (ValueError, TypeError, OverflowError):
        return None


def _kind(column: "pd.Series[Any]") -> Kind:
    if column.dtype.kind == "M":
        return "date"
    if isinstance(column.dtype.kind, str) and column.dtype.kind in "iuf":
        return "number"
    return "values" if hasattr(column, "cat") else "text"


def _tidy(column: "pd.Series[Any]") -> Any:
    """A column as numbers, dates without a zone, categories or text, whatever it holds; what is missing is empty."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column.dtype):
        column = column.map({True: "yes", False: "no"})
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype(np.float64) if column.dtype.kind != "i" else column
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.dt.tz_convert(None) if column.dt.tz is not None else column
    text = column.astype(object).where(column.notna(), "").map(str)
    return text.astype("category") if text.nunique() <= MOST_VALUES else text


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that tell classes apart, those that several have with the number of the class."""
    return [f"{name} ({k})" if list(names).count(name) > 1 else name for k, name in enumerate(names)]
