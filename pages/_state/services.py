"""Services that all tabs of a server share: the store, the job queues, the maps."""

import functools
from dataclasses import dataclass
from pathlib import Path

from hume import Store
from hume.jobs.datasets import DatasetJobs
from hume.jobs.paces import Paces, SpacePaces
from hume.jobs.runs import RunJobs
from hume.reporting.maps import Maps
from hume.runs.home import default_home


@dataclass(frozen=True)
class Services:
    """The services of one home folder, shared by all tabs."""

    store: Store
    jobs: RunJobs
    maps: Maps
    work: DatasetJobs
    paces: Paces
    space_paces: SpacePaces


@functools.cache
def _paces() -> Paces:
    """The speeds of this machine, whatever the home folder."""
    return Paces()


@functools.cache
def _services(home: Path) -> Services:
    store = Store(home)
    jobs = RunJobs(store)
    return Services(store, jobs, Maps(home), DatasetJobs(jobs), _paces(), SpacePaces(lambda: bool(jobs.statuses())))


_homes: set[Path] = set()


def services() -> Services:
    """The services of the configured home folder."""
    home = default_home()
    _homes.add(home)
    return _services(home)


def close() -> None:
    """End every thread and process; finished seeds are on disk."""
    for home in _homes:
        _services(home).jobs.close()
        _services(home).maps.close()
        _services(home).space_paces.close()
    _paces().close()
