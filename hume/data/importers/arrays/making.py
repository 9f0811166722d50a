"""Create datasets from arrays and add spaces to them, after checking all of the data."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hume.common.errors import InputError
from hume.common.files import disk_errors, unfinished
from hume.common.progress import Progress, part
from hume.data.columns import write_columns
from hume.data.feature_files import Matrix, float_blocks, write_features
from hume.data.folder import DatasetFolder, check_name, new_dataset, write_array
from hume.data.importers.arrays import plain
from hume.data.importers.arrays.guessed import nothing_to_use, usable_labels, usable_split
from hume.data.importers.arrays.labels import encode_labels, encode_split
from hume.data.importers.arrays.matching import match_rows
from hume.data.importers.arrays.reading import Role, describe_arrays, read_arrays
from hume.data.importers.arrays.stored import readable, type_name
from hume.data.npy_files import LARGE_BYTES, FileArray


def import_features(
    sources: Mapping[str, NDArray[Any] | Path],
    root: Path,
    name: str,
    *,
    labels: ArrayLike | None = None,
    label_names: Sequence[str] | None = None,
    test_rows: ArrayLike | None = None,
    sample_names: Sequence[str] | None = None,
    columns: Mapping[str, Sequence[Any] | NDArray[Any]] | None = None,
    source: str = "",
    licence: str = "",
    on_progress: Progress | None = None,
) -> DatasetFolder:
    """Create a dataset `root/name` from feature matrices (N, d) of the same samples, one space each.

    sources: by the space's name, a matrix or a file with one; labels (N,): integers or text, see
    `encode_labels`; test_rows (N,): see `encode_split`; sample_names: N, for display;
    columns: what else is known of every sample, by name, numbers, dates or text (N,). Every row is used.
    Raises InputError, and creates nothing, for matrices of different lengths, for NaN or infinite values
    (naming the row), and for labels, splits or names that do not match.
    """
    if not sources:
        raise InputError("there are no features: give at least one matrix with one row per sample")
    matrices = {title: _matrix(given, title) for title, given in sources.items()}
    num_rows = len(next(iter(matrices.values())))
    for title, matrix in matrices.items():
        _check_length(title, len(matrix), next(iter(matrices)), num_rows)
    card: dict[str, Any] = {"name": name, "source": source, "licence": licence or "not stated"}
    arrays: dict[str, NDArray[Any]] = {}
    if labels is not None:
        arrays["labels"], classes = encode_labels(labels, num_rows, label_names)
        card["classes"] = list(classes)
    if test_rows is not None:
        mask = encode_split(test_rows, num_rows)
        if mask.any() and not mask.all():
            arrays["test_rows"] = mask
    if sample_names is not None and len(sample_names) != num_rows:
        raise InputError(f"there are {len(sample_names)} names for {num_rows} rows: give one per row")
    for title, column in (columns or {}).items():
        _check_length(title, len(column), next(iter(matrices)), num_rows)
    with new_dataset(root, name) as folder:
        folder.change_card(lambda stored: stored.update(card))
        _save_columns(folder, columns or {})
        for key, array in arrays.items():
            write_array(folder.path / f"{key}.npy", array)
        if sample_names is not None:
            lines = "".join(" ".join(str(sample).split()) + "\n" for sample in sample_names)
            (folder.path / "files.txt").write_text(lines, encoding="utf-8")
        for i, (title, matrix) in enumerate(matrices.items()):
            entry = _entry(title, sources[title], matrix, licence)
            progress = part(on_progress, i / len(matrices), (i + 1) / len(matrices))
            _save(folder, folder.free_space_name(title), matrix, entry, progress)
    return folder


def add_features(
    folder: DatasetFolder,
    name: str,
    features: NDArray[Any] | Path,
    *,
    title: str = "",
    made: str = "",
    licence: str = "",
    on_progress: Progress | None = None,
) -> str:
    """Add features (N, d) computed elsewhere to a dataset as a space; returns its name.

    Rows of a file that names its samples as the dataset does are matched by these names, see `match_rows`; others
    are in the dataset's order. What was done stands in the card, as how the space was made.
    Raises InputError when the number of rows differs from the dataset's (with both numbers), when samples have no
    row, when the name is taken, when another space has equal values, and for NaN or infinite values, naming the row.
    """
    check_name(name, "space")
    if name in folder.space_names():
        raise InputError(f"{folder.name} already has a space {name!r}: choose another name")
    matrix, dataset = _matrix(features, name), folder.load()
    entry = _entry(title or name, features, matrix, licence)
    if isinstance(features, Path):
        matched = match_rows(
            dataset, features, {} if isinstance(matrix, FileArray) else _named_by(features), len(matrix)
        )
        entry["made"] += f" {matched.sentence}"
        matrix = matrix if matched.rows is None else matrix[matched.rows]
    _check_length(name, len(matrix), folder.name, dataset.num_samples)
    _save(folder, name, matrix, {**entry, "made": made or entry["made"]}, on_progress)
    return name


def import_array_file(
    path: Path,
    root: Path,
    name: str,
    *,
    roles: Mapping[str, Role] | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    label_names: Sequence[str] | None = None,
    source: str = "",
    licence: str = "",
    on_progress: Progress | None = None,
) -> DatasetFolder:
    """Create a dataset from the arrays of one file: its spaces or images, with labels and a split.

    roles: the role of every array, by name; by default as `describe_arrays` guesses, with the columns of labels and
    split where they are given. The card's notes say which columns were guessed, which arrays were not used and why,
    and why guessed labels or a guessed split were not imported. Raises InputError when two arrays have the role of
    labels, split or images, when there is nothing to use, and as `import_features` does.
    """
    arrays = read_arrays(path)
    facts = [] if roles else describe_arrays(path, labels=label_column, split=split_column)
    assigned = roles or {each.name: each.role for each in facts}
    chosen = {role: [array for array, its in assigned.items() if its == role] for role in ("labels", "split", "images")}
    for role, names in chosen.items():
        if len(names) > 1:
            raise InputError(f"{', '.join(names)} in {path} may all be the {role}: choose one")
    if not chosen["images"] and "space" not in assigned.values():
        raise InputError(nothing_to_use(path, facts))
    labels, split, images = (arrays[names[0]] if names else None for names in chosen.values())
    spaces = {array: arrays[array] for array, role in assigned.items() if role == "space"}
    columns = _columns({array: arrays[array] for array, role in assigned.items() if role == "column"})
    notes = [f"{each.name} is not used: it {each.why}." for each in facts if each.why]
    if labels is not None and not roles and label_column is None:
        labels = usable_labels(labels, chosen["labels"][0], label_names, notes)
    if split is not None and not roles and split_column is None:
        split = usable_split(split, chosen["split"][0], notes)
    given: dict[str, Any] = {"label_names": label_names, "source": source or path.name, "licence": licence}
    if images is None:
        given |= {"labels": labels, "test_rows": split, "columns": columns}
        folder = import_features(spaces, root, name, on_progress=on_progress, **given)
    else:
        for title, column in columns.items():
            _check_length(title, len(column), "images", len(images))
        folder = _import_images(images, spaces, root, name, labels, split, on_progress, **given)
        _save_columns(folder, columns)
    if notes:
        folder.change_card(lambda card: card.setdefault("notes", []).extend(notes))
    if path.suffix.lower() == ".h5ad":  # labelings can be exported into a copy of it
        index = next((array.rpartition("/")[2] for array in arrays if array.startswith("obs/")), None)
        folder.change_card(lambda card: card.update(h5ad=str(path.resolve()), h5ad_names=index))
    return folder


def _import_images(
    images: NDArray[Any],
    spaces: Mapping[str, NDArray[Any]],
    root: Path,
    name: str,
    labels: NDArray[Any] | None,
    split: NDArray[Any] | None,
    on_progress: Progress | None,
    *,
    label_names: Sequence[str] | None,
    source: str,
    licence: str,
) -> DatasetFolder:
    from hume.data.importers.images import import_arrays_of_images

    for title, matrix in spaces.items():
        _check_length(title, len(_matrix(matrix, title)), "images", len(images))
    numbers, classes = (None, None) if labels is None else encode_labels(labels, len(images), label_names)
    test_rows = None if split is None else encode_split(split, len(images))
    card = {"source": source, "licence": licence or "not stated"}
    folder = import_arrays_of_images(
        images, root, name, labels=numbers, classes=classes, test_rows=test_rows, card=card
    )
    try:
        for i, (title, matrix) in enumerate(spaces.items()):
            space = folder.free_space_name(title)
            progress = part(on_progress, i / len(spaces), (i + 1) / len(spaces))
            add_features(folder, space, matrix, title=title, licence=licence, on_progress=progress)
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    return folder


def _columns(given: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Columns by the last part of their array's name; those of a matrix are its coordinates x, y and z."""
    columns: dict[str, NDArray[Any]] = {}
    for array, values in given.items():
        name = array.rpartition("/")[2]
        name = array if name in columns else name
        if values.ndim == 1 or values.shape[1] == 1:
            columns[name] = values.reshape(-1)
        else:
            columns |= {f"{name} {axis}": part for axis, part in zip("xyz", values.T, strict=False)}
    return columns


def _save_columns(folder: DatasetFolder, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> None:
    notes = write_columns(folder.path / "columns.csv", columns)
    if notes:
        folder.change_card(lambda card: card.setdefault("notes", []).extend(notes))


def _matrix(given: NDArray[Any] | Path, title: str) -> Matrix:
    """Features readable in blocks; raises InputError for anything but a matrix of numbers."""
    origin = str(given) if isinstance(given, Path) else title
    matrix: Matrix = _only_space(given) if isinstance(given, Path) else given
    if isinstance(matrix, np.ma.MaskedArray):
        if matrix.mask.any():
            row = int(np.argwhere(matrix.mask)[0][0])
            raise InputError(f"row {row} of {origin} has masked values: fill them or drop the row")
        matrix = matrix.data
    if matrix.dtype.kind not in "fiu":
        raise InputError(f"{origin} holds {type_name(matrix.dtype)}: features must be numbers")
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise InputError(f"{origin} has shape {matrix.shape}: features must be a matrix with one row per sample")
    return matrix


def _only_space(path: Path) -> Matrix:
    if path.suffix.lower() == ".npy" and path.is_file() and path.stat().st_size > LARGE_BYTES:
        with readable(path):
            plain.npy(path)  # checks the header
            return FileArray.open(path)
    if path.suffix.lower() == ".npy":
        return read_arrays(path)[path.stem]
    spaces = [facts.name for facts in describe_arrays(path) if facts.role == "space"]
    if len(spaces) != 1:
        names = ", ".join(spaces) or "none"
        raise InputError(f"{path} must have one matrix of features, it has: {names}; choose one with read_arrays")
    return read_arrays(path)[spaces[0]]


def _named_by(path: Path) -> Mapping[str, NDArray[Any]]:
    """The arrays beside the features of a file."""
    arrays = read_arrays(path)
    others = [facts.name for facts in describe_arrays(path) if len(facts.shape) == 1 and not facts.why]
    return {name: arrays[name] for name in others}


def _check_length(title: str, num_rows: int, other: str, expected: int) -> None:
    if num_rows != expected:
        raise InputError(f"{title} has {num_rows} rows, {other} has {expected}: give one row per sample, in order")


def _entry(title: str, given: NDArray[Any] | Path, matrix: Matrix, licence: str) -> dict[str, Any]:
    origin = f" from {given.name}" if isinstance(given, Path) else ""
    made = f"Computed elsewhere and imported{origin}: {matrix.shape[1]} numbers per sample, given as {matrix.dtype}."
    return {"title": title, "kind": "imported", "made": made, "licence": licence or "not stated"}


def _save(
    folder: DatasetFolder, name: str, matrix: Matrix, entry: dict[str, Any], on_progress: Progress | None
) -> None:
    """Write features to a dataset as a space; raises InputError if another space has equal values."""
    with unfinished(folder.path / "space") as path:
        with disk_errors(folder.path):
            digest = write_features(path, matrix.shape, lambda: float_blocks(matrix, name), on_progress)
        duplicate = folder.space_with_key(f"imported-{digest}") if folder.space_names() else None
        if duplicate is not None:
            raise InputError(f"{name} has the same values as {duplicate}: one of them is enough")
        folder.add_space(name, path, {**entry, "key": f"imported-{digest}"})
