"""Optional libraries, imported when needed, with an install hint when one is missing."""

import importlib
from typing import Any

from hume.common.errors import InputError


def library(name: str, package: str, what: str = "this file") -> Any:
    """Import a module; raises InputError with the command that installs its package when it cannot be loaded."""
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError) as error:  # torchvision raises the latter with a torch it was not built for
        reason = "" if isinstance(error, ModuleNotFoundError) else f" ({' '.join(str(error).split())[:100]})"
        raise InputError(f"{what} needs {name.partition('.')[0]}{reason}: pip install {package}") from None
