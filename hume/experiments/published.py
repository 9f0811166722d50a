"""The numbers in the paper's tables, shown next to measured ones and never mixed with them.

All numbers are printed in Gadetsky and Brbić, "The Pursuit of Human Labeling" (NeurIPS 2023). They are for full
datasets and for the networks named with them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict

__all__ = ["PUBLISHED", "Metric", "Published", "Setting", "Table", "headline", "matching", "published", "table_4"]

Setting: TypeAlias = Literal["inductive", "transductive"]
Metric: TypeAlias = Literal["ACC", "ARI", "per-class accuracy", "per-class balance"]
Table: TypeAlias = Literal["1", "2", "3", "4", "C1", "E1"]
Column: TypeAlias = tuple[str, Metric, int | None]  # dataset, metric, samples a class


class _Facts(TypedDict, total=False):
    """The fields that all numbers of a printed row share."""

    setting: Setting | None
    phi1: str | None
    phi2: str | None
    runs: int | None
    supervised: bool
    note: str


@dataclass(frozen=True, kw_only=True)
class Published:
    """One printed number, and the conditions it was measured under.

    Shares, printed in percent, are stored as 0.908 for 90.8: ACC, ARI and per-class accuracy. A per-class balance is a
    number of samples and stored as printed. The paper reports HUME by the vote of 100 labelings, so that a HUME number
    has no spread. Evaluated are the test rows, in both settings.
    """

    table: Table  # E1 holds the standard deviations of Table E2 too
    row: str  # the name of the row, as printed
    method: str  # the same in all tables; spaces and setting tell its rows apart
    dataset: str
    setting: Setting | None = None  # trained on the train rows, or on train and test rows; None where not stated
    phi1: str | None = None  # None where the method does not use one, or where it is not stated; the note says which
    phi2: str | None = None
    samples_per_class: int | None = None  # how many reliable or labeled samples of each class; Tables 4 and E1
    metric: Metric
    value: float
    std: float | None = None  # in units of value: over the runs, in Table E1 over the classes; None where not printed
    runs: int | None = None  # how many the value is a mean of, where it is one
    supervised: bool = False  # whether true labels were used to train
    note: str = ""
    source: str  # where the number is printed
    method_source: str  # where the method comes from, as the paper cites it


MOCO18, MOCO50 = "MoCo v2, ResNet-18", "MoCo v2, ResNet-50"
DINO, CLIP, BIT = "DINOv2 ViT-g/14", "CLIP ViT-L/14", "BiT-M-R50x1"

THREE: list[Column] = [(d, m, None) for d in ("STL-10", "CIFAR-10", "CIFAR-100-20") for m in ("ACC", "ARI")]
IMAGENET: list[Column] = [("ImageNet-1000", "ACC", None), ("ImageNet-1000", "ARI", None)]
FEW_LABELS = [("STL-10", 4), ("STL-10", 100), ("CIFAR-10", 1), ("CIFAR-10", 4), ("CIFAR-10", 25), ("CIFAR-10", 400)]
RELIABLE = [*FEW_LABELS, *(("CIFAR-100-20", number) for number in (1, 10, 50, 100))]

HUME, PROBE, KMEANS = "HUME", "linear probe", "k-means"
RELIABLE_SAMPLES, TRUE_LABELS = "FreeMatch on reliable samples", "FreeMatch on true labels"
METHOD_SOURCES = {
    HUME: "Gadetsky and Brbić (2023)",
    PROBE: "Gadetsky and Brbić (2023), Sec. 3.1",
    KMEANS: "MacQueen (1967)",
    "SCAN": "Van Gansbeke et al. (2020)",
    "SPICE": "Niu, Shan and Wang (2022)",
    "TWIST": "Feng et al. (2023)",
    "Self-classifier": "Amrani, Karlinsky and Bronstein (2022)",
    RELIABLE_SAMPLES: "Wang et al. (2023)",
    TRUE_LABELS: "Wang et al. (2023)",
}

VOTE = "Majority vote of 100 labelings."
MEAN = "Mean of 100 runs."
SELF = "SPICE-Self: the labels of its clustering stage on frozen features, before the network is fine-tuned."
HEAD = "Its clustering stage on frozen features, before the network is fine-tuned."
SINGLE_STAGE = (
    "Trained from scratch in a single stage, ResNet-50. "
    "The paper does not say whether the number was measured or taken from the method's own paper."
)
SUPERVISED = "Supervised: a linear layer, trained on the true labels of the train rows."
SSL_BACKBONE = "The network of φ1 is not stated; elsewhere in the paper it is a ResNet-18."
FREEMATCH = "Trained on the images; mean of 3 runs. What is printed after ± is not named, taken here for the deviation."
SSL_SPACES = "The spaces and the setting of the HUME that chose them are not stated."
SSL_FIGURE = "Figure 3b, with the same accuracies on CIFAR-10, is with MoCo v2 and DINOv2."
SPREAD = "Mean over the classes; the deviation, over the classes too, is from Table E2."


def _row(
    table: Table, row: str, method: str, columns: list[Column], printed: str, facts: _Facts
) -> Iterator[Published]:
    for (dataset, metric, samples), number in zip(columns, printed.split(), strict=True):
        value, _, std = number.partition("±")
        yield Published(
            table=table,
            row=row,
            method=method,
            dataset=dataset,
            samples_per_class=samples,
            metric=metric,
            value=_stored(value, metric),
            std=_stored(std, metric) if std else None,
            source=f"Gadetsky and Brbić (2023), Table{'s E1 and E2' if table == 'E1' else f' {table}'}",
            method_source=METHOD_SOURCES[method],
            **facts,
        )


def _stored(number: str, metric: Metric) -> float:
    # Rounded to what is printed: a division can be off in its last bit.
    return float(number) if metric == "per-class balance" else round(float(number) / 100, 4)


def _hume(
    table: Table, row: str, printed: str, setting: Setting, phi1: str, phi2: str, note: str = VOTE
) -> Iterator[Published]:
    facts: _Facts = {"setting": setting, "phi1": phi1, "phi2": phi2, "note": note}
    return _row(table, row, HUME, THREE, printed, facts)


def _probe(table: Table, row: str, printed: str, phi1: str, note: str = SUPERVISED) -> Iterator[Published]:
    facts: _Facts = {"setting": "inductive", "phi1": phi1, "supervised": True, "note": note}
    return _row(table, row, PROBE, THREE, printed, facts)


def _table_1() -> Iterator[Published]:
    yield from _probe("1", "MOCO Linear", "88.9 77.7 89.5 79.0 72.5 52.6", MOCO18)
    yield from _hume("1", "HUME BiT ind", "87.5 76.2 85.9 73.8 47.8 33.5", "inductive", MOCO18, BIT)
    yield from _hume("1", "HUME CLIP ind", "90.2 80.2 88.2 77.1 48.5 34.1", "inductive", MOCO18, CLIP)
    yield from _hume("1", "HUME DINO ind", "90.8 81.2 88.4 77.6 55.5 37.7", "inductive", MOCO18, DINO)
    yield from _hume("1", "HUME BiT trans", "90.3 80.5 86.6 75.0 48.8 34.5", "transductive", MOCO18, BIT)
    yield from _hume("1", "HUME CLIP trans", "92.2 84.1 88.9 78.3 50.1 34.8", "transductive", MOCO18, CLIP)
    yield from _hume("1", "HUME DINO trans", "93.2 86.0 89.2 79.2 56.7 39.6", "transductive", MOCO18, DINO)


def _table_2() -> Iterator[Published]:
    means: _Facts = {"setting": "inductive", "runs": 100, "note": MEAN}
    head: _Facts = {"setting": "inductive", "phi1": MOCO18}
    moco, dino, both = (
        "67.7 54.1 66.9 51.8 37.5 20.9",
        "60.1 35.4 75.5 67.6 47.2 33.9",
        "77.1 70.0 81.4 77.1 51.3 36.1",
    )
    yield from _row("2", "MOCO + K-means", KMEANS, THREE, moco, {**means, "phi1": MOCO18})
    yield from _row("2", "DINO + K-means", KMEANS, THREE, dino, {**means, "phi2": DINO})
    yield from _row("2", "DINO + MOCO + K-means", KMEANS, THREE, both, {**means, "phi1": MOCO18, "phi2": DINO})
    yield from _row("2", "SCAN", "SCAN", THREE, "77.8 61.3 83.3 70.5 45.4 29.7", {**head, "note": HEAD})
    yield from _row("2", "SPICE", "SPICE", THREE, "86.2 73.2 84.5 70.9 46.8 32.1", {**head, "note": SELF})
    yield from _hume("2", "HUME", "90.8 81.2 88.4 77.6 55.5 37.7", "inductive", MOCO18, DINO)


def _table_3() -> Iterator[Published]:
    scan: _Facts = {"setting": "inductive", "phi1": MOCO50, "note": HEAD}
    single: _Facts = {"setting": "inductive", "note": SINGLE_STAGE}
    not_stated = f"{VOTE} The setting is not stated; clustering baselines are evaluated in the inductive one."
    hume: _Facts = {"phi1": MOCO50, "phi2": DINO, "note": not_stated}
    yield from _row("3", "SCAN", "SCAN", IMAGENET, "39.7 27.9", scan)
    yield from _row("3", "TWIST", "TWIST", IMAGENET, "40.6 30.0", single)
    yield from _row("3", "Self-classifier", "Self-classifier", IMAGENET, "41.1 29.5", single)
    yield from _row("3", "HUME", HUME, IMAGENET, "51.1 38.1", hume)


def _table_4() -> Iterator[Published]:
    columns: list[Column] = [(dataset, "ACC", samples) for dataset, samples in FEW_LABELS]
    reliable = "81.3±4.3 91.3±0.3 91.2±5.3 95.1±0.1 93.3±2.5 94.3±0.4"
    truth = "77.8±1.1 94.0±0.1 83.3±9.6 94.8±0.3 95.1±0.0 95.7±0.1"
    free: _Facts = {"runs": 3, "note": f"{FREEMATCH} {SSL_SPACES}"}
    yield from _row("4", "FreeMatch w/ reliable samples", RELIABLE_SAMPLES, columns, reliable, free)
    labeled: _Facts = {"runs": 3, "supervised": True, "note": f"{FREEMATCH} The labeled samples are drawn at random."}
    yield from _row("4", "FreeMatch w/ ground truth labels", TRUE_LABELS, columns, truth, labeled)


def _table_c1() -> Iterator[Published]:
    probe, vote = f"{SUPERVISED} {SSL_BACKBONE}", f"{VOTE} {SSL_BACKBONE}"
    yield from _probe("C1", "SimCLR Linear", "85.3 71.2 87.1 74.4 70.4 49.7", "SimCLR", probe)
    yield from _probe("C1", "MOCO Linear", "88.9 77.7 89.5 79.0 72.5 52.6", MOCO18)
    yield from _probe("C1", "BYOL Linear", "92.1 83.6 90.7 81.0 77.2 59.3", "BYOL", probe)
    yield from _hume("C1", "HUME SimCLR", "86.9 74.3 85.2 71.8 51.8 33.9", "inductive", "SimCLR", DINO, vote)
    yield from _hume("C1", "HUME MOCO", "90.8 81.2 88.4 77.6 55.5 37.7", "inductive", MOCO18, DINO)
    yield from _hume("C1", "HUME BYOL", "91.5 82.7 89.8 79.7 56.0 40.3", "inductive", "BYOL", DINO, vote)


def _table_e1() -> Iterator[Published]:
    balances: list[Column] = [(dataset, "per-class balance", samples) for dataset, samples in RELIABLE]
    accuracies: list[Column] = [(dataset, "per-class accuracy", samples) for dataset, samples in RELIABLE]
    balance = "4.0±0.0 100.0±1.4 1.0±0.0 4.0±0.0 25.0±0.5 400.0±1.3 0.6±0.6 6.3±5.2 26.3±23.6 52.6±45.6"
    accuracy = "100.0±0.0 99.6±0.9 100.0±0.0 100.0±0.0 99.6±1.2 99.7±0.4 72.7±44.1 62.3±41.9 51.1±46.5 48.9±47.2"
    facts: _Facts = {"note": f"{SPREAD} {SSL_SPACES} {SSL_FIGURE}"}
    yield from _row("E1", "Mean Per Class Balance", HUME, balances, balance, facts)
    yield from _row("E1", "Mean Per Class Accuracy", HUME, accuracies, accuracy, facts)


PUBLISHED: tuple[Published, ...] = (
    *_table_1(),
    *_table_2(),
    *_table_3(),
    *_table_4(),
    *_table_c1(),
    *_table_e1(),
)

# The usual names, letters and digits only, with the titles that the catalogue of public datasets gives.
NAMES = {
    "STL-10": {"stl", "stl10"},
    "CIFAR-10": {"cifar10"},
    "CIFAR-100-20": {
        "cifar20",
        "cifar10020",
        "cifar100coarse",
        "cifar100superclasses",
        "cifar10020superclasses",
        "cifar100its20superclasses",
    },
    "ImageNet-1000": {"imagenet", "imagenet1k", "imagenet1000", "ilsvrc2012"},
}


def published(dataset: str | None = None, table: str | None = None, method: str | None = None) -> list[Published]:
    """The printed numbers that match all arguments, in the order of the paper.

    dataset: one of its usual names, as in `matching`. table: "1", "2", "3", "4", "C1" or "E1". method: as in
    `Published.method`. Empty where the paper has none.
    """
    name = None if dataset is None else _printed_name(dataset)
    if dataset is not None and name is None:
        return []
    return [
        number
        for number in PUBLISHED
        if name in (None, number.dataset) and table in (None, number.table) and method in (None, number.method)
    ]


def matching(dataset_name: str) -> list[Published]:
    """The printed numbers for a dataset by one of its usual names: cifar10, CIFAR-10, stl10, CIFAR-100-20, ...

    Case, spaces and punctuation are ignored. Only whole names match: cifar100 has 100 classes, the paper's
    CIFAR-100-20 has 20, and the unlabeled images of STL-10 are not in the tables. Other names give an empty list.
    """
    return published(dataset=dataset_name)


def _printed_name(dataset: str) -> str | None:
    letters = "".join(letter for letter in dataset.lower() if letter.isalnum())
    return next((printed for printed, names in NAMES.items() if letters in names), None)


def table_4(*names: str) -> list[Published]:
    """The numbers of Table 4 for a dataset by any of its names, for all datasets where the table lacks this one."""
    numbers = [number for name in names for number in published(name, "4")]
    return list(dict.fromkeys(numbers)) or published(table="4")


def headline(*names: str) -> list[Published]:
    """The accuracies printed for a dataset by any of its names, each once, best first; without those of subsets."""
    numbers = {
        (number.method, number.setting, number.phi1, number.phi2): number
        for name in names
        for number in reversed(matching(name))
        if number.metric == "ACC" and number.samples_per_class is None
    }
    return sorted(numbers.values(), key=lambda number: -number.value)
