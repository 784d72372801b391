"""What befalls the studio: requests that ask too much, folders that change, servers that come again."""

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from glstylenet.cli import main
from glstylenet.errors import UsageError
from glstylenet.run import Style
from glstylenet.settings.model import Settings
from glstylenet.studio.event_log import EventLog
from glstylenet.studio.job import ROLES, Job
from glstylenet.studio.limiter import BusyError, Limiter
from glstylenet.studio.runner import Runner
from glstylenet.studio.server import _names
from glstylenet.studio.storage import Storage
from tests.test_studio import SMALL, Studio, _events, idle, png, samples, studio
from tests.test_studio_server import REQUEST, running

__all__ = ["idle", "samples", "studio"]  # fixtures

JSON = {"content-type": "application/json"}
LONG = {"size": 64, "iterations": 60, "round_length": 5}


def _reach(studio: Studio, job: str, evaluation: int) -> None:
    end = time.monotonic() + 60
    while (studio.ask("GET", f"/api/jobs/{job}").json()["progress"] or {"evaluation": 0})[
        "evaluation"
    ] < evaluation:
        assert time.monotonic() < end
        time.sleep(0.02)


# --- requests


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"size": 100_000}, "smaller size"),
        ({"size": 900, "style_scale": 8}, "smaller style_scale"),
        ({"iterations": 1_000_000}, "iterations"),
    ],
)
def test_what_would_not_fit_is_refused_before_it_is_made(
    tmp_path: Path, samples: Mapping[str, Path], settings: dict[str, object], says: str
) -> None:
    samples["style"].write_bytes(png(size=(900, 800)))
    idle = Studio(tmp_path / "data", samples)
    before = psutil.Process().memory_info().rss
    answer = idle.job(settings=settings)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert psutil.Process().memory_info().rss - before < 200 * 2**20
    assert list(idle.storage._jobs.iterdir()) == []


def test_long_json_without_a_length_is_cut_off(idle: Studio) -> None:
    async def action(client: httpx.AsyncClient) -> httpx.Response:
        async def body() -> Any:
            for _ in range(3):
                yield b" " * 2**20

        return await client.post("/api/jobs", content=body(), headers=JSON)

    answer = idle.run(action)
    assert answer.status_code == 413
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"style": "x", "settings": {"\\ud800": 1}}',
        b'{"style": "x", "\\ud800": 1}',
        b'{"style": "\\ud800"}',
        b'{"style": "sample:demo", "content": "sample:demo", "preset": "\\ud800"}',
        b'{"style": "x", "settings": {"seed": ' + b"9" * 5000 + b"}}",
        b"[" * 200_000,
        b"\xff",
        b"",
    ],
    ids=["setting", "field", "picture", "preset", "number", "nested", "bytes", "empty"],
)
def test_odd_json_is_refused_with_a_sentence(idle: Studio, body: bytes) -> None:
    answer = idle.ask("POST", "/api/jobs", content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]


@pytest.mark.long
def test_a_slow_upload_gives_its_place_up(idle: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glstylenet.studio.security._BODY_SECONDS", 3)

    async def action(client: httpx.AsyncClient) -> list[int]:
        begun = asyncio.Semaphore(0)

        async def slowly() -> Any:
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            begun.release()  # the server has read the first part, and asks for more
            await asyncio.sleep(30)

        headers = {"content-type": "multipart/form-data; boundary=x"}
        slow = [
            asyncio.create_task(client.post("/api/pictures", content=slowly(), headers=headers))
            for _ in range(4)
        ]
        for _ in slow:
            await begun.acquire()
        codes = [(await client.post("/api/pictures", files={"file": ("a", png())})).status_code]
        codes += [answer.status_code for answer in await asyncio.gather(*slow)]
        codes.append((await client.post("/api/pictures", files={"file": ("a", png())})).status_code)
        return codes

    began = time.monotonic()
    assert idle.run(action) == [429, 408, 408, 408, 408, 201]
    assert time.monotonic() - began < 20


def test_a_hundred_jobs_at_once_are_looked_at_one_by_one(idle: Studio) -> None:
    request = {"content": "sample:demo", "style": "sample:demo", "settings": SMALL}

    async def action(client: httpx.AsyncClient) -> list[httpx.Response]:
        return await asyncio.gather(*(client.post("/api/jobs", json=request) for _ in range(100)))

    answers = idle.run(action)
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {201, 429}
    assert codes.count(201) == 3  # as many as may wait in this queue
    assert all(answer.headers.get("retry-after") for answer in answers if answer.status_code == 429)
    assert len(list(idle.storage._jobs.iterdir())) == 3, "a refused run left its folder"


def test_few_wait_for_their_turn() -> None:
    limiter = Limiter(most_waiting=0)
    with limiter.slot(), pytest.raises(BusyError, match="again"), limiter.slot():
        pass
    with limiter.slot():
        pass


def test_the_command_of_a_continued_run_starts_from_its_picture(studio: Studio) -> None:
    first = studio.job().json()
    assert "--init" not in first["command"]
    studio.wait(first["id"], "done")
    assert "--init start.png" in studio.job(continue_from=first["id"]).json()["command"]


# --- event logs


def _told(log: EventLog, *numbers: int) -> None:
    for number in numbers:
        losses = {"content": 1.0, "local": 2.0, "global": 3.0, "smoothness": number / 2}
        log.append("progress", {"evaluation": number, "losses": losses})


def test_an_event_log_goes_on_after_a_restart(tmp_path: Path) -> None:
    first = EventLog(tmp_path / "events.jsonl")
    _told(first, 1, 2, 3)
    first.append("end", {"state": "stopped"})
    second = EventLog(tmp_path / "events.jsonl")
    assert [(m.number, m.kind) for m in second.after(2)] == [(3, "progress"), (4, "end")]
    _told(second, 3, 4)
    assert [m.number for m in second.after(4)] == [5, 6]
    assert "end" not in [m.kind for m in second.after(0)], "an end that something followed"
    assert second.curve() == [[n, 1.0, 2.0, 3.0, n / 2] for n in (1, 2, 3, 4)]
    second.release()
    assert [m.number for m in second.after(4)] == [5, 6]


def test_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    _told(EventLog(file), 1, 2)
    file.write_bytes(file.read_bytes()[:-10])
    log = EventLog(file)
    _told(log, 2)
    assert [m.number for m in EventLog(file).after(0)] == [1, 2]
    assert [point[0] for point in EventLog(file).curve()] == [1, 2]


def test_an_event_log_without_a_folder_ends_no_run(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "gone" / "events.jsonl")
    _told(log, 1)
    assert len(log.after(0)) == 1


def test_the_curve_and_events_outlive_the_server(tmp_path: Path, samples: Mapping[str, Path]) -> None:
    first = Studio(tmp_path / "data", samples)
    first.runner.start()
    job = first.job().json()["id"]
    first.wait(job, "done")
    first.runner.close()
    points = first.ask("GET", f"/api/jobs/{job}/curve").json()
    told = _events(first.ask("GET", f"/api/jobs/{job}/events").text)
    second = Studio(tmp_path / "data", samples)
    assert second.ask("GET", f"/api/jobs/{job}/curve").json() == points
    assert len(points["points"]) == 3
    assert _events(second.ask("GET", f"/api/jobs/{job}/events").text) == told


@pytest.mark.long
def test_a_listener_hears_what_follows_a_restart(tmp_path: Path, samples: Mapping[str, Path]) -> None:
    """A browser asks a new server for what came after the last message of the old one."""
    first = Studio(tmp_path / "data", samples)
    first.runner.start()
    job = first.job(settings=LONG).json()["id"]
    _reach(first, job, 12)
    first.runner.close()
    last = first.runner.messages(job, 0)[-1].number
    second = Studio(tmp_path / "data", samples)
    second.runner.start()
    events = _events(second.ask("GET", f"/api/jobs/{job}/events", headers={"Last-Event-ID": str(last)}).text)
    second.runner.close()
    assert next(number for number, _, _ in events if number is not None) == last + 1
    heard = [content["evaluation"] for _, kind, content in events if kind == "progress"]
    assert heard[0] <= 16, "it was deaf until the new numbers had passed the old"
    assert heard[-1] == 60
    assert [kind for _, kind, _ in events].count("end") == 1


@pytest.mark.long
def test_a_stopped_run_is_resumed_from_where_it_was(studio: Studio) -> None:
    job = studio.job(settings={**LONG, "iterations": 100}).json()["id"]
    _reach(studio, job, 12)
    studio.ask("POST", f"/api/jobs/{job}/stop")
    studio.wait(job, "stopped")
    last = studio.runner.messages(job, 0)[-1].number
    assert studio.ask("POST", f"/api/jobs/{job}/resume").status_code == 200
    studio.wait(job, "done", "failed")
    again = [m.content["evaluation"] for m in studio.runner.messages(job, last) if m.kind == "progress"]
    assert again[0] > 5, "it began anew"
    assert again[-1] == 100


# --- devices


def test_two_devices_paint_two_runs_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = threading.Barrier(2)
    used: list[str] = []

    def paint(*_arguments: object, settings: Settings, **_options: object) -> None:
        used.append(settings.device)
        meeting.wait(timeout=30)
        raise UsageError("enough")

    monkeypatch.setattr("glstylenet.studio.runner.stylize", paint)
    storage = Storage(tmp_path)
    for name in "AB":
        job = Job(name * 22, 1.0, None, {}, dict.fromkeys(ROLES), "", state="queued")
        storage.make_folder(job.id)
        storage.write(job)
    runner = Runner(storage, [{"device": "cuda:0"}, {"device": "cuda:1"}])
    runner.start()
    end = time.monotonic() + 30
    while any(job.state != "failed" for job in storage.read()) and time.monotonic() < end:
        time.sleep(0.02)
    runner.close()
    assert sorted(used) == ["cuda:0", "cuda:1"]
    assert [job.error for job in storage.read()] == ["enough", "enough"]  # not a broken barrier


# --- the folder


def test_a_folder_that_vanished_does_not_end_the_painting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[Path] = []

    def paint(_content: object, styles: list[Style], *_arguments: object, **_options: object) -> None:
        place = Path(str(styles[0].picture))
        painted.append(place.parent)
        raise UsageError(f"{place}: enough")

    monkeypatch.setattr("glstylenet.studio.runner.stylize", paint)
    storage = Storage(tmp_path)
    jobs = [Job(name * 22, float(k), None, {}, dict.fromkeys(ROLES, "a"), "") for k, name in enumerate("AB")]
    for job in jobs:
        storage.make_folder(job.id)
        storage.write(job)
    runner = Runner(storage, [{}])
    gone = storage.folder(jobs[0].id)
    assert gone is not None
    shutil.rmtree(gone)
    runner.start()
    end = time.monotonic() + 30
    while storage.read()[0].state != "failed" and time.monotonic() < end:
        time.sleep(0.02)
    runner.close()
    assert painted == [storage.folder(jobs[1].id)]
    assert storage.read()[0].error == "style.png: enough"  # without the server's own folder


def test_room_is_never_made_by_removing_what_is_painted(
    tmp_path: Path, samples: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that was interrupted, and is painted by a new server, is not one of the finished."""
    storage = Storage(tmp_path, quota=1)
    job = Job("A" * 22, 1.0, None, {}, dict.fromkeys(ROLES), "", state="interrupted")
    storage.make_folder(job.id)
    storage.write(job)
    seen: list[str] = []

    def look(*_arguments: object, **_options: object) -> None:
        seen.append(storage.read()[0].state)
        raise ValueError("enough")

    monkeypatch.setattr("glstylenet.studio.runner.stylize", look)
    runner = Runner(storage, [{}])
    assert storage.read()[0].state == "queued"
    runner.start()
    end = time.monotonic() + 30
    while not seen and time.monotonic() < end:
        time.sleep(0.02)
    runner.close()
    assert seen == ["running"]


def test_a_job_whose_server_was_killed_while_it_wrote_the_first_state_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(tmp_path)
    job = Job("A" * 22, 1.0, None, {}, dict.fromkeys(ROLES), "", state="running")
    checkpoint = storage.make_folder(job.id) / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / ".checkpoint.safetensors.glstylenet-part").write_bytes(b"half")
    storage.write(job)
    resumed: list[object] = []

    def look(*_arguments: object, **options: object) -> None:
        resumed.append(options["resume"])
        raise ValueError("enough")

    monkeypatch.setattr("glstylenet.studio.runner.stylize", look)
    runner = Runner(storage, [{}])
    runner.start()
    end = time.monotonic() + 30
    while not resumed and time.monotonic() < end:
        time.sleep(0.02)
    runner.close()
    assert resumed == [False]


def test_a_run_removed_to_make_room_is_gone(studio: Studio) -> None:
    job = studio.job().json()["id"]
    studio.wait(job, "done")
    studio.storage.remove(job)
    assert studio.ask("GET", f"/api/jobs/{job}").status_code == 404
    assert studio.ask("POST", f"/api/jobs/{job}/resume").status_code == 404
    assert studio.ask("GET", f"/api/jobs?ids={job}").json() == {"jobs": []}


def test_runs_may_vanish_while_room_is_measured(tmp_path: Path) -> None:
    storage = Storage(tmp_path, quota=10**9)
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            name = storage.new_id()
            storage.write(Job(storage.make_folder(name).name, 1.0, None, {}, {}, "", state="done"))
            (tmp_path / "jobs" / name / "checkpoint").mkdir()
            storage.remove(name)

    others = [threading.Thread(target=come_and_go) for _ in range(2)]
    for other in others:
        other.start()
    try:
        for _ in range(300):
            storage.make_room(1)
            storage.read()
    finally:
        done.set()
        for other in others:
            other.join()


def test_a_preview_may_be_replaced_while_it_is_given(idle: Studio) -> None:
    """Its length and its bytes are those of one picture."""
    job = idle.job().json()["id"]
    folder = idle.storage.folder(job)
    assert folder is not None
    done, preview = threading.Event(), folder / "preview.jpg"
    preview.write_bytes(b"x")

    def replace() -> None:
        length = 0
        while not done.is_set():
            length = length % 5000 + 1
            (folder / "new").write_bytes(bytes(length))
            (folder / "new").replace(preview)

    async def action(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.get(f"/api/jobs/{job}/preview.jpg") for _ in range(300)]

    other = threading.Thread(target=replace)
    other.start()
    try:
        answers = idle.run(action)
    finally:
        done.set()
        other.join()
    assert all(int(answer.headers["content-length"]) == len(answer.content) for answer in answers)


def test_a_claim_removes_what_was_left_half_made(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    half = storage.make_folder("B" * 22)
    whole = Job("C" * 22, 1.0, None, {}, {}, "", state="done")
    storage.make_folder(whole.id)
    storage.write(whole)
    with storage.claimed():
        assert not half.exists()
        assert storage.folder(whole.id) is not None


def test_nobody_else_may_look_into_the_folders(tmp_path: Path) -> None:
    Storage(tmp_path / "data")
    modes = {(tmp_path / "data" / name).stat().st_mode & 0o077 for name in ("jobs", "pictures")}
    assert modes == {0}


# --- the process


@pytest.mark.long
def test_a_second_studio_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "data"):
        command = [sys.executable, "-m", "glstylenet", "studio", "--port", "0", "--data"]
        second = subprocess.run(
            [*command, str(tmp_path / "data")], capture_output=True, text=True, timeout=60, check=False
        )
    assert second.returncode == 5
    assert "another studio" in second.stderr
    with running(tmp_path / "data") as third:
        assert third.ask("GET", "/api/health")["ok"]


@pytest.mark.long
def test_a_process_under_uploads_stays_small_and_cuts_endless_ones_off(tmp_path: Path) -> None:
    picture, sent = png(size=(1000, 1000)), 0

    async def together(url: str) -> list[int]:
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            files = [client.post(url, files={"file": ("a", picture)}) for _ in range(100)]
            return [answer.status_code for answer in await asyncio.gather(*files)]

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        while sent < 1024:
            sent += 1
            yield bytes(2**20)

    with running(tmp_path) as server:
        process, url = psutil.Process(server.process.pid), server.url + "api/pictures"
        idle_bytes = process.memory_info().rss
        for _ in range(3):
            codes = asyncio.run(together(url))
            assert set(codes) <= {201, 429}
            assert 201 in codes
        headers = {"content-type": "multipart/form-data; boundary=x"}
        with contextlib.suppress(httpx.TransportError):  # closed before the answer could be read
            assert httpx.post(url, content=endless(), headers=headers, timeout=60).status_code == 413
        assert sent < 512
        assert process.memory_info().rss - idle_bytes < 200 * 2**20
        assert server.ask("GET", "/api/health")["ok"]


@pytest.mark.long
def test_sigterm_leaves_the_run_to_be_gone_on_with(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        job = server.ask("POST", "/api/jobs", json=REQUEST)["id"]
        server.wait(job, evaluation=12)
        assert server.end(signal.SIGTERM) == 143
    assert json.loads((tmp_path / "jobs" / job / "job.json").read_text())["state"] == "interrupted"


@pytest.mark.parametrize(
    "token", ["short", "correct horse", "semi;colon;x", "line\nline\nx", "ümlaut-ümlaut"]
)
def test_a_token_that_no_cookie_holds_is_refused(
    tmp_path: Path, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["studio", "--data", str(tmp_path / "data"), "--token", token]) == 2
    assert "expected 8 to 200" in capsys.readouterr().err


def test_on_all_addresses_it_answers_to_each_of_them() -> None:
    own = {
        each.address
        for addresses in psutil.net_if_addrs().values()
        for each in addresses
        if each.family == socket.AF_INET
    }
    assert own <= set(_names("0.0.0.0"))
    assert "192.0.2.1" not in _names("0.0.0.0")
