"""Self-supervised pretraining: it learns, it can be stopped, it depends on its seed alone."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from hume.common.errors import InputError, RunError
from hume.data.folder import DatasetFolder, new_dataset
from hume.features.augmentations import StoredPictures
from hume.features.encoders import ENCODERS, WIDTHS, make_encoder
from hume.features.pretrain import METHODS, PretrainConfig, defaults, discard, pending, pretrain
from hume.features.space_pace import measure_training, short
from hume.features.training import Training, knn_score, make_method, stream
from tests.support import torchvision_here  # noqa: F401
from tests.support.rules import cases

COUNT, SIDE = 48, 12


def stripes(count=COUNT, colour=False, seed=0):
    """Pictures of two kinds: stripes that lie, and stripes that stand, each shifted and noisy."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    wave = 90 * np.sin(np.arange(SIDE) * np.pi / 3 + rng.uniform(0, 6, (count, 1)))
    lying = np.broadcast_to(wave[:, :, None], (count, SIDE, SIDE))
    images = np.where(labels[:, None, None] == 1, lying.swapaxes(1, 2), lying) + 128 + rng.normal(0, 8, lying.shape)
    if colour:
        images = images[..., None] * [1.0, 0.6, 0.3]
    return images.clip(0, 255).astype(np.uint8), labels


def dataset(root, *, colour=False, labels=True, count=COUNT, test_rows=None):
    images, truth = stripes(count, colour)
    with new_dataset(root, "stripes") as folder:
        np.save(folder.path / "images.npy", images)
        if labels:
            np.save(folder.path / "labels.npy", truth)
        if test_rows is not None:
            np.save(folder.path / "test_rows.npy", test_rows)
        folder.change_card(lambda card: card.update(name="Stripes", licence="CC0"))
    return folder


@pytest.fixture
def folder(tmp_path):
    return dataset(tmp_path)


def tiny(**changes):
    settings = {"epochs": 3, "batch_size": 16, "side": SIDE, "queue": 24, "flip": False, "min_scale": 0.6}
    return PretrainConfig(**settings | changes)


def finish(training):
    """All records of a training and the name of the space that it made."""
    records = []
    while True:
        try:
            records.append(next(training))
        except StopIteration as end:
            return records, end.value


def features(folder, name):
    return np.asarray(folder.load().space(name).features, dtype=np.float32)


def without_time(records):
    return [replace(record, seconds=0.0) for record in records]


# --- it learns ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_training_lowers_the_loss_and_the_two_kinds_come_apart(folder, method):
    """Compared with steps too small to matter: MoCo's loss rises anyway while its queue fills with real keys."""
    losses = []
    for rate in (1e-8, 3e-3):
        records, name = finish(pretrain(folder, tiny(method=method, epochs=8, learning_rate=rate, momentum=0.9)))
        assert sum(record.written == 0 for record in records) == 8 * 3
        losses.append(np.mean([record.loss for record in records if record.written == 0][-6:]))
    assert losses[1] < losses[0] - 0.2
    labels = torch.from_numpy(folder.load().labels)
    assert knn_score(torch.from_numpy(features(folder, name)), labels, 12) > 0.9


def test_the_slow_copy_follows_the_trained_network():
    pictures = StoredPictures(stripes()[0], SIDE)
    for name in ("moco", "byol"):
        method = make_method(tiny(method=name, momentum=0.75), pictures, COUNT)
        before = method.slow_encoder[0].weight.clone()
        assert torch.equal(before, method.encoder[0].weight)
        with torch.no_grad():
            method.encoder[0].weight += 1
        method.after_step(0.0)
        assert torch.allclose(method.slow_encoder[0].weight, before + 0.25, atol=1e-6)
        assert not any(p.requires_grad for p in method.slow_encoder.parameters())
        trained = {id(p) for group in method.parameter_groups(0.1) for p in group["params"]}
        assert not trained & {id(p) for p in method.slow_encoder.parameters()}
    method.after_step(1.0)  # at the end BYOL's stands still
    assert torch.allclose(method.slow_encoder[0].weight, before + 0.25, atol=1e-6)


def test_keys_of_a_batch_join_the_queue_and_no_gradient_reaches_them():
    pictures = StoredPictures(stripes()[0], SIDE)
    method = make_method(tiny(method="moco", queue=24), pictures, COUNT)
    before = method.bank.bank.clone()
    images = pictures.batch(np.arange(16))
    method.loss(images, images).backward()
    assert not torch.isclose(method.bank.bank[:16], before[:16]).all(1).any()
    assert torch.equal(method.bank.bank[16:], before[16:])
    assert all(p.grad is None for p in method.slow_encoder.parameters())


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize(("channels", "side"), [(1, 16), (3, 65)])
def test_encoders_give_pooled_features(name, channels, side):
    if name == "resnet50" and side == 16:
        pytest.skip("as slow as it is like the other ResNet")
    encoder = make_encoder(name, channels, side, torch.Generator()).eval()
    state = encoder.state_dict()
    assert all(value.isfinite().all() for value in state.values())
    with torch.no_grad():
        assert encoder(torch.rand(2, channels, side, side)).shape == (2, WIDTHS[name])
    if name != "small":
        assert state["conv1.weight"].shape == ((64, 1, 3, 3) if side == 16 else (64, 3, 7, 7))


# --- what it leaves ------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", [False, True])
def test_the_dataset_gets_a_space_and_the_encoder_that_made_it(tmp_path, colour):
    folder = dataset(tmp_path, colour=colour)
    _, name = finish(pretrain(folder, tiny(epochs=1)))
    space = folder.load().space(name)
    assert name == "simclr-small"
    assert space.features.shape == (COUNT, 256)
    assert space.features.dtype == np.float16
    assert (space.kind, space.title, space.licence) == ("self-supervised", "SimCLR (small residual network)", "CC0")
    assert "for 1 epoch on all 48 images" in space.made
    path = folder.path / "encoders" / f"{name}.safetensors"
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["hume"])
    encoder = make_encoder(about["encoder"], about["channels"], about["side"], torch.Generator())
    encoder.load_state_dict(load_file(path))
    encoder.eval()
    assert about["channels"] == (3 if colour else 1)
    with torch.no_grad():
        again = encoder(StoredPictures(folder.load().images, about["side"]).batch(slice(0, COUNT)))
    assert np.allclose(again.numpy(), features(folder, name), atol=2e-3)
    assert not list(folder.work.iterdir())


def test_nothing_is_computed_twice(folder):
    config = tiny(epochs=1)
    _, name = finish(pretrain(folder, config))
    assert finish(pretrain(folder, config)) == ([], name)
    other, second = finish(pretrain(folder, replace(config, seed=1)))
    assert other
    assert second == f"{name}-2"


def test_the_seed_alone_decides_and_torchs_own_generator_is_left_alone(tmp_path):
    found, state = [], torch.get_rng_state()
    for i, seed in enumerate((0, 0, 1)):
        folder = dataset(tmp_path / str(i))
        torch.rand(i)  # whatever was drawn elsewhere
        found.append(features(folder, finish(pretrain(folder, tiny(method="moco", epochs=1, seed=seed)))[1]))
    assert np.array_equal(found[0], found[1])
    assert not np.allclose(found[0], found[2], atol=1e-2)
    torch.rand(1)
    state, before = torch.get_rng_state(), state
    finish(pretrain(dataset(tmp_path / "last"), tiny(epochs=1)))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(before, state)


def test_features_that_half_precision_cannot_hold_are_kept_whole(folder, monkeypatch):
    small = Training._features
    monkeypatch.setattr(Training, "_features", lambda *a, **k: small(*a, **k) * 1e6)
    _, name = finish(pretrain(folder, tiny(epochs=1)))
    assert folder.load().space(name).features.dtype == np.float32


def test_a_column_that_half_precision_would_blur_is_kept(folder, monkeypatch):
    small = Training._features
    monkeypatch.setattr(Training, "_features", lambda *a, **k: small(*a, **k) + 500 * (torch.arange(256) == 1))
    _, name = finish(pretrain(folder, tiny(epochs=1)))
    assert folder.load().space(name).features.dtype == np.float32


def test_labels_are_for_display_only(tmp_path):
    known, unknown = dataset(tmp_path / "a"), dataset(tmp_path / "b", labels=False)
    (seen, first), (blind, second) = (finish(pretrain(each, tiny())) for each in (known, unknown))
    assert [record.knn_score is not None for record in seen[:9]] == [False, False, True] * 3
    assert all(record.knn_score is None for record in blind)
    assert np.array_equal(features(known, first), features(unknown, second))


def test_the_nearest_neighbours_vote():
    rows = torch.tensor([[1.0, 0.1], [0.1, 1.0], [2.0, 0.0], [0.0, 5.0]])
    assert knn_score(rows, torch.tensor([0, 1, 0, 1]), 2) == 1.0
    assert knn_score(rows, torch.tensor([0, 1, 0, 0]), 2) == 0.5


# --- stopping and going on --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_training_that_was_stopped_twice_goes_on_as_if_it_had_not_been(tmp_path, method):
    whole, parted = dataset(tmp_path / "a"), dataset(tmp_path / "b")
    config = tiny(method=method)
    records, name = finish(pretrain(whole, config))
    for stop_after in (2, 4):
        training = pretrain(parted, config)
        while next(training).step < stop_after:
            pass
        training.close()
        (unfinished,) = pending(parted)
        assert (unfinished.config, unfinished.step, unfinished.num_steps) == (config, stop_after, 9)
        assert parted.space_names() == []
    again, _ = finish(pretrain(parted, unfinished.config))
    assert without_time(again) == without_time(records)
    assert np.array_equal(features(whole, name), features(parted, name))
    assert pending(parted) == []


def test_a_stop_while_features_are_written_costs_only_them(folder):
    config = tiny(epochs=1)
    training = pretrain(folder, config)
    records = [next(training) for _ in range(4)]
    assert records[-1].written == 1
    training.close()
    assert pending(folder)[0].step == 3
    again, name = finish(pretrain(folder, config))
    assert again == records
    assert folder.space_names() == [name]


def test_an_unfinished_training_can_be_discarded(folder):
    training = pretrain(folder, tiny())
    next(training)
    with pytest.raises(RunError, match="already running"):
        next(pretrain(folder, tiny()))
    (unfinished,) = pending(folder)
    with pytest.raises(RunError, match="already running"):
        discard(folder, unfinished.key)
    training.close()
    discard(folder, unfinished.key)
    assert pending(folder) == []
    for key in (unfinished.key, "../spaces"):
        with pytest.raises(InputError, match="no unfinished training"):
            discard(folder, key)


def test_a_damaged_checkpoint_is_told(folder):
    training = pretrain(folder, tiny())
    next(training)
    training.close()
    (checkpoint,) = folder.work.glob("*/checkpoint.pt")
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(RunError, match="is damaged"):
        next(pretrain(folder, tiny()))


# --- which rows ---------------------------------------------------------------------------------------


def test_the_test_split_can_be_left_out(tmp_path):
    test_rows = np.arange(COUNT) >= 32
    folder = dataset(tmp_path, test_rows=test_rows)
    records, name = finish(pretrain(folder, tiny(train_split_only=True)))
    assert records[-1].num_steps == 3 * 2
    assert features(folder, name).shape[0] == COUNT
    assert "32 of the 48 images" in folder.load().space(name).made


def test_rows_of_the_callers_choice_are_remembered(folder):
    training = pretrain(folder, tiny(), train_rows=np.arange(20))
    next(training)
    training.close()
    (unfinished,) = pending(folder)
    assert np.array_equal(unfinished.train_rows, np.arange(20))
    _, name = finish(pretrain(folder, unfinished.config, train_rows=unfinished.train_rows))
    assert pending(folder) == []
    mask = np.arange(COUNT) < 20
    assert finish(pretrain(folder, tiny(), train_rows=mask)) == ([], name)


@cases("rows", [[0, 48], [-1, 3], [0.5], [True, False]])
def test_rows_that_are_not_there_are_refused(folder, rows):
    with pytest.raises(InputError, match="train_rows"):
        next(pretrain(folder, tiny(), train_rows=rows))


def test_few_images_make_small_batches_and_a_note(tmp_path):
    folder = dataset(tmp_path, count=10)
    records, _ = finish(pretrain(folder, tiny(method="moco", epochs=2, batch_size=64)))
    assert records[0].num_steps == 2
    assert records[0].note == "few images: a batch holds all 10 images, not 64 and the queue holds 8 keys, not 24"
    with pytest.raises(InputError, match="at least 8"):
        next(pretrain(folder, tiny(), train_rows=np.arange(5)))


# --- what is refused ----------------------------------------------------------------------------------


def test_a_dataset_without_images_is_told(tmp_path):
    (tmp_path / "plain" / "spaces").mkdir(parents=True)
    np.save(tmp_path / "plain" / "spaces" / "a.npy", np.ones((4, 2), np.float32))
    plain = DatasetFolder(tmp_path / "plain")
    for call in (lambda: next(pretrain(plain, tiny())), lambda: defaults(plain)):
        with pytest.raises(InputError, match="plain has no images"):
            call()


def test_there_may_be_no_test_split_to_leave_out(folder):
    with pytest.raises(InputError, match="no test split"):
        next(pretrain(folder, tiny(train_split_only=True)))


def test_a_loss_that_is_no_number_is_told(folder, monkeypatch):
    monkeypatch.setattr(Training, "take_step", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(RunError, match=r"not finite after step 1 of 9.*0\.0015"):
        next(pretrain(folder, tiny()))


@cases(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CPUAllocator: can't allocate memory"),
    ],
)
def test_too_little_memory_is_told(folder, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(Training, "take_step", fail)
    with pytest.raises(RunError, match="not enough memory for batches of 16"):
        next(pretrain(folder, tiny()))


@cases(
    ("field", "value"),
    [
        ("method", "dino"),
        ("encoder", "vit"),
        ("precision", "int8"),
        ("epochs", 0),
        ("batch_size", 1),
        ("learning_rate", float("nan")),
        ("temperature", 0.0),
        ("min_scale", 1.5),
        ("flip_share", None),
        ("seed", -1),
    ],
)
def test_settings_out_of_range_are_quoted(field, value):
    error = TypeError if field == "flip_share" else InputError
    with pytest.raises(error, match=field if value is None else str(value)):
        PretrainConfig(**{field: value})


def test_defaults_suit_pictures_and_device(folder):
    config = defaults(folder, method="byol", seed=3)
    assert (config.method, config.encoder, config.seed, config.side) == ("byol", "small", 3, SIDE)
    assert config.epochs == 200
    assert config.blur == 0
    assert json.loads(json.dumps(config.__dict__))["precision"] in ("float32", "bfloat16")


def test_streams_are_apart():
    draws = {torch.rand(1, generator=stream(*place)).item() for place in [(0, 1), (0, 2), (1, 1), (0, 1, 0), (0, 1, 1)]}
    assert len(draws) == 5


# --- how long it takes --------------------------------------------------------------------------------


def test_the_time_of_a_training_is_in_proportion_to_its_pictures_and_nothing_is_written(folder):
    before = sorted(path.name for path in folder.path.rglob("*"))
    pace = measure_training(folder, tiny(), "cpu")
    assert sorted(path.name for path in folder.path.rglob("*")) == before
    assert (pace.picture > 0, pace.num_pictures, pace.num_rows, pace.has_labels) == (True, COUNT, COUNT, True)
    unlabeled = replace(pace, has_labels=False)
    once, twice = (unlabeled.seconds(tiny(epochs=epochs)) for epochs in (10, 20))
    assert twice - once == pytest.approx(10 * COUNT * pace.picture)
    assert unlabeled.seconds(tiny(epochs=10, batch_size=32)) - once == pytest.approx(-10 * 16 * pace.picture)
    assert pace.seconds(tiny()) > unlabeled.seconds(tiny())


def test_a_shorter_training_has_smaller_pictures_and_fewer_epochs_and_is_its_own_shorter_one():
    less = short(tiny(side=64, epochs=200))
    assert (less.side, less.epochs) == (32, 80)
    assert short(less) == less
    assert short(tiny()) == tiny()
