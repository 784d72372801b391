"""Runner: runs queued jobs, one at a time on each device, and logs their messages."""

import contextlib
import io
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from glstylenet.errors import GLStyleNetError, UsageError
from glstylenet.files import replacing
from glstylenet.numerics import Interrupted, interruptible
from glstylenet.pictures import over_white, write_picture
from glstylenet.run import (
    Event,
    Result,
    Scale,
    Started,
    Step,
    Voted,
    Warned,
    checkpoint_file,
    make_recipe,
    stylize,
)
from glstylenet.settings import Role, Settings
from glstylenet.studio.event_log import EventLog, Message
from glstylenet.studio.job import ACTIVE, FINISHED, Job, repeating_command, styles_of
from glstylenet.studio.limiter import BusyError
from glstylenet.studio.storage import Storage

__all__ = ["Runner"]

_PREVIEW_SECONDS = 0.5
_SAVE_SECONDS = 5.0
_LONGEST_PREVIEW = 1024
_THUMBNAIL = 240
_CLOSING_SECONDS = 3.0
"""How long the server waits for its runs at its end; one that is not saved by then goes on from its
checkpoint, as if the server had been killed."""


@dataclass
class _Entry:
    """A job in memory, with its log."""

    job: Job
    log: EventLog
    stop: bool = False
    deleted: bool = False


class Runner:
    """`Runner` runs the jobs in ``storage`` in the order of their creation.

    At most ``most_queued`` wait. ``machines``: for each device the settings that the server chooses; each has
    a thread of its own. Jobs that an earlier server left unfinished are queued again and continue from their
    checkpoints.
    """

    def __init__(
        self, storage: Storage, machines: Sequence[Mapping[str, object]], *, most_queued: int = 20
    ) -> None:
        self._storage, self._most_queued = storage, most_queued
        self._changed = threading.Condition()
        self._queue: deque[str] = deque()
        self._closing = False
        self._entries = {job.id: _Entry(job, EventLog(storage.log_file(job.id))) for job in storage.read()}
        for entry in self._entries.values():
            if entry.job.state in ACTIVE or entry.job.state == "interrupted":
                entry.job.state = "queued"
                self._queue.append(entry.job.id)
                self.save(entry)  # a queued job is not removed to make room
        self._threads = [
            threading.Thread(target=self._work, args=(machine,), name=f"runner {number}", daemon=True)
            for number, machine in enumerate(machines)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop running jobs; the next server resumes them and the queued ones."""
        self.begin_to_close()
        end = time.monotonic() + _CLOSING_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))

    def begin_to_close(self) -> None:
        """Ask running jobs to stop, without waiting for them."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    @property
    def is_closing(self) -> bool:
        """Whether the server is about to end."""
        return self._closing

    def add(self, job: Job) -> None:
        """Queue a job whose pictures are in its folder; raise :class:`BusyError` if too many wait."""
        with self._changed:
            self.check_room()
            self._entries[job.id] = _Entry(job, EventLog(self._storage.log_file(job.id)))
            self._queue.append(job.id)
            self._storage.write(job)
            self._changed.notify_all()
        self._emit_state(job.id)

    def check_room(self) -> None:
        """Raise :class:`BusyError` if no job can be queued."""
        if len(self._queue) >= self._most_queued:
            raise BusyError(f"{len(self._queue)} runs wait already; try again when one has ended")

    def shown(self, name: str) -> dict[str, Any] | None:
        """Return a job for the page; ``None`` for an unknown name."""
        entry = self._known(name)
        if entry is None:
            return None
        try:
            position = self._queue.index(name) + 1
        except ValueError:
            position = None
        return entry.job.shown(position)

    def job(self, name: str) -> Job | None:
        """Return the job with that name; ``None`` for an unknown one."""
        entry = self._known(name)
        return None if entry is None else entry.job

    def known(self, name: str) -> Job | None:
        """Return the job with that name as far as memory tells; no file is looked for."""
        entry = self._entries.get(name)
        return None if entry is None else entry.job

    def curve(self, name: str) -> list[list[float]]:
        """Return [evaluation, value of each loss term] after each evaluation."""
        entry = self._known(name)
        return [] if entry is None else entry.log.curve()

    def messages(self, name: str, after: int) -> list[Message]:
        """Return the messages of a job after number ``after``."""
        entry = self._known(name)
        return [] if entry is None else entry.log.after(after)

    def newest(self, name: str) -> int:
        """Return the number of a job's newest message; 0 if there is none."""
        entry = self._known(name)
        return 0 if entry is None else entry.log.newest

    def has_more(self, name: str, after: int) -> bool:
        """Return whether a job has messages after number ``after``, or is gone; no file is read."""
        entry = self._entries.get(name)
        return entry is None or not entry.log.is_read or entry.log.newest > after

    def is_writing(self, name: str) -> bool:
        """Return whether a thread is writing files of a job."""
        return name in self._storage.busy

    def stop(self, name: str) -> None:
        """End a job early; its best picture is its result."""
        with self._changed:
            entry = self._entries.get(name)
            if entry is None:
                return
            if entry.job.state == "queued":
                self._queue.remove(name)
                entry.job.state = "stopped"
            elif entry.job.state == "running":
                entry.stop, entry.job.state = True, "stopping"
            else:
                return
            self._storage.write(entry.job)
        self._emit_state(name)

    def resume(self, name: str) -> None:
        """Queue a stopped, interrupted or failed job again; it continues from its checkpoint, if any."""
        with self._changed:
            entry = self._entries.get(name)
            if entry is None or entry.job.state in ACTIVE or entry.job.state == "done":
                return
            self.check_room()
            entry.job.state, entry.job.error, entry.stop = "queued", None, False
            self._queue.append(name)
            self._storage.write(entry.job)
            self._changed.notify_all()
        self._emit_state(name)

    def delete(self, name: str) -> None:
        """Remove a job with all its files, at once; those of a running one when its thread has left them."""
        with self._changed:
            entry = self._entries.pop(name, None)
            if entry is None:
                return
            entry.stop = entry.deleted = True
            with contextlib.suppress(ValueError):
                self._queue.remove(name)
            is_busy = name in self._storage.busy
            if is_busy:
                self._storage.forget(name)
        if not is_busy:
            self._storage.remove(name)

    def delete_all(self) -> None:
        """Remove all jobs, as :meth:`delete` does."""
        for name in list(self._entries):
            self.delete(name)

    def _known(self, name: str) -> _Entry | None:
        """Return the job with that name, unless it was removed to make room."""
        entry = self._entries.get(name)
        if entry is not None and entry.job.state in FINISHED and self._storage.folder(name) is None:
            self._entries.pop(name, None)
            return None
        return entry

    def _work(self, machine: Mapping[str, object]) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                entry = self._entries[self._queue.popleft()]
                entry.job.state = "running"
                self._storage.busy.add(entry.job.id)
            self.save(entry)
            self._emit_state(entry.job.id)
            self._paint(entry, machine)
            with self._changed:
                self._storage.busy.discard(entry.job.id)
            if entry.deleted:
                self._storage.remove(entry.job.id)

    def _paint(self, entry: _Entry, machine: Mapping[str, object]) -> None:
        job, began, before = entry.job, time.monotonic(), entry.job.seconds
        keep_16_bits: Callable[[], None] | None = None
        try:
            painter = _Painter(self, entry, machine, began)
            # Before the first evaluation, too, where a run has nothing to keep.
            with interruptible(lambda: self.should_stop(entry)):
                result = painter.paint()
            if result.interrupted and self._closing and not entry.stop:
                job.state = "interrupted"
            elif not entry.deleted:
                if painter.has_painted:
                    painter.keep(result)
                    keep_16_bits = partial(painter.keep_16_bits, result)
                job.state = "stopped" if result.interrupted else "done"
        except Interrupted:
            job.state = "stopped" if entry.stop else "interrupted"
        except (GLStyleNetError, MemoryError) as error:
            job.state = "failed"
            job.error = self.without_paths(job, str(error)) or "the machine ran out of memory"
        except Exception as error:  # the thread must survive any failure of a job
            job.state, job.error = "failed", f"internal error: {type(error).__name__}: {error}"
        job.seconds = before + time.monotonic() - began
        self.save(entry)
        self._emit_state(job.id)
        if job.state in FINISHED:
            self.emit(entry, "end", {"state": job.state})
            entry.log.release()
        if keep_16_bits is not None and not entry.deleted:
            with contextlib.suppress(GLStyleNetError):  # the picture itself is there
                keep_16_bits()

    def should_stop(self, entry: _Entry) -> bool:
        """Return whether the job or the whole server is to stop."""
        return entry.stop or self._closing

    def save(self, entry: _Entry) -> None:
        """Save the job of ``entry``; a disk that is full must not end a run."""
        with self._changed, contextlib.suppress(GLStyleNetError):
            if not entry.deleted:
                self._storage.write(entry.job)

    def folder(self, job: Job) -> Path:
        """Return the job's folder; raise :class:`~glstylenet.errors.UsageError` if it was removed."""
        folder = self._storage.folder(job.id)
        if folder is None:
            raise UsageError(f"the run {job.id} is no longer there")
        return folder

    def without_paths(self, job: Job, text: str) -> str:
        """Remove the path of the job's folder from ``text``: it means nothing to a reader of the page."""
        return text.replace(f"{self._storage.log_file(job.id).parent}/", "")

    def emit(self, entry: _Entry, kind: str, content: dict[str, Any]) -> None:
        """Add a message to the job's log, from which the page's event stream reads it."""
        entry.log.append(kind, content)

    def _emit_state(self, name: str) -> None:
        shown = self.shown(name)
        entry = self._entries.get(name)
        if shown is not None and entry is not None:
            self.emit(entry, "state", shown)


class _Painter:
    """One run of one job on one device: its listener, and its files."""

    def __init__(self, runner: Runner, entry: _Entry, machine: Mapping[str, object], began: float) -> None:
        self._runner, self._entry, self._machine, self._began = runner, entry, machine, began
        self._earlier_seconds = entry.job.seconds
        self._folder = runner.folder(entry.job)
        self._previewed = self._saved = 0.0
        self._scales: tuple[Scale, ...] = ()
        self.has_painted = entry.job.preview > 0

    def paint(self) -> Result:
        """Run the job, from its checkpoint if there is one."""
        job, folder = self._entry.job, self._folder
        files = {role: folder / f"{role}.png" for role, name in job.pictures.items() if name is not None}
        settings = Settings(**{**job.settings, **self._machine})
        if (folder / "start.png").is_file():
            settings = settings.replace(init=str(folder / "start.png"))
        checkpoint = folder / "checkpoint"
        return stylize(
            files.get(Role.CONTENT),
            styles_of(job.pictures, job.style_weights, job.regions, files),
            content_map=files.get(Role.CONTENT_MAP),
            settings=settings,
            on_event=self.on_event,
            should_stop=lambda: self._runner.should_stop(self._entry),
            checkpoint=checkpoint,
            resume=checkpoint_file(checkpoint).is_file(),
        )

    def keep(self, result: Result) -> None:
        """Write the result, and keep its losses."""
        job, folder = self._entry.job, self._folder
        (folder / "result.tiff").unlink(missing_ok=True)  # of a run that was stopped before
        self._write("result.png", 8, result)
        self._preview(result.pixels, result.alpha)
        job.losses, job.has_result = result.losses.as_dict() or None, True
        if not result.interrupted:  # a stopped run can be resumed
            shutil.rmtree(folder / "checkpoint", ignore_errors=True)

    def keep_16_bits(self, result: Result) -> None:
        """Write the result with 16 bits, which nobody waits for."""
        self._write("result.tiff", 16, result)

    def _write(self, name: str, bits: int, result: Result) -> None:
        recipe = make_recipe(result, folder=self._folder, bits=bits)
        write_picture(
            self._folder / name,
            result.pixels,
            alpha=result.alpha,
            bits=bits,
            recipe=recipe,
            overwrite=True,
        )

    def on_event(self, event: Event) -> None:
        """Update the job and emit a message for ``event``."""
        job, now = self._entry.job, time.monotonic()
        match event:
            case Started():
                job.height, job.width = event.scales[-1].size
                self._scales = event.scales
                # "auto" depends on the machine; a repetition needs what it was resolved to.
                chosen = {**self._machine, "device": event.device, "precision": event.precision}
                job.command = repeating_command(job, chosen)
            case Warned():
                message = self._runner.without_paths(job, event.message)
                if message not in job.warnings:  # a resumed run warns again
                    job.warnings.append(message)
                    self._runner.emit(self._entry, "warning", {"message": message})
            case Voted():
                self.has_painted = True
                self._on_voted(event)
                self._previewed = now
                self._preview(event.pixels, event.alpha)
            case Step():
                self.has_painted = True
                self._on_step(event)
                if now - self._previewed >= _PREVIEW_SECONDS or event.evaluation == event.evaluations:
                    self._previewed = now
                    self._preview(event.pixels, event.alpha)
                if now - self._saved >= _SAVE_SECONDS:
                    self._saved = now
                    job.seconds = self._earlier_seconds + now - self._began
                    self._runner.save(self._entry)

    def _on_voted(self, voted: Voted) -> None:
        budgets = [scale.evaluations for scale in self._scales]
        self._entry.job.progress = {
            "evaluation": sum(budgets[: voted.scale - 1]),
            "evaluations": sum(budgets),
            "scale": voted.scale,
            "scales": len(budgets),
            "seconds_left": None,
            "losses": {},
        }
        # Not a progress message: those are the points of the loss curve.
        self._runner.emit(self._entry, "strokes", self._entry.job.progress)

    def _on_step(self, step: Step) -> None:
        self._entry.job.progress = {
            "evaluation": step.evaluation,
            "evaluations": step.evaluations,
            "scale": step.scale,
            "scales": len(self._scales),
            "seconds_left": round(step.seconds_left, 1),
            "losses": step.terms.as_dict(),
        }
        self._runner.emit(self._entry, "progress", self._entry.job.progress)

    def _preview(self, pixels: Tensor, alpha: Tensor | None) -> None:
        """Write the present picture, over white, and a thumbnail as JPEG, and emit a message."""
        job = self._entry.job
        shown = over_white(pixels.detach().cpu(), alpha)
        samples = shown[0].clamp(0, 255).round().permute(1, 2, 0).numpy().astype(np.uint8)
        image = Image.fromarray(samples)
        with contextlib.suppress(GLStyleNetError):  # a failed preview must not end the run
            for name, longest in (("preview.jpg", _LONGEST_PREVIEW), ("thumbnail.jpg", _THUMBNAIL)):
                smaller = image.copy()
                smaller.thumbnail((longest, longest))
                buffer = io.BytesIO()
                smaller.save(buffer, "JPEG", quality=90, subsampling=0)
                with replacing(self._folder / name, overwrite=True) as file:
                    file.write(buffer.getvalue())
            job.preview += 1  # a browser keeps each picture by its address
            url = f"/api/jobs/{job.id}/preview.jpg?n={job.preview}"
            self._runner.emit(self._entry, "preview", {"url": url})
