"""The studio's server on a real socket: crafted, cut and half requests, many readers, and many deletions."""

import asyncio
import contextlib
import io
import itertools
import json
import logging
import os
import random
import re
import shlex
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from glstylenet.cli import main
from glstylenet.numerics.interruption import Interrupted, interruption_point
from glstylenet.pictures import write_tiled_tiff
from glstylenet.settings.model import Settings
from glstylenet.settings.presets import PRESETS
from glstylenet.studio import GiantPictures
from glstylenet.studio import event_log as event_log_module
from glstylenet.studio import runner as runner_module
from glstylenet.studio.event_log import MOST_POINTS, EventLog, Message
from glstylenet.studio.job import Job, repeating_command
from glstylenet.studio.runner import Runner
from glstylenet.studio.server import Address, _listening, serve
from glstylenet.studio.storage import Storage
from tests.fuzz.requests import crafted_request
from tests.long_cases import rest_is_long
from tests.test_studio import Studio, _events, idle, png, samples, studio

__all__ = ["idle", "samples", "studio"]  # fixtures


class _Collector(logging.Handler):
    """It collects what a logger says of failures."""

    def __init__(self, failures: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._failures = failures

    def emit(self, record: logging.LogRecord) -> None:
        self._failures.append(f"{record.getMessage()}{record.exc_text or ''}{record.exc_info or ''}")


class Served:
    """A server in this process, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.storage = Storage(folder, max_pixels=1_000_000)
        self._stop = threading.Event()
        listening = threading.Event()
        self.url = ""
        scroll = folder.with_name("scroll.tif")
        write_tiled_tiff(scroll, (40, 60), lambda window: torch.zeros(1, 3, *window.size))
        giants = GiantPictures([scroll])

        def ready(url: str) -> None:
            self.url = url
            listening.set()

        self.thread = threading.Thread(
            target=serve,
            args=(
                Address("127.0.0.1", 0, None),
                self.storage,
                {"device": "cpu", "precision": "float32"},
                giants,
            ),
            kwargs={"ready": ready, "should_stop": self._stop.is_set},
        )
        self.thread.start()
        assert listening.wait(30)
        self.failures: list[str] = []
        # Their records need not reach the root's handlers.
        self._logs = [logging.getLogger(name) for name in ("uvicorn.error", "asyncio")]
        self._handler = _Collector(self.failures)
        for log in self._logs:
            log.addHandler(self._handler)
        self.port = int(self.url.rstrip("/").rpartition(":")[2])

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return httpx.request(method, self.url + path.lstrip("/"), timeout=30, **options)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def send(self, request: bytes) -> bytes:
        """Send bytes, and return what is answered until the server closes or waits for more."""
        with self.connect() as connection, contextlib.suppress(ConnectionError, TimeoutError):
            connection.sendall(request)
            connection.settimeout(0.2)
            parts = []
            while True:
                try:
                    part = connection.recv(2**16)
                except TimeoutError:  # half a request
                    break
                if not part:
                    break
                parts.append(part)
                if b"text/event-stream" in part:
                    break
            return b"".join(parts)
        return b""

    def end(self) -> None:
        self._stop.set()
        self.thread.join(20)
        for log in self._logs:
            log.removeHandler(self._handler)
        assert not self.thread.is_alive()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    server = Served(tmp_path / "data")
    yield server
    server.end()


def header(port: int, *lines: str, method: str = "GET", path: str = "/api/health") -> bytes:
    host = f"Host: 127.0.0.1:{port}"
    return "\r\n".join([f"{method} {path} HTTP/1.1", host, "Connection: close", *lines, "", ""]).encode()


@pytest.mark.parametrize(("method", "code"), [("GET", b"200"), ("POST", b"403")])
def test_an_origin_that_is_no_address_is_a_foreign_one(served: Served, method: str, code: bytes) -> None:
    path = "/api/health" if method == "GET" else "/api/jobs"
    lines = ["Origin: http://[", "Content-Length: 0"]
    answer = served.send(header(served.port, *lines, method=method, path=path))
    assert answer.split()[1] == code


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "1e3", "²"])
def test_a_last_event_id_that_is_no_number_is_passed_over(idle: Studio, number: str) -> None:
    job = idle.job().json()["id"]
    idle.ask("POST", f"/api/jobs/{job}/stop")
    headers = {"Last-Event-ID": number.encode("latin-1")}
    answer = idle.ask("GET", f"/api/jobs/{job}/events", headers=headers)
    assert answer.status_code == 200
    assert [kind for _, kind, _ in _events(answer.text)] == ["state", "curve", "end"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("path", ["/api/pictures", "/api/jobs"])
def test_a_cut_upload_is_no_failure(served: Served, path: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + b"x" * 1000
    lines = ["Content-Type: multipart/form-data; boundary=x", "Content-Length: 100000"]
    with served.connect() as connection:
        connection.sendall(header(served.port, *lines, method="POST", path=path) + body)
        time.sleep(0.1)
    assert served.ask("GET", "/api/health").status_code == 200
    time.sleep(0.1)
    assert served.failures == []


def test_nonsense_after_a_whole_request_is_no_failure(served: Served) -> None:
    answer = served.send(header(served.port) + b"nonsense\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 ")
    assert served.ask("GET", "/api/health").status_code == 200
    assert served.failures == []


@pytest.mark.parametrize("drip", [False, True])
def test_half_a_header_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch, drip: bool) -> None:
    """Also one that comes byte by byte, and one after a whole request."""
    monkeypatch.setattr("glstylenet.studio.timed_protocol._HEADER_SECONDS", 0.3)
    with served.connect() as connection:
        whole = header(served.port).replace(b"Connection: close\r\n", b"")
        connection.sendall(whole)
        assert connection.recv(2**16).startswith(b"HTTP/1.1 200")
        end = time.monotonic() + 10
        connection.settimeout(0.05)
        connection.sendall(b"GET /api")
        while time.monotonic() < end:
            try:
                if drip:
                    connection.sendall(b"x")
                if connection.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except ConnectionError:
                return
    raise AssertionError("the connection is still open")


def test_a_silent_connection_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glstylenet.studio.timed_protocol._HEADER_SECONDS", 0.2)
    with served.connect() as connection:
        assert connection.recv(1) == b""


def test_half_a_body_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glstylenet.studio.security._BODY_SECONDS", 0.2)
    with served.connect() as connection:
        lines = ["Content-Type: application/json", "Content-Length: 100"]
        connection.sendall(header(served.port, *lines, method="POST", path="/api/jobs") + b'{"style": ')
        assert connection.recv(2**16).startswith(b"HTTP/1.1 408")


# --- a run that does not stop at once


class Stuck:
    """A stand-in for ``stylize`` that goes on until it is let go, and does not hear of stopping."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began, self.go = threading.Event(), threading.Event()
        monkeypatch.setattr(runner_module, "stylize", self)

    def __call__(self, *_arguments: object, **_options: object) -> None:
        self.began.set()
        assert self.go.wait(30)
        raise Interrupted


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_deleting_a_running_run_waits_for_nothing(
    tmp_path: Path, samples: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = Stuck(monkeypatch)
    studio = Studio(tmp_path / "data", samples)
    studio.runner.start()
    job = studio.job().json()["id"]
    place = studio.storage.folder(job)
    assert place is not None
    assert stuck.began.wait(20)
    codes = [studio.ask("DELETE", f"/api/jobs/{job}").status_code for _ in range(3)]
    assert codes == [204, 404, 404]
    assert not (place / "job.json").exists(), "a new server would paint it"
    stuck.go.set()
    wait_for(lambda: not place.exists())
    assert studio.storage.busy == set()
    studio.runner.close()


def test_a_reader_of_a_deleted_run_is_told(
    tmp_path: Path, samples: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = Stuck(monkeypatch)
    studio = Studio(tmp_path / "data", samples)
    studio.runner.start()
    job = studio.job().json()["id"]
    assert stuck.began.wait(20)
    delayed = threading.Timer(0.3, lambda: studio.ask("DELETE", f"/api/jobs/{job}"))
    delayed.start()
    told = _events(studio.ask("GET", f"/api/jobs/{job}/events").text)
    assert told[-1] == (None, "end", {"state": "deleted"})
    stuck.go.set()
    studio.runner.close()


def test_deletions_leave_no_folder(idle: Studio) -> None:
    """Of 25 at once, while the runner writes."""
    for _ in range(3):
        idle.job()
    idle.runner.start()
    folder = idle.storage.log_file("x").parents[1]
    names = [place.name for place in folder.iterdir() if place.is_dir()]
    threads = [threading.Thread(target=idle.ask, args=("DELETE", f"/api/jobs/{name}")) for name in names * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: not idle.storage.busy)
    wait_for(lambda: [place for place in folder.iterdir() if place.is_dir()] == [])
    idle.runner.close()


def test_a_server_ends_though_a_run_does_not(
    tmp_path: Path, samples: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = Stuck(monkeypatch)
    monkeypatch.setattr(runner_module, "_CLOSING_SECONDS", 0.1)
    studio = Studio(tmp_path / "data", samples)
    studio.runner.start()
    job = studio.job().json()["id"]
    assert stuck.began.wait(20)
    studio.runner.close()
    assert not stuck.go.is_set()
    again = Runner(studio.storage, [{}])
    shown = again.shown(job)
    assert shown is not None
    assert shown["state"] == "queued", "the next server goes on with it"
    stuck.go.set()


def test_a_run_is_stopped_before_its_first_evaluation(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = threading.Event()

    def endless(*_arguments: object, **_options: object) -> None:
        began.set()
        while True:
            interruption_point()

    monkeypatch.setattr(runner_module, "stylize", endless)
    job = studio.job().json()["id"]
    assert began.wait(20)
    studio.ask("POST", f"/api/jobs/{job}/stop")
    stopped = studio.wait(job, "stopped", "failed")
    assert (stopped["state"], stopped["result"], stopped["error"]) == ("stopped", None, None)


# --- connections


def test_what_is_written_is_sent_at_once() -> None:
    """A connection that waits to fill its packets answers every request but the first 40 ms late."""
    delays: list[int] = []

    async def connect() -> None:
        def accepted(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            own = writer.get_extra_info("socket")
            delays.append(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with _listening(Address("127.0.0.1", 0, None)) as listening:
            async with await asyncio.start_server(accepted, sock=listening):
                reader, writer = await asyncio.open_connection(*listening.getsockname())
                await reader.read()
                writer.close()

    asyncio.run(connect())
    assert delays
    assert delays[0] != 0


# --- long records


def _long_record(file: Path, evaluations: int) -> None:
    with file.open("w") as record:
        for number in range(1, evaluations + 1):
            losses = {"content": 1.0, "local": 2.0, "global": 3.0, "smoothness": float(number)}
            record.write(json.dumps([number, "progress", {"evaluation": number, "losses": losses}]) + "\n")


def test_a_long_curve_is_thinned_evenly(tmp_path: Path) -> None:
    _long_record(tmp_path / "events.jsonl", 90_000)
    read = EventLog(tmp_path / "events.jsonl")
    written = EventLog(tmp_path / "written.jsonl")
    for number in range(1, 9_001):  # while a run goes on
        written.append("progress", {"evaluation": number, "losses": {}})
    for log, last in ((read, 90_000), (written, 9_000)):
        evaluations = [point[0] for point in log.curve()]
        assert (evaluations[0], evaluations[-1]) == (1, last)
        assert MOST_POINTS / 4 < len(evaluations) <= MOST_POINTS + 1
        gaps = [after - before for before, after in itertools.pairwise(evaluations[:-1])]
        assert min(gaps) * 2.5 >= max(gaps) > 0
    assert [message.number for message in read.after(89_997)] == [89_998, 89_999, 90_000]
    assert read.newest == 90_000


def test_readers_of_a_long_record_block_nobody(idle: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is read in the thread of the event loop, and one that is the same is read once for all."""
    job = idle.job().json()["id"]
    idle.ask("POST", f"/api/jobs/{job}/stop")
    _long_record(idle.storage.log_file(job), 6_000)
    entry = idle.runner._entries[job]
    entry.log = EventLog(idle.storage.log_file(job))
    read = event_log_module._read
    where: list[int] = []

    def watched(file: Path) -> Any:
        where.append(threading.get_ident())
        time.sleep(0.01)
        return read(file)

    monkeypatch.setattr(event_log_module, "_read", watched)

    async def many(client: httpx.AsyncClient) -> list[str]:
        own.add(threading.get_ident())
        asked = [client.get(f"/api/jobs/{job}/events") for _ in range(5)]
        return [answer.text for answer in await asyncio.gather(*asked)]

    own: set[int] = set()
    for text in idle.run(many):
        told = _events(text)
        assert [kind for _, kind, _ in told] == ["state", "curve", "end"], "it begins with the newest message"
        assert len(told[1][2]["points"]) <= MOST_POINTS + 1
    assert len(where) == 1
    assert not own & set(where)
    entry.log.append("warning", {"message": "more"})
    assert idle.runner.messages(job, 6_000) == [Message(6_001, "warning", {"message": "more"})]
    entry.log.release()
    assert len(idle.runner.messages(job, 0)) == MOST_POINTS, "what was read before is not the file as it is"


# --- the folder


def test_room_is_made_of_pictures_that_nothing_uses(tmp_path: Path) -> None:
    storage = Storage(tmp_path, quota=10_000)
    names = [storage.new_id() for _ in range(3)]
    for age, name in enumerate(names):
        place = tmp_path / "pictures" / f"{name}.png"
        place.write_bytes(bytes(2000))
        stamp = time.time() - 100_000 + age
        os.utime(place, (stamp, stamp))
    job = Job(storage.new_id(), 1.0, None, {}, {}, "", state="done")
    folder = storage.make_folder(job.id)
    storage.write(job)
    (folder / "style.png").hardlink_to(tmp_path / "pictures" / f"{names[0]}.png")
    recent = storage.new_id()
    (tmp_path / "pictures" / f"{recent}.png").write_bytes(bytes(2000))
    state = (folder / "job.json").stat().st_size
    full = storage.fullness()
    assert full["bytes"] == 8000 + state, "a link takes no room"
    assert (full["quota"], full["runs"], full["pictures"]) == (10_000, 1, 4)
    assert full["unused_pictures"] == {"count": 3, "bytes": 6000}
    storage.make_room(3000)
    assert [storage.picture(name) is not None for name in (*names, recent)] == [True, False, True, True]
    storage.make_room(6000)
    assert [storage.picture(name) is not None for name in (*names, recent)] == [True, False, False, True]
    assert storage.folder(job.id) is None, "a run goes before a picture that was just uploaded"
    storage.make_room(10_000)
    assert storage.pictures() == []


def test_uploads_are_deleted_and_runs_keep_theirs(idle: Studio) -> None:
    picture = idle.upload(png()).json()["id"]
    job = idle.job(style=picture).json()["id"]
    assert idle.ask("DELETE", f"/api/pictures/{picture}").status_code == 204
    assert idle.ask("DELETE", f"/api/pictures/{picture}").status_code == 404
    assert idle.ask("DELETE", "/api/pictures/..%2f..%2fx").status_code == 404
    place = idle.storage.folder(job)
    assert place is not None
    assert (place / "style.png").is_file()
    idle.upload(png())
    assert idle.ask("GET", "/api/storage").json()["pictures"] == 1
    assert idle.ask("DELETE", "/api/storage").status_code == 204
    left = idle.ask("GET", "/api/storage").json()
    assert (left["bytes"], left["runs"], left["pictures"]) == (0, 0, 0)
    assert idle.ask("GET", f"/api/jobs/{job}").status_code == 404


# --- fuzz


# Starlette leaves the file of a cut upload to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("count", rest_is_long([60, 600], short=1))
def test_crafted_requests_are_answered(served: Served, count: int) -> None:
    served.storage.quota = 2**24
    names = [served.ask("POST", "/api/pictures", files={"file": png()}).json()["id"]]
    request = {"content": "sample:demo", "style": "sample:demo", "settings": {"size": 48, "iterations": 2}}
    names.append(served.ask("POST", "/api/jobs", json=request).json()["id"])
    names.append(served.ask("GET", "/api/giant/1").json()["picture"]["name"])
    generator = random.Random(21)
    for _ in range(count):
        crafted = crafted_request(generator, served.port, names)
        answer = served.send(crafted)
        status = answer.split(b" ", 2)[1:2]
        assert not status or status[0][:1] != b"5" or status == [b"507"], crafted[:500]
    assert served.failures == []
    assert served.ask("GET", "/api/health").status_code == 200


# --- what repeats a run


def test_the_command_has_what_the_server_chose() -> None:
    machine = {
        "device": "auto",
        "precision": "auto",
        "weights": "/secret/place/own.safetensors",
        "memory": "4GiB",
    }
    job = Job(
        "a",
        1.0,
        "portrait",
        {**Settings().model_dump(mode="json"), **PRESETS["portrait"].values},
        {"content": "a", "style": "b", "content_map": None, "style_map": None},
        "",
    )
    assert repeating_command(job, machine) == (
        "glstylenet stylize content.png style.png -o result.png --preset portrait --weights own.safetensors"
    )
    resolved = {**machine, "device": "cpu", "precision": "bfloat16"}
    assert repeating_command(job, resolved).endswith(
        "--device cpu --precision bfloat16 --weights own.safetensors"
    )


@pytest.mark.long
def test_a_zip_file_repeats_a_run(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpacked anywhere, the command in it paints the picture in it."""
    job = studio.job(content_map="sample:demo", style_map="sample:demo").json()["id"]
    done = studio.wait(job, "done", "failed")
    answer = studio.ask("GET", f"/api/jobs/{job}/archive.zip")
    assert answer.headers["content-type"] == "application/zip"
    letters = re.sub("[^A-Za-z0-9]", "", job)[:6]
    assert answer.headers["content-disposition"] == f'attachment; filename="glstylenet-{letters}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path / "elsewhere")
    files = sorted(
        place.relative_to(tmp_path / "elsewhere").as_posix()
        for place in (tmp_path / "elsewhere").rglob("*.*")
    )
    assert files == [
        "command.txt",
        "content.png",
        "content_map.png",
        "result/recipe.json",
        "result/result.png",
        "style.png",
        "style_map.png",
    ]
    command = (tmp_path / "elsewhere" / "command.txt").read_text().strip()
    assert command == done["command"]
    assert "--device cpu --precision float32" in command or "--precision bfloat16" in command
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(shlex.split(command)[1:]) == 0
    painted, again = (np.asarray(Image.open(name)) for name in ("result/result.png", "result.png"))
    assert np.array_equal(painted, again)
    assert studio.ask("GET", "/api/jobs/AAAAAAAAAAAAAAAAAAAAAA/archive.zip").status_code == 404
