"""What every request and response passes: check of host and origin, headers, and time limits."""

import asyncio
import ipaddress
from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import h11
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HEADER_SECONDS = 10.0
"""Time in which the headers of a request must arrive."""
MOST_CONNECTIONS = 256


class Guard:
    """Middleware that answers only to its own host names, ends what takes too long, and sets the headers of every response."""

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str], seconds: float) -> None:
        self._app, self._seconds = app, seconds
        self._allowed = {"localhost", *(name.lower().rstrip(".") for name in allowed_hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if refusal := self._refusal(scope):
            await refusal(scope, receive, send_with_headers)
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._app(scope, receive, send_with_headers)
        except TimeoutError:
            if not started:
                answer = JSONResponse({"detail": "took too long"}, 504, {"Connection": "close"})
                await answer(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        host, close = headers.get("host", ""), {"Connection": "close"}
        if not self._is_allowed(host):
            # A page elsewhere could let its own name point to this computer (DNS rebinding).
            detail = "this server does not answer to that host name; see the setting serve.allowed_hosts"
            return JSONResponse({"detail": detail}, 421, close)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return JSONResponse({"detail": "requests from pages of other sites are refused"}, 403, close)
        return None

    def _is_allowed(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return name in self._allowed or _is_address(name)


def _is_address(name: str) -> bool:
    """Whether a host is an IP address: then no name was resolved that could point elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class TimedProtocol(H11Protocol):
    """HTTP/1.1 that closes connections whose headers do not arrive in time, and those above MOST_CONNECTIONS."""

    header_seconds = HEADER_SECONDS
    _timer: "TimerHandle | None" = None

    def connection_made(self, transport: "Transport") -> None:  # type: ignore[override]
        """Wait for the headers of the first request."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Stop waiting once headers are complete."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the headers of the next request."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        self._stop()

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._stop()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
