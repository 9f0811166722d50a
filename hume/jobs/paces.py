"""How long searches, trainings and extractions take on this machine, measured in the background."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hume.data.dataset import Dataset
from hume.data.folder import DatasetFolder
from hume.data.splits import Setting
from hume.engine.config import Config
from hume.engine.solvers import InnerSolver
from hume.features.pretrain_config import PretrainConfig
from hume.jobs.measured import Measured
from hume.runs.cost import Sizes
from hume.runs.pace import Pace, measure


class Paces:
    """The speeds of searches; may be called from any thread."""

    def __init__(self) -> None:
        self._measured = Measured[Pace]("hume-pace")

    def ask(
        self, dataset: Dataset, phi1: str, phi2: str, config: Config, solver: InnerSolver, sizes: Sizes,
        setting: Setting, device: str, *, busy: bool,
    ) -> tuple[Pace | None, bool]:  # fmt: skip
        """The speed of a search, None where unknown, and whether it is still being measured.

        busy: this process searches now. The numbers of seeds and iterations do not matter, that of classes only by its
        order of magnitude.
        """
        key = (
            dataset.name, phi1, phi2, sizes.num_samples, sizes.searched, sizes.scored, sizes.d1, sizes.d2,
            sizes.on_disk, round(math.log2(config.num_classes)), config.num_train, config.num_test, config.num_splits,
            config.centre, config.encoder, config.precision, solver, device,
        )  # fmt: skip
        asked = partial(measure, dataset, phi1, phi2, config, solver, sizes, setting, device)
        return self._measured.ask(key, asked, busy=busy)

    def close(self) -> None:
        """Wait for the current measurement; no other starts."""
        self._measured.close()


class SpacePaces:
    """The seconds of trainings and extractions; may be called from any thread.

    is_busy: whether this process works on something, which a measurement would slow down and be slowed down by: none
    begins meanwhile.
    """

    def __init__(self, is_busy: Callable[[], bool] = lambda: False) -> None:
        self._is_busy = is_busy
        self._measured = Measured[Callable[..., float]]("hume-space-pace")

    def training(self, folder: DatasetFolder, config: PretrainConfig, device: str) -> tuple[float | None, bool]:
        """The seconds of a training, and whether its pace is still being measured; its epochs do not matter."""
        key = (
            folder.path, config.method, config.encoder, config.side, config.batch_size, config.precision,
            config.train_split_only, device,
        )  # fmt: skip

        def measure() -> Callable[[PretrainConfig], float]:
            from hume.features.space_pace import measure_training

            return measure_training(folder, config, device).seconds

        seconds, measuring = self._measured.ask(key, measure, busy=self._is_busy(), beside=False)
        return (None if seconds is None else seconds(config)), measuring

    def extraction(
        self, folder: DatasetFolder, network: str, device: str, *, size: int | None, weights: Path | None
    ) -> tuple[float | None, bool]:
        """The seconds of an extraction, and whether they are still being measured; its weights must be here."""

        def measure() -> Callable[[], float]:
            from hume.features.backbones import load_backbone
            from hume.features.space_pace import measure_extraction

            backbone = load_backbone(network, weights=weights, device=device, size=size)
            return partial(float, measure_extraction(folder, backbone))

        key = (folder.path, network, size, weights, device)
        seconds, measuring = self._measured.ask(key, measure, busy=self._is_busy(), beside=False)
        return (None if seconds is None else seconds()), measuring

    def close(self) -> None:
        """Wait for the current measurement; no other starts."""
        self._measured.close()
