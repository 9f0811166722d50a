"""Lets torchvision be imported beside the CPU build of torch that package registries have.

There its compiled operators are missing, and defining the two that its import looks for is enough for transforms and
networks without boxes. Import this module before torchvision; on a usual machine it does nothing.
"""

import importlib.util

import torch

if importlib.util.find_spec("torchvision") and not torch.cuda.is_available():
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        _library = torch.library.Library("torchvision", "DEF")
        _library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
