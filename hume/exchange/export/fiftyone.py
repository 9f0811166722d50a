"""FiftyOne's layout for classified images, whose importer reads a confidence and attributes for each label."""

import json

from hume.common.progress import Progress
from hume.exchange.export.destination import Sink
from hume.exchange.export.pictures import numbered, write_pictures
from hume.exchange.export.request import ExportRequest

_NOTE = """\
    import fiftyone as fo
    data = fo.Dataset.from_dir(
        dataset_dir="this folder", dataset_type=fo.types.FiftyOneImageClassificationDataset, label_field="found"
    )
    fo.launch_app(data)

The confidence of a label is the share of the {num_seeds} seeds that agree on it. Its attributes are the number of the
class, the row and the file in the dataset, the agreeing seeds and neighbours, and the rank within the class:
data.sort_by("found.rank").
"""


def write(request: ExportRequest, sink: Sink, on_progress: Progress) -> list[tuple[int, str]]:
    """Write pictures and `labels.json`; returns the rows set aside with their reasons."""
    number = numbered(request)
    written, aside = write_pictures(request, sink, lambda i: f"data/{number(i)}", on_progress)
    labels = {}
    for picture in written:
        entry = request.entry(picture.i)
        label = entry.pop("label")
        del entry["class_name"]
        attributes = {"class_number": label, **entry}
        confidence = round(float(request.agreement[picture.i]), 6)
        labels[number(picture.i)] = {"label": label, "confidence": confidence, "attributes": attributes}
    content = {"classes": request.choices, "labels": labels}
    sink.put("labels.json", json.dumps(content, ensure_ascii=False, indent=1).encode())
    note = _NOTE.format(num_seeds=request.num_seeds)
    sink.put("README.txt", request.note(note, [picture.i for picture in written]))
    return aside
