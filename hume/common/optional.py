"""Libraries that only some data need: loaded when they are, with a word on how to get one that is missing."""

import importlib
from typing import Any

from hume.common.errors import InputError


def library(name: str, package: str, what: str = "this file") -> Any:
    """A module by its name; raises InputError with the command that installs its package where it cannot be loaded."""
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError) as error:  # torchvision raises the latter beside another torch than its own
        reason = "" if isinstance(error, ModuleNotFoundError) else f" ({' '.join(str(error).split())[:100]})"
        raise InputError(f"{what} needs {name.partition('.')[0]}{reason}: pip install {package}") from None
