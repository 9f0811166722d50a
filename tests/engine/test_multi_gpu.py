"""Several devices at once: the same seeds find the same, whoever searches them."""

import threading

import numpy as np
import pytest
import torch

from hume.common.errors import InputError
from hume.data import dataset, space_rows
from hume.engine.multi_gpu import _on, search_on
from hume.engine.solvers import Implicit
from tests.engine.test_search import find, labels_of, planted, quick


def together(phi1, phi2, config, *, seeds, devices=("cpu", "cpu"), solver=None):
    steps = list(search_on(devices, phi1, phi2, config, solver=solver or Implicit(), seeds=seeds))
    return {found.seed: found for step in steps for found in step.finished}, steps


@pytest.mark.parametrize("seeds", [range(1), range(7), [5, 0, 9, 3, 2]])
@pytest.mark.parametrize("devices", [("cpu",), ("cpu", "cpu"), ("cpu",) * 3])
def test_the_same_seeds_find_the_same_on_any_number_of_devices(devices, seeds):
    phi1, phi2, *_ = planted()
    config = quick(num_iterations=60)
    alone, _ = find(phi1, phi2, config, seeds=seeds)
    found, steps = together(phi1, phi2, config, seeds=seeds, devices=devices)
    assert sorted(found) == sorted(seeds)
    assert sum(len(step.finished) for step in steps) == len(alone)
    for seed, one in found.items():
        assert np.mean(labels_of(phi1, one) == labels_of(phi1, alone[seed])) >= 0.995
    progress = [step.progress for step in steps]
    assert progress == sorted(progress)
    assert progress[-1] == pytest.approx(1)


def test_rows_on_disk_go_to_every_device_with_all_that_belongs_to_them():
    array = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    streamed = space_rows.streamed(dataset.Space(name="x", features=array), unit=True, centre=True) @ torch.eye(8)
    moved = _on(streamed, "meta")
    assert moved.device.type == moved.mean.device.type == moved.factor.device.type == "meta"
    assert streamed.mean.device.type == "cpu"


def test_a_device_that_fails_ends_the_search_with_its_error():
    class Failing(Implicit):
        def start(self, *args):
            raise InputError("no such luck")

    phi1, phi2, *_ = planted()
    with pytest.raises(InputError, match="no such luck"):
        together(phi1, phi2, quick(), seeds=range(4), solver=Failing())


def test_who_stops_listening_stops_the_devices():
    phi1, phi2, *_ = planted()
    before = threading.active_count()
    steps = search_on(["cpu", "cpu"], phi1, phi2, quick(num_iterations=100_000), solver=Implicit(), seeds=range(4))
    next(steps)
    assert threading.active_count() > before
    steps.close()
    assert threading.active_count() == before


def test_a_search_that_cannot_be_is_refused_before_a_thread_starts():
    phi1, phi2, *_ = planted()
    with pytest.raises(InputError, match="same rows"):
        next(search_on(["cpu"], phi1, phi2[:-1], quick(), solver=Implicit()))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_the_same_seeds_find_the_same():
    phi1, phi2, *_ = planted()
    config = quick(num_iterations=60)
    alone, _ = find(phi1, phi2, config)
    devices = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    found, _ = together(phi1, phi2, config, seeds=range(4), devices=devices)
    for seed, one in found.items():
        assert np.mean(labels_of(phi1, one) == labels_of(phi1, alone[seed])) >= 0.97
