"""The Compare page: what was run stands side by side, what was not can be run, nothing printed is mixed in."""

import json

import numpy as np
import pytest

from hume.experiments import ablation, controlled_search, number_of_classes
from hume.experiments import comparison as comparison_module
from hume.experiments.ablation import SWEEPS
from hume.experiments.comparison import Comparison
from hume.experiments.methods import FIRST
from pages._state import services
from tests.support.app_driver import birds, figures, look, markdown, press, rerun, says, until
from tests.support.planted_runs import shorten


@pytest.fixture
def comparison(home, monkeypatch):
    shorten(monkeypatch, ablation, comparison_module, controlled_search, number_of_classes)
    return Comparison(home.home, birds(home), "phi1", "phi2", num_classes=4)


def board(at):
    """The leaderboard as a data frame, None where there is none."""
    return next((frame.value for frame in at.dataframe if "how" in frame.value), None)


def done():
    work = services.services().work
    until(lambda: work.statuses() and not any(status.under_way for status in work.statuses()))
    return {status.name: status for status in work.statuses()}


def test_nothing_run_says_what_to_do(comparison):
    at = look("compare", compared="birds")
    assert "No method was run on this pair of spaces yet" in at.markdown[0].value
    assert "leaderboard" not in figures(at)


def test_what_a_reader_would_try_first_is_one_button_until_it_was_run(comparison):
    at = look("compare", compared="birds")
    assert not any(each.proto.expanded for each in at.expander)  # explanations and further questions are folded
    assert at.button(key="run first").label == "Run 3 methods"
    comparison.run("shuffled")
    at = look("compare", compared="birds")
    assert at.button(key="run first").label == "Run 2 methods"
    press(at, "run first")
    ended = done()
    assert {status.state for status in ended.values()} == {"finished"}, ended
    assert all(comparison.saved(key) is not None for key in FIRST)
    at = look("compare", compared="birds")
    assert "run first" not in [button.key for button in at.button]
    assert [expander.label for expander in at.expander][-3:] == [
        "Which pair of spaces works best?",
        "What does each setting of the search do? Ablations",
        "How many classes are there?",
    ]


def test_methods_are_run_in_the_queue_and_stand_side_by_side(comparison):
    at = look("compare", compared="birds")
    key = next(each.key for each in at.multiselect if each.label == "Methods")
    at = rerun(at.multiselect(key=key).set_value(["hume", "shuffled", "kmeans-both"]))
    press(at, "run methods")
    ended = done()
    assert {status.state for status in ended.values()} == {"finished"}, ended
    at = look("compare", compared="birds")
    table = board(at)
    assert table["method"].tolist() == ["HUME as in the paper", "negative control: φ2 permuted", "k-means on φ1 and φ2"]
    standings = {each.method.key: each for each in comparison.standings()}
    assert table["ACC"].tolist() == [each.acc.mean for each in standings.values()]
    assert table["vote ACC"][0] == standings["hume"].vote_acc
    assert says(at.markdown[0].value, f"The accuracy of HUME's vote is {standings['hume'].vote_acc:.1%}")
    drawn = figures(at)["leaderboard"]["data"]
    assert {trace["name"] for trace in drawn} >= {"HUME", "negative controls", "without labels", "vote of the seeds"}


def test_the_judge_of_all_methods_is_a_job_and_its_choice_stands_below_the_board(comparison):
    for key in ("hume", "kmeans-both"):
        comparison.run(key)
    at = look("compare", compared="birds")
    assert "likelihood" not in board(at)
    press(at, "judge methods")
    assert {status.state for status in done().values()} == {"finished"}
    at = look("compare", compared="birds")
    assert board(at)["likelihood"].tolist() == [each.likelihood for each in comparison.standings()]
    assert board(at)["refined ACC"].notna().all()
    assert any("By the likelihood in both spaces" in text for text in markdown(at))
    assert not [button for button in at.button if button.key == "judge methods"]
    blind = look("compare", compared="birds", blind="true")
    assert "refined ACC" not in board(blind)
    assert not any("accurac" in text for text in markdown(blind) if "By the likelihood" in text)


def test_a_damaged_result_is_run_again(comparison):
    comparison.run("kmeans-phi1")
    (path,) = comparison.cache.folder.glob("*.safetensors")
    path.write_bytes(b"nothing")
    at = look("compare", compared="birds")
    assert board(at) is None


def test_without_labels_there_is_no_accuracy_and_no_probe(home):
    data = birds(home, "nameless", labels=False)
    Comparison(home.home, data, "phi1", "phi2", num_classes=4).run("kmeans-phi1")
    at = look("compare", compared="nameless")
    table = board(at)
    assert "ACC" not in table
    assert not [option for each in at.multiselect for option in each.options if "probe" in option]
    assert "needs a ground truth" in " ".join(markdown(at))


@pytest.mark.slow
def test_all_pairs_are_searched_and_drawn(home, comparison):
    comparison.run("hume")
    at = look("compare", compared="birds")
    (heat,) = figures(at)["pairs"]["data"]
    shown = np.array(heat["z"], float).reshape(2, 2) if not isinstance(heat["z"], dict) else None
    assert shown is None or np.isfinite(shown).sum() == 1
    press(at, "search pairs")
    done()
    assert comparison.on("phi2", "phi1").saved("hume-refined") is not None


def test_what_the_paper_prints_is_shown_apart(home):
    data = birds(home, "cifar10")
    Comparison(home.home, data, "phi1", "phi2", num_classes=4).run("kmeans-phi1")
    at = look("compare", compared="cifar10")
    printed = [frame.value for frame in at.dataframe if "source" in frame.value]
    assert len(printed) == 1
    assert all("Table" in source for source in printed[0]["source"])
    assert "method" in board(at)
    assert len(board(at)) == 1
    assert "printed" not in json.dumps(figures(at)["leaderboard"])
    blind = look("compare", compared="cifar10", blind="true")
    assert not [frame.value for frame in blind.dataframe if "source" in frame.value]


def test_a_family_of_searches_is_run_and_drawn(comparison):
    at = look("compare", compared="birds", family=SWEEPS["temperature"].title)
    assert at.selectbox(key="family").value == "temperature"
    press(at, "run family")
    assert {status.state for status in done().values()} == {"finished"}
    at = look("compare", compared="birds", family=SWEEPS["temperature"].title)
    assert at.button(key="run family").disabled
    assert "family temperature" in figures(at)
    blind = look("compare", compared="birds", family=SWEEPS["temperature"].title, blind="true")
    assert "ccuracy" not in json.dumps(figures(blind)["family temperature"]["layout"])


def test_the_number_of_classes_is_swept_without_labels(comparison):
    at = look("compare", compared="birds")
    at = rerun(at.slider(key="counts birds").set_value((3, 5)))
    press(at, "run counts")
    assert {status.state for status in done().values()} == {"finished"}
    at = rerun(look("compare", compared="birds", blind="true").slider(key="counts birds").set_value((3, 5)))
    assert figures(at)["counts"]["data"][0]["x"] == [3, 4, 5]
    assert at.button(key="run counts").disabled
