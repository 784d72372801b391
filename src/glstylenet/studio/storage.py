"""Storage: the folder of pictures and jobs, in which the server chooses every name."""

import contextlib
import json
import os
import re
import secrets
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter

from glstylenet.errors import ImageError, MemoryLimitError, OutputError
from glstylenet.files import claim_output, open_regular, parse_json, write_text
from glstylenet.pictures import read_picture, write_picture
from glstylenet.studio.job import ACTIVE, Job
from glstylenet.studio.limiter import Limiter

__all__ = ["QUOTA", "FullError", "Storage"]

_JOB = TypeAdapter(Job)
"""The schema of a job's file."""


QUOTA = 5 * 2**30
"""The most bytes of the folder by default; beyond, the oldest finished jobs are removed."""


_NAME = re.compile(r"[A-Za-z0-9_-]{22}")  # what token_urlsafe(16) makes


class FullError(OutputError):
    """The folder has reached its quota, and nothing in it can be removed."""


class Storage:
    """`Storage` keeps ``root/pictures/<id>.png`` and ``root/jobs/<id>/``. Ids have 128 random bits."""

    def __init__(self, root: Path, *, quota: int = QUOTA, max_pixels: int = 40_000_000) -> None:
        self.quota, self.max_pixels = quota, max_pixels
        self.limiter = Limiter()
        self._root = root
        self._pictures, self._jobs = root / "pictures", root / "jobs"
        self._lock = threading.Lock()
        try:
            for folder in (self._pictures, self._jobs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # readable by this user only
        except OSError as error:
            raise OutputError(
                f"{root}: the folder cannot be made ({error.strerror}); choose another one with --data"
            ) from error

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Lock the folder for this server, and remove incomplete jobs of an earlier one.

        Raises :class:`~glstylenet.errors.OutputError` if another server has it: both would run its jobs.
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
        """Return a new name that cannot be guessed."""
        return secrets.token_urlsafe(16)

    def keep_picture(self, upload: Path) -> dict[str, object]:
        """Read an uploaded file as a picture, whatever its name, and store it as PNG.

        Raises :class:`~glstylenet.errors.ImageError` if it is not a picture or has too many pixels,
        :class:`~glstylenet.errors.MemoryLimitError` if it needs too much memory, and :class:`FullError`.
        """
        name = self.new_id()
        place = self._pictures / f"{name}.png"
        with self.limiter.slot():
            try:
                picture = read_picture(upload, max_pixels=self.max_pixels)
            except (ImageError, MemoryLimitError) as error:
                raise type(error)(str(error).replace(str(upload), "the upload")) from error
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
        """Return the file of a stored picture; ``None`` for an unknown name."""
        place = self._pictures / f"{name}.png"
        return place if _NAME.fullmatch(name) and place.is_file() else None

    def folder(self, name: str) -> Path | None:
        """Return the folder of a job; ``None`` for an unknown name."""
        place = self._jobs / name
        return place if _NAME.fullmatch(name) and (place / "job.json").is_file() else None

    def log_file(self, name: str) -> Path:
        """Return the file for the messages of a job."""
        return self._jobs / name / "events.jsonl"

    def make_folder(self, name: str) -> Path:
        """Create the folder of a new job."""
        place = self._jobs / name
        place.mkdir()
        return place

    def write(self, job: Job) -> None:
        """Write the state of ``job``, completely or not at all."""
        write_text(self._jobs / job.id / "job.json", json.dumps(job.as_dict()), overwrite=True)

    def remove(self, name: str) -> None:
        """Remove a job with all its files."""
        shutil.rmtree(self._jobs / name, ignore_errors=True)

    def read(self) -> list[Job]:
        """Return all jobs, oldest first; folders without a readable job are skipped."""
        jobs = []
        for file in [folder / "job.json" for folder in self._jobs.iterdir()]:
            try:
                with open_regular(file) as opened:
                    job = parse_json(_JOB, opened.read())
            except (OSError, ValueError):
                continue
            if job.id == file.parent.name:
                jobs.append(job)
        return sorted(jobs, key=lambda job: job.created)

    def make_room(self, more: int) -> None:
        """Remove the oldest finished jobs, then the oldest pictures, until ``more`` bytes fit.

        Raises :class:`FullError` if they still do not.
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
        # Unlike Path.rglob, os.walk skips a folder that is removed meanwhile.
        return sum(
            _size(Path(folder, name))
            for root in (self._pictures, self._jobs)
            for folder, _, names in os.walk(root)
            for name in names
        )


def _size(file: Path) -> int:
    """Return the bytes of ``file``; 0 if it is gone, because the runner replaces files."""
    with contextlib.suppress(OSError):
        return file.stat().st_size
    return 0


def _age(file: Path) -> float:
    """Return when ``file`` was written; 0 if it is gone."""
    with contextlib.suppress(OSError):
        return file.stat().st_mtime
    return 0.0
