"""One current dataset: every page starts from it, the chosen run goes with it, and a link brings both."""

import numpy as np
import pytest
from PIL import Image

from hume.data.importers.images import import_arrays_of_images
from pages._state import services
from tests.support.app_driver import birds, go, look, press, quick, rerun, says, until

CHOICES = {"start": "segmented_control", "data": "selectbox", "search": "selectbox"}


def chosen(at, page):
    return getattr(at, CHOICES[page])(key="dataset")


@pytest.fixture
def two(home):
    """Two datasets with a run each, and one without."""
    for name in ("owls", "larks"):
        quick(home, birds(home, name), f"of-{name}")
    birds(home, "none")


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("page", CHOICES)
def test_a_dataset_chosen_on_one_page_is_the_dataset_of_all_and_its_run_is_chosen(page):
    at = look(page)
    assert chosen(at, page).value == "larks"  # of the newest run
    at = rerun(chosen(at, page).set_value("owls"))
    for other in CHOICES:
        assert chosen(go(at, other), other).value == "owls"
        assert at.query_params["dataset"] == "owls"
    assert go(at, "compare").selectbox(key="compared").value == "owls"
    at = go(at, "objective")
    assert at.selectbox(key="run").value == "of-owls"
    assert says(at.caption[0].value.replace("\\", ""), "Run of-owls", "dataset owls", "K = 4")
    at = rerun(chosen(go(at, page), page).set_value("none"))
    assert at.selectbox(key="run").value == "of-owls"  # there is none of the other
    assert chosen(go(at, "search"), "search").value == "none"
    at = rerun(at.selectbox(key="run").set_value("of-larks"))
    assert chosen(at, "search").value == "larks"


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("key", ["dataset", "data", "start_data"])
def test_a_link_names_the_dataset_also_as_earlier_versions_did(key):
    for page in CHOICES:
        at = look(page, **{key: "owls"})
        assert chosen(at, page).value == "owls"
        assert at.selectbox(key="run").value == "of-owls"
    assert chosen(look("start", run="of-owls"), "start").value == "owls"


def test_an_added_dataset_is_the_current_one_and_each_page_says_what_it_needs_next(home, tmp_path, monkeypatch):
    monkeypatch.setenv("HUME_DATA_ROOTS", str(tmp_path))
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 12, 3), np.uint8)
    (tmp_path / "mine").mkdir()
    for i, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / "mine" / f"{i}.png")
    at = look("data")
    at = press(rerun(at.text_input(key="path").set_value(str(tmp_path / "mine"))), "add path")
    until(lambda: not services.services().jobs.is_under_way("Add mine"))
    at = rerun(at)
    assert chosen(at, "data").value == "mine"
    assert says(at.success[0].value.replace("\\", ""), "Add mine: 9 of 9 given files are in mine")
    for page in ("start", "search"):
        at = go(at, page)
        assert chosen(at, page).value == "mine"
        assert says(at.info[0].value, "mine has 0 spaces: a search needs two")
        assert at.page_link[0].label == "Make two spaces"
        assert not [button for button in at.button if button.key == "launch"]


def test_the_spaces_of_a_dataset_lead_to_a_search_of_it(home):
    images = np.random.default_rng(0).integers(0, 256, (24, 12, 12), np.uint8)
    folder = import_arrays_of_images(images, home.dataset_roots[0], "pets")
    rng = np.random.default_rng(1)
    folder.add_space("one", rng.normal(size=(24, 6)).astype(np.float16), {"kind": "self-supervised"})
    assert not [link for link in look("data", dataset="pets").page_link if link.proto.page == "search"]
    folder.add_space("two", rng.normal(size=(24, 5)).astype(np.float16), {"kind": "pretrained"})
    at = look("data", dataset="pets")
    assert [link.label for link in at.page_link if link.proto.page == "search"] == ["Search with two of them"]
    at = go(at, "search")
    assert chosen(at, "search").value == "pets"
    assert (at.selectbox(key="phi1 pets").value, at.selectbox(key="phi2 pets").value) == ("one", "two")
