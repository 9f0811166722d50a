"""Compare: HUME, its negative controls and every other method on the same features."""

from pathlib import Path

import numpy as np
import streamlit as st

from hume.common import devices, formatting
from hume.common.progress import Progress
from hume.data.dataset import Dataset
from hume.evaluation.metrics import Spread
from hume.experiments.comparison import Comparison, Standing, preference
from hume.experiments.methods import FIRST, HUME, METHODS, Method
from hume.experiments.published import headline
from hume.reporting import experiment_sentences, figures
from pages._sections import ablation, progress
from pages._state import datasets, ground_truth, runs, services
from pages._widgets import plots

KINDS = {
    "hume": "HUME",
    "answered": "With a person's answers",
    "control": "Negative controls: the same search without a second view",
    "baseline": "Other methods without labels",
    "supervised": "Supervised: upper bound",
}
HEADER = ("method", "kind", "ACC", "ACC ±", "ARI", "ARI ±", "NMI", "NMI ±", "n", "vote ACC", "cv score", "likelihood",
          "refined ACC", "seconds", "how")  # fmt: skip


def main() -> None:
    st.title("How does HUME compare?")
    comparison = choose()
    truth = ground_truth.shows_truth(comparison.dataset)
    standings = _standings(comparison)
    st.markdown(experiment_sentences.compared_with_others(standings, truth))
    known = {each.method.key for each in standings} & set(METHODS)
    first_tries(comparison, known)
    offer(comparison, known)
    progress.jobs()
    if standings:
        board(comparison, standings, truth)
        pool(comparison, standings, truth)
        if runs.latest_of(comparison.dataset.name) is not None:
            st.page_link(
                runs.DIFFERENCES, label="Which samples are labeled differently?", icon=":material/compare_arrows:"
            )
    printed(comparison.dataset, truth)
    further(comparison, truth)


def choose() -> Comparison:
    """The pair of spaces that all methods get."""
    names = datasets.dataset_names()
    columns = st.columns([2, 2, 2, 1])
    first = names.index(datasets.usual_dataset(names))
    name = columns[0].selectbox("Dataset", names, first, key="compared", bind="query-params")
    data = datasets.dataset(name)
    spaces = list(data.spaces)
    phi1, phi2 = (
        column.selectbox(label, spaces, spaces.index(usual), key=f"{label} of {name}", bind="query-params")
        for column, label, usual in zip(columns[1:3], ("φ1", "φ2"), data.default_pair, strict=True)
    )
    K = columns[3].number_input(
        "Classes K", 2, max(2, data.num_samples), data.num_classes or 10, key=f"K compared {name}"
    )
    return Comparison(services.services().store.home, data, phi1, phi2, num_classes=int(K))


def _standings(comparison: Comparison) -> list[Standing]:
    """Scored results on a pair of spaces, cached for all tabs until another method is run."""
    folder = comparison.cache.folder
    answers = tuple((each.run.name, each.review.version) for each in comparison.answered)
    return _cached_standings(folder, datasets.stamp(comparison.dataset, folder), answers, comparison)


@st.cache_resource(max_entries=16, show_spinner="Scoring …")
def _cached_standings(
    folder: Path, stamp: str, answers: tuple[tuple[str, int], ...], _comparison: Comparison
) -> list[Standing]:
    return _comparison.standings()


def first_tries(comparison: Comparison, known: set[str]) -> None:
    """One button for what a reader would run first, until all of it was run."""
    missing = [key for key in FIRST if key not in known]
    if not missing:
        return
    st.markdown(experiment_sentences.first_tries(missing))
    if st.button(
        f"Run {formatting.count(len(missing), 'method')}", icon=":material/play_arrow:", key="run first",
        type="secondary" if known else "primary",
    ):  # fmt: skip
        for key in missing:
            _queue(comparison, METHODS[key], False)
        st.rerun()


def offer(comparison: Comparison, known: set[str]) -> None:
    """All methods to choose among, each a job that can be cancelled, and what each of them does."""
    methods = comparison.methods
    with st.expander(
        f"Choose among all methods ({len(known)} of {len(methods)} were run)", icon=":material/checklist:"
    ):
        chosen = st.multiselect(
            "Methods", [method.key for method in methods], key=f"methods {comparison.cache.folder.name} {len(known)}",
            format_func=lambda key: METHODS[key].title, placeholder="Choose methods",
        )  # fmt: skip
        full = st.toggle(
            "Published budgets", key="full budgets",
            help="As many seeds and steps as in the papers; hours for some. Otherwise smaller, named in each line.",
        )  # fmt: skip
        if st.button("Run", type="primary", icon=":material/play_arrow:", key="run methods", disabled=not chosen):
            for key in chosen:
                _queue(comparison, METHODS[key], full)
            st.rerun()
    with st.expander("What the methods do, their sources, and what is left out", icon=":material/menu_book:"):
        for kind, title in KINDS.items():
            of_kind = [method for method in methods if method.kind == kind]
            if of_kind:
                st.markdown(f"**{title}**")
            for method in of_kind:
                st.caption(f"**{method.title}** · {method.does} Source: {method.source}. Left out: {method.left_out}.")


def _queue(comparison: Comparison, method: Method, full: bool) -> None:
    device = devices.devices()[0]

    def work(on_progress: Progress) -> str:
        saved = comparison.run(method.key, quick=not full, device=device, on_progress=on_progress)
        return f"{len(saved.labelings)} labelings in {plots.duration(saved.seconds)}: {saved.note}."

    name = f"{comparison.dataset.name}: {method.title} on {comparison.phi1}, {comparison.phi2}"
    services.services().work.do(name, work, device)


def board(comparison: Comparison, standings: list[Standing], truth: bool) -> None:
    """The leaderboard as a figure and as a table."""
    name = plots.file_name(comparison.dataset.name, comparison.phi1, comparison.phi2)
    if truth:
        ordered = sorted(standings, key=_worth, reverse=True)
        st.markdown("**Accuracy of every method**, mean and standard deviation over seeds")
        plots.plot(
            figures.leaderboard(
                [each.method.title for each in ordered],
                [each.method.kind for each in ordered],
                [each.acc.mean if each.acc else np.nan for each in ordered],
                [each.acc.std if each.acc else np.nan for each in ordered],
                [each.num_seeds for each in ordered],
                [np.nan if each.vote_acc is None else each.vote_acc for each in ordered],
                refined=[np.nan if each.refined_acc is None else each.refined_acc for each in ordered],
            ),
            "leaderboard", lambda: (HEADER, [_line(each, truth) for each in ordered]),
            alt="Accuracy of every method with its spread over seeds", name=f"{name}-leaderboard",
        )  # fmt: skip
    else:
        ground_truth.reveal(comparison.dataset, "how right every method is")
    lines = [_line(each, truth) for each in standings]
    columns = [i for i, header in enumerate(HEADER) if any(line[i] is not None for line in lines)]
    share = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        {HEADER[i]: [line[i] for line in lines] for i in columns},
        hide_index=True,
        column_config={
            **dict.fromkeys(HEADER[2:8], share), "vote ACC": share, "cv score": share, "refined ACC": share,
            "likelihood": st.column_config.NumberColumn(
                format="%.2f", help="Of the most likely labeling after refinement in both spaces, nats a sample."
            ),
            "seconds": st.column_config.NumberColumn(format="%.1f"),
        },
    )  # fmt: skip


def pool(comparison: Comparison, standings: list[Standing], truth: bool) -> None:
    """What the likelihood prefers among the labelings of all methods, and the button that computes it."""
    st.markdown(
        "**One judge of all methods:** every labeling refined in both spaces, the most likely one of each method"
    )
    if sentence := experiment_sentences.preferred_by_likelihood(preference(standings), truth):
        st.markdown(sentence)
    missing = [
        each for each in standings if each.method.kind not in ("supervised", "answered") and each.likelihood is None
    ]
    if missing and st.button(
        f"Judge {formatting.count(len(missing), 'method')}", icon=":material/gavel:", key="judge methods",
        help="Seconds for 10,000 samples; without labels.",
    ):  # fmt: skip
        device = devices.devices()[0]

        def work(on_progress: Progress) -> str:
            comparison.judge(device=device, on_progress=on_progress)
            return "All methods are judged by the likelihood in both spaces."

        name = f"{comparison.dataset.name}: judge of the methods on {comparison.phi1}, {comparison.phi2}"
        services.services().work.do(name, work, device)
        st.rerun()


def _worth(each: Standing) -> float:
    return each.vote_acc if each.vote_acc is not None else (each.acc.mean if each.acc else -1.0)


def _line(each: Standing, truth: bool) -> list[object]:
    def both(spread: Spread | None) -> list[object]:
        return [None, None] if spread is None or not truth else [spread.mean, spread.std if spread.n > 1 else None]

    return [
        each.method.title, KINDS[each.method.kind], *both(each.acc), *both(each.ari), *both(each.nmi), each.num_seeds,
        each.vote_acc if truth else None, None if each.cv_score is None else each.cv_score.mean, each.likelihood,
        each.refined_acc if truth else None, each.seconds, each.note,
    ]  # fmt: skip


def printed(data: Dataset, truth: bool) -> None:
    """The paper's numbers for this dataset, apart from the measured ones."""
    rows = headline(data.name, str(data.card.get("name") or ""))
    if not rows or not truth:
        return
    with st.expander("Printed in the paper, on other features: not comparable with the results above"):
        st.dataframe(
            {
                "method": [each.method for each in rows],
                "setting": [each.setting or "" for each in rows],
                "φ1": [each.phi1 or "" for each in rows],
                "φ2": [each.phi2 or "" for each in rows],
                "ACC": [each.value for each in rows],
                "source": [each.source for each in rows],
                "note": [each.note for each in rows],
            },
            hide_index=True,
        )


def further(comparison: Comparison, truth: bool) -> None:
    """Questions of their own about the same spaces, folded."""
    st.divider()
    st.markdown("**Further questions about these spaces**")
    if len(comparison.dataset.spaces) > 1:
        with st.expander("Which pair of spaces works best?", icon=":material/grid_on:"):
            all_pairs(comparison, truth)
    with st.expander(
        "What does each setting of the search do? Ablations",
        icon=":material/tune:",
        expanded="family" in st.query_params,
    ):
        ablation.ablations(comparison, truth)
    with st.expander("How many classes are there?", icon=":material/numbers:"):
        ablation.sweep_counts(comparison)


def all_pairs(comparison: Comparison, truth: bool) -> None:
    """HUME on every pair of spaces: accuracy and cost."""
    names = list(comparison.dataset.spaces)
    found: dict[tuple[str, str], Standing] = {}
    for phi1 in names:
        for phi2 in names:
            known = _standings(comparison.on(phi1, phi2)) if phi1 != phi2 else []
            ours = next((each for each in known if each.method.kind == "hume"), None)
            if ours is not None:
                found[phi1, phi2] = ours
    missing = [(a, b) for a in names for b in names if a != b and (a, b) not in found]
    if missing and st.button(
        f"Search {formatting.count(len(missing), 'pair')}", icon=":material/grid_on:", key="search pairs",
        help="100 seeds on each, one after another.",
    ):  # fmt: skip
        for phi1, phi2 in missing:
            _queue(comparison.on(phi1, phi2), METHODS[HUME], False)
        st.rerun()
    if not found:
        return
    values, seconds = np.full((2, len(names), len(names)), np.nan)
    for (phi1, phi2), each in found.items():
        score = np.nan if each.cv_score is None else each.cv_score.mean
        value = each.vote_acc if truth and each.vote_acc is not None else score
        values[names.index(phi1), names.index(phi2)] = value
        seconds[names.index(phi1), names.index(phi2)] = each.seconds
    what = "ACC of the vote, %" if truth else "mean cross-validation score, %"
    plots.plot(
        figures.pairs(names, values, seconds, name=what), "pairs",
        lambda: (["φ1", "φ2", what, "seconds"], [(a, b, values[names.index(a), names.index(b)], each.seconds)
                                                 for (a, b), each in found.items()]),
        alt="Heat map over all pairs of spaces", name=plots.file_name(comparison.dataset.name, "pairs"),
    )  # fmt: skip
    st.caption("Scores are comparable only between equally even classes: uneven ones are easier to predict.")


main()
