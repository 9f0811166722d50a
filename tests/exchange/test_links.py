"""What may be read lies under HUME_DATA_ROOTS: a link in there that leads out is read in no format."""

import io
import json
import shutil
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from hume import Store
from hume.common.errors import InputError
from hume.data.catalog import import_named
from hume.exchange.detection import detect_format
from hume.exchange.incoming import import_path
from tests.support.rules import cases

N = 12


def matrix():
    return np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32)


def png(seed):
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)).save(content, "PNG")
    return content.getvalue()


def pictures(folder):
    folder.mkdir(parents=True)
    for number in range(4):
        (folder / f"{number}.png").write_bytes(png(number))
    return folder


def write(path):
    """A good file of the kind that its ending says."""
    kind = path.suffix
    if kind == ".npy":
        np.save(path, matrix())
    elif kind == ".npz":
        np.savez(path, emb=matrix())
    elif kind == ".safetensors":
        from safetensors.numpy import save_file

        save_file({"emb": matrix()}, path)
    elif kind == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(4):
                archive.writestr(f"{number}.png", png(number))
    elif kind == ".h5ad":
        anndata = pytest.importorskip("anndata")
        anndata.AnnData(matrix()).write_h5ad(path)
    elif kind == ".parquet":
        pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.table({"a": matrix()[:, 0], "b": matrix()[:, 1]}), path)
    else:
        (path.parent / f"{path.stem}-pictures").mkdir()
        for number in range(4):
            (path.parent / f"{path.stem}-pictures" / f"{number}.png").write_bytes(png(number))
        path.write_text("file\n" + "".join(f"{path.stem}-pictures/{number}.png\n" for number in range(4)))
    return path


def a_file(kind):
    def make(inside, outside):
        path = inside / f"link{kind}"
        path.symlink_to(write(outside / f"secret{kind}"))
        return path

    return make


def shards(kind):
    def make(inside, outside):
        folder = inside / "shards"
        folder.mkdir()
        write(folder / f"part-0{kind}")
        (folder / f"part-1{kind}").symlink_to(write(outside / f"secret{kind}"))
        return folder

    return make


def a_folder(inside, outside):
    (inside / "link").symlink_to(pictures(outside / "secret"))
    return inside / "link"


def pictures_of_a_folder(inside, outside):
    (inside / "album").mkdir()
    for path in pictures(outside / "secret").iterdir():
        (inside / "album" / path.name).symlink_to(path)
    return inside / "album"


def pictures_of_a_table(inside, outside):
    secret = pictures(outside / "secret")
    lines = [str(secret / "0.png"), f"../{outside.name}/secret/1.png", "link.png", "above/3.png"]
    (inside / "link.png").symlink_to(secret / "2.png")
    (inside / "above").symlink_to(secret)
    (inside / "table.csv").write_text("file\n" + "".join(f"{line}\n" for line in lines))
    return inside / "table.csv"


def members_of_a_zip(inside, outside):
    secret = pictures(outside / "secret")
    with zipfile.ZipFile(inside / "links.zip", "w") as archive:
        for number in range(4):
            info = zipfile.ZipInfo(f"{number}.png")
            info.external_attr = 0o120777 << 16
            archive.writestr(info, str(secret / f"{number}.png"))
    return inside / "links.zip"


def links_in_hdf5(inside, outside):
    h5py = pytest.importorskip("h5py")
    path = write(inside / "a.h5ad")
    write(outside / "secret.h5ad")
    with h5py.File(path, "r+") as file:
        del file["X"]
        file["X"] = h5py.ExternalLink(outside / "secret.h5ad", "/X")
    return path


def bytes_of_hdf5(inside, outside):
    h5py = pytest.importorskip("h5py")
    path = write(inside / "a.h5ad")
    (outside / "secret.bin").write_bytes(matrix().tobytes())
    with h5py.File(path, "r+") as file:
        del file["X"]
        external = [(str(outside / "secret.bin"), 0, N * 4 * 4)]
        file.create_dataset("X", (N, 4), "f4", external=external)
    return path


def labels_beside_idx(inside, outside):
    (inside / "images.idx3-ubyte").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, N, 5, 5) + bytes(N * 25))
    (outside / "secret").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, N) + bytes(range(N)))
    (inside / "labels.idx1-ubyte").symlink_to(outside / "secret")
    return inside / "images.idx3-ubyte"


def saved(folder):
    datasets = pytest.importorskip("datasets")
    kinds = datasets.Features({"image": datasets.Image()})
    made = datasets.Dataset.from_dict({"image": [{"bytes": png(i), "path": None} for i in range(4)]}, features=kinds)
    made.save_to_disk(folder)
    return folder


def data_of_a_saved_dataset(inside, outside):
    folder = saved(inside / "saved")
    [arrow] = folder.glob("*.arrow")
    shutil.move(arrow, outside / "secret.arrow")
    arrow.symlink_to(outside / "secret.arrow")
    return folder


def data_that_a_saved_dataset_names(inside, outside):
    folder = saved(inside / "saved")
    [arrow] = folder.glob("*.arrow")
    shutil.move(arrow, outside / "secret.arrow")
    state = json.loads((folder / "state.json").read_text())
    state["_data_files"] = [{"filename": f"../../{outside.name}/secret.arrow"}]
    (folder / "state.json").write_text(json.dumps(state))
    return folder


def spaces_of_a_release(inside, outside):
    place = inside / "release" / "data" / "representations" / "clip"
    place.mkdir(parents=True)
    for part in ("train", "val"):
        np.save(outside / f"pets_{part}.npy", matrix())
        (place / f"pets_{part}.npy").symlink_to(outside / f"pets_{part}.npy")
    return inside / "release"


FILES = (".npy", ".npz", ".safetensors", ".zip", ".h5ad", ".parquet", ".csv")
FORMATS = (
    *map(a_file, FILES), *map(shards, (".npy", ".npz", ".safetensors", ".parquet")), a_folder, pictures_of_a_folder,
    pictures_of_a_table, members_of_a_zip, links_in_hdf5, bytes_of_hdf5, labels_beside_idx, data_of_a_saved_dataset,
    data_that_a_saved_dataset_names, spaces_of_a_release,
)  # fmt: skip


@cases("make", FORMATS)
def test_nothing_is_read_through_a_link_that_leads_out(make, tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    store = Store(tmp_path / "home")
    path = make(inside, outside)
    with pytest.raises(InputError, match=r"outside|link|another file|no usable dataset|usable images"):
        import_path(detect_format(path, roots=[inside]), store)
    assert not list(store.home.glob("datasets/*/card.json"))


def test_files_of_public_datasets_are_no_links_that_lead_out(tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    for part, number in (("train", 4), ("t10k", 2)):
        images = struct.pack(">4B3I", 0, 0, 8, 3, number, 28, 28) + bytes(number * 784)
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(images)
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, number) + bytes(number))
        for kind in ("images-idx3", "labels-idx1"):
            (files / f"{part}-{kind}-ubyte").symlink_to(tmp_path / f"{part}-{kind}-ubyte")
    with pytest.raises(InputError, match="is a link that leads out of"):
        import_named("mnist", tmp_path / "root", data_folder=files, download=False)
