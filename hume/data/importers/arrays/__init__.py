"""Import features, labels and pictures from files of arrays.

Supported are .npy, .npz, .safetensors, Parquet, AnnData (.h5ad) and idx files, the format of MNIST. Nothing
pickled is loaded. Headers are read first, arrays on demand.
"""

from hume.data.feature_files import write_features
from hume.data.importers.arrays.labels import encode_labels, encode_split
from hume.data.importers.arrays.making import add_features, import_array_file, import_features
from hume.data.importers.arrays.plain import read_idx
from hume.data.importers.arrays.reading import ArrayFacts, Role, describe_arrays, read_arrays

__all__ = [
    "ArrayFacts",
    "Role",
    "add_features",
    "describe_arrays",
    "encode_labels",
    "encode_split",
    "import_array_file",
    "import_features",
    "read_arrays",
    "read_idx",
    "write_features",
]
