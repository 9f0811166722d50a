"""Selections on the pages: filters, names, keys, undo; and where they choose samples."""

import json

import numpy as np
import pytest

from hume.runs import review, selections
from hume.runs.findings import Findings
from tests.support.app_driver import birds, click, given, key, look, press, rerun, tables, tick, tiles, words

FILES = [f"bird {row}.png" for row in range(240)]


@pytest.fixture
def run(home):
    data = birds(home, files=FILES)
    return given(home, data, "written", [data.labels, data.labels, np.roll(data.labels, 1)])


def table_of(at):
    at.segmented_control(key="as").set_value("Table")
    return rerun(at)


def listed(at):
    return tables(at)["samples"].index.tolist()


def field(at, name):
    return next(each for each in [*at.text_input, *at.multiselect, *at.slider] if (each.key or "").startswith(name))


def selected(at):
    return [row for row, *_ in tiles(at, "selection")]


def test_a_filter_is_a_selection_and_a_link(run):
    at = table_of(look("explore", run="written"))
    assert listed(at) == list(range(240))
    field(at, "search").set_value("BIRD 17")
    at = rerun(at)
    expected = [row for row in range(240) if "bird 17" in FILES[row]]
    assert listed(at) == expected
    assert any(text.value.startswith(f"**{len(expected)} samples**") for text in at.markdown)
    field(at, "filtered").set_value(["found class"])
    field(rerun(at), "filter ").set_value(["Class 1"])
    at = rerun(at)
    both = [row for row in expected if Findings(run).vote.labeling[row] == 1]
    assert listed(at) == both
    again = look("explore", run="written", filter=at.query_params["filter"])
    assert selected(again) == both
    at = table_of(again)
    field(at, "search").set_value("no such bird")
    at = rerun(at)
    assert listed(at) == []
    field(at, "search").set_value("")
    field(at, "filtered").set_value([])
    at = rerun(at)
    assert listed(at) == list(range(240))
    assert "filter" not in at.query_params


def test_ticked_rows_are_selected_and_the_list_stays(run):
    at = table_of(look("explore", run="written", rows="3,8,20"))
    at = tick(at, "samples", [0, 2])
    assert listed(at) == [3, 8, 20]
    assert any(text.value.startswith("**2 samples**") for text in at.markdown)
    at = tick(at, "samples", [1])
    assert at.button(key="open ticked").label == "Open sample 8"
    at = press(at, "open ticked")
    assert at.subheader[0].value == "Sample 8 · bird 8\\.png"


def test_a_selection_is_kept_combined_renamed_deleted_and_got_back(run):
    at = look("explore", run="written", rows="3,8,20")
    at.text_input(key="selection name").set_value("odd *ones*")
    at = rerun(at.button(key="FormSubmitter:keep selection-Keep").click())
    assert selections.read(run).rows("odd *ones*").tolist() == [3, 8, 20]
    at = look("explore", run="written", rows="8,9")
    for how, expected in {"without": [9], "or": [3, 8, 9, 20], "and": [3, 8, 20]}.items():
        at = press(at, f"combine {how}")
        assert selected(at) == expected
    renamed = next(each for each in at.text_input if each.key.startswith("new name"))
    at = rerun(renamed.set_value("odd"))
    assert list(selections.read(run).by_name) == ["odd"]
    at = press(at, "delete kept")
    assert selections.read(run).by_name == {}
    at = press(at, "undo kept")
    assert list(selections.read(run).by_name) == ["odd"]
    at.text_input(key="selection name").set_value("odd")
    at = rerun(at.button(key="FormSubmitter:keep selection-Keep").click())
    assert "already" in at.toast[0].value


def test_a_kept_selection_chooses_the_reliable_samples_and_the_questions(run):
    selections.keep(run, "few", range(40), num_samples=240)
    at = look("reliable", run="written", per_class="60", among="“few”")
    shown = {row for k in range(4) for row, *_ in tiles(at, f"reliable {k}")}
    assert shown == set(range(40))
    at = look("answer", run="written", ask="a selection")
    at = rerun(at.selectbox(key="asked about").set_value("“few”"))
    assert tiles(at, "asked")[0][0] < 40
    selections.delete(run, "few")
    at = rerun(at)
    assert "Nothing is selected" in at.info[0].value


def test_whatever_was_done_last_is_undone_and_done_again(run):
    at = look("explore", run="written", rows="3,8,20")
    at = key(at, "selection", 8, "1")
    assert review.read(run).answers == {8: 1}
    at = key(at, "keys", None, "u")
    assert review.read(run).answers == {}
    at = key(at, "keys", None, "U")
    assert review.read(run).answers == {8: 1}
    at = key(at, "selection", 8, "x")
    assert review.read(run).set_aside == {8}
    at = key(at, "selection", 8, "x")
    assert review.read(run).answers == {}
    at = press(at, "clear selection")
    at = key(at, "keys", None, "u")
    assert selected(at) == [3, 8, 20]
    at = key(at, "keys", None, "U")
    assert "selection" not in [each.key for each in at.get("bidi_component")]


def test_arrows_go_through_the_selection_and_the_sheet_names_the_keys(run):
    at = click(look("explore", run="written", rows="3,8,20"), "selection", 8)
    for pressed, row in (("ArrowRight", 20), ("ArrowRight", 3), ("ArrowLeft", 20)):
        at = key(at, "keys", None, pressed)
        assert at.query_params["sample"] == str(row)
    at = key(at, "keys", None, "?")
    assert any("undoes what was done last" in text for text in words(at))


def test_a_picture_of_reliable_samples_opens_on_explore(run):
    at = look("reliable", run="written", per_class="5")
    row = tiles(at, "reliable 2")[1][0]
    at = key(at, "reliable 2", row, "x")
    assert review.read(run).rejected == {row}
    at = key(at, "reliable 2", row, "Enter")
    assert at.subheader[0].value.startswith(f"Sample {row}")


def test_the_composition_adds_up(run):
    at = look("explore", run="written", rows=",".join(map(str, range(40))))
    text = next(text.value for text in at.markdown if text.value.startswith("**40 samples**"))
    numbers = [int(part.split()[0]) for part in text.split("· ")[1].split(", ")]
    assert sum(numbers) == 40


def test_what_no_gallery_sends_does_nothing(run):
    at = look("explore", run="written", rows="3,8,20")
    for row, pressed in ((10**9, "x"), ("3", "x"), (3, "q"), (3, None)):
        at = key(at, "selection", row, pressed)
    at = key(at, "keys", None, json.dumps({}))
    assert review.read(run).steps == ()
