"""Import of a release as datasets and finished runs of a home."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hume.common.errors import HumeError, InputError, RunError
from hume.common.progress import Progress
from hume.data.dataset import Dataset
from hume.data.folder import free_name
from hume.exchange.author_files import read_tasks
from hume.exchange.author_runs import import_tasks
from hume.exchange.releases.placing import Placed, Placing, place_dataset
from hume.exchange.releases.records import Release, ReleaseDataset, ReleasePair, ReleaseReport, SetAside
from hume.runs.store import Store


def import_release(
    release: Release,
    store: Store,
    *,
    datasets: Collection[str] | None = None,
    on_progress: Progress | None = None,
) -> ReleaseReport:
    """Import the datasets of a release, or those named, into a home, and their tasks as finished runs.

    A dataset has its train rows first, then its test rows, which are marked; with only one of both
    there is no mark. Large files are hard-linked where that is possible and copied otherwise, so do
    not change them in place. Of a space that exists both with and without unit norm, the one
    without is imported, since runs normalize rows themselves; if the directions of both differ by
    more than a mean row, both are imported, and tasks label the one of unit norm as the authors'
    code does.

    A run is named after its dataset, spaces and setting. Both settings are evaluated on the test
    rows, as in the paper (Sec. 3). Its cross-validation scores are the authors': computed on train
    rows in the inductive setting, unless their code was run on other rows. Datasets and runs that
    exist already, by their features and prototypes, are unchanged; unreadable files are set aside
    with the reason and the rest is imported. After a cancellation by `on_progress`, or a full disk,
    the next call resumes.

    Raises InputError for a name that is not a dataset of the release, RunError when the home cannot be written.
    """
    known = {dataset.name: dataset for dataset in release.datasets}
    unknown = sorted(set(datasets or ()) - set(known))
    if unknown:
        raise InputError(f"{release.folder} has no dataset {unknown[0]!r}: choose one of {', '.join(sorted(known))}")
    chosen = set(known if datasets is None else datasets)
    pairs = [pair for pair in release.pairs if datasets is None or pair.dataset in chosen]
    work = _Import(release, store, on_progress or (lambda _: None))
    work.count([known[name] for name in sorted(chosen)], pairs)
    for name in sorted(chosen):
        work.take(known[name], [pair for pair in pairs if pair.dataset == name])
    for pair in pairs:
        if pair.dataset not in known:
            work.leave(pair.folder, pair.problem or f"there are no representations of {pair.dataset}")
    return work.report()


@dataclass
class _Import:
    release: Release
    store: Store
    on_progress: Callable[[float], None]
    made: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    known_datasets: list[str] = field(default_factory=list)
    known_runs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    total: int = 1
    done: int = 0

    def count(self, datasets: list[ReleaseDataset], pairs: list[ReleasePair]) -> None:
        """Set the total of the progress: elements of φ, and those of φ1 again for every pair's labels."""
        numbers = {
            (data.name, space.name): data.num_rows * space.dims for data in datasets for space in data.spaces
        }  # fmt: skip
        self.total = 1 + sum(numbers.values()) + sum(numbers.get((pair.dataset, pair.phi1 or ""), 0) for pair in pairs)

    def advance(self, numbers: int) -> None:
        self.done += numbers
        self.on_progress(min(1.0, self.done / self.total))

    def leave(self, path: Path, reason: str) -> None:
        self.set_aside.append(SetAside(path.relative_to(self.release.folder).as_posix(), reason))

    def report(self) -> ReleaseReport:
        self.on_progress(1.0)
        return ReleaseReport(
            tuple(self.made),
            tuple(self.runs),
            tuple(self.known_datasets),
            tuple(self.known_runs),
            tuple(self.notes),
            (*self.release.set_aside, *self.set_aside),
        )

    def take(self, data: ReleaseDataset, pairs: list[ReleasePair]) -> None:
        """Import one dataset with its runs."""
        work = Placing(self.release, data, pairs, self.advance, self.leave, self.notes)
        try:
            placed = place_dataset(work, self.store)
            dataset = self.store.load_dataset(placed.folder)
        except InputError as error:
            self.notes.append(f"{data.name} was not imported: {error}")
            for pair in pairs:
                self.leave(pair.folder, f"its dataset {data.name} was not imported")
            return
        (self.made if placed.changed else self.known_datasets).append(dataset.name)
        for pair in pairs:
            self._pair(pair, dataset, placed)
            space = next((space for space in data.spaces if space.name == pair.phi1), None)
            self.advance(data.num_rows * space.dims if space else 0)

    def _pair(self, pair: ReleasePair, dataset: Dataset, placed: Placed) -> None:
        if pair.problem is not None or pair.phi1 is None or pair.phi2 is None:
            return self.leave(pair.folder, pair.problem or "its spaces are unknown")
        missing = [name for name in (pair.phi1, pair.phi2) if name not in placed.views]
        if missing:
            return self.leave(pair.folder, f"its space {missing[0]} could not be imported")
        phi1, centre = placed.views[pair.phi1].seen(pair.setting)
        phi2 = placed.views[pair.phi2].plain
        stem = free_name(f"{dataset.name}-{phi1}-{phi2}-{pair.setting}", [], "run")
        try:
            same = self._known_run(stem, pair, dataset, (phi1, phi2), centre)
        except HumeError as error:
            return self.leave(pair.folder, str(error))
        if same is not None:
            return self.known_runs.append(same)
        name = free_name(stem, self.store.names(), "run")
        try:
            import_tasks(
                self.store, pair.folder, dataset, phi1=phi1, phi2=phi2, name=name, setting=pair.setting, centre=centre
            )  # fmt: skip
        except HumeError as error:
            self._drop_unfinished(name)
            return self.leave(pair.folder, str(error))
        if not pair.scored:
            self.notes.append(f"{name}: not every seed has a CV_Score, so all are computed here, on the test rows")
        return self.runs.append(name)

    def _known_run(
        self, stem: str, pair: ReleasePair, dataset: Dataset, spaces: tuple[str, str], centre: bool
    ) -> str | None:
        """The finished run of these tasks; an incompletely imported one is moved to the trash.

        Raises RunError when there may be such a run and the tasks cannot be read.
        """
        prints = tuple(dataset.space(phi).fingerprint for phi in spaces)
        for name in self.store.names():
            if re.fullmatch(rf"{re.escape(stem)}(-[0-9]+)?", name) is None:
                continue
            try:
                run = self.store.open(name)
            except RunError:  # a damaged run is not this one
                continue
            request = run.request
            known = request.origin, request.setting, request.fingerprints, request.config.centre, set(request.seeds)
            if known != ("authors", pair.setting, prints, centre, set(pair.seeds)):
                continue
            if run.state != "finished":
                self._drop_unfinished(name)
            elif all(
                np.array_equal(task.prototypes, run.seed_array(task.seed, "prototypes"))
                for task in read_tasks(pair.folder)
            ):
                return name
        return None

    def _drop_unfinished(self, name: str) -> None:
        if name in self.store.names() and self.store.open(name).state == "interrupted":
            self.store.delete(name)
