"""Batches of pictures and random views of them."""

import numpy as np
import pytest
import torch

from hume.common.errors import InputError
from hume.features.augmentations import LUMA, StoredPictures, Views
from tests.support.rules import cases

STILL = {"min_scale": 1.0, "flip": False, "colour": 0.0, "grey": 0.0, "blur": 0.0, "erase": 0.0}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def photos(count=40, channels=3, height=20, width=28):
    return torch.rand(count, channels, height, width, generator=generator(7))


@pytest.mark.parametrize("channels", [1, 3])
def test_views_keep_shape_range_and_the_pictures_they_are_of(channels):
    images = photos(channels=channels)
    before = images.clone()
    view = Views(blur=0.5)(images, generator())
    assert view.shape == images.shape
    assert view.dtype == torch.float32
    assert view.min() >= 0
    assert view.max() <= 1
    assert torch.equal(images, before)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_generator_alone_decides(channels):
    images, views, state = photos(channels=channels), Views(blur=0.5), torch.get_rng_state()
    first, again, other = (views(images, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not (first == other).flatten(1).all(1).any()
    assert torch.equal(torch.get_rng_state(), state)


def test_pictures_of_a_batch_are_changed_each_in_its_own_way():
    images = photos(1).expand(40, -1, -1, -1)
    assert len(torch.unique(Views()(images, generator()).flatten(1), dim=0)) == 40


def test_nothing_asked_for_is_nothing_done_but_the_shape_of_the_crop():
    images = photos()
    shift = (Views(**STILL)(images, generator()) - images).abs().mean((1, 2, 3))
    assert shift.min() < 0.02  # a crop of nearly the picture's own shape
    assert shift.max() < 0.4


def test_half_of_the_views_are_mirrored():
    ramp = torch.linspace(0, 1, 28).expand(400, 1, 20, 28)
    view = Views(**STILL | {"flip": True})(ramp, generator())
    share = (view[:, 0, 10, 0] > view[:, 0, 10, -1]).float().mean()
    assert 0.4 < share < 0.6
    assert not (Views(**STILL)(ramp, generator())[:, 0, 10, 0] > 0.5).any()


def test_all_colours_can_be_taken_away():
    images = photos()
    view = Views(**STILL | {"grey": 1.0})(images, generator())
    assert torch.allclose(view, view[:, :1].expand_as(view), atol=1e-5)
    coloured = Views(**STILL)(images, generator())
    luma = (coloured * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1)
    assert torch.allclose(view[:, 0], luma, atol=1e-5)


def test_colour_changes_leave_grey_pictures_grey():
    grey = photos(channels=1).expand(-1, 3, -1, -1)
    view = Views(**STILL | {"colour": 0.5})(grey, generator())
    assert torch.allclose(view, view[:, :1].expand_as(view), atol=1e-5)
    assert view[:, 0].mean((1, 2)).std() > 0.05  # but lighter or darker


def test_a_share_of_the_views_is_blurred_and_keeps_its_brightness():
    images = photos(200, height=60, width=60)
    sharp, blurred = (Views(**STILL | {"blur": share})(images, generator()) for share in (0.0, 1.0))
    assert (blurred.flatten(1).std(1) < sharp.flatten(1).std(1)).float().mean() > 0.9
    assert torch.allclose(blurred.mean((1, 2, 3)), sharp.mean((1, 2, 3)), atol=0.02)
    some = Views(**STILL | {"blur": 0.5})(images, generator())
    assert 0.35 < (some != sharp).flatten(1).any(1).float().mean() < 0.65


def test_a_square_is_blackened_in_a_share_of_the_views():
    white = torch.ones(400, 1, 40, 40)
    black = (Views(**STILL | {"erase": 0.5})(white, generator()) == 0).float().mean((1, 2, 3))
    assert 0.4 < (black > 0).float().mean() < 0.6
    assert black.max() <= 0.2


# --- batches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(9, 20, 30), (9, 20, 30, 3)])
def test_batches_are_the_stored_pictures_in_the_order_asked_for(shape):
    stored = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    pictures = StoredPictures(stored, 64)
    batch = pictures.batch(np.array([4, 0]))
    assert batch.shape == (2, pictures.channels, 20, 30)
    assert torch.equal((batch[0, -1] * 255).round().byte(), torch.from_numpy(stored[4].reshape(20, 30, -1)[..., -1]))
    assert torch.equal(pictures.batch(slice(4, 5)), batch[:1])


@pytest.mark.parametrize("channels", [1, 3])
def test_large_pictures_are_reduced_in_proportion(channels):
    shape = (70, 90, 120) if channels == 1 else (70, 90, 120, 3)
    stored = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    batch = StoredPictures(stored, 40).batch(slice(0, 70))
    assert batch.shape == (70, channels, 30, 40)
    assert torch.allclose(batch.mean(), torch.tensor(stored.mean() / 255).float(), atol=0.01)
    assert batch.std() < 0.15  # averaged, not picked


def test_pictures_on_disk_are_read_by_row(tmp_path):
    stored = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "images.npy", stored)
    mapped = StoredPictures(np.load(tmp_path / "images.npy", mmap_mode="r"), 8)
    assert torch.equal(mapped.batch(slice(2, 6)), StoredPictures(stored, 8).batch(np.arange(2, 6)))


@cases("array", [np.zeros((4, 8, 8)), np.zeros((4, 8, 8, 4), np.uint8), np.zeros((4, 8), np.uint8)])
def test_other_arrays_are_no_pictures(array):
    with pytest.raises(InputError, match="store"):
        StoredPictures(array, 8)
