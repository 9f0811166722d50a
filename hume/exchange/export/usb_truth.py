"""The baseline of Table 4 for semilearn: the same training from as many random true labels, and a score for both."""

import io

import numpy as np

from hume.exchange.export.destination import Sink
from hume.exchange.export.labeled_index import CLASSES, FOUND, README, labeled_index
from hume.exchange.export.names import plain
from hume.exchange.export.request import ExportRequest

PREDICTIONS = "predictions-true.npy"

_NOTE = """
THE TRUE LABELS ARE INCLUDED, because they were requested: data/{name}/ has {num_labels} of them, drawn at random.
{other}Both arms, then the accuracy of each:

    python train.py freematch.yaml          from the found labels
    python train.py freematch-true.yaml     from the true ones, into {predictions}
    python score.py

score.py matches found classes to true ones and measures both on the {judged} samples of data/{name}/truth.npy
that are not -1: {rows}, without those that are labeled in either arm.
"""

SCORE = '''\
"""The accuracy of both arms on samples that neither was trained on with labels: python score.py"""

from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

truth = np.load(next(Path("data").glob("*-true/truth.npy")))
judged = truth >= 0
for labels_of, name, is_found in (
    ("reliable samples", "predictions.npy", True),
    ("random true labels", "predictions-true.npy", False),
):
    if not Path(name).exists():
        print(f"{labels_of}: {name} does not exist yet, see README.txt")
        continue
    labels = np.load(name)[judged]
    if is_found:  # the best one-to-one match of found classes with true ones
        table = np.zeros((labels.max() + 1, truth.max() + 1), int)
        np.add.at(table, (labels, truth[judged]), 1)
        found, true = linear_sum_assignment(table, maximize=True)
        match = np.full(len(table), -1)
        match[found] = true
        labels = match[labels]
    print(f"{labels_of}: {np.mean(labels == truth[judged]):.1%} of {judged.sum()} samples")
'''


def facts(request: ExportRequest) -> tuple[str, str, int, int, str]:
    """Name, kind and number of the labels, number of classes and file of predictions, for a configuration."""
    assert request.truth is not None
    return _name(request), "random true", len(request.truth.rows), len(request.truth.names), PREDICTIONS


def write(request: ExportRequest, sink: Sink, seed: int) -> None:
    """Write rows and labels like the found ones, the truth for the score, and the scoring script."""
    truth = request.truth
    assert truth is not None
    size, num_classes = request.dataset.num_samples, len(truth.names)
    index = labeled_index(
        truth.rows,
        truth.classes,
        num_samples=size,
        num_classes=num_classes,
        names=truth.names,
        seed=seed,
        set_aside=request.set_aside,
    )
    del index[README], index[FOUND]
    folder = f"data/{_name(request)}"
    for file, content in index.items():
        sink.put(f"{folder}/{'' if file == CLASSES else 'labeled_idx/'}{file}", content)
    targets = np.full(size, -1, np.int64)
    targets[truth.rows] = truth.classes
    for file, array in (("targets.npy", targets), ("truth.npy", truth.truth)):
        raw = io.BytesIO()
        np.save(raw, array, allow_pickle=False)
        sink.put(f"{folder}/{file}", raw.getvalue())
    sink.put("score.py", SCORE.encode())


def note(request: ExportRequest) -> str:
    """The paragraph of the README about true labels; empty without them."""
    truth = request.truth
    if truth is None:
        return ""
    has_split = request.dataset.test_rows is not None
    given, drawn = len(request.rows), len(truth.rows)
    other = f"Their number differs from that of the {given} found labels: consider this in the comparison.\n"
    return _NOTE.format(
        name=_name(request), num_labels=drawn, other="" if given == drawn else other, predictions=PREDICTIONS,
        judged=int((truth.truth >= 0).sum()),
        rows="the test rows" if has_split else "all rows, for there is no test split",
    )  # fmt: skip


def _name(request: ExportRequest) -> str:
    return f"{plain(request.dataset.name) or 'data'}-true"
