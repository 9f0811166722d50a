"""Sentences about pictures before they are imported; text without markup."""

from collections.abc import Mapping
from types import MappingProxyType

from hume.common.formatting import count
from hume.data.importers.folder_meaning import Meaning, Outcome
from hume.exchange.detection import DetectedFormat

SHOWN = 12  # classes
MEANINGS: Mapping[Meaning, str] = MappingProxyType(
    {"classes": "Classes", "split": "Train and test", "nothing": "Nothing"}
)


def outcome(found: Outcome, num_pictures: int, *, named: bool = True) -> str:
    """What comes in under one meaning of the folders; named: with the classes and their sizes."""
    text = count(num_pictures, "picture")
    if found.splits:
        text += f", {' and '.join(f'{number:,} {side}' for side, number in found.splits.items())}"
    if not found.classes:
        return f"{text}{', ' if found.splits else ' '}without labels."
    among = f"{text} in {count(len(found.classes), 'class', 'classes')}"
    if not named:
        return f"{among}."
    shown = [f"{label} {number:,}" for label, number in list(found.classes.items())[:SHOWN]]
    more = f" and {len(found.classes) - SHOWN:,} more" if len(found.classes) > SHOWN else ""
    return f"{among}: {', '.join(shown)}{more}."


def outcomes(detected: DetectedFormat) -> list[str]:
    """A line for every meaning that the folders can have, the one that is used first."""
    lines = []
    for i, each in enumerate(detected.outcomes):
        mark = "used" if i == 0 else f"or --folders {each.meaning}"
        text = outcome(each, len(detected.pictures))
        lines.append(f"folders mean {MEANINGS[each.meaning].lower()} ({mark}): {text}")
    return lines
