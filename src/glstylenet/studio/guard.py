"""Guard: who may ask, and how much they may send. Pure ASGI, before anything else sees a request.

A page of another site may make a browser send requests here. So the Host must be one that the server
answers to (a foreign name that resolves to this machine is refused), an unsafe request's Origin must be the
server's own, and where other machines can reach the server, a token is asked for.
"""

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

        async def guarded(message: dict[str, Any]) -> None:
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
        limit = self._limit(scope)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > limit:
            await _answer(
                guarded, 413, f"the request has {length} bytes, and at most {limit:,} are taken here"
            )
            return
        try:
            await self._app(scope, _counted(receive, limit), guarded)
        except TooLargeError:
            await _answer(guarded, 413, f"the request has more than the {limit:,} bytes that are taken here")

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


def _counted(receive: Any, limit: int) -> Any:
    """``receive``, which raises :class:`TooLargeError` once more than ``limit`` bytes have come."""
    come = 0

    async def counted() -> dict[str, Any]:
        nonlocal come
        message: dict[str, Any] = await receive()
        come += len(message.get("body", b""))
        if come > limit:
            raise TooLargeError
        return message

    return counted


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


async def _answer(send: Any, status: int, error: str) -> None:
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
