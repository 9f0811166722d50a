"""The labelings that the seeds found: listed, shown in pictures, and one of them chosen for all pages."""

import numpy as np
import pytest

from hume import Store
from hume.runs.findings import Findings
from tests.support.app_driver import birds, given, go, look, markdown, press, says, tables, tick, tiles, words


@pytest.fixture(scope="module")
def shelf_of_modes(tmp_path_factory):
    """Seeds 0 to 3 found the true classes, 4 and 5 two of them exchanged in part."""
    store = Store(tmp_path_factory.mktemp("modes").resolve())
    dataset = birds(store)
    truth, numbers = dataset.labels, np.arange(len(dataset.labels))
    other = np.where((truth < 2) & (numbers % 2 == 0), 1 - truth, truth)
    given(store, dataset, "two", [truth, truth, truth, truth, other, other])
    given(store, dataset, "one", [truth, truth])
    return store


@pytest.fixture
def found(shelf_of_modes, monkeypatch):
    monkeypatch.setenv("HUME_HOME", str(shelf_of_modes.home))
    return Findings(shelf_of_modes.open("two"))


def shown(at, number):
    return tick(at, "modes two", [number - 1])


def test_the_labelings_are_counted_listed_and_shown_in_pictures(found):
    at = look("objective", run="two")
    assert any("The 6 seeds found 2 labelings" in text for text in markdown(at))
    table = tables(at)["modes two"]
    assert table["seeds"].tolist() == [4, 2]
    assert table["acc"].tolist() == [1, pytest.approx(0.75)]
    second = found.modes[1].vote.labeling
    at = shown(at, 2)
    for k in range(4):
        rows = [tile[0] for tile in tiles(at, f"mode class {k}")]
        assert rows
        assert set(second[rows]) == {k}
    changed = np.flatnonzero(second != found.modes[0].vote.labeling)
    assert {tile[0] for tile in tiles(at, "mode changed")} <= set(changed.tolist())
    assert any(text.startswith("60 samples") and says(text, "25.0%") for text in markdown(at))


def test_a_chosen_labeling_is_that_of_all_pages_and_of_the_address(found):
    at = press(shown(look("objective", run="two"), 2), "use mode")
    assert at.query_params["mode"] == "2"
    for page in ("start", "explore", "objective"):
        at = go(at, page)
        assert at.selectbox(key="mode").value == "2"
    assert at.query_params["mode"] == "2"
    at = look("start", run="two", mode="2", start_data="birds")
    [text] = [text for text in markdown(at) if "right class of the ground truth" in text]
    assert says(text, "75.0%")
    at = at.selectbox(key="mode").set_value("vote").run()
    [text] = [text for text in markdown(at) if "right class of the ground truth" in text]
    assert says(text, "100.0%")


def test_the_address_chooses_a_labeling_and_another_run_has_its_own(found):
    at = look("objective", run="two", mode="2")
    assert at.selectbox(key="mode").value == "2"
    assert at.button(key="use vote")
    at = at.selectbox(key="run").set_value("one").run()
    assert "mode" not in [box.key for box in at.selectbox]
    assert any("found 1 labeling: all are nearly the same" in text for text in markdown(at))
    at = look("objective", run="two", mode="9")
    assert [error.value for error in at.error] == ["run 'two' has no mode 9: its seeds found 2 labelings, see `modes`"]
    assert look("objective", run="two", mode="none of these").error.len == 0


def test_blind_mode_shows_nothing_of_the_truth(found):
    at = shown(look("objective", run="two", blind="true"), 2)
    assert "acc" not in tables(at)["modes two"]
    assert not [text for text in words(at) if "accuracy 75" in text]
    assert any("accuracy 75" in text for text in words(shown(look("objective", run="two"), 2)))
