"""Verdict and vote of an embedded pair do not depend on the precision of products: readers see the same."""

from dataclasses import replace

import numpy as np
import pytest

import hume
from hume.engine.config import preset
from hume.experiments import saved_trust
from hume.runs.findings import Findings

K = 10


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "fashion-mnist"])
def test_float32_and_bfloat16_tell_a_reader_the_same(name, tmp_path):
    """On CPUs without bfloat16 units this takes some minutes."""
    store, data = hume.Store(tmp_path), hume.load_dataset(name)
    phi1, phi2 = data.default_pair
    votes, verdicts = [], []
    for precision in ("float32", "bfloat16"):
        config, solver = preset("fast", num_classes=K, num_samples=data.num_samples)
        config = replace(config, precision=precision)
        run = store.create(
            data, phi1=phi1, phi2=phi2, config=config, solver=solver, seeds=range(100), name=precision, device="cpu",
            refine="joint",
        )  # fmt: skip
        run.execute()
        found = Findings(run)
        verdicts.append(saved_trust.judge(found).verdict)
        votes.append(found.vote_agreement.acc)
    assert verdicts[0] == verdicts[1]
    assert np.ptp(votes) <= 0.005
