"""HUME's search for an experiment, which reuses the result of the same search where the home has one.

    search = ExperimentSearch(home, dataset, "simclr", "lite0", *preset("fast", …), num_seeds=100)
    saved = search.labelings(cache, "hume", "100 seeds, preset fast")

The same search is a finished run of the same spaces, configuration, solver and setting with at least these seeds, or
the labelings of another experiment with the preset `fast`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from hume.common.errors import HumeError
from hume.common.progress import Progress, part
from hume.data.dataset import Dataset
from hume.engine.config import Config, preset
from hume.engine.solvers import InnerSolver
from hume.experiments.cache import Cache
from hume.experiments.saved_labelings import ScoredLabelings, load_scored, pair_key, save, scored_rows
from hume.runs.discover import discover
from hume.runs.run import Run
from hume.runs.searching import of_search
from hume.runs.store import Store

T = TypeVar("T")

BASE_VALUES = ("seeds/all", "split-size/1", "temperature/0.1", "schedule/never")  # ablations: the preset as it is


def of_runs(home: Path, read: Callable[[Run], T | None]) -> Iterator[T]:
    """What is read of the runs of a home, the newest first; those of which None or an error comes are passed over."""
    store = Store(home)
    for name in store.names():
        try:
            known = read(store.open(name))
        except HumeError:  # unfinished, damaged, or its data are missing
            continue
        if known is not None:
            yield known


@dataclass(frozen=True, eq=False)
class ExperimentSearch:
    """A transductive search of seeds 0..n − 1."""

    home: Path
    dataset: Dataset
    phi1: str
    phi2: str
    config: Config
    solver: InnerSolver
    num_seeds: int

    def labelings(
        self,
        cache: Cache,
        entry: str,
        note: str,
        *,
        again: bool = False,
        device: str = "cpu",
        on_progress: Progress | None = None,
    ) -> ScoredLabelings:
        """The labelings of the entry, else of the same search, else of a new one; saved in the entry.

        note: how they were searched, to which their origin is added where they are reused. again: search in any case.
        Raises InputError for data that cannot be searched, RunError when the home cannot be written.
        """
        saved = None if again else load_scored(cache, entry, self.dataset.num_samples, self.num_seeds)
        if saved is not None:
            return saved.of_seeds(slice(self.num_seeds))
        known = None if again else next(self._known(), None)
        if known is None:
            result = discover(
                self.dataset, phi1=self.phi1, phi2=self.phi2, config=self.config, solver=self.solver,
                seeds=range(self.num_seeds), refine="none", device=device, on_step=of_search(on_progress),
            )  # fmt: skip
            saved = ScoredLabelings(result.labelings, result.scores.cv_score, result.seconds, note)
        else:
            saved = replace(known.of_seeds(slice(self.num_seeds)), note=f"{note}, {known.note}")
        save(cache, entry, saved)
        part(on_progress, 0, 1)(1.0)
        return saved

    def _known(self) -> Iterator[ScoredLabelings]:
        """Saved results of the same search with at least as many seeds; their notes name their origin."""
        yield from of_runs(self.home, self._of_run)
        for cache, entry in self._entries():
            saved = load_scored(cache, entry, self.dataset.num_samples, self.num_seeds)
            if saved is not None:
                yield replace(saved, note=f"from {cache.folder.parent.name}: {entry}")

    def _of_run(self, run: Run) -> ScoredLabelings | None:
        if not self.is_same(run, run.request.config):
            return None
        seconds = float(run.scores()["seconds"])
        return ScoredLabelings(run.labelings(), run.cv_score(), seconds, f"from run {run.name}")

    def is_same(self, run: Run, config: Config) -> bool:
        """Whether a run, asked for `config`, has the same request and scored rows; RunError for an unfinished one."""
        request, prints = run.request, tuple(self.dataset.space(name).fingerprint for name in (self.phi1, self.phi2))
        return (
            request.fingerprints == prints
            and request.origin == "search"
            and request.setting == "transductive"
            and request.solver == self.solver
            and replace(config, precision=self.config.precision) == self.config  # no hyperparameter
            and run.scores()["seeds"] == list(run.finished_seeds)
            and run.finished_seeds[: self.num_seeds] == tuple(range(self.num_seeds))
            and scored_rows(run.dataset()) == scored_rows(self.dataset)
        )

    def _entries(self) -> Iterator[tuple[Cache, str]]:
        """The entries of other experiments that may hold the same search with the preset `fast`."""
        K = self.config.num_classes
        if (self.config, self.solver) == preset("fast", num_classes=K, num_samples=self.dataset.num_samples):
            every_K, key = pair_key(self.dataset, self.phi1, self.phi2), pair_key(self.dataset, self.phi1, self.phi2, K)
            yield Cache.keyed(self.home, "comparisons", key), "hume"
            yield Cache.keyed(self.home, "class-counts", every_K), str(K)
            for value in BASE_VALUES:
                yield Cache.keyed(self.home, "ablations", key), value
