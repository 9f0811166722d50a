"""Pretrained weights, from the local cache or downloaded; a prompt error when their host is unreachable."""

import os
import re
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import torch

from hume.common.errors import InputError
from hume.features.backbones.parts import need
from hume.features.backbones.weights import short_message

PATIENCE = 5.0  # seconds for a host to answer; the hub's client by itself tries for 23


@dataclass(frozen=True)
class Origin:
    """Where a network's weights are stored: in a repository of the Hugging Face hub, or at one address."""

    repo: str = ""
    files: tuple[str, ...] = ()  # the first that exists is used
    url: str = ""

    @property
    def page(self) -> str:
        return self.url or f"https://huggingface.co/{self.repo}"

    @property
    def file(self) -> str:
        return self.url.rsplit("/", 1)[-1] or self.files[0]


def hub() -> ModuleType:
    """The hub's client, with telemetry disabled."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    client = need("huggingface_hub", "downloading weights")
    settings().HF_HUB_DISABLE_TELEMETRY = True
    return client


def settings() -> Any:
    """The constants of the hub's client."""
    return need("huggingface_hub.constants", "downloading weights")


def cached(origin: Origin) -> Path | None:
    """The weights in the cache; None if they are not there."""
    if origin.url:
        path = Path(torch.hub.get_dir()) / "checkpoints" / origin.file
        return path if path.is_file() else None
    for file in origin.files:
        path_or_flag = hub().try_to_load_from_cache(origin.repo, file)
        if isinstance(path_or_flag, str):
            return Path(path_or_flag)
    return None


def fetch(origin: Origin, name: str, hint: str = "") -> Path:
    """The file of a network's weights, downloaded unless it is in the cache.

    hint: another way to get the weights, appended to the error when the host is unreachable.
    Raises InputError then, within seconds, naming the file to download on another machine.
    """
    path = cached(origin)
    if path is not None:
        return path
    host = urlsplit(origin.url).netloc or "huggingface.co"
    if not (reachable(f"https://{host}") if origin.url else hub_reachable()):
        raise InputError(
            f"the weights of {name} are not on this machine and {host} is unreachable: download {origin.file} from "
            f"{origin.page} on another machine and give its path as the weights file{hint}"
        )
    try:
        return _from_address(origin) if origin.url else _from_hub(origin)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"the weights of {name} cannot be downloaded from {origin.page} ({short_message(error)}): "
            "try again, or download the file by hand and give its path as the weights file"
        ) from None


def hub_reachable() -> bool:
    """Whether the hub is allowed (see `HF_HUB_OFFLINE`) and reachable."""
    return not settings().HF_HUB_OFFLINE and reachable(str(settings().ENDPOINT))


def reachable(address: str, seconds: float = PATIENCE) -> bool:
    """Whether a web server answers within so many seconds, through a proxy if one is set."""
    answered = threading.Event()

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=seconds):
                answered.set()
        except urllib.error.HTTPError as answer:
            answer.close()
            answered.set()
        except (OSError, ValueError):
            return

    # In a thread: the timeout does not cover a name server that does not answer.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()


def _from_hub(origin: Origin) -> Path:
    missing = need("huggingface_hub.errors", "downloading weights").RemoteEntryNotFoundError
    for file in origin.files:
        try:
            return Path(hub().hf_hub_download(origin.repo, file))
        except missing:
            continue
    raise ValueError(f"it has no {' or '.join(origin.files)}")


def _from_address(origin: Origin) -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / origin.file
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = re.search(r"-([0-9a-f]{8,})\.", origin.file)
    torch.hub.download_url_to_file(origin.url, str(path), digest and digest[1], progress=False)
    return path
