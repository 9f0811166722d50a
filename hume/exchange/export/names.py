"""Class names that users typed, as names of folders and as values of a list of choices."""

import re
import unicodedata
from collections.abc import Sequence

from hume.exchange.export.labeled_index import one_line

LONGEST = 40  # characters of a class name in a folder's name; at four bytes each below the limit of file systems


def choices(names: Sequence[str]) -> list[str]:
    """Make names (K,) unique and not empty, for programs that identify a class by its name.

    A name without a visible character becomes "class 3", a name that two classes share gets its number: "bag (3)".
    """
    lines = [one_line(name) or f"class {k}" for k, name in enumerate(names)]
    shared = {line for line in lines if lines.count(line) > 1}
    taken = set(lines)
    for k, line in enumerate(lines):
        name = line
        while line in shared and name in taken:
            name = f"{name} ({k})"
        taken.add(name)
        lines[k] = name
    return lines


def folders(names: Sequence[str]) -> list[str]:
    """Name a folder for each of the K classes so that their alphabetical order is the order of their numbers.

    "03-sneaker": the number makes the name unique on every file system, also without case, and different from the
    names that Windows reserves. Letters of any script stay; all else becomes a dash. Names are cut to 40 characters.
    """
    width = max(2, len(str(len(names) - 1)))
    return [f"{k:0{width}}-{word}".rstrip("-") for k, word in enumerate(map(plain, names))]


def plain(name: str) -> str:
    """The letters, digits, dots and dashes of a name, at most 40 characters; may be empty."""
    known = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", one_line(name)))
    return re.sub(r"-{2,}", "-", known).strip("-._")[:LONGEST].rstrip("-._")
