"""Label Studio tasks with the found classes as predictions, for annotators to confirm or correct.

The pictures are in the tasks as data URIs, scaled to 512 pixels: Label Studio shows local files only if its server
was started with two environment variables set and a storage was added by hand.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

from hume.common.errors import InputError
from hume.common.progress import Progress
from hume.exchange.export.destination import Sink
from hume.exchange.export.pictures import PictureFiles, steps
from hume.exchange.export.request import ExportRequest

SIDE = 512  # pixels
FILE_BYTES = 50_000_000  # of a file of tasks; Label Studio takes up to 250 MB in one upload
CONFIG = "labeling_config.xml"

_NOTE = """\
1. Create a project in Label Studio; under Settings, Labeling Interface, Code, paste {config}.
2. Import {tasks}.

The pictures are in the tasks, their longer side at most {side} pixels, so that nothing has to be configured.
The found class of each is a prediction of the model version "{version}" whose score is the share of the {num_seeds}
seeds that agree; sort by it in the Data Manager. "row" and "source_file" identify the sample, also in Label Studio's
export.
"""


def write(request: ExportRequest, sink: Sink, on_progress: Progress) -> list[tuple[int, str]]:
    """Write files of tasks and the labeling interface; returns the rows set aside with their reasons."""
    aside: list[tuple[int, str]] = []
    used: list[int] = []
    number, tasks = 0, _tasks(request, on_progress, used, aside)
    task = next(tasks, None)
    while task is not None:
        number += 1
        with sink.stream(f"tasks-{number:03}.json") as file:
            size = file.write(b"[\n" + task)
            while (task := next(tasks, None)) is not None and size + len(task) < FILE_BYTES:
                size += file.write(b",\n" + task)
            file.write(b"\n]\n")
    if not used:
        raise InputError(f"none of the {len(request.rows)} samples has a picture that can be read: {aside[0][1]}")
    sink.put(CONFIG, config(request.choices).encode())
    files = "tasks-001.json" if number == 1 else f"tasks-001.json to tasks-{number:03}.json, one after the other"
    note = _NOTE.format(config=CONFIG, tasks=files, side=SIDE, version=request.run, num_seeds=request.num_seeds)
    sink.put("README.txt", request.note(note, used))
    return aside


def config(choices: list[str]) -> str:
    """The labeling interface: a picture and one choice among the classes."""
    lines = "\n".join(f"    <Choice value={quoteattr(choice)}/>" for choice in choices)
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <Choices name="class" toName="image" choice="single">\n{lines}\n  </Choices>\n</View>\n'
    )


def _tasks(
    request: ExportRequest, on_progress: Progress, used: list[int], aside: list[tuple[int, str]]
) -> Iterator[bytes]:
    """The tasks as JSON, one after the other; appends to `used` and `aside`."""
    from hume.data.thumbnails import MEDIA_TYPE, thumbnail

    pictures = PictureFiles(request.dataset)
    for i, row in steps(request.rows.tolist(), on_progress):
        pixels, reason = pictures.pixels(row, at_least=SIDE)
        if pixels is None:
            aside.append((row, reason))
            continue
        used.append(i)
        picture = base64.b64encode(thumbnail(pixels, SIDE)).decode()
        yield json.dumps(_task(request, i, f"data:{MEDIA_TYPE};base64,{picture}"), ensure_ascii=False).encode()


def _task(request: ExportRequest, i: int, image: str) -> dict[str, Any]:
    entry = request.entry(i)
    choice = {
        "from_name": "class",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [entry.pop("class_name")]},
    }
    prediction = {
        "model_version": request.run,
        "score": round(float(request.agreement[i]), 6),
        "result": [choice],
    }
    return {"data": {"image": image, **entry}, "predictions": [prediction]}
