"""Every page answers its question: with nothing there, with labels and without, by a link, for names of any kind."""

import re

import numpy as np
import pytest

from hume.runs import review
from hume.runs.findings import Findings
from tests.support.app_driver import (
    OF_A_RUN,
    PAGES,
    birds,
    figures,
    finished,
    given,
    go,
    look,
    markdown,
    press,
    rerun,
    says,
    tables,
    tiles,
    words,
)
from tests.support.rules import cases

MARKUP = ["<img src=x onerror=alert(1)>", "**bold** $x$ :smile:", "[link](javascript:alert(1))", "`code` _it_ #1"]
OF_TRUTH = re.compile(
    r"(?<!validation )accura|\bACC\b|\bARI\b|\bNMI\b|people (say|have|call)|ground truth:|true class|"
    r"(are|is|in the) right",
    re.IGNORECASE,
)
NEEDS_TRUTH = "needs a ground truth, and this dataset has none."


@pytest.fixture
def first(library):
    return Findings(library.open("first"))


def texts(at):
    return [element.value for element in (*at.markdown, *at.success)]


# --- nothing there ---------------------------------------------------------------------------------


@cases("page", PAGES)
def test_without_a_run_a_page_says_what_to_do_next(home, page):
    at = look(page)
    assert len(at.title) == 1
    if page in ("data", "compare"):
        assert at.selectbox(key={"data": "dataset", "compare": "compared"}[page]).value == "fashion-mnist"
    elif page in ("start", "search"):
        assert at.button(key="launch").label.endswith(("random starts", "seeds"))
    else:
        assert "A search of the embedded images takes about half a minute" in at.info[0].value
        assert [link.label for link in at.page_link] == ["Start a search"]
    assert at.error.len == at.warning.len == 0
    assert all(select.label != "Run" for select in at.selectbox)


def test_pages_can_be_walked_through_in_one_tab(library):
    at = look()
    for page in (*PAGES, *reversed(PAGES)):
        go(at, page)
        assert at.error.len == 0
        assert at.selectbox(key="run").value == library.names()[0]


def test_every_link_on_a_page_leads_to_a_page(library):
    for page in PAGES:
        for link in look(page, run="first", start_data="birds").page_link:
            assert link.proto.page in PAGES


# --- what a finished run found -----------------------------------------------------------------------


def test_start_shows_the_classes_of_the_vote_and_how_right_they_are(first):
    at = look(run="first", start_data="birds")
    assert at.subheader[0].value == "The vote of all 5 random starts: 4 classes"
    said = texts(at)
    for k, size in enumerate(np.bincount(first.vote.labeling)):
        assert f"**Class {k}** · {size} samples · ground truth: *{first.true_names[first.match[k]]}*" in said
    assert says(" ".join(said), f"{first.vote_agreement.acc:.1%} of the samples are in the right class")
    best = first.seed(first.seeds[first.statistics.order[0]])
    for k in range(4):
        assert [tile[0] for tile in tiles(at, f"class {k}")] == [row for row in best.typical[k] if row >= 0]


def test_search_says_what_became_of_the_chosen_run(first):
    at = look("search", run="first")
    assert says(
        at.success[0].value,
        "Run first has finished: 5 seeds in",
        f"best cross-validation score is {first.statistics.cv_score.max():.1%}",
    )


def test_the_objective_page_says_whether_the_score_predicts_the_accuracy(first):
    at = look("objective", run="first")
    answer, found = at.markdown[0].value, first.correlation
    assert says(
        answer, f"{first.statistics.cv_score.min():.1%} to {first.statistics.cv_score.max():.1%}", f"r = {found.r:.2f}"
    )
    assert says(answer, f"95% interval {found.low:.2f} to {found.high:.2f}")
    ranked = tables(at)["ranking first"]
    assert ranked["seed"].tolist() == [first.seeds[i] for i in first.statistics.order]
    assert ranked["acc"].tolist() == first.statistics.accuracy[first.statistics.order].tolist()
    metrics = {metric.label: metric.value for metric in at.metric}
    best = first.seed(ranked["seed"][0])
    assert says(metrics["Cross-validation score"], f"{best.cv_score:.1%}")
    assert says(metrics["Accuracy"], f"{best.agreement.acc:.1%}")
    assert says(metrics["ARI"], f"{best.agreement.ari:.2f}")


def test_the_aggregation_page_says_what_the_vote_is_worth(first):
    answer, curve = look("aggregation", run="first").markdown[0].value, first.top_n
    assert says(answer, f"all 5 seeds is right on {curve.acc[-1]:.1%} of the samples (ARI {curve.ari[-1]:.2f}")
    assert says(answer, f"{(curve.acc[-1] - curve.acc[0]) * 100:.1f} points above", f"({curve.acc[0]:.1%}, ARI")


def test_the_reliable_page_says_how_many_are_kept_and_right(first):
    ranking = first.ranking()
    samples, quality = first.reliable_samples(ranking, 25)
    answer = look("reliable", run="first").markdown[0].value
    assert says(answer, f"{len(samples.rows)} of {len(samples.rows)} reliable samples are kept")
    assert says(answer, f"{quality.accuracy:.1%} of the {len(samples.rows)} are right")
    assert says(answer, f"of all samples {first.vote_agreement.acc:.1%}")


@cases("run", ["unlabeled", "from-files"])
@cases("page", PAGES)
def test_without_labels_no_page_speaks_of_how_right_anything_is(library, page, run):
    at = look(page, run=run, start_data="nameless")
    said = [text for text in words(at) if not text.endswith(NEEDS_TRUTH)]
    if page == "runs":  # which has runs with labels, too
        line = tables(at)["runs"].set_index("run").loc[run]
        assert line[[name for name in line.index if re.search("ACC|ARI", name)]].isna().all()
        assert line[["seconds", "cv score", "cv score ±"]].notna().all()
    else:
        assert [text for text in said if OF_TRUTH.search(text)] == []
    if page in OF_A_RUN and page != "differences":  # which compares labelings with each other alone
        assert sum(text.endswith(NEEDS_TRUTH) for text in words(at)) == 1


@pytest.mark.parametrize("run", ["unlabeled", "from-files"])
def test_without_labels_pages_answer_from_the_scores_alone(library, run):
    found = Findings(library.open(run))
    share, same = found.statistics.cv_score, found.top_n.consistency
    answers = {page: look(page, run=run).markdown[0].value for page in ("objective", "aggregation", "reliable")}
    assert says(answers["objective"], f"{share.min():.1%} to {share.max():.1%}", f"{same[0]:.1%} of the samples")
    assert says(answers["aggregation"], f"{same[0]:.1%} of the samples", "from 5 seeds on")
    kept = len(found.reliable_samples(found.ranking(), 25)[0].rows)
    assert says(answers["reliable"], f"{kept} of {kept} reliable samples are kept")


def test_a_run_of_one_seed_has_nothing_to_vote_on(home):
    finished(home, birds(home), "alone", seeds=[3])
    assert "nothing to vote on" in look("aggregation", run="alone").markdown[0].value
    assert "not enough different seeds" in look("objective", run="alone").markdown[0].value
    assert "1 seed in " in look("search", run="alone").success[0].value
    for page in PAGES:
        assert look(page, run="alone", start_data="birds").error.len == 0


def test_runs_stand_beside_each_other(library):
    at = look("objective", run="first")
    at.multiselect(key="beside").select("second")
    assert {"cloud first", "cloud second"} <= set(figures(rerun(at)))
    at = look("aggregation", run="first", beside="second")
    assert at.multiselect(key="beside").value == ["second"]
    assert len({trace.get("name", "").split(",")[0] for trace in figures(at)["top n"]["data"]}) >= 2


# --- links ------------------------------------------------------------------------------------------


def test_a_link_chooses_the_run(library):
    for run in library.names():
        assert look("objective", run=run).selectbox(key="run").value == run


@cases("page", OF_A_RUN)
def test_a_link_to_a_run_that_never_was_says_so_and_shows_no_other(library, page):
    at = look(page, run="never<b>")
    assert at.selectbox(key="run").value is None
    assert says(at.warning[0].value.replace("\\", ""), "Run never<b> does not exist here")
    assert figures(at) == {}
    assert at.error.len == 0
    at = rerun(at.selectbox(key="run").set_value("first"))
    assert at.warning.len == 0
    assert says(at.caption[0].value.replace("\\", ""), "Run first", "dataset birds", "K = 4", "5 seeds")


def test_a_link_opens_a_seed_of_the_run_or_of_one_beside_it(library):
    assert look("objective", run="first", seed="5").subheader[0].value.startswith("Seed 5: rank ")
    beside = look("objective", run="first", beside="second", of="second", seed="4")
    assert beside.subheader[0].value.startswith("Seed 4 of second: rank ")
    assert beside.subheader[0].value.endswith(" of 6")


@cases("seed", ["abc", "-1", "99", "", "5.0", "²", "9" * 5000, "1&x"])
def test_a_seed_that_is_none_is_ignored(first, seed):
    at = look("objective", run="first", seed=seed)
    assert at.subheader[0].value.startswith(f"Seed {first.seeds[first.statistics.order[0]]}: rank 1 of 5")
    assert at.error.len == 0


def test_nonsense_in_a_link_is_ignored(library):
    nonsense = {
        "blind": "perhaps", "beside": "never", "of": "never", "map": "φ9", "colour": "<b>", "per_class": "many",
        "neighbors": "-5", "order": "up", "rows_of": "none", "start_data": "no such", "dataset": "no such",
        "of_dataset": "no such", "unknown": "1",
    }  # fmt: skip
    for page in PAGES:
        at = look(page, run="first", **nonsense)
        assert at.error.len == 0
        assert at.toggle(key="blind").value is False


# --- names that are markup ---------------------------------------------------------------------------


@pytest.fixture
def marked(home):
    """A run whose true classes, found classes, files and card are called by markup."""
    data = birds(home, names=MARKUP, files=[f"{MARKUP[1]} {row}" for row in range(240)])
    run = given(home, data, "marked", [data.labels, np.roll(data.labels, 9)])
    for k, name in enumerate(MARKUP):
        review.name_class(run, k, name)
    return run


@cases("page", PAGES)
def test_markup_in_names_is_shown_and_not_obeyed(marked, page):
    at = look(page, run="marked", start_data="birds", sample="3", rows="1,2,3")
    for text in markdown(at):
        for name in MARKUP:
            assert name not in text
    if page in ("start", "objective", "reliable"):
        assert any(r"\*\*bold\*\* \$x\$ \:smile\:" in text for text in markdown(at))
        assert any(r"\<img src=x onerror=alert\(1\)\>" in text for text in markdown(at))


def test_a_button_that_undoes_a_name_shows_it_and_does_not_obey_it(marked):
    review.name_class(marked, 1, "Wren")
    at = look("reliable", run="marked")
    assert r"\*\*bold\*\*" in at.button(key="undo").help
    review.name_class(marked, 1, "Jay")
    assert "Wren" in rerun(at).button(key="undo").help
    press(at, "undo")
    assert review.read(marked).name(1) == "Wren"


def test_markup_in_plots_is_text(marked):
    drawn = str(figures(look("objective", run="marked", sample="3")))
    assert "&lt;img src=x" in drawn
    assert "<img" not in drawn
