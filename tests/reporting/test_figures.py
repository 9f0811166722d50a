"""Figures: ids that travel with the points, lines against numpy, names that stay text, colours that stay apart."""

import base64
import json
from itertools import combinations

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.evaluation import metrics
from hume.evaluation.ensemble import TopNCurve
from hume.lesson.comparison import Grouping
from hume.lesson.figures.flows import flows
from hume.lesson.figures.hands import hands
from hume.reporting import figures
from hume.reporting.figures.palette import CLASS_COLORS, CLASS_PALETTES, POINTS_SEQUENTIAL, RUN_COLORS
from tests.support.rules import cases

EVIL = "<img src=x onerror=alert(1)>"
TYPES = {"i1": np.int8, "u1": np.uint8, "i2": np.int16, "i4": np.int32, "f4": np.float32, "f8": np.float64}


def unpacked(value):
    """Arrays as a browser sees them: what Plotly sends in base 64 becomes numbers again."""
    if isinstance(value, dict) and "bdata" in value:
        array = np.frombuffer(base64.b64decode(value["bdata"]), TYPES[value["dtype"]])
        return array.reshape([int(n) for n in value["shape"].split(",")]) if "shape" in value else array
    if isinstance(value, dict):
        return {key: unpacked(each) for key, each in value.items()}
    return [unpacked(each) for each in value] if isinstance(value, list) else value


def sent(fig):
    """The traces and the layout that a browser gets."""
    spec = unpacked(json.loads(fig.to_json()))
    return spec["data"], spec["layout"]


def named(traces, start):
    return next(trace for trace in traces if trace.get("name", "").startswith(start))


def points(traces):
    """{id: (x, y)} of all markers, which must not contradict one another."""
    found = {}
    for trace in traces:
        if trace.get("mode") == "markers" and "customdata" in trace:
            for number, x, y in zip(trace["customdata"], trace["x"], trace["y"], strict=True):
                assert found.setdefault(int(number), (x, y)) == (x, y)
    return found


def many_seeds(num_seeds=40, slope=3.0, noise=0.02):
    rng = np.random.default_rng(0)
    cv_score = rng.uniform(0.8, 0.9, num_seeds)
    acc = 0.5 + slope * (cv_score - 0.85) + noise * rng.normal(size=num_seeds)
    return cv_score, acc, rng.permutation(1000)[:num_seeds]


def seeds_figure(num_seeds=40, **options):
    cv_score, acc, seeds = many_seeds(num_seeds)
    state = ["converged" if i % 3 else "stopped at T" for i in range(num_seeds)]
    return figures.correlation(cv_score, acc, seeds, state, metrics.correlation(cv_score, acc), **options)


def curve(num_seeds=5, truth=True):
    values = np.linspace(0.5, 0.8, num_seeds)
    return TopNCurve(
        n=np.arange(1, num_seeds + 1),
        acc=values if truth else None,
        ari=values - 0.1 if truth else None,
        consistency=np.linspace(0.9, 1, num_seeds),
    )


def every_figure(name="class", num_seeds=4, num_classes=3):
    """Each figure with as little data as given and `name` wherever a user's name can stand."""
    rng = np.random.default_rng(1)
    names = [f"{name} {k}" for k in range(num_classes)]
    cv_score, acc, seeds = many_seeds(num_seeds)
    objective, done = -rng.random(num_seeds), np.arange(num_seeds) % 2 == 0
    codes = np.arange(20) % num_classes
    sizes = np.arange(num_classes)
    return {
        "correlation": figures.correlation(cv_score, acc, seeds, [name] * num_seeds, None),
        "score_distribution": figures.score_distribution(cv_score, seeds),
        "live_cloud": figures.live_cloud(objective, acc, seeds, done),
        "hidden_cloud": figures.hidden_cloud(objective, seeds, done),
        "hands": hands({num_classes: num_seeds}),
        "flows": flows([Grouping(name, names, codes), Grouping(name, names, codes)]),
        "objective_curves": figures.objective_curves([0, 1], rng.random((num_seeds, 2)), seeds, done),
        "label_shares": figures.label_shares(rng.dirichlet(np.ones(num_classes), num_seeds), seeds),
        "top_n": figures.top_n([(name, curve(num_seeds)), (name, curve(num_seeds))]),
        "confusion": figures.confusion(np.diag(sizes), names, names),
        "reliability_curve": figures.reliability_curve([1, 2], [[1, 0.9], [1, 0.8]], names=[name, name], chosen=2),
        "class_sizes": figures.class_sizes(sizes, names, sizes, names),
        "votes": figures.votes(sizes, names),
        "leaderboard": figures.leaderboard(
            names, ["hume", "control", "baseline"][:num_classes], *np.full((4, num_classes), 0.5), [(name, 0.9)]
        ),
        "pairs": figures.pairs(names, np.eye(num_classes), np.eye(num_classes), name="ACC"),
        "class_counts": figures.class_counts(names, sizes),
        "norms": figures.norms(np.arange(num_seeds + 1), np.arange(num_seeds)),
        "spectrum": figures.spectrum(rng.dirichlet(np.ones(num_seeds))),
        "training": figures.training(np.arange(num_seeds), rng.random(num_seeds), [1], [0.5]),
        "ablation": figures.ablation(names, *np.full((6, num_classes), 0.5), axis="Temperature γ"),
        "number_of_classes": figures.number_of_classes(sizes + 2, *np.full((4, num_classes), 0.5), (2, 2, 3)),
        "compare_runs": figures.compare_runs([name, name], [0.5, 0.6], [0.1, 0.1], [0.7, 0.8], [4, 1]),
    }


# --- all figures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("num_seeds", [1, 4])
def test_the_page_decides_about_title_and_background(num_seeds):
    for name, fig in every_figure(num_seeds=num_seeds).items():
        _, layout = sent(fig)
        assert not {"title", "paper_bgcolor", "plot_bgcolor", "font"} & set(layout), name


def test_a_name_can_never_be_markup():
    for name, fig in every_figure(EVIL).items():
        assert "<img" not in fig.to_json(), name
    users = {name for name, fig in every_figure(EVIL).items() if "&lt;img" in fig.to_json()}
    nameless = {"score_distribution", "live_cloud", "hidden_cloud", "hands", "objective_curves", "label_shares",
                "norms", "spectrum", "training", "number_of_classes"}  # fmt: skip
    assert set(every_figure()) - users == nameless


def test_safe_names_are_read_as_they_were_typed():
    assert figures.safe("T-shirt/top, φ₂ “new”") == "T-shirt/top, φ₂ “new”"
    assert figures.safe("a<b & c") == "a&lt;b &amp; c"
    assert "%{" not in figures.safe("%{x}")
    assert "$" not in figures.safe("$x$")
    assert figures.safe("two\n lines") == "two lines"
    assert figures.safe("x" * 100) == "x" * 39 + "…"


def test_equal_names_and_numbers_as_names_keep_their_own_places():
    traces, layout = sent(figures.confusion(np.eye(3, dtype=int), ["7", "7", "8"], ["a", "b", "b"]))
    assert layout["yaxis"]["type"] == "category"
    assert traces[0]["y"] == ["7 (1)", "7 (2)", "8"]
    assert traces[0]["x"] == ["a", "b (1)", "b (2)"]


def test_lengths_that_differ_are_told():
    with pytest.raises(InputError, match="3 scores, 2 seeds"):
        figures.score_distribution([0.1, 0.2, 0.3], [1, 2])
    with pytest.raises(InputError, match="3 columns, 2 column_names"):
        figures.confusion(np.ones((2, 3), int), ["a", "b"], ["a", "b"])
    with pytest.raises(InputError, match="2 iterations, 3 columns"):
        figures.objective_curves([0, 1], np.ones((1, 3)), [0], [True])


# --- seeds -----------------------------------------------------------------------------------------


def test_every_seed_carries_its_number():
    cv_score, acc, seeds = many_seeds()
    found = points(sent(seeds_figure(selected=int(seeds[3])))[0])
    assert set(found) == set(seeds.tolist())
    for seed, x, y in zip(seeds.tolist(), cv_score, acc, strict=True):
        np.testing.assert_allclose(found[seed], (100 * x, 100 * y), rtol=1e-6)
    alone = points(sent(figures.score_distribution(cv_score, seeds))[0])
    assert {seed: x for seed, (x, _) in alone.items()} == {seed: x for seed, (x, _) in found.items()}


def test_a_state_has_its_own_color_and_symbol():
    state = ["converged", "stopped at T", "imported", "paused", "converged"]
    traces, _ = sent(figures.correlation(np.arange(5), np.arange(5), np.arange(5), state, None))
    looks = {trace["name"]: trace["marker"] for trace in traces if trace.get("name") in state}
    assert list(looks) == ["converged", "stopped at T", "imported", "paused"]
    assert len({look["symbol"] for look in looks.values()}) == 4
    alone, _ = sent(figures.correlation([0.1], [0.1], [0], ["imported"], None))
    assert named(alone, "imported")["marker"] == looks["imported"]


def test_the_best_and_the_selected_seed_are_marked():
    cv_score, _, seeds = many_seeds()
    best = int(seeds[cv_score.argmax()])
    traces, _ = sent(seeds_figure(selected=int(seeds[3])))
    assert named(traces, "best score")["customdata"].tolist() == [best]
    assert named(traces, "selected")["customdata"].tolist() == [int(seeds[3])]
    given, _ = sent(seeds_figure(reference=int(seeds[5])))
    assert named(given, "best score")["customdata"].tolist() == [int(seeds[5])]
    unknown, _ = sent(seeds_figure(selected=5000))
    assert not [trace for trace in unknown if trace.get("name", "").startswith("selected")]


def line_and_band(fig):
    traces, _ = sent(fig)
    line = next(trace for trace in traces if trace.get("line", {}).get("width") == 2)
    band = next(trace for trace in traces if "fill" in trace)
    half = len(line["x"])
    np.testing.assert_array_equal(band["x"], np.r_[line["x"], line["x"][::-1]])
    return line["x"], line["y"], band["y"][:half], band["y"][half:][::-1]


def test_the_line_is_the_least_squares_fit_of_what_is_known():
    cv_score, acc, seeds = many_seeds()
    acc[7], cv_score[9] = np.nan, np.nan
    fig = figures.correlation(cv_score, acc, seeds, ["converged"] * seeds.size, None)
    x, y, _, _ = line_and_band(fig)
    known = np.isfinite(acc) & np.isfinite(cv_score)
    slope, start = np.polyfit(100 * cv_score[known], 100 * acc[known], 1)
    np.testing.assert_allclose(y, slope * x.astype(float) + start, rtol=1e-5)


def test_the_band_holds_the_line_and_widens_away_from_the_mean():
    x, y, high, low = line_and_band(seeds_figure())
    assert (low < y).all()
    assert (y < high).all()
    nearest = np.abs(x - 100 * many_seeds()[0].mean()).argmin()
    width = high - low
    assert (np.diff(width[: nearest + 1]) < 1e-4).all()
    assert (np.diff(width[nearest:]) > -1e-4).all()
    assert width[0] > 1.5 * width[nearest]


@pytest.mark.slow
def test_the_band_covers_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(3)
    x = rng.uniform(0.3, 0.7, 12)
    covered = 0
    for _ in range(200):
        fig = figures.correlation(x, x + 0.05 * rng.normal(size=12), np.arange(12), ["converged"] * 12, None)
        places, _, high, low = line_and_band(fig)
        covered += low[0] <= places[0] <= high[0]  # the true line is y = x
    assert 0.91 <= covered / 200 <= 0.99


@cases(("x", "y"), [([0.1], [0.5]), ([0.1, 0.2], [0.5, 0.6]), ([0.3] * 4, [0.1, 0.2, 0.3, 0.4])])
def test_no_line_without_enough_different_seeds(x, y):
    fig = figures.correlation(x, y, np.arange(len(x)), ["converged"] * len(x), metrics.correlation(x, y))
    traces, layout = sent(fig)
    assert not [trace for trace in traces if trace["mode"] == "lines"]
    assert "not enough different seeds" in layout["annotations"][0]["text"]


def test_three_seeds_do_not_vanish_in_their_band():
    fig = figures.correlation([0.90, 0.91, 0.92], [0.5, 0.6, 0.5], [0, 1, 2], ["converged"] * 3, None)
    low, high = sent(fig)[1]["yaxis"]["range"]
    assert 40 < low < 50
    assert 60 < high < 70


@pytest.mark.parametrize(("sign", "shown"), [(1, "r = 0.9"), (-1, "r = −0.9")])
def test_the_correlation_is_said_in_words(sign, shown):
    cv_score, acc, seeds = many_seeds()
    found = metrics.correlation(cv_score, sign * acc)
    fig = figures.correlation(cv_score, sign * acc, seeds, ["converged"] * seeds.size, found)
    text = sent(fig)[1]["annotations"][0]["text"]
    assert text.startswith(shown)
    assert "95 % interval" in text
    assert text.endswith("p &lt; 0.001, 40 seeds")


def test_a_click_selects_one_seed():
    for fig in (seeds_figure(), figures.score_distribution(*many_seeds()[::2])):
        traces, layout = sent(fig)
        assert layout["clickmode"] == "event+select"
        assert layout["dragmode"] == "pan"  # with a box or lasso a click selects nothing
        # What has no seed cannot be hit.
        assert all(trace["hoverinfo"] == "skip" for trace in traces if "customdata" not in trace)


def test_the_histogram_counts_every_known_score():
    cv_score, _, seeds = many_seeds()
    cv_score[0] = np.nan
    traces, _ = sent(figures.score_distribution(cv_score, seeds))
    assert sum(next(trace for trace in traces if trace["type"] == "bar")["y"]) == 39


# --- while a search runs ---------------------------------------------------------------------------


def test_the_cloud_shows_better_to_the_right_and_keeps_the_zoom():
    done = np.array([True, False, False])
    first = figures.live_cloud([-20, -21, np.nan], [0.1, 0.2, 0.3], [7, 8, 9], done)
    traces, layout = sent(first)
    assert layout["xaxis"]["autorange"] == "reversed"
    assert points(traces)[7] == (-20, 10)
    assert named(traces, "finished")["customdata"].tolist() == [7]
    assert named(traces, "running")["customdata"].tolist() == [8, 9]
    second = figures.live_cloud([-21, -22, -20], [0.2, 0.3, 0.4], [7, 8, 9], ~done)
    assert sent(second)[1]["uirevision"] == layout["uirevision"]


def test_a_hidden_cloud_tells_nothing_of_the_accuracy():
    drawn = figures.hidden_cloud([-20, -21, -19], [7, 8, 9], [True, False, False])
    traces, layout = sent(drawn)
    assert layout["yaxis"]["showticklabels"] is False
    assert all("accuracy" not in trace["hovertemplate"] for trace in traces)
    known = points(sent(figures.live_cloud([-20, -21, -19], [0.1, 0.2, 0.3], [7, 8, 9], [True, False, False]))[0])
    assert {seed: place[0] for seed, place in points(traces).items()} == {seed: p[0] for seed, p in known.items()}
    assert len({place[1] for place in points(traces).values()}) == 3


def falling(num_seeds=6, length=50):
    rng = np.random.default_rng(2)
    return -np.log(np.arange(1, length + 1)) + rng.normal(size=(num_seeds, 1)) + 0.1 * rng.random((num_seeds, length))


def test_curves_of_all_seeds_share_a_trace_and_do_not_touch():
    curves = falling()
    seeds = np.array([4, 8, 15, 16, 23, 42])
    finished = np.array([True, False, False, False, False, True])
    curves[2, 30:] = np.nan
    curves[3] = np.nan  # not begun
    traces, _ = sent(figures.objective_curves(np.arange(50), curves, seeds, finished))
    running = named(traces, "running")
    assert set(running["customdata"].tolist()) == {8, 15, 23}
    for seed, expected in ((8, curves[1]), (15, curves[2])):
        own = running["y"][running["customdata"] == seed]
        np.testing.assert_allclose(own, np.append(expected, np.nan), rtol=1e-6)
    assert set(named(traces, "finished")["customdata"].tolist()) == {4, 42}
    assert len(traces) == 4


def test_the_median_keeps_finished_seeds_and_the_lowest_seed_is_named():
    curves = falling()
    curves[0, 20:] = np.nan
    finished = np.array([True] + [False] * 5)
    traces, _ = sent(figures.objective_curves(np.arange(50), curves, np.arange(6), finished))
    held = np.vstack([np.r_[curves[0, :20], np.full(30, curves[0, 19])], curves[1:]])
    np.testing.assert_allclose(named(traces, "median")["y"], np.median(held, axis=0), rtol=1e-6)
    latest = [row[np.isfinite(row)][-20:].mean() for row in curves]
    lowest = named(traces, "lowest so far")
    assert lowest["name"].endswith(f"seed {np.argmin(latest)}")
    np.testing.assert_allclose(lowest["y"], curves[np.argmin(latest)], rtol=1e-6)


def test_long_curves_are_thinned_to_their_ends():
    fig = figures.objective_curves(np.arange(1000), falling(100, 1000), np.arange(100), np.zeros(100, bool))
    median = named(sent(fig)[0], "median")
    assert len(median["x"]) <= 200
    assert (median["x"][0], median["x"][-1]) == (0, 999)
    assert len(fig.to_json()) < 300_000


def test_a_search_that_has_not_begun_can_be_drawn():
    for curves in (np.full((3, 5), np.nan), np.empty((3, 0))):
        traces, _ = sent(figures.objective_curves(np.arange(curves.shape[1]), curves, [0, 1, 2], [False] * 3))
        assert traces == []
    assert points(sent(figures.live_cloud([], [], [], []))[0]) == {}
    assert points(sent(figures.score_distribution([], []))[0]) == {}
    assert points(sent(figures.correlation([], [], [], [], None))[0]) == {}


# --- classes ---------------------------------------------------------------------------------------


def test_shares_are_sorted_within_a_seed_and_keep_their_class():
    shares = np.array([[0.2, 0.5, 0.3], [0.6, 0.0, 0.4], [np.nan] * 3])
    traces, layout = sent(figures.label_shares(shares, [11, 12, 13]))
    heat, crosses = traces
    np.testing.assert_allclose(heat["z"], [[50, 30, 20], [60, 40, np.nan], [np.nan] * 3], rtol=1e-6)
    assert heat["customdata"].shape == (3, 3, 2)
    for i, seed in enumerate((11, 12)):
        assert (heat["customdata"][i, :, 0] == seed).all()
        ranked = 100 * shares[i, heat["customdata"][i, :, 1]]
        np.testing.assert_allclose(ranked, np.nan_to_num(heat["z"][i]), rtol=1e-6)
    assert crosses["customdata"].tolist() == [[12, 1]]  # the empty class, and a seed not begun has none
    assert (crosses["x"].tolist(), crosses["y"].tolist()) == ([3], [1])
    assert layout["showlegend"] is True


def test_shares_beyond_the_colors_are_said_to_be_so():
    shares = np.full((200, 10), 0.1)
    assert "more" not in "".join(sent(figures.label_shares(shares, np.arange(200)))[0][0]["colorbar"]["ticktext"])
    shares[0] = [0.91] + [0.01] * 9
    bar = sent(figures.label_shares(shares, np.arange(200)))[0][0]["colorbar"]
    assert bar["ticktext"][-1] == "40 % or more"


def test_confusion_shows_shares_of_the_found_class_and_counts():
    table = np.array([[8, 2, 0], [0, 0, 0], [1, 0, 3]])
    heat = sent(figures.confusion(table, ["a", "b", "c"], ["x", "y", "z"]))[0][0]
    np.testing.assert_allclose(heat["z"][[0, 2]], [[80, 20, 0], [25, 0, 75]])
    assert np.isnan(heat["z"][1]).all()
    assert heat["y"] == ["a", "b (empty)", "c"]
    np.testing.assert_array_equal(heat["customdata"], table)
    assert heat["text"] == [["8", "2", ""], ["", "", ""], ["1", "", "3"]]


@pytest.mark.parametrize(("num_classes", "written"), [(15, True), (16, False)])
def test_counts_are_written_where_there_is_room(num_classes, written):
    names = [str(k) for k in range(num_classes)]
    heat = sent(figures.confusion(np.eye(num_classes, dtype=int), names, names))[0][0]
    assert ("texttemplate" in heat) is written
    assert heat["customdata"].shape == (num_classes, num_classes)


def test_sizes_name_empty_classes_and_equal_shares():
    traces, layout = sent(figures.class_sizes([1200, 0, 300], ["a", "b", "c"], [700, 800], ["x", "y"]))
    assert traces[0]["text"] == ["1,200", "empty", "300"]
    assert traces[0]["marker"]["color"] == figures.class_colors(3)
    assert [shape["x0"] for shape in layout["shapes"]] == [500, 750]
    assert len(sent(figures.class_sizes([1, 2], ["a", "b"]))[0]) == 1


def test_votes_are_sorted_and_keep_the_colors_of_their_classes():
    bars = sent(figures.votes([9, 0, 87, 4], ["a", "b", "c", "d"]))[0][0]
    assert bars["y"] == ["c", "a", "d"]
    assert bars["text"][0] == "87 of 100 seeds"
    colors = figures.class_colors(4)
    assert bars["marker"]["color"] == [colors[2], colors[0], colors[3]]
    assert sent(figures.votes([0, 1], ["a", "b"]))[0][0]["text"] == ["1 of 1 seed"]


# --- runs ------------------------------------------------------------------------------------------


def test_top_n_marks_all_seeds_and_the_best_alone():
    traces, layout = sent(figures.top_n([("fast", curve(5)), ("paper", curve(3))]))
    acc, ari = named(traces, "paper: ACC"), named(traces, "paper: ARI")
    assert acc["line"]["color"] == ari["line"]["color"] != named(traces, "fast: ACC")["line"]["color"]
    assert (acc["line"]["dash"], ari["line"]["dash"]) == ("solid", "dash")
    ends = traces[traces.index(acc) + 1]
    assert ends["x"].tolist() == [1, 3]
    np.testing.assert_allclose(ends["y"], [50, 80])
    assert ends["marker"]["symbol"] == ["circle-open", "star"]
    assert {"best-scored seed alone", "all seeds (the paper's choice)"} <= {trace.get("name") for trace in traces}
    assert layout["yaxis"]["title"]["text"] == "ACC in %, ARI × 100"


def test_top_n_without_truth_shows_consistency_for_all_runs():
    traces, layout = sent(figures.top_n([("fast", curve(5)), ("blind", curve(5, truth=False))]))
    assert layout["yaxis"]["title"]["text"] == "Share of samples labeled as by all seeds"
    np.testing.assert_allclose(named(traces, "fast")["y"], np.linspace(90, 100, 5), rtol=1e-6)
    assert not [trace for trace in traces if "ACC" in trace.get("name", "")]
    assert sent(figures.top_n([]))[0] == []


def test_reliability_marks_the_chosen_number():
    traces, layout = sent(figures.reliability_curve([1, 2, 3], [1, 0.9, 0.8], chosen=2))
    assert layout["shapes"][0]["x0"] == 2
    assert layout["annotations"][0]["text"] == "2 a class: 90.0 %"
    assert len(traces) == 2
    assert layout["yaxis"]["range"][1] <= 101
    unmarked, layout = sent(figures.reliability_curve([1, 2, 3], [1, 0.9, 0.8], chosen=9))
    assert len(unmarked) == 1
    assert "shapes" not in layout


def test_runs_are_compared_with_spread_vote_and_number_of_seeds():
    fig = figures.compare_runs(["fast", "blind"], [0.5, np.nan], [0.1, np.nan], [0.7, np.nan], [20, 5])
    (dots, diamonds), layout = sent(fig)
    np.testing.assert_allclose(dots["x"], [50, np.nan])
    np.testing.assert_allclose(dots["error_x"]["array"], [10, np.nan])
    assert dots["text"][0] == "± 10.0 % over 20 seeds"
    np.testing.assert_allclose(diamonds["x"], [70, np.nan])
    assert [(note["y"], note["text"]) for note in layout["annotations"]] == [("blind", "no ground truth")]


# --- colours ---------------------------------------------------------------------------------------

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)
WHITE = np.array([0.95047, 1, 1.08883])


def linear_rgb(color):
    if color.startswith("rgb"):
        parts = np.array([float(part) for part in color[4:-1].split(",")]) / 255
    else:
        parts = np.frombuffer(bytes.fromhex(color[1:]), np.uint8) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(color, page):
    """WCAG's contrast ratio, 1 to 21."""
    light, dark = sorted((TO_XYZ[1] @ linear_rgb(each) + 0.05 for each in (color, page)), reverse=True)
    return light / dark


def lab(color, matrix):
    t = TO_XYZ @ np.clip(np.array(matrix) @ linear_rgb(color), 0, 1) / WHITE
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(first, second):
    """CIEDE2000 of two Lab colours; 2 is just seen side by side."""
    (l1, a1, b1), (l2, a2, b2) = first, second

    def heavy(chroma):
        return np.sqrt(chroma**7 / (chroma**7 + 25.0**7))

    g = 0.5 * (1 - heavy((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2))
    c1, c2 = np.hypot(a1 * (1 + g), b1), np.hypot(a2 * (1 + g), b2)
    h1, h2 = (np.degrees(np.arctan2(b, a * (1 + g))) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    hue = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    waves = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.2, 4, -63))
    t = 1 + sum(size * np.cos(np.radians(times * hue + shift)) for size, times, shift in waves)
    d_l = (l2 - l1) / (1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2))
    d_c = (c2 - c1) / (1 + 0.045 * chroma)
    d_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * t)
    rotation = -2 * heavy(chroma) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    return np.sqrt(d_l**2 + d_c**2 + d_h**2 + rotation * d_c * d_h)


@cases(
    ("first", "second", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ],
)
def test_color_difference_agrees_with_published_pairs(first, second, expected):
    # Sharma, Wu and Dalal (2005), table 1.
    assert difference(first, second) == pytest.approx(expected, abs=1e-4)


@cases("vision", VISION)
@cases(
    ("colors", "least"),
    [
        (CLASS_COLORS[:6], 13),
        (CLASS_COLORS, 11.5),
        (CLASS_PALETTES["Okabe–Ito"], 11.5),
        (CLASS_PALETTES["Tol bright"], 11.5),
        (CLASS_PALETTES["Tol muted"], 11.5),
        (RUN_COLORS, 13),
    ],
)
def test_colors_stay_apart_for_color_blind_readers(colors, least, vision):
    seen = [lab(color, VISION[vision]) for color in colors]
    assert min(difference(a, b) for a, b in combinations(seen, 2)) > least


@pytest.mark.parametrize("page", ["#ffffff", "#0e1117"])
def test_lines_and_points_read_on_light_and_dark_pages(page):
    assert min(contrast(color, page) for color in RUN_COLORS) > 3
    assert min(contrast(color, page) for color in POINTS_SEQUENTIAL) > 1.7


def test_color_and_symbol_together_are_unique_to_80_classes():
    looks = list(zip(figures.class_colors(80), figures.class_symbols(80), strict=True))
    assert len(set(looks)) == 80
    assert set(figures.class_symbols(10)) == {"circle"}
    assert figures.class_colors(25)[:7] == figures.class_colors(7)
    assert len(figures.class_colors(200)) == len(figures.class_symbols(200)) == 200


# --- data ------------------------------------------------------------------------------------------


def test_a_spectrum_sums_up_and_leaves_the_tail_out():
    shares = np.full(400, 1 / 400)
    traces, layout = sent(figures.spectrum(shares))
    assert len(traces[0]["x"]) == len(traces[1]["x"]) == 256
    assert traces[1]["y"][-1] == pytest.approx(100 * 256 / 400, rel=1e-5)
    assert layout["xaxis"]["type"] == "log"


def test_a_histogram_of_norms_has_its_bars_where_the_rows_are():
    (bars,), _ = sent(figures.norms([1, 2, 4], [5, 7]))
    assert list(bars["x"]) == [1.5, 3]
    assert list(bars["width"]) == [1, 2]
    assert list(bars["y"]) == [5, 7]
    with pytest.raises(InputError, match="2 bins, 1 counts"):
        figures.norms([1, 2, 4], [5])


def test_a_training_shows_its_neighbours_only_where_they_may_be_shown():
    traces, layout = sent(figures.training([1, 2, 3], [3.0, 2.0, 1.0]))
    assert [trace["name"] for trace in traces] == ["loss"]
    assert "yaxis2" not in layout
    traces, layout = sent(figures.training([1, 2, 3], [3.0, 2.0, 1.0], [3], [0.25]))
    assert list(traces[1]["y"]) == [25]
    assert layout["yaxis2"]["range"] == [0, 100]


# --- methods side by side ----------------------------------------------------------------------------


def test_a_leaderboard_keeps_what_was_printed_apart_from_what_was_measured():
    kinds = ["hume", "baseline", "supervised"]
    fig = figures.leaderboard(["a", "b", "c"], kinds, [0.6, 0.5, 0.9], [0.1, 0.2, 0], [5, 3, 1],
                              [0.7, np.nan, np.nan], [("a", 0.8)])  # fmt: skip
    traces, layout = sent(fig)
    assert [list(trace["y"]) for trace in traces] == [["a"], ["b"], ["c"], ["a"], ["a (printed)"]]
    assert list(named(traces, "vote")["x"]) == [70]
    assert list(named(traces, "printed in the paper")["x"]) == [80]
    assert named(traces, "without labels")["error_x"]["array"] == [20]
    assert layout["yaxis"]["categoryarray"] == ["a", "b", "c", "a (printed)"]


def test_a_map_of_pairs_leaves_empty_what_was_not_run():
    values = np.array([[np.nan, 0.5], [0.25, np.nan]])
    (heat,), layout = sent(figures.pairs(["x", "y"], values, np.ones((2, 2)), name="ACC"))
    assert heat["text"] == [["", "50.0 %"], ["25.0 %", ""]]
    assert layout["xaxis"]["categoryarray"] == layout["yaxis"]["categoryarray"] == ["x", "y"]
    with pytest.raises(InputError, match="3 spaces, 2 rows"):
        figures.pairs(["x", "y", "z"], values, values, name="ACC")
