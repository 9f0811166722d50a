"""Datasets made of the public ones in the catalog."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hume.common.errors import HumeError, InputError
from hume.common.progress import Progress
from hume.data.catalog.formats import MissingError, Pixels
from hume.data.catalog.known import CATALOG, Named
from hume.data.folder import DatasetFolder
from hume.data.importers.folder_listing import Listing


def import_named(
    name: str, root: Path, *, data_folder: Path, download: bool, on_progress: Progress | None = None
) -> DatasetFolder:
    """Make a dataset `root/name` of a public one by its name in `CATALOG`; its split is kept.

    data_folder: where its files lie, as torchvision puts them, or are to be downloaded to. Small images are
    stored as they are; larger ones stay where they lie, with a copy of 96 × 96 pixels in the dataset.
    Raises InputError for an unknown name, files that are missing, damaged or cannot be downloaded, saying
    what to put where, and for a library that is missing, with the command that installs it.
    """
    if name not in CATALOG:
        raise InputError(f"there is no public dataset {name!r}: choose one of {', '.join(CATALOG)}")
    known = CATALOG[name]
    data_folder = Path(data_folder).expanduser().resolve()
    try:
        found = known.read(data_folder)
    except MissingError as missing:
        if not download:
            raise InputError(f"{missing}: put {known.files} into {data_folder}, or download it") from None
        with _downloading(known, data_folder):
            known.fetch(data_folder)
        found = _read_again(known, data_folder)
    if isinstance(found, Listing):
        from hume.data.importers.images import import_images

        folder, report = import_images(
            found, root, name, keep="refer", source=known.source, licence=known.licence, on_progress=on_progress
        )
        if report.notes:
            folder.change_card(lambda card: card.setdefault("notes", []).extend(report.notes))
    else:
        from hume.data.importers.images import import_arrays_of_images

        card = {"source": known.source, "licence": known.licence}
        folder = import_arrays_of_images(
            found.images, root, name, found.labels, found.classes, found.test_rows, card=card
        )
        if on_progress is not None:
            on_progress(1.0)
    folder.change_card(lambda card: card.update(name=known.title))
    return folder


def _read_again(known: Named, data_folder: Path) -> Pixels | Listing:
    try:
        return known.read(data_folder)
    except MissingError as missing:
        raise InputError(f"{missing} though it was downloaded: put {known.files} into {data_folder}") from None


@contextmanager
def _downloading(known: Named, data_folder: Path) -> Iterator[None]:
    try:
        data_folder.mkdir(parents=True, exist_ok=True)
        yield
    except HumeError:
        raise
    except Exception as error:  # of the network, the disk or the server: whatever torchvision lets through
        reason = " ".join(str(error).split())[:150] or type(error).__name__
        raise InputError(
            f"{known.title} cannot be downloaded ({reason}): put {known.files} into {data_folder}"
        ) from None
