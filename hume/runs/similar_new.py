"""Samples of a run that are like a new picture or like words, and names that words propose for its classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data.dataset import Space
from hume.data.image_files import PictureError, open_picture
from hume.data.importers.folder_listing import Entry
from hume.evaluation.metrics import FloatArray
from hume.evaluation.neighbors import BLOCK_ROWS, RowSource, UnitRows
from hume.evaluation.similarity import Similar, most_similar
from hume.features.again import OtherPictures, check_known, embedded_words, space_of, with_captions
from hume.runs.findings import Findings
from hume.runs.label_new import phi1_as_searched
from hume.runs.similar import Proposals, Where, chosen

MOST_WORDS = 1000


def like_features(
    found: Findings, phi1: NDArray[np.float32] | None, phi2: NDArray[np.float32] | None, number: int = 24
) -> Similar:
    """The samples most like a new one by its features as its networks made them: (d1,), (d2,), or one of both."""
    spaces, queries = list[RowSource](), list[NDArray[np.float32]]()
    if phi1 is not None:
        new = Space(found.run.request.phi1, np.asarray(phi1, np.float32)[None])
        _check_dim(found, new)
        spaces.append(found.phi1)
        queries.append(phi1_as_searched(found, new)[0].numpy())
    if phi2 is not None:
        spaces.append(found.space("phi2"))
        queries.append(np.asarray(phi2, np.float32))
    return most_similar(spaces, queries, number)


def like_picture(
    found: Findings,
    path: Path,
    where: Where = "both",
    number: int = 24,
    *,
    name: str | None = None,
    device: str = "cpu",
    on_progress: Progress | None = None,
) -> Similar:
    """The samples most like a picture that the run has not seen, by its spaces computed for that picture.

    name: of the file, in messages. Raises InputError for a file that is no picture, and where a space cannot be
    computed for new pictures, saying why.
    """
    try:
        open_picture(path, name or path.name, at_least=1)
    except PictureError as error:
        raise InputError(f"{error}: choose another picture") from None
    request, dataset = found.run.request, found.dataset
    if dataset.folder is None:
        raise InputError(
            f"run {found.run.name!r} was searched on files of features, so that a picture has no place in its spaces: "
            "give a row"
        )
    wanted = {key: getattr(request, key) for key in chosen(where)}
    for space in wanted.values():
        check_known(dataset, space)
    pictures, features = OtherPictures(dataset, [Entry(name or path.name, path)]), {}
    for i, (key, space) in enumerate(wanted.items()):
        report = part(on_progress, i / len(wanted), (i + 1) / len(wanted))
        features[key] = space_of(dataset, space, pictures, device=device, on_progress=report).features[0]
    return like_features(found, features.get("phi1"), features.get("phi2"), number)


def like_words(found: Findings, words: str, number: int = 24, *, device: str = "cpu") -> Similar:
    """The samples most like a few words, in the first space of the dataset in which words have a place.

    Raises InputError where there is no such space.
    """
    space = space_for_words(found)
    if not words.strip():
        raise InputError("no words: type what the pictures should show")
    vector = embedded_words(found.dataset, space, [" ".join(words.split())], device=device)[0]
    return most_similar([found.dataset.space(space).features], [vector], number)


def space_for_words(found: Findings) -> str:
    """The space in which words are compared with pictures: φ2 or φ1 where possible, else the first of the dataset.

    Raises InputError where there is none.
    """
    known, request = with_captions(found.dataset), found.run.request
    if not known:
        raise InputError(
            f"no space of {found.dataset.name} comes from a network that was trained on captions: make one with a CLIP "
            "model on the page Data or by `extract`, as clip-vitb32"
        )
    return next((name for name in (request.phi2, request.phi1) if name in known), known[0])


def propose_names(found: Findings, words: Sequence[str], *, device: str = "cpu") -> Proposals:
    """How well each of some words fits each found class: argmax_w of ⟨mean of the class − mean of all, w⟩.

    Means are of unit rows in the space of `space_for_words`. What all samples have in common with a word is taken out,
    so that a word that is near to every picture is no name for each class. Raises InputError without a space, for no
    words and for more than 1,000.
    """
    given = list(dict.fromkeys(" ".join(word.split()) for word in words if word.strip()))
    if not 0 < len(given) <= MOST_WORDS:
        raise InputError(f"{len(given):,} words: give 1 to {MOST_WORDS:,} different ones")
    space = space_for_words(found)
    vectors = embedded_words(found.dataset, space, given, device=device)
    labeling = np.where(found.counted, found.vote.labeling, -1)
    classes = [k for k in found.classes if (labeling == k).any()]
    return Proposals(classes, given, _fit(found.dataset.space(space).features, labeling, classes, vectors))


def _fit(space: RowSource, labeling: NDArray[np.int64], classes: list[int], vectors: NDArray[np.float32]) -> FloatArray:
    rows, cosines = UnitRows(space), np.empty((len(labeling), len(vectors)), np.float32)
    for some, block in rows.blocks(BLOCK_ROWS):
        cosines[some] = block.numpy() @ vectors.T
    counted = cosines[labeling >= 0].mean(0)
    return np.stack([cosines[labeling == k].mean(0) - counted for k in classes]).astype(np.float64)


def _check_dim(found: Findings, new: Space) -> None:
    expected = found.dataset.space(new.name).features.shape[1]
    if new.features.shape[1:] != (expected,):
        raise InputError(f"the query in {new.name} has {new.features.shape[-1]:,} numbers: give {expected:,}")
