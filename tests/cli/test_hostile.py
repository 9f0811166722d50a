"""Whatever a command is pointed at, it ends well or says in one sentence what is wrong: no traceback, hang or flood."""

import os
import shutil

import numpy as np
import pytest

from tests.support import hostile, hostile_homes
from tests.support.rules import cases

NUMBER = 480


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    home = tmp_path_factory.mktemp("hostile") / "home"
    hostile.make_home(home)
    return home


def check(template, folder, seeds):
    found = []
    for seed in seeds:
        place = folder / str(seed)
        place.mkdir()
        words, outcomes = hostile.run(template, place, seed)
        found += [f"case {seed}, {words}: {each.arguments}: {each.problem}" for each in outcomes if each.problem]
        shutil.rmtree(place)
    assert found == []


def test_hostile_inputs_end_in_success_or_in_one_sentence(template, tmp_path):
    check(template, tmp_path, range(len(hostile.MAKERS)))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, NUMBER, 60))
def test_hundreds_of_hostile_inputs_do(template, tmp_path, start):
    check(template, tmp_path, range(start, start + 60))


@cases("name", ["run.json", "scores.json"])
def test_a_damaged_run_is_named_with_its_file_and_takes_away_itself_only(template, tmp_path, name):
    home = shutil.copytree(template, tmp_path / "home")
    for content in hostile_homes.TORN:
        (home / "runs" / hostile.RUN / name).write_bytes(content)
        listed = hostile.call(home, tmp_path, ["list"])
        assert listed.status == 0
        assert listed.output.count(" finished ") == 1
        [told] = [line for line in listed.output.splitlines() if line.startswith("damaged: ")]
        assert name in told
        assert hostile.RUN in told


def test_a_damaged_seed_takes_away_no_other(template, tmp_path):
    home = shutil.copytree(template, tmp_path / "home")
    path = home / "runs" / hostile.RUN / "seeds" / "00001.safetensors"
    rng = np.random.default_rng(0)
    whole = path.read_bytes()
    refused = 0
    for _ in range(20):
        words = hostile_homes.damage_safetensors(path, rng)
        told = hostile.call(home, tmp_path, ["modes", hostile.RUN, "--labeling", "searched"])
        assert told.problem is None, words
        if told.status == 2:
            assert path.name in told.error
            refused += 1
        path.write_bytes(whole)
    assert refused > 10


@cases("home", ["~nosuchuser", "loop", "a\udcff", "file", "pipe"])
def test_a_home_that_cannot_be_one_is_told(home, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for command in hostile.TOUCHES_THE_HOME:
        told = hostile.call(home if home.startswith("~") else tmp_path / home, tmp_path, command)
        assert told.problem is None, command
        assert told.status == 2, command
        assert not (tmp_path / "a\udcff").exists()
