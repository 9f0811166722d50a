"""The public datasets that can be imported by name: source, licence and reader."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hume.data.catalog import formats
from hume.data.catalog.formats import CIFAR_FOLDERS, DIGITS, Pixels
from hume.data.catalog.listings import (
    Labelled,
    fetch_archive,
    fetch_class,
    files_of,
    gtsrb,
    oxford_pets,
    with_torchvision,
)
from hume.data.importers.folder_listing import Listing

FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
HIRAGANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

CIFAR = "https://www.cs.toronto.edu/~kriz"
CIFAR10_MD5, CIFAR100_MD5 = "c32a1d4ab5d03f1284b67883e8d87530", "03b5dce01913d631647c71ecec9e9cb8"


@dataclass(frozen=True, kw_only=True)
class Named:
    """A public dataset; `files` describes what its data folder must contain."""

    title: str
    source: str
    licence: str = "not stated"
    files: str
    read: Callable[[Path], Pixels | Listing]
    fetch: Callable[[Path], None]


def _of_files(
    name: str, splits: dict[str, dict[str, Any]], read: Callable[..., Labelled] | None = None, **known: str
) -> Named:
    """A dataset of image files, read by torchvision's class of this name unless `read` is given."""
    read = read or partial(with_torchvision, name=name)
    return Named(
        read=partial(files_of, name=name, splits=splits, read=read),
        fetch=partial(fetch_class, name=name, options=list(splits.values())),
        **known,
    )


def _parts(*names: str) -> dict[str, dict[str, Any]]:
    return {"train" if name == "trainval" else name: {"split": name} for name in names}


def _cifar_files(short: str) -> str:
    return f"the folder {CIFAR_FOLDERS[short]} from {CIFAR}/cifar-{short}-binary.tar.gz (the binary version)"


_MNIST_FILES = "the four files {train,t10k}-{images-idx3,labels-idx1}-ubyte.gz"
_COATES = "Coates, Ng and Lee (2011), cs.stanford.edu/~acoates/stl10"
_KRIZHEVSKY = "Krizhevsky (2009), cs.toronto.edu/~kriz/cifar.html"
_FETCH_CIFAR10 = partial(fetch_archive, url=f"{CIFAR}/cifar-10-binary.tar.gz", md5=CIFAR10_MD5)
_FETCH_CIFAR100 = partial(fetch_archive, url=f"{CIFAR}/cifar-100-binary.tar.gz", md5=CIFAR100_MD5)
_FETCH_STL10 = partial(fetch_class, name="STL10")

CATALOG: dict[str, Named] = {
    "stl10": Named(
        title="STL-10",
        source=_COATES,
        files="the folder stl10_binary",
        read=formats.stl10,
        fetch=_FETCH_STL10,
    ),
    "stl10-unlabeled": Named(
        title="STL-10, its 100,000 unlabeled images",
        source=_COATES,
        files="the folder stl10_binary",
        read=formats.stl10_unlabeled,
        fetch=_FETCH_STL10,
    ),
    "cifar10": Named(
        title="CIFAR-10",
        source=_KRIZHEVSKY,
        files=_cifar_files("10"),
        read=partial(formats.cifar, kind="10"),
        fetch=_FETCH_CIFAR10,
    ),
    "cifar100": Named(
        title="CIFAR-100",
        source=_KRIZHEVSKY,
        files=_cifar_files("100"),
        read=partial(formats.cifar, kind="100"),
        fetch=_FETCH_CIFAR100,
    ),
    "cifar100-20": Named(
        title="CIFAR-100, its 20 superclasses",
        source=_KRIZHEVSKY,
        files=_cifar_files("100"),
        read=partial(formats.cifar, kind="100-20"),
        fetch=_FETCH_CIFAR100,
    ),
    "fashion-mnist": Named(
        title="Fashion-MNIST",
        source="Xiao, Rasul and Vollgraf (2017), github.com/zalandoresearch/fashion-mnist",
        licence="MIT (© 2017 Zalando SE)",
        files=f"{_MNIST_FILES} (Debian: apt install dataset-fashion-mnist)",
        read=partial(formats.mnist, folder="FashionMNIST", classes=FASHION, debian="fashion-mnist"),
        fetch=partial(fetch_class, name="FashionMNIST"),
    ),
    "mnist": Named(
        title="MNIST",
        source="LeCun, Cortes and Burges (1998), yann.lecun.com/exdb/mnist",
        files=_MNIST_FILES,
        read=partial(formats.mnist, folder="MNIST", classes=DIGITS),
        fetch=partial(fetch_class, name="MNIST"),
    ),
    "kmnist": Named(
        title="Kuzushiji-MNIST",
        source="Clanuwat et al. (2018), github.com/rois-codh/kmnist",
        licence="CC BY-SA 4.0",
        files=_MNIST_FILES,
        read=partial(formats.mnist, folder="KMNIST", classes=HIRAGANA),
        fetch=partial(fetch_class, name="KMNIST"),
    ),
    "svhn": Named(
        title="SVHN, cropped digits",
        source="Netzer et al. (2011), ufldl.stanford.edu/housenumbers",
        licence="for non-commercial use only",
        files="train_32x32.mat and test_32x32.mat",
        read=formats.svhn,
        fetch=partial(fetch_class, name="SVHN", options=list(_parts("train", "test").values())),
    ),
    "eurosat": _of_files(
        "EuroSAT",
        {"all": {}},
        title="EuroSAT",
        source="Helber et al. (2019), github.com/phelber/EuroSAT",
        licence="MIT",
        files="the folder 2750 of EuroSAT.zip as eurosat/2750",
    ),
    "oxford-pets": _of_files(
        "OxfordIIITPet",
        _parts("trainval", "test"),
        oxford_pets,
        title="Oxford-IIIT Pet",
        source="Parkhi et al. (2012), robots.ox.ac.uk/~vgg/data/pets",
        licence="CC BY-SA 4.0",
        files="images and annotations, unpacked, as oxford-iiit-pet/images and oxford-iiit-pet/annotations",
    ),
    "food101": _of_files(
        "Food101",
        _parts("train", "test"),
        title="Food-101",
        source="Bossard, Guillaumin and Van Gool (2014), data.vision.ee.ethz.ch/cvl/datasets_extra/food-101",
        licence="not stated",
        files="the folder food-101",
    ),
    "flowers102": _of_files(
        "Flowers102",
        _parts("train", "val", "test"),
        title="Oxford Flowers-102",
        source="Nilsback and Zisserman (2008), robots.ox.ac.uk/~vgg/data/flowers/102",
        licence="not stated",
        files="the folder jpg, setid.mat and imagelabels.mat as flowers-102",
    ),
    "dtd": _of_files(
        "DTD",
        _parts("train", "val", "test"),
        title="Describable Textures (DTD), first partition",
        source="Cimpoi et al. (2014), robots.ox.ac.uk/~vgg/data/dtd",
        licence="for research purposes",
        files="the folder dtd as dtd/dtd",
    ),
    "gtsrb": _of_files(
        "GTSRB",
        _parts("train", "test"),
        gtsrb,
        title="German Traffic Signs (GTSRB)",
        source="Stallkamp et al. (2012), benchmark.ini.rub.de",
        licence="not stated",
        files="the folder GTSRB and GT-final_test.csv as gtsrb",
    ),
    "fgvc-aircraft": _of_files(
        "FGVCAircraft",
        _parts("trainval", "test"),
        title="FGVC-Aircraft, variants",
        source="Maji et al. (2013), robots.ox.ac.uk/~vgg/data/fgvc-aircraft",
        licence="for non-commercial research only",
        files="the folder fgvc-aircraft-2013b",
    ),
    "imagenette": _of_files(
        "Imagenette",
        {split: {"split": split, "size": "320px"} for split in ("train", "val")},
        title="Imagenette, 320 pixels",
        source="Howard (2019), github.com/fastai/imagenette; images of ImageNet",
        licence="Apache-2.0; the images as ImageNet's",
        files="the folder imagenette2-320",
    ),
}
