"""Import public datasets from the catalog."""

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
    """Import a public dataset of `CATALOG` by name as `root/name`, with its split.

    data_folder: where its files are, in torchvision's layout, or are downloaded to. Small images are
    stored exactly; larger ones stay where they are, with a copy of 96 × 96 pixels in the dataset.
    Raises InputError for an unknown name, files that are missing, damaged or cannot be downloaded, naming
    the files and their folder, and for a missing library, with the command that installs it.
    """
    if name not in CATALOG:
        raise InputError(f"there is no public dataset {name!r}: choose one of {', '.join(CATALOG)}")
    known = CATALOG[name]
    data_folder = Path(data_folder).expanduser().resolve()
    try:
        content = known.read(data_folder)
    except MissingError as missing:
        if not download:
            raise InputError(f"{missing}: put {known.files} into {data_folder}, or download it") from None
        with _downloading(known, data_folder):
            known.fetch(data_folder)
        content = _read_again(known, data_folder)
    if isinstance(content, Listing):
        from hume.data.importers.images import import_images

        folder, report = import_images(
            content, root, name, keep="refer", source=known.source, licence=known.licence, on_progress=on_progress
        )
        if report.notes:
            folder.change_card(lambda card: card.setdefault("notes", []).extend(report.notes))
    else:
        from hume.data.importers.images import import_arrays_of_images

        card = {"source": known.source, "licence": known.licence}
        folder = import_arrays_of_images(
            content.images, root, name, content.labels, content.classes, content.test_rows, card=card
        )
        if on_progress is not None:
            on_progress(1.0)
    folder.change_card(lambda card: card.update(name=known.title))
    return folder


def _read_again(known: Named, data_folder: Path) -> Pixels | Listing:
    try:
        return known.read(data_folder)
    except MissingError as missing:
        raise InputError(f"{missing} after the download: put {known.files} into {data_folder}") from None


@contextmanager
def _downloading(known: Named, data_folder: Path) -> Iterator[None]:
    try:
        data_folder.mkdir(parents=True, exist_ok=True)
        yield
    except HumeError:
        raise
    except Exception as error:  # of the network, the disk or the server
        reason = " ".join(str(error).split())[:150] or type(error).__name__
        raise InputError(
            f"{known.title} cannot be downloaded ({reason}): put {known.files} into {data_folder}"
        ) from None
