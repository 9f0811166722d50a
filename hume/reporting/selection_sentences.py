"""Sentences about selected samples: their classes, the filters that chose them, how many are listed."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from hume.common.formatting import count
from hume.runs.history import Step
from hume.runs.sample_table import ANYWHERE, Filter

NAMED = 4  # classes that are named where there are more


def composition(classes: NDArray[np.int64], names: Sequence[str]) -> str:
    """How many samples of each class there are, the largest first; the smallest of many together: all add up."""
    sizes = np.bincount(classes, minlength=len(names))
    order = [int(k) for k in np.argsort(-sizes, kind="stable") if sizes[k]]
    named = order if len(order) <= NAMED + 1 else order[:NAMED]
    parts = [f"{sizes[k]:,} {names[k]}" for k in named]
    rest = order[len(named) :]
    if rest:
        parts.append(f"{int(sizes[rest].sum()):,} in {len(rest)} other classes")
    return ", ".join(parts)


def filters(asked: Iterable[Filter]) -> str:
    """What samples must have to be selected."""
    return "; ".join(map(_filter, asked))


def _filter(asked: Filter) -> str:
    parts = []
    if asked.low is not None and asked.high is not None:
        parts.append(f"{_bound(asked.low)} to {_bound(asked.high)}")
    elif asked.low is not None:
        parts.append(f"at least {_bound(asked.low)}")
    elif asked.high is not None:
        parts.append(f"at most {_bound(asked.high)}")
    if asked.values:
        parts.append(" or ".join(value or "missing" for value in asked.values))
    if asked.text:
        parts.append(f"has “{asked.text}”")
    return f"{'any column' if asked.column == ANYWHERE else asked.column} {', '.join(parts)}"


def _bound(value: float | str) -> str:
    return str(value) if isinstance(value, str) else f"{value:.4g}"


def listed(number: int, of: int, per_page: int) -> str:
    """How many samples a table lists."""
    text = f"{count(number, 'sample')} of {of:,}" if number < of else f"All {count(of, 'sample')}"
    return f"{text}, {per_page:,} a page; a heading sorts the page." if number > per_page else f"{text}."


def step(what: Step) -> str:
    """One step of the selections."""
    match what["kind"]:
        case "keep":
            return f"{count(len(what['rows']), 'sample')} kept as {what['name']}"
        case "add":
            return f"{count(len(what['rows']), 'sample')} added to {what['name']}"
        case "rename":
            return f"{what['name']} renamed {what['new']}"
    return f"{what['name']} deleted"
