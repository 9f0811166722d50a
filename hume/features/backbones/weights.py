"""Files of weights: tensors and nothing else, whoever wrote them."""

import hashlib
import pickle  # for the name of its error alone
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from hume.common.errors import InputError

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
WRAPPERS = ("state_dict", "model", "teacher", "state_dict_ema")  # under which training scripts put the weights
PREFIXES = ("module.", "_orig_mod.")  # what parallel training and compilation put before the names
DIGEST_BYTES = 16
REASON = 160  # characters of what a library says


def check_file(path: Path, suffixes: tuple[str, ...] = SUFFIXES) -> None:
    """Raise InputError unless this is a file whose kind is known and that holds no program."""
    if not path.is_file():
        raise InputError(f"there is no file {path}: check the path of the weights")
    if path.suffix not in suffixes:
        raise InputError(f"{path} is no file of weights that can be used here: give one of {', '.join(suffixes)}")
    if path.suffix != ".safetensors" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise InputError(f"{path} is a TorchScript program, which is never run: give the weights alone")


@contextmanager
def weights_errors(path: Path, model: str) -> Iterator[None]:
    """Turn what libraries say of a file of weights into one sentence; raises InputError."""
    try:
        yield
    except pickle.UnpicklingError:
        raise InputError(
            f"{path} holds Python objects beside tensors, which are never loaded: save its state_dict as .safetensors"
        ) from None
    except (SafetensorError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is cut short or damaged ({first_words(error)}): fetch it again") from None
    except (RuntimeError, KeyError, ValueError, AttributeError, AssertionError) as error:
        if "PytorchStreamReader" in str(error):
            raise InputError(f"{path} is cut short or damaged: fetch it again") from None
        raise InputError(f"{path} does not fit {model} ({first_words(error)}): give this model's weights") from None


def first_words(error: BaseException) -> str:
    """What an error says first, short enough for a sentence."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    text = lines[1] if len(lines) > 1 and lines[0].startswith("Error(s) in loading") else lines[0]
    return text.rstrip(".: ") if len(text) <= REASON else f"{text[:REASON]}…"


def read_weights(path: Path, model: str) -> dict[str, Tensor]:
    """The tensors of a file by name, without what training put around them.

    Raises InputError for a file that is missing, damaged, or holds anything but tensors.
    """
    check_file(path)
    with weights_errors(path, model):
        safe = path.suffix == ".safetensors"
        found: dict[str, Any] = load_file(path) if safe else torch.load(path, map_location="cpu", weights_only=True)
        inner: dict[str, Any] = next((found[key] for key in WRAPPERS if isinstance(found.get(key), dict)), found)
    state = {_plain(str(name)): value for name, value in inner.items() if isinstance(value, Tensor)}
    if not state:
        raise InputError(f"{path} holds no weights: give a file with the state_dict of {model}")
    return state


def _plain(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def weights_digest(network: nn.Module) -> str:
    """Stands for all weights of a network; the same whatever file they came from."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
