"""The datasets of one home: list, copy and delete them, and find the runs that need them."""

import shutil
from pathlib import Path

from filelock import FileLock, Timeout

from hume.common.errors import InputError, RunError
from hume.common.files import disk_errors
from hume.data.dataset import dataset_folders
from hume.data.folder import DatasetFolder, new_dataset
from hume.runs.request import read_request
from hume.runs.store import Store

UNFINISHED = ("work", "lock")  # in a dataset's folder: not copied


def own_datasets(store: Store) -> list[DatasetFolder]:
    """The datasets in this home, which can be extended and deleted; the embedded ones are not among them."""
    embedded = {folder.resolve() for folder in dataset_folders()}
    folders = [folder for folder in dataset_folders(store.dataset_roots) if folder.resolve() not in embedded]
    return [DatasetFolder(folder) for folder in folders]


def own_dataset(store: Store, name: str) -> DatasetFolder:
    """The dataset of that name in this home; raises InputError for an embedded or unknown one."""
    known = {folder.name: folder for folder in own_datasets(store)}
    if name in known:
        return known[name]
    if name in {folder.name for folder in dataset_folders()}:
        raise InputError(f"{name} is an embedded dataset and cannot be changed: copy it first, with `copy {name}`")
    raise InputError(f"there is no dataset {name!r} in this home: see `datasets`")


def copy_dataset(store: Store, name: str) -> DatasetFolder:
    """A copy of a dataset in this home, to which spaces can be added; embedded datasets cannot be changed.

    Raises InputError for a dataset that has no folder, RunError when the disk is full.
    """
    folder = store.load_dataset(name).folder
    if folder is None:
        raise InputError(f"{name} is not in a folder: only datasets in folders can be copied")
    return _copied(folder, store.dataset_roots[0])


def _copied(folder: Path, root: Path) -> DatasetFolder:
    with new_dataset(root, folder.name) as copy:
        shutil.copytree(
            folder, copy.path, dirs_exist_ok=True, ignore=lambda at, _: UNFINISHED if Path(at) == folder else ()
        )
    return copy


def runs_using(store: Store, folder: DatasetFolder, space: str | None = None) -> list[str]:
    """The runs on a dataset, or on one space of it: without it they cannot be opened."""
    names = []
    runs = [(name, store.home / "runs" / name) for name in store.names()]
    deleted = [(name, store.home / "trash" / name) for name in store.trash()]  # these can be restored
    for name, path in (*runs, *deleted):
        try:
            request = read_request(name, path)
        except RunError:  # a damaged run needs nothing
            continue
        named = request.dataset in (folder.name, str(folder.path.resolve()))
        if named and request.files is None and space in (None, request.phi1, request.phi2):
            names.append(name if path.parent.name == "runs" else f"{name} (in the trash)")
    return names


def delete_dataset(store: Store, folder: DatasetFolder) -> None:
    """Remove a dataset for good; raises RunError while runs, deleted ones included, need it or a job works on it."""
    _refuse_used(runs_using(store, folder), folder.name)
    for lock in (folder.path / "work").rglob("*lock"):
        try:
            with FileLock(lock, timeout=0):
                pass
        except Timeout:
            raise RunError(f"a job is working on {folder.name}: wait for it or cancel it") from None
    with disk_errors(folder.path):
        shutil.rmtree(folder.path)


def delete_space(store: Store, folder: DatasetFolder, space: str) -> None:
    """Remove a space for good; raises RunError while runs need it, InputError for an unknown name."""
    _refuse_used(runs_using(store, folder, space), f"the space {space} of {folder.name}")
    folder.drop_space(space)


def _refuse_used(runs: list[str], what: str) -> None:
    if runs:
        others = f" and {len(runs) - 3} more" if len(runs) > 3 else ""
        raise RunError(f"{what} is needed by {', '.join(runs[:3])}{others}: delete these runs first")
