"""Neighbours of spaces too large to hold, and approximate ones that say how many of the exact ones they are."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from hume import cli
from hume.common.errors import InputError
from hume.data.npy_files import FileArray
from hume.data.rows import StreamedRows
from hume.evaluation import approximate_neighbors, neighbors, reliable
from hume.evaluation.approximate_neighbors import CellIndex, Recall, all_neighbors, chosen_method, count_agreement
from hume.evaluation.neighbors import SomeRows, UnitRows, neighbor_agreement
from hume.reporting import sentences
from hume.reporting.report import report
from hume.runs.findings import Findings
from hume.runs.store import Store
from tests.support.planted import planted
from tests.support.planted_runs import create, save_files
from tests.support.rules import cases

needs_faiss = pytest.mark.skipif(find_spec("faiss") is None, reason="faiss-cpu is an extra")
IMAGENET = (1_281_167, 2048)


class OnDisk:
    """Rows that are counted when they are read."""

    def __init__(self, path, features):
        np.save(path, features)
        self._features = np.load(path, mmap_mode="r")
        self.shape = features.shape
        self.most = 0

    def __getitem__(self, rows):
        read = self._features[rows]
        self.most = max(self.most, len(read))
        return read


@pytest.fixture
def in_blocks(monkeypatch):
    monkeypatch.setattr(neighbors, "HELD_BYTES", 0)
    monkeypatch.setattr(neighbors, "BLOCK_ROWS", 7)


@pytest.fixture
def without_faiss(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)


def few_numbers(seed, size=60):
    """Rows among which many pairs are exactly equally near."""
    return np.eye(5)[np.random.default_rng(seed).integers(5, size=size)]


def sparse(seed, size=60):
    return np.random.default_rng(seed).normal(size=(size, 4)).astype(np.float16)


# --- exact, from the disk --------------------------------------------------------------------------


@cases("chunk_bytes", [1, 7 * 4 * 13, neighbors.CHUNK_BYTES])
@cases("num_neighbors", [1, 5, 20, 59])
@cases("make", [few_numbers, sparse])
def test_blocks_of_rows_do_not_change_neighbors(tmp_path, monkeypatch, make, num_neighbors, chunk_bytes):
    phi1, labeling = make(0), np.random.default_rng(1).integers(3, size=60)
    rows = np.array([59, 0, 17, 17])
    held = neighbors.nearest_neighbors(phi1, rows, num_neighbors)
    counted = neighbor_agreement(phi1, labeling, num_neighbors)
    monkeypatch.setattr(neighbors, "HELD_BYTES", 0)
    monkeypatch.setattr(neighbors, "BLOCK_ROWS", 7)
    space = OnDisk(tmp_path / "phi1.npy", phi1)
    found = neighbors.nearest_neighbors(space, rows, num_neighbors, chunk_bytes=chunk_bytes)
    assert [set(row) for row in found.tolist()] == [set(row) for row in held.tolist()]
    if make is sparse:
        np.testing.assert_array_equal(found, held)  # nearest first
    np.testing.assert_array_equal(neighbor_agreement(space, labeling, num_neighbors, chunk_bytes=chunk_bytes), counted)
    assert space.most <= 60 if chunk_bytes == neighbors.CHUNK_BYTES else space.most <= 13


def test_some_rows_are_a_space_of_their_own(in_blocks):
    phi1, labeling = sparse(2), np.random.default_rng(2).integers(3, size=60)
    chosen = np.flatnonzero(np.arange(60) % 3)
    some = SomeRows(phi1, chosen)
    assert some.shape == (40, 4)
    np.testing.assert_array_equal(some[3:6], phi1[chosen[3:6]])
    np.testing.assert_array_equal(
        neighbor_agreement(some, labeling[chosen], 6), neighbor_agreement(phi1[chosen], labeling[chosen], 6)
    )


def test_rows_that_the_search_streams_are_a_space_too(tmp_path, in_blocks):
    phi1, labeling = sparse(4), np.random.default_rng(4).integers(3, size=60)
    np.save(tmp_path / "phi1.npy", phi1)
    features = FileArray.open(tmp_path / "phi1.npy")
    streamed = StreamedRows(features=features, source="phi1.npy", device=torch.device("cpu"))
    expected = neighbor_agreement(phi1, labeling, 6)
    np.testing.assert_array_equal(neighbor_agreement(features, labeling, 6), expected)
    np.testing.assert_array_equal(neighbor_agreement(streamed, labeling, 6), expected)
    chosen = np.flatnonzero(np.arange(60) % 3)
    np.testing.assert_array_equal(
        neighbor_agreement(SomeRows(streamed, chosen), labeling[chosen], 6),
        neighbor_agreement(phi1[chosen], labeling[chosen], 6),
    )


def test_a_bad_row_is_named_wherever_it_is_met(in_blocks):
    phi1 = sparse(3)
    phi1[23, 1] = np.nan
    for method in ("exact", "approximate") if find_spec("faiss") else ("exact",):
        with pytest.raises(InputError, match="row 23 of phi1"):
            count_agreement(phi1, np.zeros(60, int), 5, method=method)


# --- approximate -----------------------------------------------------------------------------------


def true_recall(phi1, k):
    """The share of all exact neighbours that the index finds which `count_agreement` uses."""
    space = UnitRows(phi1)
    index = CellIndex(space, lambda share: None)
    everyone = np.arange(len(phi1))
    exact = neighbors.nearest(space, everyone, k)
    sample = index.sample(2 * approximate_neighbors.SAMPLED)
    half = sample[: len(sample) // 2]
    index.choose_cells(half, exact[half])
    found = index.search(everyone, k)
    assert all(row not in near for row, near in enumerate(found.tolist()))
    return np.mean([np.isin(one, other).mean() for one, other in zip(exact, found, strict=True)])


@needs_faiss
@pytest.mark.parametrize("num_neighbors", [1, 30, 100])
def test_counts_differ_by_no_more_than_what_was_missed(num_neighbors):
    phi1, _, labeling = planted(classes=5, size=400, dim=6)
    exact = count_agreement(phi1, labeling, num_neighbors, method="exact")
    near = count_agreement(phi1, labeling, num_neighbors, method="approximate")
    assert exact.recall is None
    assert near.recall.num_samples == approximate_neighbors.SAMPLED
    assert near.recall.share > 0.85
    # Every neighbour that was missed makes a difference of one at most.
    missed = (1 - true_recall(phi1, num_neighbors)) * num_neighbors
    assert np.abs(near.agreement - exact.agreement).mean() <= missed
    assert near.agreement.max() <= num_neighbors


@needs_faiss
@pytest.mark.parametrize(("dim", "low", "high"), [(2, 0.95, 1), (64, 0.1, 0.7)])
def test_recall_is_what_is_found(dim, low, high):
    phi1 = np.random.default_rng(0).normal(size=(2000, dim)).astype(np.float32)
    recall = count_agreement(phi1, np.zeros(2000, int), 50, method="approximate").recall
    assert low <= recall.share <= high
    assert recall.share == pytest.approx(true_recall(phi1, 50), abs=0.03)


@needs_faiss
def test_leading_directions_are_kept_where_all_would_not_fit(monkeypatch):
    rng = np.random.default_rng(0)
    phi1 = rng.normal(size=(2000, 3)) @ rng.normal(size=(3, 40)) + 1e-4 * rng.normal(size=(2000, 40))
    labeling = np.argmax(phi1[:, :4], axis=1)
    whole = count_agreement(phi1, labeling, 20, method="approximate")
    for kept, found in ((3, True), (1, False)):
        monkeypatch.setattr(approximate_neighbors, "INDEX_BYTES", 2 * 2000 * kept)
        near = count_agreement(phi1, labeling, 20, method="approximate")
        assert (near.recall.share > whole.recall.share - 0.02) == found


@needs_faiss
def test_approximate_neighbors_are_the_same_every_time_and_wherever_rows_lie(tmp_path, monkeypatch):
    phi1, _, labeling = planted(classes=4, size=300, dim=6)
    first = count_agreement(phi1, labeling, 20, method="approximate")
    monkeypatch.setattr(neighbors, "HELD_BYTES", 0)
    space = OnDisk(tmp_path / "phi1.npy", phi1)
    monkeypatch.setattr(neighbors, "BLOCK_ROWS", 64)
    monkeypatch.setattr(approximate_neighbors, "BATCH_ROWS", 500)
    second = count_agreement(space, labeling, 20, method="approximate")
    assert np.mean(first.agreement == second.agreement) > 0.99
    assert space.most == 500
    monkeypatch.undo()
    again = count_agreement(phi1, labeling, 20, method="approximate")
    np.testing.assert_array_equal(again.agreement, first.agreement)
    assert again.recall == first.recall


@needs_faiss
def test_all_neighbors_are_exact_where_that_is_quick_and_find_copies_beyond(monkeypatch):
    phi1 = planted(size=200, dim=16)[0]
    phi1 = np.concatenate([phi1, phi1[:40]])
    exact = all_neighbors(phi1, 8)
    assert (exact == reliable.nearest_neighbors(phi1, np.arange(640), 8)).all()
    monkeypatch.setattr(approximate_neighbors, "EXACT_SECONDS", 0)
    told = []
    near = all_neighbors(phi1, 8, on_progress=told.append)
    assert (near[600:, 0] == np.arange(40)).all()
    assert told == sorted(told)
    assert told[-1] == 1


@needs_faiss
@cases("size", [1, 2, 3, 5, 40])
def test_few_samples_have_approximate_neighbors_too(size):
    phi1, labeling = few_numbers(0, size), np.arange(size) % 2
    phi1[0] = 0
    found = count_agreement(phi1, labeling, 500, method="approximate")
    assert (found.agreement <= size - 1).all()
    assert (found.recall is None) == (size == 1)


@needs_faiss
def test_progress_goes_up_to_one():
    told = []
    phi1, _, labeling = planted(classes=4, size=300, dim=6)
    count_agreement(phi1, labeling, 20, method="approximate", on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1


# --- which of them ---------------------------------------------------------------------------------


def test_all_pairs_are_compared_where_that_takes_a_minute_or_two():
    for shape in ((1, 2), (60, 3), (10_000, 1280), (50_000, 512), (50_000, 2048)):
        assert chosen_method("auto", shape, "cpu") == "exact"
    assert chosen_method("exact", IMAGENET, "cpu") == "exact"
    assert chosen_method("auto", (200_000, 512), "cuda") == "exact"


@needs_faiss
def test_larger_data_have_approximate_neighbors():
    for shape in ((200_000, 512), IMAGENET):
        assert chosen_method("auto", shape, "cpu") == "approximate"
    assert chosen_method("approximate", (60, 3), "cpu") == "approximate"


def test_what_is_missing_is_said_with_its_cure_and_what_it_costs_to_do_without(without_faiss):
    assert chosen_method("auto", (150_000, 512), "cpu") == "exact"  # some minutes, and no one has to install anything
    assert chosen_method("exact", IMAGENET, "cpu") == "exact"
    sentence = (
        r"`python -m pip install faiss-cpu`.*--neighbors-method exact\), which for 1,281,167 .* about \d+ hours\.$"
    )
    for method in ("auto", "approximate"):
        with pytest.raises(InputError, match=sentence):
            chosen_method(method, IMAGENET, "cpu")
    with pytest.raises(InputError, match=r"for 60 samples take about 1 second"):
        count_agreement(sparse(0), np.zeros(60, int), 5, method="approximate")


def test_a_method_that_is_none_is_named():
    with pytest.raises(InputError, match="no neighbours' method 'fast': choose 'auto', 'exact' or 'approximate'"):
        count_agreement(sparse(0), np.zeros(60, int), 5, method="fast")


@pytest.mark.slow
@needs_faiss
def test_faiss_is_loaded_only_when_it_is_asked():
    script = (
        "import sys, numpy as np, hume, hume.cli; phi1 = np.eye(4)[np.arange(20) % 4];"
        "hume.reliability_ranking(np.zeros((2, 20), int), phi1, 2); print('faiss' in sys.modules);"
        "hume.reliability_ranking(np.zeros((2, 20), int), phi1, 2, neighbors_method='approximate');"
        "print('faiss' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


# --- said wherever it is used ------------------------------------------------------------------------


def test_nothing_is_said_of_exact_neighbors():
    ranking = reliable.reliability_ranking(np.zeros((2, 60), int), sparse(0), 2)
    assert ranking.neighbor_recall is None
    assert ranking.top(3).neighbor_recall is None
    assert sentences.neighbors(ranking) == ""


@needs_faiss
def test_rankings_samples_and_sentences_tell_the_recall(tmp_path, monkeypatch):
    store = Store(tmp_path)
    run = create(store, save_files(tmp_path / "data"), "a", seeds=(0, 1))
    run.execute()
    found = Findings(run)
    exact = found.ranking(50)
    assert "Neighbours are approximate" not in report(found)
    near = found.ranking(50, neighbors_method="approximate")
    assert near is not exact
    assert near is found.ranking(50, neighbors_method="approximate")
    recall = near.neighbor_recall
    assert recall == near.top(3).neighbor_recall == found.reliable_samples(near, 3)[0].neighbor_recall
    assert recall == Recall(recall.share, found.dataset.num_samples // 2)
    np.testing.assert_array_equal(near.vote_agreement, exact.vote_agreement)
    words = sentences.neighbors(near)
    assert words.startswith("Neighbours are approximate: ")
    assert words.endswith("of the exact ones are found, measured on 120 samples.")
    monkeypatch.setattr(approximate_neighbors, "EXACT_SECONDS", -1)
    assert "Neighbours are approximate: " in report(Findings(run))


def test_the_command_line_tells_the_method_and_the_recall(tmp_path, monkeypatch):
    store = Store(tmp_path / "home")
    create(store, save_files(tmp_path / "data"), "a", seeds=(0, 1)).execute()

    def command(*options):
        words = ["reliable", "a", "--csv", str(tmp_path / "a.csv"), "--neighbors", "50", *options]
        return CliRunner(env={"HUME_HOME": str(store.home)}).invoke(cli.app, words)

    exact = command("--neighbors-method", "exact")
    assert exact.exit_code == 0
    assert "neighbours " not in exact.stdout
    content = (tmp_path / "a.csv").read_bytes()
    assert command().stdout == exact.stdout  # as few samples need no other method
    assert (tmp_path / "a.csv").read_bytes() == content
    if find_spec("faiss"):
        near = command("--neighbors-method", "approximate")
        [line] = [line for line in near.stdout.splitlines() if line.startswith("neighbours ")]
        assert line.endswith("% of the exact ones found, measured on 120 samples")
    monkeypatch.setitem(sys.modules, "faiss", None)
    refused = command("--neighbors-method", "approximate")
    assert refused.exit_code == 2
    [line] = refused.stderr.strip().splitlines()
    assert line.startswith(
        "error: approximate neighbours need faiss: install it with `python -m pip install faiss-cpu`"
    )
