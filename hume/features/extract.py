"""phi2 of the paper: a pretrained network's features of every image of a dataset, computed once (Appendix A).

Interrupted extractions are stored by `hume.features.checkpoint`.
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
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.devices import free_bytes, out_of_memory
from hume.common.errors import InputError
from hume.common.files import disk_errors, unfinished
from hume.common.progress import Progress
from hume.data.cards import read_card
from hume.data.folder import DatasetFolder
from hume.data.originals import Pictures
from hume.features.backbones import Backbone
from hume.features.checkpoint import Record, Work, extraction_lock, read_record

if TYPE_CHECKING:
    from PIL.Image import Image

KEY_BYTES = 16
THREADS = 4  # that decode pictures ahead of the network
LARGEST_BATCH = {"cpu": 32, "cuda": 256}
TIMES_INPUT = 100  # peak memory of a network per picture, in sizes of the prepared picture
SLIMMEST = 32  # largest aspect ratio; a slimmer picture, resized to a network's input, would fill the memory

Prepared = tuple[Tensor, str | None]  # a picture (3, H, W), and the problem with its original


class AnyPictures(Protocol):
    """Pictures by number, each with what is wrong with its original; their names where they have some."""

    @property
    def names(self) -> list[str] | None: ...

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> "tuple[Image, str | None]": ...


@dataclass(frozen=True)
class Pending:
    """An unfinished extraction; the same call of `extract` resumes it."""

    key: str
    name: str  # of the space
    backbone: str
    size: int | None  # passed to `load_backbone` with the name
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
    """Add the space phi(x_1), …, phi(x_N) of a pretrained network, (N, d), to a dataset; returns the space's name.

    Features computed before, here or for another dataset in the same folder with the same images, are reused, and
    an interrupted extraction is resumed. Where an original can no longer be read, its row is computed from the
    stored picture, and the card counts and lists it. Stored as float16, or float32 if a value overflows.

    batch_size: pictures per forward pass, by the free memory when None. on_progress: called with the fraction
    done after every batch; an exception from it ends the work.
    Raises InputError for a dataset without images and for a picture whose features are not finite, RunError for a full
    disk and while another process computes the same; the rows done so far are saved.
    """
    key = features_key(folder, backbone)
    wanted = name or backbone.space_name
    ready = folder.space_with_key(key) or _from_other_dataset(folder, key, wanted)
    if ready is not None:
        return ready
    with disk_errors(folder.path):
        work_folder = folder.work
    with extraction_lock(work_folder, key):
        ready = folder.space_with_key(key)  # it may have been finished while this waited
        if ready is not None:
            return ready
        pictures = Pictures(folder)
        record = Record(key, wanted, backbone.name, len(pictures), backbone.dim, batch_size or default_batch(backbone))
        record.size = None if backbone.own_size else backbone.side
        record.weights = None if backbone.weights is None else str(backbone.weights)
        with closing(Work(work_folder, record)) as work:
            _fill(work, pictures, backbone, on_progress)
            with unfinished(folder.path / "space") as made:
                work.finish(made)
                added = folder.free_space_name(wanted)
                folder.add_space(added, made, _entry(work.record, backbone))
        work.discard()
    return added


def features_of(
    pictures: AnyPictures, backbone: Backbone, *, on_progress: Progress | None = None
) -> NDArray[np.float32]:
    """The features (M, d) of pictures that belong to no dataset; nothing is stored. Raises InputError as `extract`."""
    record = Record("", backbone.space_name, backbone.name, len(pictures), backbone.dim, default_batch(backbone))
    parts = []
    with closing(_batches(pictures, backbone, record)) as batches:
        for rows, _ in batches:
            parts.append(rows)
            record.done += len(rows)
            if on_progress is not None:
                on_progress(record.done / record.of)
    return np.concatenate(parts)


def features_key(folder: DatasetFolder, backbone: Backbone, precision: str | None = None) -> str:
    """A digest of the images, the network, its weights, its preprocessing and precision: equal for equal spaces."""
    computed = precision or backbone.precision
    inputs = (folder.digest, backbone.identity, backbone.weights_digest, backbone.preprocessing, computed)
    return hashlib.blake2b(json.dumps(inputs).encode(), digest_size=KEY_BYTES).hexdigest()


def pending(folder: DatasetFolder) -> list[Pending]:
    """The unfinished extractions, by name."""
    records = [read_record(path) for path in (folder.path / "work").glob("*.extract.json")]
    unfinished = [
        Pending(r.key, r.name, r.backbone, r.size, Path(r.weights) if r.weights else None, r.done, r.of)
        for r in records
        if r and (folder.path / "work" / f"{r.key}.npy").exists()
    ]
    return sorted(unfinished, key=lambda extraction: (extraction.name, extraction.key))


def discard(folder: DatasetFolder, key: str) -> None:
    """Remove an unfinished extraction; raises RunError while it is running."""
    if not re.fullmatch(f"[0-9a-f]{{{2 * KEY_BYTES}}}", key):
        raise InputError(f"{key!r} is not the key of an extraction: choose one of the pending ones")
    with extraction_lock(folder.work, key):
        for suffix in (".npy", ".extract.json"):
            (folder.work / f"{key}{suffix}").unlink(missing_ok=True)


def default_batch(backbone: Backbone) -> int:
    """Pictures per forward pass: as many as fit into a quarter of the free memory, few on a CPU."""
    fitting = free_bytes(backbone.device) // 4 // (3 * 4 * backbone.side**2 * TIMES_INPUT)
    return max(1, min(fitting, LARGEST_BATCH.get(backbone.device.type, 32)))


# --- from pictures to rows -----------------------------------------------------------------


def _fill(work: Work, pictures: Pictures, backbone: Backbone, on_progress: Progress | None) -> None:
    """Compute the missing rows, in the same batches as without an interruption."""
    record, start = work.record, time.perf_counter()
    with closing(_batches(pictures, backbone, record)) as batches:
        for rows, problems in batches:
            work.append(rows, problems)
            now = time.perf_counter()
            record.seconds, start = record.seconds + now - start, now
            if on_progress is not None:
                on_progress(record.done / record.of)


def _batches(
    pictures: AnyPictures, backbone: Backbone, record: Record
) -> Generator[tuple[NDArray[np.float32], list[str | None]]]:
    """The rows that are not done, in batches, each with what is wrong with its originals; the caller counts them."""
    with closing(_ahead(pictures, backbone, record)) as prepared:
        while record.done < record.of:
            batch = list(islice(prepared, record.batch))
            images = torch.stack([picture for picture, _ in batch])
            yield _rows(images, backbone, record, pictures), [problem for _, problem in batch]


def _ahead(pictures: AnyPictures, backbone: Backbone, record: Record) -> Generator[Prepared]:
    """The prepared pictures in order, decoded in threads, at most two batches ahead of the network."""
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


def _prepared(pictures: AnyPictures, backbone: Backbone, row: int) -> Prepared:
    picture, problem = pictures[row]
    width, height = picture.size
    if max(width, height) > SLIMMEST * min(width, height):
        picture, note = _centre(picture), f"it is {width} × {height} pixels: only its centre is used"
        problem = note if problem is None else f"{problem}; {note}"
    try:
        return backbone.preprocess(picture), problem
    except (RuntimeError, ValueError, OSError) as error:
        if out_of_memory(error):
            raise
        raise InputError(f"the picture of row {row} cannot be prepared for {backbone.title} ({error})") from None


def _centre(picture: "Image") -> "Image":
    (width, height), longest = picture.size, SLIMMEST * min(picture.size)
    across, down = min(width, longest), min(height, longest)
    left, top = (width - across) // 2, (height - down) // 2
    return picture.crop((left, top, left + across, top + down))


def _rows(images: Tensor, backbone: Backbone, record: Record, pictures: AnyPictures) -> NDArray[np.float32]:
    """Features (B, d) of a batch; if half precision overflows, the batch is recomputed in float32."""
    features = _in_steps(images, backbone, record, exact=False)
    if backbone.precision != "float32" and not features.isfinite().all():
        features = _in_steps(images, backbone, record, exact=True)
    bad = (~features.isfinite()).any(1).nonzero()
    if len(bad):
        row = record.done + int(bad[0])
        raise InputError(
            f"{backbone.title} gives features that are not finite numbers for row {row} of {record.of}"
            f"{f', {pictures.names[row]}' if pictures.names else ''}: check its picture, or download the weights again"
        )
    rows: NDArray[np.float32] = features.numpy()
    return rows


def _in_steps(images: Tensor, backbone: Backbone, record: Record, *, exact: bool) -> Tensor:
    """The features of a batch, in steps that fit into memory; a step that does not is halved for all later ones."""
    while True:
        try:
            return torch.cat([backbone.features(step, exact=exact) for step in torch.split(images, record.step)])
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if record.step == 1:
                raise InputError(
                    f"not even one picture fits into the memory of {backbone.device} with {backbone.title}: "
                    "choose a smaller side or a smaller network"
                ) from None
        record.step //= 2  # here the failed step is freed; inside `except` its traceback still holds it


# --- the entry in the card --------------------------------------------------------------


def _from_other_dataset(folder: DatasetFolder, key: str, wanted: str) -> str | None:
    """Link or copy the space with this key from another dataset in the same folder; None if there is none."""
    for card in sorted(folder.path.parent.glob("[!.]*/card.json")):
        try:
            spaces = read_card(card.parent).get("spaces", {})
        except InputError:  # damaged: there is nothing to take from it
            continue
        found = (other for other, entry in spaces.items() if entry.get("key") == key and not entry.get("num_problems"))
        name = next(found, None)
        if name is None:
            continue
        source = card.parent / "spaces" / f"{name}.npy"
        if card.parent != folder.path and source.is_file():
            with unfinished(folder.path / "space") as copy:
                with disk_errors(folder.path):
                    try:
                        os.link(source, copy)
                    except OSError:  # another disk, or one without links
                        copyfile(source, copy)
                added = folder.free_space_name(wanted)
                folder.add_space(added, copy, spaces[name])
            return added
    return None


def _entry(record: Record, backbone: Backbone) -> dict[str, Any]:
    """The card's entry for the space."""
    made = backbone.made
    if record.num_problems:
        made += f" {record.num_problems} of {record.of} pictures differ from their originals; the card lists them."
    weights = {} if record.weights is None else {"weights": record.weights}
    captions = {"captions": True} if backbone.captions else {}
    return {
        **weights,
        **captions,
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
