"""A dataset's card: what card.json says about the dataset and its spaces, all of it optional."""

from pathlib import Path
from typing import Any, TypedDict, cast

from hume.common.errors import InputError
from hume.common.json_files import read_json


class SpaceEntry(TypedDict, total=False):
    """How a space was made; an entry has more, by the way in which it was made."""

    title: str | None
    kind: str | None
    made: str | None
    licence: str | None
    key: str  # a digest of all that it is computed from
    backbone: str
    side: int
    weights: str | None
    recipe: dict[str, Any]
    training: dict[str, Any]


class Card(TypedDict, total=False):
    """What the program reads of a card; there may be more."""

    classes: list[str] | None
    default_pair: tuple[str, str] | None
    spaces: dict[str, SpaceEntry]
    digest: str | None  # of the images
    originals: str | None  # see `hume.data.folder`
    grey_range: tuple[float, float] | None
    notes: list[str]
    release: dict[str, Any] | None
    h5ad: str | None
    h5ad_names: str


def read_card(folder: Path) -> dict[str, Any]:
    """Read a dataset's card.json, empty if there is none; raises InputError when it is damaged."""
    path = folder / "card.json"
    try:
        return cast(dict[str, Any], read_json(path, Card))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(f"{path} cannot be read ({error}): fix or remove it") from None
