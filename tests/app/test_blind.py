"""Blind mode: nothing of the ground truth reaches the browser, neither texts nor numbers nor files."""

import io
import re
import zipfile

import numpy as np
import pytest

from hume.runs.findings import Findings
from pages._state import services
from tests.support.app_driver import (
    NAMES,
    PAGES,
    birds,
    ended,
    endless,
    figures,
    galleries,
    go,
    look,
    mark,
    numbers,
    press,
    rerun,
    tables,
    tick,
    tiles,
    until,
    words,
)
from tests.support.rules import cases

REVEALS = {
    "start": "what people call them",
    "data": "how many each class has",
    "compare": "how right every method is",
    "objective": "how right the seeds are",
    "aggregation": "how right the votes are",
    "explore": "true classes and errors",
    "reliable": "how right these samples are",
}
OF_TRUTH = re.compile(
    r"(?<!validation )accura|\bACC\b|\bARI\b|\bNMI\b|people (say|have)|true[ _]class|(are|is|in the) right|wrong|"
    r"confusion|balance",
    re.IGNORECASE,
)
OFFERED = re.compile(r"reveal|Objective and accuracy", re.IGNORECASE)  # words that say that something is hidden


@pytest.fixture
def first(library):
    return Findings(library.open("first"))


def known_numbers(found):
    """What only someone who knows the truth can compute: the agreement of seeds, of votes, of reliable samples."""
    values, curve, ranking = found.values, found.top_n, found.ranking()
    _, quality = found.reliable_samples(ranking, 25)
    known = [*values["acc"], *values["ari"], *values["nmi"], *values["vote"].values(), *curve.acc, *curve.ari]
    known += [found.correlation.r, quality.accuracy, *quality.accuracy_per_class]
    harmless = [*found.statistics.cv_score, *curve.consistency, *found.vote.share, *ranking.neighbor_share, 0, 1]
    both = np.concatenate([np.array(known), 100 * np.array(known)])
    allowed = np.concatenate([np.array(harmless), 100 * np.array(harmless)])
    return both[~np.isclose(both[:, None], allowed).any(axis=1)]


def told(at, found):
    """All that a page says of the ground truth."""
    said = [text for text in words(at) if not OFFERED.search(text)]
    names = [text for text in said if any(re.search(rf"\b{name}\b", text) for name in NAMES)]
    phrases = [text for text in said if OF_TRUTH.search(text)]
    hidden, shown = known_numbers(found), numbers(at)
    found_numbers = hidden[np.isclose(hidden[:, None], shown, rtol=1e-5, atol=0).any(axis=1)] if shown.size else []
    marks = [tile for key in galleries(at) for tile in tiles(at, key) if tile[2] == "wrong"]
    return [*names, *phrases, *found_numbers, *marks]


def everywhere(page, **query):
    of_birds = dict.fromkeys(("start_data", "data", "compared"), "birds")
    return look(page, run="first", sample="3", rows=",".join(map(str, range(40))), **of_birds, **query)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_is_not_blind_tells_the_truth(first, page):
    assert (told(everywhere(page), first) == []) == (page == "differences")  # which needs a second labeling


@cases("page", PAGES)
def test_a_blind_page_tells_nothing(first, page):
    at = everywhere(page, blind="true")
    assert at.toggle(key="blind").value is True
    assert told(at, first) == []


@cases("page", REVEALS)
def test_the_truth_appears_when_it_is_asked_for(first, page):
    at = everywhere(page, blind="true")
    press(at, f"reveal {REVEALS[page]}")
    assert at.toggle(key="blind").value is False
    assert told(at, first) != []
    assert all(not (button.key or "").startswith("reveal") for button in at.button)


def test_blind_mode_goes_along_from_page_to_page(first):
    at = look(run="first")
    at.toggle(key="blind").set_value(True)
    for page in (*PAGES, *PAGES):
        assert told(go(at, page), first) == []


def test_a_blind_map_cannot_be_coloured_by_the_truth(first):
    for colour in ("True class", "Right or wrong"):
        at = look("explore", run="first", blind="true", colour=colour)
        assert at.selectbox(key="colour").value == "Found class"
        assert told(at, first) == []


def test_a_colour_of_the_truth_is_gone_once_the_page_is_blind(first):
    at = look("explore", run="first", colour="True class")
    assert at.selectbox(key="colour").value == "True class"
    at.toggle(key="blind").set_value(True)
    assert told(rerun(at), first) == []


def test_every_colour_of_a_blind_map_and_its_table_are_blind(first):
    at = everywhere("explore", blind="true")
    for colour in at.selectbox(key="colour").options:
        at.selectbox(key="colour").set_value(colour)
        assert told(rerun(at), first) == []
    press(at, "close sample").segmented_control(key="as").set_value("Table")
    assert told(rerun(at), first) == []


@cases("page", PAGES)
def test_the_files_of_a_blind_page_hold_no_truth(first, download, page):
    at = everywhere(page, blind="true")
    if page == "runs":
        tick(at, "runs", [list(tables(at)["runs"]["run"]).index("first")])
    for button in (button for button in at.download_button if not button.disabled):
        text = download(at, button.key)
        if button.key == "zip":
            continue  # all files as they are, which it says
        if button.key == "labeled index":
            archive = zipfile.ZipFile(io.BytesIO(text))
            text = "\n".join(archive.read(name).decode() for name in archive.namelist() if name.endswith(".txt"))
        if button.key == "report":
            text = re.sub("<script.*?</script>", "", text, flags=re.DOTALL)
        text = text if isinstance(text, str) else text.decode()
        assert not re.search(r"\b(acc|ari|nmi|true_class|owl|wren)\b", text)
        assert [value for value in known_numbers(first) if f"{value:.6f}"[:8] in text] == []


def test_the_same_files_hold_the_truth_when_it_may_be_seen(first, download):
    assert b"rank,seed,cv_score,objective,state,acc," in download(everywhere("objective"), "cloud first csv")
    assert b"true_class" in download(press(everywhere("explore"), "close sample"), "selection csv")
    assert b"run,n,acc,ari,consistency" in download(everywhere("aggregation"), "top n csv")


def test_a_seed_that_is_opened_blind_is_blind(first):
    at = everywhere("objective", blind="true")
    mark(at, "cloud first", [5])
    assert at.subheader[0].value.startswith("Seed 5:")
    assert told(at, first) == []


def test_a_blind_comparison_of_runs_is_blind(first):
    at = look("runs", blind="true")
    rows = list(tables(at)["runs"]["run"])
    tick(at, "runs", [rows.index("first"), rows.index("second")])
    assert at.subheader[0].value == "2 runs compared"
    assert told(at, first) == []


def test_a_search_that_is_watched_blind_shows_no_accuracy(home):
    endless(home, birds(home), "long")
    jobs = services.services().jobs
    jobs.submit("long")
    until(lambda: jobs.live("long") is not None and np.isfinite(jobs.live("long").accuracy).any())
    at = look("search", run="long", blind="true")
    assert "live objective" in figures(at)
    assert "live cloud" not in figures(at)
    assert [text for text in words(at) if OF_TRUTH.search(text) and not OFFERED.search(text)] == []
    at.toggle(key="blind").set_value(False)
    assert "live cloud" in figures(rerun(at))
    press(at, "cancel long")
    assert ended("long") == "cancelled"
