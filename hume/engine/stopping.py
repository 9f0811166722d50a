"""When the search of a seed ends: at the last iteration, or where its objective no longer falls."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.engine.config import Config


class EarlyStopping:
    """Decides for every seed, by its own objective alone, when to lower the step size and when to stop.

    A seed whose mean objective over the last `patience` iterations is not `min_gain` below
    that of the `patience` before continues for `patience` more with a tenth of the step size,
    so that the noise of single splits averages out, and stops.
    """

    def __init__(self, config: Config, num_seeds: int):
        self._config = config
        self._ends_at = np.full(num_seeds, config.num_iterations - 1)
        self.converged = np.zeros(num_seeds, bool)
        self.pace = np.ones(num_seeds)  # the factor on every seed's step size

    def state(self) -> dict[str, Tensor]:
        """All that changes during a search."""
        arrays = {"ends_at": self._ends_at, "converged": self.converged, "pace": self.pace}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        self._ends_at, self.converged, self.pace = (
            state[name].cpu().numpy() for name in ("ends_at", "converged", "pace")
        )

    def _judges_plateaus(self, iteration: int) -> bool:
        """Whether to test for plateaus: a test at every iteration would stop at a lucky split."""
        patience, elapsed = self._config.patience, iteration + 1
        return bool(patience and elapsed >= 2 * patience and elapsed % max(1, patience // 2) == 0)

    def is_due(self, iteration: int) -> bool:
        """Whether `update` must be called after this iteration; after all others it changes nothing."""
        return self._judges_plateaus(iteration) or bool((self._ends_at == iteration).any())

    def update(self, iteration: int, active: NDArray[np.intp], objectives: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which of the active seeds end with this iteration, (A,); objectives is (iteration + 1, S)."""
        patience = self._config.patience
        if patience and self._judges_plateaus(iteration):
            recent = objectives[-patience:].mean(0)
            before = objectives[-2 * patience : -patience].mean(0)
            plateau = (recent > before - self._config.min_gain) & (self.pace == 1)
            self.pace[plateau] = 0.1
            self.converged |= plateau
            self._ends_at[plateau] = np.minimum(self._ends_at[plateau], iteration + patience)
        return self._ends_at[active] <= iteration
