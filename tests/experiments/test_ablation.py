"""One setting turned: every family searches, collapses where the paper's does, and keeps no truth on the disk."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from hume.cli import app
from hume.common.errors import InputError
from hume.data.dataset import dataset_from_files
from hume.engine.config import preset
from hume.engine.solvers import Implicit
from hume.evaluation import metrics
from hume.experiments import ablation as module
from hume.experiments.ablation import SWEEPS, Ablation, value_name
from hume.reporting import experiment_sentences
from tests.support.planted import planted
from tests.support.planted_runs import save_folder, shorten


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return save_folder(tmp_path_factory.mktemp("datasets") / "planted", classes=4, size=60)


@pytest.fixture
def ablation(dataset, tmp_path):
    return Ablation(tmp_path / "home", dataset, "phi1", "phi2", num_classes=4)


@pytest.fixture
def short(monkeypatch):
    shorten(monkeypatch, module)


def test_without_the_entropy_term_all_samples_end_in_one_class(tmp_path):
    parts = planted(classes=4, size=60)
    for name, array in zip(("phi1", "phi2"), parts, strict=False):
        np.save(tmp_path / f"{name}.npy", array + np.float32(1))  # what features behind a ReLU have in common
    np.save(tmp_path / "labels.npy", parts[2])
    files = dataset_from_files(tmp_path / "phi1.npy", tmp_path / "phi2.npy", tmp_path / "labels.npy")
    ablation = Ablation(tmp_path, files, *files.spaces, num_classes=4)
    for value in (0, 10):
        ablation.run("entropy-weight", value, num_seeds=4)
    without, full = ablation.points("entropy-weight")
    assert (without.value, full.value) == (0, 10)
    assert without.occupied.mean < 2
    assert without.label_entropy.mean < 0.1
    assert without.cv_score.mean > 0.97, "one class is always predicted: the score alone does not show the collapse"
    assert full.occupied.mean >= 3
    assert full.label_entropy.mean > 1
    assert full.vote_acc > 0.6 > 0.4 > without.vote_acc


def test_a_family_changes_what_it_says_and_nothing_else(ablation, dataset):
    config, _ = preset("fast", num_classes=4, num_samples=dataset.num_samples)
    assert ablation.settings("split-size", 0.5)[0] == replace(config, num_train=80, num_test=40)
    assert ablation.settings("temperature", 0.3)[0] == replace(config, temperature=0.3)
    assert ablation.settings("schedule", (50, 100))[0] == replace(config, anneal_at=(50, 100))
    assert ablation.settings("seeds", 5) == (config, Implicit())
    weights = {replace(ablation.settings("entropy-weight", value)[0], entropy_weight=1) for value in (0, 1, 2, 5, 10)}
    assert len(weights) == 1
    assert not weights.pop().centre


@pytest.mark.usefixtures("short")
def test_the_ridge_is_counted_in_that_of_the_preset(ablation):
    same = ablation.run("ridge", 1, num_seeds=2)
    plain = ablation.run("schedule", (), num_seeds=2)
    assert np.array_equal(same.labelings, plain.labelings), "once the preset's own ridge changes nothing"
    assert ablation.settings("ridge", 10)[1].ridge == pytest.approx(10 * ablation.settings("ridge", 1)[1].ridge)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("key", [key for key in SWEEPS if not SWEEPS[key].counts_seeds])
def test_both_ends_of_every_family_can_be_searched(ablation, dataset, key):
    sweep = SWEEPS[key]
    for value in (sweep.values[0], sweep.values[-1]):
        ablation.run(key, value, num_seeds=2)
    first, last = ablation.points(key)
    assert (first.value, last.value) == (sweep.values[0], sweep.values[-1])
    for point in (first, last):
        kept = ablation.saved(key, point.value)
        accuracy = [metrics.clustering_accuracy(dataset.labels, labeling) for labeling in kept.labelings]
        assert point.acc.mean == pytest.approx(np.mean(accuracy))
        assert point.acc.std == pytest.approx(np.std(accuracy))
        assert point.n == 2


@pytest.mark.usefixtures("short")
def test_seeds_vote_in_groups_of_one_search(ablation, dataset):
    whole = ablation.run("seeds", 20)
    assert len(whole.labelings) == 20
    points = ablation.points("seeds")
    assert [(point.value, point.n, point.vote.n) for point in points] == [(5, 5, 4), (10, 10, 2), (20, 20, 1)]
    assert points[0].seconds == pytest.approx(points[2].seconds / 4)
    assert points[2].stability is None, "a single vote has nothing to agree with"
    fewer = ablation.run("seeds", 5, on_progress=pytest.fail)
    assert np.array_equal(fewer.labelings, whole.labelings[:5]), "they are part of what is kept"
    assert len(ablation.points("seeds")) == 3


@pytest.mark.usefixtures("short")
def test_the_truth_never_reaches_the_disk_and_is_not_needed(dataset, tmp_path):
    nameless = save_folder(tmp_path / "nameless", classes=4, size=60, labels=False)
    found = []
    for data, home in ((dataset, tmp_path / "one"), (nameless, tmp_path / "other")):
        ablation = Ablation(home, data, "phi1", "phi2", num_classes=4)
        found.append(ablation.run("temperature", 0.1, num_seeds=2))
        (path,) = home.rglob("*.safetensors")
        assert b"acc" not in path.read_bytes()
    assert np.array_equal(found[0].labelings, found[1].labelings)
    (point,) = ablation.points("temperature")
    assert point.acc is None
    assert point.vote is None
    assert point.vote_acc is None


@pytest.mark.usefixtures("short")
def test_a_damaged_file_is_as_if_it_were_not_there(ablation):
    ablation.run("temperature", 0.1, num_seeds=1)
    (path,) = ablation.cache.folder.rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    assert ablation.saved("temperature", 0.1) is None
    assert ablation.points("temperature") == []


def test_unknown_families_and_values_are_refused(ablation):
    with pytest.raises(InputError, match="no ablation 'magic'"):
        ablation.run("magic", 1)
    with pytest.raises(InputError, match="no value 7: choose one of 0, 1, 2, 5, 10"):
        ablation.run("entropy-weight", 7)


def test_every_family_says_what_it_does():
    assert set(experiment_sentences.SWEEPS) == set(SWEEPS)
    for sweep in SWEEPS.values():
        assert experiment_sentences.SWEEPS[sweep.key].endswith("."), sweep.key
        for values in (
            [value_name(value) for value in sweep.values],
            [experiment_sentences.sweep_value(sweep, value) for value in sweep.values],
        ):
            assert len(set(values)) == len(values) > 3, sweep.key


# --- commands --------------------------------------------------------------------------------------


def call(home, *arguments):
    result = CliRunner(env={"HUME_HOME": str(home)}).invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_a_family_from_the_command_line(dataset, tmp_path):
    asked = ("ablate", "--dataset", dataset.folder, "--family", "entropy-weight", "--num-classes", 4, "--seeds", 2)
    code, out, _ = call(tmp_path, *asked, "--csv", tmp_path / "table.csv")
    assert code == 0
    assert "Entropy weight η" in out
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text("utf-8-sig").splitlines()))
    assert [row["value"] for row in rows] == ["0", "1", "2", "5", "10"]
    assert all(0 <= float(row["vote_acc"]) <= 1 and row["n"] == "2" for row in rows)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    assert call(tmp_path, *asked)[0] == 0
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}, "kept, not repeated"


@pytest.mark.slow
def test_seeds_and_numbers_of_classes_from_the_command_line(dataset, tmp_path):
    code, out, _ = call(
        tmp_path, "ablate", "--dataset", dataset.folder, "--family", "seeds", "--num-classes", 4, "--seeds", 12
    )
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[-2:]] == ["5", "10"]
    table = tmp_path / "counts.csv"
    code, out, _ = call(
        tmp_path, "count-classes", "--dataset", dataset.folder, "--from", 3, "--to", 5, "--seeds", 5, "--csv", table
    )
    assert code == 0
    assert "4 classes of about equal size" in out.replace("\n", " ")
    rows = list(csv.DictReader(table.read_text("utf-8-sig").splitlines()))
    assert [(row["num_classes"], json.loads(row["suggested"].lower())) for row in rows] == [
        ("3", False), ("4", True), ("5", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ablate", "--family", "magic"), "no ablation 'magic'"),
        (("ablate", "--family", "ridge", "--num-classes", "4", "--seeds", "0"), "at least 1 seed"),
        (("ablate", "--family", "seeds", "--num-classes", "4", "--seeds", "3"), "begins with 5"),
        (("ablate", "--family", "ridge"), "give num_classes"),
        (("count-classes", "--from", "1"), "from 1 to 16"),
        (("count-classes", "--seeds", "0"), "at least 1 seed"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(dataset, tmp_path, arguments, words):
    code, out, err = call(tmp_path, arguments[0], "--dataset", dataset.folder, *arguments[1:])
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.strip().splitlines()) == 1
