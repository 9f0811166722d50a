"""Types and errors shared by all sources of networks."""

import difflib
import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from torch import Tensor, nn

from hume.common.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

Preprocess = Callable[["Image"], Tensor]  # a picture in RGB -> (3, H, W)
Words = Callable[[Sequence[str]], Tensor]  # B texts -> (B, d), in the space of the pictures


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network with its weights and preprocessing, as loaded by its library."""

    network: nn.Module  # (B, 3, H, W) -> (B, d)
    preprocess: Preprocess
    preprocessing: str  # identifies `preprocess`
    identity: str  # identifies the architecture, independently of its name
    pooling: str  # description of the features
    licence: str
    patch: int | None = None  # the side of pictures must be a multiple of it
    captions: bool = False  # whether it has a text tower, too
    words: Words | None = None  # that tower, where it was asked for


@dataclass(frozen=True)
class Request:
    """A requested network."""

    name: str  # as the user gave it
    model: str  # the source's own name
    size: int | None = None  # side of the pictures, if not the model's own
    crop: float | None = None  # central crop as a fraction of the resized picture, if not the model's own
    words: bool = False  # whether its text tower is wanted, too


def need(module: str, why: str) -> ModuleType:
    """Import an optional library; raises InputError with the command that installs it."""
    library = module.split(".")[0]
    install = {"open_clip": "open_clip_torch", "huggingface_hub": "huggingface-hub"}.get(library, library)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"{why} needs the library {library} ({error}): pip install {install}") from None
    except RuntimeError as error:  # torchvision with a torch that it was not built for
        raise InputError(f"{library} cannot be used ({error}): install the version made for your torch") from None


def unknown(what: str, name: str, names: Iterable[str], where: str) -> InputError:
    """The error for an unknown name, as `timm has no model`, with the closest known names."""
    close = difflib.get_close_matches(name, list(names), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else where
    return InputError(f"{what} {name!r}: {hint}")
