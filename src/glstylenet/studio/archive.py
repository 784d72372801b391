"""Archive: a zip file with everything that repeats a run, under the names that its command uses."""

import zipfile
from pathlib import Path
from typing import IO

from glstylenet.errors import ImageError
from glstylenet.pictures import read_recipe
from glstylenet.studio.job import ROLES, Job

__all__ = ["write_archive"]

_RESULT = "result/"
"""The folder of what was painted: the command refuses to replace a picture that is there."""


def write_archive(file: IO[bytes], job: Job, folder: Path) -> None:
    """Write the inputs, the maps, the result, its recipe and the command of ``job`` into a zip ``file``.

    ``folder`` is the job's. What a run does not have is left out: maps, or a result that is not there yet.
    """
    # Pictures are compressed already.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("command.txt", f"{job.command}\n")
        for name in (*(f"{role}.png" for role in ROLES), "start.png"):
            if (folder / name).is_file():
                archive.write(folder / name, name)
        result = folder / "result.png"
        if result.is_file():
            archive.write(result, _RESULT + result.name)
            if (recipe := _recipe(result)) is not None:
                archive.writestr(_RESULT + "recipe.json", recipe)


def _recipe(picture: Path) -> str | None:
    try:
        return read_recipe(picture)
    except ImageError:
        return None
