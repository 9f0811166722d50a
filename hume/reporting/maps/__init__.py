"""Maps of a dataset's spaces in two dimensions, for looking at: made in a process of their own, kept on disk.

    <home>/maps/<key>.safetensors   rows (M,) and positions (M, 2) of one map

UMAP [McInnes, Healy, Melville 2018, arXiv:1802.03426] needs seconds to minutes, and numba, which it is compiled with,
holds Python's lock meanwhile: a thread of the page server would freeze every page. `Maps` therefore makes each in a
process of its own (`hume.common.process`), one at a time, and passes on what it reports. A map belongs to the features
and not to a run: all runs that share a space share its map.
"""

from hume.reporting.maps.background import MapProgress, Maps, Which
from hume.reporting.maps.layout import MAX_ROWS, Map, MapConfig, compute, load_map, make_map, map_key, save_map

__all__ = [
    "MAX_ROWS",
    "Map",
    "MapConfig",
    "MapProgress",
    "Maps",
    "Which",
    "compute",
    "load_map",
    "make_map",
    "map_key",
    "save_map",
]
