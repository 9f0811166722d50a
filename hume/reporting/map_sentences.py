"""Sentences about what a map shows and leaves out."""

from hume.common.formatting import count
from hume.reporting.maps import Map
from hume.reporting.maps.own import OwnMap


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
