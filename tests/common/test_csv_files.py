"""CSV files that spreadsheets and training scripts read alike."""

import codecs
import csv
import io

import pytest

from hume.common.csv_files import csv_bytes, write_csv
from hume.common.errors import RunError
from tests.support.rules import cases

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1", '=HYPERLINK("http://x")', "-2+3", "=", "−", "-größe"]


def cells(content):
    """The rows as a reader of CSV sees them, the byte order mark taken off."""
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_a_table_by_hand():
    assert csv_bytes(["row", "name"], [(0, "owl"), (1, "a, b")]) == b'row,name\r\n0,owl\r\n1,"a, b"\r\n'
    assert csv_bytes(["row"], []) == b"row\r\n"


def test_ascii_alone_has_no_byte_order_mark():
    assert csv_bytes(["a"], [["plain"], [1], [0.5]]).isascii()


@cases("letter", ["é", "小", "🦉", "\u00a0"])
def test_letters_beyond_ascii_have_one_byte_order_mark(letter):
    for header, rows in ((["a"], [["x"], [letter]]), ([letter], [["x"]])):
        content = csv_bytes(header, rows)
        assert content.startswith(codecs.BOM_UTF8)
        assert content.count(codecs.BOM_UTF8) == 1
        assert cells(content) == [header, *rows]


@cases("text", FORMULAS)
def test_no_text_becomes_a_formula_in_a_spreadsheet_and_names_of_files_stay_as_they_are(text):
    assert cells(csv_bytes(["a"], [[text]]))[1] == [text]
    (found,) = cells(csv_bytes(["a"], [[text]], spreadsheet=True))[1]
    assert not found.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert found in (text, f"'{text}")


def test_numbers_and_other_text_stay_as_they_are():
    row = [-1, -0.5, +3, 1e-9, True, None, "a=1", "1-2", "'quoted'", "", " x", 'say "hi"', "two\nlines", "a;b\tc"]
    written = cells(csv_bytes([str(i) for i in range(len(row))], [row], spreadsheet=True))[1]
    assert written == ["" if cell is None else str(cell) for cell in row]


def test_a_file_holds_the_same_bytes(tmp_path):
    table = (["a", "b"], [["ü", "=1"], ["x", -1]])
    path = write_csv(tmp_path / "new" / "a.csv", *table)
    assert path == (tmp_path / "new" / "a.csv").resolve()
    assert path.read_bytes() == csv_bytes(*table)
    write_csv(path, ["short"], [])
    assert path.read_bytes() == b"short\r\n"
    assert [other.name for other in path.parent.iterdir()] == ["a.csv"]


def test_rows_may_come_one_by_one():
    assert csv_bytes(["n"], ((n, n * n) for n in range(3))) == b"n\r\n0,0\r\n1,1\r\n2,4\r\n"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot write .*a\.csv .*choose another folder"):
        write_csv(tmp_path / "file" / "a.csv", ["a"], [])
    (tmp_path / "b.csv" / "inside").mkdir(parents=True)
    with pytest.raises(RunError, match=r"cannot write .*b\.csv"):
        write_csv(tmp_path / "b.csv", ["a"], [])
