"""The Objective page: a click opens a seed, a row does too, and runs stand beside each other."""

import numpy as np
import pytest

from hume.runs.findings import Findings
from pages._widgets import player
from tests.support.app_driver import figures, galleries, look, mark, press, rerun, says, tables, tick, tiles
from tests.support.rules import cases


@pytest.fixture
def first(library):
    return Findings(library.open("first"))


def opened(at):
    return at.subheader[0].value


def place(found, seed):
    return f"Seed {seed}: rank {found.seed(seed).rank} of {len(found.seeds)}"


def test_the_best_seed_is_open_at_first(first):
    assert opened(look("objective", run="first")) == place(first, first.seeds[first.statistics.order[0]])


@cases("seed", [0, 2, 3, 5, 7])
def test_a_click_on_a_point_opens_its_seed(first, seed):
    at = mark(look("objective", run="first"), "cloud first", [seed])
    assert opened(at) == place(first, seed)
    assert at.query_params["seed"] == str(seed)
    one = first.seed(seed)
    metrics = {metric.label: metric.value for metric in at.metric}
    assert says(metrics["Accuracy"], f"{one.agreement.acc:.1%}")
    assert says(metrics["Cross-validation score"], f"{one.cv_score:.1%}")
    cells = figures(at)["confusion first"]["data"][0]
    assert np.array(cells["text"] if "text" in cells else cells["z"]).shape == (4, 4)
    for k in range(4):
        assert [tile[0] for tile in tiles(at, f"typical {k}")] == [row for row in one.typical[k] if row >= 0]


def test_a_row_of_the_ranking_opens_its_seed(first):
    at = look("objective", run="first")
    seeds = tables(at)["ranking first"]["seed"].tolist()
    tick(at, "ranking first", [3])
    assert opened(at) == place(first, seeds[3])
    tick(at, "ranking first", [1])
    assert opened(at) == place(first, seeds[1])


def test_a_seed_can_be_opened_again_after_another(first):
    at = look("objective", run="first")
    seeds = tables(at)["ranking first"]["seed"].tolist()
    mark(at, "cloud first", [5])
    mark(at, "cloud first", [])
    assert opened(at) == place(first, 5)  # letting go of the point leaves it open
    other = seeds.index(7)
    tick(at, "ranking first", [other])
    assert opened(at) == place(first, 7)
    mark(at, "cloud first", [5])
    assert opened(at) == place(first, 5)
    tick(at, "ranking first", [])
    tick(at, "ranking first", [other])
    assert opened(at) == place(first, 7)


def test_a_click_in_the_plot_of_a_run_beside_opens_its_seed(first, library):
    at = look("objective", run="first", beside="second")
    second = Findings(library.open("second"))
    mark(at, "cloud second", [4])
    assert says(opened(at), "Seed 4", f"rank {second.seed(4).rank} of 6", "second")
    assert at.query_params["of"] == "second"
    assert "confusion second" in figures(at)
    mark(at, "cloud second", [])
    mark(at, "cloud first", [5])
    assert opened(at) == place(first, 5)
    assert "of" not in at.query_params


def test_the_seed_of_one_run_is_not_asked_of_the_next(first, library):
    at = mark(look("objective", run="first"), "cloud first", [7])
    at.selectbox(key="run").set_value("second")
    second = Findings(library.open("second"))
    assert opened(rerun(at)) == place(second, second.seeds[second.statistics.order[0]])


def test_the_cloud_holds_every_seed_with_its_score_and_accuracy(first):
    points = {}
    for trace in figures(look("objective", run="first"))["cloud first"]["data"]:
        for seed, x, y in zip(np.ravel(trace.get("customdata", [])).astype(int), trace["x"], trace["y"], strict=False):
            points[int(seed)] = (x, y)
    scale = 100 if max(x for x, _ in points.values()) > 1 else 1
    assert sorted(points) == sorted(first.seeds)
    for i, seed in enumerate(first.seeds):
        assert np.allclose(
            points[seed], (scale * first.statistics.cv_score[i], scale * first.statistics.accuracy[i]), rtol=1e-5
        )


def test_the_seeds_download_as_they_are_ranked(first, download):
    lines = download(look("objective", run="first"), "cloud first csv").decode("utf-8-sig").splitlines()
    assert [int(line.split(",")[1]) for line in lines[1:]] == [first.seeds[i] for i in first.statistics.order]
    assert "acc" in lines[0]


def test_a_run_without_labels_shows_the_scores_alone(library, download):
    at = look("objective", run="unlabeled")
    assert list(figures(at)) == ["cloud unlabeled"]
    assert [metric.label for metric in at.metric] == ["Cross-validation score", "Objective", "Ended"]
    assert "acc" not in download(at, "cloud unlabeled csv").decode("utf-8-sig").splitlines()[0]
    assert [key for key in galleries(at) if key.startswith("typical")] == [f"typical {k}" for k in range(4)]


@pytest.mark.parametrize("blind", [False, True])
def test_a_run_is_replayed_when_asked_with_accuracies_only_where_they_may_be_seen(library, blind):
    query = {"run": "first", "replay": "true", **({"blind": "true"} if blind else {})}
    at = look("objective", **query)
    drawn = figures(at)
    assert {"replayed cloud", "replayed changes"} <= set(drawn)
    assert drawn["replayed cloud"]["layout"]["yaxis"]["title"]["text"].startswith("Accuracy") is not blind
    last = at.select_slider[0].options[-1]
    rerun(at.select_slider[0].set_value(last))
    ended = [trace for trace in figures(at)["replayed cloud"]["data"] if trace.get("name") == "ended"]
    assert len(ended[0]["x"]) == 5


def test_a_replay_plays_by_itself_and_pauses(library, monkeypatch):
    now = [0]
    monkeypatch.setattr(player, "monotonic", lambda: now[0])
    at = look("objective", run="first", replay="true")
    moments = at.select_slider[0].options
    press(at, "replay play")
    assert at.button(key="replay play").label == "Pause"
    for moment in moments[1:3]:
        now[0] += 1  # second that has passed
        rerun(at)
        assert at.select_slider[0].value == int(moment)
    press(at, "replay play")
    now[0] += 1
    assert rerun(at).select_slider[0].value == int(moments[2])
    rerun(at.select_slider[0].set_value(int(moments[-1])))
    press(at, "replay play")  # from the end it begins anew
    assert at.select_slider[0].value == int(moments[0])


def test_a_replay_is_not_computed_before_it_is_asked_for(library):
    assert "replayed cloud" not in figures(look("objective", run="first"))
