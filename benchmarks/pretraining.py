"""Self-supervised features of the embedded Fashion-MNIST images and pixels: `python -m benchmarks.pretraining`.

    python -m benchmarks.pretraining --method moco --epochs 10
    python -m benchmarks.pretraining --threads 1         # for a machine that is not idle

Trains with the defaults for a CPU on the 10,000 images and prints seconds, loss and the k-nearest-neighbour score of
every epoch, then the k-means accuracy (10 restarts: mean, and that of the lowest inertia) of the features, raw,
at unit length, and centred, and of the pixels. Labels are used for the scores only: no default may be chosen by them.
"""

import argparse
import importlib
import importlib.util
import shutil
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hume.data.folder import DatasetFolder
from hume.evaluation.metrics import clustering_accuracy
from hume.experiments.baselines.kmeans import kmeans
from hume.features.encoders import ENCODERS
from hume.features.pretrain import METHODS, PretrainConfig, defaults, pretrain

DATA = Path(__file__).parents[1] / "assets" / "datasets" / "fashion-mnist"
WITHOUT = ("card.json", "spaces")  # omitted from the benchmark's copy of the dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=METHODS, default="simclr")
    parser.add_argument("--epochs", type=int, help="the default for a CPU when left out")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--encoder", choices=ENCODERS)
    parser.add_argument("--temperature", type=float)
    parser.add_argument("--threads", type=int, help="as many as torch chooses when left out")
    options = vars(parser.parse_args())
    device, threads = options.pop("device"), options.pop("threads")
    if threads:
        torch.set_num_threads(threads)
    if importlib.util.find_spec("tests.torchvision_here"):
        importlib.import_module("tests.torchvision_here")  # torchvision with the CPU build of torch
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "fashion-mnist"
        shutil.copytree(DATA, path, ignore=shutil.ignore_patterns(*WITHOUT))
        (path / "spaces").mkdir()
        folder = DatasetFolder(path)
        config = defaults(folder, device, **{name: value for name, value in options.items() if value is not None})
        run(folder, config, device)


def run(folder: DatasetFolder, config: PretrainConfig, device: str) -> None:
    """Train, then score the features and the pixels."""
    print(f"{torch.get_num_threads()} threads; {config}", flush=True)
    start, spent = perf_counter(), process_time()
    losses = []
    for record in pretrain(folder, config, device=device):
        losses.append(record.loss)
        if record.written == 0 and record.step * record.num_epochs == record.epoch * record.num_steps:
            score = "" if record.knn_score is None else f"k-NN {record.knn_score:.3f}"
            print(f"epoch {record.epoch:3d}  loss {np.mean(losses):.3f}  {score}  {record.seconds:.0f} s", flush=True)
            losses.clear()
    took = perf_counter() - start, process_time() - spent
    print(f"{took[0]:.0f} seconds in all, {took[1]:.0f} of processor time", flush=True)
    dataset = folder.load()
    features = np.asarray(next(iter(dataset.spaces.values())).features, dtype=np.float32)
    assert dataset.images is not None
    assert dataset.labels is not None
    pixels = dataset.images.reshape(len(features), -1).astype(np.float32) / 255
    centred = features - features.mean(0)
    for name, rows, normalize in [
        ("features", features, False),
        ("features at unit length", features, True),
        ("features centred, then at unit length", centred, True),
        ("pixels", pixels, False),
        ("pixels at unit length", pixels, True),
    ]:
        print(f"k-means accuracy of {name}: {accuracy(rows, dataset.labels, normalize)}", flush=True)


def accuracy(rows: NDArray[Any], labels: NDArray[np.int64], normalize: bool) -> str:
    """Over 10 restarts: mean and standard deviation, and that of the one with the lowest inertia."""
    result = kmeans(rows, int(labels.max()) + 1, restarts=10, normalize=normalize)
    scores = [clustering_accuracy(labels, labeling) for labeling in result.labelings]
    return f"{np.mean(scores):.3f} ± {np.std(scores):.3f}, lowest inertia {scores[result.inertia.argmin()]:.3f}"


if __name__ == "__main__":
    main()
