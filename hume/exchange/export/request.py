"""The content of an export: labeled samples with their statistics, and the writer's report."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.once import once
from hume.data.dataset import Dataset
from hume.evaluation.label_sampling import draw_labels
from hume.evaluation.reliable import ReliableSamples
from hume.exchange.export import names as safe
from hume.exchange.export.labeled_index import checked
from hume.runs import provenance
from hume.runs.findings import Findings
from hume.runs.review_state import Review

NOT_THE_TRUTH = "THE LABELS WERE FOUND WITHOUT LABELS AND ARE NOT THE TRUTH."


@dataclass(frozen=True, eq=False)
class TrueLabels:
    """Labeled samples drawn at random from the ground truth, the baseline for found labels.

    As many a class as there are found ones, see `export_request`; fewer if a true class has no more.
    """

    rows: NDArray[np.int64]  # (R',) sample numbers
    classes: NDArray[np.int64]  # (R',) true classes
    names: Sequence[str]  # of the true classes
    truth: NDArray[np.int64]  # (N,) true classes of all samples; −1 where the accuracy is not measured


@dataclass(frozen=True, eq=False)
class ExportRequest:
    """R samples with their labels, to export for another program; raises InputError if they are not a labeled set.

    Rejected samples are not included. The ground truth is included only as `truth`, on request: writers read class
    names, pictures and spaces of the dataset, never its labels.
    """

    dataset: Dataset  # of N samples
    rows: NDArray[np.int64]  # (R,) sample numbers, each once
    classes: NDArray[np.int64]  # (R,) the found class of each in 0..K − 1
    num_classes: int  # K
    names: Sequence[str]  # (K,) as typed; may be empty, equal or odd
    vote_agreement: NDArray[np.int64]  # (R,) seeds that agree, out of num_seeds
    neighbor_agreement: NDArray[np.int64]  # (R,) neighbours with the same class
    rank: NDArray[np.int64]  # (R,) rank within the class, from 1, rejected samples counted
    num_seeds: int
    run: str  # its name
    labeling: NDArray[np.int64] | None = None  # (N,) the class of every sample, −1 for those set aside
    vote_share: NDArray[np.float64] | None = None  # (N,) the share of seeds that agree with it
    provenance: dict[str, str] = field(default_factory=dict)  # origin of the labels, as text
    truth: TrueLabels | None = None  # on request, for the format `usb`
    set_aside: frozenset[int] = frozenset()  # rows that are no samples of the dataset: they are in no list

    def __post_init__(self) -> None:
        checked(self.rows, self.classes, self.dataset.num_samples, self.num_classes)
        if len(self.names) != self.num_classes:
            raise InputError(f"there are {len(self.names)} names for {self.num_classes} classes: give one a class")
        for name in ("vote_agreement", "neighbor_agreement", "rank"):
            if getattr(self, name).shape != self.rows.shape:
                raise InputError(f"{name} has shape {getattr(self, name).shape}: give one number a row")
        for name in ("labeling", "vote_share"):
            array = getattr(self, name)
            if array is not None and array.shape != (self.dataset.num_samples,):
                raise InputError(f"{name} has shape {array.shape}: give one number for each sample of the dataset")

    @once
    def choices(self) -> list[str]:
        """(K,) unique names of the classes."""
        return safe.choices(self.names)

    @once
    def agreement(self) -> NDArray[np.float64]:
        """(R,) the share of seeds that agree on each sample's class."""
        return self.vote_agreement / max(self.num_seeds, 1)

    def file(self, row: int) -> str:
        """The original file of a sample, without its folders, which may be named after classes; empty if unknown."""
        files = self.dataset.file_names
        return "" if files is None else PurePosixPath(files[row]).name

    def entry(self, i: int) -> dict[str, Any]:
        """The entry of the i-th sample in a list of samples."""
        return {
            "row": int(self.rows[i]),
            "source_file": self.file(int(self.rows[i])),
            "label": int(self.classes[i]),
            "class_name": self.choices[self.classes[i]],
            "vote_agreement": int(self.vote_agreement[i]),
            "neighbor_agreement": int(self.neighbor_agreement[i]),
            "rank": int(self.rank[i]),
        }

    def counts(self, used: Sequence[int] | None = None) -> NDArray[np.int64]:
        """(K,) samples a class, of all or of the given indices into `rows`."""
        classes = self.classes if used is None else self.classes[list(used)]
        return np.bincount(classes, minlength=self.num_classes)

    def note(self, how: str, used: Sequence[int] | None = None) -> bytes:
        """The text of a README: how to read the files, then the origin of the labels."""
        counts = self.counts(used)
        number = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"
        size = self.dataset.num_samples
        lines = [
            f"{counts.sum()} reliable samples of {self.num_classes} found classes, {number} a class, out of {size}.",
            "",
            NOT_THE_TRUTH,
            "Classes have their own numbers: class 0 need not be class 0 of the data.",
            "",
            how.strip("\n"),
            "",
            "Classes:",
            *(f"    {k}  {name}  ({count})" for k, (name, count) in enumerate(zip(self.choices, counts, strict=True))),
            "",
            f"Origin of the labels: run {self.run}",
            *(f"    {name}: {text}" for name, text in self.provenance.items()),
        ]
        return ("\n".join(lines) + "\n").encode()


@dataclass(frozen=True)
class Report:
    """The report of an export: rows given = rows used + rows set aside."""

    files: int
    given: int
    set_aside: tuple[tuple[int, str], ...] = ()  # row and reason

    @property
    def used(self) -> int:
        return self.given - len(self.set_aside)


def export_request(
    findings: Findings, samples: ReliableSamples, review: Review, *, true_labels: bool = False
) -> ExportRequest:
    """Combine the findings of a finished run with the chosen samples and the user's review.

    true_labels: add random true labels as a baseline: as many of every true class as there are accepted samples of
    the found class matched to it, and without such, as many as of the class with most. Raises InputError when every
    sample is rejected, for true labels of a dataset without any, and when no sample is left to measure the accuracy.
    """
    kept = ~np.isin(samples.rows, list(review.rejected))
    aside = findings.set_aside
    numbers = np.array(findings.classes)  # classes that were merged into others leave gaps
    labeling = np.searchsorted(numbers, findings.vote.labeling).astype(np.int64)
    share = findings.vote.share.astype(np.float64)
    labeling[list(aside)], share[list(aside)] = -1, np.nan
    return ExportRequest(
        dataset=findings.dataset,
        rows=samples.rows[kept],
        classes=np.searchsorted(numbers, samples.classes[kept]),
        num_classes=numbers.size,
        names=[review.name(k) for k in findings.classes],
        vote_agreement=samples.vote_agreement[kept],
        neighbor_agreement=samples.neighbor_agreement[kept],
        rank=_ranks(samples.classes)[kept],
        num_seeds=len(findings.seeds),
        run=findings.run.name,
        labeling=labeling,
        vote_share=share,
        set_aside=aside,
        provenance={
            **dict(provenance.settings(findings)),
            "Reliable samples": f"{_requested(samples)} requested, {int((~kept).sum())} rejected by hand",
            **_renumbered(findings.classes),
        },
        truth=_true_labels(findings, samples.rows[kept], samples.classes[kept]) if true_labels else None,
    )


def _renumbered(classes: Sequence[int]) -> dict[str, str]:
    """Which class of the run each class of the files is, where they differ."""
    pairs = [f"{k} is {number}" for k, number in enumerate(classes) if k != number]
    return {"Class numbers of the run": ", ".join(pairs)} if pairs else {}


def _requested(samples: ReliableSamples) -> str:
    every = samples.per_class >= max(len(samples.rows), 1)  # a selection with all of its samples
    return "all" if every else f"{samples.per_class} a class"


def _true_labels(findings: Findings, kept: NDArray[np.int64], classes: NDArray[np.int64]) -> TrueLabels:
    """Random true labels of train rows; the accuracy is measured on test rows, on all rows without a split."""
    truth, split = findings.dataset.labels, findings.dataset.test_rows
    if truth is None or findings.match is None:
        raise InputError(f"{findings.dataset.name} has no true labels: export without them")
    learned = np.arange(truth.size) if split is None or split.all() else np.flatnonzero(~split)
    counts = np.bincount(classes, minlength=findings.num_classes)
    wanted, has_partner = np.full(len(findings.true_names), counts.max()), (counts > 0) & (findings.match >= 0)
    wanted[findings.match[has_partner]] = counts[has_partner]
    rows = draw_labels(truth, learned, wanted, seed=0)
    judged = truth.copy()
    judged[~findings.evaluated] = -1
    judged[np.concatenate([rows, kept])] = -1
    if (judged < 0).all():
        raise InputError(
            "no sample is left to measure the accuracy on: export fewer a class, or export without true labels"
        )
    return TrueLabels(rows=rows, classes=truth[rows], names=findings.true_names, truth=judged)


def _ranks(classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rank of each entry among those of its class, from 1."""
    order = np.argsort(classes, kind="stable")
    sizes = np.bincount(classes)
    ranks = np.empty(len(classes), np.int64)
    ranks[order] = np.arange(len(classes)) - (np.cumsum(sizes) - sizes)[classes[order]] + 1
    return ranks
