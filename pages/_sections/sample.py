"""One sample beside the map: its picture, what was found of it, what is near it, what a person said of it."""

from typing import Any

import streamlit as st
from numpy.typing import NDArray
from PIL import Image
from plotly.graph_objects import Figure

from hume.common.errors import HumeError
from hume.common.formatting import count, percent
from hume.data.dataset import Dataset
from hume.data.folder import DatasetFolder
from hume.data.originals import Pictures
from hume.reporting import figures, review_sentences, sentences
from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.sample_view import SampleView
from hume.runs.seed_view import SpaceOf
from pages._sections import by_key, correct
from pages._state import ground_truth, runs, selection
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

NEIGHBORS = 24
SMALL, ENLARGED, NEAR = 96, 150, 52  # pixels: pictures up to the first are enlarged to the second; a neighbour


def tiles(found: Findings, rows: list[int]) -> list[Tile]:
    """Pictures with their found class; wrong ones are marked where the truth may be shown."""
    names = runs.class_names(found)
    right = found.right if ground_truth.shows_truth(found.dataset) else None
    return [
        Tile(row, names[found.vote.labeling[row]], "wrong" if right is not None and not right[row] else "")
        for row in rows
    ]


def show(row: int) -> None:
    """Open a sample; the one before it can be gone back to."""
    if st.query_params.get("sample") != str(row):
        selection.open_sample(row)
        st.rerun()


def opened(found: Findings) -> int | None:
    """The sample of the address; None where it names none."""
    row = plots.whole_number(st.query_params.get("sample", ""))
    return row if row is not None and row < found.dataset.num_samples else None


def section(found: Findings, row: int) -> None:
    """A sample in one column."""
    view: SampleView | None = st.session_state.get("sample view")  # a space is read once a sample, not at every look
    if view is None or view.found is not found or view.row != row:
        view = st.session_state["sample view"] = SampleView(found, row)
    files = ground_truth.file_names(found.dataset)
    with st.container(key="opened"):
        st.subheader(f"Sample {row}" + (f" · {plots.plain(files[row])}" if files else ""))
        _ways(found, row)
        left, right = st.columns(2, gap="small")
        with left:
            _picture(found, row)
        with right:
            _facts(view)
    correct.samples(found, [row])
    request = found.run.request
    _near(view, "phi1", f"Nearest in φ1 ({request.phi1})")
    _near(view, "phi2", f"Nearest in φ2 ({request.phi2})")
    _evidence(view)
    _past(view)


def _ways(found: Findings, row: int) -> None:
    """To the sample before, to its neighbours in the selection, to its place on the map, and out."""
    chosen = selection.rows(found)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        label = f"{count(len(chosen), 'sample')}" if len(chosen) else "Close"
        st.button(label, icon=":material/close:", key="close sample", shortcut="Esc", on_click=selection.close_sample,
                  help="Closes the sample.")  # fmt: skip
        st.button("Back", icon=":material/undo:", key="back", on_click=_back,
                  disabled=not st.session_state.get("trail"))  # fmt: skip
        for name, step, icon in (("Previous", -1, "chevron_left"), ("Next", 1, "chevron_right")):
            st.button("", icon=f":material/{icon}:", key=name.lower(), help=name, on_click=by_key.turn,
                      args=(found, row, step))  # fmt: skip
        st.button("Find on the map", icon=":material/my_location:", key="find on map",
                  on_click=selection.find, args=(row,))  # fmt: skip
        st.page_link(runs.EXPLORE, label="Link", icon=":material/link:", help="The address of this sample",
                     query_params={"run": found.run.name, "sample": str(row)})  # fmt: skip


def _back() -> None:
    trail = st.session_state.get("trail", [])
    if trail:
        st.query_params["sample"] = trail.pop()


def _picture(found: Findings, row: int) -> None:
    """The picture as it came; a tiny one is enlarged."""
    data = found.dataset
    picture, problem = _original(data, row)
    if picture is None or max(picture.size) <= SMALL:
        gallery([Tile(row)], key="sample", dataset=data, label=f"Sample {row}", size=ENLARGED)
    else:
        st.image(picture, caption=f"{picture.width} × {picture.height} pixels")
    if problem:
        st.caption(plots.plain(problem))


def _original(data: Dataset, row: int) -> tuple[Image.Image | None, str | None]:
    if data.folder is None:
        return None, None
    try:
        pictures = _pictures(str(data.folder), data)
        return (None, None) if pictures is None else pictures[row]
    except HumeError as error:
        return None, str(error)


@st.cache_resource(max_entries=4)
def _pictures(folder: str, _data: Dataset) -> Pictures | None:
    if _data.folder is None or not any((_data.folder / name).exists() for name in ("images.npy", "images.npz")):
        return None
    return Pictures(DatasetFolder(_data.folder))


def _facts(view: SampleView) -> None:
    """Votes, probability, ground truth, and the columns of the data."""
    found, row, k = view.found, view.row, view.number
    names, sure = runs.class_names(found), found.confidence
    text = f"{view.votes[k]} of {count(int(view.votes.sum()), 'seed')} vote for **{plots.plain(names[k])}**."
    st.markdown(text + ("" if sure is None else f" Its probability is {percent(sure[row])}."))
    if ground_truth.shows_truth(found.dataset) and found.dataset.labels is not None:
        st.markdown(f"Ground truth: **{plots.plain(found.true_names[int(found.dataset.labels[row])])}**.")
    lines = [f"{plots.plain(name)}: **{plots.plain(value)}**" for name, value in view.columns.items()]
    if lines:
        st.markdown("  \n".join(lines))


def _near(view: SampleView, space: SpaceOf, title: str) -> None:
    """The nearest samples in a space with their distances; a click opens one."""
    found, near, names = view.found, view.near(space, NEIGHBORS), runs.class_names(view.found)
    labels = found.vote.labeling
    same = int((labels[near.rows] == view.number).sum())
    st.markdown(f"**{plots.plain(title)}** · {same} of {len(near.rows)} in the same found class")
    shown = [
        Tile(tile.row, f"{distance:.2f}" + ("" if labels[tile.row] == view.number else f" {names[labels[tile.row]]}"),
             tile.mark)
        for tile, distance in zip(tiles(found, near.rows.tolist()), near.distances.tolist(), strict=True)
    ]  # fmt: skip
    gallery(
        shown, key=f"near {space}", dataset=found.dataset, label=title, size=NEAR, on_click=selection.open_sample,
        keys=by_key.OF_A_PICTURE, on_key=lambda row, key: by_key.on_picture(found, row, key),
    )  # fmt: skip


def _evidence(view: SampleView) -> None:
    """The posterior over the classes and the votes of the seeds."""
    found, names = view.found, runs.class_names(view.found)
    st.caption("Distance is one minus the cosine; a class is named where it differs.")
    with st.spinner("Preparing both spaces …"):
        posterior = view.posterior

    def bars(title: str, key: str, figure: Figure, values: NDArray[Any]) -> None:
        st.markdown(f"**{title}**")
        table = [[k, name, value] for k, (name, value) in enumerate(zip(names, values.tolist(), strict=True))]
        plots.plot(
            figure, key, lambda: (["class", "class_name", key], table), alt=f"Bars: {title.lower()}",
            name=plots.file_name(found.run.name, key, str(view.row)),
        )  # fmt: skip

    if posterior is not None:
        title = "Probability of each class, by the classifier in both spaces"
        bars(title, "posterior", figures.posterior(posterior, names), posterior.round(4))
        st.caption(sentences.TOO_SURE)
    bars("Votes of the seeds", "votes", figures.votes(view.votes, names), view.votes)


def _past(view: SampleView) -> None:
    """What a person said of it."""
    given, past = review.read(view.found.run), view.past
    if not past:
        return
    st.markdown("**History**")
    for version, step, stands in past:
        time = step.get("time", "").replace("T", " ")[:16]
        words = f"version {version}: {review_sentences.step(step, given)}" + ("" if stands else ", taken back")
        st.caption(plots.plain(f"{words} · {time}" if time else words))
