"""A run's modes, and the run with the labeling of one of them."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from hume import Store
from hume.cli import app
from hume.common.errors import InputError
from hume.runs.findings import Findings
from tests.support.app_driver import given
from tests.support.planted_runs import save_folder


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Seeds 0 to 3 found the true classes, 4 and 5 two of them exchanged in part."""
    store = Store(tmp_path_factory.mktemp("home"))
    dataset = save_folder(store.home / "datasets" / "birds", classes=4, size=60, noise=0.3)
    truth, numbers = dataset.labels, np.arange(len(dataset.labels))
    other = np.where((truth < 2) & (numbers % 2 == 0), 1 - truth, truth)
    given(store, dataset, "two", [truth, truth, (truth + 1) % 4, truth, other, (other + 2) % 4])
    return store


@pytest.fixture
def found(store):
    return Findings(store.open("two"))


def test_each_mode_has_its_seeds_and_its_labeling_in_the_numbers_of_the_run(found):
    first, second = found.modes
    assert [found.seeds[i] for i in sorted(first.members)] == [0, 1, 2, 3]
    assert np.array_equal(first.vote.labeling, found.vote.labeling)
    changed = first.vote.labeling != second.vote.labeling
    assert changed.sum() == 60
    assert np.array_equal(changed, (found.dataset.labels < 2) & (np.arange(240) % 2 == 0))


def test_another_mode_is_chosen_for_all_that_is_read_of_the_vote(store, found):
    chosen = Findings(store.open("two"), mode=2)
    assert np.array_equal(chosen.vote.labeling, found.modes[1].vote.labeling)
    assert chosen.vote_agreement == found.agreement_of(found.modes[1].vote.labeling)
    assert chosen.vote_agreement.acc == pytest.approx(0.75)
    assert found.vote_agreement.acc == 1
    assert [mode.size for mode in chosen.modes] == [4, 2]
    assert np.array_equal(chosen.modes[0].vote.labeling, found.vote.labeling)
    ranking = chosen.ranking(10)
    assert np.array_equal(ranking.labeling, chosen.vote.labeling)
    assert ranking.num_labelings == 2


def test_a_mode_that_is_not_there_is_refused_in_one_sentence(store):
    for number in (0, 3):
        with pytest.raises(InputError, match=f"has no mode {number}: its seeds found 2 labelings"):
            Findings(store.open("two"), mode=number)


def test_the_commands_list_the_modes_and_write_one(store, found, tmp_path):
    def call(*arguments):
        return CliRunner(env={"HUME_HOME": str(store.home)}).invoke(app, arguments)

    lines = call("modes", "two", "--json").stdout.splitlines()
    assert lines[0].startswith("The 6 seeds found 2 labelings")
    told = json.loads(lines[-1])
    assert [sorted(mode["seeds"]) for mode in told["modes"]] == [[0, 1, 2, 3], [4, 5]]
    assert [mode["acc"] for mode in told["modes"]] == [1, pytest.approx(0.75)]
    file = tmp_path / "labels.csv"
    assert call("labels", "two", "--csv", str(file), "--mode", "2").exit_code == 0
    written = [int(line.split(",")[2]) for line in file.read_text(encoding="utf-8").splitlines()[1:]]
    assert written == found.modes[1].vote.labeling.tolist()
    refused = call("labels", "two", "--csv", str(file), "--mode", "7")
    assert refused.exit_code == 2
    assert refused.stderr == "error: run 'two' has no mode 7: its seeds found 2 labelings, see `modes`\n"
