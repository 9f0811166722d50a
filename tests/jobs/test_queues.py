"""A job's time: what is left at its recent pace; what it waits for; queues that wait for no other."""

import threading

import pytest

from hume.jobs import queues
from hume.jobs.queues import JobContext, Queues


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes by hand."""
    now = [0.0]
    monkeypatch.setattr(queues, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def job(clock):
    """Reports a share of a phase at a moment; returns the seconds that are left."""
    said = []
    context = JobContext(said.append, "job", threading.Event())

    def report(moment, share, phase="working"):
        clock[0] = moment
        context.report(phase, share)
        return said[-1].seconds_left

    return report


def test_the_time_left_is_that_of_an_even_pace(job):
    assert job(0, 0.0) is None
    assert job(10, 0.1) == pytest.approx(90)
    assert job(20, 0.2) == pytest.approx(80)


def test_what_was_done_before_counts_for_no_pace(job):
    assert job(0, 0.5) is None  # resumed
    assert job(10, 0.55) == pytest.approx(90)


def test_the_time_left_follows_the_machine(job):
    for second in range(61):
        job(second, second / 1000)
    for second in range(61, 140):  # ten times slower
        left = job(second, 0.06 + (second - 60) / 10_000)
    assert left == pytest.approx((1 - 0.0679) * 10_000, rel=0.01)


def test_every_phase_has_its_own_pace(job):
    job(0, 0.0, "searching")
    job(100, 1.0, "searching")
    assert job(101, 0.0, "scoring") is None
    assert job(103, 0.5, "scoring") == pytest.approx(2)


def test_a_waiting_job_names_the_one_before_it_and_other_queues_go_on():
    made, begun, go = Queues(), threading.Event(), threading.Event()

    def block(context):
        begun.set()
        go.wait()

    try:
        made.submit("search", "cpu", block)
        assert begun.wait(60)
        for name in ("second", "third"):
            made.submit(name, "cpu", lambda context: None)
        done = threading.Event()
        made.submit("Add pictures", "files", lambda context: done.set())
        assert done.wait(60)
        assert (made.status("second").ahead, made.status("second").waits_for) == (1, "search")
        assert (made.status("third").ahead, made.status("third").waits_for) == (2, "search")
    finally:
        go.set()
        made.close()
