"""Workers: processes that paint several pictures at once.

The pictures of a report do not need each other. A small one cannot keep many threads busy: two threads paint
a portrait of 256 pixels in 26 seconds, two workers with a thread each paint two such portraits in 36.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.synchronize import Event as Flag
from pathlib import Path

import torch

from glstylenet.errors import MemoryLimitError
from glstylenet.machine import keep_freed_memory
from glstylenet.objective import TargetCache
from glstylenet.report.painting import SHARED_BYTES, Measure, paint_task
from glstylenet.report.results_file import Record, Task
from glstylenet.run import Event

__all__ = ["Workers", "worker_processes"]

_LOOK_SECONDS = 0.2
"""Seconds between looks at whether the work is to stop."""


@dataclass(frozen=True)
class Workers:
    """`Workers` are processes that paint ``count`` pictures at once, each with ``memory`` bytes.

    Create them with :func:`worker_processes`.
    """

    count: int
    memory: int
    _pool: ProcessPoolExecutor

    def paint(
        self,
        tasks: Sequence[tuple[Task, str]],
        folder: Path,
        measure: Measure | None,
        *,
        begin: Callable[[Task], None],
        should_stop: Callable[[], bool],
    ) -> Iterator[tuple[Task, Record]]:
        """Paint ``tasks``, each with its key, and yield each that is done, in the order of their ends.

        ``begin`` is called with each as it begins. After ``should_stop`` returns True no further one begins
        and none is yielded.

        Raises what :func:`~glstylenet.report.painting.paint_task` raises, and
        :class:`~glstylenet.errors.MemoryLimitError` if a process died.
        """
        waiting = list(reversed(tasks))
        running: dict[Future[Record | None], Task] = {}
        while (waiting or running) and not should_stop():
            while waiting and len(running) < self.count:
                task, key = waiting.pop()
                begin(task)
                with _signals_held():
                    future = self._pool.submit(_paint, task, key, folder, measure, self.memory)
                running[future] = task
            done = wait(running, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED).done
            for future in done:
                task = running.pop(future)
                record = _record_of(future, should_stop)
                if record is not None:
                    yield task, record


@contextlib.contextmanager
def worker_processes(count: int, free_memory: int) -> Iterator[Workers]:
    """Start ``count`` processes, which share the threads of this one and ``free_memory`` bytes.

    They end with the ``with`` block, within an evaluation, and if this process is killed.
    """
    context = multiprocessing.get_context("spawn")  # what a fork copies of PyTorch's threads does not work
    with _signals_held():  # a helper of multiprocessing begins here
        stop = context.Event()
    threads = max(1, torch.get_num_threads() // count)
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(stop, threads))
    try:
        yield Workers(count, free_memory // count, pool)
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Hold back the signals of a terminal; a process that is started meanwhile never gets them.

    Ctrl-C and the end of a terminal reach all processes there; this one says when its workers end.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _record_of(future: "Future[Record | None]", should_stop: Callable[[], bool]) -> Record | None:
    try:
        return future.result()
    except BrokenProcessPool as error:
        if should_stop():  # SIGTERM went to all processes of a service
            return None
        raise MemoryLimitError(
            "a process that painted a picture died, most likely as the machine ran out of memory; use fewer "
            "workers, or close other programs"
        ) from error


# What follows runs in the workers.

_stop: Flag | None = None
_targets: TargetCache | None = None


def _begin(stop: Flag, threads: int) -> None:
    """Prepare a process: it ends when ``stop`` is set, or with the process that started it."""
    global _stop, _targets
    if not hasattr(signal, "pthread_sigmask"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    torch.set_num_threads(threads)
    _stop, _targets = stop, TargetCache(SHARED_BYTES)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _paint(task: Task, key: str, folder: Path, measure: Measure | None, memory: int) -> Record | None:
    assert _stop is not None
    assert _targets is not None  # both by the initializer
    return paint_task(
        task,
        key,
        folder,
        measure=measure,
        targets=_targets,
        on_event=_ignore,
        should_stop=_stop.is_set,
        memory=memory,
    )


def _ignore(event: Event) -> None:
    """Drop ``event``: only progress is reported of pictures that are painted at once."""
