"""A process of its own: what it reports and raises reaches the caller, and neither outlives the other's wish."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from hume.common.errors import InputError
from hume.common.process import ROOT, Process, ProcessError

HERE = "tests.common.test_process"


def count(report, number):
    print("a library prints what it likes")
    for i in range(number):
        report({"number": i, "process": os.getpid()})


def refuse(report):
    raise InputError("there is nothing to do: give something")


def fail(report):
    raise KeyError("gone\nand more")


def sleep(report):
    report(os.getpid())
    time.sleep(600)


def end(report):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def start():
    """Start a function of this module in a process, which is closed at the end."""
    started = []

    def begin(function, *arguments):
        started.append(Process(f"{HERE}:{function.__name__}", *arguments))
        return started[-1]

    yield begin
    for process in started:
        process.close(10)


def test_reports_come_from_another_process(start):
    process = start(count, 3)
    reports = list(process.reports())
    assert [report["number"] for report in reports] == [0, 1, 2]
    assert {report["process"] for report in reports} == {process.popen.pid}
    process.close(60)
    assert process.popen.returncode == 0


def test_errors_come_as_one_line(start):
    with pytest.raises(InputError, match="there is nothing to do: give something"):
        list(start(refuse).reports())
    with pytest.raises(ProcessError, match=r"^KeyError: 'gone\\nand more'$"):
        list(start(fail).reports())
    with pytest.raises(ProcessError) as died:
        list(start(end).reports())
    assert died.value.code == -signal.SIGKILL


def test_closing_ends_the_process(start):
    process = start(sleep)
    assert process.wait(60)
    assert next(process.reports()) == process.popen.pid
    assert not process.wait(0)
    process.close(10)
    assert process.popen.returncode == -signal.SIGTERM


def test_the_process_ends_with_the_caller_whose_script_is_not_run_again(tmp_path):
    script = tmp_path / "script.py"  # without `if __name__ == "__main__"`, as pages are
    script.write_text(
        "import os, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from hume.common.process import Process\n"
        f"print(next(Process('{HERE}:sleep').reports()), flush=True)\n"
        "os._exit(0)\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    [line] = done.stdout.splitlines()
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(line)).wait(60)
