"""Where a run computes: "auto" resolved, a device that is not there refused."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

import glstylenet
from glstylenet.errors import UsageError
from glstylenet.machine.device import (
    Device,
    _peak_of_program,
    _room_in_container,
    available_memory,
    choose_device,
    every_device,
    has_fast_bfloat16,
    out_of_memory,
    peak_memory,
)

CPU = torch.device("cpu")


def _machine(monkeypatch: pytest.MonkeyPatch, *, cuda: int, **capabilities: bool) -> None:
    """A machine with ``cuda`` CUDA devices and a CPU with ``capabilities``."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)


def test_auto_takes_the_cpu_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, cuda=0)
    assert choose_device("auto", "float32") == Device(CPU, "float32")


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, cuda=1)
    assert choose_device("auto", "float32").torch_device == torch.device("cuda")


@pytest.mark.parametrize(("name", "count"), [("cuda:5", 2), ("cuda:2", 2), ("cuda", 0), ("cuda:0", 0)])
def test_a_gpu_that_is_not_there(name: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, cuda=count)
    with pytest.raises(UsageError, match=rf"--device {name} .* sees {count} .*--device cpu.*auto") as caught:
        choose_device(name, "float32")
    assert caught.value.exit_code == 2


def test_the_last_gpu_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, cuda=2)
    assert choose_device("cuda:1", "float32").torch_device == torch.device("cuda:1")


@pytest.mark.parametrize(
    ("count", "asked", "used"),
    [
        (0, "auto", ["auto"]),
        (1, "auto", ["auto"]),
        (3, "auto", ["cuda:0", "cuda:1", "cuda:2"]),
        (3, "cuda:1", ["cuda:1"]),
        (3, "cpu", ["cpu"]),
    ],
)
def test_every_device(count: int, asked: str, used: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, cuda=count)
    assert every_device(asked) == used


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"amx_bf16": True}, "bfloat16"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"avx2": True, "avx512_bf16": False}, "float32"),
        ({}, "float32"),
    ],
)
def test_precision_auto_on_a_cpu(
    capabilities: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _machine(monkeypatch, cuda=0, **capabilities)
    assert choose_device("cpu", "auto").precision == precision


def test_a_torch_that_cannot_tell_gets_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not has_fast_bfloat16(CPU)


@pytest.mark.parametrize("supported", [True, False])
def test_precision_auto_on_a_gpu(supported: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, cuda=1)
    asked: list[bool] = []

    def is_supported(*, including_emulation: bool = True) -> bool:
        asked.append(including_emulation)
        return supported

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    assert choose_device("cuda", "auto").precision == ("bfloat16" if supported else "float32")
    assert asked == [False]  # an emulation would be slower than float32


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_stated_precision_is_taken(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, cuda=0, avx512_bf16=precision == "float32")
    assert choose_device("cpu", precision).precision == precision


def test_dtype() -> None:
    assert Device(CPU, "float32").dtype is torch.float32
    assert Device(CPU, "bfloat16").dtype is torch.bfloat16


def test_memory_is_told_in_bytes() -> None:
    total = psutil.virtual_memory().total
    assert 2**20 < available_memory(CPU) <= total
    # This process has torch loaded: more than 50 MiB, were it counted in KiB it would be far less.
    assert 50 * 2**20 < peak_memory(CPU) < 2 * total


def _group(
    folder: Path, limit: str, used: int, names: tuple[str, str] = ("memory.max", "memory.current")
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")


@pytest.mark.parametrize(
    ("own_groups", "room"),
    [
        (None, 600_000),  # no list of groups: the root's own limit
        ("0::/\n", 600_000),
        ("0::/slice/job\n", 40_000),  # the group's own
        ("0::/slice/roomy\n", 70_000),  # that of the group around it
        ("0::/elsewhere/job\n", 600_000),
        ("0::/../other\n", 600_000),
        ("12:pids:/x\n5:cpu,memory:/docker/one\n1:name=systemd:/x\n", 9_000),  # version 1
        ("5:memory:/docker\n0::/slice/job\n", 40_000),  # both versions side by side
        ("5:memory:/\n", 600_000),
        ("nonsense\n\n::\n", 600_000),
    ],
)
def test_a_container_has_less_than_the_machine(tmp_path: Path, own_groups: str | None, room: int) -> None:
    root, version_1 = tmp_path / "cgroup", ("memory.limit_in_bytes", "memory.usage_in_bytes")
    _group(root, "1000000", 400_000)
    _group(root / "slice", "100000", 30_000)
    _group(root / "slice" / "job", "50000", 10_000)
    _group(root / "slice" / "roomy", "max", 10_000)
    _group(root / "memory", "9223372036854771712", 1_000_000, version_1)
    _group(root / "memory" / "docker", "80000", 10_000, version_1)
    _group(root / "memory" / "docker" / "one", "10000", 1_000, version_1)
    groups = tmp_path / "groups"
    if own_groups is not None:
        groups.write_text(own_groups)
    assert _room_in_container(root, groups) == room


def test_a_machine_without_containers_has_all_its_memory(tmp_path: Path) -> None:
    assert _room_in_container(tmp_path / "nowhere", tmp_path / "nothing") > 2**60
    _group(tmp_path, "max", 1)
    assert _room_in_container(tmp_path, tmp_path / "nothing") > 2**60
    _group(tmp_path, "1000", 2000)
    assert _room_in_container(tmp_path, tmp_path / "nothing") == 0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA"), True),
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("The size of tensor a (3) must match"), False),
        (ValueError("could not create a primitive"), False),
    ],
)
def test_out_of_memory_is_told_by_type_or_text(error: BaseException, expected: bool) -> None:
    assert out_of_memory(error) == expected


def test_a_peak_is_the_program_s_own(tmp_path: Path) -> None:
    """getrusage hands a parent's peak down to its children; the status file does not."""
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t 9000 kB\nVmHWM:\t 1234 kB\nVmRSS:\t 1000 kB\n")
    assert _peak_of_program(status) == 1234 * 1024
    status.write_text("Name:\tpython\n")
    assert _peak_of_program(status) is None
    assert _peak_of_program(tmp_path / "nowhere") is None


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_a_child_does_not_begin_with_its_parent_s_peak() -> None:
    held = b"x" * (400 * 2**20)
    program = (
        "import torch; from glstylenet.machine.device import peak_memory; "
        "print(peak_memory(torch.device('cpu')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(glstylenet.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < peak_memory(CPU) - len(held) // 2
