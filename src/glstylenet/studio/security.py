"""Security: the ASGI middleware that refuses a request before the application gets it.

A page of another site may make a browser send requests here. So the Host must be one of the server's names (a
foreign name that resolves to this machine is refused), the Origin of an unsafe request must be the server
itself, and a token is required where other machines can reach the server.
"""

import asyncio
import json
import re
import secrets
from collections.abc import Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import ClientDisconnect

__all__ = ["HEADERS", "LOOPBACK", "SecurityMiddleware"]


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


_PAGES = re.compile(r"/(giant/[0-9]+)?")
"""The paths of pages, which are opened by an address with a token."""


_COOKIE = "glstylenet_token"
"""The cookie's name, before the port: a browser sends cookies to every port of a host."""


_SAFE = frozenset({"GET", "HEAD"})


_JSON_BYTES = 2**20


_BODY_SECONDS = 120.0
"""How long the body of a request may take."""


_LENGTH_DIGITS = 15
"""More digits are no length of anything."""


_Scope = MutableMapping[str, Any]


class SecurityMiddleware:
    """`SecurityMiddleware` wraps the ASGI application ``app``.

    ``hosts``: names that the server answers to, without a port. ``token``: ``None`` for none.
    ``upload_bytes``: the longest body of an upload; any other body may have a mebibyte.
    """

    def __init__(self, app: Any, *, hosts: Iterable[str], token: str | None, upload_bytes: int) -> None:
        self._app, self._token, self._upload_bytes = app, token, upload_bytes
        self._json_app = RequestBodyLimitMiddleware(app, _JSON_BYTES)
        self._upload_app = RequestBodyLimitMiddleware(app, upload_bytes + _JSON_BYTES)
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
        body = _Body(receive)

        async def send_with_headers(message: _Scope) -> None:
            if body.is_late:
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
        if cookies and _PAGES.fullmatch(scope["path"]):
            # Without the token in it, the address may be copied and shown.
            await _redirect(send_with_headers, _without_token(scope))
            return
        is_upload = scope["path"] == "/api/pictures"
        limit = self._upload_bytes + _JSON_BYTES if is_upload else _JSON_BYTES
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > _LENGTH_DIGITS or int(length) > limit:
            await _answer(
                send_with_headers, 413, f"got {length[:40]} bytes; at most {limit:,} are taken here"
            )
            return
        application = self._upload_app if is_upload else self._json_app
        try:
            await application(scope, body.receive, send_with_headers)
        except ClientDisconnect:
            return  # nobody waits for an answer
        except TimeoutError:  # may not arrive here: FastAPI reports it as a body that is not JSON
            if not body.is_late:
                raise
        if body.is_late:
            body.is_late = False
            sentence = f"the request took longer than {_BODY_SECONDS:g} s; try again"
            await _answer(send_with_headers, 408, sentence, closing=True)

    def _refusal(self, scope: _Scope, headers: dict[str, str], cookies: list[str]) -> tuple[int, str] | None:
        host = _name_of(headers.get("host", ""))
        if host not in self._hosts:
            return 421, f"this studio does not answer to the name {host!r}; open it by the address it printed"
        origin = headers.get("origin")
        is_foreign = origin is not None and _host_of(origin) != headers.get("host", "").lower()
        if scope["method"] not in _SAFE and is_foreign:
            return 403, "the request comes from another site's page; open the studio's own page"
        if self._token is None:
            return None
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if _same(asked, self._token):
            name = _cookie_name(headers.get("host", ""))
            cookies.append(f"{name}={self._token}; Path=/; HttpOnly; SameSite=Strict")
            return None
        cookie = _cookie(headers.get("cookie", ""), _cookie_name(headers.get("host", "")))
        given = [cookie, headers.get("authorization", "").removeprefix("Bearer ")]
        if any(_same(each, self._token) for each in given):
            return None
        return 401, "this studio asks for a token; open the address that 'glstylenet studio' printed"


class _Body:
    """A request's body, which must arrive within a time limit, so that a slow client cannot hold a place."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._deadline = asyncio.get_running_loop().time() + _BODY_SECONDS
        self._is_complete = self.is_late = False

    async def receive(self) -> dict[str, Any]:
        if self._is_complete:  # what follows is the end of the connection
            message: dict[str, Any] = await self._receive()
            return message
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            self.is_late = True
            raise
        self._is_complete = not message.get("more_body", False)
        return message


def _host_of(origin: str) -> str | None:
    """Return the host and port of an Origin header; ``None`` for one that is no address.

    >>> _host_of("http://127.0.0.1:7860"), _host_of("http://[")
    ('127.0.0.1:7860', None)
    """
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _cookie_name(host: str) -> str:
    """Return the name of the cookie for the port of a Host header.

    >>> _cookie_name("localhost:7860"), _cookie_name("localhost")
    ('glstylenet_token_7860', 'glstylenet_token')
    """
    port = host.lower().removeprefix(_name_of(host)).removeprefix(":")
    return f"{_COOKIE}_{port}" if port else _COOKIE


def _without_token(scope: _Scope) -> str:
    """Return the path and query of a request without its token."""
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    kept = urlencode([(name, value) for name, value in query if name != "token"])
    path: str = scope["path"]
    return f"{path}?{kept}" if kept else path


def _name_of(host: str) -> str:
    """Return a Host header without its port.

    >>> _name_of("LocalHost:7860"), _name_of("[::1]:7860"), _name_of("[::1]")
    ('localhost', '[::1]', '[::1]')
    """
    name, _, port = host.lower().rpartition(":")
    return name if name and port.isdigit() and (name.endswith("]") or ":" not in name) else host.lower()


def _cookie(text: str, name: str) -> str:
    try:
        morsel = SimpleCookie(text).get(name)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def _same(one: str, other: str) -> bool:
    """Compare two tokens in a time that does not depend on where they differ."""
    return secrets.compare_digest(one.encode("utf-8"), other.encode("utf-8"))


async def _redirect(send: Any, place: str) -> None:
    headers = [
        (b"location", place.encode("ascii")),
        (b"content-length", b"0"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _answer(send: Any, status: int, error: str, *, closing: bool = False) -> None:
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if closing:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
