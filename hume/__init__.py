"""Find the labels people would give a dataset, without any label.

    dataset = hume.load_dataset("fashion-mnist")
    result = hume.discover(dataset, num_classes=10, seeds=range(20))
    result.scores.vote.labeling

The method: Gadetsky and Brbić, "The Pursuit of Human Labeling" (NeurIPS 2023).
"""

from hume import _runtime  # noqa: F401 - first, before torch is loaded
from hume.crossval import cross_validation_scores
from hume.ensemble import TopNCurve, Vote, align, majority_vote, rank, top_n_curve
from hume.errors import HumeError, InputError, RunError
from hume.estimator import HUME
from hume.inner import Implicit, Unrolled
from hume.reliable import (
    ReliabilityRanking,
    ReliabilityStatistics,
    ReliableSamples,
    reliability_curve,
    reliability_ranking,
    reliability_statistics,
    reliable_samples,
)
from hume.results import Result, Scores, discover, score_labelings
from hume.run import Run
from hume.scores import (
    Agreement,
    Correlation,
    adjusted_rand_index,
    agreement,
    clustering_accuracy,
    correlation,
    normalized_mutual_information,
)
from hume.search import Config, FinishedSeed, Step, preset, search
from hume.spaces import Dataset, Space, dataset_from_files, load_dataset, load_space, unit_rows
from hume.store import Store

__all__ = [
    "HUME",
    "Agreement",
    "Config",
    "Correlation",
    "Dataset",
    "FinishedSeed",
    "HumeError",
    "Implicit",
    "InputError",
    "ReliabilityRanking",
    "ReliabilityStatistics",
    "ReliableSamples",
    "Result",
    "Run",
    "RunError",
    "Scores",
    "Space",
    "Step",
    "Store",
    "TopNCurve",
    "Unrolled",
    "Vote",
    "adjusted_rand_index",
    "agreement",
    "align",
    "clustering_accuracy",
    "correlation",
    "cross_validation_scores",
    "dataset_from_files",
    "discover",
    "load_dataset",
    "load_space",
    "majority_vote",
    "normalized_mutual_information",
    "preset",
    "rank",
    "reliability_curve",
    "reliability_ranking",
    "reliability_statistics",
    "reliable_samples",
    "score_labelings",
    "search",
    "top_n_curve",
    "unit_rows",
]
