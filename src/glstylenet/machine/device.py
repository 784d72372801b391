"""Device: where a run computes, in which precision, and how much memory there is."""

import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from glstylenet.errors import UsageError
from glstylenet.machine.malloc import MemoryPool, process_memory

__all__ = [
    "ALLOCATOR",
    "Device",
    "available_memory",
    "choose_device",
    "every_device",
    "has_fast_bfloat16",
    "memory_pool",
    "out_of_memory",
    "peak_memory",
]


ALLOCATOR = threading.RLock()
"""Held while cached memory of CUDA devices is returned or must not be; one lock for all devices."""


@dataclass(frozen=True)
class Device:
    """`Device` is the resolved choice of where to compute and in which precision; nothing in it is "auto".

    >>> Device(torch.device("cpu"), "bfloat16").dtype
    torch.bfloat16
    """

    torch_device: torch.device
    precision: str

    @property
    def dtype(self) -> torch.dtype:
        """The type of the network's weights and features."""
        return torch.bfloat16 if self.precision == "bfloat16" else torch.float32


def choose_device(device: str, precision: str) -> Device:
    """Resolve the settings ``device`` and ``precision``, where "auto" means the best that this machine has.

    Raises :class:`~glstylenet.errors.UsageError` if ``device`` is a CUDA device that does not exist.

    >>> choose_device("cpu", "float32")
    Device(torch_device=device(type='cpu'), precision='float32')
    """
    name = device
    if device == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind == "cuda":
        count = torch.cuda.device_count()
        # Parsed from the text: torch.device keeps eight bits of the number, and cuda:256 would be cuda:0.
        if int(number or 0) >= count:
            raise UsageError(
                f"--device {device} asks for a CUDA device, and PyTorch sees {count} of them here; "
                f"use --device cpu, or --device auto to take what there is"
            )
    chosen = torch.device(name)
    if precision == "auto":
        precision = "bfloat16" if has_fast_bfloat16(chosen) else "float32"
    return Device(chosen, precision)


def every_device(device: str) -> list[str]:
    """Return the devices that a program may use side by side: all GPUs for "auto", otherwise ``device``.

    >>> every_device("cpu")
    ['cpu']
    """
    if device == "auto" and torch.cuda.is_available() and torch.cuda.device_count() > 1:
        return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return [device]


def has_fast_bfloat16(device: torch.device) -> bool:
    """Return whether ``device`` multiplies bfloat16 in hardware; emulated, it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Where torch does not report it (before 2.12, other platforms), float32 is the safe choice.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def available_memory(device: torch.device) -> int:
    """Return the bytes of ``device`` that this process could still allocate, on a CPU without swapping."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        # PyTorch returns what it caches when needed; a process may be limited to a part of the memory.
        in_use = torch.cuda.memory_allocated(device)
        unused = torch.cuda.memory_reserved(device) - in_use
        number = torch.cuda.current_device() if device.index is None else device.index
        allowed = int(total * torch.cuda.memory.get_per_process_memory_fraction(number))
        return max(0, min(free + unused, allowed - in_use))
    return min(int(psutil.virtual_memory().available), _room_in_container())


def _room_in_container(root: Path = Path("/sys/fs/cgroup"), groups: Path = Path("/proc/self/cgroup")) -> int:
    """Return the bytes left under the limits of Linux containers, which the machine's figures do not include.

    ``groups`` names this process's control groups, ``root`` is where they are mounted. Every group limits
    those inside it, so the least room of all groups from this process's up to the root counts.
    """
    try:
        lines = groups.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    room = sys.maxsize
    for line in [*lines, "0::/"]:  # a container may see its own group as the root, whatever it is called
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if not controllers:
            mount, files = root, ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):  # version 1
            mount, files = root / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        parts = [part for part in name.split("/") if part not in ("", ".", "..")]
        rooms = (_room_in_group(mount.joinpath(*parts[:depth]), *files) for depth in range(len(parts) + 1))
        room = min(room, *rooms)
    return room


def _room_in_group(group: Path, limit: str, usage: str) -> int:
    try:
        allowed = int((group / limit).read_text(encoding="ascii"))
        used = int((group / usage).read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such file, or no limit ("max")
        return sys.maxsize
    return max(0, allowed - used)


def _empty_cache() -> None:
    with ALLOCATOR:
        torch.cuda.empty_cache()


def memory_pool(device: torch.device) -> MemoryPool:
    """Return the allocator for work on ``device``: PyTorch's on a CUDA device, else this process's."""
    if device.type == "cuda":
        # PyTorch keeps what is freed, but in blocks that do not fit: any tile may need as much as the first.
        return MemoryPool(lambda: torch.cuda.memory_reserved(device), _empty_cache)
    return process_memory()


def out_of_memory(error: BaseException) -> bool:
    """Return whether ``error`` means that the device or the machine has no memory left."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # On the CPU the text is the only sign.
    signs = (
        "allocate memory",
        "not enough memory",
        "out of memory",
        "bad_alloc",
        "ALLOC_FAILED",
        "could not create a primitive",  # oneDNN, which names no reason
    )
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def peak_memory(device: torch.device) -> int:
    """Return the most bytes held at a time so far, by this process or by PyTorch on a CUDA device."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_reserved(device))
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    if (peak := _peak_of_program()) is not None:
        return peak
    import resource  # noqa: PLC0415 - exists on Unix only

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(largest if sys.platform == "darwin" else largest * 1024)


def _peak_of_program(status: Path = Path("/proc/self/status")) -> int | None:
    """Return the peak from Linux's record of this program alone; ``None`` on other systems.

    The peak of getrusage is inherited: a process begins with that of the process that started it.
    """
    try:
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        [kibibytes] = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
        return int(kibibytes) * 1024
    except (OSError, ValueError, IndexError):
        return None
