"""Storage: the folder that pictures and jobs lie in. Every name in it is the server's own."""

import contextlib
import json
import os
import re
import secrets
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from glstylenet.errors import ImageError, OutputError
from glstylenet.files import claim_output, write_text
from glstylenet.pictures import read_picture, write_picture
from glstylenet.studio.job import ACTIVE, Job
from glstylenet.studio.limiter import Limiter

__all__ = ["QUOTA", "FullError", "Storage"]


QUOTA = 5 * 2**30
"""Bytes that the folder may take, by default; the oldest finished jobs make room."""


_NAME = re.compile(r"[A-Za-z0-9_-]{22}")  # what token_urlsafe(16) makes


class FullError(OutputError):
    """The folder has reached its quota, and nothing in it may be removed."""


class Storage:
    """``root/pictures/<id>.png`` and ``root/jobs/<id>/``. Ids hold 128 random bits."""

    def __init__(self, root: Path, *, quota: int = QUOTA, max_pixels: int = 40_000_000) -> None:
        self.quota, self.max_pixels = quota, max_pixels
        self.limiter = Limiter()
        self._root = root
        self._pictures, self._jobs = root / "pictures", root / "jobs"
        self._lock = threading.Lock()
        try:
            for folder in (self._pictures, self._jobs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # for nobody else to look into
        except OSError as error:
            raise OutputError(
                f"{root}: the folder cannot be made ({error.strerror}); choose another one with --data"
            ) from error

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the folder for this server, and remove what one before left half-made.

        Raises :class:`~glstylenet.errors.OutputError` if another server holds it: both would paint its jobs.
        """
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(claim_output(self._jobs))
            except OutputError as error:
                raise OutputError(
                    f"{self._root}: another studio keeps its runs there; end that one, or choose another "
                    "folder with --data"
                ) from error
            for folder in self._jobs.iterdir():
                if _NAME.fullmatch(folder.name) and not (folder / "job.json").exists():
                    shutil.rmtree(folder, ignore_errors=True)
            yield

    def new_id(self) -> str:
        """A name that cannot be guessed."""
        return secrets.token_urlsafe(16)

    def keep_picture(self, upload: Path) -> dict[str, object]:
        """Read an uploaded file as a picture, whatever its name, and keep it as PNG.

        Raises :class:`~glstylenet.errors.ImageError` if it is none or has too many pixels, and
        :class:`FullError`.
        """
        name = self.new_id()
        place = self._pictures / f"{name}.png"
        with self.limiter.slot():
            try:
                picture = read_picture(upload, max_pixels=self.max_pixels)
            except ImageError as error:
                raise ImageError(str(error).replace(str(upload), "the upload")) from error
            height, width = picture.size
            self.make_room(max(upload.stat().st_size, 3 * height * width))  # a PNG is hardly ever larger
            write_picture(place, picture.pixels, alpha=picture.alpha)
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

    def log_file(self, name: str) -> Path:
        """Where the messages of a job are kept."""
        return self._jobs / name / "events.jsonl"

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
        for file in [folder / "job.json" for folder in self._jobs.iterdir()]:
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
            for file in sorted(self._pictures.glob("*.png"), key=_age):
                file.unlink(missing_ok=True)
                if self._used() + more <= self.quota:
                    return
        raise FullError("the studio's folder is full; wait for a run to end, or delete runs")

    def _used(self) -> int:
        # Unlike Path.rglob, os.walk passes over a folder that is removed meanwhile.
        return sum(
            _size(Path(folder, name))
            for root in (self._pictures, self._jobs)
            for folder, _, names in os.walk(root)
            for name in names
        )


def _size(file: Path) -> int:
    """Bytes of ``file``; 0 once it is gone: the runner replaces files meanwhile."""
    with contextlib.suppress(OSError):
        return file.stat().st_size
    return 0


def _age(file: Path) -> float:
    """When ``file`` was written."""
    with contextlib.suppress(OSError):
        return file.stat().st_mtime
    return 0.0
