"""Image towers of CLIP models from open_clip, with the preprocessing of their weights."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hume.common.errors import InputError
from hume.features.backbones.fetching import Origin, fetch
from hume.features.backbones.parts import Loaded, Request, Words, need, unknown
from hume.features.backbones.weights import check_file, short_message, weights_errors

FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
PREPARED = ("mean", "std", "interpolation", "resize_mode")


class _Tower(nn.Module):
    """An image tower that returns only its pooled output."""

    def __init__(self, visual: nn.Module) -> None:
        super().__init__()
        self.visual = visual

    def forward(self, images: Tensor) -> Tensor:
        pooled: Tensor | tuple[Tensor, ...] = self.visual(images)
        return pooled if isinstance(pooled, Tensor) else pooled[0]  # CoCa also returns tokens


def origin(request: Request) -> Origin:
    """Where the weights with a tag are stored; raises InputError for a model or tag unknown to open_clip."""
    _, tag, record = _record(request)
    if tag is None:
        raise InputError(f"{request.name} does not name its weights: add a tag, as in ViT-B-32/openai, or give a file")
    repo, _, file = str(record.get("hf_hub", "")).rpartition("/")
    if repo:
        safe = f"{Path(file).stem}.safetensors"
        return Origin(repo=repo, files=tuple(dict.fromkeys((safe, file))) if file else FILES)
    return Origin(url=str(record["url"]))


def load(request: Request, weights: Path | None) -> Loaded:
    """The output of CLIP's `encode_image` before normalization; raises InputError."""
    open_clip = need("open_clip", request.name)
    arch, tag, record = _record(request)
    path = weights or fetch(origin(request), request.name)
    check_file(path)
    quick = bool(record.get("quick_gelu")) or bool(open_clip.get_model_config(arch).get("quick_gelu"))
    with weights_errors(path, request.name):
        model = open_clip.create_model(
            arch,
            pretrained=str(path),
            pretrained_text=False,
            force_quick_gelu=quick,
            force_image_size=request.size,
            force_preprocess_cfg={key: record[key] for key in PREPARED if key in record},
            weights_only=True,
        )
    prepared: dict[str, Any] = model.visual.preprocess_cfg
    transforms = need("open_clip.transform", request.name)
    patch = getattr(model.visual, "patch_size", None)
    return Loaded(
        network=_Tower(model.visual),
        preprocess=transforms.image_transform_v2(transforms.PreprocessCfg(**prepared), is_train=False),
        preprocessing=f"open_clip {json.dumps(prepared, sort_keys=True)}",
        identity=f"open_clip:{arch}{' quick' if quick else ''}",
        pooling="the output of its image tower, in the space shared with captions",
        licence=f"see the authors of {arch}{f' ({tag})' if tag else ''}",
        patch=max(patch) if isinstance(patch, tuple) else patch,
        captions=True,
        words=_words(model, arch, request.name) if request.words else None,
    )


def _words(model: Any, arch: str, name: str) -> Words:
    """The text tower: CLIP's `encode_text` before normalization."""
    try:
        tokenizer = need("open_clip", name).get_tokenizer(arch)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise InputError(f"the tokenizer of {name} is not on this machine ({short_message(error)})") from None
    model.eval()

    @torch.inference_mode()
    def encode(texts: Sequence[str]) -> Tensor:
        features: Tensor = model.encode_text(tokenizer(list(texts)))
        return features.float()

    return encode


def _record(request: Request) -> tuple[str, str | None, dict[str, Any]]:
    """Architecture, tag and open_clip's configuration of the tag."""
    open_clip = need("open_clip", request.name)
    arch, _, tag = request.model.partition("/")
    if arch not in open_clip.list_models():
        raise unknown(
            "open_clip has no model", arch, open_clip.list_models(), "open_clip.list_models() gives the names"
        )
    if not tag:
        return arch, None, {}
    record = open_clip.get_pretrained_cfg(arch, tag)
    if not record:
        tags = open_clip.list_pretrained_tags_by_model(arch)
        raise unknown(f"open_clip has no weights of {arch} called", tag, tags, f"it has {', '.join(tags)}")
    return arch, tag, dict(record)
