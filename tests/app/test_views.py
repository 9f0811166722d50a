"""Refined and searched labelings: one control for all pages, words that fit what is shown, a choice of the axis."""

import numpy as np
import pytest

from hume import Store
from hume.evaluation import metrics
from hume.experiments import criteria
from hume.reporting import sentences
from hume.reporting.report import report
from hume.runs.findings import Findings
from tests.support.app_driver import (  # fmt: skip
    birds,
    component,
    drawn,
    figures,
    finished,
    go,
    look,
    markdown,
    press,
    rerun,
    says,
    tables,
    tiles,
    words,
)

PAGES = ("start", "objective", "aggregation", "explore", "reliable", "runs")
OF_REFINED = ("most likely", "likelihood", "refined vote")
OF_SEARCHED = ("best-scored", "paper's choice", "best score")


@pytest.fixture(scope="module")
def shelf_of_views(tmp_path_factory):
    """A refined run of eight seeds, of which two vote, one that is not refined, and one that could not be."""
    store = Store(tmp_path_factory.mktemp("views").resolve())
    data = birds(store, noise=0.8)
    joint = {"refine": "joint"}
    finished(store, data, "joint", seeds=range(8), of_run=joint, num_iterations=60)
    finished(store, data, "plain", seeds=range(3), num_iterations=60)
    few = birds(store, "few", size=4)  # of each class, fewer than the five that a covariance needs
    small = {"num_train": 10, "num_test": 5}
    assert finished(store, few, "too-few", of_run=joint, **small).scores()["not_refined"]
    return store


@pytest.fixture
def shown(shelf_of_views, monkeypatch):
    monkeypatch.setenv("HUME_HOME", str(shelf_of_views.home))
    return shelf_of_views


def texts(at):
    return " ".join(words(at))


def views(at):
    return [radio for radio in at.radio if radio.key == "labeling"]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_the_control_and_only_words_of_what_it_shows(shown, page):
    at = look(page, run="joint", start_data="birds")
    assert [radio.value for radio in views(at)] == ["refined"]
    assert not [wrong for wrong in OF_SEARCHED if wrong in texts(at)]
    at = look(page, run="joint", start_data="birds", labeling="searched")
    assert [radio.value for radio in views(at)] == ["searched"]
    control = texts(at).replace("the most likely vote", "").replace("the vote of the most likely ones", "")
    control = control.replace("ranked by its likelihood", "")
    assert not [wrong for wrong in OF_REFINED if wrong in control]


def test_a_run_that_is_not_refined_has_no_control_and_says_why_where_it_should_be(shown):
    assert not views(look("objective", run="plain"))
    at = look("objective", run="too-few")
    assert not views(at)
    assert "fewer than 5 samples a class" in at.info[0].value


def test_the_choice_stays_on_all_pages(shown):
    refined, searched = (Findings(shown.open("joint"), view) for view in ("refined", "searched"))
    at = look("start", run="joint", start_data="birds")
    assert at.subheader[0].value == "The refined vote of the 2 most likely of 8 random starts: 4 classes"
    assert any(says(text, f"{refined.vote_agreement.acc:.1%}", f"{searched.vote_agreement.acc:.1%}")
               for text in markdown(at) if "Without refinement" in text)  # fmt: skip
    typical = refined.typical(refined.vote.labeling, 12)
    for k in range(4):
        assert [tile[0] for tile in tiles(at, f"class {k}")] == [row for row in typical[k] if row >= 0]
    rerun(views(at)[0].set_value("searched"))
    assert at.subheader[0].value == "The vote of all 8 random starts: 4 classes"
    go(at, "objective")
    assert at.subheader[0].value.startswith(f"Seed {searched.seeds[searched.statistics.order[0]]}: rank 1")
    assert tables(at)["ranking joint"]["acc"].tolist() == [
        searched.statistics.accuracy[i] for i in searched.statistics.order
    ]


def test_the_first_axis_is_what_ranks_the_seeds_and_the_table_has_all(shown):
    found = Findings(shown.open("joint"))
    at = look("objective", run="joint")
    cloud = figures(at)["cloud joint"]
    points = {seed: (x, y) for trace in cloud["data"] for seed, x, y in
              zip(np.ravel(trace.get("customdata", [])), trace["x"], trace["y"], strict=False)}  # fmt: skip
    for i, seed in enumerate(found.seeds):
        assert np.allclose(points[seed], (found.likelihood[i], 100 * found.statistics.accuracy[i]), rtol=1e-5)
    assert any("most likely" in str(trace.get("name")) for trace in cloud["data"])
    at = rerun(at.selectbox(key="axis").set_value("score"))
    assert figures(at)["cloud joint"]["layout"]["xaxis"]["title"]["text"].startswith("Cross-validation score")
    at = rerun(at.selectbox(key="axis").set_value("both"))
    assert "cloud joint" in figures(at)  # the verdict has scored them in φ1
    mean = (criteria.phi1_scores(found) + found.statistics.cv_score) / 2
    expected = metrics.correlation(mean, found.statistics.accuracy)
    rows = {(row.criterion, row.refined): row.correlation for row in criteria.table(found)}
    assert list(rows) == [(name, refined) for name in ("score", "both", "likelihood") for refined in (False, True)]
    assert rows["both", True] == expected
    assert rows["likelihood", True] == found.correlation
    assert rows["score", False] == found.searched.correlation
    assert len(criteria.table(found.searched)) == 2


def test_the_map_shows_how_probable_a_refined_class_is(shown):
    colour, margin = "Probability of its class", "Margin to the second class"
    known = Findings(shown.open("joint")).confidence
    at = look("explore", run="joint", colour=colour, rows="5,6", sample="7")
    points = drawn(at, "map joint")
    np.testing.assert_allclose([points[row] for row in range(len(known))], known, rtol=1e-5)
    assert component(at, "map joint")["colours"][0]["title"] == colour
    assert f"Its probability is {known[7]:.1%}." in texts(at).replace("\u00a0", "")
    at = press(at, "close sample")
    table = tables(rerun(at.segmented_control(key="as").set_value("Table")))["samples"]
    assert np.allclose(table["probability"], known[[5, 6]])
    ratio = np.exp(-np.array(list(drawn(look("explore", run="joint", colour=margin), "map joint").values())))
    num_classes = Findings(shown.open("joint")).num_classes
    assert (known <= 1 / (1 + ratio) + 1e-5).all()  # the second class has that share of the first, others no more
    assert (known >= 1 / (1 + (num_classes - 1) * ratio) - 1e-5).all()
    at = look("explore", run="joint", colour=colour, labeling="searched")
    assert margin not in at.selectbox(key="colour").options
    assert colour not in at.selectbox(key="colour").options
    assert "Its probability" not in texts(look("explore", run="joint", labeling="searched", sample="7"))


@pytest.mark.parametrize("view", ["refined", "searched"])
def test_the_verdict_says_what_it_is_of(shown, view):
    at = look("objective", run="joint", labeling=view)
    boxes = [box.value for kind in ("success", "info", "warning") for box in at.get(kind)]
    about = {"refined": "most likely labeling", "searched": "anking of the seeds"}
    assert [name for name, words in about.items() if any(words in text for text in boxes)] == [view]


def test_blind_there_is_no_table_and_no_accuracy(shown):
    at = look("objective", run="joint", blind="true")
    assert "accuracy" not in [column for table in tables(at).values() for column in table.columns]
    assert {"rank", "seed", "likelihood", "cv_score"} <= set(tables(at)["ranking joint"].columns)
    assert "acc" not in tables(at)["ranking joint"].columns


def test_reports_follow_the_view(shown):
    refined, searched = (Findings(shown.open("joint"), view) for view in ("refined", "searched"))
    page = report(refined)
    assert sentences.voters(refined, truth=True).replace("&", "&amp;") in page
    assert "The most likely first" in page
    assert not [wrong for wrong in OF_SEARCHED if wrong in page]
    page = report(searched)
    assert "The best-scored first" in page
    assert not [wrong for wrong in ("most likely", "refined vote") if wrong in page]


def test_runs_are_listed_with_the_votes_of_the_view(shown):
    scores = shown.open("joint").scores()
    line = look("runs", run="joint")
    table = tables(line)["runs"].set_index("run")
    assert table.loc["joint", "vote ACC"] == scores["vote"]["acc"]
    assert table.loc["joint", "searched vote ACC"] == scores["searched_vote"]["acc"]
    table = tables(look("runs", run="joint", labeling="searched"))["runs"].set_index("run")
    assert table.loc["joint", "vote ACC"] == scores["searched_vote"]["acc"]
    assert table["labeling"].tolist() == ["searched"] * 3


@pytest.mark.parametrize("view", ["refined", "searched"])
def test_curves_mark_where_the_voters_end(shown, view):
    found = Findings(shown.open("joint"), view)
    data = figures(look("aggregation", run="joint", labeling=view))["top n"]["data"]
    ends = [trace["x"] for trace in data if trace["mode"] == "markers" and trace["x"] != [None]]
    assert ends == [[1, len(found.voters)]] * 2
