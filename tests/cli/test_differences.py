"""`differences` prints and writes what the library finds."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from hume import Store
from hume.cli import app
from hume.experiments import sides
from tests.support.app_driver import birds, given


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("home"))
    dataset = birds(store, files=[f"owl/{i}.png" for i in range(240)])
    truth = dataset.labels
    other = np.where(np.arange(len(truth)) < 10, (truth + 1) % 4, truth)
    given(store, dataset, "one", [truth, truth])
    given(store, dataset, "two", [3 - other, 3 - other])
    return store


def call(store, *arguments):
    result = CliRunner(env={"HUME_HOME": str(store.home), "COLUMNS": "200"}).invoke(app, ["differences", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_sentences_file_and_object_say_the_same(store, tmp_path):
    path = tmp_path / "moved.csv"
    code, out, _ = call(store, "one", "two", "--csv", str(path), "--json")
    assert code == 0
    assert "agree on 95.8\u00a0% of 240 samples" in out
    assert "10 samples moved" in out
    both = sides.compare(sides.side(store, "one"), sides.side(store, "two"))
    with path.open(newline="", encoding="utf-8-sig") as file:
        header, *lines = csv.reader(file)
    assert header == list(sides.MOVED_COLUMNS)
    assert [line[:2] for line in lines] == [[str(row), f"owl/{row}.png"] for row in range(10)]
    told = json.loads(out.splitlines()[-1])
    assert told["moved"] == list(range(10))
    assert told["flows"] == [dict(zip(sides.FLOW_COLUMNS, line, strict=True)) for line in both.flow_table()]


def test_equal_labelings_are_the_same_whatever_their_numbers(store):
    _, out, _ = call(store, "one", "one:mode-1")
    assert "The two labelings are the same on all 240 samples." in out


def test_an_error_is_one_sentence(store):
    code, out, error = call(store, "one", "gone")
    assert (code, out) == (2, "")
    assert error.startswith("error: there is no run 'gone'")
