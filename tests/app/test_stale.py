"""Tabs that are behind: what they chose was deleted, renamed or finished elsewhere, or is no choice of the next run."""

import shutil

import numpy as np
import pytest

from hume.runs import review
from pages._state import services
from tests.support.app_driver import (
    OF_A_RUN,
    PAGES,
    birds,
    circle,
    component,
    ended,
    given,
    go,
    interrupted,
    look,
    press,
    quick,
    rerun,
    tables,
    tick,
)


@pytest.fixture
def two(home, data):
    """The older and the newer run of one dataset."""
    return quick(home, data, "older"), quick(home, data, "newer")


def fine(at):
    assert [error.value for error in at.error] == []
    assert at.title.len == 1
    return at


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("page", PAGES)
def test_a_run_that_was_deleted_or_renamed_elsewhere_is_let_go(home, page):
    at = look(page, run="newer", start_data="birds")
    home.delete("newer")
    assert fine(rerun(at)).selectbox(key="run").value == "older"
    home.rename("older", "renamed")
    assert fine(rerun(at)).selectbox(key="run").value == "renamed"
    home.delete("renamed")
    assert all(select.label != "Run" for select in fine(rerun(at)).selectbox)
    home.restore("renamed")
    assert fine(rerun(at)).selectbox(key="run").value == "renamed"


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("page", ["objective", "aggregation"])
def test_a_run_beside_is_let_go_when_it_is_chosen_or_deleted(home, data, page):
    quick(home, data, "newest")
    at = look(page, run="older", beside="newer")
    at.selectbox(key="run").set_value("newer")
    assert fine(rerun(at)).multiselect(key="beside").options == ["newest", "older"]
    at.multiselect(key="beside").set_value(["older", "newest"])
    fine(rerun(at))
    home.delete("older")
    assert fine(rerun(at)).multiselect(key="beside").options == ["newest"]
    home.delete("newest")
    fine(rerun(at))


@pytest.mark.usefixtures("two")
def test_a_tab_that_compares_survives_that_a_run_goes(home):
    at = tick(look("runs"), "runs", [0, 1])
    assert at.subheader[0].value == "2 runs compared"
    home.delete("newer")
    assert fine(rerun(at)).subheader[0].value == "older"  # the one that is left stays ticked
    assert tables(at)["runs"]["run"].tolist() == ["older"]


def test_a_new_run_does_not_move_the_ticks(home, data, two):
    at = tick(look("runs"), "runs", [0])
    assert at.subheader[0].value == "newer"
    quick(home, data, "newest")
    assert [head.value for head in fine(rerun(at)).subheader] in ([], ["newer"])


def test_filters_outlive_what_they_ask_for(home, data):
    interrupted(home, data, "stopped")
    quick(home, birds(home, "others"), "other")
    at = look("runs", of_dataset="birds")
    at.multiselect(key="in_state").select("interrupted")
    assert tables(rerun(at))["runs"]["run"].tolist() == ["stopped"]
    home.open("stopped").execute()
    fine(rerun(at))
    home.delete("stopped")
    fine(rerun(at))


def test_choices_that_the_next_run_does_not_have_are_let_go(home, data):
    quick(home, birds(home, "split", test_rows=np.arange(240) % 3 == 0), "with")
    given(home, birds(home, "bare", labels=False), "without", [data.labels] * 2)
    at = look("explore", run="with", colour="True class")
    at.selectbox(key="run").set_value("without")
    assert fine(rerun(at)).selectbox(key="colour").value == "Found class"
    at = look("reliable", run="with", rows_of="test")
    at.selectbox(key="run").set_value("without")
    assert fine(rerun(at)).selectbox(key="rows_of").value == "all"


def test_data_that_are_gone_are_no_longer_offered(home, data):
    at = look("search", dataset="birds")
    start = look("start", start_data="birds")
    shutil.rmtree(data.folder)
    assert "birds" not in fine(rerun(at)).selectbox(key="dataset").options
    assert fine(rerun(start)).button(key="launch")


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("press_key", ["resume", "settle"])
def test_a_run_that_ended_elsewhere_is_not_run_again(home, data, press_key):
    run = interrupted(home, data, "stopped")
    at = look("objective", run="stopped")
    run.execute()
    press(at, press_key)
    assert ended("stopped") == "finished"
    fine(rerun(at))


@pytest.mark.parametrize("press_key", ["resume", "settle"])
def test_a_run_that_was_deleted_elsewhere_is_not_resumed(home, data, press_key):
    interrupted(home, data, "stopped")
    at = look("objective", run="stopped")
    home.delete("stopped")
    press(at, press_key)
    assert at.error.len <= 1
    assert home.names() == []
    assert services.services().jobs.status("stopped") is None


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("press_key", ["delete", "open"])
def test_what_was_deleted_elsewhere_cannot_be_deleted_or_opened_again(home, press_key):
    at = tick(look("runs", run="older"), "runs", [0])
    home.delete("newer")
    press(at, press_key)
    assert at.title.len == 1
    assert home.names() == ["older"]
    assert home.trash() == ["newer"]


def test_a_review_that_went_on_elsewhere_is_not_overwritten(home, data):
    run = quick(home, data, "shared")
    one, other = look("reliable", run="shared"), look("reliable", run="shared")
    one.text_input(key="name 0").set_value("Owls")
    rerun(one)
    other.text_input(key="name 1").set_value("Jays")
    rerun(other)
    assert review.read(run).names == {0: "Owls", 1: "Jays"}
    assert other.text_input(key="name 0").value == "Owls"


def test_results_that_grew_are_read_anew(home, data):
    run = interrupted(home, data, "grows")
    run.execute(search=False)
    few = len(run.finished_seeds)
    at = look("objective", run="grows")
    assert f"of {few}" in at.subheader[0].value
    run.execute()
    assert "of 6" in fine(rerun(at)).subheader[0].value


@pytest.mark.usefixtures("two")
def test_a_walk_through_the_pages_keeps_selection_and_seed_apart(home):
    at = circle(look("explore", run="newer"), "map newer", [3, 4])
    for page in (*OF_A_RUN, *reversed(OF_A_RUN)):
        fine(go(at, page))
    assert component(go(at, "explore"), "map newer")["selected"]["rows"] == [3, 4]
    assert at.selectbox(key="run").value == "newer"
