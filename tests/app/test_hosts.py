"""The server answers its own pages under its own names, and nobody else."""

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from pages._state.hosts import ALLOWED, OwnHosts
from tests.support.rules import cases

REBOUND = {"host": "rebound.example:8501"}
OTHERS = [
    REBOUND,
    {"host": "localhost.rebound.example"},
    {"host": "127.0.0.1.rebound.example:8501"},
    {"host": "rebound.example@localhost"},
    {"host": "[::"},
    {"host": ""},
    {"origin": "http://other.example"},
    {"origin": "http://localhost:3000"},  # another server on this machine
    {"origin": "null"},  # a page without an address, as in a sandboxed frame
    {"origin": "http://localhost:8501.other.example"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
]
OURS = [
    {},
    {"host": "127.0.0.1:8501"},
    {"host": "[::1]:8501", "origin": "http://[::1]:8501"},
    {"origin": "http://localhost:8501"},
    {"host": "LOCALHOST:8501"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},  # a link to the app
]


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("heard")
    await socket.close()


def client(names=()):
    routes = [Route("/", lambda _: PlainTextResponse("here")), WebSocketRoute("/stream", echo)]
    app = Starlette(routes=routes)
    return TestClient(OwnHosts(app, names), base_url="http://localhost:8501")


def hears(browser, headers):
    try:
        with browser.websocket_connect("ws://localhost:8501/stream", headers={**headers}) as socket:
            return socket.receive_text() == "heard"
    except (WebSocketDisconnect, WebSocketDenialResponse):
        return False


@cases("headers", OTHERS)
def test_others_are_refused_in_one_sentence(headers):
    answer = client().get("/", headers=headers)
    assert answer.status_code == 403
    assert answer.text.count(".") >= 1
    assert "here" not in answer.text.split()
    assert not hears(client(), headers)


@cases("headers", OURS)
def test_pages_of_the_app_are_answered(headers):
    answer = client().get("/", headers=headers)
    assert (answer.status_code, answer.text) == (200, "here")
    assert hears(client(), headers)


def test_a_name_that_is_allowed_is_answered_and_its_own_pages_are():
    browser = client(["Hume.Example "])
    behind = {"host": "hume.example", "origin": "https://hume.example"}
    assert browser.get("/", headers=behind).status_code == 200
    assert hears(browser, behind)
    assert browser.get("/", headers={**behind, "origin": "https://other.example"}).status_code == 403
    assert browser.get("/", headers=REBOUND).status_code == 403


def test_the_environment_names_further_hosts(monkeypatch):
    monkeypatch.setenv(ALLOWED, "lab.example, 10.0.0.5")
    assert OwnHosts(Starlette()).named == {"lab.example", "10.0.0.5"}
    monkeypatch.delenv(ALLOWED)
    assert OwnHosts(Starlette()).named == frozenset()


def test_no_other_site_may_frame_the_app_or_be_asked_by_it():
    headers = client().get("/").headers
    assert headers["x-frame-options"] == "DENY"
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "img-src 'self' data: blob:;" in policy
    assert "ws://localhost:8501" in policy
    assert "*" not in policy


def test_the_start_of_the_server_passes():
    with client() as browser:  # runs the lifespan
        assert browser.get("/").status_code == 200
