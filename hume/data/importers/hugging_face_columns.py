"""The columns of a dataset of Hugging Face by what they are, told from its own files without loading it."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

from hume.common.json_files import checked, parse_json, read_json
from hume.data.importers.table_listing import LABEL_COLUMNS


class _Info(TypedDict):
    features: dict[str, Any]


class _Declared(TypedDict):
    info: _Info


def labels_among(kinds: Mapping[str, str]) -> str | None:
    """The column of labels among columns by their kind: the first of classes, else the first named so; or None."""
    classes = [name for name, kind in kinds.items() if kind == "ClassLabel"]
    usual = [name for name, kind in kinds.items() if kind == "Value" and name.lower() in LABEL_COLUMNS]
    return next(iter(classes + usual), None)


def told(path: Path) -> str:
    """A sentence on what is taken for the labels of a folder of save_to_disk, or of a file of Parquet."""
    kinds = _kinds(path)
    labels = labels_among(kinds)
    if labels is None:
        return "No column is taken for the labels: none has classes or is named so."
    return (
        f"{labels} is taken for the labels, {'as it has classes' if kinds[labels] == 'ClassLabel' else 'by its name'}."
    )


def _kinds(path: Path) -> dict[str, str]:
    """Image, ClassLabel, Value or another type by column, as far as a dataset's files say."""
    with suppress(FileNotFoundError, ValueError, OSError, ImportError):
        if path.is_dir():
            infos = [path / "dataset_info.json", *sorted(path.glob("*/dataset_info.json"))]
            found = next((info for info in infos if info.exists()), infos[0])
            features = read_json(found, _Info)["features"]
        else:
            features = _of_parquet(path)
        return {name: str(checked(kind, dict[str, Any]).get("_type")) for name, kind in features.items()}
    return {}


def _of_parquet(path: Path) -> dict[str, Any]:
    from pyarrow import parquet, types

    schema = parquet.read_schema(path)
    stated = (schema.metadata or {}).get(b"huggingface")
    if stated is not None:
        return parse_json(stated, _Declared)["info"]["features"]
    return {field.name: {"_type": "Other" if types.is_nested(field.type) else "Value"} for field in schema}
