"""Storage: the folder of pictures and jobs, in which the server chooses every name."""

import contextlib
import json
import os
import re
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter
from torch import Tensor

from glstylenet.errors import ImageError, MemoryLimitError, OutputError
from glstylenet.files import claim_output, open_regular, parse_json, write_text
from glstylenet.pictures import read_picture, write_picture
from glstylenet.studio.job import ACTIVE, Job
from glstylenet.studio.limiter import Limiter

__all__ = ["QUOTA", "FullError", "Storage"]

_JOB = TypeAdapter(Job)
"""The schema of a job's file."""


QUOTA = 5 * 2**30
"""The most bytes of the folder by default; beyond, unused pictures and the oldest finished jobs go."""


_NAME = re.compile(r"[A-Za-z0-9_-]{22}")  # what token_urlsafe(16) makes


_RECENT_SECONDS = 3600.0


class FullError(OutputError):
    """The folder has reached its quota, and nothing in it can be removed."""


class Storage:
    """`Storage` keeps ``root/pictures/<id>.png`` and ``root/jobs/<id>/``. Ids have 128 random bits."""

    def __init__(self, root: Path, *, quota: int = QUOTA, max_pixels: int = 40_000_000) -> None:
        self.quota, self.max_pixels = quota, max_pixels
        self.limiter = Limiter()
        self.busy: set[str] = set()  # ids of jobs whose files a thread of the runner is writing
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

    def keep_pixels(self, pixels: Tensor) -> str:
        """Store ``pixels`` (1, 3, H, W), uint8, as a picture, and return its id; raise :class:`FullError`."""
        name = self.new_id()
        self.make_room(pixels.numel())
        write_picture(self._pictures / f"{name}.png", pixels)
        return name

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
        self.forget(name)
        shutil.rmtree(self._jobs / name, ignore_errors=True)

    def forget(self, name: str) -> None:
        """Remove the state of a job, without which its folder is no job's: the next server removes it."""
        with contextlib.suppress(OSError):
            (self._jobs / name / "job.json").unlink()

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
        """Remove files until ``more`` bytes fit, those first that nobody misses.

        These are pictures that no run uses, then the oldest finished runs, then pictures again; the oldest of
        each go first. A picture that was uploaded within the last hour may be about to be used: it goes last.

        Raises :class:`FullError` if they still do not fit.
        """
        with self._lock:
            files = _Files(self._pictures, self._jobs)
            if files.used + more <= self.quota:
                return
            finished = [job.id for job in self.read() if job.state not in ACTIVE and job.id not in self.busy]
            recent = time.time() - _RECENT_SECONDS
            orphans = [name for name in files.orphans() if files.age(name) < recent]
            for remove, names in ((self.remove_picture, orphans), (self.remove, finished)):
                for name in names:
                    remove(name)
                    files.removed(name)
                    if files.used + more <= self.quota:
                        return
            for name in files.orphans():
                self.remove_picture(name)
                files.removed(name)
                if files.used + more <= self.quota:
                    return
        raise FullError("the studio's folder is full; wait for a run to end, or delete runs")

    def fullness(self) -> dict[str, object]:
        """Return how many bytes there are, how many may be, and what they are."""
        files = _Files(self._pictures, self._jobs)
        orphans = files.orphans()
        return {
            "bytes": files.used,
            "quota": self.quota,
            "runs": len([name for name in files.owned if (self._jobs / name).is_dir()]),
            "pictures": len(list(self._pictures.glob("*.png"))),
            "unused_pictures": {"count": len(orphans), "bytes": sum(map(files.freed_by, orphans))},
        }

    def remove_picture(self, name: str) -> bool:
        """Remove an uploaded picture, and return whether it was there; runs keep their own links."""
        place = self.picture(name)
        if place is None:
            return False
        place.unlink(missing_ok=True)
        return True

    def pictures(self) -> list[str]:
        """Return the names of all uploaded pictures."""
        return [file.stem for file in self._pictures.glob("*.png") if _NAME.fullmatch(file.stem)]


class _Files:
    """The files of a studio's folder: which bytes would be freed by which removal.

    A run has its inputs as hard links of the uploads, whose bytes are there once. ``owned``: by the name of
    each upload and each run its files, as (device, inode). ``used``: the bytes of all.
    """

    def __init__(self, pictures: Path, jobs: Path) -> None:
        self.owned: dict[str, set[tuple[int, int]]] = {}
        self._sizes: dict[tuple[int, int], int] = {}
        self._ages: dict[str, float] = {}
        self._links: Counter[tuple[int, int]] = Counter()
        for root in (pictures, jobs):
            # Unlike Path.rglob, os.walk skips a folder that is removed meanwhile.
            for folder, _, names in os.walk(root):
                for name in names:
                    place = Path(folder, name)
                    owner = place.stem if root == pictures else place.relative_to(root).parts[0]
                    self._add(place, owner)
        self._pictures = [name for name in self._ages if name in self.owned and not (jobs / name).is_dir()]
        self.used = sum(self._sizes.values())

    def _add(self, place: Path, owner: str) -> None:
        with contextlib.suppress(OSError):  # the runner replaces files
            status = place.stat()
            key = status.st_dev, status.st_ino
            self._sizes[key] = status.st_size
            self._ages[owner] = max(self._ages.get(owner, 0.0), status.st_mtime)
            owned = self.owned.setdefault(owner, set())
            if key not in owned:
                owned.add(key)
                self._links[key] += 1

    def age(self, name: str) -> float:
        """Return when the newest file of an owner was written, in seconds since the epoch."""
        return self._ages[name]

    def freed_by(self, name: str) -> int:
        """Return how many bytes the removal of an owner frees."""
        return sum(self._sizes[key] for key in self.owned[name] if self._links[key] == 1)

    def orphans(self) -> list[str]:
        """Return the uploads that no run uses, oldest first."""
        unused = [
            name
            for name in self._pictures
            if name in self.owned and all(self._links[key] == 1 for key in self.owned[name])
        ]
        return sorted(unused, key=self.age)

    def removed(self, name: str) -> None:
        """Take the files of an owner out of the account."""
        self.used -= self.freed_by(name) if name in self.owned else 0
        for key in self.owned.pop(name, ()):
            self._links[key] -= 1
