"""The set for semilearn with both arms: only on request, each with its own labels, and a score that is fair to both."""

import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from hume.cli import app
from hume.common.errors import InputError
from hume.exchange.export import FORMATS, export_request, write
from hume.runs.findings import Findings
from hume.runs.review_state import Review
from tests.experiments.test_semi_supervised import found_by, renamed
from tests.support.planted_runs import save_folder

NAMES = ["owl", "jay", "wren"]


@pytest.fixture
def run(tmp_path):
    return found_by(tmp_path, renamed, names=NAMES, test_rows=np.arange(300) % 3 == 0)


def made(run, folder, per_class=4, rejected=(), **options):
    found = Findings(run)
    samples, _ = found.reliable_samples(found.ranking(10), per_class)
    write(export_request(found, samples, Review(rejected=frozenset(rejected)), **options), FORMATS["usb"], folder)
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def test_true_labels_are_there_only_on_request(run, tmp_path):
    files = made(run, tmp_path / "plain")
    assert not [name for name in files if "true" in name or "score" in name]
    assert "TRUE LABELS ARE" not in files["README.txt"].read_text()
    assert all(b"owl" not in path.read_bytes() for path in files.values())


def test_both_arms_have_labels_of_their_own_and_share_the_rest(run, tmp_path):
    yaml = pytest.importorskip("yaml")
    files, truth = made(run, tmp_path / "both", true_labels=True), run.dataset().labels
    values = {name: yaml.safe_load(files[f"{name}.yaml"].read_text()) for name in ("freematch", "freematch-true")}
    found, true = values.values()
    assert (found["dataset"], true["dataset"]) == ("planted-found", "planted-true")
    assert found["num_labels"] == true["num_labels"] == 12
    assert found["images"] == true["images"] == "./data/planted-found/images.npy"
    assert found["predictions"] != true["predictions"]
    assert found["save_name"] != true["save_name"]
    differ = {key for key in found if found[key] != true[key]}
    assert differ == {"dataset", "predictions", "save_name"}
    rows = np.load(files["data/planted-true/labeled_idx/lb_labels12_1_seed0_idx.npy"])
    assert np.bincount(truth[rows]).tolist() == [4, 4, 4]
    assert (rows % 3 != 0).all()  # no test row
    targets = np.load(files["data/planted-true/targets.npy"])
    np.testing.assert_array_equal(targets[rows], truth[rows])
    assert (np.delete(targets, rows) == -1).all()
    reliable = np.load(files["data/planted-found/labeled_idx/lb_labels12_1_seed0_idx.npy"])
    judged = np.load(files["data/planted-true/truth.npy"])
    expected = np.setdiff1d(np.arange(0, 300, 3), reliable)
    np.testing.assert_array_equal(np.flatnonzero(judged >= 0), expected)
    np.testing.assert_array_equal(judged[expected], truth[expected])
    note = files["README.txt"].read_text()
    assert "python train.py freematch-true.yaml" in note
    assert f"{len(expected)} samples" in note
    assert "the test rows" in note


def test_as_many_true_labels_are_drawn_as_found_ones_are_kept(run, tmp_path):
    found, truth = Findings(run), run.dataset().labels
    samples, _ = found.reliable_samples(found.ranking(10), 4)
    gone = samples.rows[samples.classes == 2][:3]
    files = made(run, tmp_path / "both", rejected=gone.tolist(), true_labels=True)
    rows = np.load(files["data/planted-true/labeled_idx/lb_labels9_1_seed0_idx.npy"])
    expected = np.full(3, 4)
    expected[found.match[2]] = 1
    assert np.bincount(truth[rows]).tolist() == expected.tolist()
    judged = np.load(files["data/planted-true/truth.npy"])
    assert (judged[gone[gone % 3 == 0]] >= 0).all()  # rejected: no arm has its label
    assert "has 9 of them" in files["README.txt"].read_text()
    assert "number differs" not in files["README.txt"].read_text()


def test_where_as_many_cannot_be_drawn_both_numbers_are_reported(tmp_path):
    run = found_by(tmp_path, lambda truth: [truth % 2, truth % 2])  # the third class is empty
    text = made(run, tmp_path / "both", true_labels=True)["README.txt"].read_text()
    assert "has 12 of them" in text
    assert "number differs from that of the 8 found labels" in text


def test_nothing_is_exported_where_no_sample_is_left_to_measure_on(run, tmp_path):
    with pytest.raises(InputError, match="no sample is left to measure the accuracy on: export fewer"):
        made(run, tmp_path / "both", 300, true_labels=True)
    made(run, tmp_path / "found", 300)


def test_the_score_matches_found_classes_and_takes_true_ones_as_they_are(run, tmp_path):
    folder, truth = tmp_path / "both", run.dataset().labels
    made(run, folder, true_labels=True)

    def score():
        done = subprocess.run([sys.executable, "score.py"], cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    assert "predictions.npy does not exist yet" in score()[0]
    np.save(folder / "predictions.npy", (truth + 1) % 3)
    np.save(folder / "predictions-true.npy", (truth + 1) % 3)
    first, second = score()
    assert first.startswith("reliable samples: 100.0%")
    assert second.startswith("random true labels: 0.0%")


def test_the_command_line_asks_for_it_by_a_flag(run, tmp_path):
    def call(*arguments):
        command = ["export", "run", str(tmp_path / "made"), *arguments, "--per-class", "4", "--neighbors", "10"]
        return CliRunner(env={"HUME_HOME": str(tmp_path)}).invoke(app, command)

    refused = call("--to", "anndata", "--true-labels")
    assert refused.exit_code == 2
    assert "only usb" in refused.stderr
    assert call("--to", "usb", "--true-labels").exit_code == 0
    assert (tmp_path / "made" / "score.py").exists()


def test_without_labels_there_is_nothing_to_add(tmp_path):
    save_folder(tmp_path / "other")
    run = found_by(tmp_path, renamed, labels=False)
    with pytest.raises(InputError, match="no true labels"):
        made(run, tmp_path / "both", true_labels=True)
