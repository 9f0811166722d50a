"""Words, names and numbers as the pages show them, and what is said when something goes wrong."""

import logging
import string

import pytest
from streamlit.testing.v1 import AppTest

from hume.common.errors import InputError, RunError
from pages._state import errors
from pages._widgets import plots
from tests.support.rules import cases


@cases(
    ("seconds", "words"),
    [
        (0, "1 s"), (0.2, "1 s"), (1.4, "1 s"), (7.6, "8 s"), (9.6, "10 s"), (12, "10 s"), (13, "15 s"), (88, "90 s"),
        (90, "2 min"), (119, "2 min"), (3600, "60 min"), (5400, "1.5 h"), (36_000, "10.0 h"), (172_800, "2.0 days"),
        (10_000_000, "115.7 days"),
    ],
)  # fmt: skip
def test_seconds_are_said_no_finer_than_they_are_known(seconds, words):
    assert plots.duration(seconds) == words


@cases(
    ("num_bytes", "words"),
    [(0, "1 MiB"), (2**20, "1 MiB"), (2.5 * 2**20, "2 MiB"), (1023 * 2**20, "1023 MiB"), (2**30, "1.0 GiB"),
     (2.26 * 2**30, "2.3 GiB")],
)  # fmt: skip
def test_bytes_are_said_in_words(num_bytes, words):
    assert plots.size(num_bytes) == words


def test_no_mark_of_markdown_survives():
    for mark in "\\`*_{}[]()#+-.!|<>~$:&":
        assert plots.plain(f"a{mark}b") == f"a\\{mark}b"
    assert plots.plain("<b>") == r"\<b\>"


def test_letters_digits_and_other_scripts_stay_as_they_are():
    text = f"{string.ascii_letters}{string.digits} ä 鳥 'quoted', \"so\" 5%/2=?;@^"
    assert plots.plain(text) == text


@cases(
    ("points", "numbers"),
    [
        ([], []),
        ([{"customdata": [3]}, {"customdata": 5}, {"customdata": [[7, "x"]]}, {"customdata": (9,)}], [3, 5, 7, 9]),
        ([{"customdata": 4}, {"customdata": [4.0]}, {"customdata": 1}], [4, 1]),
        ([{}, {"customdata": None}, {"customdata": []}, {"customdata": [[]]}, {"customdata": "8"}, {"x": 2}], []),
    ],
)
def test_selected_points_are_known_by_the_numbers_they_carry(points, numbers):
    assert plots.ids(points) == numbers


@cases(
    ("text", "number"),
    [("0", 0), ("007", 7), ("999999999", 999_999_999), ("", None), ("-1", None), ("1.0", None), (" 1", None),
     ("1e3", None), ("²", None), ("0x1", None), ("9" * 5000, None)],
)  # fmt: skip
def test_only_whole_numbers_are_taken_from_the_address(text, number):
    assert plots.whole_number(text) == number


def test_spaces_are_named_in_their_order():
    assert plots.spaces("my_phi", "b*") == r"φ1 my\_phi, φ2 b\*"


def test_files_have_names_that_any_file_system_takes():
    assert plots.file_name("a run/of:mine", "Kläße", "x.y") == "a-run-of-mine-Kläße-x.y"


# --- errors ------------------------------------------------------------------------------------------


def page(kind):
    from hume.common.errors import InputError, RunError
    from pages._state import errors

    error = {"input": InputError, "run": RunError, "other": ZeroDivisionError}[kind]("row 7 of x.npy is empty: mend it")
    assert errors.on_error(error)


@pytest.mark.parametrize("kind", ["input", "run"])
def test_what_a_reader_can_mend_is_said_as_it_is(kind):
    at = AppTest.from_function(page, kwargs={"kind": kind}).run()
    assert [error.value for error in at.error] == ["row 7 of x.npy is empty: mend it"]


def test_the_details_of_any_other_fault_are_for_the_log(caplog):
    with caplog.at_level(logging.ERROR):
        at = AppTest.from_function(page, kwargs={"kind": "other"}).run()
    assert len(at.error) == 1
    assert "Unexpected error" in at.error[0].value
    assert "ZeroDivision" not in at.error[0].value
    assert "row 7" not in at.error[0].value
    assert any(record.exc_info is not None for record in caplog.records)


def guarded(kind):
    from hume.common.errors import InputError, RunError
    from pages._state import errors

    def broken():
        raise {"input": InputError, "run": RunError}[kind]("the data are gone: fetch them")

    errors.guard(broken)


@pytest.mark.parametrize("kind", ["input", "run"])
def test_a_page_that_fails_on_its_data_says_why(kind):
    at = AppTest.from_function(guarded, kwargs={"kind": kind}).run()
    assert [error.value for error in at.error] == ["the data are gone: fetch them"]
    assert not at.exception


def test_other_faults_of_a_page_are_not_hushed_up():
    def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        errors.guard(broken)


def test_the_errors_that_a_reader_can_mend_are_these():
    assert issubclass(InputError, Exception)
    assert issubclass(RunError, Exception)
