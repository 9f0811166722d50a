"""One folder a class: what torchvision's ImageFolder, Keras, fastai and most training scripts read."""

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

{empty}{manifest} says of every picture which row of the dataset and which file it is, how many seeds and neighbours
agree on its class, its rank within the class, and whether it is the original file or a copy of the dataset's pixels.
"""
_EMPTY = """\
{number} have no sample and an empty folder: pass allow_empty=True, so that the classes keep their numbers.

"""


def write(request: ExportRequest, sink: Sink, on_progress: Progress) -> list[tuple[int, str]]:
    """Write pictures into a folder a class and a list of them; returns the rows set aside with their reasons."""
    folders = names.folders(request.names)
    number = numbered(request)
    written, aside = write_pictures(request, sink, lambda i: f"{folders[request.classes[i]]}/{number(i)}", on_progress)
    counts = request.counts([each.i for each in written])
    empty = [folders[k] for k in range(request.num_classes) if counts[k] == 0]
    for name in empty:
        sink.folder(name)
    sink.put(MANIFEST, manifest(request, written))
    told = _EMPTY.format(number=", ".join(empty)) if empty else ""
    sink.put("README.txt", request.note(_NOTE.format(manifest=MANIFEST, empty=told), [each.i for each in written]))
    return aside


def manifest(request: ExportRequest, written: list[Written]) -> bytes:
    """A CSV file with a line for each picture."""
    entries = [request.entry(each.i) for each in written]
    header = ["file", *entries[0], "picture"]
    rows = (
        [each.name, *entry.values(), "original" if each.original else "copy"]
        for each, entry in zip(written, entries, strict=True)
    )
    return csv_bytes(header, rows)
