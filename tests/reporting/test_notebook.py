"""What a notebook shows: a widget whose selection is a Python value, and a figure by one call."""

import io
import sys

import numpy as np
import plotly.graph_objects as go
import pytest
import traitlets
from PIL import Image

import hume
from hume import Store
from hume.common.errors import InputError, RunError
from hume.data.thumbnails import MEDIA_TYPE
from hume.runs import review
from hume.runs.findings import Findings
from tests.support.app_driver import birds, given


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Four seeds on 240 samples with pictures, one of which is a little different."""
    store = Store(tmp_path_factory.mktemp("notebook").resolve())
    dataset = birds(store)
    pictures = np.random.default_rng(0).integers(0, 256, (240, 9, 9), np.uint8)
    np.save(dataset.folder / "images.npy", pictures)
    dataset = store.load_dataset("birds")
    truth = dataset.labels
    other = np.where(np.arange(240) < 10, (truth + 1) % 4, truth)
    given(store, dataset, "other", [other, other])
    run = given(store, dataset, "run", [truth, truth, other, other])
    review.name_class(run, 2, "wrens")
    return Findings(run)


@pytest.fixture
def widget(found):
    return hume.explore(found)


# --- the widget ----------------------------------------------------------------------------------


def test_a_lasso_in_the_browser_is_a_selection_in_python(widget):
    seen = []
    widget.observe(lambda change: seen.append(change["new"].tolist()), "selection")
    assert widget.selection.tolist() == []
    widget.done = {"select": {"rows": [9, 3, 3, 700, "x"]}, "n": 1}
    assert widget.selection.tolist() == [3, 9]
    assert seen == [[3, 9]]
    assert widget.selected["rows"] == [3, 9]  # what the browser shows from now on


def test_a_selection_in_python_is_shown_in_the_browser(widget):
    widget.selection = np.array([5, 1])
    assert widget.selected["rows"] == [1, 5]
    widget.selection = range(240)
    assert len(widget.selection) == 240
    for rows in ([240], [-1], [0.5], ["a"]):
        with pytest.raises(traitlets.TraitError, match="row numbers from 0 to 239"):
            widget.selection = rows
    assert len(widget.selection) == 240


def test_arrays_and_names_travel_with_the_widget(widget, found):
    colour = widget.scene["colours"][0]
    codes = np.frombuffer(widget.arrays[colour["codes"]["key"]], colour["codes"]["type"])
    np.testing.assert_array_equal(codes, found.vote.labeling)
    assert colour["names"][2] == "wrens"
    places = widget.scene["panels"][0]["places"]
    assert len(np.frombuffer(widget.arrays[places["key"]], places["type"])) == 2 * 240


def test_pictures_are_sent_when_the_browser_asks(widget, found):
    sent = []
    widget.send = lambda content, buffers: sent.append((content, buffers))
    widget._asked(widget, {"rows": [7, 240, -1, "x"], "size": 0}, [])
    widget._asked(widget, {"rows": "all"}, [])
    widget._asked(widget, None, [])
    [(content, [picture])] = sent
    assert content["rows"] == [7]
    opened = Image.open(io.BytesIO(picture))
    assert opened.get_format_mimetype() == MEDIA_TYPE
    np.testing.assert_array_equal(np.asarray(opened.convert("L")), found.dataset.images[7])


def test_points_are_coloured_by_numbers_or_texts(found):
    by_text = hume.explore(found, colour=np.where(found.vote.labeling < 2, "few", "many"))
    colour = by_text.scene["colours"][0]
    assert colour["names"] == ["few", "many"]
    by_number = hume.explore(found, colour=found.vote.share, space="phi2")
    colour = by_number.scene["colours"][0]
    assert colour["kind"] == "values"
    with pytest.raises(InputError, match="one entry for each of 240 samples"):
        hume.explore(found, colour=[1, 2])
    with pytest.raises(InputError, match="no map of 'phi3'"):
        hume.explore(found, space="phi3")


def test_without_anywidget_the_error_says_what_to_install(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "hume.reporting.explorer", raising=False)
    with pytest.raises(InputError, match="install anywidget"):
        hume.explore(found)


# --- figures -------------------------------------------------------------------------------------


def test_every_figure_is_one_call(found):
    figures = hume.figures(found)
    made = {
        "objective": figures.objective(),
        "aggregation": figures.aggregation("other"),
        "classes": figures.classes(),
        "confusion": figures.confusion(),
        "votes": figures.votes(3),
        "differences": figures.differences("other"),
        "map": figures.map(),
    }
    assert {type(figure) for figure in made.values()} == {go.Figure}
    seeds = [trace.customdata for trace in made["objective"].data if trace.customdata is not None]
    assert sorted(np.ravel(seeds[0]).astype(int)) == [0, 1, 2, 3]
    rows = np.concatenate([trace.customdata for trace in made["map"].data])
    np.testing.assert_array_equal(np.sort(rows), np.arange(240))
    assert [trace.name for trace in made["map"].data][2] == "wrens"
    assert figures.objective("score").layout.xaxis.title.text


def test_a_run_is_named_or_given(found, monkeypatch):
    monkeypatch.setenv("HUME_HOME", str(found.run.home))
    assert hume.figures("run").classes() == hume.figures(found.run).classes() == hume.figures(found).classes()
    with pytest.raises(RunError, match="no run 'gone'"):
        hume.figures("gone")


def test_what_a_run_has_not_is_said(tmp_path):
    store = Store(tmp_path)
    dataset = birds(store, labels=False)
    labels = np.arange(240) % 4
    figures = hume.figures(Findings(given(store, dataset, "blind", [labels, labels])))
    assert isinstance(figures.objective(), go.Figure)
    with pytest.raises(InputError, match="needs a ground truth"):
        figures.confusion()
    with pytest.raises(InputError, match="no sample 240"):
        figures.votes(240)
    with pytest.raises(InputError, match="no criterion 'likelihood': choose one of score"):
        figures.objective("likelihood")
