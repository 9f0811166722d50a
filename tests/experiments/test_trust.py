"""Is the ranking of the seeds reliable: planted pairs that are good, that mislead, and one that no test detects."""

import json
from itertools import combinations

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from hume import Store, cli
from hume.common.errors import InputError
from hume.evaluation import metrics
from hume.evaluation.cross_validation import cross_validation_scores
from hume.evaluation.seed_statistics import SeedStatistics
from hume.experiments import controlled_search
from hume.experiments.saved_labelings import SavedLabelings, save
from hume.experiments.trust import comparison_of, of_run, trust
from hume.reporting import figures
from hume.reporting.trust_sentences import evidence, verdict
from hume.runs.findings import Findings
from tests.support.planted_runs import create, save_files, shorten
from tests.support.rules import cases

K, N, S = 4, 400, 24
STRONG, WEAK = 1.5, 0.35


def samples(seed=0):
    """True classes (N,) and an irrelevant feature of two values (N,) that has nothing to do with them."""
    rng = np.random.default_rng(seed)
    return rng.permutation(np.repeat(np.arange(K), N // K)), rng.integers(2, size=N)


def space(truth, irrelevant, *, classes, feature, seed):
    """Features in which the classes and the irrelevant feature stand out as strongly as asked for, with noise."""
    rng = np.random.default_rng(seed)
    parts = [classes * np.eye(K)[truth], feature * np.eye(2)[irrelevant]]
    clean = np.concatenate(parts, axis=1)
    return torch.from_numpy((clean + 0.35 * rng.normal(size=clean.shape)).astype(np.float32))


def leaving(truth, shares):
    """Labelings (S, N) that leave the true one: each gives a larger share of its samples any class."""
    rng = np.random.default_rng(0)
    parts = np.linspace(*shares, S)
    return np.stack([np.where(rng.random(N) < part, rng.integers(K, size=N), truth) for part in parts])


def misled(truth, irrelevant):
    """Labelings (S, N) in which no, one or both pairs of classes are told apart by the irrelevant feature instead."""
    rng = np.random.default_rng(0)
    by_feature = 2 * (truth // 2) + irrelevant
    kinds = [np.where(truth // 2 < pairs, by_feature, truth) for pairs in (0, 1, 2) for _ in range(S // 3)]
    return np.stack([np.where(rng.random(N) < 0.03, rng.integers(K, size=N), kind) for kind in kinds])


def seeds(labelings, cv_score, num_classes):
    return SeedStatistics(cv_score=cv_score, num_classes=num_classes, read=lambda: labelings)


def judged(phi1, phi2, labelings, **more):
    seen = torch.from_numpy(labelings)
    phi1_score, cv_score = (cross_validation_scores(each, seen, K, num_folds=5) for each in (phi1, phi2))
    return trust(seeds(labelings, cv_score, K), phi1_score=phi1_score, **more)


def accuracy(truth, labelings):
    return np.array([metrics.clustering_accuracy(truth, labeling) for labeling in labelings])


def supporting(found, how):
    return {each.key for each in found.evidence if each.supports == how}


def made_up(num_seeds=S, *, slope=1.0):
    """Labelings that leave the true one more and more, with scores in φ2 and in φ1 that follow, or do not."""
    parts = np.linspace(0, 0.5, S)[:num_seeds]
    return leaving(samples()[0], (0, 0.5))[:num_seeds], 0.9 - 0.5 * parts, 0.9 - 0.5 * slope * parts


# --- pairs of spaces -----------------------------------------------------------------------------


def test_a_pair_in_which_both_spaces_hold_the_classes_is_trusted():
    truth, irrelevant = samples()
    phi1, phi2 = (space(truth, irrelevant, classes=1, feature=0, seed=seed) for seed in (1, 2))
    labelings = leaving(truth, (0, 0.6))
    found = judged(phi1, phi2, labelings)
    assert np.corrcoef(found.seeds.cv_score, accuracy(truth, labelings))[0, 1] > 0.9
    assert found.verdict == "reliable", verdict(found)
    assert supporting(found, "for") == {"phi1", "others"}
    assert verdict(found).startswith("No evidence against the ranking of the seeds")


def test_a_pair_in_which_phi2_prefers_an_irrelevant_feature_is_warned_of():
    truth, irrelevant = samples()
    phi1 = space(truth, irrelevant, classes=STRONG, feature=WEAK, seed=1)
    phi2 = space(truth, irrelevant, classes=WEAK, feature=STRONG, seed=2)
    labelings = misled(truth, irrelevant)
    found = judged(phi1, phi2, labelings)
    assert np.corrcoef(found.seeds.cv_score, accuracy(truth, labelings))[0, 1] < -0.5
    assert found.verdict == "not reliable", verdict(found)
    assert "phi1" in supporting(found, "against")
    assert "φ1 and φ2 rank the seeds in opposite order" in verdict(found)


def test_an_irrelevant_feature_of_both_spaces_cannot_be_told():
    """The limit that the documents name: both judges are taken in, and nothing warns."""
    truth, irrelevant = samples()
    phi1, phi2 = (space(truth, irrelevant, classes=WEAK, feature=STRONG, seed=seed) for seed in (1, 2))
    labelings = misled(truth, irrelevant)
    found = judged(phi1, phi2, labelings)
    assert np.corrcoef(found.seeds.cv_score, accuracy(truth, labelings))[0, 1] < -0.5
    assert found.verdict != "not reliable"


# --- what else decides ---------------------------------------------------------------------------


def test_better_scores_for_what_the_others_do_not_share_are_warned_of():
    labelings, cv_score, _ = made_up()
    found = trust(seeds(labelings, cv_score[::-1], K), phi1_score=cv_score[::-1])
    assert supporting(found, "against") == {"others"}
    assert found.verdict == "not reliable"


def test_better_scores_for_less_even_classes_are_warned_of():
    rng = np.random.default_rng(0)
    parts = np.linspace(0, 0.8, S)
    labelings = np.stack([np.where(rng.random(N) < part, 0, rng.integers(K, size=N)) for part in parts])
    cv_score = 0.6 + 0.4 * parts
    found = trust(seeds(labelings, cv_score, K), phi1_score=cv_score)
    assert "even" in supporting(found, "against")
    assert "less even classes" in verdict(found)
    assert found.seeds.evenness[0] > 0.95 > 0.6 > found.seeds.evenness[-1]


def test_where_unequal_classes_were_asked_for_evenness_and_controls_speak_against_nothing():
    rng = np.random.default_rng(0)
    truth, _ = samples()
    shares = np.linspace(0, 0.7, S)
    labelings = np.stack([np.where(rng.random(N) < share, 0, truth) for share in shares])
    cv_score = 0.5 + 0.3 * shares + 0.001 * rng.random(S)
    permuted = {"shuffled": np.full(5, 0.99)}
    keys = {True: set(), False: set()}
    for equal in keys:
        found = trust(seeds(labelings, cv_score, K), controls=permuted, equal_sizes=equal)
        keys[equal] = {each.key for each in found.evidence if each.supports == "against"}
    assert {"even", "shuffled"} <= keys[True]
    assert not {"even", "shuffled", "controls"} & keys[False]


def test_all_samples_in_one_class_are_no_finding():
    found = trust(seeds(np.zeros((S, N), np.int32), np.ones(S), K), phi1_score=np.ones(S))
    assert found.verdict == "not reliable"
    assert supporting(found, "against") == {"chance"}
    assert np.array_equal(found.seeds.evenness, np.zeros(S))


def test_classes_that_most_seeds_leave_empty_leave_it_unclear():
    labelings, cv_score, phi1_score = made_up()
    assert trust(seeds(labelings, cv_score, K), phi1_score=phi1_score).verdict == "reliable"
    found = trust(seeds(labelings, cv_score, K + 1), phi1_score=phi1_score)
    assert found.verdict == "unclear"
    assert "leave classes empty" in verdict(found)


@cases("num_seeds", [1, 2, 9])
def test_few_seeds_leave_it_unclear(num_seeds):
    labelings, cv_score, phi1_score = made_up(num_seeds)
    found = trust(seeds(labelings, cv_score, K), phi1_score=phi1_score)
    assert found.verdict == "unclear"
    assert f"only {num_seeds} seed" in verdict(found)


def test_seeds_that_are_all_equal_leave_it_unclear():
    truth, _ = samples()
    found = trust(seeds(np.tile(truth, (S, 1)), np.full(S, 0.8), K), phi1_score=np.full(S, 0.9))
    assert found.verdict == "unclear"
    assert "no ranking" in verdict(found)
    assert np.array_equal(found.seeds.agreement, np.ones(S))
    assert np.array_equal(found.seeds.vote_share, np.ones(S))


def test_without_the_judge_in_phi1_it_stays_unclear():
    labelings, cv_score, _ = made_up()
    found = trust(seeds(labelings, cv_score, K))
    assert found.verdict == "unclear"
    assert "not scored in φ1" in verdict(found)


def test_scores_no_better_than_a_negative_control_are_warned_of():
    labelings, cv_score, phi1_score = made_up()
    low, high = np.full(20, 0.3), np.full(20, 0.99)
    controls = {"shuffled": low, "noise": low, "only-phi1": high}
    assert trust(seeds(labelings, cv_score, K), phi1_score=phi1_score, controls=controls).verdict == "reliable"
    found = trust(seeds(labelings, cv_score, K), phi1_score=phi1_score, controls=controls | {"noise": high})
    assert found.verdict == "not reliable"
    assert supporting(found, "against") == {"noise"}


def test_one_seed_that_failed_far_away_decides_nothing():
    labelings, cv_score, phi1_score = made_up(slope=-1)
    cv_score[-1], phi1_score[-1] = 0.01, 0.01
    assert np.corrcoef(cv_score, phi1_score)[0, 1] > 0
    found = trust(seeds(labelings, cv_score, K), phi1_score=phi1_score)
    assert "phi1" in supporting(found, "against")
    assert "1 seed failed" in evidence(found.evidence[0])


def test_names_of_classes_mean_nothing():
    labelings, cv_score, phi1_score = made_up()
    rng = np.random.default_rng(1)
    renamed = np.stack([rng.permutation(K)[labeling] for labeling in labelings])
    one, other = (trust(seeds(each, cv_score, K), phi1_score=phi1_score) for each in (labelings, renamed))
    assert verdict(one) == verdict(other)
    assert [evidence(each) for each in one.evidence] == [evidence(each) for each in other.evidence]


def test_agreement_with_the_others_is_the_mean_of_all_pairs():
    labelings, _, _ = made_up(6)
    found = seeds(labelings, np.ones(6), K)
    pairs = {pair: adjusted_rand_score(*labelings[list(pair)]) for pair in combinations(range(6), 2)}
    expected = [np.mean([value for pair, value in pairs.items() if i in pair]) for i in range(6)]
    assert np.allclose(found.agreement, expected)
    assert found.agreement.mean() == pytest.approx(found.stability)


def test_scores_of_another_number_of_seeds_are_refused():
    labelings, cv_score, phi1_score = made_up()
    with pytest.raises(InputError, match="scores in φ2"):
        trust(seeds(labelings, cv_score, K), phi1_score=phi1_score[1:])
    with pytest.raises(InputError):
        trust(seeds(labelings, cv_score[1:], K))


# --- runs, figure, command -----------------------------------------------------------------------


def finished(home, *, labels=True):
    store = Store(home)
    dataset = save_files(home / "files", labels=labels, noise=0.6)
    run = create(store, dataset, "one", seeds=range(12))
    run.execute()
    return run


def test_a_run_is_judged_the_same_with_and_without_labels(tmp_path):
    told = [of_run(Findings(finished(tmp_path / name, labels=name == "known"))) for name in ("known", "unknown")]
    assert verdict(told[0]) == verdict(told[1])
    assert [evidence(each) for each in told[0].evidence] == [evidence(each) for each in told[1].evidence]
    assert np.array_equal(told[0].phi1_score, told[1].phi1_score)


def test_controls_that_were_run_take_part(tmp_path):
    found = Findings(finished(tmp_path))
    assert dict(of_run(found).controls) == {}
    save(comparison_of(found).cache, "shuffled", SavedLabelings(found.run.labelings(), np.ones(12), 1.0, "all right"))
    after = of_run(found)
    assert list(after.controls) == ["shuffled"]
    assert after.verdict == "not reliable"


def test_the_command_says_the_sentence_and_what_it_rests_on(tmp_path, monkeypatch, capsys):
    run = finished(tmp_path)
    shorten(monkeypatch, controlled_search, num_iterations=20)
    monkeypatch.setenv("HUME_HOME", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["hume", "trust", "one", "--controls", "--json"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    expected = of_run(Findings(run))
    assert lines[0] == verdict(expected)
    assert [line[3:] for line in lines[1:-1]] == [evidence(each) for each in expected.evidence]
    told = json.loads(lines[-1])
    assert told["verdict"] == expected.verdict
    assert {"shuffled", "noise"} <= {fact["key"] for fact in told["facts"]}


def test_the_figure_has_a_point_a_seed_and_names_controls_that_lie_far_off():
    labelings, cv_score, phi1_score = made_up()
    found = trust(seeds(labelings, cv_score, K), phi1_score=phi1_score)
    bands = [("near", 0.85, 0.88), ("<far> off", 0.1, 0.12)]
    numbers = range(100, 100 + S)
    fig = figures.trust(cv_score, phi1_score, found.seeds.agreement, found.seeds.evenness, numbers, bands)
    (points,) = fig.data
    assert list(points.customdata) == list(numbers)
    assert np.allclose(points.x, 100 * phi1_score, rtol=1e-5)
    assert np.allclose(points.y, 100 * cv_score, rtol=1e-5)
    assert len(fig.layout.shapes) == 1
    texts = " ".join(each.text for each in fig.layout.annotations)
    assert "below what is drawn" in texts
    assert "<far>" not in texts
    with pytest.raises(InputError, match="band"):
        figures.trust(cv_score, phi1_score, found.seeds.agreement, found.seeds.evenness, numbers, [("x", 0.5, 0.4)])
    with pytest.raises(InputError):
        figures.trust(cv_score, phi1_score[1:], found.seeds.agreement, found.seeds.evenness, numbers)
