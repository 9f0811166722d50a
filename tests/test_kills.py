"""Kills −9 at random moments, in every stage from pictures to answers: nothing that was finished is lost.

HUME_KILLS is the number of kills in a stage; docs/reliability.md has the table of a run of 50.
"""

import os
import shutil
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hume.cli import app
from hume.exchange.incoming import STALE, UNPACKED, sweep
from hume.runs import run as run_module
from hume.runs.store import Store
from tests.support import killed_work
from tests.support.killed_work import STAGES, Stage, contents, in_a_process, moments

NUMBER = int(os.environ.get("HUME_KILLS", "6"))
KILLED = -9


def opened(home: Path) -> None:
    """The home opens, and no command finds anything damaged."""
    assert [run.state for run in Store(home).runs()] in ([], ["interrupted"], ["finished"])
    for command in ("list", "datasets"):
        listed = CliRunner(env={"HUME_HOME": str(home)}).invoke(app, [command])
        assert listed.exit_code == 0, listed.output
        assert "damaged" not in listed.stdout


def swept(home: Path) -> list[Path]:
    """What is left of killed work, two days later."""
    past = time.time() - 2 * STALE.total_seconds()
    for path in (path for pattern in (".part-*", f"{UNPACKED}*") for path in home.rglob(pattern)):
        for each in (*path.rglob("*"), path):
            os.utime(each, (past, past))
    sweep(Store(home))
    return [path for pattern in (".part-*", f"{UNPACKED}*") for path in home.rglob(pattern)]


def undisturbed(stage: Stage, folder: Path) -> tuple[dict[str, object], Path, float]:
    """What a stage leaves when nobody kills it, the home before it, and the seconds that it took."""
    before, home = folder / "before", folder / "home"
    before.mkdir()
    assert in_a_process(stage.prepare, before) == 0
    copied(before, home)
    begun = time.perf_counter()
    assert in_a_process(stage.work, home) == 0
    seconds = time.perf_counter() - begun
    return contents(home), before, seconds


def copied(before: Path, home: Path) -> None:
    """A home as it was before a stage; pictures to import lie beside it."""
    for path in home.parent.glob(f"{home.name}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in before.parent.glob(f"{before.name}*"):
        shutil.copytree(path, home.parent / path.name.replace(before.name, home.name))


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_a_kill_at_any_moment_loses_nothing_and_changes_no_bit(name: str, tmp_path: Path) -> None:
    stage = STAGES[name]
    expected, before, seconds = undisturbed(stage, tmp_path)
    home, ended, killed = tmp_path / "home", True, 0
    for moment in moments(name, 1.1 * seconds, 20 * NUMBER):
        if ended:
            copied(before, home)
            kept: dict[str, bytes] = {}
        status = in_a_process(stage.work, home, moment)
        assert status in (0, KILLED)
        opened(home)
        found = stage.kept(home)
        ended = status == 0
        if not ended:
            killed += 1
            assert kept.items() <= found.items()
            kept = found
        if ended or killed == NUMBER:
            assert in_a_process(stage.work, home) == 0
            assert swept(home) == []
            assert contents(home) == expected
        if killed == NUMBER:
            break
    assert killed == NUMBER
    print(f"| {name} | {seconds:.1f} | {killed} |")


def test_a_run_that_goes_on_sweeps_what_its_kill_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_work.STAGES["scoring"].prepare(tmp_path)
    run = Store(tmp_path).open(killed_work.RUN)
    left, young = run.folder / "seeds" / ".part-1", run.folder / ".part-2"
    for path in (left, young):
        path.write_bytes(b"half a file")
    past = time.time() - 2 * run_module.LEFTOVER
    os.utime(left, (past, past))
    run.execute()
    assert not left.exists()
    assert young.exists()  # another process may be writing it
