"""Features, labels and pictures that are arrays already: what a file holds, and a dataset made of it.

Read are .npy, .npz, .safetensors, Parquet, AnnData (.h5ad) and idx files, the format of MNIST. Nothing
pickled is loaded. What a file says of itself is read first, an array only when it is asked for.
"""

from hume.data.arrays.labels import encode_labels, encode_split
from hume.data.arrays.making import add_features, import_array_file, import_features
from hume.data.arrays.plain import read_idx
from hume.data.arrays.reading import ArrayFacts, Role, describe_arrays, read_arrays
from hume.data.arrays.writing import write_features

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
