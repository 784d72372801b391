"""Cluster: workers that compute the parts of a step at once, on this machine or on several.

They are those of dask.distributed (extra ``giant``). A part is a plain task: it is told in words what to do,
reads and writes the store, and returns nothing. So no pixels travel between processes, and what a lost worker
had begun is computed again by another, to the same bytes.

Every part is computed with one thread, and a worker computes one at a time: so a picture does not depend on
how many workers there are.
"""

import ipaddress
import logging
import multiprocessing
import platform
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from glstylenet.errors import ClusterError, MemoryLimitError, UsageError
from glstylenet.giant.steps import Part, run_part
from glstylenet.machine import keep_freed_memory, return_freed_memory, using_threads
from glstylenet.run import current_versions

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["CONNECT_SECONDS", "Cluster", "cluster_at", "local_cluster"]

CONNECT_SECONDS = 30.0
"""Seconds after which a scheduler that does not answer, or has no worker, is given up."""

_ALLOWED_DEATHS = 3
"""So many workers may die over one part before the run ends: more are most likely the part's own doing."""

_CONFIGURATION = {
    "distributed.scheduler.allowed-failures": _ALLOWED_DEATHS,
    # Left alone, dask asks a hundred times a second what a worker does, and wakes its event loop fifty times.
    # The thread that computes waits for Python's lock then: two workers on two cores lost a sixth of their
    # time.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
}
"""What differs from dask's own configuration in a cluster that the program starts."""

_SOFTWARE = ("glstylenet", "torch", "numpy")
"""What must have the same version everywhere: it decides the last bits of a picture."""

_LOOK_SECONDS = 2.0
"""Seconds between looks at whether there are workers, as long as no part is done."""

_LOST_SCHEDULER = (
    "the scheduler was lost; what was painted is in the store. Start the scheduler and resume the run"
)

_ONE_PART = threading.Lock()
"""Held while a part is computed: threads of one worker would share its targets and add up their memory."""


@dataclass(frozen=True)
class Cluster:
    """`Cluster` is a scheduler with its workers; ``dashboard`` is the address of its page, if it has one.

    Without any worker for ``patience`` seconds a run ends; with ``None`` it waits: one may be started.
    """

    dashboard: str | None
    _client: "Client"
    patience: float | None = None

    def run_parts(self, parts: Sequence[Part]) -> Iterator[Part]:
        """Run parts on the workers, and yield each that is done.

        Raises what a part raised, :class:`~glstylenet.errors.MemoryLimitError` if a part killed one worker
        after another, and :class:`~glstylenet.errors.ClusterError` if the scheduler or all workers are lost.
        """
        software = _software()
        # Workers begin in folders of their own, so that a relative path would be another one.
        absolute = [replace(part, folder=part.folder.absolute()) for part in parts]
        tasks = {
            self._client.submit(_run_checked, each, software, pure=False): part
            for each, part in zip(absolute, parts, strict=True)
        }
        try:
            for task in self._completed(tasks):
                _raise_failure(task)
                yield tasks[task]
        finally:
            self._client.cancel([task for task in tasks if not task.done()])

    def _completed(self, tasks: "Iterable[Future[None]]") -> "Iterator[Future[None]]":
        """Yield tasks as they are done."""
        from distributed import wait  # noqa: PLC0415 - an extra

        left, last_seen = set(tasks), time.monotonic()
        while left:
            try:
                with self._client.as_current():
                    done = wait(list(left), timeout=_LOOK_SECONDS, return_when="FIRST_COMPLETED").done
            except CancelledError as error:
                raise ClusterError(_LOST_SCHEDULER) from error
            except TimeoutError:
                done = set()
            if done or self._client.scheduler_info()["workers"]:
                last_seen = time.monotonic()
            elif self.patience is not None and time.monotonic() - last_seen > self.patience:
                raise ClusterError(
                    f"no worker was left for {self.patience:g} s; what was painted is in the store, and the "
                    f"run can be resumed"
                )
            left -= done
            yield from done


@contextmanager
def local_cluster(workers: int) -> Iterator[Cluster]:
    """Start ``workers`` processes on this machine, reached through the loopback device alone.

    They end with the ``with`` block, and if this process is killed. Raises
    :class:`~glstylenet.errors.UsageError` where dask.distributed is not installed.
    """
    _require_distributed()
    import dask  # noqa: PLC0415 - an extra
    from distributed import Client, LocalCluster  # noqa: PLC0415 - an extra

    with ExitStack() as stack:
        stack.enter_context(_silent())
        stack.enter_context(dask.config.set(_CONFIGURATION))
        has_page = find_spec("bokeh") is not None
        processes = stack.enter_context(
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address=None,
                # The workers hold no data of dask's, so there is nothing that it could do about memory but
                # kill them; PyTorch's own error says more.
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            )
        )
        client = stack.enter_context(Client(processes, set_as_default=False))
        # Ctrl-C reaches all processes of a terminal, and what ends a service all of its processes; the
        # program says itself when its workers end.
        client.run(_ignore_interrupts)
        yield Cluster(client.dashboard_link if has_page else None, client, CONNECT_SECONDS)


@contextmanager
def cluster_at(address: str, *, insecure: bool = False, seconds: float | None = None) -> Iterator[Cluster]:
    """Connect to the scheduler at ``address``, "tls://host:port" or, on this machine, "tcp://host:port".

    Certificates are those of dask's configuration. ``insecure`` allows "tcp" to other machines, where whoever
    reaches a port can run programs. The scheduler and one worker must answer within ``seconds``,
    by default :data:`CONNECT_SECONDS`.

    Raises :class:`~glstylenet.errors.UsageError` for an address that is not allowed, and
    :class:`~glstylenet.errors.ClusterError` for a scheduler or workers that cannot be used.
    """
    _check_address(address, insecure=insecure)
    seconds = CONNECT_SECONDS if seconds is None else seconds
    _require_distributed()
    import dask  # noqa: PLC0415 - an extra
    from distributed import Client  # noqa: PLC0415 - an extra

    if urlsplit(address).scheme == "tls" and dask.config.get("distributed.comm.tls.ca-file") is None:
        raise UsageError(
            f"{address}: no certificates are set; expected distributed.comm.tls.ca-file and the client's "
            f"certificate and key in dask's configuration, as docs/giant.md shows"
        )
    with _silent():
        try:
            client = Client(address, timeout=seconds, set_as_default=False)
        except OSError as error:
            raise ClusterError(
                f"{address}: no scheduler answered within {seconds:g} s ({_first_line(error)}); start one, "
                f"or check the address and the certificates"
            ) from error
        with client:
            try:
                client.wait_for_workers(1, timeout=seconds)
            except TimeoutError as error:
                raise ClusterError(
                    f"{address}: the scheduler had no worker within {seconds:g} s; start at least one"
                ) from error
            for worker, found in client.run(current_versions, on_error="return").items():
                _check_software(worker, found, _software())
            yield Cluster(_dashboard_of(client), client)


def _run_checked(part: Part, software: Mapping[str, str]) -> None:
    """Run ``part`` on this worker, which may have come to the cluster after the others were checked."""
    _check_software(platform.node(), current_versions(), software)
    if not part.folder.is_dir():
        raise ClusterError(
            f"{part.folder}: is not there on the worker {platform.node()}; the store must lie in a folder "
            f"that all machines share, under the same path"
        )
    # Without this a worker spends two fifths of its time on fetching again the memory that it has just freed.
    # Only a process that was started as a worker: the allocator of any other is its own matter.
    if multiprocessing.parent_process() is not None:
        keep_freed_memory()
    with _ONE_PART, using_threads(1):
        try:
            run_part(part)
        finally:
            return_freed_memory()


def _raise_failure(task: "Future[None]") -> None:
    """Raise what a task raised, in the library's words where it is an error of dask's."""
    from distributed import KilledWorker  # noqa: PLC0415 - an extra

    if task.status in ("cancelled", "lost"):
        raise ClusterError(_LOST_SCHEDULER)
    error = task.exception()
    if isinstance(error, KilledWorker):
        raise MemoryLimitError(
            f"{_ALLOWED_DEATHS + 1} workers died over the same area, most likely as the machine ran out of "
            f"memory; use smaller areas or fewer workers, or close other programs"
        ) from error
    if error is not None:
        raise error


def _software() -> dict[str, str]:
    versions = current_versions()
    return {name: versions[name] for name in _SOFTWARE}


def _check_software(worker: str, found: object, expected: Mapping[str, str]) -> None:
    """Raise :class:`~glstylenet.errors.ClusterError` unless a worker has the versions that are expected."""
    if not isinstance(found, Mapping):
        raise ClusterError(
            f"the worker {worker} cannot load glstylenet ({_first_line(found)}); install the same version as "
            f"here, {expected['glstylenet']}, with dask.distributed"
        )
    for name, version in expected.items():
        if found[name] != version:
            raise ClusterError(
                f"the worker {worker} has {name} {found[name]}, expected {version} as here; install the same "
                f"version everywhere"
            )


def _check_address(address: str, *, insecure: bool) -> None:
    """Raise :class:`~glstylenet.errors.UsageError` for an address that is wrong or open to others.

    >>> _check_address("tcp://127.0.0.1:8786", insecure=False)
    """
    parts = urlsplit(address)
    try:
        complete = parts.scheme in ("tls", "tcp") and bool(parts.hostname) and parts.port is not None
    except ValueError:  # no number of a port
        complete = False
    if not complete:
        raise UsageError(
            f"the scheduler's address is {address!r}, expected tls://host:port or tcp://host:port"
        )
    if parts.scheme == "tcp" and not insecure and not _is_loopback(parts.hostname or ""):
        raise UsageError(
            f"{address}: without TLS, whoever reaches a port of scheduler or workers can run programs there; "
            f"use tls://, or allow it as insecure in a network that you trust"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _require_distributed() -> None:
    if find_spec("distributed") is None:
        raise UsageError(
            "workers need dask.distributed, which is not installed; install it with: "
            "pip install 'glstylenet[giant]'"
        )


def _dashboard_of(client: "Client") -> str | None:
    """Return the address of a scheduler's page; ``None`` if it has none."""
    services = client.scheduler_info()["services"]
    return client.dashboard_link if "dashboard" in services else None


def _ignore_interrupts() -> None:
    """Ignore what is sent to all processes of a terminal or a service."""
    for name in ("SIGINT", "SIGHUP", "SIGTERM"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


@contextmanager
def _silent() -> Iterator[None]:
    """Silence dask's log: what matters is raised."""
    # Some of its loggers have levels of their own, which that of the first does not change.
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed.")]
    loggers = [logging.getLogger(name) for name in ("distributed", *names)]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _first_line(error: object) -> str:
    return (str(error).splitlines() or [""])[0]
