"""phi2 of the paper: a pretrained network's features of every image of a dataset, computed once (Appendix A).

What was done before an interruption is kept by `hume.features.checkpoint`.
"""

import hashlib
import json
import os
import re
import time
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.devices import free_bytes, out_of_memory
from hume.common.errors import InputError
from hume.common.files import disk_errors, unfinished
from hume.common.progress import Progress
from hume.data.folder import DatasetFolder
from hume.data.originals import Pictures
from hume.features.backbones import Backbone
from hume.features.checkpoint import Record, Work, alone, read_record

if TYPE_CHECKING:
    from PIL.Image import Image

KEY_BYTES = 16
THREADS = 4  # that decode pictures ahead of the network
LARGEST_BATCH = {"cpu": 32, "cuda": 256}
TIMES_INPUT = 100  # what a network holds of a picture at its widest, in sizes of the prepared picture
SLIMMEST = 32  # times as long as wide; a slimmer picture, made as wide as a network wants it, would fill the memory

Prepared = tuple[Tensor, str | None]  # a picture (3, H, W), and what was wrong with its original


@dataclass(frozen=True)
class Pending:
    """An extraction that has begun and not ended; the same call of `extract` goes on with it."""

    key: str
    name: str  # of the space that it would make
    backbone: str
    size: int | None  # what `load_backbone` was asked for beside the name
    weights: Path | None
    done: int  # rows
    of: int


def extract(
    folder: DatasetFolder,
    backbone: Backbone,
    *,
    name: str | None = None,
    batch_size: int | None = None,
    on_progress: Progress | None = None,
) -> str:
    """Give a dataset the space phi(x_1), …, phi(x_N) of a pretrained network, (N, d); returns the space's name.

    What was computed before, here or for another dataset beside it with the same images, is not computed again, and
    what was interrupted goes on where it was. Where an original cannot be read any more, its row is made from the
    stored picture, and the card counts and lists it. Stored as float16, as float32 where a value does not fit.

    batch_size: pictures that go through the network at once, by the free memory when None. on_progress: told the share
    done after every batch; whatever it raises ends the work.
    Raises InputError for a dataset without images and for a picture whose features are not finite, RunError for a full
    disk and while another process computes the same; what is done is kept then.
    """
    key = features_key(folder, backbone)
    wanted = name or backbone.space_name
    ready = folder.space_with_key(key) or _from_a_twin(folder, key, wanted)
    if ready is not None:
        return ready
    with disk_errors(folder.path):
        place = folder.work
    with alone(place, key):
        ready = folder.space_with_key(key)  # it may have been finished while this waited
        if ready is not None:
            return ready
        pictures = Pictures(folder)
        begun = Record(key, wanted, backbone.name, len(pictures), backbone.dim, batch_size or default_batch(backbone))
        begun.size = None if backbone.own_size else backbone.side
        begun.weights = None if backbone.weights is None else str(backbone.weights)
        with closing(Work(place, begun)) as work:
            _fill(work, pictures, backbone, on_progress)
        made = folder.free_space_name(wanted)
        folder.add_space(made, work.array, _entry(work.record, backbone))
        work.forget()
    return made


def features_key(folder: DatasetFolder, backbone: Backbone) -> str:
    """Stands for the images, the network, its weights, its preprocessing and precision; the same for the same space."""
    parts = (folder.digest, backbone.identity, backbone.weights_digest, backbone.preprocessing, backbone.precision)
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=KEY_BYTES).hexdigest()


def pending(folder: DatasetFolder) -> list[Pending]:
    """The extractions that have begun and not ended, by name."""
    records = [read_record(path) for path in (folder.path / "work").glob("*.extract.json")]
    there = [each for each in records if each and (folder.path / "work" / f"{each.key}.npy").exists()]
    found = [
        Pending(
            each.key, each.name, each.backbone, each.size, Path(each.weights) if each.weights else None, each.done,
            each.of,
        )
        for each in there
    ]  # fmt: skip
    return sorted(found, key=lambda each: (each.name, each.key))


def discard(folder: DatasetFolder, key: str) -> None:
    """Remove what an unfinished extraction has so far; raises RunError while it is under way."""
    if not re.fullmatch(f"[0-9a-f]{{{2 * KEY_BYTES}}}", key):
        raise InputError(f"{key!r} is no key of an extraction: choose one of those that are pending")
    with alone(folder.work, key):
        for suffix in (".npy", ".extract.json"):
            (folder.work / f"{key}{suffix}").unlink(missing_ok=True)


def default_batch(backbone: Backbone) -> int:
    """How many pictures go through a network at once: what a quarter of the free memory holds, few on a CPU."""
    room = free_bytes(backbone.device) // 4 // (3 * 4 * backbone.side**2 * TIMES_INPUT)
    return max(1, min(room, LARGEST_BATCH.get(backbone.device.type, 32)))


# --- from pictures to rows -----------------------------------------------------------------


def _fill(work: Work, pictures: Pictures, backbone: Backbone, on_progress: Progress | None) -> None:
    """Compute the rows that are not there yet, in batches that begin where they would without an interruption."""
    record = work.record
    with closing(_ahead(pictures, backbone, record)) as prepared:
        while record.done < record.of:
            start, batch = time.perf_counter(), list(islice(prepared, record.batch))
            images = torch.stack([picture for picture, _ in batch])
            work.append(_rows(images, backbone, record, pictures), [problem for _, problem in batch])
            record.seconds += time.perf_counter() - start
            if on_progress is not None:
                on_progress(record.done / record.of)


def _ahead(pictures: Pictures, backbone: Backbone, record: Record) -> Generator[Prepared]:
    """The prepared pictures in their order, decoded in threads, at most two batches ahead of whoever asks."""
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        coming = (pool.submit(_prepared, pictures, backbone, row) for row in range(record.done, record.of))
        queue = deque(islice(coming, 2 * record.batch))
        try:
            while queue:
                prepared = queue.popleft().result()
                queue.extend(islice(coming, 1))
                yield prepared
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _prepared(pictures: Pictures, backbone: Backbone, row: int) -> Prepared:
    picture, problem = pictures[row]
    width, height = picture.size
    if max(width, height) > SLIMMEST * min(width, height):
        picture, note = _middle(picture), f"it is {width} × {height} pixels: only its middle is used"
        problem = note if problem is None else f"{problem}; {note}"
    try:
        return backbone.preprocess(picture), problem
    except (RuntimeError, ValueError, OSError) as error:
        if out_of_memory(error):
            raise
        raise InputError(f"the picture of row {row} cannot be prepared for {backbone.title} ({error})") from None


def _middle(picture: "Image") -> "Image":
    (width, height), longest = picture.size, SLIMMEST * min(picture.size)
    across, down = min(width, longest), min(height, longest)
    left, top = (width - across) // 2, (height - down) // 2
    return picture.crop((left, top, left + across, top + down))


def _rows(images: Tensor, backbone: Backbone, record: Record, pictures: Pictures) -> NDArray[np.float32]:
    """Features (B, d) of a batch; where half precision overflows the batch is computed once more without it."""
    found = _in_steps(images, backbone, record, exact=False)
    if backbone.precision != "float32" and not found.isfinite().all():
        found = _in_steps(images, backbone, record, exact=True)
    bad = (~found.isfinite()).any(1).nonzero()
    if len(bad):
        row = record.done + int(bad[0])
        raise InputError(
            f"{backbone.title} gives features that are not finite numbers for row {row} of {record.of}"
            f"{f', {pictures.names[row]}' if pictures.names else ''}: look at its picture, or fetch the weights again"
        )
    rows: NDArray[np.float32] = found.numpy()
    return rows


def _in_steps(images: Tensor, backbone: Backbone, record: Record, *, exact: bool) -> Tensor:
    """The batch in steps that fit into memory, halved for good whenever one does not."""
    while True:
        try:
            return torch.cat([backbone.features(part, exact=exact) for part in torch.split(images, record.step)])
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if record.step == 1:
                raise InputError(
                    f"not even one picture fits into the memory of {backbone.device} with {backbone.title}: "
                    "choose a smaller side or a smaller network"
                ) from None
        record.step //= 2  # here the failed step is forgotten, inside of `except` its traceback still holds it


# --- what the dataset is told --------------------------------------------------------------


def _from_a_twin(folder: DatasetFolder, key: str, wanted: str) -> str | None:
    """Take the space with this key from another dataset beside this one, linked or copied; None where there is none."""
    for card in sorted(folder.path.parent.glob("[!.]*/card.json")):
        try:
            spaces = json.loads(card.read_text(encoding="utf-8")).get("spaces", {})
            found = next(
                name for name, entry in spaces.items() if entry.get("key") == key and not entry.get("num_problems")
            )
        except (OSError, ValueError, AttributeError, StopIteration):
            continue
        source = card.parent / "spaces" / f"{found}.npy"
        if card.parent != folder.path and source.is_file():
            with unfinished(folder.path / "space") as part:
                with disk_errors(folder.path):
                    try:
                        os.link(source, part)
                    except OSError:  # another disk, or one without links
                        copyfile(source, part)
                made = folder.free_space_name(wanted)
                folder.add_space(made, part, spaces[found])
            return made
    return None


def _entry(record: Record, backbone: Backbone) -> dict[str, Any]:
    """What the card says of the space."""
    made = backbone.made
    if record.num_problems:
        made += f" {record.num_problems} of {record.of} pictures are not as they came; the card lists them."
    return {
        "title": backbone.title,
        "kind": "pretrained",
        "made": made,
        "licence": backbone.licence,
        "key": record.key,
        "dim": record.dim,
        "backbone": backbone.name,
        "side": backbone.side,
        "seconds": round(record.seconds, 1),
        "num_problems": record.num_problems,
        "problems": record.problems,
    }
