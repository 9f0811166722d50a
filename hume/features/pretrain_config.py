"""Settings of a self-supervised training, and defaults for a dataset and a machine."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.data.dataset import Dataset
from hume.data.folder import DatasetFolder
from hume.features.augmentations import Views
from hume.features.encoders import ENCODERS, EncoderName

MethodName = Literal["simclr", "moco", "byol"]
Precision = Literal["float32", "bfloat16", "float16"]
METHODS: tuple[MethodName, ...] = get_args(MethodName)
METHOD_TITLES: dict[MethodName, str] = {"simclr": "SimCLR", "moco": "MoCo v2", "byol": "BYOL"}
ENCODER_TITLES: dict[EncoderName, str] = {
    "small": "small residual network",
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
}

FEWEST = 8  # pictures that a training needs


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """Settings of a training; `defaults` chooses them for the pictures and the machine.

    Raises InputError, quoting the value, for an invalid setting.
    """

    method: MethodName = "simclr"
    encoder: EncoderName = "small"
    epochs: int = 40
    batch_size: int = 256
    learning_rate: float = 1.5e-3  # the largest, after the warm-up; AdamW, cosine decay
    weight_decay: float = 1e-4
    temperature: float = 0.2  # of SimCLR and MoCo
    momentum: float = 0.99  # of the slow copy of MoCo and BYOL; BYOL's rises to 1
    queue: int = 4096  # keys in MoCo's memory bank
    side: int = 64  # pixels; larger pictures are reduced to it
    min_scale: float = 0.25  # of views: see hume.features.augmentations.Views
    flip: bool = True
    colour: float = 0.4
    grey: float = 0.2
    blur: float = 0.0
    erase: float = 0.5
    precision: Precision = "float32"
    train_split_only: bool = False  # exclude the test split from training, for the inductive setting
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("encoder", ENCODERS), ("precision", get_args(Precision))):
            if getattr(self, name) not in known:
                raise InputError(f"unknown {name} {getattr(self, name)!r}: choose one of {', '.join(known)}")
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:  # a NaN is not
                raise InputError(f"{name}={value} is out of range: choose {low:g} to {high:g}")

    @property
    def title(self) -> str:
        return f"{METHOD_TITLES[self.method]} ({ENCODER_TITLES[self.encoder]})"

    @property
    def views(self) -> Views:
        return Views(self.min_scale, self.flip, self.colour, self.grey, self.blur, self.erase)


LIMITS: dict[str, tuple[float, float]] = {
    "epochs": (1, 100_000),
    "batch_size": (FEWEST, 65_536),
    "learning_rate": (1e-8, 10),
    "weight_decay": (0, 10),
    "temperature": (0.01, 10),
    "momentum": (0, 1),
    "queue": (1, 2**20),
    "side": (8, 1024),
    "min_scale": (0.01, 1),
    "colour": (0, 1),
    "grey": (0, 1),
    "blur": (0, 1),
    "erase": (0, 1),
    "seed": (0, 2**63 - 1),
}
CPU_PIXELS = 40 * 10_000 * 28**2  # pictures' pixels in a training: some minutes on two cores
GPU_PICTURES = 200 * 50_000
CPU_SIDE, GPU_SIDE = 64, 224


def defaults(folder: DatasetFolder, device: str = "cpu", **choices: Any) -> PretrainConfig:
    """Settings for a dataset's pictures on a device, overridden by the caller's choices.

    On a CPU the small network and as many epochs as take about ten minutes on two cores with
    bfloat16; on a GPU a ResNet-18. Raises InputError for a dataset without images, or a choice out of range.
    """
    on_cpu = torch.device(device).type == "cpu"
    images = folder.images
    if images is None:
        raise InputError(f"{folder.name} has no images: self-supervised training needs them, not features alone")
    side = min(max(images.shape[1:3]), CPU_SIDE if on_cpu else GPU_SIDE)
    if on_cpu:
        epochs = min(max(round(CPU_PIXELS / (len(images) * side**2)), 10), 200)
    else:
        epochs = min(max(round(GPU_PICTURES / len(images)), 20), 400)
    settings: dict[str, Any] = {
        "encoder": "small" if on_cpu else "resnet18",
        "epochs": epochs,
        "side": max(side, int(LIMITS["side"][0])),
        "blur": 0.5 if side > CPU_SIDE else 0.0,
        "precision": fast_precision(device),
    }
    return PretrainConfig(**settings | choices)


def fast_precision(device: str) -> Precision:
    """The device's fastest precision; a CPU without bfloat16 instructions is far slower in bfloat16."""
    if torch.device(device).type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    features = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return "bfloat16" if features.get("avx512_bf16") or features.get("amx_bf16") else "float32"


def images_of(dataset: Dataset) -> NDArray[np.uint8]:
    if dataset.images is None:
        raise InputError(f"{dataset.name} has no images: self-supervised training needs them, not features alone")
    return dataset.images
