"""Common pretrained networks by name."""

from dataclasses import dataclass

from hume.features.backbones.fetching import Origin

TIMM_FILES = ("model.safetensors", "pytorch_model.bin")
CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


@dataclass(frozen=True, kw_only=True)
class Known:
    """A network by its common name, with what matters for choosing it."""

    name: str
    title: str
    model: str  # source and the source's own name
    dim: int  # d
    licence: str
    megabytes: int  # of its file of weights
    trained: str  # description of its training data
    origin: Origin
    side: int | None = None  # where preprocessing differs from the source's
    crop: float | None = None


def _dinov2(size: str, title: str, dim: int, megabytes: int) -> Known:
    model = f"vit_{size}_patch14_dinov2.lvd142m"
    return Known(
        name=f"dinov2-vit{size[0]}14",
        title=f"DINOv2 {title}",
        model=f"timm:{model}",
        dim=dim,
        licence="Apache-2.0",
        megabytes=megabytes,
        trained="trained without labels on 142 million pictures (LVD-142M)",
        origin=Origin(repo=f"timm/{model}", files=TIMM_FILES),
        side=224,  # timm prepares 518 pixels; DINOv2's authors evaluate at 224, cut from 256
        crop=224 / 256,
    )


def _clip(name: str, arch: str, repo: str, dim: int, megabytes: int) -> Known:
    return Known(
        name=name,
        title=f"CLIP {arch.replace('-', '/').replace('ViT/', 'ViT-')}",
        model=f"open_clip:{arch}/openai",
        dim=dim,
        licence="MIT",
        megabytes=megabytes,
        trained="trained by OpenAI on 400 million pictures with their captions (WebImageText)",
        origin=Origin(repo=f"timm/{repo}", files=CLIP_FILES),
    )


def _resnet(depth: int, weights: str, dim: int, megabytes: int) -> Known:
    return Known(
        name=f"resnet{depth}",
        title=f"ResNet-{depth}",
        model=f"torchvision:resnet{depth}",
        dim=dim,
        licence="BSD-3-Clause",
        megabytes=megabytes,
        trained="trained on 1.3 million photographs in 1,000 classes (ImageNet-1k)",
        origin=Origin(url=f"https://download.pytorch.org/models/{weights}"),
    )


KNOWN: dict[str, Known] = {
    known.name: known
    for known in (
        Known(
            name="efficientnet-lite0",
            title="EfficientNet-Lite0",
            model="timm:tf_efficientnet_lite0.in1k",
            dim=1280,
            licence="Apache-2.0",
            megabytes=19,
            trained="trained on 1.3 million photographs in 1,000 classes (ImageNet-1k)",
            origin=Origin(repo="timm/tf_efficientnet_lite0.in1k", files=TIMM_FILES),
        ),
        _resnet(18, "resnet18-f37072fd.pth", 512, 47),
        _resnet(50, "resnet50-11ad3fa6.pth", 2048, 103),
        Known(
            name="bit-m-r50x1",
            title="BiT-M R50×1",
            model="timm:resnetv2_50x1_bit.goog_in21k",
            dim=2048,
            licence="Apache-2.0",
            megabytes=273,
            trained="trained on 14 million photographs in 21,843 classes (ImageNet-21k)",
            origin=Origin(repo="timm/resnetv2_50x1_bit.goog_in21k", files=TIMM_FILES),
        ),
        _clip("clip-vitb32", "ViT-B-32", "vit_base_patch32_clip_224.openai", 512, 605),
        _clip("clip-vitb16", "ViT-B-16", "vit_base_patch16_clip_224.openai", 512, 599),
        _clip("clip-vitl14", "ViT-L-14", "vit_large_patch14_clip_224.openai", 768, 1711),
        _dinov2("small", "ViT-S/14", 384, 88),
        _dinov2("base", "ViT-B/14", 768, 346),
        _dinov2("large", "ViT-L/14", 1024, 1217),
        _dinov2("giant", "ViT-g/14", 1536, 4546),
    )
}
