"""How strongly a search should keep classes even: chosen without labels, by what both spaces support.

The entropy term (η of Eq. 7) with its published weight gives classes of nearly equal size. Where people's classes are
not, a search with less weight finds labelings that are much more likely in both spaces at once; where they are, it
finds labelings that are hardly more likely, and worse. So a few seeds are searched in each way, refined, and the
published weight is kept unless another way is clearly more likely. One large class also makes centring φ1 harmful: the
mean row is nearly its own centre, and its rows then point everywhere. So one of the ways leaves φ1 as it is.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data.dataset import Dataset, Space
from hume.data.features import spread_over
from hume.data.splits import Setting, searched_rows
from hume.engine.config import Config, check_sizes
from hume.engine.refinement import enough_rows
from hume.engine.solvers import InnerSolver
from hume.runs.evenness import Evenness, Way
from hume.runs.refinement import Refinement, number_of_voters
from hume.runs.searching import of_search, search_all

LESS_WEIGHT = 0.1  # of the entropy term, relative to what is asked for
CLEARLY = 0.2  # nats a row; even data gain at most .15 (Fashion-MNIST with vit-s), most uneven ones more
NUM_SEEDS = 8
SHORTER = 4  # times the patience of the search: what is left of the order of the ways is enough
MOST_ROWS = 10_000


def can_choose(dataset: Dataset, config: Config, setting: Setting) -> bool:
    """Whether there is anything to choose: sizes are not given, classes are kept even, and rows suffice to refine."""
    num_rows = int(searched_rows(dataset, setting).sum())
    return config.class_sizes is None and config.entropy_weight > 0 and enough_rows(num_rows, config.num_classes)


def choose(
    dataset: Dataset,
    phi1: str,
    phi2: str,
    config: Config,
    solver: InnerSolver,
    setting: Setting = "transductive",
    *,
    device: str = "cpu",
    on_progress: Progress | None = None,
) -> Evenness | None:
    """Search a few seeds of each way on up to 10,000 searched rows; None where these cannot be refined.

    Raises InputError as a search does.
    """
    shapes = [dataset.space(name).features.shape for name in (phi1, phi2)]
    check_sizes(shapes[0], shapes[1], config)
    numbers = np.flatnonzero(searched_rows(dataset, setting))
    numbers = numbers[spread_over(len(numbers), max(MOST_ROWS, config.num_train + config.num_test))]
    some = _some_rows(dataset, (phi1, phi2), numbers)
    try:
        stage = Refinement.of(some, phi1, phi2, config, np.ones(len(numbers), bool), device)
    except InputError:
        return None
    configs = list(ways_of(config))
    ways = []
    for number, way in enumerate(configs):
        report = of_search(part(on_progress, number / len(configs), (number + 1) / len(configs)), share=1.0)
        _, labelings = search_all(some, phi1, phi2, way, solver, range(NUM_SEEDS), "transductive", device, report)
        likelihood = np.sort(stage.refine(labelings).likelihood)[-number_of_voters(NUM_SEEDS) :].mean()
        ways.append(Way(entropy_weight=way.entropy_weight, centre=way.centre, likelihood=float(likelihood)))
    best = int(np.argmax([way.likelihood for way in ways]))
    return Evenness(tuple(ways), best if ways[best].likelihood > ways[0].likelihood + CLEARLY else 0)


def ways_of(config: Config) -> Iterator[Config]:
    """The searches that `choose` compares, the one that was asked for first."""
    if config.patience is not None:
        config = replace(config, patience=max(1, config.patience // SHORTER))
    yield config
    less = replace(config, entropy_weight=LESS_WEIGHT * config.entropy_weight)
    yield less
    if config.centre:
        yield replace(less, centre=False)


def _some_rows(dataset: Dataset, spaces: tuple[str, str], numbers: NDArray[np.int64]) -> Dataset:
    """Rows of two spaces in memory, without labels."""
    some = {name: Space(name, np.asarray(dataset.space(name).features[numbers])) for name in spaces}
    return Dataset(name=dataset.name, spaces=some)
