"""Sentences about the time that a space takes; text without markup."""

from hume.common.formatting import count, duration
from hume.features.pretrain_config import PretrainConfig


def training(config: PretrainConfig, seconds: float | None, *, measuring: bool = False) -> str:
    """The size of pictures and the epochs of a training, and how long it takes."""
    return f"{size(config)}: {time(seconds, measuring=measuring)}"


def size(config: PretrainConfig) -> str:
    """The size of pictures and the epochs of a training."""
    return f"{config.side} pixels, {count(config.epochs, 'epoch')}"


def time(seconds: float | None, *, measuring: bool = False) -> str:
    """How long something takes."""
    if seconds is not None:
        return f"about {duration(seconds)}"
    return "measuring the time …" if measuring else "unknown time"
