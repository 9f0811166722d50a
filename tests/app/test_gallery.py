"""The gallery as a page sees it; what the browser makes of it is for the browser tests."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.rules import cases


def page(with_images=True):
    from dataclasses import replace

    import streamlit as st

    import hume
    from pages._widgets.gallery import Tile, gallery

    dataset = hume.load_dataset("digits")
    if not with_images:
        dataset = replace(dataset, folder=None)
    heard = st.session_state.setdefault("heard", [])
    tiles = [Tile(7), Tile(3, "<b>eight</b>", "wrong"), Tile(1796, "last", "rejected")]
    row = gallery(tiles, key="some", dataset=dataset, label="Some samples", on_click=heard.append)
    st.text(f"row {row}")


def element(at):
    return next(each for each in at.get("bidi_component") if each.key == "some")


def click(at, *values):
    """Send what the component's script sends when a tile is clicked on; AppTest runs no script itself."""
    states = at._tree.get_widget_states()
    trigger = states.widgets.add()
    trigger.id = f"$$STREAMLIT_INTERNAL_KEY_{element(at).proto.id}__events"
    trigger.json_trigger_value = json.dumps([{"event": "clicked", "value": value} for value in values])
    return at._run(states)


@pytest.fixture
def at():
    return AppTest.from_function(page, default_timeout=600).run()


def test_rows_captions_and_marks_travel_and_no_pixels(at):
    data = json.loads(element(at).proto.json)
    assert data["tiles"] == [[7, "", ""], [3, "<b>eight</b>", "wrong"], [1796, "last", "rejected"]]
    assert data["label"] == "Some samples"
    assert data["url"].startswith("/thumbnails/")
    assert data["pixelated"] is True
    assert data["query"] == data["preview"] == ""
    assert len(element(at).proto.json) < 400


def test_a_dataset_without_images_has_no_urls():
    at = AppTest.from_function(page, default_timeout=600, kwargs={"with_images": False}).run()
    assert not at.exception
    assert json.loads(element(at).proto.json)["url"] is None


def test_a_click_gives_its_row_once(at):
    assert at.text[0].value == "row None"
    click(at, {"row": 3, "n": 1})
    assert at.text[0].value == "row 3"
    assert at.session_state["heard"] == [3]
    at.run()
    assert at.text[0].value == "row None"
    click(at, {"row": 3, "n": 2})
    assert at.text[0].value == "row 3"
    assert at.session_state["heard"] == [3, 3]


def test_clicks_too_fast_for_a_rerun_each_are_heard_once(at):
    """The later message of two brings the earlier click along; a message of two calls the callback twice."""
    first, second, third = ({"row": row, "n": n} for row, n in ((7, 8), (1796, 9), (3, 10)))
    click(at, {**third, "earlier": [first, second]})
    assert at.session_state["heard"] == [7, 1796, 3]
    assert json.loads(element(at).proto.json)["heard"] == 10
    click(
        at, {**first, "n": 11}, {"row": 3, "n": 12, "earlier": [third, {**first, "n": 11}, {"row": -1, "n": 11}, "x"]}
    )
    assert at.session_state["heard"] == [7, 1796, 3, 7, 3]


@cases("value", [{"row": -1}, {"row": 1797}, {"row": "3"}, {"row": True}, {"row": 1.0}, {}, [3], 3, None])
def test_what_no_gallery_sends_is_no_click(at, value):
    click(at, value)
    assert not at.exception
    assert at.text[0].value == "row None"
    assert at.session_state["heard"] == []
