"""Checkpoints: the folder that keeps the state of a run, from the command line's side."""

import contextlib
import os
from pathlib import Path

from glstylenet.errors import OutputError
from glstylenet.files import claim_output
from glstylenet.run import checkpoint_file, remove_checkpoint

__all__ = ["check_checkpoint", "claim_checkpoint", "discard_checkpoint", "resume_hint"]


def check_checkpoint(folder: Path, *, may_exist: bool) -> None:
    """Raise :class:`~glstylenet.errors.OutputError` if ``folder`` holds a state that must not be lost."""
    file = checkpoint_file(folder)
    if os.path.lexists(file) and not may_exist:
        raise OutputError(
            f"{file}: is the checkpoint of a run that was interrupted; continue it with --resume, give "
            f"--overwrite to begin anew, or choose another folder"
        )


def claim_checkpoint(folder: Path | None) -> contextlib.AbstractContextManager[None]:
    """Return a context that reserves the checkpoint in ``folder`` for a run; without one it does nothing."""
    return (
        contextlib.nullcontext()
        if folder is None
        else claim_output(checkpoint_file(folder), make_folder=True)
    )


def discard_checkpoint(folder: Path) -> str | None:
    """Remove the checkpoint of a run whose result is written; return a warning if that failed."""
    try:
        remove_checkpoint(folder)
    except OutputError as error:
        return str(error)
    return None


def resume_hint(folder: Path | None) -> str:
    """Return how to continue the run whose checkpoint is in ``folder``; "" if there is none."""
    if folder is None or not os.path.exists(checkpoint_file(folder)):
        return ""
    return (
        f"its state is in {checkpoint_file(folder)}: to go on, give the same command with "
        f"--resume --overwrite"
    )
