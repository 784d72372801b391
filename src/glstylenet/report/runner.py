"""Runner: paints many pictures into one folder, one after the other.

Each picture is written and added to the results file before the next one begins. A picture that fails does
not stop the others, and a second run paints only the missing ones. Targets of content and style are computed
once for all pictures that share them.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from glstylenet.errors import GLStyleNetError, InputError, OutputError, WeightsError
from glstylenet.files import FileSet
from glstylenet.objective import TargetCache
from glstylenet.pictures import fitted_size, read_picture, resize, write_picture
from glstylenet.report.inputs import Cut
from glstylenet.report.results_file import RESULTS_NAME, Record, ResultsFile, Task, digest_of_file
from glstylenet.run import Event, Result, make_recipe, named_files, styles_of, stylize
from glstylenet.settings import command_line

__all__ = ["Progress", "Runner", "picture_file", "refuse_written_inputs"]


_PICTURES = "pictures"
"""The folder of the painted pictures in that of the report."""

_SHARED_BYTES = 256 * 2**20
"""The most bytes of shared targets. A task with a memory limit of its own shares none."""


@dataclass(frozen=True)
class Progress:
    """`Progress` is the state of picture ``number`` (from 1) of ``count``.

    ``state``: "begins", "done", "kept" (from an earlier run) or "failed". ``record``: its record at the end.
    ``seconds_left``: the time that the later pictures will take at the pace so far, if any was painted.
    """

    number: int
    count: int
    name: str
    state: str
    record: Record | None = None
    seconds_left: float | None = None


@dataclass
class Runner:
    """`Runner` paints tasks into the folder of ``results``.

    ``emit`` is called with the progress, ``on_event`` with the events of each run. ``should_stop`` ends the
    work, and the picture that is not done is dropped. ``measure`` may add metrics to a finished picture.
    ``count``: the pictures of all calls of :meth:`paint` together; by default those of one call.
    """

    results: ResultsFile
    emit: Callable[[Progress], None]
    on_event: Callable[[Event], None]
    should_stop: Callable[[], bool]
    measure: Callable[[Task, Path], dict[str, float | None]] | None = None
    count: int | None = None

    def __post_init__(self) -> None:
        self._number = 0
        self._paces: list[float] = []

    def paint(self, tasks: Sequence[Task]) -> list[Record]:
        """Paint ``tasks`` and return their records; fewer if the work was stopped.

        Raises :class:`~glstylenet.errors.OutputError` if the folder cannot be written, and
        :class:`~glstylenet.errors.WeightsError` for weights that cannot be used: every other picture would
        fail too.
        """
        self._make_folder()
        digests = _digests(tasks)
        store = TargetCache(_SHARED_BYTES)
        records: list[Record] = []
        for task in tasks:
            key = task.key(digests)
            kept = self.results.finished(task.name, key)
            if kept is not None:
                records.append(kept)
                self._tell(tasks, task, "kept", kept)
                self._number += 1
                continue
            if self.should_stop():
                break
            self._tell(tasks, task, "begins")
            began = time.perf_counter()
            record = self._paint(task, key, store) if task.cut is None else self._cut_out(task, task.cut, key)
            if record is None:
                break
            if task.cut is None:
                self._paces.append(time.perf_counter() - began)
            records.append(record)
            self.results.keep(record)
            self._tell(tasks, task, "done" if record.is_done else "failed", record)
            self._number += 1
        return records

    def _tell(self, tasks: Sequence[Task], task: Task, state: str, record: Record | None = None) -> None:
        number, count = self._number + 1, self.count or len(tasks)
        paces = self._paces
        left = None if record is None or not paces else (count - number) * sum(paces) / len(paces)
        self.emit(Progress(number, count, task.name, state, record, left))

    def _make_folder(self) -> None:
        """Make the folders; first the results file, by which the same command knows its folder again."""
        try:
            self.results.folder.mkdir(parents=True, exist_ok=True)
            self.results.write()
            (self.results.folder / _PICTURES).mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{self.results.folder}: the folder cannot be made ({error.strerror}); choose another one"
            ) from error

    def _paint(self, task: Task, key: str, store: TargetCache) -> Record | None:
        """Paint one picture and return its record; ``None`` if it was stopped before it was done."""
        began = time.perf_counter()
        try:
            style, style_map = styles_of(task.pictures)
            result = stylize(
                task.pictures.content,
                style,
                content_map=task.pictures.content_map,
                style_map=style_map,
                settings=task.settings,
                on_event=self.on_event,
                should_stop=self.should_stop,
                targets=store if task.settings.memory is None else None,
            )
            if result.interrupted:
                return None
            return self._write(task, key, result, time.perf_counter() - began)
        except (OutputError, WeightsError):
            raise
        except (GLStyleNetError, MemoryError) as error:
            return self._failed(task, key, error, time.perf_counter() - began)

    def _cut_out(self, task: Task, cut: Cut, key: str) -> Record:
        """Write ``cut`` in the size that the painted picture has, and return its record."""
        began = time.perf_counter()
        place = self.results.folder / picture_file(task)
        try:
            content = task.pictures.content
            if content is None:
                raise InputError(f"{task.name}: there is no content, whose size the cut would have")
            size = fitted_size(read_picture(content).size, task.settings.size)
            left, top, right, bottom = cut.box
            pixels = read_picture(cut.file).over_white[..., top:bottom, left:right]
            write_picture(place, resize(pixels, size), overwrite=True)
            metrics = {} if self.measure is None else self.measure(task, place)
        except (OutputError, WeightsError):
            raise
        except (GLStyleNetError, MemoryError) as error:
            return self._failed(task, key, error, time.perf_counter() - began)
        return Record(
            name=task.name,
            key=key,
            file=picture_file(task).as_posix(),
            sha256=digest_of_file(place),
            size=(size[1], size[0]),
            seconds=round(time.perf_counter() - began, 3),
            evaluations=0,
            losses={},
            settings={},
            command="",
            metrics=metrics,
        )

    def _write(self, task: Task, key: str, result: Result, seconds: float) -> Record:
        file = picture_file(task)
        place = self.results.folder / file
        recipe = make_recipe(result, folder=place.parent)
        write_picture(place, result.pixels, alpha=result.alpha, recipe=recipe, overwrite=True)
        height, width = result.size
        return Record(
            name=task.name,
            key=key,
            file=file.as_posix(),
            sha256=digest_of_file(place),
            size=(width, height),
            seconds=round(seconds, 3),
            evaluations=result.evaluations,
            losses=result.losses.as_dict(),
            settings=result.settings.model_dump(mode="json"),
            command=command_line(task.pictures, task.settings, f"{task.name}.png", preset=task.preset),
            metrics={} if self.measure is None else self.measure(task, place),
        )

    def _failed(self, task: Task, key: str, error: Exception, seconds: float) -> Record:
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
            command=command_line(task.pictures, task.settings, f"{task.name}.png", preset=task.preset),
            error=str(error) or type(error).__name__,
        )


def picture_file(task: Task) -> Path:
    """Return the file of a task's picture, in the folder of the report."""
    return Path(_PICTURES, f"{task.name}.png")


def refuse_written_inputs(
    folder: Path, tasks: Sequence[Task], others: Sequence[str], also_read: Iterable[Path]
) -> None:
    """Raise :class:`~glstylenet.errors.OutputError` if an input would be replaced by work in ``folder``.

    Work on ``tasks`` writes their pictures, the results file and the files named ``others``. The inputs are
    those of the tasks and the files ``also_read``. To be called before anything is computed.
    """
    read = [
        file for task in tasks for file in (*task.pictures.as_dict().values(), *named_files(task.settings))
    ]
    inputs = FileSet(dict.fromkeys([*read, *also_read]))
    written = [*map(Path, (RESULTS_NAME, *others)), *map(picture_file, tasks)]
    for place in (folder / file for file in written):
        if (source := inputs.find(place)) is not None:
            raise OutputError(
                f"{place}: is the input {source} itself, and would be replaced; choose another folder"
            )


def _digests(tasks: Iterable[Task]) -> dict[Path, str]:
    """Return the SHA-256 of every input; raise :class:`~glstylenet.errors.InputError` for a missing one."""
    files = {path for task in tasks for path in task.pictures.as_dict().values()}
    return {path: digest_of_file(path) for path in sorted(files)}
