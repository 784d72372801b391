"""Crafted HTTP requests to the studio: every route and method, odd headers, paths, queries and bodies."""

import base64
import json
import random
from collections.abc import Sequence

__all__ = ["crafted_request"]

_METHODS = ["GET", "GET", "GET", "POST", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "PATCH", "BREW"]

_PATHS = [
    "/",
    "/api/health",
    "/api/settings",
    "/api/openapi.json",
    "/api/samples",
    "/api/samples/demo/content.png",
    "/api/pictures",
    "/api/pictures/{}",
    "/api/maps/check",
    "/api/maps/propose",
    "/api/maps/snap",
    "/api/estimate",
    "/api/jobs",
    "/api/jobs?ids={}",
    "/api/jobs/{}",
    "/api/jobs/{}/events",
    "/api/jobs/{}/events?last=",
    "/api/jobs/{}/curve",
    "/api/jobs/{}/stop",
    "/api/jobs/{}/resume",
    "/api/jobs/{}/result.png",
    "/api/jobs/{}/result.jpg",
    "/api/jobs/{}/result.tiff",
    "/api/jobs/{}/preview.jpg",
    "/api/jobs/{}/archive.zip",
    "/api/giant",
    "/api/giant/1",
    "/api/giant/{}",
    "/api/giant/1/{}/6/0_0.jpg",
    "/giant/{}",
    "/giant/1?token=",
    "/api/storage",
    "/static/app.js",
    "/static/",
    "/nowhere",
]

_ODD = [
    "",
    "..",
    "%2e%2e%2f",
    "%00",
    "%ff%fe",
    "%ed%a0%80",
    "a" * 300,
    "a" * 5000,
    "9" * 5000,
    "-1",
    "²",
    "http://[",
    "[::1",
    "null",
    "x:y:z",
    "%",
    ";=,\"'\\",
    "\x7f",
    "\xe9",
]

_VALUES: list[object] = [
    None,
    True,
    0,
    -1,
    1e308,
    float("nan"),
    float("inf"),
    10**400,
    "",
    "sample:demo",
    "sample:",
    "\ud800",
    "\x00",
    "../x",
    "a" * 200,
    [],
    {},
    [[]],
    {"a": {"b": 1}},
]

_HEADERS = [
    "Host",
    "Origin",
    "Cookie",
    "Authorization",
    "Last-Event-ID",
    "Content-Type",
    "Content-Length",
    "Range",
    "If-None-Match",
    "If-Modified-Since",
    "If-Range",
    "Accept",
    "Accept-Encoding",
    "Expect",
    "Upgrade",
    "Connection",
    "Transfer-Encoding",
    "X-Forwarded-For",
    "Referer",
]

_LIKELY = {
    "Host": ["127.0.0.1", "[::1]:80", "evil.example", "localhost:99999"],
    "Origin": ["http://[", "null", "http://[::1", "http://127.0.0.1", "//", "http://]:1"],
    "Last-Event-ID": ["9" * 5000, "-1", "0", "²", "1e9", "99999999999999999999"],
    "Content-Length": ["9" * 5000, "-1", "0", "5", "1000", "1_0", "99999999"],
    "Range": ["bytes=0-", "bytes=5-2", "bytes=-1", "bytes=0-0,2-3", "bytes=" + "9" * 5000 + "-", "lines=1"],
    "Upgrade": ["websocket", "h2c"],
    "Connection": ["upgrade", "keep-alive", "close, x"],
    "If-Modified-Since": ["yesterday", "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 99 Nov 99999 08:49:37 GMT"],
    "Cookie": ["glstylenet_token=x", 'a="\\', "=;=;="],
    "Authorization": ["Bearer \xe9", "Basic ="],
}

_MASK = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()

_TABLES: list[dict[str, object]] = [
    {"content": "sample:demo", "style": "sample:demo"},
    {"content": "sample:demo", "style": "sample:demo", "further_styles": [{"style": "sample:demo"}]},
    {"content": {"width": 40, "height": 30}, "style": {"width": 50, "height": 60}},
    {"picture": "sample:demo", "width": 40, "height": 50, "left": 0, "top": 0, "mask": _MASK},
]
"""What requests of runs, proposals, estimates and snapping hold."""

_FIELDS = ["content_map", "style_map", "preset", "continue_from", "odd"]
_FIELDS += ["style_weights", "regions", "class_names", "classes", "portrait"]

_TYPES = [
    "application/json",
    "application/json",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "application/x-www-form-urlencoded",
    "text/plain; charset=nonsense",
    "application/json; charset=utf-16",
]


def crafted_request(generator: random.Random, port: int, names: Sequence[str]) -> bytes:
    """Return the bytes of a request to ``port``; ``names``: ids of pictures and runs that exist."""
    path = generator.choice(_PATHS).replace("{}", generator.choice([*names, *names, *_ODD]))
    if generator.random() < 0.2:
        path += generator.choice(["?", "/", "?last=", "?token=", "?n="]) + generator.choice(_ODD)
    body, kind = _body(generator, names)
    headers = {"Host": f"127.0.0.1:{port}", "Connection": "close"}
    if body or generator.random() < 0.3:
        headers |= {"Content-Type": kind, "Content-Length": str(len(body))}
    for _ in range(generator.choice([0, 0, 1, 1, 2, 3])):
        name = generator.choice(_HEADERS)
        if name != "Host" or generator.random() < 0.2:
            likely = _LIKELY.get(name, ["100-continue", "chunked"])
            headers[name] = generator.choice(likely if generator.random() < 0.6 else _ODD)
    lines = [f"{generator.choice(_METHODS)} {path} HTTP/1.{generator.choice('1110')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body
    if generator.random() < 0.05:
        place = generator.randrange(len(request))
        request = request[:place] + generator.randbytes(generator.randrange(1, 20)) + request[place:]
    if generator.random() < 0.1:
        request = request[: generator.randrange(1, len(request) + 1)]
    return request


def _body(generator: random.Random, names: Sequence[str]) -> tuple[bytes, str]:
    """Return a body and its Content-Type, which is sometimes another's."""
    kind = generator.choice(_TYPES)
    chosen = generator.random()
    if chosen < 0.3:
        return b"", kind
    if chosen < 0.4:
        return generator.randbytes(generator.choice([1, 100, 3000])), kind
    if chosen < 0.6:
        return _form(generator), "multipart/form-data; boundary=x"
    if chosen < 0.65:
        return b"[" * generator.choice([100, 100_000]), "application/json"
    values = [*_VALUES, *names]
    table = dict(generator.choice(_TABLES))
    fields = [*table, *_FIELDS]
    table |= {name: generator.choice(values) for name in fields if generator.random() < 0.2}
    if "picture" in table:
        return json.dumps(table).encode(), "application/json"
    settings = ["size", "iterations", "seed", "local_weight", "init", "quality", "voting", "scheme", "device"]
    table["settings"] = {
        "size": 48,
        "iterations": 1,
        **{name: generator.choice(values) for name in settings if generator.random() < 0.15},
    }
    return json.dumps(table).encode(), "application/json"


def _form(generator: random.Random) -> bytes:
    """Return a form with a part, whose name, headers, content or end may be odd."""
    name = generator.choice(["file", "file", "file", "other", *_ODD])
    filename = generator.choice(['; filename="a.png"', '; filename=""', "", "; filename*=UTF-8''%ff"])
    content = generator.choice([b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"", b"x" * 5000])
    end = generator.choice([b"\r\n--x--\r\n", b"\r\n--x", b"", b"\r\n--x\r\n--x--\r\n"])
    start = f'--x\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'
    return start.encode("latin-1", "replace") + content + generator.randbytes(20) + end
