"""A CLIP model of open_clip with random weights, small enough for a test."""

import json

ARCH = "tiny-clip-with-words"


def tiny_clip(folder):
    """The name of the network and its file of weights, and the network itself."""
    import open_clip
    import torch

    config = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 8},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    (folder / f"{ARCH}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder / f"{ARCH}.json")
    network = open_clip.create_model(ARCH, pretrained=None).eval()
    torch.save(network.state_dict(), folder / "clip.pt")
    return f"open_clip:{ARCH}", folder / "clip.pt", network
