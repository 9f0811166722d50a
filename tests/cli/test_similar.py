"""`similar` lists what the library finds; words that find nothing are reported."""

import csv

import pytest
from typer.testing import CliRunner

from hume import Store
from hume.cli import app
from hume.runs.findings import Findings
from hume.runs.similar import like_row
from tests.support.app_driver import birds, given


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("home"))
    dataset = birds(store, files=[f"owl/{i}.png" for i in range(240)])
    given(store, dataset, "run", [dataset.labels, dataset.labels])
    return store


def call(store, *arguments):
    result = CliRunner(env={"HUME_HOME": str(store.home), "COLUMNS": "200"}).invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_the_file_has_the_most_similar_samples_first(store, tmp_path):
    path = tmp_path / "near.csv"
    assert call(store, "similar", "run", "--row", "5", "--number", "9", "--csv", str(path))[0] == 0
    with path.open(newline="", encoding="utf-8-sig") as file:
        header, *lines = csv.reader(file)
    assert header == ["row", "file", "class", "class_name", "distance_phi1", "distance_phi2"]
    expected = like_row(Findings(store.open("run")), 5, "both", 9).rows.tolist()
    assert [line[:2] for line in lines] == [[str(row), f"owl/{row}.png"] for row in expected]
    assert "distance_phi1" in call(store, "similar", "run", "--row", "5")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["similar", "run"], "give one of --row, --picture and --words"),
        (["similar", "run", "--row", "1", "--words", "owl"], "give one of"),
        (["similar", "run", "--row", "999"], "there is no sample 999"),
        (["similar", "run", "--words", "owl"], "no space of birds comes from a network that was trained on captions"),
    ],
)
def test_an_error_is_one_sentence(store, arguments, message):
    code, _, error = call(store, *arguments)
    assert code == 2
    assert message in error


def test_a_list_of_words_must_be_a_text_file(store, tmp_path):
    (tmp_path / "words.txt").write_bytes(b"\xff\xfe\x00owl")
    code, _, error = call(store, "propose-names", "run", "--words", str(tmp_path / "words.txt"))
    assert (code, "is not a text file" in error) == (2, True)
    (tmp_path / "words.txt").write_text("owl\n")
    code, _, error = call(store, "propose-names", "run", "--words", str(tmp_path / "words.txt"))
    assert (code, "trained on captions" in error) == (2, True)
