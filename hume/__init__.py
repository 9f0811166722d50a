"""Find the labels people would give a dataset, without any label.

    dataset = hume.load_dataset("fashion-mnist")
    result = hume.discover(dataset, num_classes=10, seeds=range(20))
    result.scores.vote.labeling

The method: Gadetsky and Brbić, "The Pursuit of Human Labeling" (NeurIPS 2023).
"""

from hume.common import runtime  # noqa: F401 - first, before torch is loaded
from hume.common.errors import HumeError, InputError, RunError
from hume.data.dataset import Dataset, Space, dataset_from_files, load_dataset, load_space
from hume.data.space_rows import unit_rows
from hume.engine.config import Config, preset
from hume.engine.inner import Implicit, Unrolled
from hume.engine.search import FinishedSeed, Step, search
from hume.evaluation.cross_validation import cross_validation_scores
from hume.evaluation.ensemble import TopNCurve, Vote, align, majority_vote, rank, top_n_curve
from hume.evaluation.metrics import (
    Agreement,
    Correlation,
    adjusted_rand_index,
    agreement,
    clustering_accuracy,
    correlation,
    normalized_mutual_information,
)
from hume.evaluation.reliable import (
    ReliabilityRanking,
    ReliabilityStatistics,
    ReliableSamples,
    reliability_curve,
    reliability_ranking,
    reliability_statistics,
    reliable_samples,
)
from hume.runs.discover import discover
from hume.runs.estimator import HUME
from hume.runs.result import Result, Scores, score_labelings
from hume.runs.run import Run
from hume.runs.store import Store

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
