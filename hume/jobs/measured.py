"""What takes a while to measure, measured in the background without blocking a page."""

import logging
import math
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Generic, TypeVar

from hume.common.devices import out_of_memory
from hume.common.errors import HumeError

KEPT_SECONDS = 300.0  # other programs come and go

log = logging.getLogger(__name__)

T = TypeVar("T")


class Measured(Generic[T]):
    """The values that were measured in this process, one after another; may be called from any thread.

    name: of the thread, and of what is measured in the log. None stands for a value that is not known.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, name)
        self._kept: dict[Hashable, tuple[T | None, bool, float]] = {}  # with whether it was busy, and when
        self._measuring: dict[Hashable, tuple[Future[T | None], bool]] = {}

    def ask(
        self, key: Hashable, measure: Callable[[], T | None], *, busy: bool, beside: bool = True
    ) -> tuple[T | None, bool]:
        """The value of a key, and whether it is still being measured for the first time.

        busy: this process works. What was measured before is then better than what could be measured meanwhile, which
        in turn is measured again once the work is over; not `beside` it: nothing is measured meanwhile.
        """
        with self._lock:
            if key in self._measuring and self._measuring[key][0].done():
                future, meanwhile = self._measuring.pop(key)
                if not future.cancelled():
                    self._kept[key] = self._result(future), meanwhile, monotonic()
            value, was_busy, since = self._kept.get(key, (None, True, -math.inf))
            known = since > -math.inf
            fresh = known and (busy or (not was_busy and monotonic() - since < KEPT_SECONDS))
            if not fresh and key not in self._measuring and (beside or not busy):
                for other, _ in self._measuring.values():
                    other.cancel()  # what was asked for before and has not begun; it is asked for again if need be
                self._measuring[key] = self._thread.submit(measure), busy
            return value, not known and key in self._measuring

    def close(self) -> None:
        """Wait for the current measurement; no other starts."""
        self._thread.shutdown(cancel_futures=True)

    def _result(self, measured: "Future[T | None]") -> T | None:
        error = measured.exception()
        if error is None:
            return measured.result()
        if not isinstance(error, HumeError) and not out_of_memory(error):
            log.error("%s: it could not be measured", self._name, exc_info=error)
        return None
