"""What a derived space is made of, and what is said of it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from hume.common.errors import InputError
from hume.data.dataset import Dataset, Space
from hume.data.folder import DIGEST_BYTES

Balance = Literal["unit", "scale", "none"]

BALANCED = {"unit": "rows of each divided by their L2 norm", "scale": "each divided by its typical norm", "none": ""}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to derive a space, in this order; for another order derive twice.

    Rows of several spaces are concatenated. Then the mean row is subtracted, every row divided by its
    L2 norm, and projected on the leading principal directions, each step only if requested.
    """

    spaces: tuple[str, ...]
    balance: Balance = "unit"  # so that no space outweighs the others; ignored for one space
    centre: bool = False
    unit: bool = False
    pca: int | None = None  # number of directions
    whiten: bool = False  # scale each of them to variance 1
    train_rows: bool = False  # fit mean and directions on the rows outside the test split

    def __post_init__(self) -> None:
        if not self.spaces:
            raise InputError("a derived space needs at least one space: name one")
        if len(set(self.spaces)) < len(self.spaces):
            raise InputError(f"{' + '.join(self.spaces)} names a space twice: name each space once")
        if self.balance not in BALANCED:
            raise InputError(f"balance is {self.balance!r}: choose one of {', '.join(BALANCED)}")
        if self.pca is not None and self.pca < 1:
            raise InputError(f"PCA to {self.pca} dimensions is not possible: choose at least 1")
        if self.whiten and self.pca is None:
            raise InputError("whitening needs a PCA: set the number of directions")
        if len(self.spaces) == 1 and not (self.centre or self.unit or self.pca):
            raise InputError(
                f"{self.spaces[0]} alone would stay unchanged: add centring, unit length, PCA or another space"
            )

    @property
    def balanced(self) -> Balance:
        """The balance of several spaces; none for one."""
        return self.balance if len(self.spaces) > 1 else "none"

    @property
    def short(self) -> str:
        """The recipe as a title: simclr + lite0, centred, L2, PCA 128."""
        reduced = f"PCA {self.pca}" + (", whitened" if self.whiten else "") if self.pca else ""
        parts = [" + ".join(self.spaces), "centred" if self.centre else "", "L2" if self.unit else "", reduced]
        return ", ".join(filter(None, parts))


def fingerprint(recipe: Recipe, parents: list[Space], dataset: Dataset) -> str:
    """The fingerprint of the space that a recipe makes of these spaces."""
    settings = asdict(recipe) | {"balance": recipe.balanced, "parents": [space.fingerprint for space in parents]}
    del settings["spaces"]  # the same features may have another name
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=DIGEST_BYTES)
    if recipe.train_rows and dataset.test_rows is not None:
        digest.update(np.packbits(dataset.test_rows).tobytes())
    return f"derived-{digest.hexdigest()}"


def entry(recipe: Recipe, parents: list[Space], explained: float | None) -> dict[str, Any]:
    """What the card of the dataset says of the space; explained: the share of the variance that is kept."""
    licences = dict.fromkeys(space.licence for space in parents if space.licence)
    return {
        "title": recipe.short,
        "kind": "derived",
        "made": _description(recipe, parents, explained),
        "licence": "; ".join(licences) or "not stated",
        "recipe": asdict(recipe),
    }


def _description(recipe: Recipe, parents: list[Space], explained: float | None) -> str:
    given = " and ".join(f"{space.name} ({space.features.shape[1]:,} dimensions)" for space in parents)
    first = f"Derived from {given}"
    if len(parents) > 1:
        first += ", concatenated" + (f", {BALANCED[recipe.balanced]}" if recipe.balanced != "none" else "")
    steps = []
    if recipe.centre:
        steps.append("the mean row is subtracted")
    if recipe.unit:
        steps.append("every row is divided by its L2 norm")
    if recipe.pca is not None:
        directions = (
            f"{recipe.pca:,} principal components are kept, with {100 * (explained or 0):.1f} % of the variance"
        )
        steps.append(directions + (", each scaled to variance 1" if recipe.whiten else ""))
    fitted = " Only rows outside the test split are used to fit them." if recipe.train_rows else ""
    if not steps:
        return f"{first}.{fitted}"
    then = ", then ".join(steps)
    return f"{first}. {then[0].upper()}{then[1:]}.{fitted}"
