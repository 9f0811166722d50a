"""Public datasets by name.

import_named("cifar10", root, data_folder=Path("downloads"), download=False)

CIFAR, STL-10, SVHN and what has the format of MNIST are read here, from the plain files that their authors
offer; the others through torchvision's classes, which know where files and labels lie. Nothing pickled is loaded.
"""

from hume.data.catalog.importing import import_named
from hume.data.catalog.known import CATALOG

__all__ = ["CATALOG", "import_named"]
