"""The labelings that can be set beside each other, by their texts."""

import numpy as np
import pytest

from hume import Store
from hume.common.errors import InputError, RunError
from hume.data.dataset import dataset_from_files
from hume.evaluation.metrics import clustering_accuracy
from hume.experiments import sides
from hume.experiments.comparison import Comparison
from hume.reporting import difference_sentences
from hume.runs import review
from hume.runs.answering import Answering
from hume.runs.findings import Findings
from tests.support.app_driver import EXAMPLES, birds, given
from tests.support.planted_runs import create, save_files


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Run `one` with two modes, a corrected labeling and k-means beside it; run `two` with other settings."""
    store = Store(tmp_path_factory.mktemp("sides").resolve())
    dataset = birds(store)
    truth, numbers = dataset.labels, np.arange(len(dataset.labels))
    other = np.where((truth < 2) & (numbers % 2 == 0), 1 - truth, truth)
    run = given(store, dataset, "one", [truth, truth, truth, other, other])
    given(store, dataset, "two", [np.minimum(truth, 2), np.minimum(truth, 2)], num_classes=3)
    given(store, birds(store, "others"), "elsewhere", [truth, truth])
    Comparison(store.home, dataset, "phi1", "phi2", num_classes=4).run("kmeans-phi1")
    review.name_class(run, 0, "owls")
    Answering(Findings(run)).keep_base()
    review.answer(run, [0], int((truth[0] + 1) % 4))
    review.set_aside(run, [1])
    return store


def test_every_text_that_is_offered_names_a_labeling_of_all_rows(store):
    run = store.open("one")
    texts = sides.offered(run)
    assert set(texts) == {"corrected", "searched", "kmeans-phi1", "version-2"}
    for what in [*texts, "mode-1", "mode-2"]:
        side = sides.side(store, f"one:{what}")
        assert (side.what, len(side.labeling)) == (what, run.dataset().num_samples)
        assert difference_sentences.title(side)


def test_a_run_alone_is_the_labeling_that_it_offers(store):
    side = sides.side(store, "one")
    assert side.view == "corrected"
    np.testing.assert_array_equal(side.labeling, Findings(store.open("one")).vote.labeling)


def test_modes_differ_in_what_was_exchanged(store):
    truth = store.open("one").dataset().labels
    both = sides.compare(sides.side(store, "one:mode-1"), sides.side(store, "one:mode-2"))
    exchanged = np.flatnonzero((truth < 2) & (np.arange(len(truth)) % 2 == 0))
    moved = both.differences.moved
    assert set(moved.tolist()) <= set(np.flatnonzero(truth < 2).tolist())
    assert len(moved) == min(len(exchanged), (truth < 2).sum() - len(exchanged))


def test_an_earlier_version_has_the_answers_up_to_it_and_what_is_set_aside_is_left_out(store):
    before, now = sides.side(store, "one:version-1"), sides.side(store, "one:corrected")
    assert before.set_aside == frozenset()
    both = sides.compare(before, now)
    assert 0 in both.differences.moved
    assert not both.differences.counted[1]
    assert "1 sample that a person set aside is left out" in difference_sentences.classes(both)


def test_a_method_without_scores_is_the_seed_most_like_the_others(store):
    side = sides.side(store, "one:kmeans-phi1")
    saved = Comparison(store.home, store.open("one").dataset(), "phi1", "phi2", num_classes=4).saved("kmeans-phi1")
    likeness = [np.mean([clustering_accuracy(a, b) for b in saved.labelings]) for a in saved.labelings]
    position = next(i for i, each in enumerate(saved.labelings) if np.array_equal(each, side.labeling))
    assert likeness[position] > np.median(likeness) - 1e-9


def test_names_follow_the_classes_they_are_matched_to(store):
    both = sides.compare(sides.side(store, "one:searched"), sides.side(store, "two"))
    assert both.first_names[0] == "owls"
    assert "owls" in both.second_names
    assert len(set(both.second_names)) == len(both.second_names)


def test_settings_that_differ_are_named(store):
    one, two = store.open("one"), store.open("two")
    sentence = difference_sentences.what_differs(one, two)
    assert sentence == "Runs one and two differ in K (4 and 3) and seeds (5 and 2)."
    assert difference_sentences.own_settings([one, two]) == ["K = 4, 5 seeds", "K = 3, 2 seeds"]
    assert difference_sentences.what_differs(one, one) == ""


def test_files_with_a_space_in_common_label_the_same_samples(tmp_path):
    store = Store(tmp_path / "home")
    first, third = (save_files(tmp_path / name, **EXAMPLES) for name in ("a", "b"))
    (tmp_path / "c").mkdir()
    np.save(tmp_path / "c" / "phi2.npy", first.space("phi2").features[:, ::-1])
    second = dataset_from_files(tmp_path / "a" / "phi1.npy", tmp_path / "c" / "phi2.npy", None)
    one, two, three = (create(store, data) for data in (first, second, third))
    assert sides.same_samples(one, two)
    assert not sides.same_samples(one, three)


# --- bad input -----------------------------------------------------------------------------------


def test_runs_on_different_data_are_refused_in_one_sentence(store):
    with pytest.raises(InputError, match="'one' of birds and 'elsewhere' of others label different samples"):
        sides.compare(sides.side(store, "one"), sides.side(store, "elsewhere"))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("gone", RunError, "no run 'gone'"),
        ("one:nothing", InputError, "names no labeling"),
        ("one:mode-9", InputError, "no mode 9"),
        ("one:version-99", InputError, "no version 99"),
        ("two:version-0", InputError, "no earlier version"),
        ("two:corrected", InputError, "no answers"),
        ("one:probe-phi1", InputError, "trained on the ground truth"),
        ("one:temi", RunError, "no readable labelings"),
    ],
)
def test_what_names_no_labeling_is_reported(store, text, error, message):
    with pytest.raises(error, match=message):
        sides.side(store, text)


def test_damaged_labelings_of_a_method_are_reported(store):
    dataset = store.open("two").dataset()
    cache = Comparison(store.home, dataset, "phi1", "phi2", num_classes=3).cache
    cache.folder.mkdir(parents=True)
    (cache.folder / "kmeans-phi2.safetensors").write_bytes(b"damaged")
    assert "kmeans-phi2" in sides.offered(store.open("two"))
    with pytest.raises(RunError, match="no readable labelings for the spaces of run 'two': run it again"):
        sides.side(store, "two:kmeans-phi2")
