"""Hostile inputs by the hundred, each from its seed, and what may come of one: success, or one sentence and status 2.

A case is three or fewer command lines in a home and a folder of its own.
"""

import contextlib
import io
import os
import shutil
import signal
import sys
import traceback
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import typer

from hume.cli import main
from hume.cli.base import app
from hume.experiments import saved_trust
from hume.runs import review, selections
from hume.runs.answering import Answering
from hume.runs.findings import Findings
from hume.runs.store import Store
from tests.support import hostile_files, hostile_homes
from tests.support.hostile_files import choose
from tests.support.planted_runs import create, save_folder

SECONDS = 60  # for one command on a busy machine: a hang, not a slow answer, is what it ends
MOST_MEMORY = 2**30
RUN = "hurt"
OF_A_RUN = (
    ["show", RUN], ["show", RUN, "--json"], ["modes", RUN], ["labels", RUN, "--csv", "out.csv"],
    ["reliable", RUN, "--csv", "out.csv"], ["curve", RUN, "--csv", "out.csv"], ["trust", RUN], ["answers", RUN],
    ["selections", RUN], ["suspects", RUN], ["resume", RUN], ["export", RUN, "out"], ["report", RUN, "out.html"],
    ["differences", RUN, "whole"], ["export-authors", RUN, "out"], ["export-release", "out", RUN],
)  # fmt: skip
OF_A_DATASET = (
    ["datasets"], ["facts", "birds"], ["search", "--dataset", "birds", "--seeds", "1", "--set", "num_iterations=2"],
    ["derive", "birds", "phi1", "--unit"], ["delete-dataset", "birds"], ["delete-dataset", "birds", "--space", "phi1"],
    ["copy", "birds"],
)  # fmt: skip
# Of each kind one command that has to look into the home, or to write into it.
TOUCHES_THE_HOME = (["list"], ["show", RUN], ["copy", "digits"], ["trust", RUN], ["delete-dataset", "birds"])
# Command lines that are whole and soon done, to which one odd option is added.
BASES = {
    "search": ["--dataset", "birds", "--seeds", "1", "--set", "num_iterations=2"],
    "add": ["good.npy"],
    "labels": [RUN, "--csv", "out.csv"],
    "curve": [RUN, "--csv", "out.csv"],
    "reliable": [RUN, "--csv", "out.csv"],
    "report": [RUN, "out.html"],
    "export": [RUN, "out"],
    "differences": [RUN, "whole"],
    "facts": ["birds"],
    "derive": ["birds", "phi1", "--unit"],
    "import-authors": ["tree", "--dataset", "birds"],
    "export-release": ["out", RUN],
    "export-authors": [RUN, "out"],
    "label-new": [RUN, "birds", "--csv", "out.csv"],
    "similar": [RUN, "--row", "0"],
    "propose-names": [RUN, "--words", "words.txt"],
    **{name: [RUN] for name in ("answers", "modes", "show", "selections", "suspects", "trust", "resume")},
}


@dataclass
class Outcome:
    """What one command did."""

    arguments: list[str]
    status: int | None
    output: str
    error: str
    memory: int  # bytes beyond what the process had

    @property
    def problem(self):
        """What is wrong with it, None where nothing is."""
        lines = self.error.strip().splitlines()
        if self.status is None:
            return self.error
        if self.memory > MOST_MEMORY:
            return f"{self.memory >> 20} MiB"
        if self.status == 0:
            return None
        if self.status != 2 or not lines or not lines[-1].startswith("error: "):
            return f"status {self.status}: {self.error[-300:]!r}"
        told = [line for line in lines if line.startswith("error: ")]
        return None if len(told) == 1 and len(lines[-1]) < 6000 else f"not one line: {self.error[-300:]!r}"


def make_home(home):
    """The home that every case gets a copy of: a dataset with all of its files, and two runs with all of theirs."""
    store = Store(home)
    files = [f"{number}.png" for number in range(60)]
    folder = save_folder(
        home / "datasets" / "birds", names=["owl", "jay", "wren"], size=20, files=files, test_rows=np.arange(60) > 40
    ).folder
    (folder / "columns.csv").write_text("age\n" + "".join(f"{number}\n" for number in range(60)))
    np.savez(folder / "images.npz", images=np.zeros((60, 4, 4), np.uint8))
    data = store.load_dataset("birds")
    for name in ("whole", RUN):
        run = create(store, data, name, num_iterations=20, num_train=30, num_test=20, of_run={"refine": "joint"})
        run.execute()
        saved_trust.judge(Findings(run))
    review.name_class(run, 0, "wise")
    review.reject(run, 7)
    Answering(Findings(run)).answer([1, 2], 1)
    selections.keep(run, "some", [1, 2, 3], num_samples=60)


def run(template, folder, seed):
    """One case in a folder of its own; returns words for what was made, and the outcomes."""
    rng = np.random.default_rng(seed)
    home = folder / "home"
    shutil.copytree(template, home, symlinks=True)
    np.save(folder / "good.npy", rng.normal(size=(60, 8)).astype(np.float32))
    (folder / "words.txt").write_text("owl\njay\n")
    words, commands = MAKERS[seed % len(MAKERS)](home, folder, rng)
    return words, [call(home, folder, [str(each) for each in command]) for command in commands]


def call(home, folder, arguments):
    """One command line in this process, as if it were its own."""
    reset_peak()
    before, out, err = peak(), io.StringIO(), io.StringIO()
    here, argv, environment = Path.cwd(), sys.argv, os.environ.get("HUME_HOME")
    status = None
    os.environ["HUME_HOME"], sys.argv = str(home), ["hume", *arguments]
    os.chdir(folder)
    former = signal.signal(signal.SIGALRM, _stop)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("default")
            main()
    except SystemExit as ended:
        status = ended.code
    except BaseException:  # a traceback, or a hang that was ended
        err.write(traceback.format_exc())
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)
        os.chdir(here)
        sys.argv = argv
        os.environ.pop("HUME_HOME")
        if environment is not None:
            os.environ["HUME_HOME"] = environment
    return Outcome(arguments, status, out.getvalue(), err.getvalue(), peak() - before)


class HangError(BaseException):
    """A command that did not end."""


def _stop(number, frame):
    raise HangError


def reset_peak():
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak():
    """The most memory of this process since the last reset, bytes; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return 0


# --- cases -------------------------------------------------------------------------------------------


def odd_file(home, folder, rng):
    path = hostile_files.file(folder, rng)
    return f"a file {path.name}", [["add", path], ["datasets"]]


def odd_array(home, folder, rng):
    path = hostile_files.file(folder, rng, choose(rng, [".npy", ".npy", ".npz", ".csv"]))
    search = ["search", "--num-classes", "2", "--seeds", "1", "--set", "num_iterations=2"]
    roles = {"--phi1": "good.npy", "--phi2": "good.npy"} | {choose(rng, ["--phi1", "--phi2", "--labels"]): path}
    return f"{path.name} to search", [[*search, *[word for pair in roles.items() for word in pair]]]


def odd_table(home, folder, rng):
    path = hostile_files.file(folder, rng, choose(rng, [".csv", ".tsv"]))
    options = [word for name in ("path", "label", "split") if rng.random() < 0.3
               for word in (f"--{name}-column", choose(rng, ["file", "label", "x", "", "nowhere"]))]  # fmt: skip
    return "a table", [["add", path, *options], ["add", path, "--preview"]]


def odd_archive(home, folder, rng):
    path = hostile_files.file(folder, rng, choose(rng, [".zip", ".npz"]))
    return "an archive", [["add", path, *choose(rng, [[], ["--preview"], ["--copy"]])]]


def odd_tree(home, folder, rng):
    top = hostile_files.tree(folder, rng)
    return "a folder", [["add", top, *choose(rng, [[], ["--preview"], ["--copy"], ["--folders", "classes"]])]]


def odd_picture(home, folder, rng):
    top = folder / "pictures"
    for number in range(4):
        place = top / f"class{number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(hostile_files.picture(rng))
    return "pictures", [["add", top], ["datasets"]]


def special_path(home, folder, rng):
    path = hostile_files.special(folder, rng)
    arrays = ["search", "--num-classes", "2", "--seeds", "1", "--phi2", "good.npy"]
    command = choose(
        rng,
        [
            ["add", path], [*arrays, "--phi1", path], [*arrays, "--phi1", "good.npy", "--labels", path],
            ["search", "--dataset", path], ["search", *BASES["search"], "--class-sizes", path], ["facts", path],
            ["show", path], ["labels", RUN, "--csv", path], ["export", RUN, path], ["report", RUN, path],
            ["answers", RUN, "--import", path], ["selections", RUN, "--import", path],
            ["label-new", RUN, path, "--csv", "x"], ["import-authors", path, "--dataset", "birds"],
            ["similar", RUN, "--picture", path], ["propose-names", RUN, "--words", path],
        ],
    )  # fmt: skip
    return f"the path {str(path)[:60]!r}", [command]


def damaged_run(home, folder, rng):
    files = sorted(path for path in (home / "runs" / RUN).rglob("*") if path.suffix in hostile_homes.WAYS)
    names = ["run.json", "scores.json", "history.jsonl", "selections.jsonl"]
    path = home / "runs" / RUN / choose(rng, names) if rng.random() < 0.6 else choose(rng, files)
    words = hostile_homes.damage(path, rng)
    some = [OF_A_RUN[i] for i in rng.choice(len(OF_A_RUN), 2, replace=False)]
    return words, [["list"], *some]


def damaged_dataset(home, folder, rng):
    files = sorted(path for path in (home / "datasets" / "birds").rglob("*") if path.is_file() and path.name != "lock")
    path = home / "datasets" / "birds" / "card.json" if rng.random() < 0.4 else choose(rng, files)
    words = hostile_homes.damage(path, rng)
    some = [choose(rng, OF_A_DATASET), choose(rng, OF_A_RUN)]
    return words, [["datasets"], *some]


def options_of(command):
    """The options that a command declares."""
    made = typer.main.get_command(app).commands[command]
    alone = typer.Typer(add_completion=False)
    alone.command(command)(getattr(import_module(made._module), made._function))
    options = [each for each in typer.main.get_command(alone).params if each.opts[0].startswith("--")]
    return [each for each in options if each.opts[0] != "--controls"]  # which searches for a minute


def odd_option(home, folder, rng):
    name, option = choose(rng, [(name, each) for name in BASES for each in options_of(name)])
    values = [*hostile_files.NUMBERS, *hostile_files.NAMES, "/dev/null", "good.npy"]
    value = [] if option.is_flag else [choose(rng, values)]
    words = [str(each).replace("\x00", "") for each in (option.opts[0], *value)]
    return f"{name} {' '.join(words)[:60]}", [[name, *BASES[name], *words]]


MAKERS = (
    odd_file, odd_array, odd_table, odd_archive, odd_tree, odd_picture, special_path, damaged_run, damaged_dataset,
    odd_option, damaged_run, odd_option,
)  # fmt: skip
