"""A studio that runs as a process of its own, as the tests of its pages need one."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import glstylenet

__all__ = ["Server", "server", "started"]


@dataclass
class Server:
    """A studio of its own process; it can be ended and started again on the same folder."""

    data: Path
    port: int
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        command = [sys.executable, "-m", "glstylenet", "studio", "--port", str(self.port)]
        source = str(Path(glstylenet.__file__).parent.parent)
        with open(self.data.parent / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [*command, "--data", str(self.data), *self.options],
                env={**os.environ, "PYTHONPATH": source, "GLSTYLENET_DEVICE": "cpu"},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.address}api/health", timeout=5).close()
                return
            except urllib.error.URLError:
                assert self.process.poll() is None, (self.data.parent / "server.log").read_text()
                assert time.monotonic() < deadline, "the studio did not start"
                time.sleep(0.1)

    def end(self, number: signal.Signals = signal.SIGINT) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


def started(folder: Path, *options: str) -> Server:
    """A server at a free port, with its data below ``folder``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = Server(folder / "data", port, options)
    server.start()
    return server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, own_environment: None) -> Iterator[Server]:
    """One studio for the tests of all pages; each test has a browser's memory of its own."""
    server = started(tmp_path_factory.mktemp("studio"))
    yield server
    server.end()
