"""Sentences about the columns of the data, and about what a map shows and leaves out."""

from hume.common.formatting import count
from hume.data.columns import Columns, is_missing, kind_of
from hume.reporting.maps import Map
from hume.reporting.maps.own import OwnMap

KINDS = {"number": "numbers", "date": "dates", "text": "text"}


def columns(given: Columns) -> str:
    """What is known of every sample beside its class; empty where there is nothing."""
    parts = []
    for name, column in given.items():
        missing = int(is_missing(column).sum())
        parts.append(f"{name} ({KINDS[kind_of(column)]}{f', {missing:,} missing' if missing else ''})")
    return f"Columns: {', '.join(parts)}." if parts else ""


def sampled(made: Map) -> str:
    """That a map shows some of the samples."""
    return (
        f"This map shows {len(made.rows):,} random samples of {made.num_samples:,}, for which a layout is made in "
        "minutes. Neighbours and votes are those of all samples."
    )


def own(made: OwnMap) -> str:
    """What a map by two columns leaves out, and whether it tells samples apart; empty where there is nothing to say."""
    sentences = []
    if made.left_out:
        verb = "is" if made.left_out == 1 else "are"
        sentences.append(f"{count(made.left_out, 'sample')} without a number in one of the columns {verb} left out.")
    if made.is_one_place:
        sentences.append("All samples have the same place: choose other columns.")
    return " ".join(sentences)
