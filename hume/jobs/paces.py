"""The speed of searches, measured in the background without blocking a page."""

import logging
import math
import threading
from collections.abc import Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

from hume.data.dataset import Dataset
from hume.data.splits import Setting
from hume.engine.config import Config
from hume.engine.solvers import InnerSolver
from hume.runs.cost import Sizes
from hume.runs.pace import Pace, measure

KEPT_SECONDS = 300.0  # other programs come and go

log = logging.getLogger(__name__)


class Paces:
    """The speeds measured in this process, by dataset, sizes, solver and device; may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "hume-pace")
        self._kept: dict[Hashable, tuple[Pace | None, bool, float]] = {}  # with whether it was busy, and when
        self._measuring: dict[Hashable, tuple[Future[Pace | None], bool]] = {}

    def ask(
        self, dataset: Dataset, phi1: str, phi2: str, config: Config, solver: InnerSolver, sizes: Sizes,
        setting: Setting, device: str, *, busy: bool,
    ) -> tuple[Pace | None, bool]:  # fmt: skip
        """The speed of a search, None where unknown, and whether it is still being measured.

        `busy`: this process searches now. A search that is launched now waits for that, so what was measured before is
        better than what could be measured meanwhile, which in turn is measured again once it is over. The numbers of
        seeds and iterations do not matter, that of classes only by its order of magnitude.
        """
        key = (
            dataset.name, phi1, phi2, sizes.num_samples, sizes.searched, sizes.scored, sizes.d1, sizes.d2,
            sizes.on_disk, round(math.log2(config.num_classes)), config.num_train, config.num_test, config.num_splits,
            config.centre, config.encoder, config.precision, solver, device,
        )  # fmt: skip
        with self._lock:
            if key in self._measuring and self._measuring[key][0].done():
                future, meanwhile = self._measuring.pop(key)
                if not future.cancelled():
                    self._kept[key] = (_result(future), meanwhile, monotonic())
            pace, was_busy, since = self._kept.get(key, (None, True, -math.inf))
            fresh = since > -math.inf and (busy or (not was_busy and monotonic() - since < KEPT_SECONDS))
            if not fresh and key not in self._measuring:
                for other, _ in self._measuring.values():
                    other.cancel()  # what was asked for before and has not begun; it is asked for again if need be
                asked = (dataset, phi1, phi2, config, solver, sizes, setting, device)
                self._measuring[key] = self._thread.submit(measure, *asked), busy
        return pace, since == -math.inf

    def close(self) -> None:
        """Wait for the current measurement; no other starts."""
        self._thread.shutdown(cancel_futures=True)


def _result(measured: "Future[Pace | None]") -> Pace | None:
    error = measured.exception()
    if error is None:
        return measured.result()
    log.error("the speed of a search could not be measured", exc_info=error)
    return None
