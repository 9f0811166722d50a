"""Data: what is in the data? Datasets and their spaces, and how to add both."""

from pathlib import Path

import numpy as np
import streamlit as st

from hume.common.errors import HumeError, InputError, RunError
from hume.common.formatting import count
from hume.data.dataset import Dataset
from hume.data.folder import DatasetFolder
from hume.reporting import figures, map_sentences
from hume.runs.dataset_library import copy_dataset, delete_dataset, own_datasets, runs_using
from pages._sections import add_data, label_new, make_space, progress, spaces
from pages._state import current, datasets, ground_truth, services
from pages._widgets import confirm, plots
from pages._widgets.gallery import Tile, gallery

PICTURES = 48
MOST_ASIDE = 200


def main() -> None:
    st.title("What is in the data?")
    st.markdown(
        "A search needs two spaces of the same samples: self-supervised features of these images, and features of a "
        "network pretrained on others. Add images, labeled or not, and compute both here."
    )
    top = st.container()
    names = datasets.dataset_names(with_spaces=False)
    own = {folder.name: folder for folder in own_datasets(services.services().store)}
    adding = progress.begun_at(add_data.AT)
    is_open = not own or bool(adding) or "ways_in" in st.query_params  # also for a link to one of the ways
    with st.expander("Add data", icon=":material/add_photo_alternate:", expanded=is_open):
        add_data.add()
    name = current.choice(names)
    near = [*adding, *(begun for at in make_space.PLACES if name in own for begun in progress.begun_at(at))]
    with top:
        progress.jobs(near)
    try:
        data = datasets.dataset(name)
    except HumeError as error:  # a damaged dataset of the user can still be deleted
        st.error(plots.plain(str(error)), icon=":material/error:")
        if name in own:
            delete(own[name])
        return
    about(data, own.get(name))
    pictures(data)
    spaces.spaces(data, own.get(name))
    label_new.section(data, make_space.ERROR)
    if name in own:
        make_space.unfinished(own[name])
        make_space.offer(own[name], data)
        delete(own[name])
    else:
        st.caption("This dataset is read-only. Copy it to add spaces.")
        st.button("Copy it", icon=":material/content_copy:", key="copy", on_click=_copy, args=(name,))
    if make_space.ERROR in st.session_state:
        st.error(plots.plain(st.session_state.pop(make_space.ERROR)), icon=":material/error:")


def about(data: Dataset, own: DatasetFolder | None) -> None:
    """The dataset card, the number of rows and the files that were set aside."""
    card = data.card
    st.markdown(
        f"**{plots.plain(str(card.get('name') or data.name))}** · {plots.plain(str(card.get('summary') or ''))}"
    )
    known = [("Source", card.get("source")), ("Licence", card.get("licence"))]
    st.caption(" · ".join(f"{key}: {plots.plain(str(value))}" for key, value in known if value))
    for note in ground_truth.visible(data, card.get("notes") or []):
        st.caption(plots.plain(str(note)))
    try:
        if data.columns:
            st.caption(plots.plain(map_sentences.columns(data.columns)))
    except InputError as error:
        st.warning(f"{plots.plain(str(error))}.", icon=":material/warning:")
    rows = card.get("rows") or {}
    cells = [("Rows", f"{data.num_samples:,}"), ("Spaces", f"{len(data.spaces):,}")]
    if {"given", "set_aside"} <= set(rows):
        cells.append(("Files given", f"{rows['given']:,}"))
        cells.append(("Set aside", f"{rows['set_aside']:,}"))
    if data.classes is not None:
        cells.append(("Classes named", f"{len(data.classes):,}"))
    if data.test_rows is not None:
        cells.append(("Test rows", f"{int(data.test_rows.sum()):,}"))
    if own is not None:
        cells.append(("On disk", plots.size(_bytes_of(str(own.path), len(data.spaces)))))
    for column, (label, value) in zip(st.columns(len(cells)), cells, strict=True):
        column.metric(label, value)
    lists = [] if data.folder is None else ground_truth.visible(data, [data.folder / "set_aside.csv"])
    for path in lists:
        if path.exists():
            set_aside(path, int(rows.get("set_aside", 0)))


@st.cache_data(max_entries=32, ttl=60, show_spinner=False)
def _bytes_of(folder: str, spaces: int) -> int:
    """Bytes on disk; counting hundreds of thousands of originals takes a while."""
    return DatasetFolder(Path(folder)).size()


def set_aside(path: Path, number: int) -> None:
    """The files that were not imported, with the reason of each."""
    if not number:
        return
    with st.expander(f"{count(number, 'file')} set aside", icon=":material/block:"):
        table = plots.read_table(path, MOST_ASIDE)
        st.dataframe(table, hide_index=True)
        if number > MOST_ASIDE:
            st.caption(f"The first {MOST_ASIDE}; the CSV file has all.")
        st.download_button(
            "All as CSV", path.read_bytes, "set-aside.csv", "text/csv", key="aside csv", type="tertiary",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip


def pictures(data: Dataset) -> None:
    """Random images of all classes or of one; the class sizes where the ground truth may be shown."""
    labels = data.labels if ground_truth.shows_truth(data) else None
    names = [str(k) for k in range(0 if labels is None else int(labels.max()) + 1)]
    if labels is not None and data.classes is not None:
        names = list(data.classes)
    left, right = st.columns([3, 2])
    with left:
        row = st.columns([2, 1], vertical_alignment="bottom")
        chosen = None
        if labels is not None:
            chosen = row[0].selectbox(
                "Of class", range(len(names)), None, key=f"class of {data.name}", placeholder="all",
                format_func=lambda k: names[k],
            )  # fmt: skip
        row[1].button("Shuffle", icon=":material/shuffle:", key="others", on_click=_shuffle)
        members = np.arange(data.num_samples) if chosen is None or labels is None else np.flatnonzero(labels == chosen)
        rng = np.random.default_rng(st.session_state.get("shuffled", 0))
        rows = rng.choice(members, min(PICTURES, len(members)), replace=False)  # shuffled: files are sorted by class
        if data.images is None:
            st.caption("This dataset has no images, only features.")
        else:
            gallery([Tile(int(i)) for i in rows], key="pictures", dataset=data, label="Images", size=56)
    with right:
        ground_truth.reveal(data, "how many each class has")
        if labels is not None:
            counts = np.bincount(labels, minlength=len(names))
            plots.plot(
                figures.class_counts(names, counts),
                "class counts",
                lambda: (["class", "samples"], zip(names, counts.tolist(), strict=True)),
                alt="Bar chart of the number of samples of every class",
                name=plots.file_name(data.name, "classes"),
            )


def _shuffle() -> None:
    st.session_state["shuffled"] = st.session_state.get("shuffled", 0) + 1


# --- deletion ----------------------------------------------------------------------------------


def delete(own: DatasetFolder) -> None:
    """Delete a dataset for good, unless runs use it or a job on it is under way."""
    st.divider()
    store = services.services().store
    if services.services().work.is_busy(own):
        st.caption("A job on this dataset is under way: cancel it to delete the dataset.")
        return
    confirm.once(
        f"Delete {own.name}", "delete dataset", runs_using(store, own), lambda: make_space.safely(_delete, own)
    )


def _delete(own: DatasetFolder) -> None:
    if services.services().work.is_busy(own):  # a job may have been queued in another tab since
        raise RunError(f"a job on {own.name} is under way: cancel it first")
    delete_dataset(services.services().store, own)


def _copy(name: str) -> None:
    def act() -> None:
        current.make(copy_dataset(services.services().store, name).name)

    make_space.safely(act)


main()
