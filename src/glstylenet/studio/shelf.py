"""Shelf: the folder that pictures and jobs live in. Every name in it is the server's own."""

import json
import re
import secrets
import shutil
import threading
from pathlib import Path

from glstylenet.errors import ImageError, OutputError
from glstylenet.images import read_picture
from glstylenet.outputs import write_picture
from glstylenet.replacement import write_text
from glstylenet.studio.job import ACTIVE, Job

__all__ = ["QUOTA", "FullError", "Shelf"]

QUOTA = 5 * 2**30
"""Bytes that the folder may take, by default; the oldest finished jobs make room."""

_NAME = re.compile(r"[A-Za-z0-9_-]{22}")  # what token_urlsafe(16) makes


class FullError(OutputError):
    """The folder has reached its quota, and nothing in it may be removed."""


class Shelf:
    """``root/pictures/<id>.png`` and ``root/jobs/<id>/``. Ids hold 128 random bits."""

    def __init__(self, root: Path, *, quota: int = QUOTA, max_pixels: int = 40_000_000) -> None:
        self.quota, self.max_pixels = quota, max_pixels
        self._pictures, self._jobs = root / "pictures", root / "jobs"
        self._lock = threading.Lock()
        try:
            for folder in (self._pictures, self._jobs):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{root}: the folder cannot be made ({error.strerror}); choose another one with --data"
            ) from error

    def new_id(self) -> str:
        """A name that cannot be guessed."""
        return secrets.token_urlsafe(16)

    def keep_picture(self, upload: Path) -> dict[str, object]:
        """Read an uploaded file as a picture, whatever its name, and keep it as PNG.

        Raises :class:`~glstylenet.errors.ImageError` if it is none or has too many pixels, and
        :class:`FullError`.
        """
        try:
            picture = read_picture(upload, max_pixels=self.max_pixels)
        except ImageError as error:
            raise ImageError(str(error).replace(str(upload), "the upload")) from error
        self.make_room(upload.stat().st_size)
        name = self.new_id()
        place = self._pictures / f"{name}.png"
        write_picture(place, picture.pixels, alpha=picture.alpha)
        height, width = picture.size
        return {
            "id": name,
            "width": width,
            "height": height,
            "bytes": place.stat().st_size,
            "url": f"/api/pictures/{name}",
        }

    def picture(self, name: str) -> Path | None:
        """The file of a picture that was kept."""
        place = self._pictures / f"{name}.png"
        return place if _NAME.fullmatch(name) and place.is_file() else None

    def folder(self, name: str) -> Path | None:
        """The folder of a job."""
        place = self._jobs / name
        return place if _NAME.fullmatch(name) and (place / "job.json").is_file() else None

    def make_folder(self, name: str) -> Path:
        """For a new job."""
        place = self._jobs / name
        place.mkdir()
        return place

    def write(self, job: Job) -> None:
        """Note how far ``job`` is, at once or not at all."""
        write_text(self._jobs / job.id / "job.json", json.dumps(job.as_dict()), overwrite=True)

    def remove(self, name: str) -> None:
        """A job with all it has."""
        shutil.rmtree(self._jobs / name, ignore_errors=True)

    def read(self) -> list[Job]:
        """All jobs, oldest first; a folder that holds no readable one is passed over."""
        jobs = []
        for file in self._jobs.glob("*/job.json"):
            try:
                job = Job.from_dict(json.loads(file.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError):
                continue
            if job.id == file.parent.name:
                jobs.append(job)
        return sorted(jobs, key=lambda job: job.created)

    def make_room(self, more: int) -> None:
        """Remove the oldest finished jobs, then pictures of no job, until ``more`` bytes fit.

        Raises :class:`FullError` if they do not even then.
        """
        with self._lock:
            used = self._used()
            if used + more <= self.quota:
                return
            for job in [job for job in self.read() if job.state not in ACTIVE]:
                self.remove(job.id)
                if self._used() + more <= self.quota:
                    return
            for file in sorted(self._pictures.glob("*.png"), key=lambda file: file.stat().st_mtime):
                file.unlink(missing_ok=True)
                if self._used() + more <= self.quota:
                    return
        raise FullError("the studio's folder is full; wait for a run to end, or delete runs")

    def _used(self) -> int:
        return sum(
            file.stat().st_size
            for folder in (self._pictures, self._jobs)
            for file in folder.rglob("*")
            if file.is_file()
        )
