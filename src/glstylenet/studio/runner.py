"""Runner: paints queued jobs, one at a time on each device, and tells whoever listens."""

import contextlib
import io
import shutil
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from glstylenet.errors import GLStyleNetError, UsageError
from glstylenet.files import replacing
from glstylenet.pictures import write_picture
from glstylenet.run import Event, Result, Started, Step, Warned, make_recipe, stylize
from glstylenet.settings import Settings
from glstylenet.studio.event_log import Message, Record
from glstylenet.studio.job import ACTIVE, FINISHED, Job
from glstylenet.studio.limiter import BusyError
from glstylenet.studio.storage import Storage

__all__ = ["Runner"]

_PREVIEW_SECONDS = 0.5
_NOTED_SECONDS = 5.0
_LONGEST_PREVIEW = 1024
_THUMBNAIL = 240
_CLOSING_SECONDS = 60.0


@dataclass
class _Live:
    """A job in memory, and what was told of it."""

    job: Job
    record: Record
    stop: bool = False


class Runner:
    """Paints the jobs on ``shelf`` in the order of their coming, at most ``most_queued`` waiting.

    ``machines``: for each device the settings that the server chooses; each has a thread of its own.
    Jobs that a server before left unfinished are queued again and go on from their checkpoints.
    """

    def __init__(
        self, shelf: Storage, machines: Sequence[Mapping[str, object]], *, most_queued: int = 20
    ) -> None:
        self._shelf, self._most_queued = shelf, most_queued
        self._changed = threading.Condition()
        self._queue: deque[str] = deque()
        self._closing = False
        self._live = {job.id: _Live(job, Record(shelf.record(job.id))) for job in shelf.read()}
        for live in self._live.values():
            if live.job.state in ACTIVE or live.job.state == "interrupted":
                live.job.state = "queued"
                self._queue.append(live.job.id)
                self.note(live.job)  # what waits is not removed to make room
        self._threads = [
            threading.Thread(target=self._work, args=(machine,), name=f"runner {number}", daemon=True)
            for number, machine in enumerate(machines)
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop the jobs under way after their evaluation; they and those that wait are resumed next time."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        end = time.monotonic() + _CLOSING_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))

    def add(self, job: Job) -> None:
        """Queue a job whose pictures lie in its folder; raises :class:`BusyError` if too many wait."""
        with self._changed:
            self.check_room()
            self._live[job.id] = _Live(job, Record(self._shelf.record(job.id)))
            self._queue.append(job.id)
            self._shelf.write(job)
            self._changed.notify_all()
        self._tell_state(job.id)

    def check_room(self) -> None:
        """Raise :class:`BusyError` if no job can be queued."""
        if len(self._queue) >= self._most_queued:
            raise BusyError(f"{len(self._queue)} runs wait already; try again when one has ended")

    def shown(self, name: str) -> dict[str, Any] | None:
        """A job for the page."""
        live = self._known(name)
        if live is None:
            return None
        try:
            position = self._queue.index(name) + 1
        except ValueError:
            position = None
        return live.job.shown(position)

    def job(self, name: str) -> Job | None:
        """The job of that name."""
        live = self._known(name)
        return None if live is None else live.job

    def curve(self, name: str) -> list[list[float]]:
        """[evaluation, content, local, global, smoothness] after each evaluation."""
        live = self._known(name)
        return [] if live is None else live.record.curve()

    def messages(self, name: str, after: int) -> list[Message]:
        """What was told of a job later than message number ``after``."""
        live = self._known(name)
        return [] if live is None else live.record.after(after)

    def stop(self, name: str) -> None:
        """End a job early; what it has is its result."""
        with self._changed:
            live = self._live.get(name)
            if live is None:
                return
            if live.job.state == "queued":
                self._queue.remove(name)
                live.job.state = "stopped"
            elif live.job.state == "running":
                live.stop, live.job.state = True, "stopping"
            else:
                return
            self._shelf.write(live.job)
        self._tell_state(name)

    def resume(self, name: str) -> None:
        """Queue a job again that was interrupted or failed; from its checkpoint, if it has one."""
        with self._changed:
            live = self._live.get(name)
            if live is None or live.job.state in ACTIVE or live.job.state == "done":
                return
            self.check_room()
            live.job.state, live.job.error, live.stop = "queued", None, False
            self._queue.append(name)
            self._shelf.write(live.job)
            self._changed.notify_all()
        self._tell_state(name)

    def forget(self, name: str) -> None:
        """Remove a job with all it has; a running one is stopped first."""
        live = self._live.get(name)
        self.stop(name)
        while live is not None and live.job.state == "stopping":
            time.sleep(0.05)
        self._live.pop(name, None)
        self._shelf.remove(name)

    def _known(self, name: str) -> _Live | None:
        """The job of that name, unless the shelf has removed it to make room."""
        live = self._live.get(name)
        if live is not None and live.job.state in FINISHED and self._shelf.folder(name) is None:
            self._live.pop(name, None)
            return None
        return live

    def _work(self, machine: Mapping[str, object]) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                live = self._live[self._queue.popleft()]
                live.job.state = "running"
            self.note(live.job)
            self._tell_state(live.job.id)
            self._paint(live, machine)

    def _paint(self, live: _Live, machine: Mapping[str, object]) -> None:
        job, began, before = live.job, time.monotonic(), live.job.seconds
        try:
            painter = _Painter(self, live, machine, began)
            result = painter.paint()
            if result.interrupted and self._closing and not live.stop:
                job.state = "interrupted"
            else:
                painter.keep(result)
                job.state = "stopped" if result.interrupted else "done"
        except (GLStyleNetError, MemoryError) as error:
            job.state = "failed"
            job.error = self.without_paths(job, str(error)) or "the machine ran out of memory"
        except Exception as error:  # the thread must live on, whatever befell this job
            job.state, job.error = "failed", f"internal error: {type(error).__name__}: {error}"
        job.seconds = before + time.monotonic() - began
        with contextlib.suppress(GLStyleNetError):
            self._shelf.write(job)
        self._tell_state(job.id)
        if job.state in FINISHED:
            self.tell(live, "end", {"state": job.state})
            live.record.rest()

    def should_stop(self, live: _Live) -> bool:
        """Whether ``live`` was asked to stop, or the server is."""
        return live.stop or self._closing

    def note(self, job: Job) -> None:
        """Write ``job`` down; a disk that is full must not end a run."""
        with contextlib.suppress(GLStyleNetError):
            self._shelf.write(job)

    def place(self, job: Job) -> Path:
        """The job's folder."""
        folder = self._shelf.folder(job.id)
        if folder is None:
            raise UsageError(f"the run {job.id} is no longer there")
        return folder

    def without_paths(self, job: Job, text: str) -> str:
        """``text`` without the job's own folder, which says nothing to whoever opens the page."""
        return text.replace(f"{self._shelf.record(job.id).parent}/", "")

    def tell(self, live: _Live, kind: str, content: dict[str, Any]) -> None:
        """Leave a message for whoever listens."""
        live.record.tell(kind, content)

    def _tell_state(self, name: str) -> None:
        shown = self.shown(name)
        live = self._live.get(name)
        if shown is not None and live is not None:
            self.tell(live, "state", shown)


class _Painter:
    """One run of one job on one device: its listener, and what it leaves in the folder."""

    def __init__(self, runner: Runner, live: _Live, machine: Mapping[str, object], began: float) -> None:
        self._runner, self._live, self._machine, self._began = runner, live, machine, began
        self._paid = live.job.seconds
        self._folder = runner.place(live.job)
        self._previewed = self._noted = 0.0
        self._scales = 1

    def paint(self) -> Result:
        """Paint, from the checkpoint if there is one."""
        job, folder = self._live.job, self._folder
        files = {role: folder / f"{role}.png" for role in job.pictures}
        settings = Settings(**{**job.settings, **self._machine})
        if (folder / "start.png").is_file():
            settings = settings.replace(init=str(folder / "start.png"))
        checkpoint = folder / "checkpoint"
        return stylize(
            files["content"] if files["content"].is_file() else None,
            files["style"],
            content_map=files["content_map"] if files["content_map"].is_file() else None,
            style_map=files["style_map"] if files["style_map"].is_file() else None,
            settings=settings,
            on_event=self.hear,
            should_stop=lambda: self._runner.should_stop(self._live),
            checkpoint=checkpoint,
            resume=checkpoint.is_dir() and any(checkpoint.iterdir()),
        )

    def keep(self, result: Result) -> None:
        """Write the result, 8 and 16 bits, and note its losses."""
        job, folder = self._live.job, self._folder
        for name, bits in (("result.png", 8), ("result.tiff", 16)):
            recipe = make_recipe(result, folder=folder, bits=bits)
            write_picture(
                folder / name, result.pixels, alpha=result.alpha, bits=bits, recipe=recipe, overwrite=True
            )
        self._preview(result.pixels, job.preview + 1)
        job.losses, job.has_result = result.losses.as_dict(), True
        if not result.interrupted:  # what was stopped can still go on
            shutil.rmtree(folder / "checkpoint", ignore_errors=True)

    def hear(self, event: Event) -> None:
        """Pass events on to the page."""
        job, now = self._live.job, time.monotonic()
        match event:
            case Started():
                job.height, job.width = event.scales[-1].size
                self._scales = len(event.scales)
            case Warned():
                message = self._runner.without_paths(job, event.message)
                if message not in job.warnings:  # a run that goes on warns again
                    job.warnings.append(message)
                    self._runner.tell(self._live, "warning", {"message": message})
            case Step():
                self._hear_step(event)
                if now - self._previewed >= _PREVIEW_SECONDS or event.evaluation == event.evaluations:
                    self._previewed = now
                    self._preview(event.pixels, event.evaluation)
                if now - self._noted >= _NOTED_SECONDS:
                    self._noted = now
                    job.seconds = self._paid + now - self._began
                    self._runner.note(job)

    def _hear_step(self, step: Step) -> None:
        self._live.job.progress = {
            "evaluation": step.evaluation,
            "evaluations": step.evaluations,
            "scale": step.scale,
            "scales": self._scales,
            "seconds_left": round(step.seconds_left, 1),
            "losses": step.terms.as_dict(),
        }
        self._runner.tell(self._live, "progress", self._live.job.progress)

    def _preview(self, pixels: Tensor, number: int) -> None:
        """The picture as it is now, as JPEG, and a thumbnail of it."""
        job = self._live.job
        samples = pixels[0].detach().clamp(0, 255).round().permute(1, 2, 0).cpu().numpy().astype(np.uint8)
        image = Image.fromarray(samples)
        with contextlib.suppress(GLStyleNetError):  # a preview is not worth the run
            for name, longest in (("preview.jpg", _LONGEST_PREVIEW), ("thumbnail.jpg", _THUMBNAIL)):
                smaller = image.copy()
                smaller.thumbnail((longest, longest))
                buffer = io.BytesIO()
                smaller.save(buffer, "JPEG", quality=90, subsampling=0)
                with replacing(self._folder / name, overwrite=True) as file:
                    file.write(buffer.getvalue())
            job.preview = number
            url = f"/api/jobs/{job.id}/preview.jpg?n={number}"
            self._runner.tell(self._live, "preview", {"url": url, "evaluation": number})
