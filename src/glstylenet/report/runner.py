"""Runner: paints many pictures into one folder, one after the other or several at once.

Each picture is written and added to the results file as soon as it is done. A picture that fails does not
stop the others, and a second run paints only the missing ones. Targets of content and style are computed once
for all pictures of a process that share them.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from glstylenet.errors import OutputError
from glstylenet.files import FileSet
from glstylenet.machine import choose_device
from glstylenet.objective import TargetCache
from glstylenet.report.painting import PICTURES, SHARED_BYTES, Measure, paint_task, picture_file
from glstylenet.report.results_file import RESULTS_NAME, Record, ResultsFile, Task, digest_of_file
from glstylenet.report.workers import worker_processes
from glstylenet.run import Event, allowed_bytes, named_files
from glstylenet.settings import Settings

__all__ = ["Progress", "Runner", "refuse_written_inputs"]


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
    ``workers``: how many pictures are painted at once, each in a process of its own if there are several,
    whose events are not told.
    """

    results: ResultsFile
    emit: Callable[[Progress], None]
    on_event: Callable[[Event], None]
    should_stop: Callable[[], bool]
    measure: Measure | None = None
    workers: int = 1

    def paint(self, tasks: Sequence[Task]) -> list[Record]:
        """Paint ``tasks`` and return their records in the same order; fewer if the work was stopped.

        Raises :class:`~glstylenet.errors.OutputError` if the folder cannot be written,
        :class:`~glstylenet.errors.WeightsError` for weights that cannot be used, since every other picture
        would fail too, and :class:`~glstylenet.errors.MemoryLimitError` if a worker died.
        """
        self._make_folder()
        digests = _digests(tasks)
        keys = {task.name: task.key(digests) for task in tasks}
        numbers = {task.name: number for number, task in enumerate(tasks, start=1)}
        records: dict[str, Record] = {}
        paces: list[float] = []
        left = []

        def tell(task: Task, state: str, record: Record | None = None) -> None:
            seconds = (len(tasks) - len(records)) * sum(paces) / len(paces) if paces else None
            self.emit(Progress(numbers[task.name], len(tasks), task.name, state, record, seconds))

        for task in tasks:
            kept = self.results.finished(task.name, keys[task.name])
            if kept is None:
                left.append(task)
            else:
                records[task.name] = kept
                tell(task, "kept", kept)
        for task, record, seconds in self._painted(left, keys, lambda task: tell(task, "begins")):
            records[task.name] = record
            self.results.keep(record)
            if task.cut is None:
                paces.append(seconds)
            tell(task, "done" if record.is_done else "failed", record)
        return [records[task.name] for task in tasks if task.name in records]

    def _painted(
        self, tasks: Sequence[Task], keys: Mapping[str, str], begin: Callable[[Task], None]
    ) -> Iterator[tuple[Task, Record, float]]:
        """Paint ``tasks`` until the work is to stop; yield each with its record and how long it took."""
        if self.workers > 1 and len(tasks) > 1:
            yield from self._painted_at_once(tasks, keys, begin)
            return
        targets = TargetCache(SHARED_BYTES)
        for task in tasks:
            if self.should_stop():
                return
            begin(task)
            began = time.perf_counter()
            record = paint_task(
                task,
                keys[task.name],
                self.results.folder,
                measure=self.measure,
                targets=targets,
                on_event=self.on_event,
                should_stop=self.should_stop,
            )
            if record is None:
                return
            yield task, record, time.perf_counter() - began

    def _painted_at_once(
        self, tasks: Sequence[Task], keys: Mapping[str, str], begin: Callable[[Task], None]
    ) -> Iterator[tuple[Task, Record, float]]:
        """Do as :meth:`_painted` in workers; the time of a picture is its share of that of all."""
        device = choose_device(tasks[0].settings.device, tasks[0].settings.precision)
        memory = allowed_bytes(Settings(), device)
        last = time.perf_counter()
        with worker_processes(min(self.workers, len(tasks)), memory) as workers:
            for task, record in workers.paint(
                [(task, keys[task.name]) for task in tasks],
                self.results.folder,
                self.measure,
                begin=begin,
                should_stop=self.should_stop,
            ):
                now = time.perf_counter()
                yield task, record, now - last
                last = now

    def _make_folder(self) -> None:
        """Make the folders; first the results file, by which the same command knows its folder again."""
        try:
            self.results.folder.mkdir(parents=True, exist_ok=True)
            self.results.write()
            (self.results.folder / PICTURES).mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{self.results.folder}: the folder cannot be made ({error.strerror}); choose another one"
            ) from error


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
