"""Sample pictures that ship with the package for the demo and the benchmark; see SOURCES.md."""

import contextlib
import importlib.resources
from pathlib import Path

from glstylenet.errors import InputError

__all__ = ["sample_file"]


def sample_file(name: str, files: contextlib.ExitStack) -> Path:
    """Return the file of the sample ``name``; from a zipped package it is unpacked until ``files`` closes.

    Raises :class:`~glstylenet.errors.InputError` if the installation lacks it.

    >>> with contextlib.ExitStack() as files:
    ...     sample_file("content.png", files).name
    'content.png'
    """
    resource = importlib.resources.files("glstylenet").joinpath("samples", name)
    if not resource.is_file():
        raise InputError(f"the sample {name} is missing from the installed package; reinstall glstylenet")
    return files.enter_context(importlib.resources.as_file(resource))
