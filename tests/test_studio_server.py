"""The studio as it is started: a process of its own, stopped, killed and started again."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from glstylenet.cli import main
from tests.test_studio import _events, png

REQUEST = {
    "content": "sample:demo",
    "style": "sample:demo",
    "settings": {"size": 64, "iterations": 60, "round_length": 5},
}


class Server:
    """A running studio, and how it ended."""

    def __init__(self, data: Path, *options: str) -> None:
        command = [sys.executable, "-m", "glstylenet", "studio", "--port", "0", "--data", str(data), *options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + self.process.stderr.read()
        self.url = found[0]

    def ask(self, method: str, path: str, **options: Any) -> Any:
        answer = httpx.request(method, self.url.split("?")[0] + path.lstrip("/"), timeout=30, **options)
        answer.raise_for_status()
        return answer.json()

    def wait(self, job: str, *, evaluation: int = 0, state: str = "") -> dict[str, Any]:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            shown: dict[str, Any] = self.ask("GET", f"/api/jobs/{job}")
            assert shown["error"] is None
            reached = (shown["progress"] or {"evaluation": 0})["evaluation"]
            if (shown["state"] == state) if state else reached >= evaluation:
                return shown
            time.sleep(0.05)
        raise AssertionError(f"still {shown}")

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@contextmanager
def running(data: Path, *options: str) -> Iterator[Server]:
    server = Server(data, *options)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_restarted_server_goes_on(tmp_path: Path, number: int, code: int) -> None:
    with running(tmp_path) as first:
        job = first.ask("POST", "/api/jobs", json=REQUEST)["id"]
        first.wait(job, evaluation=12)
        assert first.end(number) == code
    noted = json.loads((tmp_path / "jobs" / job / "job.json").read_text())
    assert noted["state"] == ("running" if number == signal.SIGKILL else "interrupted")
    with running(tmp_path) as second:
        done = second.wait(job, state="done")
        told = _events(httpx.get(f"{second.url}api/jobs/{job}/events?last=0", timeout=30).text)
        evaluations = [content["evaluation"] for _, kind, content in told if kind == "progress"]
        assert evaluations.count(1) == 1, "it began anew"
        points = second.ask("GET", f"/api/jobs/{job}/curve")["points"]
        assert [point[0] for point in points] == list(range(1, 61))
        assert done["progress"]["evaluation"] == 60
        assert (tmp_path / "jobs" / job / "result.png").is_file()


@pytest.mark.long
def test_memory_stays_flat_however_many_come(tmp_path: Path) -> None:
    """Hundreds at once, of 4 MiB each once decoded: kept pictures would be seen at a glance."""
    picture = png(size=(600, 600))

    async def hundred(url: str) -> set[int]:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            files = [client.post("api/pictures", files={"file": ("a.png", picture)}) for _ in range(100)]
            return {answer.status_code for answer in await asyncio.gather(*files)}

    with running(tmp_path) as server:
        process = psutil.Process(server.process.pid)
        held = []
        for _ in range(6):
            codes: set[int] = asyncio.run(hundred(server.url))
            assert codes <= {201, 429}
            held.append(process.memory_info().rss)
    assert max(held[3:]) - max(held[:3]) < 32 * 2**20


@pytest.mark.long
def test_another_address_asks_for_a_token(tmp_path: Path) -> None:
    with running(tmp_path, "--host", "0.0.0.0") as server:
        bare, _, token = server.url.partition("?token=")
        assert len(token) > 20
        assert httpx.get(bare + "api/health").status_code == 401
        assert httpx.get(bare + f"api/health?token={token}").status_code == 200
        assert httpx.get(bare + "api/health", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_taken_port_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["studio", "--port", port, "--data", str(tmp_path / "data")]) == 2
    assert "choose another --port" in capsys.readouterr().err


def test_wrong_options_start_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(tmp_path / "data")
    assert main(["studio", "--data", data, "--quota", "much"]) == 2
    assert main(["studio", "--data", data, "--token", "short"]) == 2
    assert main(["studio", "--data", data, "--device", "abacus"]) == 2
    assert not (tmp_path / "data").exists()
    (tmp_path / "file").write_text("x")
    assert main(["studio", "--data", str(tmp_path / "file")]) == 5
    assert "--data" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    """In a new process: the command must check before it imports the server, which needs fastapi."""
    program = (
        "import sys; sys.modules |= dict.fromkeys(('fastapi', 'starlette', 'uvicorn')); "
        "from glstylenet.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "studio", "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'glstylenet[studio]'" in done.stderr
    assert "Traceback" not in done.stderr
