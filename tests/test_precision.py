"""Verdict and vote of an embedded pair do not depend on the precision of products: readers see the same."""

from dataclasses import replace

import numpy as np
import pytest

import hume
from hume.engine.config import preset
from hume.evaluation import ensemble
from hume.evaluation.seed_statistics import SeedStatistics
from hume.experiments.trust import scores_in_phi1, trust

K = 10


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "fashion-mnist"])
def test_float32_and_bfloat16_tell_a_reader_the_same(name):
    """On CPUs without bfloat16 units this takes some minutes."""
    data = hume.load_dataset(name)
    phi1, _ = data.default_pair
    votes, verdicts = [], []
    for precision in ("float32", "bfloat16"):
        config, solver = preset("fast", num_classes=K, num_samples=data.num_samples)
        config = replace(config, precision=precision)
        result = hume.discover(data, config=config, solver=solver, seeds=range(100), device="cpu")
        aligned = ensemble.align(result.labelings, result.scores.cv_score, K)
        seeds = SeedStatistics(cv_score=result.scores.cv_score, num_classes=K, read=lambda aligned=aligned: aligned)
        in_phi1 = scores_in_phi1(data, phi1, result.labelings, K)
        verdicts.append(trust(seeds, phi1_score=in_phi1).verdict)
        votes.append(result.scores.vote_agreement.acc)
    assert verdicts[0] == verdicts[1]
    assert np.ptp(votes) <= 0.005
