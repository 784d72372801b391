"""The studio's server: jobs, events, uploads, and who is let in; in this process, without a network."""

import asyncio
import io
import json
import re
import struct
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urljoin

import httpx
import numpy as np
import pytest
from PIL import Image

from glstylenet.objective.loss_term import LossTerm
from glstylenet.objective.terms import TERMS
from glstylenet.pictures.write import read_recipe
from glstylenet.run.time_estimate import Speed
from glstylenet.settings.model import Settings
from glstylenet.studio import time_estimates
from glstylenet.studio.application import MOST_UPLOADS, UPLOAD_BYTES, make_application
from glstylenet.studio.event_log import EventLog
from glstylenet.studio.job import ROLES, Job
from glstylenet.studio.runner import Runner
from glstylenet.studio.security import SecurityMiddleware
from glstylenet.studio.setting_schema import OFFERED, PALETTE, page_schema
from glstylenet.studio.storage import FullError, Storage

HERE = "http://127.0.0.1:7860"
SMALL = {"size": 48, "iterations": 3}


def png(seed: int = 1, size: tuple[int, int] = (48, 40)) -> bytes:
    values = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values).resize((size[1], size[0]), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def samples(tmp_path: Path) -> Mapping[str, Path]:
    files: dict[str, Path] = {}
    for number, role in enumerate(ROLES):
        files[role] = tmp_path / f"{role}.png"
        if role.endswith("map"):
            values = np.zeros((48, 40, 3), np.uint8)
            values[:, 20:] = (255, 0, 0)
            Image.fromarray(values).save(files[role])
        else:
            files[role].write_bytes(png(number))
    return files


class Studio:
    """A server's parts; requests go to the application in this process."""

    def __init__(self, folder: Path, samples: Mapping[str, Path], *, token: str | None = None) -> None:
        self.storage = Storage(folder, max_pixels=1_000_000)
        self.runner = Runner(self.storage, [{}], most_queued=3)
        application = make_application(self.storage, self.runner, samples)
        self.protected = SecurityMiddleware(
            application, hosts=["127.0.0.1"], token=token, upload_bytes=UPLOAD_BYTES
        )

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def one(client: httpx.AsyncClient) -> httpx.Response:
            return await client.request(method, path, **options)

        answer: httpx.Response = self.run(one)
        return answer

    def run(self, action: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
        async def within() -> Any:
            transport = httpx.ASGITransport(app=cast(Any, self.protected))
            async with httpx.AsyncClient(transport=transport, base_url=HERE, timeout=60) as client:
                return await action(client)

        return asyncio.run(within())

    def job(self, **changes: object) -> httpx.Response:
        request = {"content": "sample:demo", "style": "sample:demo", "settings": SMALL, **changes}
        return self.ask("POST", "/api/jobs", json=request)

    def upload(self, data: bytes, name: str = "a.png") -> httpx.Response:
        return self.ask("POST", "/api/pictures", files={"file": (name, data)})

    def wait(self, job: str, *states: str, seconds: float = 60) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            shown: dict[str, Any] = self.ask("GET", f"/api/jobs/{job}").json()
            if shown["state"] in states:
                return shown
            time.sleep(0.05)
        raise AssertionError(f"still {shown['state']}: {shown['error']}")


@pytest.fixture
def studio(tmp_path: Path, samples: Mapping[str, Path]) -> Iterator[Studio]:
    studio = Studio(tmp_path / "data", samples)
    studio.runner.start()
    yield studio
    studio.runner.close()


@pytest.fixture
def idle(tmp_path: Path, samples: Mapping[str, Path]) -> Studio:
    """A studio that paints nothing."""
    return Studio(tmp_path / "data", samples)


# --- what is offered


def test_the_schema_is_that_of_the_settings() -> None:
    table: Any = page_schema(upload_bytes=1, max_pixels=2)
    by_name = {each["name"]: each for each in table["settings"]}
    assert set(by_name) == set(OFFERED) <= set(Settings.model_fields)
    assert by_name["local_weight"]["symbol"] == "beta"
    assert by_name["local_weight"]["default"] == 100.0
    assert by_name["local_weight"]["maximum"] == 1e9
    assert by_name["scheme"]["choices"] == ["a", "b", "c", "d", "e", "f", "g", "h", "apart"]
    assert by_name["iterations"]["kind"] == "int"
    assert by_name["strict"]["kind"] == "bool"
    assert all(each["effect"] for each in by_name.values())
    assert not {"device", "weights", "memory", "max_pixels"} & set(by_name)


@pytest.mark.usefixtures("brightness_term")
def test_the_page_learns_the_loss_terms_from_the_server(tmp_path: Path) -> None:
    """A term in the list is in the schema and in the curve, 0 in a log that is older than the term."""
    table: Any = page_schema(upload_bytes=1, max_pixels=2)
    assert [each["name"] for each in table["terms"]] == [
        "content",
        "local",
        "global",
        "smoothness",
        "brightness",
    ]
    assert table["terms"][-1]["dark_colour"] == "#fedcba"
    log = EventLog(tmp_path / "events.jsonl")
    old = {"content": 1.0, "local": 2.0, "global": 3.0, "smoothness": 4.0}
    log.append("progress", {"evaluation": 1, "losses": old})
    log.append("progress", {"evaluation": 2, "losses": {**old, "brightness": 5.0}})
    assert log.curve() == [[1, 1.0, 2.0, 3.0, 4.0, 0.0], [2, 1.0, 2.0, 3.0, 4.0, 5.0]]


def _lightness(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return sum(share * each for share, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("term", TERMS)
def test_a_term_s_curve_stands_out_from_the_page(term: type[LossTerm]) -> None:
    """A contrast of 3, which WCAG asks of graphics, on the papers of page.css."""
    for colour, paper in ((term.colour, "#fbfaf8"), (term.dark_colour, "#171614")):
        low, high = sorted((_lightness(colour), _lightness(paper)))
        assert (high + 0.05) / (low + 0.05) >= 3


def test_the_palette_s_colours_are_told_apart() -> None:
    colours = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in PALETTE.values()])
    apart = np.linalg.norm(colours[:, None] - colours[None], axis=-1) + 999 * np.eye(len(colours))
    assert apart.min() > 80


def test_the_document_of_the_api_is_served_here(idle: Studio) -> None:
    paths = idle.ask("GET", "/api/openapi.json").json()["paths"]
    assert {"/api/jobs", "/api/jobs/{name}/events", "/api/pictures"} <= set(paths)
    for page in ("/docs", "/redoc"):
        assert idle.ask("GET", page).status_code == 404


def test_samples_are_given(idle: Studio, samples: Mapping[str, Path]) -> None:
    [sample] = idle.ask("GET", "/api/samples").json()["samples"]
    for role in ROLES:
        assert idle.ask("GET", sample[role]).content == samples[role].read_bytes()
    assert idle.ask("GET", "/api/samples/demo/secret.png").status_code == 404


# --- the life of a job


def test_a_job_is_painted(studio: Studio) -> None:
    answer = studio.job(content_map="sample:demo", style_map="sample:demo", preset="portrait")
    assert answer.status_code == 201
    job = answer.json()
    assert len(job["id"]) == 22
    done = studio.wait(job["id"], "done", "failed")
    assert done["error"] is None
    assert (done["width"], done["height"]) == (40, 48)
    assert done["progress"]["evaluation"] == done["progress"]["evaluations"] == 3
    assert done["losses"]["total"] > 0
    assert done["settings"]["local_weight"] == 500
    assert "--preset portrait" in done["command"]
    result = studio.ask("GET", done["result"])
    assert result.headers["content-type"] == "image/png"
    place = studio.storage.folder(job["id"])
    assert place is not None
    recipe = json.loads(read_recipe(place / "result.png") or "")
    assert recipe["losses"] == done["losses"]
    assert not (place / "checkpoint").exists()
    tiff = studio.ask("GET", f"/api/jobs/{job['id']}/result.tiff")
    assert tiff.headers["content-type"] == "image/tiff"
    jpeg = studio.ask("GET", f"/api/jobs/{job['id']}/result.jpg")
    (place / "copy.jpg").write_bytes(jpeg.content)
    assert read_recipe(place / "copy.jpg") == read_recipe(place / "result.png")
    with Image.open(io.BytesIO(jpeg.content)) as small, Image.open(place / "result.png") as exact:
        assert (small.format, small.size) == ("JPEG", exact.size)
        apart = np.abs(np.asarray(small, np.float64) - np.asarray(exact.convert("RGB"), np.float64))
        assert apart.mean() < 4  # as far as JPEG goes, the same picture
    for name in ("preview", "thumbnail"):
        with Image.open(io.BytesIO(studio.ask("GET", done[name]).content)) as image:
            assert image.format == "JPEG"
    assert len(studio.ask("GET", f"/api/jobs/{job['id']}/curve").json()["points"]) == 3
    listed = studio.ask("GET", f"/api/jobs?ids=no,{job['id']}").json()["jobs"]
    assert [each["id"] for each in listed] == [job["id"]]
    assert studio.ask("GET", "/api/jobs").json() == {"jobs": []}
    assert studio.ask("DELETE", f"/api/jobs/{job['id']}").status_code == 204
    assert studio.ask("GET", f"/api/jobs/{job['id']}").status_code == 404
    assert not place.exists()


def _events(text: str) -> list[tuple[int | None, str, Any]]:
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            number = int(fields["id"]) if "id" in fields else None
            found.append((number, fields["event"], json.loads(fields["data"])))
    return found


@pytest.mark.long
def test_the_last_messages_are_waited_for(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is done a moment before its log says so."""
    append = EventLog.append

    def late(log: EventLog, kind: str, content: dict[str, Any]) -> None:
        if content.get("state") == "done":
            time.sleep(0.6)
        append(log, kind, content)

    monkeypatch.setattr(EventLog, "append", late)
    job = studio.job().json()["id"]
    told = _events(studio.ask("GET", f"/api/jobs/{job}/events?last=0").text)
    last_two = [(kind, content["state"]) for number, kind, content in told[-2:] if number is not None]
    assert last_two == [("state", "done"), ("end", "done")]


def test_events_are_told_in_order_and_again(studio: Studio) -> None:
    job = studio.job().json()["id"]
    events = _events(studio.ask("GET", f"/api/jobs/{job}/events?last=0").text)  # until the end
    numbers = [number for number, _, _ in events if number is not None]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [content["evaluation"] for _, kind, content in events if kind == "progress"] == [1, 2, 3]
    assert sum(kind == "preview" for _, kind, _ in events) >= 2
    assert events[-1][1:] == ("end", {"state": "done"})
    middle = numbers[len(numbers) // 2]
    again = _events(studio.ask("GET", f"/api/jobs/{job}/events", headers={"Last-Event-ID": str(middle)}).text)
    assert [event for event in again if event[0]] == [e for e in events if e[0] and e[0] > middle]
    assert [kind for number, kind, _ in again if number is None] == ["state", "curve"]


@pytest.mark.long
def test_a_job_is_stopped_and_gone_on_from(studio: Studio) -> None:
    job = studio.job(settings={"size": 48, "iterations": 100_000}).json()["id"]
    studio.wait(job, "running")
    while (studio.ask("GET", f"/api/jobs/{job}").json()["progress"] or {"evaluation": 0})["evaluation"] < 30:
        time.sleep(0.05)
    early = studio.job(continue_from=job)
    assert early.status_code == 409
    assert studio.ask("POST", f"/api/jobs/{job}/stop").json()["state"] in ("stopping", "stopped")
    stopped = studio.wait(job, "stopped")
    assert stopped["result"]
    more = studio.job(continue_from=job, settings={**SMALL, "local_weight": 7}).json()
    assert more["continue_from"] == job
    done = studio.wait(more["id"], "done", "failed")
    assert done["state"] == "done"
    # It starts where the other ended: near it, where a new start from the content would not be.
    first, second = (
        np.asarray(Image.open(io.BytesIO(studio.ask("GET", f"/api/jobs/{name}/result.png").content)), int)
        for name in (job, more["id"])
    )
    fresh = studio.wait(studio.job(settings={**SMALL, "local_weight": 7}).json()["id"], "done")
    third = np.asarray(Image.open(io.BytesIO(studio.ask("GET", fresh["result"]).content)), int)
    assert np.abs(first - second).mean() < np.abs(first - third).mean()


def test_a_waiting_job_is_stopped_and_the_queue_is_bounded(idle: Studio) -> None:
    jobs = [idle.job().json() for _ in range(3)]
    assert [job["queue_position"] for job in jobs] == [1, 2, 3]
    full = idle.job()
    assert full.status_code == 429
    assert int(full.headers["retry-after"]) > 0
    assert idle.ask("POST", f"/api/jobs/{jobs[0]['id']}/stop").json()["state"] == "stopped"
    assert idle.ask("GET", f"/api/jobs/{jobs[1]['id']}").json()["queue_position"] == 1
    assert idle.job().status_code == 201


@pytest.mark.long
def test_a_new_server_goes_on_with_what_was_left(tmp_path: Path, samples: Mapping[str, Path]) -> None:
    """The first is closed in the middle; the second ends with the very picture of an undisturbed run."""
    first = Studio(tmp_path / "data", samples)
    first.runner.start()
    request = {"size": 64, "iterations": 60, "round_length": 5}
    job = first.job(settings=request).json()["id"]
    while (first.ask("GET", f"/api/jobs/{job}").json()["progress"] or {"evaluation": 0})["evaluation"] < 12:
        time.sleep(0.02)
    first.runner.close()
    left = first.ask("GET", f"/api/jobs/{job}").json()
    assert left["state"] == "interrupted"
    last = first.runner.messages(job, 0)[-1].number
    second = Studio(tmp_path / "data", samples)
    assert second.ask("GET", f"/api/jobs/{job}").json()["state"] == "queued"
    second.runner.start()
    done = second.wait(job, "done", "failed")
    undisturbed = second.wait(second.job(settings=request).json()["id"], "done", "failed")
    second.runner.close()
    assert done["error"] is None
    again = [
        each.content["evaluation"] for each in second.runner.messages(job, last) if each.kind == "progress"
    ]
    assert again[0] > 10, "it began anew"
    assert [point[0] for point in second.runner.curve(job)] == list(range(1, 61))
    assert done["losses"] == undisturbed["losses"]
    third = Studio(tmp_path / "data", samples)
    assert third.ask("GET", f"/api/jobs/{job}").json()["state"] == "done"


def test_a_job_that_fails_says_why(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise ValueError("something odd")

    monkeypatch.setattr("glstylenet.studio.runner.stylize", broken)
    failed = studio.wait(studio.job().json()["id"], "failed")
    assert "something odd" in failed["error"]
    monkeypatch.undo()
    assert studio.ask("POST", f"/api/jobs/{failed['id']}/resume").status_code == 200
    assert studio.wait(failed["id"], "done")["error"] is None


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"settings": {"local_weight": -1}}, 400, "local_weight"),
        ({"settings": {"local_weight": "many"}}, 400, "local_weight"),
        ({"settings": {"device": "cuda"}}, 400, "cannot be chosen"),
        ({"settings": {"weights": "/etc/passwd"}}, 400, "cannot be chosen"),
        ({"settings": {"init": "/etc/passwd"}}, 400, "init"),
        ({"settings": {"colour": 1}}, 400, "cannot be chosen"),
        ({"preset": "none"}, 400, "preset"),
        ({"content": "../../etc/passwd"}, 422, "no picture"),
        ({"content": "sample:../x"}, 422, "no picture"),
        ({"content_map": "sample:demo"}, 400, "map"),
        ({"continue_from": "nobody"}, 404, "no such run"),
        ({"stile": "x"}, 400, "stile"),
        ({"settings": [1]}, 400, "settings"),
    ],
)
def test_what_cannot_be_painted_is_refused(
    idle: Studio, changes: dict[str, object], status: int, says: str
) -> None:
    answer = idle.job(**changes)
    assert answer.status_code == status
    assert says in answer.json()["error"]
    assert list((idle.storage._jobs).iterdir()) == []


def test_maps_are_checked(idle: Studio, samples: Mapping[str, Path]) -> None:
    request = dict.fromkeys(ROLES, "sample:demo")
    found = idle.ask("POST", "/api/maps/check", json=request).json()
    assert [each["content_share"] for each in found["classes"]] == [0.5, 0.5]
    assert {each["name"] for each in found["classes"]} == {"background", "#000000"}
    assert not any(each["missing_in_style"] for each in found["classes"])


# --- uploads


def test_an_upload_is_kept_aspng(idle: Studio) -> None:
    buffer = io.BytesIO()
    image = Image.new("RGB", (60, 40), (10, 200, 30))
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    image.save(buffer, "JPEG", exif=exif)
    answer = idle.upload(buffer.getvalue(), "../../evil.svg")
    assert answer.status_code == 201
    kept = answer.json()
    assert (kept["width"], kept["height"]) == (40, 60)
    with Image.open(io.BytesIO(idle.ask("GET", kept["url"]).content)) as shown:
        assert shown.format == "PNG"
        assert shown.size == (40, 60)


def _bomb() -> bytes:
    """A PNG of one row whose header claims 60000 x 60000."""
    data = bytearray(png())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<!doctype html><script>alert(1)</script>",
        b"GIF89a<script>alert(1)</script>",
        png()[:200],
        _bomb(),
        b"%PDF-1.4",
    ],
    ids=["empty", "svg", "html", "polyglot", "truncated", "bomb", "pdf"],
)
def test_what_is_no_picture_is_refused(idle: Studio, data: bytes) -> None:
    answer = idle.upload(data)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]
    assert "/tmp" not in answer.json()["error"]
    assert list(idle.storage._pictures.iterdir()) == []


def test_a_form_without_a_file_is_refused(idle: Studio) -> None:
    assert idle.ask("POST", "/api/pictures", data={"file": "words"}).status_code == 400
    assert idle.ask("POST", "/api/pictures", content=b"raw").status_code == 400


def test_a_large_upload_is_refused_by_its_header(idle: Studio) -> None:
    headers = {"content-length": str(2 * 2**30), "content-type": "multipart/form-data; boundary=x"}
    assert idle.ask("POST", "/api/pictures", content=b"", headers=headers).status_code == 413
    assert idle.ask("POST", "/api/jobs", content=b" " * (2**20 + 1)).status_code == 413


def test_a_large_upload_without_a_length_is_cut_off(idle: Studio) -> None:
    sent = 0

    async def action(client: httpx.AsyncClient) -> httpx.Response:
        async def endless() -> Any:
            nonlocal sent
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            for _ in range(2048):
                sent += 2**20
                yield bytes(2**20)

        headers = {"content-type": "multipart/form-data; boundary=x"}
        return await client.post("/api/pictures", content=endless(), headers=headers)

    assert idle.run(action).status_code == 413


def test_a_hundred_uploads_at_once(idle: Studio) -> None:
    picture = png(size=(600, 600))

    async def action(client: httpx.AsyncClient) -> list[httpx.Response]:
        files = [client.post("/api/pictures", files={"file": ("a.png", picture)}) for _ in range(100)]
        return await asyncio.gather(*files)

    answers = idle.run(action)
    codes = {answer.status_code for answer in answers}
    assert codes <= {201, 429}
    assert sum(answer.status_code == 201 for answer in answers) >= MOST_UPLOADS
    assert all(answer.headers.get("retry-after") for answer in answers if answer.status_code == 429)


def test_the_quota_removes_the_oldest_finished_first(tmp_path: Path) -> None:
    storage = Storage(tmp_path, quota=11_000)
    for number, state in enumerate(("done", "running", "failed")):
        job = Job(f"{number:022d}", float(number), None, {}, {}, "", state=state)
        (storage.make_folder(job.id) / "result.png").write_bytes(bytes(3000))
        storage.write(job)
    storage.make_room(500)
    assert len(storage.read()) == 3
    storage.make_room(3000)
    assert [job.state for job in storage.read()] == ["running", "failed"]
    with pytest.raises(FullError, match="full"):
        storage.make_room(9000)
    assert [job.state for job in storage.read()] == ["running"]


# --- who is let in


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "[::2]:1"]
)
def test_a_foreign_host_is_refused(idle: Studio, host: str) -> None:
    answer = idle.ask("GET", "/api/health", headers={"Host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"])
def test_a_foreign_origin_changes_nothing(idle: Studio, origin: str) -> None:
    assert idle.ask("POST", "/api/jobs", json={}, headers={"Origin": origin}).status_code == 403
    assert idle.ask("DELETE", "/api/jobs/x", headers={"Origin": origin}).status_code == 403


def test_the_page_s_own_origin_may(idle: Studio) -> None:
    request = {"content": "sample:demo", "style": "sample:demo", "settings": SMALL}
    assert idle.ask("POST", "/api/jobs", json=request, headers={"Origin": HERE}).status_code == 201


def test_every_answer_has_the_headers(idle: Studio) -> None:
    for path in ("/", "/api/health", "/api/nothing", "/static/app.js"):
        headers = idle.ask("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]


def test_the_page_asks_for_all_its_modules_at_once(idle: Studio) -> None:
    """A module that is not named on the page waits until the one that imports it has been read."""
    page = idle.ask("GET", "/").text
    named = re.findall(r'<link rel="modulepreload" href="([^"]+)">', page)
    imported: set[str] = set()
    waiting = ["/static/app.js"]
    while waiting:
        module = waiting.pop()
        source = idle.ask("GET", module).text
        found = re.findall(r'^(?:import|export)\s[^;]*?"(\.[^"]+)";', source, re.MULTILINE)
        found = [urljoin(module, each) for each in found]
        waiting += set(found) - imported
        imported.update(found)
    assert {"/static/store.js", "/static/words/en.js", "/static/vendor/signals.js"} <= imported
    assert named == sorted(imported)


def test_a_token_is_asked_for(tmp_path: Path, samples: Mapping[str, Path]) -> None:
    studio = Studio(tmp_path / "data", samples, token="correct horse")
    for path in ("/", "/api/health", "/static/app.js"):
        assert studio.ask("GET", path).status_code == 401
        assert studio.ask("GET", path, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert studio.ask("GET", path, headers={"Cookie": "glstylenet_token=wrong"}).status_code == 401
        assert studio.ask("GET", f"{path}?token=w%FFrong").status_code == 401
    assert (
        studio.ask("GET", "/api/health", headers={"Authorization": "Bearer correct horse"}).status_code == 200
    )
    opened = studio.ask("GET", "/?token=correct+horse&a=b")
    assert (opened.status_code, opened.headers["location"]) == (303, "/?a=b"), "a copied address has no token"
    cookie = opened.headers["set-cookie"]
    assert cookie.startswith("glstylenet_token_7860="), "another studio of this host has another cookie"
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_a_cookie_is_one_port_s(tmp_path: Path, samples: Mapping[str, Path]) -> None:
    studio = Studio(tmp_path / "data", samples, token="correct-horse")
    for name, code in (("_7860", 200), ("_7861", 401), ("", 401)):
        cookie = {"Cookie": f"glstylenet_token{name}=correct-horse"}
        assert studio.ask("GET", "/", headers=cookie).status_code == code


@pytest.mark.parametrize(
    "path",
    [
        "/static/../application.py",
        "/static/%2e%2e/application.py",
        "/api/jobs/..%2f..%2fetc/result.png",
        "/api/pictures/..%2f..%2fetc%2fpasswd",
        "/api/jobs/AAAAAAAAAAAAAAAAAAAAAA",
        "/api/jobs/AAAAAAAAAAAAAAAAAAAAAA/result.png",
        "/api/jobs/AAAAAAAAAAAAAAAAAAAAAA/events",
    ],
)
def test_nothing_else_is_read(idle: Studio, path: str) -> None:
    assert idle.ask("GET", path).status_code == 404


def test_only_named_files_of_a_job_are_given(studio: Studio) -> None:
    job = studio.job().json()["id"]
    studio.wait(job, "done")
    for name in ("job.json", "content.png", "checkpoint"):
        assert studio.ask("GET", f"/api/jobs/{job}/{name}").status_code == 404


def test_minutes_are_told_before_a_run(idle: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a speed that is known, as by hand; the machine is measured once."""
    measured: list[object] = []

    def speed(*given: object) -> Speed:
        measured.append(given)
        return Speed(1e-3, 1e-4)

    monkeypatch.setattr(time_estimates, "measure_speed", speed)
    request = {
        "content": {"width": 96, "height": 128},
        "style": {"width": 160, "height": 80},
        "settings": {"size": 64, "scales": 1, "round_length": 20, "iterations": 50},
    }
    told = idle.ask("POST", "/api/estimate", json=request).json()
    assert (told["width"], told["height"]) == (48, 64)
    # A canvas of 80 x 64 has 10 x 8 positions; the style of 32 x 64 has 4 x 8.
    seconds = 50 * 80 * 64 * 1e-3 + 3 * (10 * 8) * (4 * 8) * 1e-4
    assert told["seconds"]["fine"] == pytest.approx(seconds, abs=0.051)
    del request["settings"]["iterations"]
    told = idle.ask("POST", "/api/estimate", json=request).json()["seconds"]
    assert list(told) == ["preview", "draft", "standard", "fine"]
    assert told["preview"] < told["draft"] < told["standard"] < told["fine"]
    assert len(measured) == 1
    assert idle.ask("POST", "/api/estimate", json={**request, "settings": {"size": 5000}}).status_code == 400
