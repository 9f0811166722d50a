"""Labeled and unlabeled data for microsoft/Semi-supervised-learning (USB, the package semilearn), with a script.

The limits of its version 0.3.2, and how the files avoid them:

- `get_dataset` has a fixed list of datasets, so `train.py` builds the three datasets of its `BasicDataset` from arrays
  and trains with its `Trainer`.
- `sample_labeled_unlabeled_data` reads lb_labels<L>_<ratio>_seed<seed>_idx.npy and its ulb_ counterpart from
  data/<dataset>/labeled_idx/ next to the package, but `split_ssl_data`, which all its image data use, disables this,
  and it then overwrites both with its own rows. `train.py` calls neither.
- Its command line reads configurations by a function that ruamel.yaml 0.18 removed; `train.py` reads them itself.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.progress import Progress
from hume.data.feature_files import write_npy_header
from hume.exchange.export import usb_truth
from hume.exchange.export.destination import Sink
from hume.exchange.export.labeled_index import CLASSES, FOUND, README, labeled_index
from hume.exchange.export.names import plain
from hume.exchange.export.pictures import has_pictures
from hume.exchange.export.request import ExportRequest

ROWS = 1024  # of the images written at once
SEED = 0
SIDES = 32, 96  # smallest and largest image side for training a wide residual network, pixels

_NOTE = """\
    pip install semilearn
    python train.py freematch.yaml        (or fixmatch.yaml; both are short and meant to be edited)

trains on {num_labels} labeled and {num_samples} unlabeled samples, the labeled ones among them, and writes the classes
of all samples to predictions.npy. Its accuracy is measured on the labeled samples themselves: it is how well the
network fits the found labels, not how accurate these are. semilearn trains on a GPU only.

data/{name}/labeled_idx/
    the labeled rows, class by class, most reliable first, and all others, under the names that semilearn reads.
    Its split_ssl_data draws its own rows and overwrites these files: keep a copy.
data/{name}/{found}
    the found class of each labeled row
data/{name}/targets.npy
    the same for all rows, -1 where there is none
data/{name}/{classes}
    number and name of each class
{images}{truth}"""
_IMAGES = """\
data/{name}/images.npy
    the pictures of all rows, {shape} uint8
"""
_NO_IMAGES = """\
The dataset has no pictures of one size: before training, save those of all rows, in their order, as
data/{name}/images.npy, uint8 of shape (N, H, W) or (N, H, W, 3).
"""

_CONFIG = """\
# {title} on {labels} labels; every option of semilearn can be added
algorithm: {algorithm}
{own}
# data
dataset: {name}
data_dir: ./data
images: ./data/{found}/images.npy
predictions: {predictions}
num_classes: {num_classes}
num_labels: {num_labels}
seed: {seed}
lb_imb_ratio: 1
ulb_imb_ratio: 1
include_lb_to_ulb: true
img_size: {side}
crop_ratio: 0.875
flip: true  # false if mirroring changes the class, as with digits and text

# network
net: wrn_28_2
net_from_name: false
use_pretrain: false
pretrain_path: ''

# training
epoch: {epochs}
num_train_iter: {iterations}
num_eval_iter: 1024
num_log_iter: 256
batch_size: {batch}
uratio: 7
eval_batch_size: 256
num_workers: 2
optim: SGD
lr: 0.03
momentum: 0.9
weight_decay: 0.0005
layer_decay: 1.0
ema_m: 0.999
ulb_loss_ratio: 1.0
use_cat: true
amp: false

# machine
gpu: 0
rank: 0
world_size: 1
distributed: false
multiprocessing_distributed: false

# results
save_dir: ./saved_models
save_name: {name}-{algorithm}
overwrite: true
"""
_OWN = {
    "freematch": ("FreeMatch", "hard_label: true\nT: 0.5\nema_p: 0.999\nent_loss_ratio: 0.001\nuse_quantile: false\n"),
    "fixmatch": ("FixMatch", "hard_label: true\nT: 0.5\np_cutoff: 0.95\n"),
}

TRAIN = '''\
"""Train on found labels with semilearn: python train.py freematch.yaml"""

import sys
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML
from semilearn import BasicDataset, Trainer, get_algorithm, get_config, get_data_loader, get_net_builder
from semilearn.datasets.augmentation import RandAugment
from torchvision import transforms


def pictures(config, mean, std, train=False, strong=False):
    size, padding = config.img_size, int(config.img_size * (1 - config.crop_ratio))
    steps = [transforms.Grayscale(3)] if np.ndim(mean) == 0 else []
    steps += [transforms.Resize((size, size))]
    if train:
        steps += [transforms.RandomCrop(size, padding=padding, padding_mode="reflect")]
        steps += [transforms.RandomHorizontalFlip()] if config.flip else []
    steps += [RandAugment(3, 5)] if strong else []
    mean, std = (np.broadcast_to(value, 3).tolist() for value in (mean, std))
    return transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(mean, std)])


def main():
    config = get_config(YAML(typ="safe").load(Path(sys.argv[1]).read_text(encoding="utf-8")))
    data = Path(config.data_dir) / config.dataset
    images = np.load(config.images, mmap_mode="r")
    targets = np.load(data / "targets.npy")
    name = f"labels{config.num_labels}_1_seed0_idx.npy"
    labeled, others = (np.load(data / "labeled_idx" / f"{kind}_{name}") for kind in ("lb", "ulb"))
    unlabeled = np.concatenate([labeled, others]) if config.include_lb_to_ulb else others

    some = images[np.linspace(0, len(images) - 1, min(len(images), 5000)).astype(int)] / 255
    mean, std = some.mean((0, 1, 2)), some.std((0, 1, 2)) + 1e-3
    weak = pictures(config, mean, std, train=True)
    strong = pictures(config, mean, std, train=True, strong=True)
    still = pictures(config, mean, std)

    def dataset(rows, transform, **options):
        return BasicDataset(
            config.algorithm, images[rows], targets[rows], config.num_classes, transform, **options
        )

    def loader(rows):  # in order, each once
        return get_data_loader(
            config, dataset(rows, still), config.eval_batch_size, data_sampler=None, drop_last=False,
            num_workers=config.num_workers,
        )

    def batches(rows, size, **options):
        return get_data_loader(config, dataset(rows, weak, **options), size, num_workers=config.num_workers)

    config.lb_dest_len, config.ulb_dest_len = len(labeled), len(unlabeled)  # some algorithms need them
    algorithm = get_algorithm(config, get_net_builder(config.net, from_name=False), tb_log=None, logger=None)
    trainer = Trainer(config, algorithm)
    trainer.fit(
        batches(labeled, config.batch_size),
        batches(unlabeled, config.batch_size * config.uratio, is_ulb=True, strong_transform=strong),
        loader(labeled),
    )
    predictions, _ = trainer.predict(loader(np.arange(len(images))))
    np.save(config.predictions, predictions)


if __name__ == "__main__":
    main()
'''


def write(request: ExportRequest, sink: Sink, on_progress: Progress) -> list[tuple[int, str]]:
    """Write rows, found labels, pictures, two configurations and the training script; no row is set aside."""
    name = data_name(request)
    folder, num_samples = f"data/{name}", request.dataset.num_samples
    index = labeled_index(
        request.rows,
        request.classes,
        num_samples=num_samples,
        num_classes=request.num_classes,
        names=request.choices,
        seed=SEED,
        set_aside=request.set_aside,
    )
    del index[README]  # it is about other libraries too
    for file, content in index.items():
        sink.put(f"{folder}/{'' if file in (FOUND, CLASSES) else 'labeled_idx/'}{file}", content)
    targets = np.full(num_samples, -1, np.int64)
    targets[request.rows] = request.classes
    _write_array(sink, f"{folder}/targets.npy", targets)
    images = _images(request)
    if images is not None:
        _write_array(sink, f"{folder}/images.npy", *images, on_progress)
    side = SIDES[0] if images is None else min(max(*images[0].shape[1:3], SIDES[0]), SIDES[1])
    for algorithm in _OWN:
        facts = (name, "found", len(request.rows), request.num_classes, "predictions.npy")
        sink.put(f"{algorithm}.yaml", _config(request, algorithm, side, *facts).encode())
        if request.truth is not None:
            sink.put(f"{algorithm}-true.yaml", _config(request, algorithm, side, *usb_truth.facts(request)).encode())
    if request.truth is not None:
        usb_truth.write(request, sink, SEED)
    sink.put("train.py", TRAIN.encode())
    image_note = _NO_IMAGES.format(name=name) if images is None else _IMAGES.format(name=name, shape=images[0].shape)
    note = _NOTE.format(
        num_labels=len(request.rows), num_samples=num_samples, name=name, found=FOUND, classes=CLASSES,
        images=image_note, truth=usb_truth.note(request),
    )  # fmt: skip
    sink.put("README.txt", request.note(note))
    on_progress(1.0)
    return []


def data_name(request: ExportRequest) -> str:
    """The name of the data, different from those of semilearn's own datasets, as "cifar10"."""
    return f"{plain(request.dataset.name) or 'data'}-found"


def _images(request: ExportRequest) -> tuple[NDArray[np.uint8], int] | None:
    """The pictures of all rows and the value shown as white; None if there are none of one size."""
    if not has_pictures(request.dataset):
        return None
    from hume.data.thumbnails import full_white, sample_images

    images = sample_images(request.dataset)
    return None if images is None else (images, full_white(images))


def _config(
    request: ExportRequest, algorithm: str, side: int, name: str, labels: str, num_labels: int, num_classes: int,
    predictions: str,
) -> str:  # fmt: skip
    title, own = _OWN[algorithm]
    epochs = 20
    return _CONFIG.format(
        title=title,
        algorithm=algorithm,
        own=own,
        labels=labels,
        name=name,
        found=data_name(request),
        predictions=predictions,
        num_classes=num_classes,
        num_labels=num_labels,
        seed=SEED,
        side=8 * math.ceil(side / 8),
        epochs=epochs,
        iterations=epochs * 1024,
        batch=min(64, num_labels),
    )


def _write_array(
    sink: Sink, name: str, array: NDArray[Any], white: int = 255, on_progress: Progress = lambda share: None
) -> None:
    """Write an array as .npy in blocks of rows, pictures brightened."""
    from hume.data.thumbnails import brightened

    with sink.stream(name) as file:
        write_npy_header(file, array.shape, array.dtype.newbyteorder("<"))
        for start in range(0, len(array), ROWS):
            on_progress(start / len(array))
            some = array[start : start + ROWS]
            file.write(np.ascontiguousarray(brightened(some, white)).tobytes())
