"""On Explore: search by a sample, a new picture or words. On Reliable samples: words that propose names."""

import numpy as np
import pytest

from hume import Store
from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.similar import like_row
from hume.runs.similar_new import like_words, propose_names
from tests.support import torchvision_here  # noqa: F401
from tests.support.app_driver import look, press, rerun, save_maps, tiles
from tests.support.tiny_clip import picture_files, run_in_clip, tiny_clip


@pytest.fixture(scope="module")
def shelf_of_pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    store = Store((folder / "home").resolve())
    run = run_in_clip(store, picture_files(folder / "pictures"), tiny_clip(folder))
    save_maps(store, run.dataset())
    return store, folder / "pictures"


@pytest.fixture
def found(shelf_of_pictures, monkeypatch):
    monkeypatch.setenv("HUME_HOME", str(shelf_of_pictures[0].home))
    return Findings(shelf_of_pictures[0].open("run"))


def searching(by, **query):
    at = look("explore", run="run", **query)
    at.session_state["search samples"] = True
    at = rerun(at)
    return rerun(at.segmented_control(key="search by").set_value(by))


def rows(at):
    return [tile[0] for tile in tiles(at, "similar")]


def test_the_sample_that_is_open_is_searched_for_and_what_is_found_can_be_selected(found):
    at = searching("a sample", sample="7")
    assert rows(at) == like_row(found, 7, "both", 40).rows.tolist()
    at = rerun(at.segmented_control(key="search in").set_value("φ2"))
    expected = like_row(found, 7, "phi2", 40).rows.tolist()
    assert rows(at) == expected
    at = press(at, "select similar")
    assert at.query_params["rows"] == ",".join(map(str, expected))


def test_a_new_picture_finds_itself_in_the_set(found, shelf_of_pictures):
    content = (shelf_of_pictures[1] / "011.png").read_bytes()
    at = searching("a new picture")
    at = rerun(at.file_uploader(key="search picture").set_value(("mine.png", content, "image/png")))
    assert rows(at)[0] == 11


def test_a_file_that_is_no_picture_is_named(found):
    at = searching("a new picture")
    at = rerun(at.file_uploader(key="search picture").set_value(("mine.png", b"no picture", "image/png")))
    assert [warning.value for warning in at.warning] == ["mine.png is not an image: choose another picture"]
    assert at.error.len == 0


def test_words_find_what_the_library_finds(found):
    at = searching("words")
    at = rerun(at.text_input(key="search words").set_value("a round zero"))
    assert rows(at) == like_words(found, "a round zero", 40).rows.tolist()


def test_a_proposed_name_is_given_by_a_click_alone(found):
    at = look("reliable", run="run")
    at.session_state["propose names"] = True
    at = rerun(rerun(at).text_area(key="words for names").set_value("zero, one\ntwo"))
    best = propose_names(found, ["zero", "one", "two"]).best()
    assert [at.button(key=f"propose {k} {i}").label for k in range(3) for i in range(3)] == [
        word for k in range(3) for word in best[k]
    ]
    assert review.read(found.run).names == {}
    press(at, "propose 1 0")
    assert review.read(found.run).names == {1: best[1][0]}
    review.undo(found.run)


def test_data_without_pictures_offer_their_samples_alone(library):
    at = look("explore", run="first")
    at.session_state["search samples"] = True
    at = rerun(at)
    assert at.segmented_control(key="search by").options == ["a sample"]
    near = like_row(Findings(library.open("first")), 0, "both", 40).rows
    assert rows(at) == near.tolist()
    assert np.unique(near).size == 40
