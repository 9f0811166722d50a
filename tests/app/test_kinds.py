"""Data and runs of every kind: classes that do not match, a test split, imported tasks, odd names, broken folders."""

import json

import numpy as np
import pytest

from hume.data.thumbnails import PIXEL_ART
from hume.exchange.author_runs import export_run, import_tasks
from hume.runs.findings import Findings
from tests.support.app_driver import (
    OF_A_RUN,
    PAGES,
    birds,
    click,
    ended,
    finished,
    galleries,
    given,
    go,
    look,
    markdown,
    press,
    rerun,
    tables,
    words,
)
from tests.support.planted_runs import save_folder

MARKUP = "**b** $x$ :smile:"


def walk(run, dataset="birds", **query):
    """Look at a run on every page, by every colour."""
    for page in PAGES:
        at = look(page, run=run, start_data=dataset, dataset=dataset, sample="3", rows="1,2", **query)
        assert [error.value for error in at.error] == []
        if page == "explore":
            for colour in at.selectbox(key="colour").options:
                at.selectbox(key="colour").set_value(colour)
                assert rerun(at).error.len == 0


@pytest.mark.parametrize("num_classes", [3, 8])
def test_the_classes_need_not_be_as_many_as_peoples(home, num_classes):
    finished(home, birds(home), "other", num_classes=num_classes, seeds=range(3))
    walk("other")
    said = words(look(run="other", start_data="birds"))
    unmatched = sum("no matching true class" in text for text in said)
    assert unmatched == max(0, num_classes - 4)


def test_more_classes_than_colours(home):
    data = birds(home, "many", classes=40, size=6, dim=44, names=[f"kind {k}" for k in range(40)])
    given(home, data, "many", [data.labels, np.roll(data.labels, 1)], num_classes=40)
    walk("many", "many")
    assert len(galleries(look("reliable", run="many"))) == 40


def test_labels_without_names_go_by_their_numbers(home):
    finished(home, birds(home, names=None, dim=12), "plain")
    walk("plain")
    assert any("ground truth: *2*" in text for text in words(look(run="plain", start_data="birds")))


def test_a_test_split_is_searched_and_read_inductively(home):
    birds(home, test_rows=np.arange(240) % 3 == 0)
    at = look("search", dataset="birds")
    at.number_input(key="num_seeds").set_value(3)
    at.selectbox(key="setting 2").set_value("inductive")
    press(rerun(at), "launch")
    name = home.names()[0]
    assert ended(name) == "finished"
    assert home.open(name).request.setting == "inductive"
    assert Findings(home.open(name)).evaluated.sum() == 80
    walk(name)
    for rows in ("all", "train", "test"):
        assert look("reliable", run=name, rows_of=rows).error.len == 0


def test_imported_tasks_are_read_like_any_run(home):
    data = birds(home)
    export_run(finished(home, data, "mine"), home.home / "theirs")
    import_tasks(home, home.home / "theirs", data, phi1="phi1", phi2="phi2", name="theirs")
    walk("theirs")
    metrics = {metric.label: metric.value for metric in look("objective", run="theirs").metric}
    assert (metrics["Objective"], metrics["Ended"]) == ("–", "imported")
    assert tables(look("runs"))["runs"].set_index("run").loc["theirs", "solver"] == "imported"


def test_a_handful_of_samples_is_enough_or_said_to_be_too_few(home):
    data = birds(home, "few", size=3, noise=0.1)
    given(home, data, "few", [data.labels] * 2)
    for page in (*OF_A_RUN, "runs"):
        assert look(page, run="few").error.len == 0
    for page in ("start", "search"):
        at = look(page, start_data="few", dataset="few")
        assert at.error.len <= 1
        assert at.title.len == 1


def test_pictures_are_clicked_on_and_fetched_by_address(home):
    data = birds(home)
    np.save(data.folder / "images.npy", np.zeros((240, PIXEL_ART, PIXEL_ART, 3), np.uint8))
    at = look("start", start_data="birds")
    click(at, "mosaic", 17)
    assert any(caption.value.startswith("Sample 17, not labeled") for caption in at.caption)
    mosaic = next(each for each in at.get("bidi_component") if each.key == "mosaic")
    assert json.loads(mosaic.proto.json)["url"].startswith("/thumbnails/")


def test_pictures_that_cannot_be_read_are_named(home):
    data = birds(home)
    given(home, data, "blurred", [data.labels] * 2)
    np.save(data.folder / "images.npy", np.zeros((7, 5), np.float32))
    for page in ("start", "objective", "explore", "reliable"):
        at = look(page, run="blurred", start_data="birds", sample="3")
        assert "birds" in at.error[0].value
        assert at.error.len == 1


# --- names and folders ------------------------------------------------------------------------------


def test_data_whose_folder_and_spaces_are_called_by_markup(home):
    data = birds(home, MARKUP)
    for old in sorted((data.folder / "spaces").iterdir()):
        old.rename(old.with_name(f"{old.stem} {MARKUP}.npy"))
    at = look("search", dataset=MARKUP)
    at.number_input(key="num_seeds").set_value(3)
    press(rerun(at), "launch")
    name = home.names()[0]
    assert ended(name) == "finished"
    for page in PAGES:
        of_it = dict.fromkeys(("start_data", "dataset", "data", "compared"), MARKUP)
        at = look(page, run=name, sample="3", rows="1,2", **of_it)
        assert [text for text in markdown(at) if MARKUP in text] == []
        assert at.error.len == 0


def test_a_dataset_of_the_home_folder_stands_in_for_an_embedded_one(home):
    birds(home, "digits")
    for page in PAGES:
        at = look(page, start_data="digits", dataset="digits")
        assert at.error.len == 0
    assert look("search", dataset="digits").number_input(key="K digits").value == 4


# --- what the reader set stays ------------------------------------------------------------------------


def test_the_form_keeps_what_was_typed_while_other_pages_are_looked_at(home):
    birds(home)
    at = look("search", dataset="birds")
    at.number_input(key="K birds").set_value(3)
    at.number_input(key="num_seeds").set_value(7)
    rerun(at)
    go(at, "runs")
    go(at, "search")
    assert at.selectbox(key="dataset").value == "birds"
    assert at.number_input(key="K birds").value == 3
    assert at.button(key="launch").label == "Launch 7 seeds"


def test_a_space_more_or_less_in_the_data_is_a_space_more_or_less_to_choose(home):
    data = save_folder(home.home / "datasets" / "three", names=["a", "b", "c"])
    np.save(data.folder / "spaces" / "phi3.npy", np.array(data.space("phi1").features))
    at = look("search", dataset="three")
    assert len(at.selectbox(key="phi1 three").options) == 3
    (data.folder / "spaces" / "phi2.npy").unlink()
    (data.folder / "spaces" / "phi3.npy").unlink()
    at = look("search", dataset="three")
    assert at.title.len == 1
