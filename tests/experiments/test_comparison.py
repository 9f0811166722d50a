"""Methods side by side: what was found is kept, controls tell what the second space buys, truth stays off the disk."""

from dataclasses import replace

import numpy as np
import pytest

from hume import Store
from hume.common.errors import InputError
from hume.evaluation import metrics
from hume.experiments import comparison as comparison_module
from hume.experiments import controlled_search
from hume.experiments.comparison import Comparison, preference
from hume.experiments.controlled_search import run_negative_control
from hume.experiments.judge import load_judged
from hume.experiments.methods import AS_IN_PAPER, HUME, METHODS
from hume.experiments.negative_controls import NEGATIVE_CONTROLS
from hume.experiments.published import PUBLISHED, headline
from hume.experiments.saved_labelings import ScoredLabelings, save
from hume.reporting.experiment_sentences import compared_with_others, preferred_by_likelihood
from hume.runs.answering import Answering
from hume.runs.discover import discover
from hume.runs.findings import Findings
from tests.support.app_driver import given
from tests.support.planted_runs import save_folder, shorten


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets") / "planted"
    return save_folder(folder, classes=4, size=60)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Searches that end soon; planted classes are found by then."""
    shorten(monkeypatch, comparison_module, controlled_search, num_iterations=100)


@pytest.fixture
def comparison(dataset, tmp_path):
    return Comparison(tmp_path / "home", dataset, "phi1", "phi2", num_classes=4)


@pytest.mark.slow
def test_every_control_loses_what_the_second_space_gives(dataset):
    pair = discover(dataset, num_classes=4, seeds=range(4), device="cpu")
    assert pair.scores.cv_score.mean() > 0.9
    for key in ("shuffled", "noise"):
        control = run_negative_control(key, dataset, "phi1", "phi2", num_classes=4, seeds=range(4))
        assert control.scores.cv_score.mean() < 0.5, "a classifier in a space of other rows predicts chance"
        assert control.labelings.shape == (4, dataset.num_samples)


def test_one_space_judges_itself_well_whatever_it_found(dataset):
    for key in ("only-phi1", "only-phi2"):
        assert (
            run_negative_control(key, dataset, "phi1", "phi2", num_classes=4, seeds=range(3)).scores.cv_score.mean()
            > 0.9
        )


def test_controls_leave_the_spaces_as_they_are(dataset):
    before = {name: np.array(space.features) for name, space in dataset.spaces.items()}
    for key in NEGATIVE_CONTROLS:
        run_negative_control(key, dataset, "phi1", "phi2", num_classes=4, seeds=range(1))
    assert all(np.array_equal(before[name], space.features) for name, space in dataset.spaces.items())


def test_a_run_with_answers_stands_beside_the_methods_and_is_not_judged_among_them(tmp_path):
    store = Store(tmp_path)
    dataset = save_folder(store.home / "datasets" / "planted", classes=4, size=60)
    run = given(store, dataset, "planted", [np.where(dataset.labels == 3, 2, dataset.labels)] * 2)
    comparison = Comparison(store.home, dataset, "phi1", "phi2", num_classes=4)
    assert comparison.standings() == []
    answering = Answering(Findings(run))
    answering.answer(np.flatnonzero(dataset.labels == 3)[:4], 3)
    (line,) = comparison.standings()
    assert (line.method.kind, line.method.title) == ("answered", "HUME with 4 answers: planted")
    assert line.acc.mean == answering.now().vote_agreement.acc > 0.9
    assert line.vote_acc is None
    assert preference([line]) is None
    assert Comparison(store.home, dataset, "phi2", "phi1", num_classes=4).standings() == []
    answering.undo()
    assert comparison.standings() == []


def test_what_was_found_is_there_for_whoever_looks_later(comparison, dataset, tmp_path):
    for key in (AS_IN_PAPER, "kmeans-phi1", "shuffled"):
        shares = []
        comparison.run(key, on_progress=shares.append)
        assert shares == sorted(shares)
    later = Comparison(tmp_path / "home", dataset, "phi1", "phi2", num_classes=4)
    standings = {each.method.key: each for each in later.standings()}
    assert list(standings) == [AS_IN_PAPER, "shuffled", "kmeans-phi1"], "HUME, controls, then the others"
    labelings = later.saved("kmeans-phi1").labelings
    accuracy = [metrics.clustering_accuracy(dataset.labels, each) for each in labelings]
    assert standings["kmeans-phi1"].acc.mean == pytest.approx(np.mean(accuracy))
    assert standings["kmeans-phi1"].acc.std == pytest.approx(np.std(accuracy))
    assert standings["kmeans-phi1"].num_seeds == len(labelings)
    assert standings["kmeans-phi1"].vote_acc is None
    assert standings[AS_IN_PAPER].vote_acc > 0.95
    assert standings[AS_IN_PAPER].cv_score.mean > 2 * standings["shuffled"].cv_score.mean
    assert Comparison(tmp_path / "home", dataset, "phi2", "phi1", num_classes=4).standings() == []
    assert Comparison(tmp_path / "home", dataset, "phi1", "phi2", num_classes=5).standings() == []


def test_the_supervised_ceiling_needs_labels_and_says_so(comparison, tmp_path):
    comparison.run("probe-phi1")
    (standing,) = comparison.standings()
    assert standing.method.kind == "supervised"
    assert standing.acc.mean > 0.9
    nameless = save_folder(tmp_path / "nameless", classes=4, size=60, labels=False)
    without = Comparison(tmp_path / "home", nameless, "phi1", "phi2", num_classes=4)
    assert not [method for method in without.methods if method.kind == "supervised"]
    with pytest.raises(InputError, match="has no labels"):
        without.run("probe-phi1")
    without.run("kmeans-both")
    both = {each.method.key: each for each in without.standings()}
    assert both["kmeans-both"].acc is None


def test_the_truth_never_reaches_the_disk(dataset, tmp_path):
    nameless = save_folder(tmp_path / "nameless", classes=4, size=60, labels=False)
    files = []
    for data, home in ((dataset, "one"), (nameless, "other")):
        comparison = Comparison(tmp_path / home, data, "phi1", "phi2", num_classes=4)
        found = comparison.run(AS_IN_PAPER)
        files.append(found.labelings)
        (path,) = (tmp_path / home).rglob("*.safetensors")
        assert b"acc" not in path.read_bytes()
    assert np.array_equal(*files)


def test_a_damaged_file_is_as_if_it_were_not_there(comparison):
    comparison.run("kmeans-phi1")
    (path,) = comparison.cache.folder.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    assert comparison.saved("kmeans-phi1") is None
    assert comparison.standings() == []


def test_unknown_methods_are_refused(comparison):
    with pytest.raises(InputError, match="no method 'magic'"):
        comparison.run("magic")
    with pytest.raises(InputError, match="no negative control 'magic'"):
        run_negative_control("magic", comparison.dataset, "phi1", "phi2", num_classes=4)


def test_every_method_says_what_it_does_and_leaves_out():
    for method in METHODS.values():
        assert method.does.endswith("."), method.key
        assert method.source, method.key
        assert method.left_out, method.key
        assert 0 < method.quick_seeds <= method.num_seeds, method.key


def test_a_sentence_tells_how_hume_stands(comparison):
    assert "No method was run" in compared_with_others([], True)
    for key in (AS_IN_PAPER, "noise", "kmeans-both"):
        comparison.run(key)
    standings = comparison.standings()
    told = compared_with_others(standings, True)
    assert "k-means on φ1 and φ2" in told
    assert "that much comes from φ1 alone" in told
    blind = compared_with_others(standings, False)
    assert "vote" not in blind
    assert "that of the negative controls" in blind


def test_printed_numbers_are_told_once_each_and_best_first():
    found = headline("cifar10")
    values = [each.value for each in found]
    assert values == sorted(values, reverse=True)
    keys = [(each.method, each.setting, each.phi1, each.phi2) for each in found]
    assert len(set(keys)) == len(keys) > 10
    assert all(each.samples_per_class is None and each.metric == "ACC" for each in found)
    assert headline("fashion-mnist", "Fashion-MNIST") == []
    assert len(PUBLISHED) > 100


def test_what_was_found_is_another_for_other_rows_that_scores_are_computed_on(tmp_path):
    whole = save_folder(tmp_path / "whole")
    split = replace(whole, test_rows=np.arange(whole.num_samples) % 3 == 0)
    of_whole, of_split = (Comparison(tmp_path, data, "phi1", "phi2", num_classes=3) for data in (whole, split))
    of_whole.run("kmeans-phi1")
    assert of_whole.saved("kmeans-phi1") is not None
    assert of_split.saved("kmeans-phi1") is None


# --- refined methods and their judge -----------------------------------------------------------


@pytest.fixture
def short(comparison, monkeypatch):
    """A comparison with saved labelings of a search, ever worse ones, and where further searches end soon."""
    shorten(monkeypatch, comparison_module, controlled_search, num_iterations=5)
    generator, truth = np.random.default_rng(0), comparison.dataset.labels
    wrong = generator.random((100, len(truth))) < np.linspace(0, 0.4, 100)[:, None]
    labelings = np.where(wrong, generator.integers(0, 4, wrong.shape), truth).astype(np.int32)
    searched = ScoredLabelings(labelings, np.linspace(1, 0.6, 100), 3.0, "100 seeds, preset fast, transductive")
    save(comparison.cache, AS_IN_PAPER, searched)
    return comparison


def test_hume_offers_what_a_run_does_and_the_searched_labelings_stay_a_row_of_their_own(short):
    shares = []
    saved = short.run(HUME, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert saved.joint.likelihood.shape == saved.cv_score.shape == (100,)
    searched = short.saved(AS_IN_PAPER)
    assert searched.joint is None
    assert saved.note == f"{searched.note}, refined"
    again = short.saved(HUME)
    assert np.array_equal(again.joint.final, saved.joint.final)
    assert again.joint.final_likelihood == saved.joint.final_likelihood
    first, second = short.standings()
    assert (first.method.title, second.method.title) == ("HUME", "HUME as in the paper")
    assert first.vote_acc == metrics.clustering_accuracy(short.dataset.labels, saved.joint.final)
    assert first.vote_acc > 0.95
    short.run("kmeans-phi1")
    assert "The accuracy of HUME's labeling is" in compared_with_others(short.standings(), True)


def test_a_refined_method_takes_the_saved_labelings_and_the_most_likely_fifth_votes(short):
    base = short.run("kmeans-both")
    refined = short.run("kmeans-both-refined")
    assert refined.labelings.shape == base.labelings.shape
    assert refined.seconds > base.seconds
    assert refined.note == f"{base.note}; every seed refined"
    assert refined.joint.final_likelihood > np.quantile(refined.joint.likelihood, 0.5)
    (line,) = [line for line in short.standings() if line.method.key == "kmeans-both-refined"]
    assert line.vote_acc > 0.95
    assert short.run("gmm-both-refined").joint is not None, "searched where it was not"
    assert short.saved("gmm-both") is not None


def test_one_judge_sees_every_method_without_labels_and_again_only_what_changed(short):
    for key in ("kmeans-both", "kmeans-both-refined", "shuffled", "probe-phi1"):
        short.run(key)
    assert preference(short.standings()) is None
    short.judge()
    lines = {line.method.key: line for line in short.standings()}
    assert lines["probe-phi1"].likelihood is None, "it has seen the labels"
    assert lines["shuffled"].likelihood is not None
    assert lines["kmeans-both"].likelihood == pytest.approx(lines["kmeans-both-refined"].likelihood, abs=1e-3)
    assert all(line.refined_acc > 0.9 for key, line in lines.items() if key not in ("shuffled", "probe-phi1"))
    files = {path: path.stat().st_mtime_ns for path in short.cache.folder.glob("judged/*")}
    short.judge()
    assert files == {path: path.stat().st_mtime_ns for path in short.cache.folder.glob("judged/*")}
    more = short.saved("shuffled").labelings[:3]
    save(short.cache, "shuffled", ScoredLabelings(more, np.zeros(3), 1.0, "other labelings"))
    assert load_judged(short.cache, "shuffled", short.saved("shuffled")) is None


def test_the_pool_is_apart_from_controls_and_says_plainly_what_the_judge_prefers(short):
    for key in ("kmeans-phi1", "shuffled"):
        short.run(key)
    lines = {line.method.key: line for line in short.standings()}

    def judged(kmeans):
        known = {"shuffled": -1.0, AS_IN_PAPER: -3.0, "kmeans-phi1": kmeans}
        return [replace(line, likelihood=known[key], refined_acc=0.5) for key, line in lines.items()]

    better = preference(judged(-2.5))
    assert better.preferred.method.key == "kmeans-phi1"
    assert preferred_by_likelihood(better, True) == (
        "By the likelihood in both spaces the labeling of k-means on φ1, refined, is preferred to HUME's: "
        "−2.50 against −3.00 nats a sample; their accuracies are 50.0\u00a0% and 50.0\u00a0%."
    )
    assert "accura" not in preferred_by_likelihood(better, False)
    worse = preference(judged(-3.5))
    assert worse.preferred.method.key == AS_IN_PAPER
    assert "HUME's labeling is preferred" in preferred_by_likelihood(worse, False)
    assert "equally good" in preferred_by_likelihood(preference(judged(-3.001)), False)


def test_where_labelings_cannot_be_refined_hume_offers_the_searched_ones_and_the_judge_says_why(tmp_path, monkeypatch):
    shorten(monkeypatch, comparison_module)
    few = save_folder(tmp_path / "few", classes=4, size=9)
    comparison = Comparison(tmp_path / "home", few, "phi1", "phi2", num_classes=8)
    saved = comparison.run(HUME)
    assert saved.joint is None
    assert "not refined: 8 classes on 36 samples are fewer than 5 samples a class" in saved.note
    assert comparison.standings()[0].vote_acc is not None
    with pytest.raises(InputError, match="too few to refine"):
        comparison.judge()
