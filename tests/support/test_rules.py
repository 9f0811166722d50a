"""One test for many cases reports every case that fails."""

import pytest

from tests.support.rules import cases


def test_every_case_that_breaks_a_rule_is_reported(tmp_path):
    @cases("number, word", [(1, "a"), (2, "b"), (3, "a")])
    def rule(tmp_path, number, word):
        (tmp_path / "new").mkdir()
        with pytest.raises(ValueError, match="odd"):
            raise ValueError("odd" if number != 1 else "even")
        assert word == "b"

    with pytest.raises(BaseExceptionGroup, match="2 of 3 cases") as failed:
        rule(tmp_path=tmp_path)
    notes = [error.__notes__ for error in failed.value.exceptions]
    assert notes == [["case 0: {'number': 1, 'word': 'a'}"], ["case 2: {'number': 3, 'word': 'a'}"]]
