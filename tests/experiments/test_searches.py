"""What the home holds already is not searched again: finished runs and other experiments answer the same search."""

from dataclasses import replace

import numpy as np
import pytest

from hume import Store
from hume.engine.config import preset
from hume.engine.finished_seed import FinishedSeed
from hume.experiments import searches
from hume.experiments.ablation import SWEEPS, Ablation
from hume.experiments.cache import Cache
from hume.experiments.comparison import Comparison
from hume.experiments.methods import METHODS
from hume.experiments.number_of_classes import NumberOfClasses
from hume.experiments.saved_labelings import ScoredLabelings, load, load_scored, save
from hume.reporting.experiment_sentences import compared_with_others
from tests.support.planted_runs import save_folder

K, S = 4, 5
MARK = 2  # the class of all samples but one in labelings that no search finds


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return save_folder(tmp_path_factory.mktemp("datasets") / "planted", classes=K, size=40)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def finished(home, dataset, name, *, seeds=range(S), setting="transductive", solver=None, refine="none",
             sizes="as configured", **changes):  # fmt: skip
    """A finished run that was asked for the preset with these changes, and whose labelings are its own."""
    config, usual = preset("fast", num_classes=K, num_samples=dataset.num_samples)
    run = Store(home).create(
        dataset, phi1="phi1", phi2="phi2", config=replace(config, **changes), solver=solver or usual, setting=setting,
        seeds=seeds, refine=refine, sizes=sizes, name=name,
    )  # fmt: skip
    for number, seed in enumerate(seeds):
        labeling, nothing = np.full(dataset.num_samples, MARK, np.int32), np.zeros(1, np.float32)
        labeling[number] = 0
        run.write_seed(FinishedSeed(seed, np.eye(K, 8, dtype=np.float32), nothing, nothing, True), labeling, 3.0)
    run.execute(search=False)
    return run


def is_marked(saved):
    return bool((np.sort(saved.labelings, axis=1)[:, 1:] == MARK).all())


def experiments(home, dataset):
    """Every experiment that asks for the preset as it is, 5 seeds of it."""
    ablation = Ablation(home, dataset, "phi1", "phi2", num_classes=K)
    return {
        "class counts": lambda **how: NumberOfClasses(home, dataset, "phi1", "phi2").run(K, num_seeds=S, **how),
        "seeds": lambda **how: ablation.run("seeds", S, **how),
        "temperature": lambda **how: ablation.run("temperature", 0.1, num_seeds=S, **how),
        "schedule": lambda **how: ablation.run("schedule", (), num_seeds=S, **how),
        "split-size": lambda **how: ablation.run("split-size", 1, num_seeds=S, **how),
    }


def test_a_finished_run_is_shown_bit_by_bit_in_place_of_a_search(home, dataset):
    run = finished(home, dataset, "mine", seeds=range(102))
    comparison = Comparison(home, dataset, "phi1", "phi2", num_classes=K)
    shares = []
    saved = comparison.run("hume", on_progress=shares.append)
    assert shares == [1.0], "nothing was searched"
    assert np.array_equal(saved.labelings, run.labelings()[:100])
    assert np.array_equal(saved.cv_score, run.cv_score()[:100])
    assert saved.seconds == pytest.approx(run.scores()["seconds"] * 100 / 102)
    (standing,) = comparison.standings()
    assert standing.num_seeds == METHODS["hume"].quick_seeds == 100
    assert standing.note == "100 seeds, preset fast, transductive, from run mine"
    assert compared_with_others([standing], truth=True)


def test_a_refined_run_is_offered_as_it_is(home, dataset):
    run = finished(home, dataset, "mine", seeds=range(100), refine="joint", sizes="auto")
    saved = Comparison(home, dataset, "phi1", "phi2", num_classes=K).run("hume-refined")
    assert np.array_equal(saved.labelings, run.refined.labelings(range(100)))
    assert np.array_equal(saved.joint.final, run.refined.final().labeling)
    assert saved.joint.final_likelihood == run.refined.final().likelihood
    assert saved.note == "100 seeds, preset fast, transductive, from run mine"


def test_every_experiment_with_the_preset_takes_the_run(home, dataset):
    run = finished(home, dataset, "mine", seeds=(*range(S), 99))
    for name, ask in experiments(home, dataset).items():
        saved = ask()
        assert np.array_equal(saved.labelings, run.labelings()[:S]), name
        assert saved.note.endswith("from run mine"), name
    again = ask(again=True)
    assert not is_marked(again)
    assert "mine" not in again.note


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.3},
        {"class_sizes": (3, 1, 1, 1)},
        {"setting": "inductive"},
        {"seeds": range(S - 1)},
        {"seeds": range(1, S + 1)},
        {"solver": replace(preset("fast", num_classes=K, num_samples=9)[1], ridge=0.1)},
        {"num_classes": 3},
    ],
)
def test_a_run_that_was_asked_for_something_else_is_not_taken(home, dataset, change):
    finished(home, dataset, "other", **change)
    saved = NumberOfClasses(home, dataset, "phi1", "phi2").run(K, num_seeds=S)
    assert not is_marked(saved)
    assert "other" not in saved.note


def test_a_run_with_the_value_of_a_sweep_is_taken(home, dataset):
    finished(home, dataset, "warm", temperature=0.3)
    ablation = Ablation(home, dataset, "phi1", "phi2", num_classes=K)
    assert is_marked(ablation.run("temperature", 0.3, num_seeds=S))
    assert not is_marked(ablation.run("temperature", 0.1, num_seeds=S))


def test_unfinished_damaged_and_orphaned_runs_are_passed_over(home, dataset):
    unfinished, damaged = (finished(home, dataset, name) for name in ("unfinished", "damaged"))
    (unfinished.folder / "scores.json").unlink()
    (damaged.folder / "seeds" / "00003.safetensors").write_bytes(b"nothing")
    assert not is_marked(NumberOfClasses(home, dataset, "phi1", "phi2").run(K, num_seeds=S))


def test_a_run_that_was_scored_on_other_rows_is_not_taken(home, dataset, tmp_path):
    finished(home, dataset, "whole")
    split = save_folder(tmp_path / "split", classes=K, size=40, test_rows=np.arange(dataset.num_samples) % 3 == 0)
    assert not is_marked(NumberOfClasses(home, split, "phi1", "phi2").run(K, num_seeds=S))


def test_what_one_experiment_searched_answers_the_others(home, dataset):
    first, *others = experiments(home, dataset).items()
    searched = first[1]()
    for name, ask in others:
        shares = []
        saved = ask(on_progress=shares.append)
        assert shares == [1.0], name
        assert np.array_equal(saved.labelings, searched.labelings), name
        assert saved.note.endswith(f"from class-counts: {K}"), name


def test_the_base_values_of_the_ablations_are_the_preset_as_it_is(home, dataset):
    ablation = Ablation(home, dataset, "phi1", "phi2", num_classes=K)
    usual = preset("fast", num_classes=K, num_samples=dataset.num_samples)
    same = {
        sweep.entry(value)
        for sweep in SWEEPS.values()
        for value in sweep.values
        if ablation.settings(sweep.key, value) == usual
    }
    assert same == set(searches.BASE_VALUES)


def test_an_entry_of_a_cache_is_read_whole_or_not_at_all(home):
    cache = Cache.keyed(home, "comparisons", ("a", 1))
    assert cache == Cache.keyed(home, "comparisons", ["a", 1]) != Cache.keyed(home, "comparisons", ("a", 2))
    saved = ScoredLabelings(np.zeros((3, 5), np.int32), np.arange(3.0), 6.0, "so")
    assert (cache.read("x"), cache.numbers()) == (None, [])
    for entry in ("7", "x", "deep/10", "12"):
        save(cache, entry, saved)
    assert cache.numbers() == [7, 12]
    assert load_scored(cache, "deep/10", 5).of_seeds(slice(2)).seconds == 4.0
    assert load_scored(cache, "x", 5, num_seeds=4) is None
    assert load(cache, "x", 6) is None, "of other samples"
    (cache.folder / "x.safetensors").write_bytes((cache.folder / "x.safetensors").read_bytes()[:-3])
    assert (cache.read("x"), load(cache, "x", 5)) == (None, None)
