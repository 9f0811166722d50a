"""Vision models from transformers, from the Hugging Face hub or a local folder, with their own image processor."""

import hashlib
import inspect
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hume.common.errors import InputError
from hume.features.backbones.fetching import Origin, hub, hub_reachable
from hume.features.backbones.parts import Loaded, Preprocess, Request, Words, need
from hume.features.backbones.weights import short_message

FILES = ("model.safetensors", "model.safetensors.index.json")
VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "spiece.model")
WANTED = ["*.json", "*.safetensors", "merges.txt", *VOCABULARIES]


class _Pooled(nn.Module):
    """A vision model that returns one feature vector per picture."""

    def __init__(self, model: nn.Module, *, interpolate: bool) -> None:
        super().__init__()
        self.model = model
        self.encode = getattr(model, "get_image_features", model.forward)
        accepts = "interpolate_pos_encoding" in inspect.signature(self.encode).parameters
        self.options: dict[str, Any] = {"interpolate_pos_encoding": True} if accepts and interpolate else {}
        self.class_token = any(name.endswith("embeddings.cls_token") for name, _ in model.named_parameters())

    def forward(self, images: Tensor) -> Tensor:
        output = self.encode(pixel_values=images, **self.options)
        if isinstance(output, Tensor):
            return output
        if self.class_token and not hasattr(self.model, "get_image_features"):
            token: Tensor = output.last_hidden_state[:, 0]
            return token
        pooled: Tensor | None = getattr(output, "pooler_output", None)
        if pooled is not None:
            return pooled.flatten(1)
        last: Tensor = output.last_hidden_state
        return last.mean(1) if last.ndim == 3 else last.mean((2, 3))


def origin(request: Request) -> Origin:
    """Where a model is stored on the hub; empty for a local folder."""
    return Origin() if Path(request.model).is_dir() else Origin(repo=request.model, files=FILES)


def load(request: Request, weights: Path | None) -> Loaded:
    """A vision model from transformers up to its pooled features; code that comes with a model is never run.

    Raises InputError for a model that is unavailable, has no safetensors, or lacks weights.
    """
    transformers = need("transformers", request.name)
    folder = _folder(request, weights)
    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = transformers.AutoConfig.from_pretrained(folder, **options)
        if hasattr(config, "mask_ratio"):
            config.mask_ratio = 0.0  # a masked autoencoder would hide most of each picture
        processor = transformers.AutoImageProcessor.from_pretrained(folder, **options)
        model, report = transformers.AutoModel.from_pretrained(
            folder, config=config, use_safetensors=True, output_loading_info=True, **options
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        raise InputError(
            f"{request.name} cannot be loaded from {folder} ({short_message(error)}): it must hold config.json, "
            "preprocessor_config.json and model.safetensors of a vision model"
        ) from None
    own = getattr(getattr(config, "vision_config", config), "image_size", None)
    network = _Pooled(model, interpolate=request.size is not None and request.size != own)
    missing = [key for key in report["missing_keys"] if not (network.class_token and key.startswith("pooler."))]
    if missing or report["mismatched_keys"]:
        raise InputError(f"the weights in {folder} lack {sorted(missing)[:3]}: give the whole model")
    return Loaded(
        network=network,
        preprocess=_preprocess(processor, request.size),
        preprocessing=f"transformers {json.dumps(processor.to_dict(), sort_keys=True, default=str)} {request.size}",
        identity=f"transformers:{config.model_type} {_digest(config)}",
        pooling="the class token of its last layer" if network.class_token else "its pooled output",
        licence=f"see the model card of {request.model}",
        patch=_patch(config),
        captions=hasattr(model, "get_text_features"),
        words=_words(model, folder, request.name) if request.words else None,
    )


def _words(model: Any, folder: str, name: str) -> Words | None:
    """The text tower, in the space of the pooled pictures; None for a model without one."""
    if not hasattr(model, "get_text_features"):
        return None
    if not any((Path(folder) / file).exists() for file in VOCABULARIES):  # transformers would make up an empty one
        raise InputError(f"{folder} has no tokenizer of {name}: add its tokenizer.json")
    try:
        tokenizer = need("transformers", name).AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        raise InputError(
            f"the tokenizer of {name} in {folder} cannot be read ({short_message(error)}): add its tokenizer.json"
        ) from None
    model.eval()

    @torch.inference_mode()
    def encode(texts: Sequence[str]) -> Tensor:
        tokens = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt").to(model.device)
        output = model.get_text_features(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
        features: Tensor = output if isinstance(output, Tensor) else output.pooler_output
        return features.float().cpu()

    return encode


def _folder(request: Request, weights: Path | None) -> str:
    """The folder with the model's files, downloaded unless it is in the cache."""
    if weights is not None:
        if not weights.is_dir():
            raise InputError(f"{weights} is not a folder: for {request.name} give the one with its config.json")
        return str(weights)
    if Path(request.model).is_dir():
        return request.model
    client, errors = hub(), (OSError, ValueError, RuntimeError)
    if request.model.count("/") > 1 or request.model.startswith((".", "/", "~")):
        raise InputError(f"folder {request.model} does not exist: check the path")
    try:
        cached = Path(client.snapshot_download(request.model, allow_patterns=WANTED, local_files_only=True))
        if any((cached / file).exists() for file in FILES):
            return str(cached)
    except errors:
        pass
    if not hub_reachable():
        raise InputError(
            f"{request.model} is not on this machine and huggingface.co is unreachable: download config.json, "
            f"preprocessor_config.json and model.safetensors from https://huggingface.co/{request.model} on another "
            "machine into one folder and name it as transformers:/path/of/the/folder"
        )
    try:
        return str(client.snapshot_download(request.model, allow_patterns=WANTED))
    except errors as error:
        raise InputError(
            f"{request.model} cannot be downloaded from huggingface.co ({short_message(error)}): check the name"
        ) from None


def _preprocess(processor: Any, size: int | None) -> Preprocess:
    """The image processor for one picture, resized to `size` if given."""
    options = {} if size is None else _resized(processor.to_dict(), size)

    def prepare(picture: Any) -> Tensor:
        pixels: Tensor = processor(images=picture, return_tensors="pt", **options)["pixel_values"][0]
        return pixels

    return prepare


def _resized(settings: dict[str, Any], side: int) -> dict[str, Any]:
    """The processor's sizes, scaled in proportion so that its output has this side."""
    cropped = settings.get("crop_size") if settings.get("do_center_crop") else None
    own = max((cropped or settings["size"]).values())
    return {
        key: {name: round(value * side / own) for name, value in settings[key].items() if value}
        for key in ("size", "crop_size")
        if settings.get(key)
    }


def _digest(config: Any) -> str:
    """A digest of the architecture, independent of its source and of the library's version."""
    settings = {k: v for k, v in config.to_dict().items() if k not in ("_name_or_path", "transformers_version")}
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _patch(config: Any) -> int | None:
    patch = getattr(getattr(config, "vision_config", config), "patch_size", None)
    return patch if isinstance(patch, int) else None
