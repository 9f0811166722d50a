"""What a search leaves of a seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The reported objective is averaged over so many last iterations: single splits are noisy.
FINAL_WINDOW = 20


@dataclass(frozen=True)
class FinishedSeed:
    """The result of one seed."""

    seed: int
    prototypes: NDArray[np.float32]  # (K, d1), orthonormal rows
    objective: NDArray[np.float32]  # Eq. 7 at every iteration, nats
    test_error: NDArray[np.float32]  # its first term, the held-out cross-entropy, nats
    converged: bool  # stopped by `patience`, not by `num_iterations`

    @property
    def final_objective(self) -> float:
        """Eq. 7 averaged over the last iterations, lower is better."""
        return final_objective(self.objective)


def final_objective(curve: NDArray[np.float32]) -> float:
    """Eq. 7 averaged over the last iterations of a curve (T,), nats; NaN for an empty one."""
    return float(curve[-FINAL_WINDOW:].mean()) if len(curve) else np.nan
