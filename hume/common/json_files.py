"""JSON files, checked against a type when they are read: what is damaged is told in a few words and goes no further.

A type is a TypedDict or a dataclass, made of such and of plain types; a dataclass checks its own values. Numbers are
finite and text is UTF-8. Entries that a TypedDict does not name are kept, those that a dataclass does not have are
refused.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, is_typeddict

import msgspec

from hume.common.files import regular

T = TypeVar("T")

MOST_BYTES = 2**28


def read_json(path: Path, kind: type[T]) -> T:
    """The content of a JSON file, as that type.

    Raises FileNotFoundError when there is none, ValueError with the reason for a damaged one.
    """
    try:
        if regular(path).stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES >> 20} MiB")
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from None
    return parse_json(content, kind)


def parse_json(content: bytes | str, kind: type[T]) -> T:
    """JSON as that type; raises ValueError with the reason when it is not."""
    try:
        values = msgspec.json.decode(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except msgspec.DecodeError as error:
        if "surrogate" not in str(error):
            raise ValueError(_reason(error)) from None
        values = _with_half_characters(content)
    return checked(values, kind)


def _with_half_characters(content: bytes | str) -> Any:
    """JSON whose text has halves of characters, as names of files may have; otherwise as strict."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number")

    try:
        return json.loads(content, parse_constant=refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def checked(values: Any, kind: type[T], at: str = "", *, of_text: bool = False) -> T:
    """Plain values as that type; raises ValueError with the reason, and where, when they are not.

    at: the name of these values in their file. of_text: numbers and truth values are given as text.
    """
    try:
        converted = msgspec.convert(values, kind, strict=not of_text, str_keys=True)
    except msgspec.ValidationError as error:
        raise ValueError(_reason(error, at)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if is_dataclass(kind) and isinstance(values, Mapping):
        unknown = sorted(values.keys() - {field.name for field in fields(kind)})
        if unknown:
            raise ValueError(f"Unknown entry {unknown[0]!r}{f' at {at}' if at else ''}")
    kept: T = values if is_typeddict(kind) and not of_text else converted
    return kept


def _reason(error: msgspec.DecodeError, at: str = "") -> str:
    text, _, where = str(error).replace("`", "").partition(" - at $")
    text = "it is cut short" if "truncated" in text else text
    where = f"{at}{where}".lstrip(".")
    return f"{text} at {where}" if where else text
