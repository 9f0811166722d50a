"""How many classes there are: what is planted is found or called unclear, and no label is ever asked."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from hume.common.errors import InputError
from hume.evaluation.metrics import Spread
from hume.evaluation.seed_statistics import SeedStatistics, stability
from hume.experiments.number_of_classes import NumberOfClasses, NumberPoint, suggest
from hume.reporting import experiment_sentences
from tests.support.planted_runs import save_folder


def sweep(folder, home, counts, seeds=5, **options):
    count = NumberOfClasses(home, save_folder(folder, **options), "phi1", "phi2")
    for num_classes in counts:
        count.run(num_classes, num_seeds=seeds)
    return count


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "counts"), [(3, range(2, 6)), (5, range(3, 8)), (8, range(6, 11))])
def test_what_is_planted_is_found(tmp_path, classes, counts):
    count = sweep(tmp_path / "data", tmp_path, counts, classes=classes, size=320 // classes, dim=16, labels=False)
    points = count.points()
    assert [point.num_classes for point in points] == list(counts)
    suggestion = suggest(points)
    assert (suggestion.num_classes, suggestion.doubt) == (classes, None)
    assert suggestion.low <= classes <= suggestion.high
    assert experiment_sentences.number_of_classes(suggestion).startswith(f"{classes} classes")
    assert all(point.occupied.mean == point.num_classes for point in points), "the entropy term fills every class"


@pytest.mark.slow
def test_where_there_are_no_classes_nothing_is_clear(tmp_path):
    count = sweep(tmp_path / "data", tmp_path, range(2, 6), classes=1, size=300, dim=16)
    assert suggest(count.points()).doubt is not None


@pytest.mark.slow
def test_the_end_of_a_range_is_no_peak(tmp_path):
    count = sweep(tmp_path / "data", tmp_path, range(3, 6), classes=5, size=60, dim=16)
    suggestion = suggest(count.points())
    assert (suggestion.num_classes, suggestion.doubt) == (5, "end of range")


def test_what_was_searched_is_there_later_and_the_same_with_and_without_labels(tmp_path):
    known = sweep(tmp_path / "known", tmp_path / "one", [3, 2], seeds=2, labels=True)
    nameless = sweep(tmp_path / "nameless", tmp_path / "other", [2, 3], seeds=2, labels=False)
    later = NumberOfClasses(tmp_path / "one", known.dataset, "phi1", "phi2")
    assert [replace(point, seconds=0) for point in later.points()] == [
        replace(point, seconds=0) for point in nameless.points()
    ]
    assert [point.num_classes for point in later.points([3, 9])] == [3]
    assert later.saved(7) is None
    path = next(later.cache.folder.glob("3.*"))
    path.write_bytes(path.read_bytes()[:50])
    assert [point.num_classes for point in later.points()] == [2]


def test_progress_rises_and_ends_the_work(tmp_path):
    count = NumberOfClasses(tmp_path, save_folder(tmp_path / "data"), "phi1", "phi2")
    shares = []
    count.run(3, num_seeds=2, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    with pytest.raises(InputError, match="fewer classes"):
        count.run(20, num_seeds=2)


def test_a_score_above_chance_is_what_the_largest_class_does_not_give():
    labelings = np.array([[0, 0, 0, 1], [0, 0, 0, 0], [0, 1, 2, 3]])
    seeds = SeedStatistics(cv_score=np.array([0.75, 1.0, 1.0]), num_classes=4, read=lambda: labelings)
    np.testing.assert_allclose(seeds.corrected, [0, 0, 1])
    assert seeds.occupied.tolist() == [2, 1, 4]
    last = SeedStatistics(cv_score=np.array([0.625]), num_classes=4, read=lambda: labelings[2:])
    assert last.corrected[0] == pytest.approx(0.5)


def test_stability_is_the_mean_adjusted_rand_index():
    labelings = np.random.default_rng(0).integers(4, size=(4, 60)).astype(np.int32)
    labelings[1] = (labelings[0] + 1) % 4
    expected = [adjusted_rand_score(labelings[i], labelings[j]) for i in range(4) for j in range(i)]
    assert stability(labelings, 4) == pytest.approx(np.mean(expected))
    assert stability(labelings[:2], 4) == pytest.approx(1)
    assert stability(labelings[:1], 4) is None
    assert stability(np.zeros((2, 5), np.int32), 3) == 1


def points(scores, agreements, n=10):
    spread = Spread(0.5, 0.0, n)
    return [
        NumberPoint(K, spread, Spread(score, 0.01, n), agreement, spread, 1.0, n)
        for K, (score, agreement) in enumerate(zip(scores, agreements, strict=True), start=4)
    ]


@pytest.mark.parametrize(
    ("scores", "agreements", "n", "words"),
    [
        ([0.8, 0.9, 0.8], [0.5, 0.95, 0.5], 3, "fewer than 5 seeds"),
        ([0.8, 0.9], [0.5, 0.95], 10, "too few numbers"),
        ([0.3, 0.4, 0.3], [0.5, 0.95, 0.5], 10, "predicts little"),
        ([0.8, 0.9, 0.8], [0.5, 0.6, 0.5], 10, "agree only in part"),
        ([0.8, 0.8, 0.9], [0.5, 0.6, 0.95], 10, "end of the range"),
        ([0.9, 0.85, 0.8], [0.5, 0.95, 0.5], 10, "largest at 4 classes, the agreement of the seeds at 5"),
        ([0.8, 0.9, 0.8, 0.89, 0.7], [0.5, 0.95, 0.5, 0.94, 0.3], 10, "from 5 to 7"),
    ],
)
def test_doubts_are_named(scores, agreements, n, words):
    suggestion = suggest(points(scores, agreements, n))
    assert suggestion.doubt is not None
    text = experiment_sentences.number_of_classes(suggestion)
    assert text.startswith("Unclear")
    assert words in text


def test_a_neighbour_that_is_near_is_not_told_apart():
    suggestion = suggest(points([0.7, 0.88, 0.9, 0.8], [0.5, 0.9, 0.95, 0.5]))
    assert (suggestion.num_classes, suggestion.low, suggestion.high, suggestion.doubt) == (6, 5, 6, "several")
    assert "from 5 to 6" in experiment_sentences.number_of_classes(suggestion)
    clear = suggest(points([0.7, 0.9, 0.8], [0.5, 0.95, 0.5]))
    assert "no other" in experiment_sentences.number_of_classes(clear)
    with pytest.raises(InputError, match="no number of classes"):
        suggest([])
