"""The spaces of a dataset: their provenance, statistics and odd rows."""

import streamlit as st

from hume import Space
from hume.common.formatting import count
from hume.data.dataset import Dataset
from hume.data.folder import DatasetFolder
from hume.features.statistics import SpaceFacts, space_facts
from hume.reporting import figures
from hume.runs.dataset_library import delete_space, runs_using
from pages._sections import make_space
from pages._state import ground_truth, runs, services
from pages._widgets import confirm, plots
from pages._widgets.gallery import Tile, gallery

ODD = 16  # rows shown of what is odd


def spaces(data: Dataset, own: DatasetFolder | None) -> None:
    """Every space: its provenance and statistics."""
    st.subheader("Spaces")
    if not data.spaces:
        st.info("No space yet. Make two below, best one of each kind.", icon=":material/info:")
        return
    if len(data.spaces) > 1:
        st.page_link(runs.SEARCH, label="Search with two of them", icon=":material/search:")
    else:
        st.info("One space. Make another below, best of the other kind.", icon=":material/info:")
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
        confirm.once(
            f"Delete {space.name}", f"drop {space.name}", runs_using(services.services().store, own, space.name),
            lambda: make_space.safely(delete_space, services.services().store, own, space.name),
        )  # fmt: skip


def _problems(data: Dataset, entry: dict[str, object]) -> None:
    """Rows whose original picture could not be read when the space was computed."""
    problems = entry.get("problems")
    if not isinstance(problems, list) or not problems:
        return
    number = entry.get("num_problems", len(problems))
    st.warning(f"{number} rows are computed from the stored small picture: the original cannot be read.")
    shown = ground_truth.visible(data, problems)
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
