"""Workers of a cluster: the same picture to the byte, and every trouble in a line."""

import logging
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dask
import numpy as np
import pytest
import torch
from distributed import KilledWorker, LocalCluster, Security, Worker
from PIL import Image
from torch import Tensor

from glstylenet.cli import main
from glstylenet.errors import ClusterError, MemoryLimitError, UsageError
from glstylenet.giant import GiantOptions, cluster, cluster_at, local_cluster, paint_giant, plan_giant
from glstylenet.giant import steps as giant_steps
from glstylenet.giant.manifest import write_manifest
from glstylenet.giant.paint import RunParts, run_here
from glstylenet.giant.progress import Progress
from glstylenet.giant.steps import Part, steps_of
from glstylenet.giant.store import Store
from glstylenet.machine.malloc import MemoryPool, process_memory
from glstylenet.numerics import whole
from glstylenet.run import current_versions
from glstylenet.settings import Settings

SETTINGS = Settings(quality="preview", precision="float32", coarsest=64, device="cpu", voting="none")

AREAS = GiantOptions(area=128, sweeps=1, evaluations=1, coarse_pixels=4000)
"""Of 64 x 200 pixels: a coarse size of 32 x 100, and then two areas."""

CONTENT, STYLE = (
    np.random.default_rng(seed).integers(0, 256, (64, width, 3), dtype=np.uint8)
    for seed, width in ((1, 200), (2, 72))
)


def _paint(store: Path, run_parts: RunParts = run_here) -> Tensor:
    picture = paint_giant(CONTENT, STYLE, store=store, settings=SETTINGS, options=AREAS, run_parts=run_parts)
    assert picture is not None
    return picture.read(whole(picture.size))


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Tensor:
    """The picture that one process makes with one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _paint(tmp_path_factory.mktemp("giant") / "store")
    finally:
        torch.set_num_threads(before)


def _cluster_of(workers: int, **options: Any) -> LocalCluster:
    """Start workers in this process: they are there at once."""
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=False,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        **{"protocol": "tcp://", **options},
    )


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with _cluster_of(2) as workers:
        yield workers.scheduler_address


@pytest.mark.long
def test_two_workers_paint_the_same_picture(painted: Tensor, address: str, tmp_path: Path) -> None:
    with cluster_at(address) as workers:
        assert torch.equal(_paint(tmp_path / "store", workers.run_parts), painted)


def _die_in_an_area(flag: str) -> None:
    """Make this worker kill itself when it has written the pixels of a painted area, and not its sums."""
    write = Store.write_tensors

    def write_or_die(store: Store, name: str, tensors: dict[str, Tensor]) -> None:
        if "painted" in name and not os.path.exists(flag):
            Path(flag).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        write(store, name, tensors)

    Store.write_tensors = write_or_die  # type: ignore[method-assign, assignment]


def _growth() -> float:
    return process_memory().growth


def _callbacks(dask_worker: Worker) -> list[str]:
    """What a worker does again and again beside computing."""
    return list(dask_worker.periodic_callbacks)


@pytest.mark.long
def test_a_worker_killed_in_an_area_changes_nothing(painted: Tensor, tmp_path: Path) -> None:
    """The area is computed again, by whichever worker is left."""
    flag = tmp_path / "flag"
    with local_cluster(2) as workers:
        workers._client.run(_die_in_an_area, str(flag))
        picture = _paint(tmp_path / "store", workers.run_parts)
        growths = workers._client.run(_growth)
        callbacks = workers._client.run(_callbacks)
    # One that came in the place of another may have painted nothing.
    # This process may keep its own by now: a command that another test ran sees to it.
    assert min(growths.values()) < MemoryPool.growth, "workers keep freed memory"
    assert all("heartbeat" in names and "profile" not in names for names in callbacks.values())
    assert flag.exists()
    assert torch.equal(picture, painted)


def test_a_part_that_kills_every_worker_is_out_of_memory() -> None:
    task: Any = SimpleNamespace(status="error", exception=lambda: KilledWorker("key", cast(Any, "worker"), 3))
    with pytest.raises(MemoryLimitError, match="4 workers died over the same area"):
        cluster._raise_failure(task)


def test_a_lost_scheduler_is_told() -> None:
    task: Any = SimpleNamespace(status="cancelled")
    with pytest.raises(ClusterError, match="scheduler was lost; what was painted is in the store"):
        cluster._raise_failure(task)


def test_the_log_of_dask_is_silent_while_a_cluster_is_used(address: str) -> None:
    """A scheduler that dies would print a traceback before the line that tells it."""
    logger = logging.getLogger("distributed.client")
    before = logger.level
    with cluster_at(address):
        assert not logger.isEnabledFor(logging.CRITICAL)
    assert logger.level == before


def test_a_cluster_that_has_lost_its_workers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_LOOK_SECONDS", 0.1)
    with _cluster_of(1) as processes, cluster_at(processes.scheduler_address) as workers:
        processes.scale(0)
        parts = _parts(tmp_path / "store")
        with pytest.raises(ClusterError, match=r"no worker was left for 0\.3 s; what was painted is in the"):
            list(replace(workers, patience=0.3).run_parts(parts))


def _parts(store: Path) -> tuple[Part, ...]:
    manifest = plan_giant(CONTENT, STYLE, settings=SETTINGS, options=AREAS)
    store.mkdir()
    write_manifest(store, manifest)
    return next(steps_of(store, manifest, 1)).parts


@pytest.mark.parametrize("where", ["here", "on a worker"])
def test_a_worker_out_of_memory_ends_as_a_run_of_one_process(
    where: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_part: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setitem(cast(Any, giant_steps._KINDS), "style", fail)
    parts = _parts(tmp_path / "store")
    with cluster_at(address) as workers:
        run_parts = run_here if where == "here" else workers.run_parts
        with pytest.raises(MemoryLimitError, match="ran out of memory in an area; use smaller areas"):
            list(run_parts(parts))


def test_other_versions_are_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {**{name: current_versions()[name] for name in cluster._SOFTWARE}, "torch": "9.9"}
    monkeypatch.setattr(cluster, "_software", lambda: expected)
    with pytest.raises(ClusterError, match=r"worker tcp://127.* has torch .*, expected 9\.9 as here"):
        cluster_at(address).__enter__()


def test_a_worker_that_comes_later_is_checked_too(tmp_path: Path) -> None:
    part = _parts(tmp_path / "store")[0]
    with pytest.raises(ClusterError, match=r"has glstylenet .*, expected 9\.9 as here"):
        cluster._run_checked(part, {"glstylenet": "9.9"})


def test_a_worker_without_the_package_is_refused() -> None:
    with pytest.raises(ClusterError, match="cannot load glstylenet .No module named 'glstylenet'.; install"):
        cluster._check_software("w", ModuleNotFoundError("No module named 'glstylenet'"), {"glstylenet": "1"})


def test_a_worker_that_does_not_see_the_store_is_told() -> None:
    part = Part(Path("/nowhere/store"), "run", "enlarge", 1, 0)
    with pytest.raises(ClusterError, match="/nowhere/store: is not there on the worker"):
        cluster._run_checked(part, {})


def test_a_scheduler_without_workers_is_given_up() -> None:
    with _cluster_of(0) as workers, pytest.raises(ClusterError, match=r"had no worker within 0\.2 s"):
        cluster_at(workers.scheduler_address, seconds=0.2).__enter__()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tcp://192.0.2.1:8786", "without TLS, whoever reaches a port"),
        ("tcp://example.org:8786", "without TLS, whoever reaches a port"),
        ("tcp://0.0.0.0:8786", "without TLS, whoever reaches a port"),
        ("192.0.2.1:8786", "expected tls://host:port"),
        ("inproc://127.0.0.1:1", "expected tls://host:port"),
        ("tcp://127.0.0.1", "expected tls://host:port"),
        ("tcp://127.0.0.1:x", "expected tls://host:port"),
        ("tls://192.0.2.1:8786", "no certificates are set"),
    ],
)
def test_addresses_that_are_refused(address: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        cluster_at(address).__enter__()


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "tcp://127.8.9.1:1", "tcp://[::1]:1", "tcp://localhost:1"]
)
def test_addresses_of_this_machine_are_allowed(address: str) -> None:
    cluster._check_address(address, insecure=False)


def test_insecure_addresses_are_allowed_on_request() -> None:
    cluster._check_address("tcp://192.0.2.1:8786", insecure=True)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--scheduler", "tcp://192.0.2.1:8786"], 2, "without TLS"),
        (["--scheduler", "tcp://127.0.0.1:1"], 5, "no scheduler answered within 0.2 s"),
        (["--scheduler", "tcp://127.0.0.1:1", "--workers", "2"], 2, "give one of them"),
        (["--workers", "2", "--insecure"], 2, "--insecure without --scheduler"),
    ],
)
def test_the_command_ends_in_a_line(
    words: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.2)
    paths = [tmp_path / name for name in ("content.png", "style.png")]
    for path, pixels in zip(paths, (CONTENT, STYLE), strict=True):
        Image.fromarray(pixels).save(path)
    assert main(["giant", *map(str, paths), "-o", str(tmp_path / "out.tif"), *words]) == code
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def _make_certificate(folder: Path, name: str, *, issuer: str | None = None) -> None:
    """Make a key and a certificate for 127.0.0.1, signed by ``issuer`` or by itself."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}"]
    words += ["-keyout", str(key), "-out", str(certificate), "-addext", "subjectAltName=IP:127.0.0.1"]
    if issuer is not None:
        words += ["-CA", str(folder / f"{issuer}.pem"), "-CAkey", str(folder / f"{issuer}.key")]
        words += ["-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(words, check=True, capture_output=True)


def _configuration(folder: Path, *, authority: str, name: str) -> dict[str, object]:
    """Return dask's configuration of a client, as docs/giant.md shows it."""
    return {
        "distributed.comm.tls.ca-file": str(folder / f"{authority}.pem"),
        "distributed.comm.tls.client.cert": str(folder / f"{name}.pem"),
        "distributed.comm.tls.client.key": str(folder / f"{name}.key"),
    }


@pytest.mark.long
def test_a_cluster_with_certificates(painted: Tensor, tmp_path: Path) -> None:
    """Only a client with a certificate of the same authority is let in."""
    _make_certificate(tmp_path, "authority")
    _make_certificate(tmp_path, "giant", issuer="authority")
    _make_certificate(tmp_path, "stranger")
    roles = {
        f"tls_{role}_{kind}": str(tmp_path / f"giant.{end}")
        for role in ("scheduler", "worker", "client")
        for kind, end in (("cert", "pem"), ("key", "key"))
    }
    security = Security(tls_ca_file=str(tmp_path / "authority.pem"), require_encryption=True, **roles)
    with _cluster_of(2, protocol="tls://", security=security) as workers:
        address = workers.scheduler_address
        assert address.startswith("tls://127.0.0.1:")
        refused = dask.config.set(_configuration(tmp_path, authority="authority", name="stranger"))
        with refused, pytest.raises(ClusterError, match="no scheduler answered within 1 s"):
            cluster_at(address, seconds=1).__enter__()
        let_in = dask.config.set(_configuration(tmp_path, authority="authority", name="giant"))
        with let_in, cluster_at(address) as workers_by_tls:
            assert torch.equal(_paint(tmp_path / "store", workers_by_tls.run_parts), painted)


def test_progress_counts_pixels_and_passes(tmp_path: Path) -> None:
    """Worked by hand: a survey of both areas took 30 s."""
    times = iter([0.0, 0.0, 0.0, 30.0, 30.0, 40.0])
    manifest = plan_giant(CONTENT, STYLE, settings=SETTINGS, options=AREAS)
    progress = Progress(tmp_path, manifest, clock=lambda: next(times))
    steps = {step.name: step for step in steps_of(tmp_path, manifest, 1)}
    survey = steps["size-1/survey-0"].parts
    progress.begin_step(steps["size-1/style-0"].parts)  # it is done
    progress.begin_step([])
    for part in survey:
        progress.finish(part)
    # The first survey costs 0.95 evaluations, painting 1, and the last survey 0.6.
    assert progress.seconds_left == pytest.approx(30 * (1 + 0.6) / 0.95)
    height, width = 64 + 16, 200 + 16  # with the margin of the canvas
    assert progress.megapixels_a_minute == pytest.approx(60 * height * width / 30 / 1e6)
