"""The GPU script keeps what it measured, goes on where it stood, and says what is not as promised."""

import json

import pytest

from benchmarks.gpu import correctness
from benchmarks.gpu.result import Report, Result, Setup
from hume.common.errors import InputError

SMALL = Setup("cpu", small=True)


@pytest.mark.parametrize("part", [correctness.scores, correctness.refinement, correctness.neighbors])
def test_a_device_agrees_with_itself(part, monkeypatch):
    monkeypatch.setattr(correctness, "SEEDS", 2)
    monkeypatch.setattr(correctness, "SHORT", 5)
    assert part(SMALL).right is True


def test_a_report_goes_on_where_it_stood_and_says_what_is_wrong(tmp_path):
    path = tmp_path / "of" / "gpu.json"
    report = Report.open(path, "a card", SMALL)
    report.add("scores", Result({"apart": "0.2"}, False, "at most 0.1"), 1.25)
    report = Report.open(path, "a card", SMALL)
    report.add("pace", Result({"one": "1 s", "two": "2 s"}), 2)
    kept = json.loads(path.read_text())
    assert list(kept["parts"]) == ["scores", "pace"]
    assert kept["parts"]["scores"]["seconds"] == 1.2
    lines = path.with_suffix(".md").read_text().splitlines()
    assert lines[4:] == ["| scores | apart | 0.2 | NO: at most 0.1 |", "| pace | one | 1 s |  |", "|  | two | 2 s |  |"]
    with pytest.raises(InputError, match="another machine or size"):
        Report.open(path, "another card", SMALL)
