"""Recording of a search: every variable of Algorithm 1 at every phase of every iteration, for one seed.

    recording = record(phi1, phi2, config, solver, seed=0)
    moment = recording.at(recording.frame(iteration=20, phase=TEST))
    moment.task, moment.classifier, moment.errors

`record` observes `search` through its solver: the recorded values are those that the engine computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.errors import InputError
from hume.common.once import once
from hume.data.rows import Rows
from hume.engine import simplex
from hume.engine.config import Config
from hume.engine.inner import ImplicitProblem
from hume.engine.linear import cross_entropy
from hume.engine.prototypes import soft_labels
from hume.engine.search import Step, search
from hume.engine.solvers import Implicit
from hume.evaluation.seed_statistics import typical_samples

PHASES = ("Prototypes", "Task", "Split", "Inner fit", "Test error", "Update")
PROTOTYPES, TASK, SPLIT, FIT, TEST, UPDATE = range(len(PHASES))

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Recording:
    """One seed's whole search: T iterations of n rows, K classes."""

    config: Config
    solver: Implicit
    phi1: Floats  # (n, d1), unit rows
    phi2: Floats  # (n, d2)
    prototypes: Floats  # (T + 1, K, d1): before every update, and after the last
    task: Floats  # (T, n, K) τ of every row, drawn or not
    drawn: NDArray[np.int64]  # (T, m) rows of the split, first those to learn from
    classifier: Floats  # (T, d2, K) W2 once fitted
    shares: Floats  # (T, K) the mean task of the rows drawn
    train_error: Floats  # (T,) nats
    test_error: Floats  # (T,) nats, the first term of Eq. 7
    entropy: Floats  # (T,) nats, R of Eq. 6
    objective: Floats  # (T,) nats, Eq. 7

    @property
    def num_iterations(self) -> int:
        return len(self.task)

    @property
    def num_frames(self) -> int:
        """The number of moments: every phase of every iteration."""
        return self.num_iterations * len(PHASES)

    @staticmethod
    def frame(iteration: int, phase: int) -> int:
        """The number of a moment, from 0; iterations count from 0 too."""
        return iteration * len(PHASES) + phase

    def at(self, frame: int) -> "Moment":
        """The variables of Algorithm 1 at a moment; numbers beyond the ends are clipped."""
        iteration, phase = divmod(min(max(frame, 0), self.num_frames - 1), len(PHASES))
        return Moment(self, iteration, phase)

    def temperature(self, iteration: int) -> float:
        """γ, with its annealing."""
        return self.config.temperature * self.config.annealing(iteration)


@dataclass(frozen=True, eq=False)
class Moment:
    """The variables of Algorithm 1 in one phase of one iteration; each changes in its own phase only.

    A variable without a value yet is None.
    """

    recording: Recording
    iteration: int  # from 0
    phase: int  # of PHASES

    def _latest(self, phase: int) -> int | None:
        """The iteration of the current value of a variable of that phase."""
        iteration = self.iteration if self.phase >= phase else self.iteration - 1
        return None if iteration < 0 else iteration

    @property
    def prototypes(self) -> Floats:
        """W1 (K, d1) of this iteration."""
        prototypes: Floats = self.recording.prototypes[self.iteration]
        return prototypes

    @property
    def moved(self) -> Floats | None:
        """W1 (K, d1) after the update, in that phase only."""
        return self.recording.prototypes[self.iteration + 1] if self.phase == UPDATE else None

    @property
    def trail(self) -> Floats:
        """The path of the prototypes so far, (≤ T + 1, K, d1)."""
        return self.recording.prototypes[: self.iteration + 1 + (self.phase == UPDATE)]

    @property
    def turned(self) -> NDArray[np.float64]:
        """The angle (K,) by which this iteration's update turns every prototype, in degrees."""
        before, after = self.recording.prototypes[self.iteration : self.iteration + 2].astype(np.float64)
        chord: NDArray[np.float64] = np.linalg.norm(after - before, axis=1)
        angles: NDArray[np.float64] = np.degrees(2 * np.arcsin(np.minimum(1, chord / 2)))
        return angles

    @once
    def cosines(self) -> Floats:
        """W1 φ̂1 (n, K): how near every row is to every prototype."""
        cosines: Floats = self.recording.phi1 @ self.prototypes.T
        return cosines

    @property
    def task(self) -> Floats | None:
        """τ (n, K), rows of sum 1."""
        at = self._latest(TASK)
        return None if at is None else self.recording.task[at]

    @property
    def shares(self) -> Floats | None:
        """τ̄ (K,), the share of each class in the labels."""
        at = self._latest(TASK)
        return None if at is None else self.recording.shares[at]

    @property
    def split(self) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Train rows and test rows."""
        at = self._latest(SPLIT)
        return None if at is None else self._split(at)

    @property
    def classifier(self) -> Floats | None:
        """W2 (d2, K)."""
        at = self._latest(FIT)
        return None if at is None else self.recording.classifier[at]

    @once
    def errors(self) -> NDArray[np.float64] | None:
        """Cross-entropy of every test row of the split in nats; their mean is the test error. None until it is tested.

        The classifier's prediction on a row x is softmax(x W2), its label the row's τ.
        """
        at = self._latest(TEST)
        if at is None or self.phase in (SPLIT, FIT):
            return None
        rows = self._split(at)[1]
        errors: NDArray[np.float64] = -(self.recording.task[at][rows] * np.log(self.predictions(at))).sum(1)
        return errors

    def predictions(self, iteration: int) -> NDArray[np.float64]:
        """softmax(W2 φ2) of an iteration's test rows, (m, K)."""
        recording = self.recording
        logits = recording.phi2[self._split(iteration)[1]].astype(np.float64) @ recording.classifier[iteration]
        shares: NDArray[np.float64] = torch.softmax(torch.from_numpy(logits), 1).numpy()
        return shares

    @property
    def num_tested(self) -> int:
        """The number of iterations with a test error, up to which the curves are known."""
        return self.iteration + (self.phase >= TEST)

    def typical(self, most: int) -> list[NDArray[np.int64]]:
        """Up to `most` rows of every class, the nearest to its prototype first."""
        cosines = self.cosines
        rows = typical_samples(cosines.max(1), cosines.argmax(1), cosines.shape[1], most)
        return [chosen[chosen >= 0] for chosen in rows]

    def _split(self, iteration: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        drawn, num_train = self.recording.drawn[iteration], self.recording.config.num_train
        return drawn[:num_train], drawn[num_train:]


# --- the recording -------------------------------------------------------------------------------


class _Watch:
    """A solver that delegates to another, and exposes its problem."""

    problem: "_WatchedProblem"

    def __init__(self, solver: Implicit):
        self._solver = solver

    def start(self, phi2: Rows, num_classes: int, seeds: Sequence[int]) -> "_WatchedProblem":
        self.problem = _WatchedProblem(self._solver.start(phi2, num_classes, seeds))
        return self.problem

    def floats_per_seed(self, num_train: int, dim: int, num_classes: int) -> int:
        return self._solver.floats_per_seed(num_train, dim, num_classes)


class _WatchedProblem:
    """An inner problem that stores the latest split and labels."""

    drawn: Tensor  # (m,)
    labels: Tensor  # (m, K, S)

    def __init__(self, problem: ImplicitProblem):
        self._problem = problem

    @property
    def classifier(self) -> Tensor:
        return self._problem.classifier

    def rows(self, index: Tensor) -> Tensor:
        self.drawn = index
        return self._problem.rows(index)

    def generalization(self, x: Tensor, task: Tensor, num_train: int) -> tuple[Tensor, Tensor]:
        self.labels = task
        return self._problem.generalization(x, task, num_train)

    def keep(self, seeds: Tensor) -> None:
        self._problem.keep(seeds)

    def state(self) -> dict[str, Tensor]:
        return self._problem.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._problem.load(state)


def record(phi1: Tensor, phi2: Tensor, config: Config, solver: Implicit, *, seed: int) -> Recording:
    """Run the search of one seed on unit rows phi1 (n, d1) and rows phi2 (n, d2), and record every phase.

    Raises InputError as the search does, and unless an iteration draws one split: only that can be shown.
    """
    if config.num_splits != 1:
        raise InputError(f"only one split an iteration can be shown, got num_splits={config.num_splits}")
    watch, seen, prototypes = _Watch(solver), [], []
    for step in search(phi1, phi2, config, solver=watch, seeds=[seed]):
        prototypes.append(step.prototypes[0].numpy())
        seen.append(_seen(phi1, phi2, config, watch.problem, step))
        if step.finished:
            prototypes.append(step.finished[0].prototypes)
    stacked = {name: np.stack([one[name] for one in seen]) for name in seen[0]}
    return Recording(
        config=config,
        solver=solver,
        phi1=phi1.numpy(),
        phi2=phi2.numpy(),
        prototypes=np.stack(prototypes),
        **stacked,
    )


def _seen(
    phi1: Tensor, phi2: Tensor, config: Config, problem: _WatchedProblem, step: Step
) -> dict[str, NDArray[np.generic]]:
    """The variables of one iteration for its only seed."""
    drawn, labels, classifier = problem.drawn, problem.labels, problem.classifier
    everyone = soft_labels(phi1, step.prototypes, config.temperature * config.annealing(step.iteration))
    everyone[drawn] = labels  # the engine's own, to the last bit
    learned = drawn[: config.num_train]
    train_error, _, _ = cross_entropy(phi2[learned], classifier, labels[: config.num_train])
    return {
        "task": everyone[:, :, 0].numpy(),
        "drawn": drawn.numpy(),
        "classifier": classifier[:, :, 0].numpy(),
        "shares": step.label_shares[0].numpy(),
        "train_error": train_error[0].numpy(),
        "test_error": step.test_error[0].numpy(),
        "entropy": simplex.label_entropy(step.label_shares.T)[0].numpy(),
        "objective": step.objective[0].numpy(),
    }
