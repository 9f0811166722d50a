"""A dataset folder for `datasets.load_dataset` and the Hugging Face Hub: pictures, a list, a card."""

import json

from hume.common.progress import Progress
from hume.exchange.export.destination import Sink
from hume.exchange.export.pictures import numbered, write_pictures
from hume.exchange.export.request import NOT_THE_TRUTH, ExportRequest

# `datasets` loads file_name as the picture, and any column that ends in _file_name as another one.
_TYPES = {
    "image": "image",
    "row": "int64",
    "source_file": "string",
    "label": None,
    "class_name": "string",
    "vote_agreement": "int64",
    "neighbor_agreement": "int64",
    "rank": "int64",
}

_CARD = """\
# {title}

**{warning}**

{count} samples of {num_classes} found classes, out of {num_samples}. Classes have their own numbers: class 0 need
not be class 0 of the data.

```python
from datasets import load_dataset
data = load_dataset("this folder", split="train")
data.features["label"].names
```

- `vote_agreement`: seeds that agree on the label, out of {num_seeds}
- `neighbor_agreement`: nearest neighbours with the same label
- `rank`: rank within the class, the most reliable first
- `row`, `source_file`: row and file of the sample in the original dataset

{provenance}
"""


def write(request: ExportRequest, sink: Sink, on_progress: Progress) -> list[tuple[int, str]]:
    """Write pictures, `train/metadata.jsonl` and the card; returns the rows set aside with their reasons."""
    number = numbered(request)
    written, aside = write_pictures(request, sink, lambda i: f"train/{number(i)}", on_progress)
    with sink.stream("train/metadata.jsonl") as file:
        for picture in written:
            line = {"file_name": picture.name.removeprefix("train/"), **request.entry(picture.i)}
            file.write(f"{json.dumps(line, ensure_ascii=False)}\n".encode())
    sink.put("README.md", card(request, len(written)))
    return aside


def card(request: ExportRequest, count: int) -> bytes:
    """The dataset card: YAML with the class names, then a description."""
    text = _CARD.format(
        title=f"{request.dataset.name}: found labels",
        warning=NOT_THE_TRUTH,
        count=count,
        num_classes=request.num_classes,
        num_samples=request.dataset.num_samples,
        num_seeds=request.num_seeds,
        provenance="\n".join(f"- {name}: {text}" for name, text in request.provenance.items()),
    )
    return f"---\n{_front_matter(request)}---\n\n{text.rstrip()}\n".encode()


def _front_matter(request: ExportRequest) -> str:
    # The only file of a folder with a list that can map the numbers of its classes to names.
    lines = ["configs:", "- config_name: default", "  data_files:", "  - split: train", "    path: train/*"]
    lines.append("  features:")
    for name, kind in _TYPES.items():
        lines.append(f"  - name: {name}")
        if kind is not None:
            lines.append(f"    dtype: {kind}")
            continue
        # YAML reads strings quoted by JSON.
        names = [
            f"          '{k}': {json.dumps(choice, ensure_ascii=False)}" for k, choice in enumerate(request.choices)
        ]
        lines += ["    dtype:", "      class_label:", "        names:", *names]
    return "\n".join([*lines, "task_categories:", "- image-classification"]) + "\n"
