"""Twenty answers: the class answers about the least certain pictures, and sees what its answers are worth."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from hume.common.errors import HumeError
from hume.common.formatting import count
from hume.lesson import answer_sentences as sentences
from hume.lesson.answers import EXAMPLES, Answers, Outcome, TwentyQuestions
from hume.lesson.figures import answers as drawn
from hume.runs.answering import BATCH
from hume.runs.findings import Findings
from pages._lesson import lesson
from pages._sections.question import any_class
from pages._state import ground_truth, runs
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

LARGE, TYPICAL, MOVED = 180, 40, 64  # pixels
EDGE = 14  # pixels that a tile takes beyond its picture
FEW = 20  # classes that all have a button
FLOWS, EACH = 4, 6  # pairs of classes, and pictures of each whose label changed
KEYS = "0123456789"


def show() -> None:
    lesson.choose_data()
    findings = lesson.needs_a_run()
    if findings is None:
        return
    questions = asked(findings)
    with st.spinner("Fitting the labels …"):
        given = questions.read(lesson.home())
        row = questions.next(given)
    if row is None:
        result(questions, given)
    else:
        question(questions, given, row)
    controls(questions, given)


@st.cache_resource(max_entries=4, show_spinner=False)
def _questions(_findings: Findings, key: tuple[object, ...]) -> TwentyQuestions:
    return TwentyQuestions(_findings)


def asked(findings: Findings) -> TwentyQuestions:
    """The questions about a run's labels, the same in all tabs."""
    run = findings.run
    return _questions(findings, (str(run.home), run.name, run.version, findings.view, findings.mode))


def question(questions: TwentyQuestions, given: Answers, row: int) -> None:
    """One picture, and the found classes to choose from."""
    findings, number = questions.found, len(given) + 1
    st.markdown(
        "The search found these classes without a label. Now it may ask: about the pictures whose class is **least "
        f"certain**. After {BATCH} answers, and after {questions.number}, all labels are fitted again."
    )
    if findings.final is None:
        st.caption("These labels were not refined in both spaces yet: they are, before the first question.")
    st.progress(
        len(given) / questions.number, text=f"**Question {number} of {questions.number}**{_moved(questions, given)}"
    )
    with st.container(horizontal=True):
        with st.container(width=LARGE + EDGE):
            st.subheader("Which class?")
            gallery([Tile(row)], key="lesson asked", dataset=findings.dataset, label="Which class?", size=LARGE)
            st.button(
                "We cannot tell", key="lesson no answer", icon=":material/question_mark:", shortcut="X",
                width="stretch", on_click=_choose, args=(questions, row, None),
            )  # fmt: skip
        with st.container():
            classes(questions, row)


def classes(questions: TwentyQuestions, row: int) -> None:
    """A button for every found class, by its typical pictures; of many classes, for the most probable ones."""
    findings, names = questions.found, runs.class_names(questions.found)
    shown = list(range(findings.num_found))
    if findings.num_found > FEW:
        shown = sorted(questions.likely(row)[:FEW])
    with st.container(horizontal=True):
        for k in shown:
            with st.container(width=EXAMPLES * (TYPICAL + EDGE), gap="xxsmall"):
                st.button(
                    plots.plain(names[k]), key=f"lesson class {k}", width="stretch",
                    shortcut=KEYS[k] if k < len(KEYS) else None, on_click=_choose, args=(questions, row, k),
                )  # fmt: skip
                gallery(
                    [Tile(sample) for sample in questions.typical[k].tolist() if sample >= 0],
                    key=f"lesson typical {k}", dataset=findings.dataset, label=f"Typical of {names[k]}", size=TYPICAL,
                    on_click=partial(_choose, questions, row, k),
                )  # fmt: skip
    if len(shown) < findings.num_found:
        every = list(range(findings.num_found))
        any_class(f"lesson any {row}", every, lambda k: names[k], partial(_choose, questions, row))


def _moved(questions: TwentyQuestions, given: Answers) -> str:
    """How many labels the first batch of answers changed."""
    if len(given) < BATCH:
        return ""
    moved = len(questions.change(given[:BATCH]).rows)
    return f" · the first {BATCH} answers changed {count(moved, 'label')}"


def result(questions: TwentyQuestions, given: Answers) -> None:
    """What the answers changed and, where people's labels are shown, what they are worth."""
    findings, truth = questions.found, lesson.shows_truth()
    with st.spinner("Comparing with random labels …"):
        outcome = questions.outcome(given, truth)
    st.markdown(f"#### {sentences.summary(outcome)}")
    worth(findings, outcome)
    examples = outcome.examples(FLOWS, EACH)
    if examples:
        st.markdown(f"**Pictures whose label changed**, {len(examples)} of them (old class → new class)")
        tiles = [Tile(row, f"{before} → {after}") for row, before, after in examples]
        gallery(tiles, key="lesson moved", dataset=findings.dataset, label="Pictures whose label changed", size=MOVED)


def worth(findings: Findings, outcome: Outcome) -> None:
    """The accuracy before and after, beside that of as many random labels alone."""
    who = sentences.answerers(outcome)
    if who:
        st.markdown(who)
    known = outcome.accuracies
    if known is None:
        if outcome.num_answers and findings.dataset.labels is not None:
            st.markdown(
                "Turn on **Show people's labels** above to see what the answers are worth, beside as many random "
                "labels alone."
            )
        return
    rows = sentences.table(outcome)
    lesson.plot(
        drawn.answers(known, outcome.num_answers, by_computer=outcome.by_computer > 0), "lesson answers", lambda: rows,
        alt=f"Three bars, {drawn.AXIS.lower()}: random labels alone, the search without a label, the search with "
        "answers",
        name=f"{findings.run.name}-answers", height=330,
    )  # fmt: skip
    st.caption(sentences.explanation(outcome))


def controls(questions: TwentyQuestions, given: Answers) -> None:
    """Undo, begin anew, and a computer that answers in place of the class."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Undo", key="lesson undo", icon=":material/undo:", shortcut="Ctrl+Z", disabled=not given,
            on_click=_do, args=(questions.undo,),
        )  # fmt: skip
        with st.popover("Begin anew", icon=":material/restart_alt:", disabled=not given):
            st.markdown("Delete all answers?")
            st.button("Delete", key="lesson forget answers", on_click=_do, args=(questions.start_over,))
        if len(given) < questions.number and lesson.shows_truth():
            st.button(
                "Let the computer answer", key="lesson computer", icon=":material/smart_toy:",
                help="Answers the questions that are left by people's labels, as a class that errs nowhere would.",
                on_click=_do, args=(questions.let_the_computer_answer,),
            )  # fmt: skip
    if len(given) < questions.number and not lesson.shows_truth() and ground_truth.shows_truth(questions.found.dataset):
        st.caption("No time? Turn on **Show people's labels** above, and the computer can answer by them.")


def _choose(questions: TwentyQuestions, row: int, number: int | None, _typical: int | None = None) -> None:
    _do(questions.answer, row, number)


def _do(change: Callable[..., Answers], *values: object) -> None:
    """Change the answers that are saved in the home folder; an error that the user can fix is shown."""
    try:
        change(lesson.home(), *values)
    except HumeError as error:
        st.toast(str(error), icon=":material/error:")
