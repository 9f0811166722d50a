"""Networks from torchvision, with the preprocessing of their weights."""

from pathlib import Path
from typing import Any

from torch import nn

from hume.common.errors import InputError
from hume.features.backbones.fetching import Origin, fetch
from hume.features.backbones.parts import Loaded, Request, need, unknown
from hume.features.backbones.weights import read_weights, weights_errors


def origin(request: Request) -> Origin:
    """Where torchvision's best weights of a model are stored; raises InputError for an unknown model."""
    return Origin(url=_best_weights(request).url)


def load(request: Request, weights: Path | None) -> Loaded:
    """A torchvision classifier without its last layer, for a ResNet up to the average pool; raises InputError."""
    best = _best_weights(request)
    path = weights or fetch(origin(request), request.name)
    state = read_weights(path, request.name)
    options = {"init_weights": False} if request.model in ("googlenet", "inception_v3") else {}
    network = need("torchvision.models", request.name).get_model(request.model, weights=None, **options)
    if hasattr(network, "transform_input"):
        network.transform_input = True  # as torchvision does when it downloads the weights itself
    _drop_classifier(network, state, request)
    with weights_errors(path, request.name):
        network.load_state_dict(state)
    transform = _transform(best, request)
    return Loaded(
        network=network,
        preprocess=transform,
        preprocessing=f"torchvision {' '.join(repr(transform).split())}",
        identity=f"torchvision:{request.model}",
        pooling="the pooled input of its classifier",
        licence="BSD-3-Clause",
    )


def _best_weights(request: Request) -> Any:
    models = need("torchvision.models", request.name)
    names = models.list_models(module=models)
    if request.model not in names:
        raise unknown(
            "torchvision has no model", request.model, names, "torchvision.models.list_models() gives the names"
        )
    return models.get_model_weights(request.model).DEFAULT


def _drop_classifier(network: nn.Module, state: dict[str, Any], request: Request) -> None:
    """Replace the last linear layer by the identity and remove its weights from the state."""
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise InputError(f"{request.name} has no linear layer to take features from: choose another model")
    parent, _, child = linear[-1].rpartition(".")
    setattr(network.get_submodule(parent), child, nn.Identity())
    for parameter in ("weight", "bias"):
        state.pop(f"{linear[-1]}.{parameter}", None)


def _transform(best: Any, request: Request) -> Any:
    own = best.transforms()
    if request.size is None:
        return own
    crop, resize = own.crop_size[0], own.resize_size[0]
    return best.transforms(crop_size=request.size, resize_size=round(request.size * resize / crop))
