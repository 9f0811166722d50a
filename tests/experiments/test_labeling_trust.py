"""Is the labeling of a refined run reliable: planted modes, good and bad, and what is kept of a judgement."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from hume import Store
from hume.cli import app
from hume.common.errors import InputError
from hume.evaluation.seed_statistics import SeedStatistics
from hume.experiments import criteria, judgement, saved_trust
from hume.experiments.trust import Measured, trust_in_labeling
from hume.reporting.trust_sentences import evidence, verdict
from hume.runs.findings import Findings
from tests.support.planted_runs import create, save_folder
from tests.support.rules import cases

K, N = 4, 400
VOTERS = np.arange(4)


def two_modes(sizes=(12, 8)):
    """Labelings (S, N) near one of two, the likelier first."""
    rng = np.random.default_rng(0)
    kinds = rng.permuted(np.tile(np.repeat(np.arange(K), N // K), (2, 1)), axis=1)
    which = np.repeat([0, 1], sizes)
    noisy = [np.where(rng.random(N) < 0.01, rng.integers(K, size=N), kinds[kind]) for kind in which]
    return np.stack(noisy), which, np.where(which == 0, -10.0, -11.0) + np.linspace(0.02, 0, len(which))


def judged(labelings, likelihood, *, near=None, phi1_score=None, cv_score=None, shared=0.2, voters=VOTERS, **more):
    S = len(labelings)
    flat = 0.8 + 0.01 * np.random.default_rng(1).random((2, S))
    seeds = SeedStatistics(
        cv_score=flat[0] if cv_score is None else cv_score,
        num_classes=K,
        read=lambda: labelings,
        likelihood=likelihood,
    )
    measured = Measured(flat[1] if phi1_score is None else phi1_score, likelihood if near is None else near, shared)
    return trust_in_labeling(seeds, voters, measured, **more)


def supporting(found, how):
    return {item.key for item in found.evidence if item.supports == how}


def test_a_likelier_labeling_that_neighbours_prefer_is_reliable():
    labelings, _, likelihood = two_modes()
    found = judged(labelings, likelihood)
    assert found.verdict == "reliable", verdict(found)
    assert supporting(found, "for") == {"modes", "neighbors"}
    assert verdict(found).startswith("No evidence against the most likely labeling: 4 of the 4 seeds that vote")


def test_neighbours_that_prefer_the_other_labeling_are_warned_of():
    labelings, _, likelihood = two_modes()
    found = judged(labelings, likelihood, near=-likelihood)
    assert found.verdict == "not reliable"
    assert supporting(found, "against") == {"neighbors"}
    assert verdict(found).startswith("The signs disagree, so do not rely on the most likely labeling here: more likely")
    assert "; but " in verdict(found)


def test_lower_scores_in_both_spaces_are_warned_of_but_not_in_one():
    labelings, which, likelihood = two_modes()
    worse = 0.8 - 0.1 * (which == 0)
    assert judged(labelings, likelihood, phi1_score=worse).verdict == "reliable"
    assert judged(labelings, likelihood, cv_score=worse).verdict == "reliable"
    assert supporting(judged(labelings, likelihood, phi1_score=worse, cv_score=worse), "against") == {"scores"}


@cases("space", ["phi1", "phi2"])
def test_a_space_that_predicts_nothing_is_warned_of(space):
    labelings, _, likelihood = two_modes()
    chance = np.full(len(labelings), 1 / K)
    scores = {"phi1_score": chance} if space == "phi1" else {"cv_score": chance}
    found = judged(labelings, likelihood, **scores)
    assert "chance" in supporting(found, "against")
    assert ("φ1" if space == "phi1" else "φ2") + " predicts the labelings no better" in verdict(found)


def test_voters_of_several_labelings_leave_it_unclear():
    labelings, _, likelihood = two_modes()
    found = judged(labelings, likelihood, voters=np.array([0, 1, 12, 13, 14]))
    assert found.verdict == "unclear"
    assert "only 2 of the 5 seeds that vote found the most likely labeling" in verdict(found)


def test_two_labelings_that_are_about_as_likely_leave_it_unclear():
    labelings, which, _ = two_modes()
    likelihood = np.where(which == 0, 0.001, 0.0) + 0.1 * np.random.default_rng(0).random(len(which))
    likelihood[0] = 0.102
    found = judged(labelings, likelihood, voters=VOTERS)
    assert "modes" in supporting(found, "doubt")
    assert "another labeling is about as likely" in verdict(found)


def test_one_space_twice_is_no_second_view():
    labelings, _, likelihood = two_modes()
    assert supporting(judged(labelings, likelihood, shared=1.0), "doubt") == {"views"}


def test_seeds_that_all_found_the_same_need_no_ranking():
    labelings, _, likelihood = two_modes((20, 0))
    found = judged(labelings, likelihood, near=-likelihood)
    assert found.verdict == "reliable"
    assert "all 20 seeds found nearly the same labeling" in verdict(found)


@cases("number", [1, 9])
def test_few_seeds_leave_it_unclear(number):
    labelings, _, likelihood = two_modes()
    found = judged(labelings[:number], likelihood[:number], voters=np.arange(1))
    assert found.verdict == "unclear"
    assert f"only {number} seed" in verdict(found)


def test_controls_are_compared_with_the_searched_scores():
    labelings, _, likelihood = two_modes()
    controls = {"noise": np.full(5, 0.85)}
    low, high = (np.full(20, score) for score in (0.7, 0.9))
    assert supporting(judged(labelings, likelihood, searched_score=low, controls=controls), "against") == {"noise"}
    assert judged(labelings, likelihood, searched_score=high, controls=controls).verdict == "reliable"


def test_labelings_without_a_likelihood_are_refused():
    labelings, _, likelihood = two_modes()
    with pytest.raises(InputError, match="judged by likelihood"):
        trust_in_labeling(
            SeedStatistics(cv_score=likelihood, num_classes=K, read=lambda: labelings),
            VOTERS,
            Measured(likelihood, likelihood, 0.2),
        )


# --- runs ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("home"))
    dataset = save_folder(store.home / "datasets" / "birds", noise=0.6)
    run = create(store, dataset, "one", seeds=range(12), of_run={"refine": "joint"})
    run.execute()
    return run


def test_a_judgement_is_kept_with_the_run_and_read_again(run):
    found = Findings(run)
    judged = saved_trust.judge(found)
    assert judged.about == "labeling"
    kept = judgement.read(run, "refined")
    assert (kept.verdict, kept.evidence) == (judged.verdict, judged.evidence)
    assert verdict(kept) == verdict(judged)
    assert np.array_equal(criteria.phi1_scores(found), judged.phi1_score)
    assert [evidence(item) for item in saved_trust.judge(Findings(run)).evidence] == [*map(evidence, judged.evidence)]


def test_a_judgement_is_dropped_when_the_run_is_scored_again_or_the_file_is_damaged(run):
    saved_trust.judge(Findings(run))
    path = run.folder / "trust-refined.json"
    content = path.read_text(encoding="utf-8")
    for text in (content.replace(run.scores()["finished"], "2000-01-01T00:00:00+00:00"), "{", "[]", '{"scored": 1}'):
        path.write_text(text, encoding="utf-8")
        assert judgement.read(run, "refined") is None
    path.write_text(content, encoding="utf-8")
    assert judgement.read(run, "refined") is not None


def test_show_and_report_tell_the_verdict_and_how_to_get_it(run):
    def call(*arguments):
        return CliRunner(env={"HUME_HOME": str(run.home)}).invoke(app, arguments).stdout

    (run.folder / "trust-refined.json").unlink(missing_ok=True)
    assert json.loads(call("show", "one", "--json"))["trust"] is None
    assert "not computed yet, see `trust one`" in call("show", "one")
    first = call("trust", "one").splitlines()[0]
    told = json.loads(call("show", "one", "--json"))["trust"]
    assert (told["about"], told["sentence"]) == ("labeling", first)
    assert first in call("show", "one")
