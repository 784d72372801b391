"""Server: runs the protected application at one address until it is stopped."""

import contextlib
import ipaddress
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvicorn

from glstylenet.errors import UsageError
from glstylenet.machine import every_device
from glstylenet.samples import sample_file
from glstylenet.studio.application import UPLOAD_BYTES, make_application
from glstylenet.studio.giant_pictures import GiantPictures
from glstylenet.studio.job import ROLES
from glstylenet.studio.runner import Runner
from glstylenet.studio.security import LOOPBACK, SecurityMiddleware
from glstylenet.studio.storage import Storage
from glstylenet.studio.timed_protocol import TimedProtocol

__all__ = ["Address", "is_loopback", "serve"]


@dataclass(frozen=True)
class Address:
    """`Address` is where the server listens, and the token that it requires (``None``: none)."""

    host: str
    port: int
    token: str | None

    @property
    def url(self) -> str:
        """The address to open in a browser.

        >>> Address("0.0.0.0", 7860, "secret").url
        'http://127.0.0.1:7860/?token=secret'
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        shown = "127.0.0.1" if self.host in ("0.0.0.0", "::") else host
        return f"http://{shown}:{self.port}/" + (f"?token={self.token}" if self.token else "")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach ``host``.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _StoppableServer(uvicorn.Server):
    """A server that ends when ``should_stop`` says so, and leaves signals to its caller."""

    def __init__(self, config: uvicorn.Config, should_stop: Callable[[], bool]) -> None:
        super().__init__(config)
        self._should_stop = should_stop

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle no signal."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Return whether the server is to end; it asks ten times a second."""
        return self._should_stop() or await super().on_tick(counter)


def serve(
    address: Address,
    storage: Storage,
    machine: Mapping[str, object],
    giants: GiantPictures | None = None,
    *,
    ready: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> None:
    """Serve at ``address`` until ``should_stop``; call ``ready`` with the address when the server listens.

    ``machine``: settings that the server chooses, such as the device. ``giants``: giant pictures to look at,
    by default none. At the end the running job is saved.
    Raises :class:`~glstylenet.errors.UsageError` if the port is taken, and
    :class:`~glstylenet.errors.OutputError` if another server has the folder.
    """
    with contextlib.ExitStack() as held:
        held.enter_context(storage.claimed())
        listening = held.enter_context(_listening(address))
        bound = Address(address.host, listening.getsockname()[1], address.token)
        samples: dict[str, Path] = {role: sample_file(f"{role}.png", held) for role in ROLES}
        devices = every_device(str(machine.get("device", "auto")))
        runner = Runner(storage, [{**machine, "device": device} for device in devices])
        application = make_application(storage, runner, samples, machine, giants)
        protected = SecurityMiddleware(
            application, hosts=_names(address.host), token=address.token, upload_bytes=UPLOAD_BYTES
        )

        def should_end() -> bool:
            if ending := should_stop():
                runner.begin_to_close()  # while the server waits for its answers, its runs stop
            return ending

        server = _StoppableServer(
            uvicorn.Config(
                protected,
                log_level="warning",
                access_log=False,
                http=TimedProtocol,
                ws="none",
                timeout_graceful_shutdown=1,
                server_header=False,
            ),
            should_end,
        )
        runner.start()
        ready(bound.url)
        server.run(
            sockets=[listening]
        )  # an exception, as at a second signal, leaves without waiting for jobs
        runner.close()


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio sends at once only what it knows to be TCP. Otherwise a body waits 40 ms until the other side
    # has confirmed the header.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address.host, address.port))
    except OSError as error:
        listening.close()
        raise UsageError(
            f"nothing can listen at {address.host} port {address.port} ({error.strerror}); choose another "
            f"--port, or 0 for any that is free"
        ) from error
    listening.listen(128)
    return listening


def _names(host: str) -> list[str]:
    """Return the host names of the server: its address, or all of this machine if it listens on all."""
    names = {*LOOPBACK}
    if host in ("0.0.0.0", "::"):
        names.add(socket.gethostname())
        for addresses in psutil.net_if_addrs().values():
            names |= {each.address for each in addresses if each.family == socket.AF_INET}
            names |= {f"[{each.address}]" for each in addresses if each.family == socket.AF_INET6}
    else:
        names.add(f"[{host}]" if ":" in host else host)
    return sorted(names)
