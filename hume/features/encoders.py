"""Encoders from pictures to features: a small network for CPUs, ResNet-18 and ResNet-50 from torchvision.

All weights are drawn from a generator that the caller passes; torch's global one is neither
read nor changed. An encoder is saved as one .safetensors file with its architecture as metadata.
"""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar, get_args

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hume.common.errors import InputError
from hume.common.files import atomically, regular
from hume.common.json_files import parse_json

EncoderName = Literal["small", "resnet18", "resnet50"]
ENCODERS: tuple[EncoderName, ...] = get_args(EncoderName)
WIDTHS: dict[EncoderName, int] = {"small": 256, "resnet18": 512, "resnet50": 2048}
SMALL_PICTURE = 64  # up to this side ResNets start as for CIFAR: a 3x3 convolution, no pooling

Network = TypeVar("Network", bound=nn.Module)


@contextmanager
def needed(package: str, why: str) -> Iterator[None]:
    """Turn a failing import in the block into an InputError that names the package to install."""
    try:
        yield
    except (ImportError, RuntimeError) as error:  # torchvision with another torch raises RuntimeError
        raise InputError(f"{why} needs {package}, which cannot be loaded ({error}): pip install {package}") from None


# --- networks ----------------------------------------------------------------------------------


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut, halving the picture (He et al., 2016)."""

    def __init__(self, width_in: int, width_out: int):
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width_out, 3, 2, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width_out)
        self.conv2 = nn.Conv2d(width_out, width_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width_out)
        self.shortcut = nn.Conv2d(width_in, width_out, 1, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


def make_encoder(name: EncoderName, channels: int, side: int, generator: torch.Generator) -> nn.Module:
    """An untrained network from pictures (B, channels, H, W) in [0, 1] to pooled features (B, WIDTHS[name]).

    side: of the pictures, in pixels; up to 64 the ResNets keep the full resolution in their first
    layers. Raises InputError where torchvision is needed and missing.
    """
    return fresh(lambda: _small(channels) if name == "small" else _resnet(name, channels, side), generator)


def _small(channels: int) -> nn.Module:
    widths = (32, 64, 128, 256)
    stem = [nn.Conv2d(channels, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    blocks = [ResidualBlock(*pair) for pair in pairwise(widths)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _resnet(name: EncoderName, channels: int, side: int) -> nn.Module:
    with needed("torchvision", f"the encoder {name}"):
        from torchvision.models import resnet18, resnet50
    network: nn.Module = {"resnet18": resnet18, "resnet50": resnet50}[name](weights=None)
    if side <= SMALL_PICTURE:
        network.conv1 = nn.Conv2d(channels, 64, 3, 1, 1, bias=False)
        network.maxpool = nn.Identity()
    else:
        network.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
    network.fc = nn.Identity()
    return network


# --- initial weights -------------------------------------------------------------------------------


def fresh(make: Callable[[], Network], generator: torch.Generator) -> Network:
    """Build a network of convolutions, linear layers and batch norms, its weights drawn from the generator.

    It is built on the meta device, so that nothing is drawn from the global generator. Buffers
    outside batch norms are left for the caller to fill.
    """
    with torch.device("meta"):
        network = make()
    network = network.to_empty(device="cpu")
    for module in network.modules():
        _draw(module, generator)
    return network


def _draw(module: nn.Module, generator: torch.Generator) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
    elif isinstance(module, nn.Linear):
        nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=generator)
    elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
        module.reset_parameters()
    elif next(module.parameters(recurse=False), None) is not None:
        raise TypeError(f"no rule for the initial weights of {type(module).__name__}")
    if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
        nn.init.zeros_(module.bias)


# --- on disk -------------------------------------------------------------------------------------


class EncoderTags(TypedDict):
    """What is needed to rebuild an encoder."""

    encoder: EncoderName
    channels: int
    side: int
    key: str


def save_encoder(path: Path, encoder: nn.Module, name: EncoderName, channels: int, side: int, **more: Any) -> None:
    """Save an encoder's weights, and what is needed to rebuild it, in one .safetensors file."""
    path.parent.mkdir(exist_ok=True)
    weights = {key: value.cpu().contiguous() for key, value in encoder.state_dict().items()}
    metadata = {"encoder": name, "channels": channels, "side": side} | more
    with atomically(path) as part:
        save_file(weights, part, metadata={"hume": json.dumps(metadata)})


def load_encoder(path: Path, key: str) -> nn.Module:
    """An encoder that was saved with this key, ready to compute features.

    Raises InputError for a file that is missing, damaged or of another training.
    """
    try:
        with safe_open(regular(path), framework="pt") as file:
            known = parse_json((file.metadata() or {})["hume"], EncoderTags)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        if known["key"] != key:
            raise InputError(f"{path} is the network of another training: train the space again")
        encoder = make_encoder(known["encoder"], known["channels"], known["side"], torch.Generator())
        encoder.load_state_dict(state)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the network in {path} cannot be read ({error}): train the space again") from None
    return encoder.eval().requires_grad_(False)
