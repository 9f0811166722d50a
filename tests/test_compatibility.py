"""A home that version 0.1.0 wrote opens, and shows the numbers that version showed: see its README.txt."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hume.experiments.ablation import Ablation
from hume.experiments.comparison import Comparison
from hume.experiments.number_of_classes import NumberOfClasses
from hume.experiments.semi_supervised import SemiSupervised
from hume.lesson import guesses
from hume.runs import replay, review
from hume.runs.findings import Findings
from hume.runs.store import Store

OLD_HOME = Path(__file__).parent / "fixtures" / "home-0.1.0"
EXPECTED = json.loads((OLD_HOME / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def store(tmp_path):
    return Store(shutil.copytree(OLD_HOME, tmp_path / "home"))


@pytest.fixture
def run(store):
    return store.open("birds-run")


@pytest.fixture
def dataset(store):
    return store.load_dataset("birds")


def test_its_runs_are_listed_and_restored(store):
    assert store.names() == ["birds-run"]
    assert [run.request.created for run in store.runs()] == [EXPECTED["created"]]
    assert store.trash() == EXPECTED["trash"] == ["thrown-away"]
    assert store.restore("thrown-away").state == "interrupted"
    assert set(store.names()) == {"birds-run", "thrown-away"}
    assert store.trash() == []


def test_its_registry_is_left_alone(store):
    store.rename("birds-run", "renamed")
    store.delete("renamed")
    assert (store.home / "hume.db").read_bytes() == (OLD_HOME / "hume.db").read_bytes()


def test_a_run_has_the_same_scores(run):
    assert run.state == "finished"
    assert run.missing_seeds == ()
    assert run.scores() == EXPECTED["scores"]
    assert run.prototypes().astype(np.float64).sum() == pytest.approx(EXPECTED["prototypes_sum"])


def test_a_run_has_the_same_vote(run):
    findings = Findings(run)
    assert findings.vote.labeling.tolist() == EXPECTED["vote"]
    assert findings.vote.share.tolist() == EXPECTED["vote_share"]
    assert findings.vote_agreement.acc == pytest.approx(EXPECTED["scores"]["vote"]["acc"])
    assert findings.statistics.accuracy.tolist() == pytest.approx(EXPECTED["scores"]["acc"])


def test_a_review_is_kept(run):
    kept = review.read(run)
    assert {str(number): name for number, name in kept.names.items()} == EXPECTED["review"]["names"]
    assert list(kept.rejected) == EXPECTED["review"]["rejected"]
    assert list(review.undo(run).rejected) == []
    assert review.undo(run).names == {}


def test_a_trajectory_has_the_same_frames(run):
    frames = replay.read_trajectory(run, 0)
    assert frames.iterations.tolist() == EXPECTED["trajectory"]["iterations"]
    assert frames.prototypes.astype(np.float64).sum() == pytest.approx(EXPECTED["trajectory"]["sum"])


def test_a_dataset_has_its_images_and_names(dataset):
    assert (dataset.num_samples, dataset.classes) == (120, ("owl", "jay", "wren"))
    assert dataset.file_names[:2] == ["bird-000.png", "bird-001.png"]
    images = np.random.default_rng(0).integers(0, 256, (120, 8, 8), np.uint8)
    np.testing.assert_array_equal(dataset.images, images)


def test_a_comparison_has_the_same_leaderboard(store, dataset):
    standings = Comparison(store.home, dataset, "phi1", "phi2", num_classes=3).standings()
    assert [standing.method.key for standing in standings] == list(EXPECTED["standings"])
    for standing, expected in zip(standings, EXPECTED["standings"].values(), strict=True):
        assert standing.acc.mean == pytest.approx(expected["acc"])
        assert standing.vote_acc == pytest.approx(expected["vote_acc"])
        assert (standing.num_seeds, standing.note) == (expected["num_seeds"], expected["note"])


def test_an_ablation_has_the_same_scores(store, dataset):
    expected = EXPECTED["ablation"]
    ablation = Ablation(store.home, dataset, "phi1", "phi2", num_classes=3)
    assert ablation.saved(expected["family"], expected["value"]).cv_score.tolist() == expected["cv_score"]
    assert [point.n for point in ablation.points(expected["family"])] == [3]


def test_numbers_of_classes_have_the_same_scores(store, dataset):
    count = NumberOfClasses(store.home, dataset, "phi1", "phi2")
    assert [point.num_classes for point in count.points()] == [2, 3, 4]
    for number, cv_score in EXPECTED["class_count"].items():
        assert count.saved(int(number)).cv_score.tolist() == cv_score


def test_trained_heads_have_the_same_accuracies(run):
    student = SemiSupervised(Findings(run), num_neighbors=10)
    points = student.points(review.read(run).rejected)
    assert [
        {
            "per_class": point.per_class,
            "reliable": pytest.approx(point.reliable.mean),
            "true": pytest.approx(point.true.mean),
            "agreement": pytest.approx(point.agreement.mean),
        }
        for point in points
    ] == EXPECTED["trained"]
    assert points[0].is_current


def test_the_guesses_of_a_lesson_are_kept(store, dataset):
    kept = guesses.read(store.home, dataset)
    assert {str(row): group for row, group in kept.placed.items()} == EXPECTED["guesses"]["placed"]
    assert list(kept.names) == EXPECTED["guesses"]["names"]
    assert {str(kinds): number for kinds, number in kept.hands.items()} == EXPECTED["guesses"]["hands"]
