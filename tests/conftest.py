"""What tests of the app share; the app is imported only when one of them runs."""

import os
from concurrent.futures import ThreadPoolExecutor

# Tests share the cores: one thread each, before torch and numba are loaded, and in what the tests start. Threads that
# wait for each other beside other work took a minute for a second's search.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"))

import pytest

from tests.support import torchvision_here  # noqa: F401 - before any test imports torchvision

pytest.register_assert_rewrite("tests.support.app_driver")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The store of an empty home folder that the pages serve."""
    from pages._state.services import services

    monkeypatch.setenv("HUME_HOME", str(tmp_path / "home"))
    shared = services()
    yield shared.store
    shared.jobs.close()
    shared.maps.close()


@pytest.fixture
def data(home):
    """A dataset of that home, with labels and names for its four classes."""
    from tests.support.app_driver import birds

    return birds(home)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    """A home with finished runs."""
    from hume import Store
    from hume.experiments import comparison, controlled_search
    from hume.experiments.comparison import Comparison
    from tests.support.app_driver import EXAMPLES, birds, finished, save_maps
    from tests.support.planted_runs import save_files, shorten

    store = Store(tmp_path_factory.mktemp("shelf").resolve())
    known = birds(store)
    finished(store, known, "first")
    finished(store, known, "second", seeds=range(6))
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch, comparison, controlled_search, num_iterations=100)
        for key in ("hume", "shuffled", "kmeans-phi1"):
            Comparison(store.home, known, "phi1", "phi2", num_classes=4).run(key)
    finished(store, birds(store, "nameless", labels=False), "unlabeled")
    files = save_files(store.home / "files", labels=False, **EXAMPLES)
    save_maps(store, files)
    finished(store, files, "from-files")
    return store


@pytest.fixture
def library(shelf, monkeypatch):
    """The home with finished runs, served to the pages; for tests that change nothing in it."""
    monkeypatch.setenv("HUME_HOME", str(shelf.home))
    return shelf


@pytest.fixture
def download(monkeypatch):
    """The file behind a download button, made as the server makes it: when it is asked for, in another thread."""
    from streamlit.runtime.media_file_manager import MediaFileManager

    offered = {}
    add = MediaFileManager.add_deferred

    def noted(self, make, mimetype, coordinates, file_name=None, *, element_id=""):
        offered[element_id] = make
        return add(self, make, mimetype, coordinates, file_name, element_id=element_id)

    monkeypatch.setattr(MediaFileManager, "add_deferred", noted)

    def download(at, key):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(offered[at.download_button(key=key).proto.id]).result()

    return download
