"""Work that a test kills at random moments: every stage of the way from pictures to answers, on tiny data.

A stage is a function of a home folder, which goes on from what is there. It runs in a process that is forked from one
that has loaded everything, so that hundreds of attempts take minutes.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

from hume.data.folder import DatasetFolder, new_dataset
from hume.exchange.detection import detect_format
from hume.exchange.incoming import import_path
from hume.features import checkpoint as of_extraction
from hume.features.backbones import Backbone
from hume.features.extract import extract
from hume.features.extract import pending as pending_extractions
from hume.features.pretrain import PretrainConfig, pretrain
from hume.runs import checkpoint, refinement, review
from hume.runs.answering import Answering
from hume.runs.findings import Findings
from hume.runs.store import Store
from tests.support import torchvision_here  # noqa: F401
from tests.support.planted_runs import create, save_folder

RUN, PICTURES = "killed", 90
CLOCKS = {"seconds", "search_seconds", "score_seconds", "refine_seconds", "finished", "created", "added", "time"}

torch.set_num_threads(1)
_processes = get_context("forkserver")
_processes.set_forkserver_preload(["tests.support.torchvision_here", "hume.features.methods", __name__])


@dataclass
class Stage:
    """A kind of work: what is there before, the work, and what must not be lost of it."""

    prepare: Callable[[Path], None]
    work: Callable[[Path], None]
    kept: Callable[[Path], dict[str, bytes]] = field(default=lambda home: {})  # complete as soon as it is there


# --- runs ---------------------------------------------------------------------------------------------------


def _run(home: Path, **options: object) -> None:
    store = Store(home)
    data = save_folder(home / "datasets" / "birds", size=60)
    create(store, data, RUN, seeds=range(6), num_iterations=25, patience=None, of_run={"seed_batch": 2, **options})


def _execute(home: Path) -> None:
    checkpoint.EVERY, checkpoint.MOST_SHARE = 0.0, float("inf")
    refinement.side_by_side = lambda num_classes: 2
    Store(home).open(RUN).execute()


def _searched(home: Path) -> None:
    _run(home)
    _execute(home)
    (home / "runs" / RUN / "scores.json").unlink()


def _scored(home: Path) -> None:
    """As it stands when the refinement begins, which scoring precedes."""
    _run(home, refine="joint")
    _execute(home)
    folder = home / "runs" / RUN
    (folder / "scores.json").unlink()
    for path in (folder / "refined").iterdir():
        path.unlink()


def _seeds(home: Path) -> dict[str, bytes]:
    folder = home / "runs" / RUN
    found = [path for kind in ("seeds", "refined") for path in folder.glob(f"{kind}/*.safetensors")]
    return {str(path): path.read_bytes() for path in found}


# --- datasets -----------------------------------------------------------------------------------------------


def _pictures(home: Path) -> None:
    for i, (pixels, label) in enumerate(zip(load_digits().images[:PICTURES], load_digits().target, strict=False)):
        path = home.parent / f"{home.name}-given" / str(label % 3) / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 15).astype(np.uint8)).save(path)


def _add(home: Path) -> None:
    if not (home / "datasets" / "numerals").exists():
        import_path(detect_format(home.parent / f"{home.name}-given"), Store(home), name="numerals")


def _dataset(home: Path) -> None:
    with new_dataset(home / "datasets", "numerals") as folder:
        np.save(folder.path / "images.npy", (load_digits().images[:PICTURES] * 15).astype(np.uint8))


class _Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = torch.nn.Parameter(torch.linspace(-1, 1, 3 * 64 * 7).view(3 * 64, 7))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        time.sleep(0.01)
        return images.flatten(1) @ self.mix


def _as_tensor(picture: Image.Image) -> torch.Tensor:
    pixels = np.asarray(picture.convert("RGB").resize((8, 8)), dtype=np.float32)
    return torch.from_numpy(pixels / 255).permute(2, 0, 1)


def _extract(home: Path) -> None:
    of_extraction.SAVED_EVERY = 0.0
    backbone = Backbone(
        name="small", title="A small network", licence="none", made="A small network: sums.", dim=7,
        network=_Network(), preprocess=_as_tensor, preprocessing="8 pixels", identity="small", weights_digest="0",
        side=8, own_size=True, weights=None, device=torch.device("cpu"),
    )  # fmt: skip
    extract(DatasetFolder(home / "datasets" / "numerals"), backbone, batch_size=4)


def _rows_done(home: Path) -> dict[str, bytes]:
    """The rows that an extraction has recorded as done."""
    with suppress(IndexError):
        left = pending_extractions(DatasetFolder(home / "datasets" / "numerals"))[0]
        return {f"row {row}": b"" for row in range(left.done)}
    return {}


def _pretrain(home: Path) -> None:
    folder = DatasetFolder(home / "datasets" / "numerals")
    if folder.space_names():
        return
    config = PretrainConfig(epochs=4, batch_size=32, side=12, queue=24, flip=False, min_scale=0.6)
    for _ in pretrain(folder, config):
        pass


# --- answers ------------------------------------------------------------------------------------------------


def _finished(home: Path) -> None:
    _run(home, refine="joint")
    _execute(home)


def _answer(home: Path) -> None:
    """Answer about every third row; what is confirmed is noted elsewhere."""
    answering = Answering(Findings(Store(home).open(RUN)))
    given = answering.review.answers
    with (home.parent / f"{home.name}-confirmed").open("a", encoding="utf-8") as confirmed:
        for row in range(0, 60, 3):
            if row not in given:
                answering.answer([row], row % 3)
                print(row, file=confirmed, flush=True)
    answering.now().vote  # noqa: B018 - which keeps the labeling of the last answer


def _answers(home: Path) -> dict[str, bytes]:
    path = home.parent / f"{home.name}-confirmed"
    told = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    given = review.read(Store(home).open(RUN)).answers
    assert set(map(int, told)) <= set(given), "a confirmed answer is lost"
    return {f"answer {row}": str(number).encode() for row, number in given.items()}


STAGES = {
    "search": Stage(_run, _execute, _seeds),
    "scoring": Stage(_searched, _execute, _seeds),
    "refinement": Stage(_scored, _execute, _seeds),
    "add": Stage(_pictures, _add),
    "extract": Stage(_dataset, _extract, _rows_done),
    "pretrain": Stage(_dataset, _pretrain),
    "answers": Stage(_finished, _answer, _answers),
}


# --- killing ------------------------------------------------------------------------------------------------


def in_a_process(work: Callable[[Path], None], home: Path, kill_after: float | None = None) -> int:
    """Do work in a process of its own, killed after so many seconds; its exit status, −9 where it was killed."""
    process = _processes.Process(target=work, args=(home,))
    # A process runs the main module again, for which tests of the app leave a page behind.
    with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
        process.start()
    process.join(kill_after)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode


def moments(stage: str, longest: float, number: int) -> list[float]:
    """Random moments within the time that a stage takes, the same in every run of the test."""
    drawn = random.Random(f"kills in {stage}")
    return [drawn.uniform(0, longest) for _ in range(number)]


def contents(home: Path) -> dict[str, object]:
    """All that is below a home, by name: arrays and bytes, without what clocks say."""
    found: dict[str, object] = {}
    for path in sorted(path for path in home.rglob("*") if path.is_file() and path.suffix != ".lock"):
        name = str(path.relative_to(home))
        if path.suffix == ".safetensors":
            found |= {f"{name} {key}": (array.dtype, array.tobytes()) for key, array in load_file(path).items()}
        elif path.suffix == ".json":
            found[name] = _without_clocks(json.loads(path.read_text(encoding="utf-8")))
        elif path.suffix == ".jsonl":
            lines = path.read_text(encoding="utf-8").splitlines()
            found[name] = [_without_clocks(json.loads(line)) for line in lines]
        elif path.name != "lock":
            found[name] = path.read_bytes()
    return found


def _without_clocks(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_clocks(each) for key, each in value.items() if key not in CLOCKS}
    return [_without_clocks(each) for each in value] if isinstance(value, list) else value
