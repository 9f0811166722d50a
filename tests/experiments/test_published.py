"""The published numbers are those that the paper prints, each with its source, and are found by a dataset's name."""

from collections import Counter
from dataclasses import FrozenInstanceError

import pytest

from hume.data.catalog.known import CATALOG
from hume.experiments.published import PUBLISHED, matching, published
from tests.support.rules import cases


def find(table, row, dataset, metric="ACC", samples=None):
    """The one number that stands at a place of the paper."""
    found = [
        n
        for n in published(dataset=dataset, table=table)
        if (n.row, n.metric, n.samples_per_class) == (row, metric, samples)
    ]
    assert len(found) == 1
    return found[0]


def facts(number):
    """What tells two numbers apart, whatever table they stand in."""
    return (
        number.method,
        number.dataset,
        number.setting,
        number.phi1,
        number.phi2,
        number.metric,
        number.samples_per_class,
    )


@cases(
    ("table", "row", "dataset", "acc", "ari"),
    [
        ("1", "MOCO Linear", "STL-10", 0.889, 0.777),
        ("1", "MOCO Linear", "CIFAR-10", 0.895, 0.790),
        ("1", "HUME BiT ind", "STL-10", 0.875, 0.762),
        ("1", "HUME BiT ind", "CIFAR-100-20", 0.478, 0.335),
        ("1", "HUME CLIP ind", "CIFAR-10", 0.882, 0.771),
        ("1", "HUME DINO ind", "CIFAR-100-20", 0.555, 0.377),
        ("1", "HUME BiT trans", "CIFAR-10", 0.866, 0.750),
        ("1", "HUME CLIP trans", "STL-10", 0.922, 0.841),
        ("1", "HUME CLIP trans", "CIFAR-100-20", 0.501, 0.348),
        ("1", "HUME DINO trans", "STL-10", 0.932, 0.860),
        ("1", "HUME DINO trans", "CIFAR-10", 0.892, 0.792),
        ("2", "MOCO + K-means", "STL-10", 0.677, 0.541),
        ("2", "MOCO + K-means", "CIFAR-100-20", 0.375, 0.209),
        ("2", "DINO + K-means", "CIFAR-10", 0.755, 0.676),
        ("2", "DINO + MOCO + K-means", "CIFAR-10", 0.814, 0.771),
        ("2", "SCAN", "STL-10", 0.778, 0.613),
        ("2", "SCAN", "CIFAR-100-20", 0.454, 0.297),
        ("2", "SPICE", "CIFAR-10", 0.845, 0.709),
        ("2", "SPICE", "CIFAR-100-20", 0.468, 0.321),
        ("2", "HUME", "STL-10", 0.908, 0.812),
        ("3", "SCAN", "ImageNet-1000", 0.397, 0.279),
        ("3", "TWIST", "ImageNet-1000", 0.406, 0.300),
        ("3", "Self-classifier", "ImageNet-1000", 0.411, 0.295),
        ("3", "HUME", "ImageNet-1000", 0.511, 0.381),
        ("C1", "SimCLR Linear", "STL-10", 0.853, 0.712),
        ("C1", "BYOL Linear", "CIFAR-100-20", 0.772, 0.593),
        ("C1", "HUME SimCLR", "CIFAR-10", 0.852, 0.718),
        ("C1", "HUME BYOL", "STL-10", 0.915, 0.827),
        ("C1", "HUME BYOL", "CIFAR-100-20", 0.560, 0.403),
    ],
)
def test_accuracy_and_rand_index_are_as_printed(table, row, dataset, acc, ari):
    assert find(table, row, dataset, "ACC").value == acc
    assert find(table, row, dataset, "ARI").value == ari


@cases(
    ("row", "dataset", "samples", "value", "std"),
    [
        ("FreeMatch w/ reliable samples", "STL-10", 4, 0.813, 0.043),
        ("FreeMatch w/ reliable samples", "CIFAR-10", 1, 0.912, 0.053),
        ("FreeMatch w/ reliable samples", "CIFAR-10", 4, 0.951, 0.001),
        ("FreeMatch w/ reliable samples", "CIFAR-10", 400, 0.943, 0.004),
        ("FreeMatch w/ ground truth labels", "STL-10", 100, 0.940, 0.001),
        ("FreeMatch w/ ground truth labels", "CIFAR-10", 1, 0.833, 0.096),
        ("FreeMatch w/ ground truth labels", "CIFAR-10", 25, 0.951, 0.0),
    ],
)
def test_freematch_is_as_printed(row, dataset, samples, value, std):
    number = find("4", row, dataset, samples=samples)
    assert (number.value, number.std, number.runs) == (value, std, 3)


@cases(
    ("row", "metric", "dataset", "samples", "value", "std"),
    [
        ("Mean Per Class Balance", "per-class balance", "STL-10", 100, 100.0, 1.4),
        ("Mean Per Class Balance", "per-class balance", "CIFAR-10", 400, 400.0, 1.3),
        ("Mean Per Class Balance", "per-class balance", "CIFAR-100-20", 50, 26.3, 23.6),
        ("Mean Per Class Accuracy", "per-class accuracy", "STL-10", 4, 1.0, 0.0),
        ("Mean Per Class Accuracy", "per-class accuracy", "CIFAR-10", 25, 0.996, 0.012),
        ("Mean Per Class Accuracy", "per-class accuracy", "CIFAR-100-20", 100, 0.489, 0.472),
    ],
)
def test_reliable_samples_are_as_printed(row, metric, dataset, samples, value, std):
    number = find("E1", row, dataset, metric, samples)
    assert (number.value, number.std) == (value, std)


def test_every_table_is_whole():
    assert Counter(n.table for n in PUBLISHED) == {"1": 42, "2": 36, "3": 8, "4": 12, "C1": 36, "E1": 20}
    rows = {table: len({n.row for n in published(table=table)}) for table in ("1", "2", "3", "4", "C1", "E1")}
    assert rows == {"1": 7, "2": 6, "3": 4, "4": 2, "C1": 6, "E1": 2}


def test_a_number_stands_once_in_a_table():
    places = Counter((n.table, *facts(n)) for n in PUBLISHED)
    assert set(places.values()) == {1}


def test_shares_are_shares_and_balances_are_samples():
    for number in PUBLISHED:
        if number.metric == "per-class balance":
            assert number.samples_per_class is not None
            assert 0 < number.value <= number.samples_per_class
        else:
            assert 0.2 < number.value <= 1
            assert number.std is None or 0 <= number.std < 0.5


def test_every_number_says_where_it_comes_from():
    for number in PUBLISHED:
        assert number.source.startswith("Gadetsky and Brbić (2023), Table")
        assert number.source.endswith(number.table if number.table != "E1" else "E1 and E2")
        assert number.method_source
        assert number.note


def test_numbers_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        PUBLISHED[0].value = 1.0


def test_tables_that_share_a_number_agree():
    """The inductive HUME with DINOv2 stands in three tables, the probe on MoCo in two, all others in one."""
    values = {}
    for number in PUBLISHED:
        values.setdefault(facts(number), set()).add(number.value)
    assert all(len(found) == 1 for found in values.values())
    tables = {}
    for number in PUBLISHED:
        tables.setdefault(facts(number), set()).add(number.table)
    shared = {(key[0], *sorted(found)) for key, found in tables.items() if len(found) > 1}
    assert shared == {("HUME", "1", "2", "C1"), ("linear probe", "1", "C1")}


@cases("metric", ["ACC", "ARI"])
@cases("dataset", ["STL-10", "CIFAR-10", "CIFAR-100-20"])
def test_transductive_beats_inductive_with_the_same_spaces(dataset, metric):
    """The paper says so in its text, by 1 to 3 points of accuracy."""
    found = {(n.phi2, n.setting): n.value for n in published(dataset, "1", "HUME") if n.metric == metric}
    assert len(found) == 6
    for phi2 in {phi2 for phi2, _ in found}:
        gain = found[phi2, "transductive"] - found[phi2, "inductive"]
        assert 0 < gain < 0.05


def test_settings_and_spaces_are_those_of_the_captions():
    trans = find("1", "HUME CLIP trans", "STL-10")
    assert (trans.setting, trans.phi1, trans.phi2) == ("transductive", "MoCo v2, ResNet-18", "CLIP ViT-L/14")
    both = find("2", "DINO + MOCO + K-means", "STL-10")
    assert (both.setting, both.phi1, both.phi2) == ("inductive", "MoCo v2, ResNet-18", "DINOv2 ViT-g/14")
    assert find("2", "DINO + K-means", "STL-10").phi1 is None
    large = find("3", "HUME", "ImageNet-1000")
    assert (large.setting, large.phi1, large.phi2) == (None, "MoCo v2, ResNet-50", "DINOv2 ViT-g/14")


def test_only_those_who_saw_true_labels_are_supervised():
    assert {n.row for n in PUBLISHED if n.supervised} == {
        "MOCO Linear",
        "SimCLR Linear",
        "BYOL Linear",
        "FreeMatch w/ ground truth labels",
    }


def test_only_means_over_runs_have_a_number_of_runs():
    assert {(n.method, n.runs) for n in PUBLISHED if n.runs is not None} == {
        ("k-means", 100),
        ("FreeMatch on reliable samples", 3),
        ("FreeMatch on true labels", 3),
    }
    assert {n.table for n in PUBLISHED if n.std is not None} == {"4", "E1"}


def test_notes_say_what_was_run():
    assert all("SPICE-Self" in n.note for n in published(method="SPICE"))
    assert all("single stage" in n.note for m in ("TWIST", "Self-classifier") for n in published(method=m))


@cases(
    ("name", "printed"),
    [
        ("cifar10", "CIFAR-10"),
        ("CIFAR-10", "CIFAR-10"),
        ("Cifar 10", "CIFAR-10"),
        ("stl10", "STL-10"),
        ("STL-10", "STL-10"),
        ("cifar100-20", "CIFAR-100-20"),
        ("CIFAR-100-20", "CIFAR-100-20"),
        ("cifar100_coarse", "CIFAR-100-20"),
        ("imagenet-1k", "ImageNet-1000"),
    ],
)
def test_a_dataset_is_known_by_its_usual_names(name, printed):
    found = matching(name)
    assert found
    assert found == [n for n in PUBLISHED if n.dataset == printed]


def test_the_catalogue_finds_its_own_by_name_and_title():
    in_the_paper = {"stl10", "cifar10", "cifar100-20"}
    for key, known in CATALOG.items():
        assert bool(matching(key)) == (key in in_the_paper)
        assert matching(known.title) == matching(key)


@cases("name", ["fashion-mnist", "Fashion-MNIST", "digits", "cifar100", "stl10-unlabeled", "", "…"])
def test_a_dataset_that_is_not_in_the_paper_has_no_numbers(name):
    assert matching(name) == []


def test_what_is_asked_together_must_all_fit():
    assert len(published()) == len(PUBLISHED)
    assert len(published(dataset="stl10", table="2", method="k-means")) == 6
    assert published(dataset="stl10", table="3") == published(table="5") == published(method="TEMI") == []
