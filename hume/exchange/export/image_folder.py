"""One folder a class: the format of torchvision's ImageFolder, Keras, fastai and most training scripts."""

from hume.common.csv_files import csv_bytes
from hume.common.progress import Progress
from hume.exchange.export import names
from hume.exchange.export.destination import Sink
from hume.exchange.export.pictures import Written, numbered, write_pictures
from hume.exchange.export.request import ExportRequest

MANIFEST = "manifest.csv"

_NOTE = """\
One folder a class; the number in front of its name is the number of the class.

    from torchvision.datasets import ImageFolder
    data = ImageFolder("this folder")

{empty}{manifest} lists for every picture its row and file in the dataset, the number of seeds and neighbours that
agree on its class, its rank within the class, and whether it is the original file or a copy of the dataset's pixels.
"""
_EMPTY = """\
{number} have no sample and an empty folder: pass allow_empty=True, so that the classes keep their numbers.

"""


def write(request: ExportRequest, sink: Sink, on_progress: Progress) -> list[tuple[int, str]]:
    """Write a folder of pictures for each class and a manifest; returns the rows set aside with their reasons."""
    folders = names.folders(request.names)
    number = numbered(request)
    written, aside = write_pictures(request, sink, lambda i: f"{folders[request.classes[i]]}/{number(i)}", on_progress)
    counts = request.counts([picture.i for picture in written])
    empty = [folders[k] for k in range(request.num_classes) if counts[k] == 0]
    for name in empty:
        sink.folder(name)
    sink.put(MANIFEST, manifest(request, written))
    empty_note = _EMPTY.format(number=", ".join(empty)) if empty else ""
    note = _NOTE.format(manifest=MANIFEST, empty=empty_note)
    sink.put("README.txt", request.note(note, [picture.i for picture in written]))
    return aside


def manifest(request: ExportRequest, written: list[Written]) -> bytes:
    """A CSV file with a line for each picture."""
    entries = [request.entry(picture.i) for picture in written]
    header = ["file", *entries[0], "picture"]
    rows = (
        [picture.name, *entry.values(), "original" if picture.original else "copy"]
        for picture, entry in zip(written, entries, strict=True)
    )
    return csv_bytes(header, rows)
