"""The table of all samples, and filters: each passes what a loop over the samples passes, whatever the columns hold."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hume.evaluation.ensemble import vote_counts
from hume.runs import sample_table as tables
from hume.runs.findings import Findings
from hume.runs.sample_table import ANYWHERE, Filter, SampleTable, read, sample_table, vote_margin, written
from hume.runs.store import Store
from tests.support.app_driver import given
from tests.support.planted_runs import save_folder
from tests.support.rules import cases

ROWS = 240


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    data = save_folder(home / "birds", files=[f"Bird {row}.png" for row in range(ROWS)], classes=4, size=60)
    lines = [
        f"{row / 10 if row % 7 else ''},2024-01-{row % 28 + 1:02},{'owl' if row % 2 else ''},id{row}"
        for row in range(ROWS)
    ]
    (home / "birds" / "columns.csv").write_text("\n".join(["weight,seen,kind,tag", *lines]) + "\n")
    others = np.roll(data.labels, 1)
    return Findings(given(Store(home), data, "b", [data.labels, data.labels, others], num_classes=4))


@pytest.fixture(scope="module")
def table(found):
    return sample_table(found, ["jay", "owl", "owl", "tit"], truth=True, files=found.dataset.file_names)


def test_every_sample_has_a_line_and_every_column_its_kind(table):
    assert table.frame.index.tolist() == list(range(ROWS))
    assert table.kinds == {
        "found class": "values", "vote share": "number", "vote margin": "number", "true class": "values",
        "right": "values", "file": "text", "weight": "number", "seen": "date", "kind": "values", "tag": "text",
    }  # fmt: skip
    assert table.values("found class") == ["jay", "owl (1)", "owl (2)", "tit"]


def test_the_truth_is_in_it_only_where_it_is_asked_for(found):
    hidden = sample_table(found, list("abcd"), truth=False, files=None)
    assert not {"true class", "right", "file"} & set(hidden.frame)


FILTERS = {
    "a range": (Filter("weight", 1.05, 3), lambda line: 1.05 <= line["weight"] <= 3),
    "one bound": (Filter("weight", low=20), lambda line: line["weight"] >= 20),
    "dates": (Filter("seen", "2024-01-03", "2024-01-05"), lambda line: 3 <= line["seen"].day <= 5),
    "values": (Filter("found class", values=("jay", "tit")), lambda line: "owl" not in line["found class"]),
    "a missing value": (Filter("kind", values=("",)), lambda line: line["kind"] == ""),
    "text": (Filter("file", text="bIRD 1"), lambda line: "bird 1" in line["file"].lower()),
    "text anywhere": (Filter(ANYWHERE, text="OWL"), lambda line: "owl" in " ".join(map(str, line)).lower()),
    "text that is no pattern": (Filter("file", text="1.p"), lambda line: "1.p" in line["file"]),
    "a column that is gone": (Filter("gone", 1, 2), lambda line: True),
    "a bound that is none": (Filter("seen", "soon", None), lambda line: True),
}  # fmt: skip


@cases("name", list(FILTERS))
def test_a_filter_passes_what_a_loop_passes(table, name):
    asked, rule = FILTERS[name]
    expected = [row for row, line in table.frame.iterrows() if rule(line)]
    assert table.passing([asked]).tolist() == expected
    assert read(written([asked])) == (asked,)


def test_all_filters_must_pass(table):
    both = table.passing([FILTERS["a range"][0], FILTERS["values"][0]])
    assert set(both) == set(table.passing([FILTERS["a range"][0]])) & set(table.passing([FILTERS["values"][0]]))
    assert 0 < len(both) < ROWS


@cases(
    "text", ["", "[", "{}", "[1]", '[{"column":3}]', '[{"low":{}}]', '[{"values":"x"}]', "[" * 9999, '[{"low":NaN}]']
)
def test_a_link_that_has_no_filters_is_no_error(text):
    assert all(each.says_nothing for each in read(text))


def test_the_margin_is_that_of_the_votes(found):
    counts, own = vote_counts(found.vote.aligned, 4), found.vote.labeling
    for row in range(0, ROWS, 7):
        others = [votes for k, votes in enumerate(counts[row]) if k != own[row]]
        expected = (counts[row, own[row]] - max(others)) / 3
        assert vote_margin(found.vote.aligned, own, 4)[row] == pytest.approx(expected)


def test_the_margin_is_the_same_block_by_block(found, monkeypatch):
    whole = vote_margin(found.vote.aligned, found.vote.labeling, 4)
    monkeypatch.setattr(tables, "BLOCK", 30)
    assert vote_margin(found.vote.aligned, found.vote.labeling, 4).tolist() == whole.tolist()


def test_columns_of_any_type_are_shown_and_filtered():
    mixed = pd.DataFrame(
        {
            "mixed": [1, "two", None, 3.5, b"x"],
            "flag": [True, False, None, True, True],
            "zone": pd.to_datetime(["2024-01-01", None, "2024-01-03", "2024-01-04", "2024-01-05"], utc=True),
            "all missing": [np.nan] * 5,
        }
    )
    frame = SampleTable(pd.DataFrame({name: tables._tidy(mixed[name]) for name in mixed}))
    assert frame.passing([Filter("mixed", text="TWO")]).tolist() == [1]
    assert frame.passing([Filter("mixed", values=("3.5",))]).tolist() == [3]
    assert frame.passing([Filter("flag", values=("True",))]).tolist() == [0, 3, 4]
    assert frame.passing([Filter("zone", low="2024-01-03T00:00:00+00:00")]).tolist() == [2, 3, 4]
    assert frame.passing([Filter("all missing", low=0)]).tolist() == []


def test_a_column_of_many_values_is_searched_as_text():
    many = SampleTable(pd.DataFrame({"id": tables._tidy(pd.Series([f"id {i}" for i in range(1000)]))}))
    assert many.kinds == {"id": "text"}
    assert len(many.passing([Filter("id", text="id 99")])) == 11


def test_a_filter_of_another_kind_says_nothing(table):
    odd = replace(Filter("found class"), low=3.0)
    assert len(table.passing([odd])) == ROWS
