"""In a real browser: labels are corrected and audited by keyboard alone, and every tab shows the same."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.run import Run
from tests.support.chromium import Tabs, download, rows_in, settle
from tests.support.server import ROOT, AppServer

ANSWERS, AUDITED = 30, 20
NEXT = re.compile("Next questions")


def asked(page: Page) -> int:
    """The sample that the page asks about."""
    settle(page)
    [row] = rows_in(page, "asked")
    return row


def press(page: Page, key: str) -> None:
    """Press a key about the sample asked about, and wait until another one, or a summary, takes its place."""
    row = asked(page)
    page.keyboard.press(key)
    expect(page.locator(f'.st-key-asked button.tile[data-row="{row}"]')).to_have_count(0)
    settle(page)


def written_by_command(server: AppServer, run: str, path: Path) -> bytes:
    command = [sys.executable, "-m", "hume", "labels", run, "--csv", str(path)]
    done = subprocess.run(command, cwd=ROOT, env=server.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path.read_bytes()


@pytest.mark.slow
def test_thirty_answers_and_an_audit_by_keyboard(
    server: AppServer, copy_run: Callable[[str, str], Run], page: Page, tabs: Tabs, tmp_path: Path
) -> None:
    run = copy_run("digits", "answered")
    before = Findings(run)
    truth, match = before.dataset.labels, before.match
    assert truth is not None
    assert match is not None
    says = {int(of): str(k) for k, of in enumerate(match)}  # the key that a person who knows digits presses
    page.goto(f"{server.url}/answer?run=answered")
    expect(page.get_by_role("heading", name="Which class is this?")).to_be_visible()
    for number in range(ANSWERS):
        press(page, says[int(truth[asked(page)])])
        if number % 10 == 9:
            expect(page.get_by_role("button", name=NEXT)).to_be_visible()
            if number < ANSWERS - 1:
                page.keyboard.press("Enter")
                expect(page.get_by_text("Question 1 of 10")).to_be_visible()
    expect(page.get_by_text(re.compile("samples? (moved|changed)"))).to_be_visible()
    given, found = review.read(run), Findings(run)
    assert len(given.answers) == ANSWERS
    assert all(found.vote.labeling[row] == k for row, k in given.answers.items())
    others = np.setdiff1d(np.arange(len(truth)), list(given.answers))
    assert (found.vote.labeling != before.vote.labeling)[others].any()

    last = given.steps[-1]["rows"][0]
    page.keyboard.press("Control+z")
    expect(page.get_by_text("Question 10 of 10")).to_be_visible()
    assert asked(page) == last
    assert last not in review.read(run).answers
    page.reload()
    expect(page.get_by_text(f"Question 10 of 10 · {ANSWERS - 1} answers so far")).to_be_visible()
    assert asked(page) == last
    other = tabs.open()
    other.goto(f"{server.url}/answer?run=answered")
    expect(other.get_by_text(f"Question 10 of 10 · {ANSWERS - 1} answers so far")).to_be_visible()
    assert asked(other) == last

    page.keyboard.press("n")
    name = page.get_by_label("Name of the new class")
    name.focus()
    page.keyboard.type("3 or 5, unclear")  # the keys of classes are letters here
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=NEXT)).to_be_visible()
    now = review.read(run)
    assert now.names == {10: "3 or 5, unclear"}
    assert now.answers == given.answers | {last: 10}

    page.goto(f"{server.url}/answer?run=answered&answering=an+audit")
    size = page.get_by_role("spinbutton", name="Samples")
    size.fill(str(AUDITED))
    size.press("Enter")
    settle(page)
    page.get_by_role("button", name="Draw samples").click()
    expect(page.get_by_text(f"Audit: sample 1 of {AUDITED}")).to_be_visible()
    for _ in range(AUDITED):
        press(page, says[int(truth[asked(page)])])
    expect(page.get_by_text(f"By an audit of {AUDITED} samples drawn at random")).to_be_visible()
    expect(page.get_by_text(re.compile(r"the 95 % interval is"))).to_be_visible()

    file, content = download(page, page.get_by_role("button", name="Labels as CSV"))
    assert file == "labels.csv"
    assert content == written_by_command(server, "answered", tmp_path / "labels.csv")
    assert len(re.findall(rb",answer\r?\n", content)) == ANSWERS + AUDITED
