"""Guard: who may ask, and how much they may send. Pure ASGI, before anything else sees a request.

A page of another site may make a browser send requests here. So the Host must be one that the server
answers to (a foreign name that resolves to this machine is refused), an unsafe request's Origin must be the
server's own, and where other machines can reach the server, a token is asked for.
"""

import contextlib
import json
import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["HEADERS", "LOOPBACK", "Guard", "TooLargeError"]


LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names of this very machine."""


HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer."""


_COOKIE = "glstylenet_token"


_SAFE = frozenset({"GET", "HEAD"})


_JSON_BYTES = 2**20


_Scope = dict[str, Any]


class TooLargeError(Exception):
    """A body turned out longer than it may be."""


class Guard:
    """Wraps ``app``. ``hosts``: names that it answers to, without a port. ``token``: ``None`` for none.

    ``upload_bytes``: how long an upload's body may be; any other body may have a mebibyte.
    """

    def __init__(self, app: Any, *, hosts: Iterable[str], token: str | None, upload_bytes: int) -> None:
        self._app, self._token, self._upload_bytes = app, token, upload_bytes
        self._hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        cookies: list[str] = []

        body = _Body(receive, self._limit(scope))

        async def guarded(message: dict[str, Any]) -> None:
            if body.is_too_long:
                return  # what the application makes of a body that was cut off is no answer
            if message["type"] == "http.response.start":
                extra = [*HEADERS.items(), *(("Set-Cookie", cookie) for cookie in cookies)]
                if scope["path"].startswith("/api/"):
                    extra.append(("Cache-Control", "no-store"))
                present = {name.lower() for name, _ in message.get("headers", [])}
                message["headers"] = [
                    *message.get("headers", []),
                    *(
                        (name.encode("latin-1"), value.encode("latin-1"))
                        for name, value in extra
                        if name.lower().encode() not in present
                    ),
                ]
            await send(message)

        refusal = self._refusal(scope, headers, cookies)
        if refusal is not None:
            await _answer(guarded, *refusal)
            return
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > body.limit:
            await _answer(guarded, 413, f"got {length} bytes; at most {body.limit:,} are taken here")
            return
        # Not everything lets the error through: FastAPI takes it for a body that is no JSON.
        with contextlib.suppress(TooLargeError):
            await self._app(scope, body.receive, guarded)
        if body.is_too_long:
            body.is_too_long = False
            sentence = f"got more than the {body.limit:,} bytes that are taken here"
            await _answer(guarded, 413, sentence, closing=True)  # nobody knows how much would still come

    def _limit(self, scope: _Scope) -> int:
        return self._upload_bytes + _JSON_BYTES if scope["path"] == "/api/pictures" else _JSON_BYTES

    def _refusal(self, scope: _Scope, headers: dict[str, str], cookies: list[str]) -> tuple[int, str] | None:
        host = _name_of(headers.get("host", ""))
        if host not in self._hosts:
            return 421, f"this studio does not answer to the name {host!r}; open it by the address it printed"
        origin = headers.get("origin")
        is_foreign = origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
        if scope["method"] not in _SAFE and is_foreign:
            return 403, "the request comes from another site's page; open the studio's own page"
        if self._token is None:
            return None
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if _same(asked, self._token):
            cookies.append(f"{_COOKIE}={self._token}; Path=/; HttpOnly; SameSite=Strict")
            return None
        given = [_cookie(headers.get("cookie", "")), headers.get("authorization", "").removeprefix("Bearer ")]
        if any(_same(each, self._token) for each in given):
            return None
        return 401, "this studio asks for a token; open the address that 'glstylenet studio' printed"


class _Body:
    """A request's body as it comes, counted: beyond ``limit`` bytes it ends in :class:`TooLargeError`."""

    def __init__(self, receive: Any, limit: int) -> None:
        self._receive, self.limit = receive, limit
        self._come = 0
        self.is_too_long = False

    async def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._receive()
        self._come += len(message.get("body", b""))
        if self._come > self.limit:
            self.is_too_long = True
            raise TooLargeError
        return message


def _name_of(host: str) -> str:
    """A Host header without its port."""
    name, _, port = host.lower().rpartition(":")
    return name if name and port.isdigit() and (name.endswith("]") or ":" not in name) else host.lower()


def _cookie(text: str) -> str:
    try:
        morsel = SimpleCookie(text).get(_COOKIE)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def _same(one: str, other: str) -> bool:
    """Whether two tokens are equal, in a time that does not tell where they differ."""
    return secrets.compare_digest(one.encode("utf-8"), other.encode("utf-8"))


async def _answer(send: Any, status: int, error: str, *, closing: bool = False) -> None:
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if closing:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
