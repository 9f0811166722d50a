"""What every source of networks needs and gives."""

import difflib
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from torch import Tensor, nn

from hume.common.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

Preprocess = Callable[["Image"], Tensor]  # a picture in RGB -> (3, H, W)


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network with its weights as its library gives it, and how its makers prepare pictures for it."""

    network: nn.Module  # (B, 3, H, W) -> (B, d)
    preprocess: Preprocess
    preprocessing: str  # stands for all that `preprocess` does
    identity: str  # stands for the architecture, whoever asked for it by whatever name
    pooling: str  # what the features are, in words
    licence: str
    patch: int | None = None  # the side of pictures must be a multiple of it


@dataclass(frozen=True)
class Request:
    """What a source is asked for."""

    name: str  # as the user gave it
    model: str  # the source's own name
    size: int | None = None  # the side of the pictures, where it is not the model's own
    crop: float | None = None  # the share of the resized picture that the central crop keeps, likewise


def need(module: str, why: str) -> ModuleType:
    """Import a library that is not always there; raises InputError with the command that installs it."""
    library = module.split(".")[0]
    install = {"open_clip": "open_clip_torch", "huggingface_hub": "huggingface-hub"}.get(library, library)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"{why} needs the library {library} ({error}): pip install {install}") from None
    except RuntimeError as error:  # torchvision beside a torch that it was not built for
        raise InputError(f"{library} cannot be used ({error}): install the version made for your torch") from None


def unknown(what: str, name: str, names: Iterable[str], where: str) -> InputError:
    """The error for what a library does not have, as `timm has no model`, with the nearest names that it has."""
    near = difflib.get_close_matches(name, list(names), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else where
    return InputError(f"{what} {name!r}: {hint}")
