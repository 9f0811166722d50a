"""A self-supervised space of colour images by the project's own training."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.data.folder import DatasetFolder
from hume.features.pretrain import defaults, pretrain


def self_supervised(images: NDArray[np.uint8], **choices: Any) -> NDArray[np.float32]:
    """Features (N, 256) of an encoder trained on these images (N, H, W, 3) by `hume.features.pretrain`, without labels.

    choices: settings in place of the defaults for a CPU, as the number of epochs. The last epoch is used.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = DatasetFolder(Path(place))
        np.save(folder.path / "images.npy", images)
        training = pretrain(folder, defaults(folder, "cpu", **choices))
        while True:
            try:
                record = next(training)
            except StopIteration as end:
                return np.array(folder.load().space(end.value).features, np.float32)
            print(f"  step {record.step} of {record.num_steps}, {record.seconds:.0f} s: {record.loss:.3f}", flush=True)
