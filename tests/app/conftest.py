"""What all tests of the pages share."""

import math

import pytest


@pytest.fixture(autouse=True)
def judged_at_once(monkeypatch):
    """Whether a run is reliable is computed by the page, however slow the machine; one test has it in the queue."""
    from pages._sections import trust

    monkeypatch.setattr(trust, "AT_ONCE", math.inf)
