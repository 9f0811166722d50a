"""Datasets that pages read, cached until their files change."""

import hashlib
from pathlib import Path
from typing import Any

import streamlit as st

from hume import Run, Store
from hume.data.dataset import Dataset, dataset_folders, version
from pages._state.services import services

CURRENT = "current dataset"  # the session key of the dataset that pages start from, see `pages._state.current`


def usual_dataset(names: list[str]) -> str:
    """The dataset that a page shows by default: the current one, where it is among these."""
    current = st.session_state.get(CURRENT)
    if current in names:
        return str(current)
    return "fashion-mnist" if "fashion-mnist" in names else names[0]


def dataset_names(*, with_spaces: bool = True) -> list[str]:
    """The datasets to choose from: the embedded ones, then the home folder's; with_spaces: only those with a space."""
    folders = dataset_folders(services().store.dataset_roots)
    return [folder.name for folder in folders if not with_spaces or any((folder / "spaces").glob("*.npy"))]


@st.cache_resource(max_entries=4, show_spinner="Reading the data …")
def _dataset(home: str, name: str, version: tuple[Any, ...]) -> Dataset:
    return Store(home).load_dataset(name)


def dataset(name: str) -> Dataset:
    """A dataset by its name, cached for all tabs until its files change."""
    store = services().store
    folder = next((path for path in reversed(dataset_folders(store.dataset_roots)) if path.name == name), None)
    return _dataset(str(store.home), name, () if folder is None else version(folder))


def stamp(data: Dataset, folder: Path) -> str:
    """A cache key of the files below a folder and of the labels and rows they are scored by."""
    scored_by = hashlib.blake2b(digest_size=8)
    for array in (data.labels, data.test_rows):
        scored_by.update(b"none" if array is None else array.tobytes())
    files = sorted((path.name, path.stat().st_mtime_ns) for path in folder.rglob("*.safetensors"))
    return f"{data.name} {scored_by.hexdigest()} {files}"


def dataset_of(run: Run) -> Dataset:
    """The data of a run, cached for all tabs; raises RunError when they changed since the run."""
    return _dataset_of(str(run.home), run.name, run.version[1])


@st.cache_resource(max_entries=4, show_spinner="Reading the data …")
def _dataset_of(home: str, name: str, _: int) -> Dataset:
    return Store(home).open(name).dataset()
