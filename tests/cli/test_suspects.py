"""`suspects` lists what the library finds, of the labels that are asked for."""

import csv

import numpy as np
import pytest
from typer.testing import CliRunner

from hume import Store
from hume.cli import app
from hume.runs.findings import Findings
from hume.runs.suspects import COLUMNS, Suspects
from tests.support.app_driver import EXAMPLES, birds, given
from tests.support.rules import cases


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A home with a run whose first sample is in another class than its labels say, and one without labels."""
    store = Store(tmp_path_factory.mktemp("home"))
    dataset = birds(store, noise=0.25, files=[f"owl/{i}.png" for i in range(240)])
    found = dataset.labels.copy()
    found[0] = (found[0] + 1) % 4
    given(store, dataset, "run", [found, found])
    given(store, birds(store, "nameless", **(EXAMPLES | {"noise": 0.25}), labels=False), "unlabeled", [found, found])
    return store


def call(store, *arguments):
    result = CliRunner(env={"HUME_HOME": str(store.home), "COLUMNS": "200"}).invoke(app, ["suspects", *arguments])
    return result.exit_code, result.stdout, result.stderr


@cases("kind", COLUMNS)
def test_the_file_is_the_list_of_the_library(store, tmp_path, kind):
    path = tmp_path / "list.csv"
    code, out, _ = call(store, "run", "--kind", kind, "--csv", str(path))
    assert code == 0
    assert out.splitlines()[-1] == str(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        header, *lines = csv.reader(file)
    found = Findings(store.open("run"))
    expected = Suspects(found).table(kind, found.dataset.file_names)
    assert header == list(COLUMNS[kind])
    assert lines == [list(map(str, line)) for line in expected]


def test_found_labels_are_judged_where_that_is_asked_for_or_there_are_no_others(store):
    asked = call(store, "run", "--labels", "found", "--number", "1")[1]
    without = call(store, "unlabeled", "--number", "1")[1]
    for out in (asked, without):
        assert "found label" in out.splitlines()[0]
        assert out.splitlines()[2].split()[0] == "0"  # the sample that stands in a wrong class
    truth = call(store, "run")[1]
    assert "given label" in truth.splitlines()[0]
    assert not any(line.startswith("0 ") for line in truth.splitlines())


@cases(
    "arguments, words",
    [
        (("unlabeled", "--labels", "given"), "comes without labels"),
        (("nobody",), "nobody"),
        (("run", "--number", "0"), "at least 1"),
    ],
)
def test_what_cannot_be_listed_is_one_sentence(store, arguments, words):
    code, out, err = call(store, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert len(err.splitlines()) == 1


def test_labels_that_are_set_aside_are_not_judged(store):
    found = Findings(store.open("run"))
    listed = Suspects(found, "found")
    listed.labels = np.where(np.arange(240) == 0, -1, listed.labels)
    assert 0 not in listed.rows("label")
    assert all(len(line) == len(COLUMNS["outlier"]) for line in listed.table("outlier", None))
