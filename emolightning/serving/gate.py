"""The gate before every request: who asks, how much is sent, how many wait. It decides before a body is whole."""

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from emolightning.serving.limits import Limits
from emolightning.serving.refusals import Refusal

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

OPEN_PATHS = ("/", "/page.css", "/page.js", "/health")
"""Paths that need no token: the empty page, and whether the server is there."""

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class Gate:
    """ASGI middleware.

    Args:
        app: what is behind it.
        limits: of requests.
        token: that clients must show; None asks for none.
        hosts: names that the server may be called by; None allows any. A page of another site can make its own name
            point to this machine, and would read the answers.
    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        limits: Limits,
        *,
        token: str | None = None,
        hosts: Collection[str] | None = None,
    ):
        self.app, self.limits, self.token, self.hosts = app, limits, token, hosts
        self.num_inside = 0

    @property
    def num_waiting(self) -> int:
        """Requests that are inside and not yet answered, less the one that is."""
        return max(0, self.num_inside - 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            self._check_client(scope["path"], headers)
            if scope["method"] != "POST":
                await self.app(scope, receive, send)
                return
            self._check_size(headers)
            self._check_room()
        except Refusal as refusal:
            await refusal.response(scope["path"])(scope, receive, send)
            return
        self.num_inside += 1
        try:
            await self._let_in(scope, receive, send)
        finally:
            self.num_inside -= 1

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a body on piece by piece, as long as it is within the limits."""
        body = _Body(receive, self.limits)

        async def unless_refused(message: Message) -> None:
            if body.refusal is None:
                await send(message)

        try:
            await self.app(scope, body.receive, unless_refused)
        except Exception:
            if body.refusal is None:
                raise
        if body.refusal is not None:
            await body.refusal.response(scope["path"])(scope, receive, send)

    def _check_client(self, path: str, headers: dict[str, str]) -> None:
        _, name = _place(f"//{headers.get('host', '')}")
        if self.hosts is not None and name not in self.hosts:
            raise Refusal(
                421, "this server answers at http://127.0.0.1 or http://localhost; say host=... to serve more"
            )
        origin = headers.get("origin")
        if origin is not None and _place(origin)[0] != headers.get("host"):
            raise Refusal(403, "the request comes from a page of another site")
        if self.token is None or path in OPEN_PATHS:
            return
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self.token.encode()):
            sentence = "the token is missing or wrong; send the header `Authorization: Bearer TOKEN`"
            raise Refusal(401, sentence, {"WWW-Authenticate": "Bearer"})

    def _check_size(self, headers: dict[str, str]) -> None:
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.limits.max_bytes:
            raise _too_large(self.limits)

    def _check_room(self) -> None:
        if self.num_inside > self.limits.max_waiting:
            sentence = f"{self.num_waiting} requests wait already; try again in a few seconds"
            raise Refusal(503, sentence, {"Retry-After": "5"})


def _place(address: str) -> tuple[str, str | None]:
    """Host with port, and host alone, of an address; nothing of what is none.

    >>> _place("http://localhost:7860"), _place("http://[")
    (('localhost:7860', 'localhost'), ('', None))
    """
    try:
        parts = urlsplit(address)
        return parts.netloc, parts.hostname
    except ValueError:
        return "", None


class _Body:
    """The body of one request while it comes."""

    def __init__(self, receive: Receive, limits: Limits):
        self._receive, self._limits = receive, limits
        self._num_bytes, self._is_whole = 0, False
        self._end = time.monotonic() + limits.timeout_seconds
        self.refusal: Refusal | None = None

    async def receive(self) -> Message:
        """The next piece; the connection looks closed where the request is refused."""
        if self._is_whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._end - time.monotonic()))
        except TimeoutError:
            self.refusal = Refusal(408, f"the request did not arrive within {self._limits.timeout_seconds:g} s")
            return {"type": "http.disconnect"}
        self._num_bytes += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._num_bytes > self._limits.max_bytes:
            self.refusal = _too_large(self._limits)
            return {"type": "http.disconnect"}
        return message


def _too_large(limits: Limits) -> Refusal:
    size = f"{limits.max_bytes / 2**20:g} MiB"
    return Refusal(
        413, f"the request is larger than {size}; make the clip smaller, e.g. with ffmpeg -i OLD -crf 30 NEW"
    )
