"""JSON is taken for what its type says, or refused with the reason and the place."""

import os
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pytest

from hume.common.json_files import checked, parse_json, read_json
from tests.support.hostile_homes import TORN
from tests.support.rules import cases


@dataclass(frozen=True)
class Step:
    size: float
    at: tuple[int, ...] = ()

    def __post_init__(self):
        if self.size < 0:
            raise ValueError("size must not be negative")


class Tags(TypedDict):
    name: str
    share: NotRequired[float | None]
    rows: NotRequired[dict[int, int]]


def test_what_fits_is_read():
    assert parse_json('{"size": 1, "at": [2, 3]}', Step) == Step(1.0, (2, 3))
    assert parse_json('{"name": "a", "more": [1]}', Tags) == {"name": "a", "more": [1]}
    assert parse_json('{"name": "a", "rows": {"3": 4}}', Tags)["name"] == "a"
    assert checked({"name": "a", "share": "0.5"}, Tags, of_text=True) == {"name": "a", "share": 0.5}


@cases(
    "kind, text, told",
    [
        (Step, '{"size": "1"}', "Expected float, got str at size"),
        (Step, '{"size": true}', "Expected float, got bool at size"),
        (Step, '{"size": -1}', "size must not be negative"),
        (Step, '{"size": 1, "at": [1, 2.5]}', r"Expected int, got float at at\[1\]"),
        (Step, '{"size": 1, "colour": 2}', "Unknown entry 'colour'"),
        (Step, "{}", "missing required field size"),
        (Step, f'{{"size": 1, "at": [{"9" * 5000}]}}', "out of range"),
        (Tags, '{"name": null}', "Expected str, got null at name"),
        (Tags, '{"name": "a", "share": NaN}', "malformed"),
        (Tags, '{"name": "a", "share": 1e999}', "out of range"),
        (Tags, '{"name": "a", "rows": [1]}', "Expected object, got array at rows"),
        (Tags, '[{"name": "a"}]', "Expected object, got array"),
        (Tags, b'{"name": "\xff"}', "UTF-8"),
        (Tags, "[" * 100_000, "too deeply"),
        (Tags, "", "cut short"),
        (Tags, '{"name": "a"', "cut short"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_place(kind, text, told):
    with pytest.raises(ValueError, match=told):
        parse_json(text, kind)


def test_files_that_are_none_are_refused_without_waiting(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "nothing.json", Tags)
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    for path in (tmp_path, tmp_path / "pipe.json", tmp_path / "loop.json"):
        with pytest.raises(ValueError, match=r"pipe|symbolic links"):
            read_json(path, Tags)
    for content in TORN:
        (tmp_path / "torn.json").write_bytes(content)
        with pytest.raises(ValueError, match=r"\w"):
            read_json(tmp_path / "torn.json", Tags)
