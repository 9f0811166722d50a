"""Load a pretrained network as a feature extractor."""

import importlib.util
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from hume.common.errors import InputError
from hume.features.backbones import from_open_clip, from_timm, from_torchvision, from_transformers
from hume.features.backbones.fetching import Origin, cached
from hume.features.backbones.known import KNOWN
from hume.features.backbones.parts import Loaded, Preprocess, Request, Words, need, unknown
from hume.features.backbones.weights import short_message, weights_digest

if TYPE_CHECKING:
    from PIL.Image import Image

Source = tuple[Callable[[Request, Path | None], Loaded], Callable[[Request], Origin]]

SOURCES: dict[str, Source] = {
    "timm": (from_timm.load, from_timm.origin),
    "open_clip": (from_open_clip.load, from_open_clip.origin),
    "torchvision": (from_torchvision.load, from_torchvision.origin),
    "transformers": (from_transformers.load, from_transformers.origin),
}
SMALLEST = 16  # pixels, the smallest side that can be chosen


@dataclass(frozen=True, eq=False, kw_only=True)
class Backbone:
    """A pretrained network phi from pictures to pooled features (B, d), with its own preprocessing (Appendix A)."""

    name: str
    title: str
    licence: str
    made: str  # description of its features
    dim: int  # d
    network: nn.Module  # float images (B, 3, H, W) -> (B, d)
    preprocess: Preprocess  # a picture -> (3, H, W) float32
    preprocessing: str  # identifies `preprocess`
    identity: str  # identifies the architecture
    weights_digest: str
    side: int  # H and W
    own_size: bool  # the side is the model's own
    weights: Path | None  # the caller's file, if given
    device: torch.device
    captions: bool = False  # whether it has a text tower, too
    words: Words | None = None  # that tower, in the same space; None unless it was asked for

    @property
    def precision(self) -> str:
        """The type that the network computes in; on a GPU half precision where autocast allows it."""
        return "float16" if self.device.type == "cuda" else "float32"

    @property
    def space_name(self) -> str:
        """The default name of its space."""
        short = Path(self.name).name if self.name.startswith("transformers:") else self.name.split(":", 1)[-1]
        return short if self.own_size else f"{short}-{self.side}"

    @torch.inference_mode()
    def features(self, images: Tensor, *, exact: bool = False) -> Tensor:
        """Features (B, d) float32 on the CPU of prepared images (B, 3, H, W); `exact` disables half precision."""
        moved = images.to(self.device, memory_format=torch.channels_last)
        half = self.precision != "float32" and not exact
        with torch.autocast("cuda", dtype=torch.float16) if half else nullcontext():
            features: Tensor = self.network(moved)
        return features.float().cpu().contiguous()


def load_backbone(
    name: str,
    *,
    weights: Path | None = None,
    device: torch.device | str = "cpu",
    size: int | None = None,
    words: bool = False,
) -> Backbone:
    """Load a pretrained network by its common name (see `KNOWN`) or its library's.

    name: `timm:<model>`, `open_clip:<arch>[/<tag>]`, `torchvision:<model>`, `transformers:<id or folder>` or one of
    `KNOWN`. weights: a local file for machines without internet: .safetensors, .pth or .pt with only tensors,
    Google's .npz for BiT; for transformers a folder. size: side of the pictures in pixels, by default the model's own;
    for much smaller images a smaller one is faster and loses little. words: with its text tower.

    Raises InputError for an unknown name, a missing library, unavailable or unsuitable weights, a size that the network
    does not accept, and where words are asked of a network that has none.
    """
    request, source = _resolve(name, size, words)
    if size is not None and size < SMALLEST:
        raise InputError(f"pictures of {size} pixels are too small for a network: choose at least {SMALLEST}")
    loaded = SOURCES[source][0](request, weights)
    if words and loaded.words is None:
        raise InputError(f"{name} has no text tower: words can be compared with pictures in the space of a CLIP model")
    network: Any = loaded.network.eval().requires_grad_(False)
    side = _side(loaded, name)
    if loaded.patch and side % loaded.patch:
        nearest = max(loaded.patch, round(side / loaded.patch) * loaded.patch)
        raise InputError(f"{name} has patches of {loaded.patch} pixels: choose a multiple, as {nearest}")
    digest = weights_digest(network)
    network = network.to(memory_format=torch.channels_last)  # as fast or faster on every network timed
    known = KNOWN.get(name)
    return Backbone(
        name=name,
        title=known.title if known else f"{request.model} ({source})",
        licence=known.licence if known else loaded.licence,
        made=_made(name, loaded, side),
        dim=_dim(network, side, name),
        network=network.to(device),
        preprocess=_in_colour(loaded.preprocess),
        preprocessing=loaded.preprocessing,
        identity=loaded.identity,
        weights_digest=digest,
        side=side,
        own_size=size is None,
        weights=None if weights is None else weights.resolve(),
        device=torch.device(device),
        captions=loaded.captions,
        words=loaded.words,
    )


def available(name: str) -> bool:
    """Whether a network can be loaded without a download: its library and weights are on this machine.

    For names in `KNOWN` this loads no library but the hub's client. Raises InputError for an unknown name.
    """
    request, source = _resolve(name)
    if importlib.util.find_spec(source) is None:
        return False
    if source == "timm" and from_timm.shipped(request.model):
        return True
    if source == "transformers" and Path(request.model).is_dir():
        return True
    known = KNOWN.get(name)
    origin = known.origin if known else SOURCES[source][1](request)
    if origin.repo and importlib.util.find_spec("huggingface_hub") is None:
        return False
    return cached(origin) is not None


def _resolve(name: str, size: int | None = None, words: bool = False) -> tuple[Request, str]:
    known = KNOWN.get(name)
    source, _, model = (known.model if known else name).partition(":")
    if source not in SOURCES or not model:
        choice = f"choose one of {', '.join(KNOWN)}, or a library's model as {':…, '.join(SOURCES)}:…"
        raise unknown("unknown network", name, KNOWN, choice)
    crop = known.crop if known else None
    side = size or (known.side if known else None)
    return Request(name=name, model=model, size=side, crop=crop, words=words), source


def _in_colour(preprocess: Preprocess) -> Preprocess:
    def prepare(picture: "Image") -> Tensor:
        return preprocess(picture.convert("RGB")).float()

    return prepare


def _side(loaded: Loaded, name: str) -> int:
    """The side of prepared pictures, which must be the same for all originals."""
    blank = need("PIL.Image", "an image").new
    shapes = {tuple(loaded.preprocess(blank("RGB", size)).shape) for size in ((64, 48), (48, 64))}
    if len(shapes) > 1 or next(iter(shapes))[1] != next(iter(shapes))[2]:
        raise InputError(f"{name} prepares pictures of different shapes, {shapes}: choose a model with square pictures")
    return int(next(iter(shapes))[1])


@torch.inference_mode()
def _dim(network: nn.Module, side: int, name: str) -> int:
    try:
        features = network(torch.zeros(1, 3, side, side))
    except (RuntimeError, ValueError, AssertionError, IndexError) as error:
        raise InputError(
            f"{name} does not accept pictures of {side} pixels ({short_message(error)}): choose another side"
        ) from None
    if not isinstance(features, Tensor) or features.ndim != 2:
        raise InputError(f"{name} does not return one feature vector per picture: choose a model for classification")
    return int(features.shape[1])


def _made(name: str, loaded: Loaded, side: int) -> str:
    known = KNOWN.get(name)
    network = f"{known.title}, {known.trained}" if known else f"The pretrained network {name}"
    return f"{network}: {loaded.pooling}, from pictures of {side} × {side} pixels."
