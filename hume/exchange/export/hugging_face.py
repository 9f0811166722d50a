"""A dataset's folder as `datasets.load_dataset` and the Hugging Face Hub read it: pictures, a list, a card."""

import json

from hume.common.progress import Progress
from hume.exchange.export.destination import Sink
from hume.exchange.export.pictures import numbered, write_pictures
from hume.exchange.export.request import NOT_THE_TRUTH, ExportRequest

# file_name is what the reader turns into the picture; what ends in _file_name it would take for another one.
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

{count} samples of {num_classes} found classes, out of {num_samples}. Classes have numbers of their own: class 0 need
not be class 0 of the data.

```python
from datasets import load_dataset
data = load_dataset("this folder", split="train")
data.features["label"].names
```

- `vote_agreement`: seeds that agree on the label, out of {num_seeds}
- `neighbor_agreement`: nearest neighbours with the same label
- `rank`: the place within the class, the most reliable first
- `row`, `source_file`: where the sample is in the dataset that it was taken from

{provenance}
"""


def write(request: ExportRequest, sink: Sink, on_progress: Progress) -> list[tuple[int, str]]:
    """Write pictures, `train/metadata.jsonl` and the card; returns the rows set aside with their reasons."""
    number = numbered(request)
    written, aside = write_pictures(request, sink, lambda i: f"train/{number(i)}", on_progress)
    with sink.stream("train/metadata.jsonl") as file:
        for each in written:
            line = {"file_name": each.name.removeprefix("train/"), **request.entry(each.i)}
            file.write(f"{json.dumps(line, ensure_ascii=False)}\n".encode())
    sink.put("README.md", card(request, len(written)))
    return aside


def card(request: ExportRequest, count: int) -> bytes:
    """The dataset card: YAML that names the classes, then what a reader should know."""
    text = _CARD.format(
        title=f"{request.dataset.name}: found labels",
        warning=NOT_THE_TRUTH,
        count=count,
        num_classes=request.num_classes,
        num_samples=request.dataset.num_samples,
        num_seeds=request.num_seeds,
        provenance="\n".join(f"- {name}: {words}" for name, words in request.provenance.items()),
    )
    return f"---\n{_front_matter(request)}---\n\n{text.rstrip()}\n".encode()


def _front_matter(request: ExportRequest) -> str:
    # Only here does a folder with a list of its own say what the numbers of its classes stand for.
    lines = ["configs:", "- config_name: default", "  data_files:", "  - split: train", "    path: train/*"]
    lines.append("  features:")
    for name, kind in _TYPES.items():
        lines.append(f"  - name: {name}")
        if kind is not None:
            lines.append(f"    dtype: {kind}")
            continue
        # What JSON puts between quotes, YAML reads the same.
        names = [
            f"          '{k}': {json.dumps(choice, ensure_ascii=False)}" for k, choice in enumerate(request.choices)
        ]
        lines += ["    dtype:", "      class_label:", "        names:", *names]
    return "\n".join([*lines, "task_categories:", "- image-classification"]) + "\n"
