"""Objects that several threads read compute each property once, and one does not wait for another."""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hume.common.once import once


class Slow:
    def __init__(self):
        self.computed, self.may_go, self.is_there = 0, threading.Event(), threading.Event()

    @once
    def value(self) -> int:
        self.is_there.set()
        assert self.may_go.wait(60)
        self.computed += 1
        return self.computed

    @once
    def above(self) -> int:
        return self.value + 1


class Failing:
    tries = 0

    @once
    def value(self) -> int:
        self.tries += 1
        if self.tries < 2:
            raise ValueError("not yet")
        return self.tries


def test_threads_share_one_computation():
    slow = Slow()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(lambda: slow.above) for _ in range(4)]
        assert slow.is_there.wait(60)
        slow.may_go.set()
        assert {each.result(60) for each in asked} == {2}
    assert slow.computed == 1


def test_another_object_does_not_wait():
    slow, quick = Slow(), Slow()
    quick.may_go.set()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lambda: slow.value)
        assert slow.is_there.wait(60)
        assert quick.value == 1
        assert not asked.done()
        slow.may_go.set()
        assert asked.result(60) == 1


def test_an_error_is_not_kept_and_objects_are_pickled():
    failing = Failing()
    with pytest.raises(ValueError, match="not yet"):
        _ = failing.value
    assert failing.value == 2
    assert pickle.loads(pickle.dumps(failing)).value == 2
    assert failing.tries == 2
