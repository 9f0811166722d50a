"""Files that were torn, exchanged or lost: named in one sentence, and no page but theirs is lost with them."""

import json

import numpy as np
import pytest

from tests.support.app_driver import (
    OF_A_RUN,
    PAGES,
    birds,
    ended,
    finished,
    given,
    interrupted,
    look,
    press,
    quick,
    rerun,
    tables,
)
from tests.support.rules import cases


def broken(home, data, file):
    """Two runs, of which the newer one has a file that cannot be read."""
    quick(home, data, "whole")
    (quick(home, data, "broken").folder / file).write_text('{"dataset": ')


@pytest.fixture(params=["run.json", "scores.json"])
def damaged(request, home, data):
    broken(home, data, request.param)


@pytest.mark.usefixtures("damaged")
def test_a_damaged_run_is_named_and_can_be_deleted(home):
    at = look("runs")
    assert at.error.len == 1
    assert "broken" in at.error[0].value
    assert ".json" in at.error[0].value
    assert tables(at)["runs"]["run"].tolist() == ["whole"]
    press(at, "delete damaged broken")
    assert at.error.len == 0
    assert home.names() == ["whole"]


@pytest.mark.usefixtures("damaged")
@cases("page", PAGES)
def test_a_damaged_run_leaves_the_other_pages_usable(page):
    at = look(page, run="whole", start_data="birds")
    assert at.error.len == (page == "runs")
    at = look(page, run="broken", start_data="birds", dataset="birds")
    assert at.title.len == 1
    if page in OF_A_RUN:
        assert "broken" in at.error[0].value
    if page in ("start", "search"):
        assert at.button(key="launch")
    at.selectbox(key="run").set_value("whole")
    assert rerun(at).error.len == (page == "runs")


def test_a_new_visitor_is_shown_a_run_that_can_be_read(home, data):
    broken(home, data, "run.json")
    assert look("objective").selectbox(key="run").value == "whole"


@pytest.mark.parametrize("page", OF_A_RUN)
def test_a_damaged_seed_is_named(home, data, page):
    run = quick(home, data, "torn")
    path = next((run.folder / "seeds").iterdir())
    path.write_bytes(path.read_bytes()[:100])
    at = look(page, run="torn")
    assert at.error.len == 1
    assert path.name in at.error[0].value


def test_a_damaged_review_is_named(home, data):
    run = quick(home, data, "scribbled")
    (run.folder / "review.json").write_text(json.dumps({"names": []}))
    at = look("reliable", run="scribbled")
    assert "review.json" in at.error[0].value


def test_damaged_columns_are_named_where_they_are_shown(home, data):
    quick(home, data, "whole")
    (data.folder / "columns.csv").write_text("place,depth\n1,2\n")
    for page in PAGES:
        at = look(page, run="whole", dataset="birds", start_data="birds")
        assert at.error.len == (page == "explore")
    assert "columns.csv has 1 lines" in look("explore", run="whole").error[0].value


# --- data that changed ----------------------------------------------------------------------------------


def test_a_run_whose_data_changed_says_so_and_can_be_left(home, data):
    run = interrupted(home, data, "stale")
    np.save(data.folder / "spaces" / "phi1.npy", np.random.default_rng(1).normal(size=(240, 8)).astype(np.float32))
    at = look("objective", run="stale")
    press(at, "resume")
    assert ended("stale") == "failed"
    rerun(at)
    assert "Run **stale** failed: the spaces of run 'stale' have changed" in at.error[0].value
    assert tables(look("runs"))["runs"]["state"].tolist() == ["failed"]
    assert at.button(key="resume")
    assert run.finished_seeds != ()
    for page in PAGES:
        assert look(page, run="stale", start_data="birds").title.len == 1


def test_results_whose_data_changed_leave_the_other_pages_usable(home, data):
    finished(home, data, "stale")
    np.save(data.folder / "spaces" / "phi2.npy", np.random.default_rng(1).normal(size=(240, 8)).astype(np.float32))
    for page in OF_A_RUN:
        assert "have changed since it was created: start a new run" in look(page, run="stale").error[0].value
    assert look("start", run="stale", start_data="birds").button(key="launch")
    assert look("search", run="stale", dataset="birds").button(key="launch")
    assert tables(look("runs", run="stale"))["runs"]["state"].tolist() == ["finished"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("spaces/phi1.npy", b"nothing"),
        ("card.json", b'{"classes": '),
        ("labels.npy", b""),
        ("card.json", b'{"classes": ["owl"]}'),
    ],
)
def test_a_broken_dataset_is_named_and_others_can_be_chosen(home, file, content):
    data = birds(home, "broken")
    birds(home)
    (data.folder / file).write_bytes(content)
    for page, key in (("start", "start_data"), ("search", "dataset")):
        at = look(page, **{key: "broken"})
        assert at.error.len == 1
        assert "broken" in at.error[0].value
        choice = at.segmented_control(key="dataset") if page == "start" else at.selectbox(key="dataset")
        choice.set_value("birds")
        assert rerun(at).error.len == 0
        assert at.button(key="launch")


def test_a_run_of_a_dataset_that_is_gone_says_so(home):
    data = birds(home)
    given(home, data, "orphan", [data.labels] * 2)
    data.folder.rename(home.home / "elsewhere")
    for page in OF_A_RUN:
        at = look(page, run="orphan")
        assert at.error.len == 1
        assert "birds" in at.error[0].value
    assert look("runs").error.len == 0
    assert look("start", run="orphan").button(key="launch")
