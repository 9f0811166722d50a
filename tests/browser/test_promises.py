"""In a real browser, on every page: nothing leaves this machine, the truth stays hidden, no error shows its insides.

That no page asks another machine, fails in the console or shows a traceback is watched in all browser tests.
"""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, WebSocket, expect

from hume import Store
from tests.support.chromium import PAGES, settle, words_of
from tests.support.finished_runs import NAMES, copy_dataset, search
from tests.support.server import AppServer

UNDERSTAND = ("objective", "aggregation", "explore", "reliable")


def visit(page: Page, server: AppServer, path: str, query: str = "") -> None:
    page.goto(f"{server.url}/{path}?{query}")
    expect(page.get_by_role("heading", name=PAGES[path], level=1)).to_be_visible()
    settle(page)


def names_in(words: str) -> list[str]:
    return [name for name in NAMES if name in words]


@pytest.mark.slow
def test_blind_mode_does_not_even_send_a_true_name(server: AppServer, page: Page) -> None:
    sent: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: sent.append(frame.encode() if isinstance(frame, str) else frame))

    page.on("websocket", listen)
    for path in PAGES:
        visit(page, server, path, "run=zoo&blind=true&start_data=zoo&dataset=zoo&sample=7&rows=1,2,3")
        if path == "explore":
            expect(page.get_by_role("heading", name="Sample 7")).to_be_visible()
            settle(page)
        assert names_in(words_of(page)) == [], path
        assert names_in(b"".join(sent).decode(errors="replace")) == [], path


@pytest.mark.slow
def test_a_click_reveals_the_truth(server: AppServer, page: Page) -> None:
    for path in ("", *UNDERSTAND):
        visit(page, server, path, "run=zoo&blind=true&start_data=zoo&sample=7")
        page.get_by_role("button", name=re.compile("Reveal")).first.click()
        expect(page.get_by_role("button", name=re.compile("Reveal"))).to_have_count(0)
        expect(page).not_to_have_url(re.compile("blind=true"))
        settle(page)
        assert names_in(words_of(page)) or path in ("aggregation", "reliable"), path


@pytest.mark.slow
def test_data_that_changed_since_are_one_sentence(server: AppServer, page: Page) -> None:
    folder = server.home / "datasets" / "exchanged"
    copy_dataset("digits", folder, classes=NAMES)
    search(server.home, "exchanged", "exchanged", 1)
    space = folder / "spaces" / "simclr.npy"
    np.save(space, np.load(space)[::-1])
    try:
        for path in UNDERSTAND:
            visit(page, server, path, "run=exchanged")
            expect(page.get_by_test_id("stAlert")).to_have_count(1)
            expect(page.get_by_test_id("stAlert")).to_contain_text("have changed since it was created: start a new run")
        for path in ("", "search", "runs"):
            visit(page, server, path, "run=exchanged&start_data=exchanged")
            assert page.get_by_role("button").count() > 3, "the page goes on"
        visit(page, server, "", "run=exchanged&start_data=exchanged")
        expect(page.get_by_role("button", name=re.compile("Search from"))).to_be_visible()
    finally:
        Store(server.home).delete("exchanged")


@pytest.mark.slow
def test_an_address_that_leads_nowhere_shows_what_is_there(server: AppServer, page: Page) -> None:
    page.goto(f"{server.url}/explore?run=no-such-run&sample=99999999&rows=x,-1,4e9&map=no&colour=no")
    expect(page.get_by_role("heading", name=PAGES["explore"])).to_be_visible()
    settle(page)
    assert "no-such-run" not in page.url
    assert page.get_by_text("Unexpected error").count() == 0
