"""Export reliable samples for other programs.

Every format is a module with `write(request, sink, on_progress)`; this one lists them and checks their requirements.
"""

import importlib.util
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hume.common.csv_files import csv_bytes
from hume.common.errors import InputError, RunError
from hume.common.files import unfinished
from hume.common.progress import Progress
from hume.data.dataset import Dataset
from hume.exchange.export import anndata, fiftyone, hugging_face, image_folder, label_studio, usb
from hume.exchange.export.destination import FolderSink, Sink, ZipSink
from hume.exchange.export.names import plain
from hume.exchange.export.pictures import has_pictures
from hume.exchange.export.request import ExportRequest, Report, export_request

__all__ = [
    "FORMATS",
    "ExportRequest",
    "Format",
    "Report",
    "as_file",
    "available",
    "export_request",
    "file_name",
    "write",
]

IN_MEMORY = 2**26  # bytes of an archive that `as_file` returns as such
SET_ASIDE = "set-aside.csv"


@dataclass(frozen=True)
class Format:
    """One format of an export."""

    key: str
    title: str
    purpose: str  # one sentence
    writer: Callable[[ExportRequest, Sink, Progress], list[tuple[int, str]]]
    ending: str = ".zip"  # of the one file to download
    needs_pictures: bool = True
    packages: dict[str, str] = field(default_factory=lambda: {"PIL": "pillow"})  # to import -> to install


FORMATS: dict[str, Format] = {
    form.key: form
    for form in (
        Format(
            "image-folder", "Image folder",
            "One folder of pictures a class, for torchvision, Keras and fastai.",
            image_folder.write,
        ),
        Format(
            "usb", "USB: FreeMatch, FixMatch",
            "Training on reliable samples and all others, unlabeled, with Microsoft's Semi-supervised-learning.",
            usb.write, needs_pictures=False,
        ),
        Format(
            "hugging-face", "Hugging Face dataset",
            "A dataset folder for datasets.load_dataset or the Hub, with class names and a card.",
            hugging_face.write,
        ),
        Format(
            "fiftyone", "FiftyOne",
            "Pictures with found classes and their agreement, to inspect and filter in FiftyOne.",
            fiftyone.write,
        ),
        Format(
            "label-studio", "Label Studio",
            "Tasks with the found classes as predictions, for annotators to confirm or correct.",
            label_studio.write,
        ),
        Format(
            "anndata", "AnnData",
            "Found classes of all samples as columns of obs in one .h5ad file.",
            anndata.write, ".h5ad", needs_pictures=False, packages={"anndata": "anndata"},
        ),
    )
}  # fmt: skip


def available(form: Format, dataset: Dataset) -> str | None:
    """Why a format cannot be written for a dataset, as a clause; None if it can."""
    if form.needs_pictures and not has_pictures(dataset):
        return f"{dataset.name} has no pictures"
    missing = [package for module, package in form.packages.items() if importlib.util.find_spec(module) is None]
    return f"needs another package: pip install {' '.join(missing)}" if missing else None


def file_name(request: ExportRequest, form: Format) -> str:
    """The name of the file that `as_file` writes."""
    return f"{_top(request, form)}{form.ending}"


def write(request: ExportRequest, form: Format, target: Path, on_progress: Progress | None = None) -> Report:
    """Write an export as a new folder, atomically.

    on_progress: called with the fraction done; its exceptions cancel the export. Raises InputError if the format
    cannot be written, the folder exists or no sample has a picture, RunError for an error of the disk.
    """
    _check(request, form)
    if target.exists():
        raise InputError(f"{target} exists already: choose another folder")
    with _disk_errors(target), unfinished(target) as temporary:
        report = _fill(request, form, FolderSink(temporary), on_progress)
        temporary.rename(target)
    return report


def as_file(request: ExportRequest, form: Format, on_progress: Progress | None = None) -> bytes | Path:
    """Write an export as one file to download, byte for byte reproducible: a zip archive, or as `form.ending` says.

    Up to 64 MB are returned as bytes; a larger file stays in its own temporary folder, and its path is returned: the
    caller removes the folder. The archive lists the rows set aside. Arguments and errors are those of `write`.
    """
    _check(request, form)
    folder = Path(tempfile.mkdtemp(prefix="hume-"))
    path = folder / file_name(request, form)
    try:
        with _disk_errors(folder):
            if form.ending == ".zip":
                with zipfile.ZipFile(path, "w") as archive:
                    _fill(request, form, ZipSink(archive, _top(request, form)), on_progress)
            else:
                _fill(request, form, FolderSink(folder / "made"), on_progress)
                next((folder / "made").glob(f"*{form.ending}")).rename(path)
            if path.stat().st_size > IN_MEMORY:
                return path
            content = path.read_bytes()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return content


def _check(request: ExportRequest, form: Format) -> None:
    reason = available(form, request.dataset)
    if reason is not None:
        raise InputError(f"{form.title} cannot be written: {reason}")


def _fill(request: ExportRequest, form: Format, sink: Sink, on_progress: Progress | None) -> Report:
    aside = form.writer(request, sink, on_progress or (lambda share: None))
    if aside:
        rows = [(row, request.file(row), reason) for row, reason in aside]
        sink.put(SET_ASIDE, csv_bytes(("row", "source_file", "reason"), rows))
    return Report(sink.files, len(request.rows), tuple(aside))


def _top(request: ExportRequest, form: Format) -> str:
    return f"{plain(request.run) or 'run'}-{form.key}"


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot write {path} ({error.strerror or error}): make room or choose another folder") from None
