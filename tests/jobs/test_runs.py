"""The queue in the background: one run after the other, cancelled at any point, and seen as it is on disk."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

import numpy as np
import pytest
import torch

from hume.common.errors import InputError, RunError
from hume.engine.search import Step
from hume.evaluation.metrics import clustering_accuracy
from hume.jobs import live_view
from hume.jobs.live_view import NUM_CHANGED, NUM_TYPICAL
from hume.jobs.runs import RunJobs
from hume.runs.run import Run
from hume.runs.store import Store
from tests.support.planted_runs import StoppedError, create, save_files, save_folder, stop_after_the_first_seed

SEEDS = tuple(range(4))
DEADLINE = 600  # seconds, for a machine that has other things to do


@dataclass(frozen=True, eq=False)
class WatchedRun(Run):
    """A run that shows every step and fold to a test before the queue sees it."""

    store: "WatchedStore"

    def execute(self, *, search=True, on_step=None, on_fold=None, **others):
        def step_seen(step):
            self.store.tell(self.name, step)
            on_step(step)

        def fold_seen(fold):
            self.store.tell(self.name, fold)
            on_fold(fold)

        return super().execute(search=search, on_step=step_seen, on_fold=fold_seen, **others)


class WatchedStore(Store):
    def __init__(self, home):
        super().__init__(home)
        self.told = []  # (run, iteration from 0) and (run, "fold")
        self.watchers = []
        self.jobs = RunJobs(self)

    def open(self, name):
        run = super().open(name)
        return WatchedRun(run.name, run.folder, run.request, run.home, self)

    def tell(self, name, what):
        self.told.append((name, what.iteration if isinstance(what, Step) else "fold"))
        for watch in self.watchers:
            watch(name, what)

    @contextmanager
    def held(self, name, when=lambda what: True):
        """Hold a run at the first moment that fits, until told to go on or the block ends."""
        pause = Pause(self.jobs, name, when)
        self.watchers.append(pause)
        try:
            yield pause
        finally:
            pause.go_on()


class Pause:
    def __init__(self, jobs, name, when):
        self._jobs, self._name, self._when = jobs, name, when
        self._reached, self._over = threading.Event(), threading.Event()

    def __call__(self, name, what):
        if name == self._name and not self._over.is_set() and self._when(what):
            self._reached.set()
            assert self._over.wait(DEADLINE)

    def reached(self):
        until(lambda: self._reached.is_set() or not self._jobs.status(self._name).under_way)
        assert self._reached.is_set(), self._jobs.status(self._name)

    def go_on(self):
        self._over.set()


def seed_finished(what):
    return isinstance(what, Step) and bool(what.finished)


def iteration(number):
    return lambda what: isinstance(what, Step) and what.iteration == number


def fold(number):
    return lambda what: what == number


def until(condition):
    end, tick = monotonic() + DEADLINE, threading.Event()
    while not condition():
        assert monotonic() < end
        tick.wait(0.005)


def ended(jobs, name):
    """The status of a run once it is no longer under way."""
    until(lambda: not jobs.status(name).under_way)
    return jobs.status(name)


def assert_same_results(run, other):
    """A batch of other seeds rounds otherwise, which may cost a sample on a border."""
    assert run.finished_seeds == other.finished_seeds
    for labeling, expected in zip(run.labelings(), other.labelings(), strict=True):
        assert np.mean(labeling == expected) >= 0.99
    np.testing.assert_allclose(run.cv_score(), other.cv_score(), atol=0.01)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return save_files(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def direct(tmp_path_factory, dataset):
    """A run executed without any queue."""
    run = create(Store(tmp_path_factory.mktemp("direct")), dataset, "direct")
    run.execute()
    assert len({len(curve) for curve in run.array("objective")}) > 1
    return run


@pytest.fixture
def store(tmp_path):
    return WatchedStore(tmp_path / "home")


@pytest.fixture
def jobs(store):
    yield store.jobs
    store.jobs.close()


# --- one run ---------------------------------------------------------------------------------


def test_a_submitted_run_finds_what_a_direct_one_finds(jobs, store, dataset, direct):
    run = create(store, dataset, "a")
    assert jobs.status("a") is None
    assert jobs.live("a") is None
    jobs.submit("a")
    status = ended(jobs, "a")
    assert (status.state, status.share, status.message, status.under_way) == ("finished", 1, "", False)
    assert status.result is None
    assert jobs.statuses() == []
    assert run.state == "finished"
    np.testing.assert_array_equal(run.labelings(), direct.labelings())
    for key in ("seeds", "cv_score", "acc", "vote", "correlation"):
        assert run.scores()[key] == direct.scores()[key]


def test_a_status_follows_the_run(jobs, store, dataset):
    create(store, dataset, "a")
    with store.held("a", iteration(20)) as searching, store.held("a", fold(4)) as scoring:
        jobs.submit("a")
        searching.reached()
        status = jobs.status("a")
        assert (status.state, status.ahead) == ("searching", 0)
        assert 0 < status.share < 1
        assert jobs.statuses() == [status]
        searching.go_on()
        scoring.reached()
        status = jobs.status("a")
        assert (status.state, status.share) == ("scoring", 3 / 10)
    assert ended(jobs, "a").state == "finished"
    assert [what for _, what in store.told][-10:] == ["fold"] * 10


def test_a_run_submitted_twice_runs_once(jobs, store, dataset):
    create(store, dataset, "a")
    with store.held("a") as pause:
        jobs.submit("a")
        jobs.submit("a")
        pause.reached()
        jobs.submit("a")
        assert [status.name for status in jobs.statuses()] == ["a"]
    assert ended(jobs, "a").state == "finished"
    jobs.submit("a")
    assert ended(jobs, "a").state == "finished"
    assert store.told.count(("a", 0)) == 1
    assert store.told.count(("a", "fold")) == 10


def test_without_a_search_what_is_there_is_scored(jobs, store, dataset):
    run = create(store, dataset, "a")
    with pytest.raises(StoppedError):
        Store(store.home).open("a").execute(on_step=stop_after_the_first_seed)
    there = run.finished_seeds
    with store.held("a", fold(1)) as pause:
        jobs.submit("a", search=False)
        pause.reached()
        assert jobs.status("a").state == "scoring"
    assert ended(jobs, "a").state == "finished"
    assert store.told == [("a", "fold")] * 10
    assert run.scores()["seeds"] == list(there) != list(SEEDS)
    jobs.submit("a")
    assert ended(jobs, "a").state == "finished"
    assert run.scores()["seeds"] == list(SEEDS)


# --- several runs ------------------------------------------------------------------------------


def test_runs_of_one_device_wait_for_each_other(jobs, store, dataset):
    for name in "abc":
        create(store, dataset, name, num_iterations=20)
    with store.held("a") as pause:
        for name in "abc":
            jobs.submit(name)
        pause.reached()
        assert [jobs.status(name).ahead for name in "abc"] == [0, 1, 2]
        assert [status.name for status in jobs.statuses()] == ["a", "b", "c"]
        assert {jobs.status(name).state for name in "bc"} == {"queued"}
        assert store.told == [("a", 0)]
    for name in "abc":
        assert ended(jobs, name).state == "finished"
    assert list(dict.fromkeys(name for name, _ in store.told)) == ["a", "b", "c"]
    assert [name for name, _ in store.told] == sorted(name for name, _ in store.told)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="one device has one queue")
def test_devices_do_not_wait_for_each_other(jobs, store, dataset):
    for name, device in (("a", "cpu"), ("b", "cuda"), ("c", "cuda")):
        create(store, dataset, name, device=device, num_iterations=20)
    with store.held("a") as on_cpu, store.held("b") as on_gpu:
        for name in "abc":
            jobs.submit(name)
        on_cpu.reached()
        on_gpu.reached()
        assert jobs.status("c").ahead == 1
    for name in "abc":
        assert ended(jobs, name).state == "finished"


# --- cancelled -----------------------------------------------------------------------------------


def test_a_queued_run_is_cancelled_at_once(jobs, store, dataset):
    for name in "abc":
        create(store, dataset, name, num_iterations=20)
    with store.held("a") as pause:
        for name in "abc":
            jobs.submit(name)
        pause.reached()
        jobs.cancel("b")
        assert jobs.status("b").state == "cancelled"
        assert jobs.status("c").ahead == 1
    assert ended(jobs, "c").state == "finished"
    assert {name for name, _ in store.told} == {"a", "c"}
    assert (store.open("b").state, store.open("b").finished_seeds) == ("interrupted", ())
    jobs.submit("b")
    assert ended(jobs, "b").state == "finished"


def test_a_run_cancelled_and_submitted_again_stands_at_the_end(jobs, store, dataset):
    for name in "abc":
        create(store, dataset, name)
    with pytest.raises(StoppedError):
        Store(store.home).open("b").execute(on_step=stop_after_the_first_seed)
    with store.held("a") as pause:
        for name in "abc":
            jobs.submit(name)
        pause.reached()
        jobs.cancel("b")
        jobs.submit("b", search=False)
        assert (jobs.status("c").ahead, jobs.status("b").ahead) == (1, 2)
    assert ended(jobs, "b").state == "finished"
    # What it was first submitted for is gone: it is not searched, and its turn is after the others'.
    assert list(dict.fromkeys(name for name, _ in store.told)) == ["a", "c", "b"]
    assert [what for name, what in store.told if name == "b"] == ["fold"] * 10
    assert store.open("b").missing_seeds


def test_a_search_that_is_cancelled_keeps_its_finished_seeds(jobs, store, dataset, direct):
    run = create(store, dataset, "a")
    with store.held("a", seed_finished) as pause:
        jobs.submit("a")
        pause.reached()
        jobs.cancel("a")
        assert jobs.status("a").state == "searching"  # until the iteration ends
        assert run.state == "running"
    assert ended(jobs, "a").state == "cancelled"
    assert run.state == "interrupted"
    there = run.finished_seeds
    assert 0 < len(there) < len(SEEDS)
    live = jobs.live("a")
    assert tuple(np.flatnonzero(live.done)) == there
    before = {seed: run.seed_array(seed, "prototypes") for seed in there}

    jobs.submit("a")
    assert ended(jobs, "a").state == "finished"
    for seed, prototypes in before.items():
        np.testing.assert_array_equal(run.seed_array(seed, "prototypes"), prototypes)
    assert_same_results(run, direct)


def test_a_cancelled_scoring_starts_again(jobs, store, dataset, direct):
    run = create(store, dataset, "a")
    with store.held("a", fold(2)) as pause:
        jobs.submit("a")
        pause.reached()
        jobs.cancel("a")
    assert ended(jobs, "a").state == "cancelled"
    assert (run.state, run.missing_seeds) == ("interrupted", ())
    store.told.clear()
    jobs.submit("a")
    assert ended(jobs, "a").state == "finished"
    assert store.told == [("a", "fold")] * 10
    np.testing.assert_array_equal(run.labelings(), direct.labelings())
    assert run.scores()["cv_score"] == direct.scores()["cv_score"]


def test_cancelling_what_is_not_under_way_changes_nothing(jobs, store, dataset):
    create(store, dataset, "a", num_iterations=5)
    jobs.cancel("a")
    assert jobs.status("a") is None
    jobs.submit("a")
    ended(jobs, "a")
    jobs.cancel("a")
    jobs.cancel("unknown")
    assert jobs.status("a").state == "finished"


def test_another_server_goes_on_with_an_interrupted_run(jobs, store, dataset, direct):
    run = create(store, dataset, "a")
    with pytest.raises(StoppedError):
        Store(store.home).open("a").execute(on_step=stop_after_the_first_seed)
    assert jobs.status("a") is None
    assert run.state == "interrupted"
    jobs.submit("a")
    assert ended(jobs, "a").state == "finished"
    assert_same_results(run, direct)


# --- failed --------------------------------------------------------------------------------------


def assert_one_sentence(message):
    assert message
    assert "\n" not in message
    assert "Traceback" not in message


def test_changed_data_fail_in_one_sentence_and_the_queue_goes_on(jobs, store, dataset, tmp_path, caplog):
    data = save_files(tmp_path / "data")
    create(store, data, "changed")
    save_files(tmp_path / "data", seed=1)
    create(store, dataset, "b", num_iterations=5)
    jobs.submit("changed")
    jobs.submit("b")
    status = ended(jobs, "changed")
    assert status.state == "failed"
    assert "have changed" in status.message
    assert_one_sentence(status.message)
    assert caplog.text == ""
    assert ended(jobs, "b").state == "finished"
    assert store.open("changed").state == "interrupted"


def test_a_run_that_lost_its_place_fails_in_one_sentence(jobs, store, dataset):
    create(store, dataset, "a", num_iterations=5)
    create(store, dataset, "b")
    with store.held("a") as pause:
        jobs.submit("a")
        jobs.submit("b")
        pause.reached()
        store.delete("b")
    status = ended(jobs, "b")
    assert status.state == "failed"
    assert "no run 'b'" in status.message


@pytest.mark.parametrize("fail", [lambda: torch.empty(10**15), lambda: bytearray(10**18)])
def test_a_lack_of_memory_says_what_to_do(jobs, store, dataset, fail):
    create(store, dataset, "a")
    store.watchers.append(lambda name, what: fail())
    jobs.submit("a")
    status = ended(jobs, "a")
    assert status.state == "failed"
    assert "fewer seeds" in status.message


def test_an_error_nobody_foresaw_is_told_and_logged(jobs, store, dataset, caplog):
    for name in "ab":
        create(store, dataset, name, num_iterations=5)
    store.watchers.append(lambda name, what: 1 / (name != "a"))
    jobs.submit("a")
    jobs.submit("b")
    status = ended(jobs, "a")
    assert status.state == "failed"
    assert "ZeroDivisionError" in status.message
    assert_one_sentence(status.message)
    assert ended(jobs, "b").state == "finished"
    assert "a failed" in caplog.text
    assert "Traceback" in caplog.text
    store.watchers.clear()
    jobs.submit("a")
    assert ended(jobs, "a").state == "finished"


def test_a_run_in_other_hands_fails_and_can_be_submitted_again(jobs, store, dataset):
    run = create(store, dataset, "a", num_iterations=5)
    with run.held():
        jobs.submit("a")
        status = ended(jobs, "a")
        assert status.state == "failed"
        assert "another process" in status.message
    jobs.submit("a")
    assert ended(jobs, "a").state == "finished"


def test_what_cannot_be_run_is_not_queued(jobs, store, dataset):
    create(store, dataset, "a", device="abacus")
    with pytest.raises(InputError, match="abacus"):
        jobs.submit("a")
    with pytest.raises(RunError, match="no run 'b'"):
        jobs.submit("b")
    assert jobs.statuses() == []
    assert jobs.status("a") is None


def test_only_what_has_ended_can_be_forgotten(jobs, store, dataset):
    create(store, dataset, "a", num_iterations=5)
    with store.held("a") as pause:
        jobs.submit("a")
        pause.reached()
        jobs.forget("a")
        assert jobs.status("a").state == "searching"
    ended(jobs, "a")
    jobs.forget("a")
    jobs.forget("a")
    assert jobs.status("a") is None
    assert jobs.live("a") is None


# --- the end -------------------------------------------------------------------------------------


def test_closing_ends_everything(store, dataset):
    before, jobs = set(threading.enumerate()), store.jobs
    for name in "ab":
        create(store, dataset, name)
    with store.held("a") as pause:
        jobs.submit("a")
        jobs.submit("b")
        pause.reached()
        closing = threading.Thread(target=jobs.close)
        closing.start()
        until(lambda: jobs.status("b").state == "cancelled")
        with pytest.raises(RunError, match="shutting down"):
            jobs.submit("b")
    closing.join(DEADLINE)
    assert set(threading.enumerate()) == before
    assert jobs.statuses() == []
    assert jobs.status("a").state == "cancelled"
    assert {store.open(name).state for name in "ab"} == {"interrupted"}
    assert store.told == [("a", 0)]
    with pytest.raises(RunError, match="shutting down"):
        jobs.submit("a")
    jobs.close()


def test_a_queue_that_was_never_used_closes(store):
    store.jobs.close()


# --- what can be seen ----------------------------------------------------------------------------


def assert_as_on_disk(live, run):
    """Curves, and the accuracy where all rows are looked at, of the finished seeds are those on disk."""
    truth = run.dataset().labels
    for seed in run.finished_seeds:
        i = live.seeds.index(seed)
        assert live.done[i]
        curve = run.seed_array(seed, "objective")
        np.testing.assert_array_equal(live.objective[i, : len(curve)], curve)
        assert np.isnan(live.objective[i, len(curve) :]).all()
        expected = clustering_accuracy(truth, run.seed_array(seed, "labeling"))
        assert live.accuracy[i] == pytest.approx(expected, abs=1e-6)


def test_a_finished_run_is_seen_as_it_is_on_disk(jobs, store, dataset):
    run = create(store, dataset, "a")
    jobs.submit("a")
    ended(jobs, "a")
    live = jobs.live("a")
    assert live.seeds == SEEDS
    assert live.done.all()
    assert_as_on_disk(live, run)
    lengths = [len(curve) for curve in run.array("objective")]
    assert live.objective.shape == (4, max(lengths))
    assert live.iteration == max(lengths) - 1
    np.testing.assert_allclose(live.accuracy, run.scores()["acc"], atol=1e-6)
    np.testing.assert_allclose(live.last_objective, run.objective(), rtol=1e-5)
    np.testing.assert_allclose(live.label_shares.sum(axis=1), 1, atol=1e-5)


def test_a_search_is_seen_step_by_step(jobs, store, dataset):
    run = create(store, dataset, "a")
    steps = []
    store.watchers.append(lambda name, what: steps.append(what))
    with (
        store.held("a", seed_finished) as first,
        store.held("a", lambda what: isinstance(what, Step) and len(what.seeds) < len(SEEDS)) as later,
    ):
        jobs.submit("a")
        first.reached()
        live, seen = jobs.live("a"), steps[:-1]  # the one that is held is yet to be seen
        assert live.iteration == seen[-1].iteration == len(seen) - 1
        np.testing.assert_array_equal(live.objective, np.stack([step.objective for step in seen], axis=1))
        np.testing.assert_array_equal(live.label_shares, seen[-1].label_shares)
        assert not live.done.any()
        assert np.isfinite(live.accuracy).all()
        assert live.leader in SEEDS
        first.go_on()
        later.reached()
        live = jobs.live("a")
        assert tuple(np.flatnonzero(live.done)) == run.finished_seeds
        assert_as_on_disk(live, run)
    assert ended(jobs, "a").state == "finished"


def test_a_resumed_run_shows_the_seeds_that_were_there(jobs, store, dataset):
    run = create(store, dataset, "a")
    with pytest.raises(StoppedError):
        Store(store.home).open("a").execute(on_step=stop_after_the_first_seed)
    there = np.isin(SEEDS, run.finished_seeds)
    with store.held("a") as pause:
        jobs.submit("a")
        pause.reached()
        live = jobs.live("a")
        np.testing.assert_array_equal(live.done, there)
        assert_as_on_disk(live, run)
        assert np.isnan(live.objective[~there]).all()
        np.testing.assert_array_equal(np.isfinite(live.accuracy), there)
        np.testing.assert_array_equal(np.isfinite(live.last_objective), there)
        assert np.isnan(live.label_shares).all()
        assert live.leader in run.finished_seeds
    ended(jobs, "a")
    assert_as_on_disk(jobs.live("a"), run)


def test_without_ground_truth_no_accuracy_is_seen(jobs, store, tmp_path):
    create(store, save_files(tmp_path / "data", labels=False), "a", num_iterations=20)
    jobs.submit("a")
    assert ended(jobs, "a").state == "finished"
    live = jobs.live("a")
    assert np.isnan(live.accuracy).all()
    assert np.isfinite(live.objective).all()
    assert live.done.all()
    assert (live.typical >= 0).any()


def test_the_accuracy_is_that_of_the_test_split(jobs, tmp_path, store):
    test_rows = np.arange(240) % 3 == 0
    data = save_folder(tmp_path / "mine", test_rows=test_rows, noise=0.5)
    run = create(store, data, "a", num_iterations=20)
    jobs.submit("a")
    ended(jobs, "a")
    live = jobs.live("a")
    np.testing.assert_allclose(live.accuracy, run.scores()["acc"], atol=1e-6)
    assert test_rows[live.typical[live.typical >= 0]].all()


def test_of_many_rows_a_sample_is_looked_at(jobs, store, dataset, monkeypatch):
    monkeypatch.setattr(live_view, "LOOK_ROWS", 50)
    run = create(store, dataset, "a", num_iterations=20)
    jobs.submit("a")
    ended(jobs, "a")
    live = jobs.live("a")
    shares = live.accuracy * 50
    np.testing.assert_allclose(shares, shares.round(), atol=1e-4)
    np.testing.assert_allclose(live.accuracy, run.scores()["acc"], atol=0.15)


def test_the_leaders_typical_samples_are_its_own(jobs, store, dataset):
    run = create(store, dataset, "a", num_iterations=20)  # all seeds end together, the best of them leads
    jobs.submit("a")
    ended(jobs, "a")
    live = jobs.live("a")
    assert live.leader == SEEDS[int(run.objective().argmin())]
    assert live.typical.shape == (3, NUM_TYPICAL)
    labeling = run.seed_array(live.leader, "labeling")
    closeness = (run.phi1_rows(run.dataset()).numpy() @ run.seed_array(live.leader, "prototypes").T).max(axis=1)
    assert {labeling[rows[0]] for rows in live.typical} == {0, 1, 2}
    for rows in live.typical:
        assert len(set(rows)) == NUM_TYPICAL
        members = np.flatnonzero(labeling == labeling[rows[0]])
        np.testing.assert_allclose(closeness[rows], np.sort(closeness[members])[::-1][:NUM_TYPICAL], atol=1e-6)


def test_samples_that_change_class_are_seen(jobs, store, dataset, monkeypatch):
    monkeypatch.setattr(live_view, "LOOK_EVERY", 0.0)  # at every iteration
    create(store, dataset, "a", seeds=[0], num_iterations=30)
    seen = []
    store.watchers.append(lambda name, what: seen.append(jobs.live(name)))
    jobs.submit("a")
    ended(jobs, "a")
    changed = [live.changed for live in seen if live is not None and len(live.changed)]
    assert changed
    assert len({tuple(rows[:, 0]) for rows in changed}) > 1
    for rows in changed:
        assert len(rows) <= NUM_CHANGED
        assert (rows[:, 1] != rows[:, 2]).all()
        assert len(set(rows[:, 0])) == len(rows)
        assert rows[:, 0].max() < dataset.num_samples
        assert rows[:, 1:].min() >= 0
        assert rows[:, 1:].max() < 3


def test_many_may_look_while_a_run_is_on(jobs, store, dataset):
    create(store, dataset, "a")
    create(store, dataset, "b", num_iterations=20)
    errors, over = [], threading.Event()

    def look():
        try:
            while not over.is_set():
                for name in "ab":
                    status, live = jobs.status(name), jobs.live(name)
                    assert status.state in ("queued", "searching", "scoring", "finished")
                    assert live is None or len(live.objective) == 4
                    assert store.open(name).state in ("running", "interrupted", "finished")
                jobs.statuses()
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=look) for _ in range(4)]
    jobs.submit("a")
    jobs.submit("b")
    for reader in readers:
        reader.start()
    try:
        for name in "ab":
            assert ended(jobs, name).state == "finished"
    finally:
        over.set()
        for reader in readers:
            reader.join()
    assert errors == []
