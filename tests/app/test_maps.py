"""Maps that are not there yet: made in a process of their own, stopped, and tried again."""

import numpy as np
import pytest

from hume.reporting.maps import map_key
from pages._state import services
from tests.support.app_driver import (
    birds,
    given,
    look,
    press,
    rerun,
    until,
)


@pytest.fixture
def unmapped(home):
    """A run whose maps are still to be made."""
    data = birds(home)
    run = given(home, data, "first", [data.labels])
    for path in (home.home / "maps").iterdir():
        path.unlink()
    return run


def test_a_map_that_is_made_can_be_stopped_and_asked_for_again(unmapped):
    at = look("explore", run="first", sample="5")
    assert any(bar.proto.text.startswith("Computing the map, once for all runs") for bar in at.get("progress"))
    assert at.subheader[0].value.startswith("Sample 5")  # a sample can be looked at meanwhile
    press(at, "cancel map")
    assert all(not bar.proto.text.startswith("Computing") for bar in at.get("progress"))
    press(at, "make map")
    press(at, "cancel map")
    assert at.button(key="make map")


@pytest.mark.slow
def test_a_map_that_failed_says_why_and_can_be_tried_again(unmapped):
    look("search", run="first")  # the data are read, and then exchanged
    space = unmapped.dataset().space("phi1")
    maps = services.services().maps
    at = look("objective", run="first")
    np.save(space.path, np.array(space.features) + 1)
    at.switch_page("explore.py").run()
    key = map_key(space)
    until(lambda: maps.progress(key) is None or maps.progress(key).state == "failed")
    rerun(at)
    assert "has changed since the map was requested" in at.error[0].value
    assert at.button(key="retry map").label == "Try again"
