"""Lets torchvision be imported beside the CPU build of torch that package registries have.

Its compiled operators cannot be loaded there, and defining the two that its import looks for is enough for transforms
and for networks without boxes. Importing this module waits until somebody imports torchvision, tries it as it is, and
only where that fails defines them: on a usual machine it changes nothing.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

NAMES = ("nms", "qnms")
_kept: list[object] = []  # a library of operators lives as long as its object


class _Finder:
    """The first in line when torchvision is looked for; steps back at once."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            try:
                importlib.import_module(name)
            except RuntimeError:
                _define()
            for module in [module for module in sys.modules if module.split(".")[0] == name]:
                del sys.modules[module]
        return None


def _define() -> None:
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in NAMES:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _kept.append(library)


if not any(isinstance(finder, _Finder) for finder in sys.meta_path) and "torchvision" not in sys.modules:
    sys.meta_path.insert(0, _Finder())
