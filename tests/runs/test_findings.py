"""One reading of a finished run: it agrees with the functions it puts together, with and without ground truth."""

from dataclasses import astuple

import numpy as np
import pytest
import torch

from hume.common.errors import InputError, RunError
from hume.data import space_rows
from hume.data.rows import StreamedRows
from hume.evaluation import cross_validation, ensemble, reliable
from hume.evaluation.metrics import agreement, clustering_accuracy
from hume.exchange.author_runs import export_run, import_tasks
from hume.runs import review
from hume.runs.findings import LABEL_COLUMNS, MAX_RANKINGS, RELIABLE_COLUMNS, Findings
from hume.runs.review_state import Review
from hume.runs.store import Store
from tests.support.planted_runs import StoppedError, create, save_files, save_folder, stop_after_the_first_seed
from tests.support.rules import cases

SIZE, CLASSES = 240, 4
TEST_ROWS = np.arange(SIZE) % 3 == 0
FILES = [f"bilder/vögel {row:03}.jpg" for row in range(SIZE)]
NAMES = ["owl", "jay", "wren", "tit"]
BLURRED = {"classes": CLASSES, "size": SIZE // CLASSES, "noise": 0.5}  # seeds disagree on a third of it
KINDS = ("split", "plain", "blind", "five")


def save_blurred(folder, **options):
    return save_files(folder, **BLURRED, **options)


def executed(store, dataset, name, **options):
    run = create(store, dataset, name, **{"seeds": (7, 2, 5, 0, 3), "num_classes": CLASSES, **options})
    run.execute()
    return run


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def runs(store):
    """With a test split, names and files; on all rows; without ground truth; with a class too many."""
    full = save_folder(store.home / "datasets" / "birds", names=NAMES, test_rows=TEST_ROWS, files=FILES, **BLURRED)
    plain = save_blurred(store.home / "plain")
    return {
        "split": executed(store, full, "split"),
        "plain": executed(store, plain, "plain"),
        "blind": executed(store, save_blurred(store.home / "blind", labels=False), "blind"),
        "five": executed(store, plain, "five", num_classes=5),
    }


@pytest.fixture
def split(runs):
    return Findings(runs["split"])


@pytest.fixture
def plain(runs):
    return Findings(runs["plain"])


@pytest.fixture
def blind(runs):
    return Findings(runs["blind"])


# --- seeds and their vote --------------------------------------------------------------------


@cases("kind", KINDS)
def test_the_vote_is_that_of_the_seeds(runs, kind):
    found, run = Findings(runs[kind]), runs[kind]
    rows = TEST_ROWS if kind == "split" else None
    expected = ensemble.majority_vote(run.labelings(), run.cv_score(), found.num_classes, rows)
    np.testing.assert_array_equal(found.vote.labeling, expected.labeling)
    np.testing.assert_array_equal(found.vote.counts, expected.counts)
    np.testing.assert_array_equal(found.vote.share, expected.share)
    assert found.vote.reference == expected.reference
    assert 0 < np.mean(found.vote.share < 1) < 1


@cases("kind", ["split", "plain", "five"])
def test_scores_are_of_the_evaluated_rows(runs, kind):
    found = Findings(runs[kind])
    truth, seen = found.dataset.labels, found.evaluated
    assert seen.sum() == (SIZE / 3 if kind == "split" else SIZE)
    assert found.vote_agreement == agreement(truth[seen], found.vote.labeling[seen])
    for seed in found.seeds:
        one = found.seed(seed)
        expected = agreement(truth[seen], one.labeling[seen])
        assert astuple(one.agreement) == pytest.approx(astuple(expected))
        assert one.agreement.acc == found.statistics.accuracy[found.seeds.index(seed)]
    assert found.correlation.n == 5


def test_seeds_have_places_by_their_scores(split):
    assert split.seeds == (0, 2, 3, 5, 7)
    ranked = sorted((split.seed(seed) for seed in split.seeds), key=lambda one: one.rank)
    assert [one.rank for one in ranked] == [1, 2, 3, 4, 5]
    assert [one.cv_score for one in ranked] == sorted(split.values["cv_score"], reverse=True)
    best = ranked[0]
    assert split.seeds[split.statistics.order[0]] == best.seed
    # The best-scored seed keeps its class numbers; the others are renamed after it, one to one.
    np.testing.assert_array_equal(best.labeling, split.run.seed_array(best.seed, "labeling"))
    for one in ranked:
        own = split.run.seed_array(one.seed, "labeling")
        assert len(set(zip(own.tolist(), one.labeling.tolist(), strict=True))) == len(np.unique(own))
    with pytest.raises(InputError, match="no seed 1"):
        split.seed(1)


def test_seeds_say_how_they_ended(runs, split, store, plain):
    assert set(split.states) == {"converged"}
    np.testing.assert_array_equal(split.objective, split.run.objective())
    stopped = Findings(executed(store, plain.dataset, "stopped", num_iterations=8, seeds=(0,)))
    assert stopped.states == ["stopped at T"]
    assert stopped.correlation is None  # of one seed there is none
    assert stopped.seed(0).rank == 1


def test_imported_seeds_are_called_so(runs, store, plain, tmp_path):
    export_run(runs["plain"], tmp_path / "tasks")
    back = Findings(import_tasks(store, tmp_path / "tasks", plain.dataset, phi1="phi1", phi2="phi2", name="back"))
    assert back.states == ["imported"] * 5
    assert np.isnan(back.objective).all()
    assert np.isnan(back.seed(back.seeds[0]).objective)
    assert np.mean(back.vote.labeling == plain.vote.labeling) >= 0.99


def test_a_run_on_spaces_that_do_not_fit_reads_the_same(runs, monkeypatch):
    expected = Findings(runs["plain"])
    monkeypatch.setattr("hume.common.devices.COMFORTABLE_SHARE", 0.0)
    found = Findings(runs["plain"])
    assert isinstance(found.phi1, StreamedRows)
    np.testing.assert_array_equal(found.seed(0, 5).typical, expected.seed(0, 5).typical)
    np.testing.assert_array_equal(found.ranking(12).neighbor_agreement, expected.ranking(12).neighbor_agreement)
    np.testing.assert_array_equal(found.neighbors(3, "phi1", 4), expected.neighbors(3, "phi1", 4))
    np.testing.assert_array_equal(found.neighbors(3, "phi2", 4), expected.neighbors(3, "phi2", 4))
    assert np.mean(found.expected == expected.expected) > 0.99


@cases("kind", KINDS)
@cases("number", [5, 150])
def test_typical_samples_are_the_closest_of_their_class(runs, kind, number):
    found = Findings(runs[kind])
    for seed in (0, 7):
        one = found.seed(seed, number)
        closeness = (found.phi1 @ runs[kind].seed_array(seed, "prototypes").T).max(axis=1)
        assert one.typical.shape == (found.num_classes, number)
        for k, rows in enumerate(one.typical):
            members = np.flatnonzero(one.labeling == k)
            shown = rows[rows >= 0]
            assert len(shown) == min(number, len(members))
            assert (rows[len(shown) :] == -1).all()
            assert set(shown) <= set(members)
            np.testing.assert_array_equal(closeness[shown], np.sort(closeness[members])[::-1][:number])


@cases("kind", KINDS)
def test_the_curve_ends_at_the_vote(runs, kind):
    found = Findings(runs[kind])
    header, table = found.curve_table()
    assert [row[0] for row in table] == [1, 2, 3, 4, 5]
    assert header == (["n", "consistency"] if kind == "blind" else ["n", "acc", "ari", "consistency"])
    last = dict(zip(header, table[-1], strict=True))
    assert last["consistency"] == 1
    if kind != "blind":
        assert last["acc"] == pytest.approx(found.vote_agreement.acc)
        assert last["ari"] == pytest.approx(found.vote_agreement.ari)
        assert table[0][1] == pytest.approx(found.statistics.accuracy[found.statistics.order[0]])


def test_the_label_table_names_every_sample(split, blind):
    table = split.label_table(Review(names={1: "Größe"}))
    assert [row[0] for row in table] == list(range(SIZE))
    assert [row[1] for row in table] == FILES
    assert [row[2] for row in table] == split.vote.labeling.tolist()
    assert {row[3] for row in table if row[2] == 1} == {"Größe"}
    assert {row[3] for row in table if row[2] != 1} == {""}
    np.testing.assert_allclose([float(row[4]) for row in table], split.vote.share, atol=5e-5)
    assert {len(row) for row in table} == {len(LABEL_COLUMNS)}
    assert {row[1] for row in blind.label_table(Review())} == {""}


# --- the ground truth ------------------------------------------------------------------------


@cases("kind", ["split", "plain", "five"])
def test_confusion_counts_the_evaluated_rows(runs, kind):
    found = Findings(runs[kind])
    table = found.confusion(found.vote.labeling)
    assert table.shape == (found.num_classes, CLASSES)
    assert table.sum() == found.evaluated.sum()
    np.testing.assert_array_equal(
        table.sum(axis=1), np.bincount(found.vote.labeling[found.evaluated], minlength=found.num_classes)
    )
    one = found.seed(2)
    np.testing.assert_array_equal(one.confusion, found.confusion(one.labeling))


@cases("kind", ["split", "plain", "five"])
def test_what_is_right_is_what_the_accuracy_counts(runs, kind):
    found = Findings(runs[kind])
    everywhere = clustering_accuracy(found.dataset.labels, found.vote.labeling)
    assert found.right.mean() == pytest.approx(everywhere)
    if kind != "split":
        assert everywhere == found.vote_agreement.acc
    matched = found.match[found.match >= 0]
    assert sorted(matched) == list(range(CLASSES))
    assert len(found.match) == found.num_classes
    assert not found.right[found.match[found.vote.labeling] == -1].any()


def test_true_classes_have_names_where_there_are_any(split, plain):
    assert split.true_names == NAMES
    assert plain.true_names == ["0", "1", "2", "3"]


def test_without_ground_truth_all_else_works(blind, plain):
    assert blind.statistics.accuracy is None
    assert blind.correlation is None
    assert blind.vote_agreement is None
    assert blind.match is None
    assert blind.right is None
    assert blind.confusion(blind.vote.labeling) is None
    assert blind.true_names == []
    one = blind.seed(3)
    assert one.agreement is None
    assert one.confusion is None
    samples, statistics = blind.reliable_samples(blind.ranking(20), 5)
    assert statistics is None
    # Ground truth is for display: whatever is found is the same with it.
    np.testing.assert_array_equal(blind.vote.labeling, plain.vote.labeling)
    np.testing.assert_array_equal(blind.expected, plain.expected)
    np.testing.assert_array_equal(samples.rows, plain.reliable_samples(plain.ranking(20), 5)[0].rows)
    np.testing.assert_array_equal(one.typical, plain.seed(3).typical)


def test_ground_truth_that_came_after_the_scores_is_shown_but_not_scored(store):
    folder = store.home / "datasets" / "late"
    dataset = save_folder(folder, **BLURRED)
    (folder / "labels.npy").rename(folder / "later.npy")
    run = executed(store, store.load_dataset("late"), "late", seeds=(0, 1))
    (folder / "later.npy").rename(folder / "labels.npy")
    found = Findings(run)
    one = found.seed(1)
    assert found.statistics.accuracy is found.vote_agreement is one.agreement is None
    assert one.confusion.sum() == SIZE
    assert found.right.mean() == pytest.approx(clustering_accuracy(dataset.labels, found.vote.labeling))


# --- samples ---------------------------------------------------------------------------------


@cases("kind", KINDS)
def test_what_is_expected_is_what_the_score_of_the_vote_counts(runs, kind):
    found = Findings(runs[kind])
    phi2 = space_rows.as_tensor(found.dataset.space("phi2"))
    score = cross_validation.cross_validation_scores(
        phi2, torch.from_numpy(found.vote.labeling)[None], found.num_classes
    )
    assert found.expected.shape == (SIZE,)
    assert np.mean(found.expected == found.vote.labeling) == pytest.approx(score[0], abs=1e-6)
    assert 0.3 < score[0] < 1


def test_neighbors_are_the_nearest_in_either_space(split):
    for space in ("phi1", "phi2"):
        features = split.phi1 if space == "phi1" else split.dataset.space("phi2").features
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        found = split.neighbors(17, space, 9)
        expected = np.argsort(-(unit @ unit[17]), kind="stable")
        np.testing.assert_array_equal(found, expected[expected != 17][:9])


# --- reliable samples --------------------------------------------------------------------------


@cases("rows", ["all", "train", "test"])
@cases("order", ["algorithm", "prose"])
def test_rankings_are_those_of_the_chosen_rows(split, rows, order):
    chosen = split.chosen_rows(rows)
    found = split.ranking(12, order, rows)
    expected = reliable.reliability_ranking(
        split.aligned[:, chosen], split.phi1[chosen], CLASSES, num_neighbors=12, order=order
    )
    np.testing.assert_array_equal(found.labeling, expected.labeling)
    np.testing.assert_array_equal(found.labeling, split.vote.labeling[chosen])
    np.testing.assert_array_equal(found.vote_agreement, expected.vote_agreement)
    np.testing.assert_array_equal(found.neighbor_agreement, expected.neighbor_agreement)
    np.testing.assert_array_equal(found.sequence, expected.sequence)
    assert (found.order, found.num_neighbors, found.num_labelings) == (order, 12, 5)


def test_train_and_test_rows_are_all_rows(split, plain):
    train, test = split.chosen_rows("train"), split.chosen_rows("test")
    np.testing.assert_array_equal(test, np.flatnonzero(TEST_ROWS))
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), split.chosen_rows("all"))
    for rows in ("train", "test"):
        with pytest.raises(InputError, match="no test split"):
            plain.chosen_rows(rows)
    with pytest.raises(InputError, match="choose all, train or test"):
        split.chosen_rows("both")


def test_a_ranking_is_counted_once(split):
    told = []
    first = split.ranking(12, on_progress=told.append)
    assert told[-1] == 1
    told.clear()
    assert split.ranking(12, on_progress=told.append) is first
    other = split.ranking(12, "prose", on_progress=told.append)
    assert other.neighbor_agreement is first.neighbor_agreement
    assert split.ranking(12).order == "algorithm"
    assert told == []
    for number in range(20, 20 + MAX_RANKINGS):
        split.ranking(number)
    split.ranking(19 + MAX_RANKINGS, on_progress=told.append)
    assert told == []
    again = split.ranking(12, on_progress=told.append)  # the oldest had to go
    assert told[-1] == 1
    np.testing.assert_array_equal(again.sequence, first.sequence)
    with pytest.raises(InputError, match="'votes'"):
        split.ranking(12, "votes")


@cases("rows", ["all", "train", "test"])
def test_reliable_samples_have_the_numbers_of_the_dataset(split, rows):
    ranking = split.ranking(12, rows=rows)
    samples, statistics = split.reliable_samples(ranking, 4, rows)
    assert set(samples.rows) <= set(split.chosen_rows(rows))
    np.testing.assert_array_equal(split.vote.labeling[samples.rows], samples.classes)
    np.testing.assert_array_equal(split.vote.counts.max(axis=1)[samples.rows], samples.vote_agreement)
    assert statistics.balance.sum() == len(samples.rows) == 4 * CLASSES
    if rows == "all":
        assert statistics.accuracy == split.right[samples.rows].mean()


def test_the_reliable_table_ranks_every_class_and_tells_what_was_decided(split):
    samples, _ = split.reliable_samples(split.ranking(12, rows="test"), 4, "test")
    rejected = {int(samples.rows[1]), int(samples.rows[6]), 999}
    table = split.reliable_table(samples, Review(names={0: "Eule", 2: "x"}, rejected=frozenset(rejected)))
    columns = dict(zip(RELIABLE_COLUMNS, zip(*table, strict=True), strict=True))
    assert columns["row"] == tuple(samples.rows.tolist())
    assert columns["file"] == tuple(FILES[row] for row in samples.rows)
    assert columns["class"] == tuple(samples.classes.tolist())
    assert columns["class_name"] == tuple({0: "Eule", 2: "x"}.get(number, "") for number in samples.classes.tolist())
    assert columns["vote_agreement"] == tuple(samples.vote_agreement.tolist())
    assert columns["neighbor_agreement"] == tuple(samples.neighbor_agreement.tolist())
    assert columns["rank"] == (1, 2, 3, 4) * CLASSES
    assert columns["kept"] == tuple("no" if row in rejected else "yes" for row in columns["row"])
    assert columns["kept"].count("no") == 2
    assert {type(cell) for row in table for cell in row} == {int, str}


def test_the_table_says_what_was_reviewed(runs, blind):
    samples, _ = blind.reliable_samples(blind.ranking(12), 3)
    review.name_class(runs["blind"], 1, "Frösche")
    review.reject(runs["blind"], samples.rows[4])
    table = blind.reliable_table(samples, review.read(runs["blind"]))
    assert [row[1] for row in table] == [""] * 12
    assert [row[3] for row in table] == ["", "", "", "Frösche", "Frösche", "Frösche", *[""] * 6]
    assert [row[-2] for row in table] == [*["yes"] * 4, "no", *["yes"] * 7]


# --- what cannot be read -------------------------------------------------------------------------


def test_an_unfinished_run_says_so(store, plain):
    run = create(store, plain.dataset, "unfinished", num_classes=CLASSES)
    with pytest.raises(RunError, match="'unfinished' is interrupted: resume it"):
        Findings(run)
    with pytest.raises(StoppedError):
        run.execute(on_step=stop_after_the_first_seed)
    with pytest.raises(RunError, match="resume it"):
        Findings(run)
    run.execute(search=False)
    assert Findings(run).seeds == run.finished_seeds


def test_seeds_that_were_lost_are_noticed(store, plain):
    run = executed(store, plain.dataset, "lost")
    (run.folder / "seeds" / "00002.safetensors").unlink()
    with pytest.raises(RunError, match="not those that were scored"):
        Findings(run)


def test_changed_data_are_noticed(store):
    run = executed(store, save_blurred(store.home / "changed"), "changed", seeds=(0,))
    save_blurred(store.home / "changed", seed=1)
    with pytest.raises(RunError, match="have changed"):
        Findings(run)
