"""Archive: a run's files as downloads: a zip file with everything that repeats it, and its result as JPEG."""

import tempfile
import zipfile
from pathlib import Path
from typing import IO

from glstylenet.errors import ImageError
from glstylenet.pictures import read_picture, read_recipe, write_picture
from glstylenet.studio.job import Job
from glstylenet.studio.storage import Storage

__all__ = ["as_jpeg", "write_archive"]

_RESULT = "result/"
"""The folder of what was painted: the command refuses to replace a picture that is there."""


def write_archive(file: IO[bytes], job: Job, folder: Path) -> None:
    """Write the inputs, the maps, the result, its recipe and the command of ``job`` into a zip ``file``.

    ``folder`` is the job's. What a run does not have is left out: maps, or a result that is not there yet.
    """
    # Pictures are compressed already.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("command.txt", f"{job.command}\n")
        for name in (*(f"{role}.png" for role in job.pictures), "start.png"):
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


def as_jpeg(picture: Path, storage: Storage) -> bytes:
    """Return a result as the bytes of a JPEG file with the same recipe, one at a time in memory.

    Raises :class:`~glstylenet.errors.ImageError` if ``picture`` cannot be read, and
    :class:`~glstylenet.studio.limiter.BusyError` if too many wait.
    """
    with storage.limiter.slot(), tempfile.TemporaryDirectory(prefix="glstylenet-") as folder:
        read = read_picture(picture, max_pixels=storage.max_pixels)
        place = Path(folder, "result.jpg")
        write_picture(place, read.pixels, alpha=read.alpha, recipe=_recipe(picture))
        return place.read_bytes()
