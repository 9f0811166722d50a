"""Labels for samples that a run has not seen: its spaces, computed again for them, and its classifier in both."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data import space_rows, splits
from hume.data.dataset import Dataset, Space
from hume.data.folder import DatasetFolder
from hume.data.importers.folder_listing import Entry, list_folder
from hume.engine.joint_rows import JointRows, Whitening
from hume.engine.prototypes import hard_labels
from hume.engine.refinement import JointModel
from hume.engine.semi_supervised import predict
from hume.evaluation.ensemble import vote_counts
from hume.evaluation.metrics import match_classes
from hume.evaluation.suspects import Seen
from hume.features.again import AS_RECORDED, OtherPictures, Weights, check_known, readable, space_of
from hume.runs.findings import Findings
from hume.runs.new_labels import NewLabels
from hume.runs.store import Store

READING = 0.1  # share of the progress
AT_ONCE = 20_000  # pictures, whose features are in memory together


def label_new(
    found: Findings,
    source: str | Path,
    *,
    weights: Weights = AS_RECORDED,
    device: str = "cpu",
    on_progress: Progress | None = None,
) -> NewLabels:
    """Label new samples as a run would have: by its spaces and its classifier in both.

    source: a folder of pictures, or a dataset by its name or folder. weights: of networks, by the name of their space,
    where the files are not those that the dataset names. Spaces that the dataset has by the names of the
    run's are used, others are computed as they were for the run's dataset. A run that is not refined labels by φ1
    alone, with the votes of its seeds' prototypes. A new sample is far where its distance to the found classes, in both
    spaces, is beyond that of 999 in 1,000 of the run's own.

    Raises InputError where a space cannot be computed for new pictures, saying why, where nothing can be read, and for
    spaces of other dimensions.
    """
    entries, aside, other = None, list[tuple[str, str]](), _dataset(found, source)
    if other is None:
        listing = list_folder(Path(source), roots=None)
        entries, aside = readable(listing.entries, part(on_progress, 0, READING))
        aside = [*listing.set_aside, *aside]
        if not entries:
            raise InputError(
                f"none of the {len(aside):,} files in {source} is a readable picture: {' '.join(aside[0])}"
            )
    dataset, wanted = found.dataset, _wanted(found, other)
    for name, file in weights.items():
        dataset.space(name)
        if not file.is_file():
            raise InputError(f"there is no file {file} with the weights of {name}: name the one that it was made with")
    pieces: list[Sequence[Entry] | None] = [None]
    if entries is not None:
        pieces = [entries[start : start + AT_ONCE] for start in range(0, len(entries), AT_ONCE)]
    computing, seen, labeled = part(on_progress, READING, 1), None, []
    for i, some in enumerate(pieces):
        report = part(computing, i / len(pieces), (i + 1) / len(pieces))
        spaces = _spaces(found, source, other, wanted, some, weights, device, report)
        if seen is None and len(wanted) > 1:  # once, and not before what may be refused
            seen = _seen(found)
        labeled.append(_labeled(found, seen, spaces))
    classes, probability, far = (list(each) for each in zip(*labeled, strict=True))
    files = [entry.name for entry in entries] if entries is not None else other.file_names if other else None
    return NewLabels(
        found.run.name, files, np.concatenate(classes), np.concatenate(probability),
        None if seen is None else np.concatenate(far), aside,
    )  # fmt: skip


# --- spaces ----------------------------------------------------------------------------------------------


def _dataset(found: Findings, source: str | Path) -> Dataset | None:
    """The dataset of that name or folder; None for a folder of pictures."""
    folder, store = Path(source), Store(found.run.home)
    if folder.is_dir() and not (folder / "spaces").is_dir():
        return None
    return store.load_dataset(source)


def _spaces(
    found: Findings,
    source: str | Path,
    other: Dataset | None,
    wanted: list[str],
    entries: Sequence[Entry] | None,
    weights: Weights,
    device: str,
    on_progress: Progress,
) -> list[Space]:
    """The wanted spaces of new samples: those that their dataset has, others computed from its pictures or files."""
    missing = [name for name in wanted if other is None or name not in other.spaces]
    pictures = _pictures(found, source, other, missing, entries) if missing else None
    spaces = []
    for name in wanted:
        if pictures is not None and name in missing:
            i = missing.index(name)
            report = part(on_progress, i / len(missing), (i + 1) / len(missing))
            spaces.append(space_of(found.dataset, name, pictures, weights=weights, device=device, on_progress=report))
        else:
            assert other is not None
            spaces.append(other.space(name))
        _check_dim(found, name, spaces[-1])
    return spaces


def _wanted(found: Findings, other: Dataset | None) -> list[str]:
    """The spaces that are needed: both; for a run that is not refined φ1, and φ2 where there is a way to it."""
    request = found.run.request
    both = [request.phi1, request.phi2]
    if found.classifier is not None or (other is not None and request.phi2 in other.spaces):
        return both
    try:
        check_known(found.dataset, request.phi2)
    except InputError:
        return both[:1]
    return both if other is None or other.images is not None else both[:1]


def _pictures(
    found: Findings, source: str | Path, other: Dataset | None, missing: list[str], entries: Sequence[Entry] | None
) -> OtherPictures:
    dataset = found.dataset
    if dataset.folder is None:
        raise InputError(
            f"run {found.run.name!r} was searched on files of features, so that pictures cannot be labeled: name a "
            f"dataset with the spaces {' and '.join(missing)}"
        )
    for name in missing:
        check_known(dataset, name)
    if other is not None and (other.folder is None or other.images is None):
        raise InputError(f"{source} has neither the space {missing[0]} nor images to compute it from: add either")
    if entries is not None:
        return OtherPictures(dataset, entries)
    assert other is not None
    assert other.folder is not None
    return OtherPictures(dataset, DatasetFolder(other.folder))


def _check_dim(found: Findings, name: str, space: Space) -> None:
    expected = found.dataset.space(name).features.shape[1]
    if space.features.shape[1] != expected:
        raise InputError(
            f"the space {name} has {space.features.shape[1]:,} dimensions and that of run {found.run.name!r} "
            f"{expected:,}: they are made differently, compute it the same way"
        )


# --- labels ----------------------------------------------------------------------------------------------


def _labeled(
    found: Findings, seen: Seen | None, spaces: list[Space]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_] | None]:
    """Classes, their probability and what is far."""
    classifier = found.classifier
    if classifier is None:
        classes, probability = _by_prototypes(found, spaces[0])
    else:
        classes, probability = _by_classifier(found, *classifier, spaces)
    return classes, probability, None if seen is None else seen.distance(*spaces) > seen.far


def _seen(found: Findings) -> Seen:
    """The run's own samples in both spaces, from which new ones may be far."""
    request, dataset = found.run.request, found.dataset
    labeling = np.where(found.counted, found.vote.labeling, -1)
    return Seen.of(dataset.space(request.phi1), dataset.space(request.phi2), labeling, _whitenings(found))


def _whitenings(found: Findings) -> tuple[Whitening, Whitening] | None:
    """The directions of the classifier; None where there is none."""
    return None if found.classifier is None else found.stage.fitted.whitenings


def _by_classifier(
    found: Findings, model: JointModel, numbers: NDArray[np.int64], spaces: list[Space]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    first, second = (space_rows.rows(space, unit=True) for space in spaces)
    if len(first) != len(second):
        raise InputError(
            f"{spaces[0].name} has {len(first)} rows and {spaces[1].name} {len(second)}: give both for all"
        )
    new = predict(model, JointRows.of(first, second, _whitenings(found)))
    return numbers[new.labeling], new.confidence.astype(np.float64)


def _by_prototypes(found: Findings, phi1: Space) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The vote of all seeds' prototypes, as `HUME.predict` with φ1 alone."""
    run, K, labeling = found.run, found.num_found, found.vote.labeling
    prototypes = np.stack(
        [
            each[np.argsort(match_classes(own, labeling, K))]
            for each, own in zip(run.prototypes(), found.labelings(), strict=True)
        ]
    )
    counts = vote_counts(hard_labels(phi1_as_searched(found, phi1), torch.from_numpy(prototypes)).numpy(), K)
    return counts.argmax(1), counts.max(1) / counts.sum(1)


def phi1_as_searched(found: Findings, phi1: Space) -> Tensor:
    """(M, d1) rows of φ1 for new samples, centred as the run's search centred its own and of unit norm."""
    request = found.run.request
    searched = splits.searched_rows(found.dataset, request.setting)
    seen = found.dataset.space(request.phi1)
    mean = space_rows.streamed(seen, unit=True, centre=request.config.centre, mean_rows=searched).mean
    rows = space_rows.as_tensor(phi1)
    return torch.nn.functional.normalize(rows if mean is None else rows - mean)
