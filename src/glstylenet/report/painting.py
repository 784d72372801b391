"""Painting: one task becomes a picture in its folder, and a record."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from glstylenet.errors import GLStyleNetError, InputError, OutputError, WeightsError
from glstylenet.objective import TargetCache
from glstylenet.pictures import fitted_size, read_picture, resize, write_picture
from glstylenet.report.inputs import Cut
from glstylenet.report.results_file import Record, Task, digest_of_file
from glstylenet.run import Event, Result, make_recipe, styles_of, stylize
from glstylenet.settings import command_line

__all__ = ["PICTURES", "SHARED_BYTES", "Measure", "paint_task", "picture_file"]

Measure = Callable[[Task, Path], dict[str, float | None]]
"""Returns metrics of a task's finished picture."""

SHARED_BYTES = 256 * 2**20
"""The most bytes of targets that pictures share, in a process."""

PICTURES = "pictures"
"""The folder of the painted pictures in that of the report."""


def picture_file(task: Task) -> Path:
    """Return the file of a task's picture, in the folder of the report."""
    return Path(PICTURES, f"{task.name}.png")


def paint_task(
    task: Task,
    key: str,
    folder: Path,
    *,
    measure: Measure | None,
    targets: TargetCache,
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
    memory: int | None = None,
) -> Record | None:
    """Paint ``task`` into ``folder`` and return its record; ``None`` if it was stopped before it was done.

    ``targets`` are shared with other pictures, but for a task with a memory limit of its own. ``memory``: the
    bytes that a task without a limit may use.

    Raises :class:`~glstylenet.errors.OutputError` if the picture cannot be written, and
    :class:`~glstylenet.errors.WeightsError`. Of what else goes wrong the record tells.
    """
    began = time.perf_counter()
    try:
        if task.cut is not None:
            _cut_out(task, task.cut, folder)
            record = _record(task, key, folder, seconds=time.perf_counter() - began)
            return _measured(record, task, folder, measure)
        has_limit = task.settings.memory is not None
        style, style_map = styles_of(task.pictures)
        result = stylize(
            task.pictures.content,
            style,
            content_map=task.pictures.content_map,
            style_map=style_map,
            settings=task.settings if has_limit else task.settings.replace(memory=memory),
            on_event=on_event,
            should_stop=should_stop,
            targets=None if has_limit else targets,
        )
        if result.interrupted:
            return None
        place = folder / picture_file(task)
        recipe = make_recipe(result, folder=place.parent)
        write_picture(place, result.pixels, alpha=result.alpha, recipe=recipe, overwrite=True)
        record = _record(task, key, folder, seconds=time.perf_counter() - began, result=result)
        return _measured(record, task, folder, measure)
    except (OutputError, WeightsError):
        raise
    except (GLStyleNetError, MemoryError) as error:
        return _failed(task, key, error, time.perf_counter() - began)


def _cut_out(task: Task, cut: Cut, folder: Path) -> None:
    """Write ``cut`` in the size that the painted picture has."""
    content = task.pictures.content
    if content is None:
        raise InputError(f"{task.name}: there is no content, whose size the cut would have")
    size = fitted_size(read_picture(content).size, task.settings.size)
    left, top, right, bottom = cut.box
    pixels = read_picture(cut.file).over_white[..., top:bottom, left:right]
    write_picture(folder / picture_file(task), resize(pixels, size), overwrite=True)


def _record(task: Task, key: str, folder: Path, *, seconds: float, result: Result | None = None) -> Record:
    """Return the record of a picture that is written: of ``result``, or cut out."""
    file = picture_file(task)
    height, width = read_picture(folder / file).size if result is None else result.size
    settings = None if result is None else result.settings.replace(memory=task.settings.memory)
    return Record(
        name=task.name,
        key=key,
        file=file.as_posix(),
        sha256=digest_of_file(folder / file),
        size=(width, height),
        seconds=round(seconds, 3),
        evaluations=0 if result is None else result.evaluations,
        losses={} if result is None else result.losses.as_dict(),
        settings={} if settings is None else settings.model_dump(mode="json"),
        command="" if result is None else _command(task),
    )


def _measured(record: Record, task: Task, folder: Path, measure: Measure | None) -> Record:
    return record if measure is None else replace(record, metrics=measure(task, folder / picture_file(task)))


def _failed(task: Task, key: str, error: Exception, seconds: float) -> Record:
    return Record(
        name=task.name,
        key=key,
        file=None,
        sha256=None,
        size=None,
        seconds=round(seconds, 3),
        evaluations=0,
        losses=None,
        settings=task.settings.model_dump(mode="json"),
        command=_command(task),
        error=str(error) or type(error).__name__,
    )


def _command(task: Task) -> str:
    return command_line(task.pictures, task.settings, f"{task.name}.png", preset=task.preset)
