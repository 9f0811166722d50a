"""The route of arrays: what a page has offered, byte for byte, and nothing else."""

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pages._widgets import arrays

KEY = "0123456789abcdef" * 2


@pytest.fixture
def client():
    return TestClient(Starlette(routes=arrays.ROUTES), raise_server_exceptions=True)


@pytest.mark.parametrize("base", ["", "/a/b"])
def test_an_array_comes_as_its_bytes_to_be_kept_for_good(client, base):
    given = np.array([1.5, np.nan, -0.0], np.float32)
    url = arrays.offer({KEY: given})
    response = client.get(f"{base}{url}{KEY}")
    assert response.status_code == 200
    assert response.content == given.tobytes()
    assert "immutable" in response.headers["Cache-Control"]
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("key", ["f" * 32, "..%2Fapp.py", KEY.upper(), KEY + "0", "%00"])
def test_what_no_page_offered_is_not_there(client, key):
    arrays.offer({KEY: np.zeros(1)})
    response = client.get(f"/arrays/{key}")
    assert response.status_code == 404


def test_the_latest_arrays_are_kept_and_all_of_one_page(monkeypatch, client):
    monkeypatch.setattr(arrays, "_MOST_BYTES", 100)
    old, new = "a" * 32, ["b" * 32, "c" * 32]
    url = arrays.offer({old: np.zeros(10)})
    arrays.offer({key: np.zeros(10) for key in new})
    assert client.get(url + old).status_code == 404
    assert [client.get(url + key).status_code for key in new] == [200, 200]
