"""Sentences about the samples to look at first; text without markup."""

from hume.common.formatting import count, percent
from hume.evaluation.suspects import CONFIDENT, NEAR
from hume.runs.suspects import Kind, Suspects


def suspects(each: Suspects, kind: Kind) -> str:
    """How many samples a list has, and what puts them on it."""
    return {"label": _labels, "duplicate": _duplicates, "outlier": _outliers}[kind](each)


def _labels(each: Suspects) -> str:
    found, whose = each.suspect, "found" if each.which == "found" else "given"
    share = percent(len(found.rows) / max(1, found.num_judged))
    return (
        f"Doubted: {count(len(found.rows), f'{whose} label')} ({share}). For a classifier in both spaces, trained on "
        f"the other folds, another class is at least {CONFIDENT:.0f} times as probable. The clearest come first; where "
        "classes overlap, many further down need no change."
    )


def _duplicates(each: Suspects) -> str:
    found = each.duplicates
    same, differ = int(found.same_picture.sum()), int((each.labels[found.rows] != each.labels[found.others]).sum())
    text = (
        f"Nearly the same as an earlier sample: {len(found.rows):,}. In both spaces the two are closer than "
        f"{percent(NEAR, 0)} of the usual distance of nearest neighbours"
    )
    if same:
        text += f", or the pictures are equal ({same:,})"
    if differ:
        text += f". The {each.which} labels of {differ:,} differ from that sample's"
    return f"{text}."


def _outliers(each: Suspects) -> str:
    return (
        f"The {count(len(each.outliers), 'sample')} farthest from all found classes in both spaces. Some sample is "
        "always the farthest: look whether the first ones belong to the data at all."
    )
