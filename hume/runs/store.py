"""The runs of a home folder, one self-contained folder a run; a killed run loses none of its finished seeds.

    <home>/runs/<name>/             a run, see `hume.runs.record` for its files
    <home>/trash/<name>             deleted runs, until they are restored or the trash is emptied
    <home>/home.json                the format of the home, see `hume.runs.home`

Every file and every new run is
written under another name and then renamed, so that it is complete or absent for every
reader. A run whose lock is free and whose scores are missing was interrupted; `resume` does
what is missing. The registry `hume.db` of older versions is not read.
"""

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Literal, TypedDict

from hume.common.errors import InputError, RunError
from hume.common.files import disk_errors, regular, unfinished, write_atomically
from hume.common.json_files import read_json
from hume.data import dataset as datasets
from hume.data import splits
from hume.data.dataset import Dataset, dataset_folders
from hume.data.splits import Setting
from hume.engine.config import Config, check_seeds, check_sizes, uses_bfloat16
from hume.engine.solvers import InnerSolver
from hume.runs.home import check_format, default_home, mark_format
from hume.runs.record import held
from hume.runs.request import Files, Refine, Request, read_request, write_request
from hume.runs.run import Run

FORMER = "former-names.txt"  # of a renamed run, one a line
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Store:
    """The runs of one home folder."""

    def __init__(self, home: Path | str | None = None):
        self.home = Path(home) if home is not None else default_home()
        check_format(self.home)

    @property
    def dataset_roots(self) -> list[Path]:
        """The folder of the user's own datasets."""
        return [self.home / "datasets"]

    def load_dataset(self, name_or_folder: str | Path) -> Dataset:
        """An embedded dataset, one of this home or any folder, see `hume.data.dataset.load_dataset`."""
        return datasets.load_dataset(name_or_folder, self.dataset_roots)

    def create(
        self,
        dataset: Dataset,
        *,
        phi1: str,
        phi2: str,
        config: Config,
        solver: InnerSolver,
        setting: Setting = "transductive",
        seeds: Sequence[int] = range(100),
        device: str = "cpu",
        cluster: str | None = None,
        seed_batch: int | None = None,
        refine: Refine = "none",
        sizes: Literal["as configured", "auto"] = "as configured",
        name: str | None = None,
        origin: Literal["search", "authors"] = "search",
    ) -> "Run":
        """Create a new run; with `cluster`, its address, it is searched there.

        Raises InputError for data that cannot be searched and for a name that is taken or
        cannot be a folder, before anything is written; RunError when the home cannot be
        written.
        """
        from hume.data import space_rows

        created = datetime.now(UTC)
        name = name or self._free_name(f"{dataset.name}-{phi1}-{phi2}", created)
        _check_name(name)
        first, second = dataset.space(phi1), dataset.space(phi2)
        rows = splits.searched_rows(dataset, setting)
        check_seeds(seeds, seed_batch)
        if cluster is not None and seed_batch is not None:
            raise InputError("a cluster chooses its batches itself: leave out either --seed-batch or --cluster")
        # A run resumed on another machine computes with the precision it started with.
        coarse = uses_bfloat16(config.precision, device)
        config = replace(config, precision="bfloat16" if coarse else "float32")
        if origin == "search":
            check_sizes((int(rows.sum()), first.features.shape[1]), (int(rows.sum()), second.features.shape[1]), config)
        space_rows.check_pair(first, second, centre=config.centre, mean_rows=rows)
        files: Files | None = None
        if dataset.folder is None:
            if first.path is None or second.path is None:
                raise InputError(f"{dataset.name} has no files to load it from again: save its spaces as .npy first")
            files = {"phi1": str(first.path), "phi2": str(second.path), "labels": _text(dataset.labels_path)}
        request = Request(
            dataset=dataset.name if dataset.folder is None or self._is_named(dataset) else str(dataset.folder),
            files=files,
            phi1=phi1,
            phi2=phi2,
            fingerprints=(first.fingerprint, second.fingerprint),
            config=config,
            solver=solver,
            setting=setting,
            seeds=tuple(seeds),
            device=device,
            created=created.isoformat(timespec="seconds"),
            origin=origin,
            cluster=cluster,
            seed_batch=seed_batch,
            refine=refine,
            sizes=sizes,
        )
        folder = self.home / "runs" / name
        with disk_errors(folder), unfinished(folder) as temporary:
            (temporary / "seeds").mkdir(parents=True)
            write_request(temporary, request)
            os.utime(temporary / "run.json", (created.timestamp(),) * 2)
            if not (folder / "run.json").exists():
                with suppress(OSError):
                    (folder / "seeds").rmdir()  # left by an older version that was killed while it created a run
            _claim(temporary, folder)
            mark_format(self.home)
        return Run(name, folder, request, self.home)

    def open(self, name: str) -> "Run":
        """The run of that name, or of that former name; raises RunError when there is none or it is damaged."""
        if not (self.home / "runs" / name).is_dir():
            name = self.renamed(name) or name
        folder = self._folder(name)
        return Run(name, folder, read_request(name, folder), self.home)

    def rename(self, name: str, new: str) -> "Run":
        """Rename a run and its folder; its former name still opens it, until another run takes that.

        Raises InputError for a name that is taken or cannot be a folder, RunError while a process works on the run.
        """
        _check_name(new)
        run, target = self.open(name), self.home / "runs" / new
        if new == name:
            return run
        former = dict.fromkeys([*_lines(run.folder / FORMER), run.name])
        with disk_errors(target), run.held():
            _claim(run.folder, target, over_empty=False)
            write_atomically(target / FORMER, "".join(f"{each}\n" for each in former).encode())
        return self.open(new)

    def renamed(self, name: str) -> str | None:
        """What a run of a former name is called now; None where no run had it."""
        lists = (self.home / "runs").glob(f"*/{FORMER}")
        return next((path.parent.name for path in lists if name in _lines(path)), None)

    def delete(self, name: str) -> str:
        """Move a run, also a damaged one, to the trash, from where `restore` moves it back.

        Returns its name in the trash, another one where a run of that name is there already.
        Raises RunError when there is no such run or a process works on it.
        """
        folder, trash = self._folder(name), set(self.trash())
        target = self.home / "trash" / name
        if name in trash:
            stem = name[:90]
            target = target.with_name(next(f"{stem}-{i}" for i in count(2) if f"{stem}-{i}" not in trash))
        with disk_errors(target), held(folder, name):
            target.parent.mkdir(exist_ok=True)
            folder.rename(target)
            os.utime(target)
        return target.name

    def restore(self, name: str) -> "Run":
        """Restore a deleted run; raises RunError when it is not in the trash, InputError when its name is taken."""
        source, folder = self.home / "trash" / name, self.home / "runs" / name
        if name not in self.trash():
            raise RunError(f"there is no run {name!r} in the trash of {self.home}: it was emptied")
        read_request(name, source)
        with disk_errors(folder):
            folder.parent.mkdir(exist_ok=True)
            _claim(source, folder)
        return self.open(name)

    def trash(self) -> list[str]:
        """The names of the deleted runs, the last deleted first."""
        folders = [folder for folder in (self.home / "trash").glob("*") if NAME.fullmatch(folder.name)]
        return [folder.name for folder in sorted(folders, key=lambda folder: -folder.stat().st_mtime)]

    def empty_trash(self, older_than: timedelta = timedelta(0)) -> list[str]:
        """Remove for good the runs that were deleted longer ago than that; returns their names."""
        limit = (datetime.now(UTC) - older_than).timestamp()
        gone = [name for name in self.trash() if (self.home / "trash" / name).stat().st_mtime <= limit]
        for name in gone:
            with disk_errors(self.home / "trash" / name):
                shutil.rmtree(self.home / "trash" / name)
        return gone

    def runs(self) -> list["Run"]:
        """All runs, the newest first; raises RunError when one is damaged."""
        return [self.open(name) for name in self.names()]

    def names(self) -> list[str]:
        """The names of all runs, the newest first, damaged ones too."""
        created = []
        with disk_errors(self.home), suppress(FileNotFoundError), os.scandir(self.home / "runs") as folders:
            for folder in folders:
                path = os.path.join(folder.path, "run.json")  # noqa: PTH118 - thousands of them, in no time
                with suppress(OSError):
                    written = os.stat(path).st_mtime_ns  # noqa: PTH116
                    if NAME.fullmatch(folder.name):
                        created.append((_created(path, written), written, folder.name))
        return [name for *_, name in sorted(created, reverse=True)]

    def _folder(self, name: str) -> Path:
        folder = self.home / "runs" / name
        if not (NAME.fullmatch(name) and folder.is_dir()):
            raise RunError(f"there is no run {name!r} in {self.home}: it may have been renamed or deleted, see `list`")
        return folder

    def _free_name(self, stem: str, created: datetime) -> str:
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:70] or "run"
        stamp = f"{stem}-{created:%Y%m%d-%H%M%S}"
        names = (f"{stamp}-{i}" if i else stamp for i in count())
        return next(name for name in names if not (self.home / "runs" / name).exists())

    def _is_named(self, dataset: Dataset) -> bool:
        return dataset.folder in [folder.resolve() for folder in dataset_folders(self.dataset_roots)]


class _Created(TypedDict):
    created: str


@lru_cache(maxsize=100_000)
def _created(path: str, written: int) -> str:
    """When a run was created, UTC, by its run.json; for a damaged one when that was `written`, in nanoseconds."""
    with suppress(FileNotFoundError, ValueError):
        return read_json(Path(path), _Created)["created"]
    return datetime.fromtimestamp(written / 1e9, UTC).isoformat(timespec="seconds")


def _claim(folder: Path, target: Path, *, over_empty: bool = True) -> None:
    """Move a run's folder to a free name; of two processes that claim the same name, one succeeds."""
    try:
        if not over_empty and target.exists():
            raise FileExistsError
        folder.rename(target)  # which fails where there is anything in the target
    except OSError:
        if (target / "run.json").exists():
            raise InputError(f"a run {target.name!r} exists already: choose another name or resume it") from None
        if target.exists():
            raise InputError(f"{target} exists already: choose another name") from None
        raise


def _lines(path: Path) -> list[str]:
    with suppress(OSError, ValueError):
        return regular(path).read_text(encoding="utf-8").splitlines()
    return []


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise InputError(
            f"a run cannot be named {name!r}: use at most 100 letters, digits, dots, dashes and underscores"
        )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())
