"""Runs as they come and go: launched from the pages, watched, cancelled, interrupted, taken up again."""

import threading

import numpy as np
import pytest

from hume.runs.findings import Findings
from pages._state import services
from tests.support.app_driver import (
    OF_A_RUN,
    PAGES,
    ended,
    endless,
    figures,
    finished,
    galleries,
    interrupted,
    look,
    press,
    rerun,
    tables,
    tick,
    tiles,
    until,
    words,
)
from tests.support.rules import cases


def status(name):
    return services.services().jobs.status(name)


# --- watching ---------------------------------------------------------------------------------------


@pytest.fixture
def searching(home, data):
    """A run that is under way and has been looked at, and one that waits behind it."""
    endless(home, data, "long")
    finished(home, data, "old")
    endless(home, data, "next")
    jobs = services.services().jobs
    jobs.submit("long")
    jobs.submit("next")
    until(lambda: jobs.live("long") is not None and np.isfinite(jobs.live("long").accuracy).all())
    yield jobs
    jobs.cancel("next")
    jobs.cancel("long")
    ended("long")


def test_a_search_is_seen_while_it_runs(searching):
    at = look("search", run="long")
    assert any(bar.proto.text.startswith("**long** · searching") for bar in at.get("progress"))
    assert {"live objective", "live cloud", "live shares"} <= set(figures(at))
    assert sorted(galleries(at)) == [f"live class {k}" for k in range(4)]
    assert [tile for k in range(4) for tile in tiles(at, f"live class {k}")] != []
    assert [button.key for button in at.button if button.label == "Cancel"] == ["cancel long", "cancel other next"]


def test_a_waiting_run_says_what_it_waits_for(searching):
    at = look("search", run="next")
    assert any("waits for long" in bar.proto.text for bar in at.get("progress"))
    assert any(" 2 jobs before it" in text for text in words(at))


def test_a_search_is_seen_on_start(searching):
    at = look("start", run="long", start_data="birds")
    assert "live class 0" in galleries(at)
    assert figures(at) == {}


@pytest.mark.slow
@cases("page", PAGES)
def test_no_page_waits_for_a_search(searching, page):
    for run in ("long", "next", "old"):
        at = look(page, run=run, start_data="birds")
        assert at.error.len == 0
        assert sum("long: searching" in bar.proto.text for bar in at.get("progress")) == 1
        if page in OF_A_RUN and run != "old":
            assert f"Run **{run}** is {'searching' if run == 'long' else 'queued'}: 0 of 2" in at.info[0].value
            assert [link.label for link in at.page_link] == ["Watch it"]
    assert status("long").under_way


def test_a_search_is_cancelled_where_it_is_watched(searching, home):
    at = look("search", run="long")
    press(at, "cancel other next")
    assert status("next").state == "cancelled"
    press(at, "cancel long")
    assert ended("long") == "cancelled"
    until(lambda: home.open("long").state == "interrupted")
    rerun(at)
    assert "Run **long** was cancelled: no seed has ended yet" in at.warning[0].value
    assert at.button(key="resume")
    assert all(button.key != "settle" for button in at.button)  # nothing to settle for


def test_the_table_of_runs_says_what_is_under_way(searching):
    table = tables(look("runs"))["runs"].set_index("run")
    assert table["state"].to_dict() == {"long": "searching", "next": "queued", "old": "finished"}


def test_a_run_that_another_process_works_on_is_left_alone(home, data):
    run = interrupted(home, data, "elsewhere")
    held, over = threading.Event(), threading.Event()

    def hold():
        with run.held():
            held.set()
            over.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    try:
        assert held.wait(60)
        at = look("objective", run="elsewhere")
        assert "is under way in another process" in at.info[0].value
        assert at.button.len == 0
    finally:
        over.set()
        other.join()


# --- interrupted and failed --------------------------------------------------------------------------


@pytest.fixture
def stopped(home, data):
    return interrupted(home, data, "stopped")


@pytest.mark.parametrize("page", [*OF_A_RUN, "search"])
def test_an_interrupted_run_is_resumed_from_any_page(stopped, page):
    at = look(page, run="stopped", dataset="birds")
    done = len(stopped.finished_seeds)
    assert f"was interrupted: {done} of 6 seeds have ended and are saved" in at.warning[0].value
    press(at, "resume")
    assert ended("stopped") == "finished"
    assert stopped.finished_seeds == tuple(range(6))
    rerun(at)
    assert at.warning.len == 0
    assert at.title.len == 1
    assert Findings(stopped).seeds == tuple(range(6))


@pytest.mark.parametrize("page", [*OF_A_RUN, "search"])
def test_the_finished_seeds_of_an_interrupted_run_can_be_used(stopped, page):
    done = stopped.finished_seeds
    at = look(page, run="stopped", dataset="birds")
    assert at.button(key="settle").label == f"Use the {len(done)} finished seed{'s' * (len(done) != 1)}"
    press(at, "settle")
    assert ended("stopped") == "finished"
    assert stopped.finished_seeds == done
    rerun(at)
    assert at.warning.len == 0
    assert Findings(stopped).seeds == done


def test_the_other_seeds_can_be_searched_later(stopped):
    stopped.execute(search=False)
    at = tick(look("runs"), "runs", [0])
    left = len(stopped.missing_seeds)
    assert at.button(key="missing").label == f"Search the other {left} seed{'s' * (left != 1)}"
    press(at, "missing")
    assert ended("stopped") == "finished"
    assert stopped.missing_seeds == ()
    assert all(button.key != "missing" for button in rerun(at).button)


def test_an_interrupted_run_is_resumed_among_the_runs(stopped):
    at = tick(look("runs"), "runs", [0])
    press(at, "resume")
    assert ended("stopped") == "finished"
    assert tables(rerun(at))["runs"]["state"].tolist() == ["finished"]


def test_start_shows_the_data_again_when_its_run_was_interrupted(stopped):
    at = look("start", run="stopped", start_data="birds")
    assert galleries(at) == ["mosaic"]
    assert any(text.startswith("interrupted, ") for text in words(at))
    press(at, "open stopped")
    assert at.selectbox(key="run").value == "stopped"
