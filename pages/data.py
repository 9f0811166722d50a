"""Data: what is in the data? Datasets and their spaces, and how to add both."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from hume import Space
from hume.common.errors import HumeError, RunError
from hume.common.formatting import count
from hume.data.dataset import Dataset
from hume.data.folder import DatasetFolder
from hume.features.statistics import SpaceFacts, space_facts
from hume.reporting import figures
from hume.runs.dataset_library import copy_dataset, delete_dataset, delete_space, own_datasets, runs_using
from pages._sections import add_data, label_new, make_space, progress
from pages._state import datasets, ground_truth, runs, services
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

PICTURES = 48
MOST_ASIDE = 200
ODD = 16  # rows shown of what is odd


def main() -> None:
    st.title("What is in the data?")
    st.markdown(
        "A search needs two spaces of the same samples: self-supervised features of these images, and features of a "
        "network pretrained on others. Add images, labeled or not, and compute both here."
    )
    names = datasets.dataset_names(with_spaces=False)
    own = {folder.name: folder for folder in own_datasets(services.services().store)}
    with st.expander("Add data", icon=":material/add_photo_alternate:", expanded=not own):
        add_data.add()
    progress.jobs()
    if st.session_state.get("data") not in (None, *names):
        st.session_state.pop("data")
    name = st.selectbox("Dataset", names, names.index(datasets.usual_dataset(names)), key="data", bind="query-params")
    try:
        data = datasets.dataset(name)
    except HumeError as error:  # a damaged dataset of the user can still be deleted
        st.error(plots.plain(str(error)), icon=":material/error:")
        if name in own:
            delete(own[name])
        return
    about(data, own.get(name))
    pictures(data)
    spaces(data, own.get(name))
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
    for note in _visible(data, card.get("notes") or []):
        st.caption(plots.plain(str(note)))
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
    lists = [] if data.folder is None else _visible(data, [data.folder / "set_aside.csv"])
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
        row = st.columns([3, 1], vertical_alignment="bottom")
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


# --- spaces ------------------------------------------------------------------------------------


def spaces(data: Dataset, own: DatasetFolder | None) -> None:
    """Every space: its provenance and statistics."""
    st.subheader("Spaces")
    if not data.spaces:
        st.info("No space yet. Compute two below, best one of each kind.", icon=":material/info:")
        return
    if len(data.spaces) > 1:
        st.page_link(runs.SEARCH, label="Search with two of them", icon=":material/search:")
    for space in data.spaces.values():
        dims = space.features.shape[1]
        title = f"**{plots.plain(space.name)}** · {plots.plain(space.title or space.kind)} · {dims:,} dimensions"
        with st.expander(title, key=f"space {data.name} {space.name}", on_change="rerun") as card:
            if card.open:
                space_card(data, space, own)


def space_card(data: Dataset, space: Space, own: DatasetFolder | None) -> None:
    """One space: provenance, statistics, spectrum, norms and deletion."""
    entry = data.card.get("spaces", {}).get(space.name, {})
    st.markdown(plots.plain(space.made or "Unknown provenance."))
    st.caption(" · ".join(plots.plain(text) for text in (space.kind, space.licence) if text))
    _problems(data, entry)
    facts = _facts(space)
    cells = [
        ("Dimensions", f"{facts.num_columns:,}"),
        ("Effective rank", f"{facts.effective_rank:.1f}"),
        ("Directions for 90 %", f"{facts.directions_90:,}"),
        ("Norm, median", f"{facts.norm_median:.3g}"),
        ("Duplicate rows", f"{facts.num_duplicates:,}"),
        ("Zero rows", f"{facts.num_zero:,}"),
        ("Constant rows", f"{facts.num_constant:,}"),
        ("Constant columns", f"{facts.num_constant_columns:,}"),
    ]
    for column, (label, value) in zip([*st.columns(4), *st.columns(4)], cells, strict=True):
        column.metric(label, value)
    _odd_rows(data, space, facts)
    left, right = st.columns(2)
    with left:
        st.markdown("**How many directions hold the variance?**")
        shares = facts.spectrum
        plots.plot(
            figures.spectrum(shares), f"spectrum {space.name}",
            lambda: (["direction", "share"], zip(range(1, len(shares) + 1), shares.tolist(), strict=True)),
            alt="Share of the variance by leading direction", name=plots.file_name(data.name, space.name, "spectrum"),
            height=300,
        )  # fmt: skip
    with right:
        st.markdown("**Do the rows have similar norms?**")
        edges, counts = facts.norm_edges, facts.norm_counts
        plots.plot(
            figures.norms(edges, counts), f"norms {space.name}",
            lambda: (["from", "to", "rows"], zip(edges[:-1], edges[1:], counts, strict=True)),
            alt="Histogram of the norms of the rows", name=plots.file_name(data.name, space.name, "norms"), height=300,
        )  # fmt: skip
    if own is not None:
        _ask_once(
            f"Delete {space.name}", f"drop {space.name}", runs_using(services.services().store, own, space.name),
            lambda: delete_space(services.services().store, own, space.name),
        )  # fmt: skip


def _visible(data: Dataset, items: list[Any]) -> list[Any]:
    """Items that name files or classes; none while the ground truth is hidden, which folder names reveal."""
    return [] if data.labels is not None and ground_truth.is_blind() else items


def _problems(data: Dataset, entry: dict[str, object]) -> None:
    """Rows whose original picture could not be read when the space was computed."""
    problems = entry.get("problems")
    if not isinstance(problems, list) or not problems:
        return
    number = entry.get("num_problems", len(problems))
    st.warning(f"{number} rows are computed from the stored small picture: the original cannot be read.")
    shown = _visible(data, problems)
    if shown:
        st.dataframe({"row": [row for row, _ in shown], "why": [why for _, why in shown]}, hide_index=True)


def _odd_rows(data: Dataset, space: Space, facts: SpaceFacts) -> None:
    """Pictures of duplicate, zero, constant and non-finite rows."""
    if facts.sampled:
        st.caption(f"The spectrum is computed on {facts.spectrum_rows:,} rows.")
    if facts.num_not_finite:
        st.error(f"{count(facts.num_not_finite, 'row')} hold NaN or infinite values, first {facts.not_finite_rows[0]}.")
    if facts.zero_rows:
        st.warning("Zero rows have no direction: this space cannot be φ1 of a search.")
    kinds = {
        "Equal rows, side by side": [row for pair in facts.duplicate_pairs for row in pair],
        "Zero rows": list(facts.zero_rows),
        "Constant rows": list(facts.constant_rows),
    }
    for title, rows in kinds.items():
        if rows and data.images is not None:
            st.caption(f"{title}, the first of them:")
            tiles = [Tile(row, str(row)) for row in rows[:ODD]]
            gallery(tiles, key=f"{title} {space.name}", dataset=data, label=title, size=48)
        elif rows:
            st.caption(f"{title}, the first of them: {', '.join(map(str, rows[:ODD]))}")


def _facts(space: Space) -> SpaceFacts:
    stamp = 0 if space.path is None else space.path.stat().st_mtime_ns
    return _cached_facts(str(space.path), stamp, space)


@st.cache_resource(max_entries=32, show_spinner="Reading the rows …")
def _cached_facts(path: str, stamp: int, _space: Space) -> SpaceFacts:
    return space_facts(_space)


# --- deletion ----------------------------------------------------------------------------------


def delete(own: DatasetFolder) -> None:
    """Delete a dataset for good, unless runs use it or a job on it is under way."""
    st.divider()
    store = services.services().store
    if services.services().work.is_busy(own):
        st.caption("A job on this dataset is under way: cancel it to delete the dataset.")
        return
    _ask_once(f"Delete {own.name}", "delete dataset", runs_using(store, own), lambda: _delete(own))


def _delete(own: DatasetFolder) -> None:
    if services.services().work.is_busy(own):  # a job may have been queued in another tab since
        raise RunError(f"a job on {own.name} is under way: cancel it first")
    delete_dataset(services.services().store, own)


def _ask_once(label: str, key: str, users: list[str], act: Callable[[], None]) -> None:
    """A button with a confirmation for what cannot be undone; refused where runs use it."""
    if users:
        some = ", ".join(plots.plain(name) for name in users[:3]) + (" …" if len(users) > 3 else "")
        st.caption(f"Used by {count(len(users), 'run')} ({some}): delete these first.")
        return
    with st.popover(plots.plain(label), icon=":material/delete:"):
        st.markdown("This cannot be undone.")
        st.button("Delete for good", key=key, type="primary", on_click=make_space.safely, args=(act,))


def _copy(name: str) -> None:
    def act() -> None:
        st.session_state["data"] = copy_dataset(services.services().store, name).name

    make_space.safely(act)


main()
