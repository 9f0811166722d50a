"""Who may talk to this server: pages of its own, under its own names.

A page of another site can send requests to 127.0.0.1, under a name of its own that it points there (DNS rebinding) or
with the browser's word on where they come from (`Origin`). Both are refused, as is being framed by another site; what
a page of the app may load is limited to this server.
"""

import os
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
ALLOWED = "HUME_ALLOWED_HOSTS"  # further names, as of a proxy, between commas
NOT_ALLOWED = 1008  # closes a websocket: policy violation
HEADERS = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Streamlit's front end needs inline styles and scripts, and Plotly compiles some of its code.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob: {sockets}; "
    "worker-src 'self' blob:; frame-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)


class OwnHosts:
    """An ASGI middleware that answers requests under this server's names, from its own pages.

    names: further ones that are allowed, by default those in the environment.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] | None = None):
        self.app = app
        given = os.environ.get(ALLOWED, "").split(",") if names is None else names
        self.named = frozenset(name.strip().casefold() for name in given if name.strip())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        why = self.refusal(headers)
        if why and scope["type"] == "websocket":
            await WebSocketClose(NOT_ALLOWED, why)(scope, receive, send)
        elif why:
            await PlainTextResponse(why, 403)(scope, receive, send)
        else:
            await self.app(scope, receive, _with_headers(send, headers["host"]))

    def refusal(self, headers: Headers) -> str:
        """Why a request is not answered, in one sentence; empty where it is."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        host = _split(f"//{hosts[0]}") if len(hosts) == 1 else None
        if host is None or host.hostname not in LOCAL | self.named:
            name = None if host is None else host.hostname
            return f"This server does not answer to {name or 'this name'}: allow it by {ALLOWED}, or use localhost."
        for text in origins:
            origin = _split(text)
            ours = origin is not None and (
                origin.hostname in self.named or (origin.hostname in LOCAL and origin.port == host.port)
            )
            if not ours:
                return "This server answers its own pages only."
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate":
            return "This server answers its own pages only."
        return ""


def _split(url: str) -> SplitResult | None:
    """The parts of a URL; None for what is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.hostname and "@" not in parts.netloc else None


def _with_headers(send: Send, host: str) -> Send:
    """`send`, whose responses tell the browser what their page may do."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers["Content-Security-Policy"] = POLICY.format(sockets=f"ws://{host} wss://{host}")
        await send(message)

    return sent
