"""Explore: which samples are uncertain?"""

from typing import Literal

import numpy as np
import streamlit as st

from hume.common import formatting
from hume.reporting import figures, sentences
from hume.reporting.maps import Map, Which
from hume.runs.findings import Findings
from pages._sections import colorings, correct, suspects
from pages._sections.colorings import Coloring
from pages._state import ground_truth, runs, services
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

SPACES: dict[str, Which] = {"φ1": "phi1", "φ2": "phi2", "both": "both"}
MAP_HEIGHT = 620  # pixels
PER_PAGE = 60  # pictures
SHORT = 40  # rows of a selection that the address can hold
NEIGHBORS = 24
REFRESH = 1.0  # seconds


def main() -> None:
    st.title("Which samples are uncertain?")
    found = runs.finished_run()
    st.markdown(sentences.doubt(found, ground_truth.shows_truth(found.dataset)))
    correct.standing(found)
    row = st.columns([2, 3, 4], vertical_alignment="bottom")
    where = row[0].segmented_control(
        "Map of", list(SPACES), default="φ1", required=True, key="map", bind="query-params",
        help="UMAP of one space, or of both concatenated.",
    )  # fmt: skip
    choices = colorings.offered(found)
    name = row[1].selectbox("Colour", list(choices), key="colour", bind="query-params")
    if not ground_truth.shows_truth(found.dataset):
        with row[2]:
            ground_truth.reveal(found.dataset, "true classes and errors")
    made = the_map(found, SPACES[str(where)])
    if made is not None:
        if made.is_sample:
            st.caption(
                f"This map shows {len(made.rows):,} random samples of {made.num_samples:,}, which a browser can draw. "
                "Neighbours and votes are those of all samples."
            )
        left, right = st.columns([3, 2], gap="medium")
        with left:
            selected = draw(found, made, str(where), str(name), choices[str(name)](found))
        with right:
            selection(found, selected)
    suspect = suspects.section(found)
    if suspect is not None:
        _open(suspect)
    one_sample(found)


# --- the map -----------------------------------------------------------------------------------


def the_map(found: Findings, which: Which) -> Map | None:
    """The stored map; None while it is computed, with its progress drawn."""
    maps, request = services.services().maps, found.run.request
    phi1, phi2 = found.dataset.space(request.phi1), found.dataset.space(request.phi2)
    made = maps.get(phi1, phi2, which)
    if made is not None:
        return made
    key = maps.key(phi1, phi2, which)
    progress = maps.progress(key)
    if progress is not None and progress.state == "failed":
        st.error(f"The map could not be computed: {progress.error}", icon=":material/error:")
        if st.button("Try again", key="retry map"):
            maps.request(phi1, phi2, which)
            st.rerun()
        return None
    if st.session_state.get("stopped map") != key:
        maps.request(phi1, phi2, which)
    elif progress is None:
        st.button("Compute the map", key="make map", on_click=_again, type="primary")
        return None

    @st.fragment(run_every=REFRESH)
    def wait() -> None:
        now = maps.progress(key)
        if now is None or now.state == "failed":
            st.rerun()
        bar, button = st.columns([6, 1], vertical_alignment="center")
        text = f"Computing the map, once for all runs: {now.stage} {now.seconds:.0f} s so far."
        bar.progress(min(1.0, now.share), text=text)
        button.button("Cancel", key="cancel map", on_click=_stop, args=(key,))

    wait()
    return None


def _stop(key: str) -> None:
    st.session_state["stopped map"] = key
    services.services().maps.cancel(key)


def _again() -> None:
    st.session_state.pop("stopped map", None)


def draw(found: Findings, made: Map, where: str, name: str, coloring: Coloring) -> list[int]:
    """The scatter plot; returns the rows that are selected."""
    rows = made.rows
    kept = f"selection {found.run.name}"
    view = (found.run.name, where, name)
    if kept not in st.session_state:
        st.session_state[kept] = _from_address(found)
    if st.session_state.get("map view") != view:
        # Only now: a figure that changes while its selection is under way would lose it.
        st.session_state["map view"], st.session_state["map highlight"] = view, st.session_state[kept]
    figure = figures.scatter_map(
        made.positions,
        rows,
        categories=None if coloring.categories is None else coloring.categories[rows],
        names=coloring.names,
        values=None if coloring.values is None else coloring.values[rows],
        value_name=name,
        value_range=None if coloring.values is None else (0.0, 1.0),
        selected=st.session_state["map highlight"] or None,
    )

    def table() -> plots.Table:
        shown = coloring.values if coloring.categories is None else coloring.categories
        assert shown is not None
        columns = [rows.tolist(), *made.positions.T.tolist(), shown[rows].tolist()]
        return ["row", "x", "y", name], zip(*columns, strict=True)

    points = plots.plot(
        figure,
        f"map {found.run.name} {where} {st.session_state.get('cleared', 0)}",
        table,
        alt=f"UMAP of {where}, coloured by {name}",
        name=plots.file_name(found.run.name, "map"),
        select=("points", "box", "lasso"),
        height=MAP_HEIGHT,
    )
    picked = plots.ids(points)
    if picked and picked != st.session_state.get("last lasso"):
        st.session_state["last lasso"] = st.session_state[kept] = picked
        st.session_state.pop("page", None)
        if len(picked) <= SHORT:
            st.query_params["rows"] = ",".join(map(str, picked))
        else:
            st.query_params.pop("rows", None)
    selected: list[int] = st.session_state[kept]
    return selected


def _from_address(found: Findings) -> list[int]:
    given = map(plots.whole_number, st.query_params.get("rows", "").split(","))
    return [row for row in given if row is not None and row < found.dataset.num_samples][:SHORT]


# --- the selection -------------------------------------------------------------------------------


def selection(found: Findings, rows: list[int]) -> None:
    """The selected samples as pictures and as a table."""
    if not rows:
        st.info(
            "Select points on the map to see their pictures here. Click a picture to see its neighbours in both spaces "
            "and its votes.",
            icon=":material/gesture_select:",
        )
        return
    head, clear = st.columns([2, 1], vertical_alignment="center")
    head.markdown(f"**{len(rows):,} sample{'s' * (len(rows) != 1)}** · {_composition(found, rows)}")
    clear.button("Clear", key="clear selection", on_click=_clear, args=(found,), shortcut="Esc")
    truth = ground_truth.shows_truth(found.dataset)  # now: a download cannot read the session
    how = st.segmented_control("As", ["Pictures", "Table"], default="Pictures", required=True, key="as",
                               label_visibility="collapsed")  # fmt: skip
    if how == "Table":
        header, cells = selection_table(found, rows, truth)
        st.dataframe({name: [row[i] for row in cells] for i, name in enumerate(header)}, hide_index=True, height=440)
    else:
        pages = -(-len(rows) // PER_PAGE)
        page = st.pagination(pages, key="page") if pages > 1 else 1
        chosen = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
        clicked = gallery(
            tiles(found, chosen), key="selection", dataset=found.dataset, label="Selected samples", size=64
        )
        if truth:
            st.caption("≠ marks samples whose true class differs.")
        if clicked is not None:
            _open(clicked)
    correct.samples(found, rows)
    plots.csv_button("Selection as CSV", lambda: selection_table(found, rows, truth), "selection", key="selection csv")


def _composition(found: Findings, rows: list[int]) -> str:
    names = runs.class_names(found)
    sizes = np.bincount(found.vote.labeling[rows], minlength=found.num_classes)
    largest = np.argsort(-sizes, kind="stable")[:3]
    return ", ".join(f"{sizes[k]:,} {plots.plain(names[k])}" for k in largest if sizes[k])


def tiles(found: Findings, rows: list[int]) -> list[Tile]:
    """Pictures with their found class; wrong ones are marked where the truth may be shown."""
    names = runs.class_names(found)
    right = found.right if ground_truth.shows_truth(found.dataset) else None
    return [
        Tile(row, names[found.vote.labeling[row]], "wrong" if right is not None and not right[row] else "")
        for row in rows
    ]


def selection_table(found: Findings, rows: list[int], show_truth: bool) -> tuple[list[str], list[list[object]]]:
    """One row a sample: the vote's class, its share and probability, and the truth where it may be shown."""
    names, files, known = runs.class_names(found), ground_truth.file_names(found.dataset), found.confidence
    truth = found.dataset.labels if show_truth else None
    header = ["row", *(["file"] if files else []), "class", "class_name", "vote_share"]
    header += [*(["probability"] if known is not None else []), *(["true_class"] if truth is not None else [])]
    table: list[list[object]] = []
    for row in rows:
        k = int(found.vote.labeling[row])
        file, sure = [files[row]] if files else [], [] if known is None else [round(float(known[row]), 4)]
        line: list[object] = [row, *file, k, names[k], round(float(found.vote.share[row]), 4), *sure]
        table.append(line if truth is None else [*line, found.true_names[int(truth[row])]])
    return header, table


def _clear(found: Findings) -> None:
    st.query_params.pop("rows", None)
    st.session_state[f"selection {found.run.name}"] = []
    st.session_state["cleared"] = st.session_state.get("cleared", 0) + 1  # a new plot, without its lasso
    for name in ("map view", "last lasso"):
        st.session_state.pop(name, None)


# --- one sample ------------------------------------------------------------------------------------


def _open(row: int) -> None:
    if st.query_params.get("sample") != str(row):
        trail = st.session_state.setdefault("trail", [])
        if "sample" in st.query_params:
            trail.append(st.query_params["sample"])
        st.query_params["sample"] = str(row)
        st.rerun()


def _back() -> None:
    trail = st.session_state.get("trail", [])
    if trail:
        st.query_params["sample"] = trail.pop()


def one_sample(found: Findings) -> None:
    """A sample with its neighbours in φ1 and φ2 side by side, and its votes."""
    row, request = plots.whole_number(st.query_params.get("sample", "")), found.run.request
    if row is None or row >= found.dataset.num_samples:
        return
    names = runs.class_names(found)
    st.divider()
    head, back = st.columns([6, 1], vertical_alignment="center")
    files = ground_truth.file_names(found.dataset)
    head.subheader(f"Sample {row}" + (f" · {plots.plain(files[row])}" if files else ""))
    back.button("Back", icon=":material/undo:", key="back", on_click=_back, disabled=not st.session_state.get("trail"))
    left, first, second = st.columns([2, 3, 3], gap="medium")
    with left:
        ballots = found.vote.aligned
        gallery(tiles(found, [row]), key="sample", dataset=found.dataset, label=f"Sample {row}", size=140)
        k, votes = int(found.vote.labeling[row]), np.bincount(ballots[:, row], minlength=found.num_classes)
        sure = "" if found.confidence is None else f" Its probability is {formatting.percent(found.confidence[row])}."
        voted = f"{votes[k]} of {formatting.count(len(ballots), 'seed')} vote for **{plots.plain(names[k])}**."
        st.markdown(voted + sure)
        if ground_truth.shows_truth(found.dataset) and found.dataset.labels is not None:
            st.markdown(f"Ground truth: **{plots.plain(found.true_names[int(found.dataset.labels[row])])}**.")
        plots.plot(
            figures.votes(votes, names),
            "votes",
            lambda: (["class", "class_name", "votes"], [[i, n, int(votes[i])] for i, n in enumerate(names)]),
            alt="Bars of the votes for each class",
            name=plots.file_name(found.run.name, "votes", str(row)),
        )
    with first:
        neighbors(found, row, "phi1", f"Nearest in φ1 ({request.phi1})")
    with second:
        neighbors(found, row, "phi2", f"Nearest in φ2 ({request.phi2})")


def neighbors(found: Findings, row: int, space: Literal["phi1", "phi2"], title: str) -> None:
    """The nearest samples of one sample in a space; a click opens one."""
    near = found.neighbors(row, space, NEIGHBORS)
    same = int((found.vote.labeling[near] == found.vote.labeling[row]).sum())
    st.markdown(f"**{plots.plain(title)}** · {same} of {len(near)} in the same found class")
    clicked = gallery(tiles(found, near.tolist()), key=f"near {space}", dataset=found.dataset, label=title, size=64)
    if clicked is not None:
        _open(clicked)


main()
