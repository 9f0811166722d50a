"""Figure 1: is the ranking of the seeds reliable, or the labeling that they vote for?"""

from typing import Any

import numpy as np
import streamlit as st

from hume.common import formatting
from hume.common.errors import InputError
from hume.experiments import criteria
from hume.experiments.criteria import Criterion
from hume.reporting import difference_sentences, figures, sentences
from hume.runs.findings import Findings, SeedFindings
from pages._sections import by_key, correct, modes, phi1_scores, replay, trust
from pages._state import ground_truth, runs, services
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

FIGURE = 430  # pixels high
SIDE_BY_SIDE = 4
TYPICAL = 12


def main() -> None:
    st.title(sentences.question(runs.chosen_seeds()))
    found = runs.finished_run()
    by_key.follow(found)
    st.markdown(sentences.trust(found, ground_truth.shows_truth(found.dataset)))
    judged = st.container()  # filled last: scores in φ1 take a while
    others = runs.other_runs(found.run.name, found.run.request.dataset)
    compared = []
    if others:
        compared = st.multiselect(
            "Compare with other runs on the same data",
            others,
            key="beside",
            bind="query-params",
            max_selections=SIDE_BY_SIDE - 1,
        )
    shown = [found, *(runs.findings(services.services().store.open(name)) for name in compared)]
    criterion = horizontal_axis(found)
    columns = st.columns(min(2, len(shown)))
    settings = difference_sentences.own_settings([each.run for each in shown])
    for i, each in enumerate(shown):
        with columns[i % len(columns)]:
            if len(shown) > 1:
                st.markdown(f"**{plots.plain(each.run.name)}** · {plots.plain(settings[i])}")
            cloud(each, criterion)
    if ground_truth.shows_truth(found.dataset):
        correlations(found, criterion)
    if not ground_truth.shows_truth(found.dataset):
        ground_truth.reveal(found.dataset, "how right the seeds are")
    st.divider()
    opened = next((each for each in shown if each.run.name == st.query_params.get("of")), found)
    one_seed(opened)
    ranking(found)
    modes.section(found)
    if st.toggle(
        "Replay the search",
        key="replay",
        bind="query-params",
        help="How every seed's labels change.",
    ):
        replay.show(found, truth=ground_truth.shows_truth(found.dataset))
    with judged:
        trust.section(found)


def horizontal_axis(found: Findings) -> Criterion:
    """The choice of what the seeds are ranked by in the figure; first what ranks them in this view."""
    offered = criteria.offered(found)
    chosen: Criterion = st.selectbox(
        "Horizontal axis", offered, key="axis" if found.view == "refined" else "searched_axis", bind="query-params",
        persist_state="session", format_func=lambda key: sentences.capital(sentences.CRITERIA[key]), width=360,
    )  # fmt: skip
    return chosen


def cloud(found: Findings, criterion: Criterion) -> None:
    """One point a seed; a click opens it."""
    name = found.run.name
    if criterion not in criteria.offered(found):  # a run that is not refined next to one that is
        criterion = criteria.offered(found)[0]
    values, axis = criteria.values(found, criterion), figures.AXES[criterion]
    if values is None:
        phi1_scores.offer(found)
        return
    chosen, truth = opened_seed(found), ground_truth.shows_truth(found.dataset)
    accuracy = found.statistics.accuracy
    if accuracy is not None and truth:
        correlation = criteria.correlation(found, criterion)
        figure = figures.correlation(
            values, accuracy, found.seeds, found.states, correlation, axis=axis, selected=chosen
        )
        alt = f"Scatter plot of {axis.noun} and accuracy, one point a seed"
    else:
        figure = figures.score_distribution(values, found.seeds, axis=axis, selected=chosen)
        alt = f"Distribution of the {axis.noun}, one point a seed"
    points = plots.plot(
        figure,
        f"cloud {name}",
        lambda: seed_table(found, truth),
        alt=alt,
        name=plots.file_name(name, "seeds"),
        select=("points",),
        height=FIGURE,
    )
    open_if_new(found, plots.ids(points), f"picked {name}")


def correlations(found: Findings, drawn: Criterion) -> None:
    """Which criterion predicts the accuracy of the seeds, before and after refinement."""
    rows = [sentences.criterion_row(row) for row in criteria.table(found)]
    with st.expander("What predicts the accuracy of the seeds?"):
        header = ("seeds ranked by", "accuracy", "r", "95 % interval", "p")
        st.dataframe(
            {name: [row[i] for row in rows] for i, name in enumerate(header)},
            hide_index=True,
            column_config={header[0]: st.column_config.TextColumn(width="large")},
        )
        if criteria.phi1_scores(found) is None and drawn != "both":  # else offered in place of the figure
            phi1_scores.offer(found)


def opened_seed(found: Findings) -> int:
    """The seed in the address, else the first-ranked."""
    best = found.seeds[int(found.statistics.order[0])]
    if st.query_params.get("of", found.run.name) != found.run.name:
        return best
    asked = plots.whole_number(st.query_params.get("seed", ""))
    return best if asked is None or asked not in found.seeds else asked


def open_seed(found: Findings, seed: int) -> None:
    """Open a seed and write it to the address."""
    st.query_params["seed"] = str(seed)
    if found.run.name == st.session_state.get("run"):
        st.query_params.pop("of", None)
    else:
        st.query_params["of"] = found.run.name


def open_if_new(found: Findings, picked: list[int], key: str) -> None:
    """Open the seed that was selected just now; an unchanged selection is ignored."""
    if picked == st.session_state.get(key, []):
        return
    st.session_state[key] = picked
    if picked:
        open_seed(found, picked[0])
        st.rerun()


def seed_table(found: Findings, truth: bool) -> plots.Table:
    """One row a seed, the first-ranked first; accuracy only where it may be shown."""
    columns: dict[str, Any] = {
        "likelihood": found.likelihood,
        "cv_score": found.statistics.cv_score,
        "objective": found.objective,
    }
    columns |= {"state": found.states, **({key: found.by_seed[key] for key in ("acc", "ari", "nmi")} if truth else {})}
    known = {name: column for name, column in columns.items() if column is not None}
    order = found.statistics.order.tolist()
    rows = [[rank, found.seeds[i], *(column[i] for column in known.values())] for rank, i in enumerate(order, start=1)]
    return ["rank", "seed", *known], rows


def one_seed(found: Findings) -> None:
    """The labeling of one seed: numbers, confusion matrix, pictures of its classes."""
    seed = opened_seed(found)
    try:
        one = found.seed(seed, TYPICAL)
    except InputError as error:
        st.warning(str(error))
        return
    whose = "" if found.run.name == st.session_state.get("run") else f" of {plots.plain(found.run.name)}"
    st.subheader(f"Seed {seed}{whose}: rank {one.rank} of {len(found.seeds)}")
    st.caption("Click another point to open another seed. Class numbers and colours are those of the vote.")
    truth = ground_truth.shows_truth(found.dataset)
    numbers = {} if one.likelihood is None else {"Likelihood": formatting.number(one.likelihood)}
    numbers["Cross-validation score"] = formatting.percent(one.cv_score)
    numbers["Objective"] = "–" if np.isnan(one.objective) else f"{formatting.number(one.objective)} nats"
    numbers["Ended"] = one.state
    if truth and one.agreement is not None:
        numbers["Accuracy"] = formatting.percent(one.agreement.acc)
        numbers["ARI"] = formatting.number(one.agreement.ari)
    with st.container(horizontal=True, gap="medium"):
        for label, value in numbers.items():
            st.metric(label, value, width="content")
    names = runs.class_names(found)[: found.num_found]  # a seed knows no others
    left, right = st.columns([1, 1], gap="large") if truth else (st.container(), None)
    with left:
        pictures(found, one, names)
    if right is not None and one.confusion is not None:
        confusion = one.confusion[: found.num_found]
        with right:
            st.markdown("**Found and true classes**")
            plots.plot(
                figures.confusion(confusion, names, found.true_names),
                f"confusion {found.run.name}",
                lambda: (
                    ["found class", *found.true_names],
                    [[n, *row] for n, row in zip(names, confusion.tolist(), strict=True)],
                ),
                alt="Confusion matrix of found and true classes",
                name=plots.file_name(found.run.name, "seed", str(seed), "confusion"),
                height=480,
            )
    if not whose:
        correct.classes(found)


def pictures(found: Findings, one: SeedFindings, names: list[str]) -> None:
    """A row of the most typical pictures of every class."""
    sizes = np.bincount(one.labeling, minlength=found.num_classes)
    for k, members in enumerate(one.typical[: found.num_found]):
        st.markdown(f"**{plots.plain(names[k])}** · {sizes[k]:,}" + (" · empty" if sizes[k] == 0 else ""))
        if sizes[k]:
            tiles = [Tile(int(row)) for row in members if row >= 0]
            gallery(tiles, key=f"typical {k}", dataset=found.dataset, label=names[k], size=46,
                    on_click=by_key.open_on_explore)  # fmt: skip


def ranking(found: Findings) -> None:
    """All seeds in order; selecting a row opens its seed."""
    with st.expander(f"All seeds, the {sentences.first_ranked(found)} first"):
        header, rows = seed_table(found, ground_truth.shows_truth(found.dataset))
        table = {name: [row[i] for row in rows] for i, name in enumerate(header)}
        chosen = st.dataframe(
            table, hide_index=True, on_select="rerun", selection_mode="single-row", key=f"ranking {found.run.name}"
        )
        picked = [int(table["seed"][i]) for i in chosen["selection"]["rows"]]
        open_if_new(found, picked, f"ranked {found.run.name}")


main()
