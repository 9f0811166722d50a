"""A person's answers: they stay, they pull their class along, they can be joined, audited and taken back."""

import numpy as np
import pytest

from tests.support.planted_runs import save_folder

K, SIZE = 4, 60


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A run whose labelings take the classes 2 and 3 for one another in a part, and those classes in two spaces."""
    folder = tmp_path_factory.mktemp("home")
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(K), SIZE)
    dataset = save_folder(folder / "datasets" / "toys", labels=True)
    del dataset, rng, truth
    return folder
