"""Pictures of samples: small ones exact, large ones shrunk, hundreds of them light on the wire."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

import hume
from hume.common.errors import InputError
from hume.data.dataset import Dataset
from hume.data.thumbnails import data_uri, full_white, sample_images, thumbnail
from tests.support.rules import cases

PAGE = 5_000_000  # bytes that a page may send for 200 images


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def decoded(content, mode="RGB"):
    return np.asarray(Image.open(io.BytesIO(content)).convert(mode))


def png(image):
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG", optimize=True)
    return content.getvalue()


# --- one image ---------------------------------------------------------------------------------


@cases("shape", [(8, 8), (28, 28), (1, 1), (64, 20), (5, 7, 3), (32, 32, 3), (64, 64, 3)])
def test_a_small_image_arrives_pixel_by_pixel(shape):
    image = noise(*shape)
    mode = "L" if len(shape) == 2 else "RGB"
    np.testing.assert_array_equal(decoded(thumbnail(image), mode), image)


@cases(
    ("shape", "size", "expected"),
    [
        ((224, 224, 3), 96, (96, 96)),
        ((224, 112), 96, (96, 48)),
        ((100, 400, 3), 96, (24, 96)),
        ((28, 28), 14, (14, 14)),
    ],
)
def test_a_large_image_is_shrunk_in_its_proportions(shape, size, expected):
    assert decoded(thumbnail(noise(*shape), size)).shape[:2] == expected


def test_a_shrunk_image_still_looks_like_the_image():
    y, x = np.mgrid[0:224, 0:224]
    image = np.stack([x, y, 255 - x], axis=-1).clip(0, 255).astype(np.uint8)
    shrunk = decoded(thumbnail(image)).astype(int)
    averaged = np.asarray(Image.fromarray(image).resize((96, 96), Image.Resampling.BOX)).astype(int)
    assert np.abs(shrunk - averaged).mean() < 4


def test_a_memory_mapped_image_is_as_good_as_any(tmp_path):
    images = noise(3, 28, 28)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert thumbnail(mapped[1]) == thumbnail(images[1])


def test_the_same_image_gives_the_same_bytes():
    assert thumbnail(noise(224, 224, 3)) == thumbnail(noise(224, 224, 3))


@pytest.mark.parametrize("name", ["digits", "earth", "fashion-mnist"])
def test_embedded_images_are_smaller_than_as_png(name):
    images = sample_images(hume.load_dataset(name))[:100]
    assert sum(len(thumbnail(image)) for image in images) < sum(len(png(image)) for image in images)


def test_a_data_uri_holds_the_thumbnail():
    image = noise(28, 28)
    head, _, body = data_uri(image).partition(",")
    assert head == "data:image/webp;base64"
    assert base64.b64decode(body, validate=True) == thumbnail(image)


@cases(
    "image",
    [
        np.zeros((28, 28), np.float32),
        np.zeros((28, 28, 4), np.uint8),
        np.zeros((28, 28, 1), np.uint8),
        np.zeros(28, np.uint8),
        np.zeros((0, 28), np.uint8),
    ],
)
def test_anything_else_is_no_image(image):
    with pytest.raises(InputError, match="give uint8"):
        thumbnail(image)


def test_a_size_below_one_pixel_is_refused():
    with pytest.raises(InputError, match="size is 0"):
        thumbnail(noise(8, 8), 0)


# --- contrast ----------------------------------------------------------------------------------


@cases(("brightest", "white"), [(1, 1), (16, 16), (63, 63), (64, 255), (255, 255), (0, 255)])
def test_only_a_dataset_of_few_grey_values_is_brightened(brightest, white):
    images = np.zeros((5, 8, 8), np.uint8)
    images[2, 3, 3] = brightest
    assert full_white(images) == white


def test_what_counts_as_white_is_shown_white():
    image = np.array([[0, 4, 8, 16, 20]], np.uint8)
    np.testing.assert_array_equal(decoded(thumbnail(image, white=16), "L"), [[0, 63, 127, 255, 255]])


@pytest.mark.parametrize("name", ["digits", "earth", "fashion-mnist"])
def test_embedded_images_are_shown_as_they_are(name):
    assert full_white(sample_images(hume.load_dataset(name))) == 255


# --- many images -------------------------------------------------------------------------------


def test_two_hundred_images_of_pure_noise_stay_below_the_promise():
    """No texture compresses worse; base64, as in a report, makes it a third more."""
    images = noise(200, 224, 224, 3)
    assert sum(len(data_uri(image)) for image in images) < PAGE


# --- the images of a dataset ---------------------------------------------------------------------


def dataset_of(folder, images=None, content=None):
    if images is not None:
        np.save(folder / "images.npy", images)
    if content is not None:
        (folder / "images.npz").write_bytes(content)
    return Dataset(name="some", spaces={"phi1": hume.Space("phi1", np.ones((4, 2), np.float32))}, folder=folder)


def test_images_come_as_they_lie_in_the_folder(tmp_path):
    images = noise(4, 8, 8)
    np.testing.assert_array_equal(sample_images(dataset_of(tmp_path, images)), images)


def test_a_dataset_without_images_has_none(tmp_path):
    assert sample_images(dataset_of(tmp_path)) is None


@cases(
    ("images", "reason"),
    [
        (np.zeros((4, 8, 8), np.float32), "save them as uint8"),
        (np.zeros((4, 8, 8, 4), np.uint8), "save them as uint8"),
        (np.zeros((4, 64), np.uint8), "save them as uint8"),
        (np.zeros((3, 8, 8), np.uint8), "3 images for 4 rows"),
    ],
)
def test_images_that_do_not_fit_are_refused(tmp_path, images, reason):
    with pytest.raises(InputError, match=reason):
        sample_images(dataset_of(tmp_path, images))


@pytest.mark.parametrize("content", [b"", b"nothing of the kind"])
def test_a_damaged_file_is_named(tmp_path, content):
    with pytest.raises(InputError, match="cannot be read"):
        sample_images(dataset_of(tmp_path, content=content))


def test_an_archive_without_images_is_named(tmp_path):
    archive = io.BytesIO()
    np.savez(archive, pictures=noise(4, 8, 8))
    with pytest.raises(InputError, match="cannot be read"):
        sample_images(dataset_of(tmp_path, content=archive.getvalue()))
