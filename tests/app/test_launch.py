"""Launching: the form says what it takes, what it would ask for is what is run, and wrong wishes are refused."""

import shutil

import numpy as np

from hume.runs.findings import Findings
from pages._state import services
from tests.support.app_driver import (
    birds,
    ended,
    go,
    look,
    press,
    quick,
    rerun,
    tiles,
    until,
    words,
)
from tests.support.rules import cases


def newest(home):
    return home.open(home.names()[0])


def few_seeds(at, number=4):
    """Ask for fewer random starts than the page proposes."""
    at.number_input(key="num_seeds").set_value(number)
    return rerun(at)


def test_search_launches_what_the_form_says(home):
    birds(home, size=50)  # of which no other test measures the time
    at = few_seeds(look("search", dataset="birds"))
    assert at.number_input(key="K birds").value == 4  # the card names as many
    for key, value in (("K birds", 3), ("num_iterations birds fast transductive", 60)):
        at.number_input(key=key).set_value(value)
    rerun(at)
    assert at.button(key="launch").label == "Launch 4 seeds"
    assert any("easuring the time" in text and "of memory" in text for text in words(at))
    until(lambda: any("About" in text and "of memory" in text for text in words(rerun(at))))
    press(at, "launch")
    run = newest(home)
    assert at.selectbox(key="run").value == run.name
    assert (run.request.dataset, run.request.phi1, run.request.phi2) == ("birds", "phi1", "phi2")
    assert run.request.seeds == (0, 1, 2, 3)
    assert (run.request.config.num_classes, run.request.config.num_iterations) == (3, 60)
    assert ended(run.name) == "finished"
    rerun(at)
    assert f"Run **{run.name}** has finished: 4 seeds" in at.success[0].value
    assert Findings(run).num_classes == 3


def test_a_link_carries_the_form(home, data):
    asked = {"K birds": "3", "num_seeds": "7", "num_iterations birds fast transductive": "55", "refine fast": "false"}
    at = look("search", dataset="birds", **asked)
    assert at.number_input(key="K birds").value == 3
    assert not at.toggle(key="refine fast").value
    assert at.number_input(key="num_iterations birds fast transductive").value == 55
    assert at.button(key="launch").label == "Launch 7 seeds"
    at = look("search", dataset="birds", num_seeds="many", preset="slow", **{"K birds": "-1"})
    assert (at.number_input(key="K birds").value, at.selectbox(key="preset").value) == (4, "fast")


def test_a_run_is_named_at_launch_and_a_taken_name_is_refused(home, data):
    at = few_seeds(look("search", dataset="birds"))
    at.text_input(key="run name 0").set_value("mine")
    press(rerun(at), "launch")
    assert home.names() == ["mine"]
    assert ended("mine") == "finished"
    assert rerun(at).text_input(key="run name 1").value == ""
    at.text_input(key="run name 1").set_value("mine")
    at = press(rerun(at), "launch")
    assert "exists already" in at.error[0].value
    assert home.names() == ["mine"]


def test_a_finished_search_shows_its_classes_and_leads_to_the_samples_of_each(home, data):
    quick(home, data, "found")
    at = look("search", run="found", dataset="birds")
    for k in range(4):
        assert {data.labels[row] for row, *_ in tiles(at, f"class {k}")} == {k}
    at = go(press(at, "all of class 2"), "explore")
    assert any(text.startswith("**60 samples**") for text in words(at))


def test_the_number_of_classes_is_estimated_where_it_is_asked_for(home):
    birds(home, names=None)
    at = look("search", dataset="birds")
    at.session_state["estimate birds"] = True
    at = rerun(at)
    at = rerun(at.slider(key="counts birds").set_value((3, 5)))
    at = press(at, "run counts")
    ended("birds: classes on phi1, phi2")
    at = rerun(at)
    assert any("4 classes" in text for text in words(at))
    at = press(at, "use estimate")
    assert at.number_input(key="K birds").value == 4


def test_start_launches_the_shown_data_with_one_button(home, data):
    at = look("start", start_data="birds")
    assert [tile[0] for tile in tiles(at, "mosaic")] != list(range(60))  # drawn at random
    assert at.button(key="launch").label == "Search from 100 random starts"
    until(lambda: any(text.startswith("about ") for text in words(rerun(at))))
    assert any(text.startswith("about ") and "4 classes, φ1 phi1, φ2 phi2" in text for text in words(at))
    press(at, "launch")
    run = newest(home)
    assert (run.request.dataset, len(run.request.seeds)) == ("birds", 100)
    services.services().jobs.cancel(run.name)
    assert ended(run.name) in ("cancelled", "finished")


def test_data_that_do_not_say_how_many_classes_ask_for_it(home):
    birds(home, names=None)
    at = look("start", start_data="birds")
    assert "number of classes of this dataset is unknown" in at.info[0].value
    assert all(button.key != "launch" for button in at.button)
    assert look("search", dataset="birds").number_input(key="K birds").value == 10


@cases(
    ("changes", "sentence"),
    [
        ({"K birds": 9}, "9"),  # the spaces have 8 dimensions
        ({"num_train birds fast transductive": 500}, "500"),
        ({"num_test birds fast transductive": 0}, "0"),
        ({"temperature birds fast transductive": 0.0}, "temperature"),
        ({"num_iterations birds fast transductive": -3}, "-3"),
        ({"step_size birds fast transductive": -1.0}, "-1"),
    ],
)
def test_what_cannot_be_searched_is_said_in_one_sentence_and_not_launched(home, data, changes, sentence):
    at = look("search", dataset="birds")
    for key, value in changes.items():
        at.number_input(key=key).set_value(value)
    rerun(at)
    assert at.error.len == 1
    assert sentence in at.error[0].value
    assert "\n" not in at.error[0].value
    assert all(button.key != "launch" for button in at.button)
    assert home.names() == []


SIZES = "class_sizes birds fast transductive"


def test_class_sizes_are_asked_for_in_any_unit_and_order(home, data):
    at = few_seeds(look("search", dataset="birds"))
    assert at.text_input(key=SIZES).value == ""
    at.text_input(key=SIZES).set_value("10, 20, 40, 30")
    press(rerun(at), "launch")
    run = newest(home)
    assert run.request.config.class_sizes == (0.4, 0.3, 0.2, 0.1)
    assert ended(run.name) == "finished"


@cases(
    ("text", "sentence"),
    [
        ("many, few", "numbers with commas"),
        ("1, 2, 3", "4 classes need as many sizes, got 3"),
        ("1, 2, 3, 0", "positive"),
    ],
)
def test_class_sizes_that_make_no_sense_are_said_in_one_sentence(home, data, text, sentence):
    at = look("search", dataset="birds")
    at.text_input(key=SIZES).set_value(text)
    rerun(at)
    assert at.error.len == 1
    assert sentence in at.error[0].value
    assert all(button.key != "launch" for button in at.button)
    at.text_input(key=SIZES).set_value("  ")
    assert not rerun(at).error


def test_every_preset_solver_and_setting_can_be_asked_for(home):
    birds(home, test_rows=np.arange(240) % 3 == 0)
    at = look("search", dataset="birds")
    for setting in at.selectbox(key="setting 2").options:
        for preset in at.selectbox(key="preset").options:
            at.selectbox(key="preset").set_value(preset)
            at.selectbox(key="setting 2").set_value(setting)
            rerun(at)
            for solver in ("implicit", "unrolled"):
                at.selectbox(key=f"solver birds {preset} {setting}").set_value(solver)
                rerun(at)
                assert at.error.len == (0 if any(b.key == "launch" for b in at.button) else 1)


def test_one_space_cannot_judge_itself(home, data):
    at = look("search", dataset="birds")
    at.selectbox(key="phi2 birds").set_value("phi1")
    assert "In one space every labeling generalizes" in rerun(at).warning[0].value


def test_data_that_vanish_between_two_looks_are_no_disaster(home, data):
    at = few_seeds(look("search", dataset="birds"))
    shutil.rmtree(data.folder)
    press(at, "launch")
    assert at.error.len <= 2
    go(at, "start")
    assert at.title.len == 1
    assert not at.error
