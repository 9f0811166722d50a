"""The labelings that can be set beside each other, by a text that a link and a command can carry.

mine                the labeling that run `mine` offers
mine:searched       one of its views: corrected, refined or searched
mine:mode-2         the vote of the seeds of one of its modes
mine:version-7      with the answers of an earlier version of its review
mine:kmeans-phi1    the saved labelings of a method of Compare, on the run's spaces and with its K
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError, RunError
from hume.common.once import once
from hume.data.dataset import Dataset
from hume.evaluation import differences, ensemble
from hume.evaluation.differences import Differences
from hume.evaluation.seed_statistics import compared_rows, rand_indices
from hume.experiments.cache import Cache
from hume.experiments.comparison import Comparison
from hume.experiments.methods import METHODS, Method
from hume.experiments.saved_labelings import SavedLabelings, scored_rows
from hume.experiments.searches import of_runs
from hume.runs import corrected, history, labeling_view, review
from hume.runs.findings import Findings
from hume.runs.request import View
from hume.runs.run import Run
from hume.runs.store import Store

Kind: TypeAlias = Literal["view", "mode", "version", "method"]
Read: TypeAlias = Callable[[Run, View | None, int | None], Findings]

VIEWS: tuple[View, ...] = get_args(View)
NUMBERED = re.compile(r"(mode|version)-(\d{1,9})")
FLOW_COLUMNS = ("first", "second", "samples", "share_of_first", "moved")
MOVED_COLUMNS = ("row", "file", "first", "second")
CHANGING = {"answer", "new", "clear", "merge", "split", "audit"}  # the steps of a review that may change a label


@dataclass(frozen=True, eq=False)
class Side:
    """One labeling of a comparison."""

    run: Run  # whose rows are labeled
    kind: Kind
    labeling: NDArray[np.integer[Any]]  # (N,)
    names: Mapping[int, str] = field(default_factory=dict)  # of the classes that a person named
    set_aside: frozenset[int] = frozenset()  # rows that are no samples of the dataset
    view: View = "searched"
    number: int = 0  # of a mode or a version
    method: Method | None = None

    @property
    def text(self) -> str:
        """Its text in a link."""
        return f"{self.run.name}:{self.what}"

    @property
    def what(self) -> str:
        """The part of its text behind the run's name."""
        if self.kind == "method":
            assert self.method is not None
            return self.method.key
        return self.view if self.kind == "view" else f"{self.kind}-{self.number}"


def offered(run: Run, dataset: Dataset | None = None) -> list[str]:
    """What a finished run has to set beside another labeling: its views, methods on its spaces, versions of its review.

    dataset: of these samples, where it is read already. Modes are left out: to find them takes a while.
    """
    given = review.read(run)
    steps = [number for number, step in history.versions(run.folder) if step["kind"] in CHANGING]
    versions = [f"version-{number}" for number in steps if number != given.version]
    folder = _saved(run, dataset)
    methods = [method.key for method in _methods() if (folder / f"{method.key}.safetensors").exists()]
    return [*labeling_view.views(run), *methods, *versions]


def is_version(run: Run, what: str) -> bool:
    """Whether this names a version of a run's review."""
    numbered = NUMBERED.fullmatch(what)
    is_one = numbered is not None and numbered[1] == "version" and corrected.read_base(run) is not None
    return numbered is not None and is_one and int(numbered[2]) <= history.read(run.folder).lines


def stamp(run: Run, what: str, dataset: Dataset | None = None) -> int:
    """What changes when a method is run again; 0 for a labeling of the run itself."""
    if what not in METHODS:
        return 0
    path = _saved(run, dataset) / f"{what}.safetensors"
    return path.stat().st_mtime_ns if path.exists() else 0


def comparable(run: Run) -> list[Run]:
    """The finished runs on the same samples, this one first and then the newest; damaged ones are passed over."""

    def read(other: Run) -> Run | None:
        return other if other.state == "finished" and same_samples(run, other) and other.scores() else None

    return [run, *(other for other in of_runs(run.home, read) if other.name != run.name)]


def same_samples(first: Run, second: Run) -> bool:
    """Whether the rows of two runs are the same samples: of one dataset or, for single files, with a file in common."""
    files = [request.files for request in (first.request, second.request)]
    if files[0] is None or files[1] is None:
        return files[0] is files[1] and first.request.dataset == second.request.dataset
    shared = {path for path in files[0].values() if path} & {path for path in files[1].values() if path}
    return bool(shared)


def side(store: Store, text: str, read: Read = Findings) -> Side:
    """The labeling that a text names; read: how the results of a run are read, for a caller that caches them.

    Raises InputError for a text that names none, RunError for a run that is missing, unfinished or damaged.
    """
    name, _, what = text.partition(":")
    run = store.open(name)
    if what in METHODS:
        return _of_method(run, METHODS[what])
    numbered = NUMBERED.fullmatch(what)
    if numbered is not None and numbered[1] == "version":
        return _of_version(run, int(numbered[2]), read)
    if numbered is not None:
        return of_findings(read(run, None, int(numbered[2])))
    view = next((view for view in VIEWS if view == what), None)
    if what and view is None:
        raise InputError(
            f"{text!r} names no labeling: behind the colon write {', '.join(VIEWS)}, mode-2, version-7 or a method, as "
            "kmeans-phi1"
        )
    return of_findings(read(run, view, None))


@dataclass(frozen=True, eq=False)
class TwoLabelings:
    """Two labelings of the same samples, with their classes named alike."""

    first: Side
    second: Side
    differences: Differences

    @once
    def first_names(self) -> list[str]:
        """The names of the first labeling's classes."""
        return [_name(self.first.names, k) for k in range(self.differences.num_first)]

    @once
    def second_names(self) -> list[str]:
        """Those of the second's, in the numbers of the first: a class without a name has that of its counterpart."""
        return [
            self.second.names.get(own) or _name(self.first.names if k < self.differences.num_first else {}, k)
            for k, own in enumerate(self.differences.own.tolist())
        ]

    def flow_table(self, most: int | None = None) -> list[tuple[str, str, int, float, str]]:
        """Who went where, under `FLOW_COLUMNS`: the moved samples first, the largest group first."""
        return [
            (
                self.first_names[flow.first], self.second_names[flow.second], flow.size, round(flow.share_of_first, 6),
                "yes" if flow.moved else "no",
            )
            for flow in self.differences.flows[:most]
        ]  # fmt: skip

    def moved_table(self, files: Sequence[str] | None) -> list[tuple[int, str, str, str]]:
        """Every sample that moved, under `MOVED_COLUMNS`; files: the names of all samples' files."""
        both = self.differences
        return [
            (row, "" if files is None else files[row], self.first_names[a], self.second_names[b])
            for row, a, b in zip(
                both.moved.tolist(), both.first[both.moved].tolist(), both.second[both.moved].tolist(), strict=True
            )
        ]


def compare(first: Side, second: Side) -> TwoLabelings:
    """Set two labelings of the same samples beside each other; raises InputError where the samples are others."""
    if not same_samples(first.run, second.run):
        names = [f"{side.run.name!r} of {side.run.request.dataset}" for side in (first, second)]
        raise InputError(f"runs {' and '.join(names)} label different samples: compare runs on one dataset")
    if len(first.labeling) != len(second.labeling):
        raise InputError(
            f"runs {first.run.name!r} and {second.run.name!r} label {len(first.labeling):,} and "
            f"{len(second.labeling):,} samples: search the dataset again as it is now"
        )
    found = differences.differences(first.labeling, second.labeling, first.set_aside | second.set_aside)
    return TwoLabelings(first, second, found)


def _name(names: Mapping[int, str], number: int) -> str:
    return names.get(number) or f"Class {number}"


def of_findings(found: Findings) -> Side:
    """The labeling that the results of a run offer."""
    view: View = found.view if found.review is None else "corrected"
    given = review.read(found.run)
    return Side(
        found.run, "view" if found.mode is None else "mode", found.vote.labeling, given.names,
        frozenset() if found.review is None else given.set_aside, view, found.mode or 0,
    )  # fmt: skip


def _of_version(run: Run, version: int, read: Read) -> Side:
    given, base = review.read(run, version), corrected.read_base(run)
    if base is None:
        raise InputError(f"run {run.name!r} has no answers: it has no earlier version")
    labeling = base.labeling
    if given.corrects:
        labeling = corrected.compute(base, given, read(run, None, None).stage).labeling
    return Side(run, "version", labeling, given.names, given.set_aside, number=version)


def _methods() -> Iterator[Method]:
    """Those that need no ground truth."""
    return (method for method in METHODS.values() if method.kind != "supervised")


def _saved(run: Run, dataset: Dataset | None) -> Path:
    """Where the labelings of methods on a run's spaces are, without reading a space."""
    request, rows = run.request, scored_rows(dataset or run.dataset())
    return Cache.keyed(run.home, "comparisons", (*request.fingerprints, request.config.num_classes, rows)).folder


def _comparison(run: Run) -> Comparison:
    request = run.request
    return Comparison(run.home, run.dataset(), request.phi1, request.phi2, num_classes=request.config.num_classes)


def _of_method(run: Run, method: Method) -> Side:
    if method.kind == "supervised":
        raise InputError(f"{method.title} is trained on the ground truth: choose a method without labels")
    comparison = _comparison(run)
    saved = comparison.saved(method.key)
    if saved is None:
        raise RunError(
            f"{method.title} has no readable labelings for the spaces of run {run.name!r}: run it again on the page "
            "Compare or by `compare`"
        )
    return Side(run, "method", _labeling(saved, comparison), method=method)


def _labeling(saved: SavedLabelings, comparison: Comparison) -> NDArray[np.integer[Any]]:
    """The labeling that a method offers: its refined vote, its vote, else the seed that is most like the others."""
    if saved.joint is not None:
        return saved.joint.final
    if saved.cv_score is not None:
        return ensemble.majority_vote(saved.labelings, saved.cv_score, comparison.num_classes).labeling
    rows = compared_rows(np.ones(saved.labelings.shape[1], np.bool_))
    likeness = rand_indices(saved.labelings[:, rows], int(saved.labelings.max()) + 1).sum(1)
    return np.asarray(saved.labelings[int(likeness.argmax())])
