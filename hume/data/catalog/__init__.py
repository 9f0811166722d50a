"""Public datasets by name.

import_named("cifar10", root, data_folder=Path("downloads"), download=False)

CIFAR, STL-10, SVHN and datasets in MNIST's format are read here, from the plain files that their authors
publish; the others through torchvision's classes, which locate files and labels. Nothing pickled is loaded.
"""

from hume.data.catalog.importing import import_named
from hume.data.catalog.known import CATALOG

__all__ = ["CATALOG", "import_named"]
