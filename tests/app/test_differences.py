"""Two labelings beside each other: chosen, in the address, as cells, pictures and files."""

import csv
import io
import json

import numpy as np
import pytest

from hume import Store
from hume.experiments import sides
from hume.runs import review
from tests.support.app_driver import (
    birds,
    circle,
    click,
    figures,
    given,
    go,
    look,
    mark,
    markdown,
    pick,
    press,
    rerun,
    says,
    tables,
    tick,
    tiles,
)


@pytest.fixture(scope="module")
def shelf_of_two(tmp_path_factory):
    """Ten of the samples of run `one` are in the next class in run `two`, which has other numbers."""
    store = Store(tmp_path_factory.mktemp("two").resolve())
    dataset = birds(store, files=[f"owl/{i}.png" for i in range(240)])
    truth = dataset.labels
    moved = np.flatnonzero(truth == 1)[:10]
    other = truth.copy()
    other[moved] = 2
    given(store, dataset, "two", [3 - other, 3 - other])
    given(store, dataset, "one", [truth, truth])
    given(store, birds(store, "others"), "elsewhere", [truth, truth])
    review.name_class(store.open("one"), 1, "the _second_")
    return store


@pytest.fixture
def both(shelf_of_two, monkeypatch):
    monkeypatch.setenv("HUME_HOME", str(shelf_of_two.home))
    return sides.compare(*(sides.side(shelf_of_two, name) for name in ("one", "two")))


def test_two_runs_are_compared_without_ground_truth(both):
    at = look("differences", run="one", blind="true")
    assert at.query_params["other"] == "two"
    [text] = [text for text in markdown(at) if "The two labelings agree" in text]
    assert "the \\_second\\_ to Class 2" in text
    says(text.replace("\\", ""), "95.8%", "240 samples", "10 samples moved")
    assert {tile[0] for tile in tiles(at, "cell")} == set(both.differences.moved.tolist())
    table = tables(at)["flows one:searched two:searched"]
    assert table["samples"].tolist() == [10, 60, 60, 60, 50]
    assert "owl/" not in " ".join(markdown(at))


def test_a_cell_and_a_line_show_their_samples_and_are_in_the_address(both):
    at = look("differences", run="one")
    key = "who went where one:searched two:searched"
    [points] = [trace for trace in figures(at)[key]["data"] if "customdata" in trace]
    assert sorted(points["customdata"]) == [0, 5, 6, 10, 15]
    at = mark(at, key, [15])
    assert at.query_params["cell"] == "3-3"
    assert {tile[0] for tile in tiles(at, "cell")} <= set(both.differences.members(3, 3).tolist())
    at = tick(at, "flows one:searched two:searched", [0])
    assert at.query_params["cell"] == "1-2"
    again = look("differences", run="one", other="two", cell="0-0")
    assert {tile[0] for tile in tiles(again, "cell")} <= set(both.differences.members(0, 0).tolist())
    assert {tile[0] for tile in tiles(look("differences", run="one", cell="junk"), "cell")} == set(
        both.differences.moved.tolist()
    )


def test_a_picture_and_a_point_open_their_sample_on_explore(both):
    row = int(both.differences.moved[3])
    at = click(look("differences", run="one"), "cell", row)
    assert (at.title[0].value, at.query_params["sample"]) == ("Which samples are uncertain?", str(row))
    at = look("differences", run="one")
    at.session_state["two maps"] = True
    at = pick(rerun(at), "two maps one:searched two:searched", 7)
    assert (at.title[0].value, at.query_params["sample"]) == ("Which samples are uncertain?", "7")


def test_samples_circled_on_the_maps_are_shown_and_can_be_selected(both):
    at = look("differences", run="one")
    at.session_state["two maps"] = True
    at = rerun(at)
    key = "two maps one:searched two:searched"
    [drawn] = [json.loads(each.proto.json) for each in at.get("bidi_component") if each.key == key]
    assert [panel["title"] for panel in drawn["panels"]] == ["one, as searched", "two, as searched"]
    assert drawn["colours"][0]["names"][1] == "the _second_"
    assert drawn["selected"]["rows"] == both.differences.moved.tolist()
    at = circle(at, key, [3, 8])
    assert {tile[0] for tile in tiles(at, "cell")} == {3, 8}
    at = press(at, "select cell")
    assert go(at, "explore").query_params["rows"] == "3,8"
    at = press(go(at, "differences"), "forget circle")
    assert {tile[0] for tile in tiles(at, "cell")} == set(both.differences.moved.tolist())


def test_the_labelings_of_one_run_are_offered(both):
    at = look("differences", run="one", other="one", second="modes")
    assert at.selectbox(key="second mode").options == ["labeling 1 of its seeds"]
    assert any("The two labelings are the same on all 240 samples" in text for text in markdown(at))
    at = rerun(at.selectbox(key="other").set_value("two"))
    assert any("agree on" in text for text in markdown(at))


def test_what_the_address_names_and_is_gone_is_said(both):
    at = look("differences", run="one", other="gone", second="version-9")
    assert [warning.value for warning in at.warning] == [
        "There is no run 'gone' here any more: it is renamed or deleted.",
        "There is no labeling 'version-9' here any more: it is renamed or deleted.",
    ]
    assert at.selectbox(key="other").value == "two"
    assert at.error.len == 0


def test_moved_samples_leave_as_a_file_without_folders_in_blind_mode(both, download):
    for blind, name in (("false", "owl/"), ("true", "")):
        at = look("differences", run="one", blind=blind)
        header, *lines = csv.reader(io.StringIO(download(at, "moved csv").decode("utf-8-sig")))
        assert header == list(sides.MOVED_COLUMNS)
        assert [line[1] for line in lines] == [f"{name}{row}.png" for row in both.differences.moved]


def test_the_page_of_runs_leads_here(both):
    at = look("runs")
    table = next(frame for name, frame in tables(at).items() if name == "runs")
    at = tick(at, "runs", [table["run"].tolist().index(name) for name in ("one", "two")])
    at = press(at, "differences")
    assert (at.query_params["run"], at.query_params["other"]) == ("one", "two")
    assert any("The two labelings agree" in text for text in markdown(at))
