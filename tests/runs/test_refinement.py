"""The refinement of a run: what is written, resumed and offered, and labels for new rows."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from hume import preset
from hume.common.errors import InputError
from hume.data import space_rows
from hume.engine import refinement as engine
from hume.engine.joint_rows import JointRows
from hume.evaluation.metrics import clustering_accuracy
from hume.runs import cost, discover
from hume.runs import refinement as refinement_module
from hume.runs.estimator import HUME
from hume.runs.findings import Findings
from hume.runs.refinement import RefinedFiles, Refinement, number_of_voters
from hume.runs.request import default_refine
from hume.runs.store import Store
from tests.support.planted import planted
from tests.support.planted_runs import StoppedError, create, save_files, save_folder

REFINED = {"refine": "joint"}
HARD = {"classes": 4, "size": 60, "noise": 0.5}  # seeds disagree on a third of the samples


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def dataset(home):
    return save_folder(home / "datasets" / "hard", **HARD)


@pytest.fixture(scope="module")
def run(home, dataset):
    run = create(Store(home), dataset, "refined", num_classes=4, seeds=(7, 2, 5, 0, 3), of_run=REFINED)
    run.execute()
    return run


def test_both_labelings_are_kept_and_the_refined_one_is_offered(run, dataset):
    values, refined, searched = run.scores(), Findings(run), Findings(run, "searched")
    assert refined.view == "refined"
    assert values["vote"]["acc"] == clustering_accuracy(dataset.labels, refined.vote.labeling)
    assert values["searched_vote"]["acc"] == clustering_accuracy(dataset.labels, searched.vote.labeling)
    assert values["refined"]["seeds"] == values["seeds"] == [0, 2, 3, 5, 7]
    for view in (refined, searched):
        accuracy = [clustering_accuracy(dataset.labels, labeling) for labeling in view.labelings()]
        np.testing.assert_allclose(view.statistics.accuracy, accuracy)
    assert refined.final.confidence.min() > 1 / 4 - 1e-6


def test_the_model_and_the_whitening_that_are_kept_give_the_labeling_that_is_offered(run, dataset):
    first, second = (space_rows.rows(dataset.space(name), unit=True) for name in ("phi1", "phi2"))
    files, final = run.refined, Findings(run).final
    fresh = JointRows.of(first, second)
    for written, computed in zip(files.whitenings(), fresh.whitenings, strict=True):
        np.testing.assert_allclose(written.transform, computed.transform)
    assert (final.model.labelings(JointRows.of(first, second, files.whitenings()))[0] == final.labeling).all()
    # As files were written first: by column, under the shape of rows.
    arrays = {f"phi{i}_{name}": getattr(each, name).numpy() for i, each in enumerate(fresh.whitenings, 1)
              for name in ("mean", "transform")}  # fmt: skip
    old = RefinedFiles(run.folder.parent / "old")
    old.folder.mkdir()
    scrambled = {name: np.ascontiguousarray(array.T).reshape(array.shape) for name, array in arrays.items()}
    (old.folder / "whitening.safetensors").write_bytes(save(scrambled))
    for read, computed in zip(old.whitenings(), fresh.whitenings, strict=True):
        assert (read.transform == computed.transform).all()


def test_seeds_are_ranked_by_their_likelihood(run):
    refined = Findings(run)
    assert run.scores()["likelihood"] == refined.likelihood.tolist()
    assert refined.statistics.order[0] == refined.likelihood.argmax()
    assert len(refined.voters) == number_of_voters(5) == 1
    assert Findings(run, "searched").voters.size == 5


def test_both_views_number_the_classes_alike(run):
    refined, searched = Findings(run), Findings(run, "searched")
    assert (refined.vote.labeling == searched.vote.labeling).mean() > 0.5
    assert (refined.aligned == refined.vote.labeling).mean() > 0.5


def test_a_run_without_refinement_has_the_papers_vote_only(home, dataset):
    run = create(Store(home), dataset, "paper", num_classes=4)
    values = run.execute()
    assert values["vote"] == values["searched_vote"]
    assert values["likelihood"] is values["refined"] is values["not_refined"] is None
    assert values["likelihood_correlation"] == dict.fromkeys(("r", "p", "low", "high", "n"))
    assert Findings(run).view == "searched"
    with pytest.raises(InputError, match="'paper' is not refined"):
        Findings(run, "refined")


def test_the_search_is_the_same_with_and_without(run, home, dataset):
    alone = create(Store(home), dataset, "alone", num_classes=4, seeds=(7, 2, 5, 0, 3))
    alone.execute()
    np.testing.assert_array_equal(run.labelings(), alone.labelings())
    np.testing.assert_array_equal(run.prototypes(), alone.prototypes())


def test_a_batch_of_which_a_kill_left_a_part_ends_with_the_same_bits(home, dataset, monkeypatch):
    monkeypatch.setattr(refinement_module, "side_by_side", lambda num_classes: 2)
    run = create(Store(home), dataset, "killed", num_classes=4, seeds=range(4), of_run=REFINED)
    run.execute()
    whole = {path: load_file(path) for path in (run.folder / "refined").glob("*.safetensors")}
    for name in ("refined/00001.safetensors", "refined/final.safetensors", "scores.json"):
        (run.folder / name).unlink()
    run.execute()
    for path, arrays in whole.items():
        for name, array in load_file(path).items():
            np.testing.assert_array_equal(array, arrays[name], err_msg=f"{name} of {path.stem}")


def test_what_is_refined_is_not_refined_again(home, dataset, monkeypatch):
    run = create(Store(home), dataset, "stopped", num_classes=4, seeds=range(4), of_run=REFINED)
    monkeypatch.setattr(refinement_module, "side_by_side", lambda num_classes: 2)

    def stop(share):
        if share > 0.5:
            raise StoppedError

    with pytest.raises(StoppedError):
        run.execute(on_refine=stop)
    assert run.state == "interrupted"
    assert len(run.refined.seeds) == 2
    refined = []
    fit = engine._Fit.run
    monkeypatch.setattr(engine._Fit, "run", lambda self, *rest: refined.append(len(self.means)) or fit(self, *rest))
    run.execute()
    assert refined == [2, 1]  # the missing two, and the vote
    whole = create(Store(home), dataset, "whole", num_classes=4, seeds=range(4), of_run=REFINED)
    whole.execute()
    np.testing.assert_array_equal(run.refined.labelings(range(4)), whole.refined.labelings(range(4)))
    np.testing.assert_array_equal(run.refined.final().model.weights, whole.refined.final().model.weights)


def test_where_all_would_cost_more_than_the_search_those_that_vote_are_refined(home, dataset, monkeypatch):
    monkeypatch.setattr(cost, "TYPICAL_STEPS", 10**9)
    run = create(Store(home), dataset, "large", num_classes=4, seeds=range(10), of_run=REFINED)
    values = run.execute()
    best = np.sort(np.argsort(values["cv_score"])[-2:]).tolist()
    assert values["refined"]["seeds"] == best
    assert [seed for seed, likelihood in enumerate(values["likelihood"]) if likelihood is not None] == best
    found = Findings(run)
    assert found.seeds == tuple(best)
    assert found.objective.tolist() == [values["objective"][seed] for seed in best]


def test_in_memory_the_same_seeds_are_refined_and_the_others_have_no_likelihood(dataset, monkeypatch):
    monkeypatch.setattr(cost, "TYPICAL_STEPS", 10**9)
    found = discover.discover(dataset, num_classes=4, seeds=range(3, 8), class_sizes="equal", device="cpu")
    best = 3 + int(found.scores.cv_score.argmax())
    assert found.refined_seeds == (best,)
    assert found.refined.labelings.shape == (1, 240)
    phi1, phi2 = (space.features for space in dataset.spaces.values())
    fitted = HUME(4, num_seeds=5, random_state=3, class_sizes="equal").fit(phi1, phi2)
    assert np.flatnonzero(np.isfinite(fitted.likelihood_)).tolist() == [best - 3]
    np.testing.assert_array_equal(fitted.labels_, found.final.labeling)


def test_too_few_samples_are_said_and_not_refined(tmp_path):
    dataset = save_files(tmp_path / "few", classes=4, size=4)
    run = create(Store(tmp_path / "home"), dataset, num_classes=4, of_run=REFINED)
    values = run.execute()
    assert "4 classes on 16 samples are fewer than 5 samples a class" in values["not_refined"]
    assert values["vote"] == values["searched_vote"]
    with pytest.raises(InputError, match="fewer than 5 samples a class"):
        Findings(run, "refined")
    found = discover.discover(dataset, num_classes=4, seeds=range(2), config=run.request.config, device="cpu")
    assert found.not_refined == values["not_refined"]
    assert found.refined is found.final is None


def test_held_out_rows_are_labeled_by_the_model_of_the_others(home):
    test_rows = np.arange(240) % 3 == 0
    dataset = save_folder(home / "datasets" / "split", test_rows=test_rows, classes=4, size=60, noise=0.3)
    run = create(
        Store(home), dataset, "inductive", num_classes=4, of_run=REFINED | {"setting": "inductive"}, num_train=100,
        num_test=50,
    )  # fmt: skip
    assert run.execute()["vote"]["acc"] > 0.95  # on the test rows
    stage = Refinement.of(dataset, "phi1", "phi2", run.request.config, ~test_rows)
    for known, expected in zip(run.refined.whitenings(), stage.fitted.whitenings, strict=True):
        np.testing.assert_allclose(known.mean, expected.mean)
    assert run.refined.final().labeling.shape == (240,)


def test_runs_on_one_pair_share_its_whitened_rows(home):
    dataset = save_folder(home / "datasets" / "shared", classes=4, size=60, noise=0.3)
    config, every = preset("fast", num_classes=4, num_samples=240)[0], np.ones(240, bool)
    first = Refinement.of(dataset, "phi1", "phi2", config, every)
    other = Refinement.of(dataset, "phi1", "phi2", replace(config, num_classes=3), every)
    assert other.every is other.fitted is first.fitted
    assert other.config.num_classes == 3
    known = first.fitted.whitenings
    given = Refinement.of(dataset, "phi1", "phi2", config, every, whitenings=known)
    assert given.fitted is not first.fitted  # they may be those of other rows
    np.testing.assert_array_equal(given.fitted.held, first.fitted.held)
    some = Refinement.of(dataset, "phi1", "phi2", config, np.arange(240) % 3 > 0)
    assert (len(some.fitted), len(some.every)) == (160, 240)
    swapped = Refinement.of(dataset, "phi2", "phi1", config, every)
    assert swapped.fitted is not first.fitted


def test_names_of_presets():
    assert default_refine("fast") == "joint"
    assert {default_refine(name) for name in ("paper", "paper-stl10", "paper-imagenet")} == {"none"}


def test_the_scores_are_json_without_nan(run):
    json.dumps(run.scores(), allow_nan=False)


# --- the estimator ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def halves():
    phi1, phi2, truth = planted(classes=4, size=100, noise=0.4)
    fitted = np.arange(len(truth)) % 2 == 0
    return HUME(4, num_seeds=5, class_sizes="equal").fit(phi1[fitted], phi2[fitted]), (phi1, phi2, truth, fitted)


def test_new_rows_are_labeled_in_both_spaces(halves):
    estimator, (phi1, phi2, truth, fitted) = halves
    new = estimator.predict(phi1[~fitted], phi2[~fitted])
    assert clustering_accuracy(truth[~fitted], new) > 0.97
    np.testing.assert_array_equal(estimator.predict(phi1[fitted], phi2[fitted]), estimator.labels_)
    one_space = estimator.predict(phi1[~fitted])
    assert (one_space == new).mean() > 0.8  # the same class numbers
    posterior = estimator.predict_proba(phi1[~fitted], phi2[~fitted])
    assert posterior.shape == (200, 4)
    np.testing.assert_allclose(posterior.sum(1), 1, atol=1e-5)


def test_without_refinement_there_are_no_posteriors(halves):
    phi1, phi2, _, _ = halves[1]
    estimator = HUME(4, num_seeds=2, refine="none").fit(phi1, phi2)
    assert estimator.likelihood_ is None
    with pytest.raises(InputError, match="refine='joint'"):
        estimator.predict_proba(phi1, phi2)


def test_rows_of_both_spaces_belong_together(halves):
    estimator, (phi1, phi2, _, _) = halves
    with pytest.raises(InputError, match="phi1 has 400 rows and phi2 3"):
        estimator.predict(phi1, phi2[:3])
