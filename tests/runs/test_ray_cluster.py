"""A search over a real Ray cluster of two workers finds what one machine finds, whatever dies on the way."""

import json
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from typer.testing import CliRunner

from hume.cli import app
from hume.common import devices
from hume.common.errors import InputError, RunError
from hume.engine.config import preset
from hume.jobs.runs import RunJobs
from hume.runs import searching
from hume.runs.ray_cluster import check, client, prepare_search
from hume.runs.run import Run
from hume.runs.searching import label_all
from hume.runs.store import Store
from pages._state import services
from tests.support.app_driver import ended, look, press, rerun, until, words
from tests.support.planted_runs import StoppedError, create, save_files, stop_after_the_first_seed

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow  # a cluster takes a quarter of a minute to start
SEEDS = tuple(range(4))
BATCHES = (0, 2), (1, 3)  # as two workers share them
STORE = 80 * 2**20  # bytes, about the smallest object store that Ray starts


@pytest.fixture(scope="module")
def ray_cluster():
    """A head that works for nobody, and two nodes of one core each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.delenv("RAY_ADDRESS", raising=False)
        utils = pytest.importorskip("ray.cluster_utils")
        head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
        started = utils.Cluster(initialize_head=True, head_node_args=head)
        try:
            for _ in range(2):
                add_node(started)
            yield started
        finally:
            started.shutdown()


def add_node(ray_cluster, **resources):
    return ray_cluster.add_node(**{"num_cpus": 1, "object_store_memory": STORE, **resources})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return save_files(tmp_path_factory.mktemp("data"), size=200)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, dataset):
    """What this machine finds for every seed, on one core and in the cluster's batches: labeling and objective."""
    request = registered(Store(tmp_path_factory.mktemp("alone")), dataset, None).request
    found, threads = {}, torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for batch in BATCHES:
            phi1, steps = searching.prepare_search(
                dataset, "phi1", "phi2", request.config, request.solver, batch, "transductive", "cpu"
            )
            for seed in (seed for step in steps for seed in step.finished):
                found[seed.seed] = label_all(phi1, [seed])[0], seed.objective
    finally:
        torch.set_num_threads(threads)
    return found


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


SLOW = {"num_splits": 5, "patience": 80}  # a second or two; the seeds of a batch end at different iterations


def registered(store, dataset, address, **changes):
    config, solver = preset("fast", num_classes=3, num_samples=dataset.num_samples)
    config = replace(config, min_gain=0, **{**SLOW, **changes})
    return store.create(
        dataset, phi1="phi1", phi2="phi2", config=config, solver=solver, seeds=SEEDS, cluster=address, name="run"
    )


def call(home, *arguments):
    """The command line: exit status, standard output, standard error."""
    result = CliRunner(env={"HUME_HOME": str(home)}).invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def assert_as_alone(run, alone):
    """A batch of fewer seeds rounds otherwise, which may cost a sample on a border."""
    assert run.state == "finished"
    assert run.finished_seeds == SEEDS
    for seed in SEEDS:
        assert np.mean(run.seed_array(seed, "labeling") == alone[seed][0]) >= 0.99


def workers():
    """The processes of Ray's workers that search."""
    processes = psutil.process_iter(["cmdline"])
    return [process for process in processes if (process.info["cmdline"] or [""])[0].startswith("ray::Worker")]


# --- the same results --------------------------------------------------------------------------------


def test_no_cluster_runs_here(store, dataset):
    if any(process.name() == "gcs_server" for process in psutil.process_iter()):
        pytest.skip("a Ray cluster runs on this machine")
    with pytest.raises(InputError, match="no Ray cluster runs on this machine: start one with `ray start --head`"):
        check("auto")


def test_a_cluster_finds_what_one_machine_finds(ray_cluster, dataset, alone, store, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", ray_cluster.address)
    phi1, phi2 = (dataset.space(name).path for name in ("phi1", "phi2"))
    changes = [word for name, value in {**SLOW, "min_gain": 0}.items() for word in ("--set", f"{name}={value}")]
    code, out, err = call(
        store.home, "search", "--phi1", phi1, "--phi2", phi2, "--num-classes", 3, "--seeds", len(SEEDS),
        "--device", "cpu", "--cluster", "auto", "--run", "run", "--json", *changes,
    )  # fmt: skip
    assert code == 0, err
    [line] = out.splitlines()
    assert json.loads(line)["device"] == "cluster"
    run = store.open("run")
    assert run.request.cluster == "auto"
    for seed in SEEDS:
        labeling, objective = alone[seed]
        np.testing.assert_array_equal(run.seed_array(seed, "labeling"), labeling)
        np.testing.assert_array_equal(run.seed_array(seed, "objective"), objective)


# --- losses --------------------------------------------------------------------------------------------


class WatchedStore(Store):
    """A store whose runs show every step to a test before the queue sees it."""

    def __init__(self, home, on_step):
        super().__init__(home)
        self.on_step = on_step

    def open(self, name):
        run = super().open(name)
        return WatchedRun(run.name, run.folder, run.request, run.home, self)


@dataclass(frozen=True, eq=False)
class WatchedRun(Run):
    store: WatchedStore

    def execute(self, *, on_step=None, **options):
        def step_seen(step):
            self.store.on_step(step)
            on_step(step)

        return super().execute(on_step=step_seen, **options)


def test_workers_that_die_are_replaced_and_nothing_is_lost(ray_cluster, dataset, alone, tmp_path):
    delivered, begun_again = [], []

    def on_step(step):
        if delivered and step.iteration == 0:
            begun_again.extend(step.seeds)
        if step.finished and not delivered:
            for process in workers():
                process.kill()
        delivered.extend(seed.seed for seed in step.finished)

    jobs = RunJobs(WatchedStore(tmp_path, on_step))
    run = registered(jobs.store, dataset, ray_cluster.address)
    try:
        jobs.submit(run.name)
        until(lambda: not jobs.status(run.name).under_way)
        assert jobs.status(run.name).state == "finished"
        live = jobs.live(run.name)
    finally:
        jobs.close()
    assert sorted(delivered) == list(SEEDS)
    assert begun_again
    assert delivered[0] not in begun_again
    assert_as_alone(run, alone)
    assert live.done.all()
    np.testing.assert_allclose(live.accuracy, run.scores()["acc"], atol=1e-6)
    for seed, curve in zip(run.finished_seeds, run.array("objective"), strict=True):
        np.testing.assert_array_equal(live.objective[seed, : len(curve)], curve)
        assert np.isnan(live.objective[seed, len(curve) :]).all()


@pytest.mark.slow
def test_a_node_that_is_lost_is_done_without(ray_cluster, dataset, store):
    begun = []

    def on_step(step):
        if step.iteration == 0:
            begun.append(step.seeds)
            if len(begun) == 2:
                ray_cluster.remove_node(next(iter(ray_cluster.worker_nodes)), allow_graceful=False)

    run = registered(store, dataset, ray_cluster.address, num_splits=20)
    try:
        scores = run.execute(on_step=on_step)
    finally:
        add_node(ray_cluster)
    assert sorted(begun[:2]) == list(BATCHES)
    assert len(begun) == 3
    assert scores["seeds"] == list(SEEDS)
    assert scores["vote"]["acc"] > 0.9


@pytest.mark.slow
def test_workers_that_keep_dying_end_the_search(ray_cluster, dataset, store):
    over = threading.Event()

    def kill():
        while not over.wait(0.2):
            for process in workers():
                process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(RunError, match="3 workers of the cluster died one after the other over seeds"):
            registered(store, dataset, ray_cluster.address).execute()
    finally:
        over.set()
        killer.join()
    assert store.open("run").state == "interrupted"


# --- the app -----------------------------------------------------------------------------------------------


def test_the_app_offers_the_cluster_that_is_named_and_outlives_it(ray_cluster, home, data, monkeypatch):
    assert look("search", dataset="birds").selectbox(key="device").options == devices.devices()
    monkeypatch.setenv("HUME_CLUSTER", ray_cluster.address)
    at = look("search", dataset="birds")
    assert at.selectbox(key="device").options == [*devices.devices(), f"Ray cluster ({ray_cluster.address})"]
    at.number_input(key="num_seeds").set_value(4)
    at.number_input(key="num_iterations birds fast transductive").set_value(100_000)
    at.number_input(key="patience birds fast transductive").set_value(0)
    at.selectbox(key="device").set_value("cluster")
    rerun(at)
    assert any("The cluster shares the search." in text for text in words(at))
    press(at, "launch")
    name = home.names()[0]
    assert home.open(name).request.cluster == ray_cluster.address
    jobs = services.services().jobs
    until(lambda: jobs.live(name) is not None and np.isfinite(jobs.live(name).accuracy).all())
    serve = "hume.runs.ray_cluster.driver:serve"
    [connection] = [child for child in psutil.Process().children() if serve in child.cmdline()]
    connection.kill()
    assert ended(name) == "failed"
    assert "was lost: finished seeds are kept, resume the run" in rerun(at).error[0].value
    assert at.button(key="resume")


@pytest.mark.slow
def test_a_run_that_lost_its_cluster_goes_on_without(ray_cluster, dataset, alone, store):
    run = registered(store, dataset, ray_cluster.address)
    with pytest.raises(StoppedError):
        run.execute(on_step=stop_after_the_first_seed)
    there = {seed: run.seed_array(seed, "prototypes") for seed in run.finished_seeds}
    assert 0 < len(there) < len(SEEDS)
    code, _, err = call(store.home, "resume", "run", "--no-cluster", "--json")
    assert code == 0, err
    assert_as_alone(run, alone)
    for seed, prototypes in there.items():
        np.testing.assert_array_equal(run.seed_array(seed, "prototypes"), prototypes)


# --- what cannot be searched on --------------------------------------------------------------------------


def assert_refused(home, address, *parts):
    """Exit status 2, one sentence, and no run that nobody wants."""
    code, out, err = call(home, "search", "--dataset", "digits", "--seeds", 2, "--cluster", address)
    assert (code, out) == (2, "")
    [line] = err.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line
    assert Store(home).names() == []


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("nonsense", "is no address of a cluster: give auto, HOST:PORT or ray://HOST:PORT"),
        ("local", "is no address of a cluster"),
        ("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1 (Connection refused)"),
        ("ray://127.0.0.1:1", "no Ray cluster answers at ray://127.0.0.1:1"),
        ("127.0.0.1:99999", "no Ray cluster answers at 127.0.0.1:99999"),
    ],
)
def test_an_address_where_nobody_answers_is_refused(tmp_path, address, sentence):
    assert_refused(tmp_path, address, sentence)


@pytest.mark.slow
def test_an_address_where_something_else_listens_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "CONNECT_SECONDS", 8.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert_refused(tmp_path, address, f"at {address}", "check")


def test_without_ray_the_command_that_installs_it_is_named():
    script = """
import sys
sys.modules["ray"] = None
sys.argv = ["hume", "search", "--dataset", "digits", "--seeds", "2", "--cluster", "auto"]
from hume.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "needs Ray: install it with `python -m pip install -r requirements-cluster.txt`" in line


def test_a_cluster_of_another_version_is_refused(ray_cluster, tmp_path):
    from ray._raylet import GcsClient

    kept = GcsClient(address=ray_cluster.gcs_address)
    key = b"CLUSTER_METADATA", b"cluster"
    metadata = kept.internal_kv_get(*key)
    other = {**json.loads(metadata), "ray_version": "2.0.0"}
    kept.internal_kv_put(key[0], json.dumps(other).encode(), True, key[1])
    try:
        assert_refused(tmp_path, ray_cluster.address, "has other versions than this process", "Ray: 2.0.0")
    finally:
        kept.internal_kv_put(key[0], metadata, True, key[1])


@pytest.mark.slow
def test_a_cluster_that_is_busy_is_told_until_it_is_let_go(ray_cluster, dataset, store):
    request = registered(store, dataset, ray_cluster.address, patience=None, num_iterations=10**6).request
    _, steps = prepare_search(
        dataset, "phi1", "phi2", request.config, request.solver, SEEDS, "transductive", ray_cluster.address
    )
    assert next(steps).iteration == 0
    with pytest.raises(RunError, match="has no free CPU: wait for those who use it"):
        check(ray_cluster.address)
    steps.close()
    assert check(ray_cluster.address) == 2


@pytest.mark.slow
def test_a_gpu_that_is_declared_and_not_there_is_told(ray_cluster, dataset, store):
    if torch.cuda.is_available():
        pytest.skip("it is there")
    node = add_node(ray_cluster, num_cpus=0, num_gpus=1)
    try:
        with pytest.raises(RunError, match="declares a GPU that torch cannot use"):
            registered(store, dataset, ray_cluster.address).execute()
    finally:
        ray_cluster.remove_node(node)


def test_a_run_from_before_there_were_clusters_opens(store, dataset):
    run = create(store, dataset, "run")
    values = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    del values["cluster"]
    (run.folder / "run.json").write_text(json.dumps(values), encoding="utf-8")
    assert store.open("run").request == run.request
