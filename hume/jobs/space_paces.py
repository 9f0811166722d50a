"""How long a training or an extraction will take, measured in the background without blocking a page."""

import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import monotonic

from hume.common.devices import out_of_memory
from hume.common.errors import HumeError
from hume.data.folder import DatasetFolder
from hume.features.pretrain_config import PretrainConfig

KEPT_SECONDS = 300.0  # other programs come and go

log = logging.getLogger(__name__)


class SpacePaces:
    """The times measured in this process; may be called from any thread. None stands for a time that is not known.

    is_busy: whether this process works on something, which a measurement would slow down and be slowed down by: none
    begins meanwhile.
    """

    def __init__(self, is_busy: Callable[[], bool] = lambda: False) -> None:
        self._is_busy = is_busy
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "hume-space-pace")
        self._kept: dict[Hashable, tuple[Callable[[PretrainConfig], float] | float | None, float]] = {}
        self._measuring: dict[Hashable, Future[Callable[[PretrainConfig], float] | float]] = {}

    def training(self, folder: DatasetFolder, config: PretrainConfig, device: str) -> tuple[float | None, bool]:
        """The seconds of a training, and whether its pace is still being measured; its epochs do not matter."""
        key = (
            folder.path, config.method, config.encoder, config.side, config.batch_size, config.precision,
            config.train_split_only, device,
        )  # fmt: skip

        def measure() -> Callable[[PretrainConfig], float]:
            from hume.features.space_pace import measure_training

            return measure_training(folder, config, device).seconds

        pace, measuring = self._ask(key, measure)
        return (pace(config) if callable(pace) else pace), measuring

    def extraction(
        self, folder: DatasetFolder, network: str, device: str, *, size: int | None, weights: Path | None
    ) -> tuple[float | None, bool]:
        """The seconds of an extraction, and whether they are still being measured; its weights must be here."""

        def measure() -> float:
            from hume.features.backbones import load_backbone
            from hume.features.space_pace import measure_extraction

            return measure_extraction(folder, load_backbone(network, weights=weights, device=device, size=size))

        seconds, measuring = self._ask((folder.path, network, size, weights, device), measure)
        return (None if callable(seconds) else seconds), measuring

    def close(self) -> None:
        """Wait for the current measurement; no other starts."""
        self._thread.shutdown(cancel_futures=True)

    def _ask(
        self, key: Hashable, measure: Callable[[], Callable[[PretrainConfig], float] | float]
    ) -> tuple[Callable[[PretrainConfig], float] | float | None, bool]:
        with self._lock:
            if key in self._measuring and self._measuring[key].done():
                future = self._measuring.pop(key)
                if not future.cancelled():
                    self._kept[key] = _result(future), monotonic()
            known, since = self._kept.get(key, (None, None))
            stale = since is None or monotonic() - since > KEPT_SECONDS
            if stale and key not in self._measuring and not self._is_busy():
                self._measuring[key] = self._thread.submit(partial(measure))
            return known, since is None and key in self._measuring


def _result(
    measured: "Future[Callable[[PretrainConfig], float] | float]",
) -> Callable[[PretrainConfig], float] | float | None:
    error = measured.exception()
    if error is None:
        return measured.result()
    if not isinstance(error, HumeError) and not out_of_memory(error):
        log.error("the time of a space could not be measured", exc_info=error)
    return None
