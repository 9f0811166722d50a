"""Read files of weights, which may hold tensors only."""

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
WRAPPERS = ("state_dict", "model", "teacher", "state_dict_ema")  # keys of the weights in training checkpoints
PREFIXES = ("module.", "_orig_mod.")  # added to names by parallel training and compilation
DIGEST_BYTES = 16
REASON = 160  # characters of a library's message


def check_file(path: Path, suffixes: tuple[str, ...] = SUFFIXES) -> None:
    """Raise InputError unless this is a file of a known type without code."""
    if not path.is_file():
        raise InputError(f"file {path} does not exist: check the path of the weights")
    if path.suffix not in suffixes:
        raise InputError(f"{path} is not a supported file of weights: give one of {', '.join(suffixes)}")
    if path.suffix != ".safetensors" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise InputError(f"{path} is a TorchScript program, which is never run: give only the weights")


@contextmanager
def weights_errors(path: Path, model: str) -> Iterator[None]:
    """Turn libraries' errors about a file of weights into an InputError."""
    try:
        yield
    except pickle.UnpicklingError:
        raise InputError(
            f"{path} has Python objects, which are never loaded, among its tensors: save its state_dict as .safetensors"
        ) from None
    except (SafetensorError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is cut short or damaged ({short_message(error)}): download it again") from None
    except (RuntimeError, KeyError, ValueError, AttributeError, AssertionError) as error:
        if "PytorchStreamReader" in str(error):
            raise InputError(f"{path} is cut short or damaged: download it again") from None
        raise InputError(f"{path} does not fit {model} ({short_message(error)}): give this model's weights") from None


def short_message(error: BaseException) -> str:
    """The first line of an error's message, shortened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    text = lines[1] if len(lines) > 1 and lines[0].startswith("Error(s) in loading") else lines[0]
    return text.rstrip(".: ") if len(text) <= REASON else f"{text[:REASON]}…"


def read_weights(path: Path, model: str) -> dict[str, Tensor]:
    """The tensors of a file by name, without the wrappers and prefixes of training.

    Raises InputError for a file that is missing, damaged, or has anything but tensors.
    """
    check_file(path)
    with weights_errors(path, model):
        safe = path.suffix == ".safetensors"
        content: dict[str, Any] = load_file(path) if safe else torch.load(path, map_location="cpu", weights_only=True)
        inner: dict[str, Any] = next((content[key] for key in WRAPPERS if isinstance(content.get(key), dict)), content)
    state = {_plain(str(name)): value for name, value in inner.items() if isinstance(value, Tensor)}
    if not state:
        raise InputError(f"{path} has no weights: give a file with the state_dict of {model}")
    return state


def _plain(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def weights_digest(network: nn.Module) -> str:
    """A digest of all weights of a network, independent of their file."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
