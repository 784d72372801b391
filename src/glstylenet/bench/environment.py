"""Environment: the machine and the versions of a measurement."""

import importlib.metadata
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

import glstylenet
from glstylenet.machine import choose_device
from glstylenet.settings import Settings

__all__ = ["Environment", "describe_environment"]

_PACKAGES = ("numpy", "scipy", "pillow")


@dataclass(frozen=True)
class Environment:
    """`Environment` describes the machine and the versions of a measurement.

    ``processor``: the model's name; ``cores``: logical ones that this process may use; ``threads`` of
    PyTorch; ``memory_bytes`` of the machine; ``gpu``: its name if the run uses one; ``precision`` of the
    default run; ``versions`` by package.
    """

    platform: str
    processor: str
    cores: int
    threads: int
    memory_bytes: int
    device: str
    gpu: str | None
    precision: str
    versions: dict[str, str]


def describe_environment(settings: Settings) -> Environment:
    """Describe this machine as a run with ``settings`` would use it."""
    device = choose_device(settings.device, settings.precision)
    return Environment(
        platform=platform.platform(),
        processor=_processor(),
        cores=_cores(),
        threads=torch.get_num_threads(),
        memory_bytes=int(psutil.virtual_memory().total),
        device=str(device.torch_device),
        gpu=torch.cuda.get_device_name(device.torch_device) if device.torch_device.type == "cuda" else None,
        precision=device.precision,
        versions={
            "glstylenet": glstylenet.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,  # with its build, such as +cpu, which the package's metadata lack
            **{package: importlib.metadata.version(package) for package in _PACKAGES},
        },
    )


def _cores() -> int:
    """Count the cores that this process may use: in a container often fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor(listing: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's model name, or the architecture where the system does not name the model."""
    try:
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:  # no Linux
        pass
    return platform.processor() or platform.machine()
