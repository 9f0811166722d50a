"""The route of thumbnails: pictures that a browser may keep for good, and nothing but pictures."""

import io

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1.util import patch_config_options

import hume
from hume.common.errors import InputError
from hume.data.thumbnails import thumbnail
from pages._widgets.thumbnails import PREVIEW, ROUTES, register
from tests.support.rules import cases

NUM_SAMPLES = 5


def saved(folder, images):
    """A dataset on disk, with two spaces and, where there are any, images."""
    (folder / "spaces").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name in ("phi1", "phi2"):
        np.save(folder / "spaces" / f"{name}.npy", rng.normal(size=(NUM_SAMPLES, 3)).astype(np.float32))
    if images is not None:
        np.save(folder / "images.npy", images)
    return hume.load_dataset(folder)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (NUM_SAMPLES, *shape), dtype=np.uint8)


@pytest.fixture
def client():
    return TestClient(Starlette(routes=ROUTES), raise_server_exceptions=True)


@pytest.fixture
def pictures(tmp_path):
    return register(saved(tmp_path / "some", noise(28, 28)))


def assert_nothing(response):
    assert response.status_code == 404
    assert response.content == b""
    assert response.headers["Cache-Control"] == "no-store"


# --- what is served ----------------------------------------------------------------------------


def test_every_row_is_served_as_its_thumbnail(client, pictures):
    for row in range(NUM_SAMPLES):
        response = client.get(f"{pictures.url}{row}")
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "image/webp"
        assert response.content == thumbnail(pictures.images[row])


def test_a_browser_may_keep_a_picture_for_good_and_other_sites_may_not_show_it(client, pictures):
    headers = client.get(f"{pictures.url}1").headers
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_browser_that_asks_again_gets_no_second_copy(client, pictures):
    first = client.get(f"{pictures.url}1")
    again = client.get(f"{pictures.url}1", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def test_rows_and_sizes_have_tags_of_their_own(client, pictures):
    places = ["0", "1", f"1?size={PREVIEW}"]
    assert len({client.get(f"{pictures.url}{place}").headers["ETag"] for place in places}) == len(places)


def test_a_large_image_has_a_larger_picture_for_hovering(client, tmp_path):
    pictures = register(saved(tmp_path, noise(300, 300, 3)))
    assert pictures.shrunk
    sides = [
        Image.open(io.BytesIO(client.get(f"{pictures.url}0{size}").content)).size[0]
        for size in ("", f"?size={PREVIEW}")
    ]
    assert sides == [96, PREVIEW]


def test_a_small_image_has_nothing_more_to_show(pictures):
    assert not pictures.shrunk


def test_few_grey_values_are_shown_with_full_contrast(client, tmp_path):
    pictures = register(saved(tmp_path, noise(8, 8) // 16))
    shown = Image.open(io.BytesIO(client.get(f"{pictures.url}0").content))
    assert np.asarray(shown).max() == 255


def test_only_reading_is_possible(client, pictures):
    assert client.head(f"{pictures.url}1").status_code == 200
    assert client.post(f"{pictures.url}1").status_code == 405
    assert client.delete(f"{pictures.url}1").status_code == 405


# --- what is not -------------------------------------------------------------------------------


@cases("row", [str(NUM_SAMPLES), "-1", "1.0", "1e0", "0x1", "9" * 30, "", "one", "1/", "1/2", "%31%00"])
def test_a_row_that_is_not_there_is_not_found(client, pictures, row):
    assert_nothing(client.get(f"{pictures.url}{row}"))


@cases("size", ["97", "0", "-96", "100000", "large", "96.0"])
def test_other_sizes_are_not_made(client, pictures, size):
    assert_nothing(client.get(f"{pictures.url}1?size={size}"))


@cases(
    "place",
    [
        "0123456789abcdef0123/0",
        "digits/0",
        "%2e%2e%2fx/0",
        "..%2F..%2Fetc%2Fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "%2Fetc%2Fpasswd/0",
        "..%5C..%5Cwindows/0",
        "//example.org/0",
        "digits%00/0",
        "",
        "/",
    ],
)
def test_a_url_never_becomes_a_path(client, place):
    hume.load_dataset("digits")
    assert_nothing(client.get(f"/thumbnails/{place}"))


def test_a_folder_on_disk_is_not_served_before_a_page_registers_it(client, tmp_path):
    saved(tmp_path / "private", noise(8, 8))
    for place in (str(tmp_path / "private"), "private", "..%2Fprivate"):
        assert_nothing(client.get(f"/thumbnails/{place}/0"))


def test_a_dataset_named_like_a_path_gets_a_url_like_any_other(client, tmp_path):
    folder = tmp_path / "..%2fx <b>"
    pictures = register(saved(folder, noise(8, 8)))
    assert pictures.url.removeprefix("/thumbnails/").strip("0123456789abcdef") == "/"
    assert client.get(f"{pictures.url}0").status_code == 200


# --- registering -------------------------------------------------------------------------------


def test_the_same_images_keep_their_url(tmp_path):
    dataset = saved(tmp_path, noise(8, 8))
    assert register(dataset).url == register(dataset).url == register(hume.load_dataset(tmp_path)).url


def test_other_images_get_another_url(client, tmp_path):
    before = register(saved(tmp_path, noise(8, 8)))
    after = register(saved(tmp_path, noise(9, 9, seed=1)))
    assert before.url != after.url
    assert client.get(f"{after.url}2").content == thumbnail(noise(9, 9, seed=1)[2])


def test_without_images_there_is_nothing_to_serve(tmp_path):
    dataset = saved(tmp_path, None)
    assert register(dataset) is None
    phi1, phi2 = (dataset.space(name).path for name in ("phi1", "phi2"))
    assert register(hume.dataset_from_files(phi1, phi2)) is None


def test_images_that_cannot_be_shown_are_named(tmp_path):
    with pytest.raises(InputError, match="save them as uint8"):
        register(saved(tmp_path, np.zeros((NUM_SAMPLES, 8, 8), np.float32)))


def test_a_dataset_that_went_out_of_use_comes_back_when_a_page_shows_it_again(client, tmp_path):
    first = saved(tmp_path / "first", noise(8, 8))
    url = register(first).url
    for i in range(8):
        register(saved(tmp_path / str(i), noise(8, 8)))
    assert_nothing(client.get(f"{url}0"))
    assert register(first).url == url
    assert client.get(f"{url}0").status_code == 200


@cases("base", ["hume", "/hume/", "some/where"])
def test_urls_stand_below_the_servers_base_path(client, pictures, base):
    with patch_config_options({"server.baseUrlPath": base}):
        assert pictures.url.startswith(f"/{base.strip('/')}/thumbnails/")
        assert client.get(f"{pictures.url}0").status_code == 200
