"""Methods side by side: what was found is kept, controls tell what the second space buys, truth stays off the disk."""

from dataclasses import replace

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.evaluation import metrics
from hume.experiments.comparison import HUME, METHODS, Comparison
from hume.experiments.negative_controls import NEGATIVE_CONTROLS, run_negative_control
from hume.experiments.published import PUBLISHED, headline
from hume.reporting.experiment_sentences import compared_with_others
from hume.runs.discover import discover
from tests.support.planted_runs import save_folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets") / "planted"
    return save_folder(folder, classes=4, size=60)


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


def test_what_was_found_is_there_for_whoever_looks_later(comparison, dataset, tmp_path):
    for key in (HUME, "kmeans-phi1", "shuffled"):
        shares = []
        comparison.run(key, on_progress=shares.append)
        assert shares == sorted(shares)
    later = Comparison(tmp_path / "home", dataset, "phi1", "phi2", num_classes=4)
    standings = {each.method.key: each for each in later.standings()}
    assert list(standings) == [HUME, "shuffled", "kmeans-phi1"], "HUME, controls, then the others"
    labelings = later.saved("kmeans-phi1").labelings
    accuracy = [metrics.clustering_accuracy(dataset.labels, each) for each in labelings]
    assert standings["kmeans-phi1"].acc.mean == pytest.approx(np.mean(accuracy))
    assert standings["kmeans-phi1"].acc.std == pytest.approx(np.std(accuracy))
    assert standings["kmeans-phi1"].num_seeds == len(labelings)
    assert standings["kmeans-phi1"].vote_acc is None
    assert standings[HUME].vote_acc > 0.95
    assert standings[HUME].cv_score.mean > 2 * standings["shuffled"].cv_score.mean
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
        found = comparison.run(HUME)
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
    for key in (HUME, "noise", "kmeans-both"):
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
