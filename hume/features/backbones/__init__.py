"""Pretrained networks as feature extractors: phi2 of the paper, Appendix A.

`load_backbone` takes a name from `KNOWN`, or a library and its name for a model, as `timm:resnet50`.
"""

from hume.features.backbones.core import Backbone, available, load_backbone
from hume.features.backbones.known import KNOWN, Known

__all__ = ["KNOWN", "Backbone", "Known", "available", "load_backbone"]
