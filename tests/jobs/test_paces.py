"""How fast searches go is measured in the background, once for what is alike, and again when a machine is free."""

from dataclasses import replace
from time import monotonic, sleep

import pytest

from hume.engine.config import preset
from hume.jobs import measured as module
from hume.jobs.paces import Paces
from hume.runs.cost import Sizes
from tests.support.planted_runs import save_folder


@pytest.fixture
def paces():
    found = Paces()
    yield found
    found.close()


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Ask how fast a search of a small dataset goes, with changes to its configuration."""
    dataset = save_folder(tmp_path_factory.mktemp("planted") / "planted", classes=4, size=60)

    def ask(paces, *, busy=False, num_seeds=10, num_classes=4, **changes):
        config, solver = preset("fast", num_classes=num_classes, num_samples=dataset.num_samples)
        asked = (dataset, "phi1", "phi2", replace(config, **changes), solver)
        sizes = Sizes.of(*asked, num_seeds=num_seeds)
        return paces.ask(*asked, sizes, "transductive", "cpu", busy=busy)

    return ask


def measured(ask, paces, **options):
    """The pace, once it is known."""
    end = monotonic() + 60
    while (answer := ask(paces, **options))[1]:
        assert answer == (None, True)
        assert monotonic() < end, "it was not measured"
        sleep(0.01)
    return answer[0]


def test_seeds_patience_and_about_as_many_classes_are_not_measured_again(paces, ask):
    pace = measured(ask, paces)
    for change in ({"num_seeds": 500}, {"patience": 7}, {"num_iterations": 3}, {"num_classes": 5}):
        assert ask(paces, **change) == (pace, False)
    assert ask(paces, num_splits=2) == (None, True)


def test_what_was_measured_beside_a_search_is_measured_again_after_it(paces, ask):
    beside = measured(ask, paces, busy=True)
    assert ask(paces, busy=True) == (beside, False)
    assert ask(paces) == (beside, False)  # and meanwhile another is measured
    end = monotonic() + 60
    while (now := ask(paces)[0]) == beside:
        assert monotonic() < end, "it was not measured again"
        sleep(0.01)
    assert ask(paces, busy=True) == ask(paces) == (now, False)


def test_what_is_old_is_measured_again(paces, ask, monkeypatch):
    before = measured(ask, paces)
    monkeypatch.setattr(module, "KEPT_SECONDS", 0.0)
    end = monotonic() + 60
    while ask(paces)[0] == before:
        assert monotonic() < end, "it was not measured again"
        sleep(0.01)
