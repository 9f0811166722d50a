"""Labels as people write them: which are missing, which are the same, and which names say that they are labels."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from hume.data.columns import MISSING

NEGATIVE = re.compile(r"-\d+(\.0*)?")  # as −1 for none
SIGNS = ({"-1", "1"}, {"-1", "+1"}, {"-", "+"})  # two classes, neither of them missing
LABEL_WORDS = frozenset(
    {"label", "labels", "target", "targets", "class", "classes", "category", "categories", "type", "types"}
    | {"celltype", "species", "truth"}
)
FORMS = frozenset({"id", "ids", "code", "codes", "name", "names", "index", "idx"})  # of a label, after its word


def cleaned(labels: Iterable[Any]) -> list[str | None]:
    """Labels as text in one Unicode form, without spaces around it; None where one is missing.

    Missing are None, NaN, empty text and its usual spellings (NA, n/a, null, …), and negative whole numbers, unless
    the labels are −1 and 1, or − and +, alone.
    """
    found = ["" if absent(label) else unicodedata.normalize("NFC", as_text(label)) for label in labels]
    texts = set(found)
    missing = {text for text in texts if text.lower() in MISSING or NEGATIVE.fullmatch(text)}
    signs = {text for text in texts if text == "-" or text.lower() not in MISSING}
    missing -= signs if signs in SIGNS else set()
    return [None if text in missing else text for text in found]


def not_imported(labels: Sequence[str | None], given: Sequence[Any], what: str) -> str | None:
    """A sentence that some of the labels are missing and how it is written; None where all or none are there."""
    missing = sum(label is None for label in labels)
    if missing in (0, len(labels)):
        return None
    written = spellings(labels, given)
    return f"Labels are not imported: {missing:,} of {len(labels):,} {what} have none{f' ({written})' * bool(written)}."


def spellings(labels: Sequence[str | None], given: Iterable[Any]) -> str:
    """How missing labels are written, as "'NA', '-1'"; "" where their cells are empty."""
    missing = {as_text(cell) for label, cell in zip(labels, given, strict=True) if label is None and not absent(cell)}
    return ", ".join(sorted(repr(cell) for cell in missing if cell)[:3])


def as_text(value: Any) -> str:
    """A label as text; whole numbers without a decimal point, which columns of integers with gaps have."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def absent(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or pandas' NA, none of which is equal to itself."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # of NA, which is neither true nor false
        return True


def is_label_name(name: str) -> bool:
    """Whether a column's name says that it is the ground truth, as y, label, fine_label, cell_type or class_id do."""
    if name.strip().casefold() == "y":
        return True
    words = [word for word in re.split(r"[^a-z]+", name.casefold()) if word]
    if len(words) > 1 and words[-1] in FORMS:
        words.pop()
    return bool(words) and words[-1] in LABEL_WORDS and words[0] not in ("n", "num", "number", "predicted")
