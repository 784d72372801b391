"""Security: the ASGI middleware that refuses a request before the application gets it.

A page of another site may make a browser send requests here. So the Host must be one of the server's names (a
foreign name that resolves to this machine is refused), the Origin of an unsafe request must be the server
itself, and a token is required where other machines can reach the server.
"""

import contextlib
import json
import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["HEADERS", "LOOPBACK", "SecurityMiddleware", "TooLargeError"]


LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine for itself."""


HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every answer."""


_COOKIE = "glstylenet_token"


_SAFE = frozenset({"GET", "HEAD"})


_JSON_BYTES = 2**20


_Scope = dict[str, Any]


class TooLargeError(Exception):
    """A request's body is longer than allowed."""


class SecurityMiddleware:
    """`SecurityMiddleware` wraps the ASGI application ``app``.

    ``hosts``: names that the server answers to, without a port. ``token``: ``None`` for none.
    ``upload_bytes``: the longest body of an upload; any other body may have a mebibyte.
    """

    def __init__(self, app: Any, *, hosts: Iterable[str], token: str | None, upload_bytes: int) -> None:
        self._app, self._token, self._upload_bytes = app, token, upload_bytes
        self._hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        """Refuse the request, or pass it on to the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        cookies: list[str] = []

        body = _Body(receive, self._limit(scope))

        async def send_with_headers(message: dict[str, Any]) -> None:
            if body.is_too_long:
                return  # the application got a body that was cut off: its answer means nothing
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
            await _answer(send_with_headers, *refusal)
            return
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > body.limit:
            await _answer(
                send_with_headers, 413, f"got {length} bytes; at most {body.limit:,} are taken here"
            )
            return
        # The error may not arrive here: FastAPI reports it as a body that is not JSON.
        with contextlib.suppress(TooLargeError):
            await self._app(scope, body.receive, send_with_headers)
        if body.is_too_long:
            body.is_too_long = False
            sentence = f"got more than the {body.limit:,} bytes that are taken here"
            await _answer(send_with_headers, 413, sentence, closing=True)  # the rest may be endless

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
    """A request's body, counted while it arrives: :class:`TooLargeError` beyond ``limit`` bytes."""

    def __init__(self, receive: Any, limit: int) -> None:
        self._receive, self.limit = receive, limit
        self._received = 0
        self.is_too_long = False

    async def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self.limit:
            self.is_too_long = True
            raise TooLargeError
        return message


def _name_of(host: str) -> str:
    """Return a Host header without its port.

    >>> _name_of("LocalHost:7860"), _name_of("[::1]:7860"), _name_of("[::1]")
    ('localhost', '[::1]', '[::1]')
    """
    name, _, port = host.lower().rpartition(":")
    return name if name and port.isdigit() and (name.endswith("]") or ":" not in name) else host.lower()


def _cookie(text: str) -> str:
    try:
        morsel = SimpleCookie(text).get(_COOKIE)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def _same(one: str, other: str) -> bool:
    """Compare two tokens in a time that does not depend on where they differ."""
    return secrets.compare_digest(one.encode("utf-8"), other.encode("utf-8"))


async def _answer(send: Any, status: int, error: str, *, closing: bool = False) -> None:
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if closing:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
