"""Colours of samples by what came with the data and by other labelings."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.data.columns import Column, is_missing, kind_of
from hume.evaluation.differences import differences
from hume.reporting.maps.scene import Colour

NAMED = 50  # values of a column of text, the others share a colour
MOST_VALUES = 1_000  # beyond these a column names samples rather than kinds of them


def of_column(name: str, column: Column) -> Colour:
    """Colour samples by a column: numbers and dates by their size, text by its most frequent values.

    Raises InputError for text of more than 1,000 values.
    """
    kind = kind_of(column)
    if kind == "number":
        return Colour(name, values=column)
    if kind == "date":
        days = column.astype("datetime64[us]").astype(np.float64) / 86_400e6
        return Colour(name, values=np.where(np.isnat(column), np.nan, days), are_dates=True)
    missing = is_missing(column)
    values, numbers, counts = np.unique(column[~missing].astype(str), return_inverse=True, return_counts=True)
    if len(values) > MOST_VALUES:
        raise InputError(f"{name} has {len(values):,} values, too many to colour: choose another column")
    named = np.sort(np.argsort(-counts, kind="stable")[:NAMED])
    places = np.full(len(values), -1)
    places[named] = np.arange(len(named))
    classes = np.full(len(column), -1)
    classes[~missing] = places[numbers]
    others = len(values) - len(named)
    return Colour(name, classes, values[named].tolist(), rest=f"none or one of {others} others" if others else "none")


def of_labeling(
    title: str, labeling: NDArray[np.integer[Any]], found: NDArray[np.integer[Any]], names: Sequence[str]
) -> Colour:
    """Colour samples by another labeling (N,), its classes in the colours of the found ones (N,) they are matched to.

    names: of the found classes; matched ones have the same.
    """
    matched = differences(found, labeling)
    count = matched.num_second
    own = [names[k] if k < len(names) else f"Class {k}" for k in range(count)]
    return Colour(title, matched.second, own)
