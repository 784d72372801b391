"""Painting: carry out jobs, keep what they make, and report it."""

import contextlib
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from glstylenet.cli.console import complain, inform, print_json
from glstylenet.cli.exit_codes import describe_failure, tell_failure
from glstylenet.cli.jobs import BatchPlan, Job, check_jobs, preview_path
from glstylenet.cli.progress import Listener, Reporting, describe_losses, duration, open_progress
from glstylenet.cli.signals import Interruption
from glstylenet.errors import BatchError, OutputError, UsageError, WeightsError
from glstylenet.explain import LossCurve, explain, explanation_folder, require_matplotlib, write_explanation
from glstylenet.files import claim_output
from glstylenet.machine import choose_device
from glstylenet.memory import format_bytes
from glstylenet.pictures import resize, write_picture
from glstylenet.run import (
    Event,
    Result,
    Started,
    Step,
    Warned,
    checkpoint_file,
    make_recipe,
    remove_checkpoint,
    stylize,
)
from glstylenet.settings import Settings

__all__ = ["Keeping", "check_plan", "paint", "report", "using_threads"]


@dataclass(frozen=True)
class Keeping:
    """How results are kept. ``save_every``: evaluations between two previews, ``None`` for none;
    ``explain``: with a folder that explains each. ``checkpoint``: the folder for the state of the
    run, from which to ``resume``."""

    overwrite: bool = False
    bits: int = 8
    metadata: bool = True
    save_every: int | None = None
    explain: bool = False
    checkpoint: Path | None = None
    resume: bool = False


def paint(
    plan: BatchPlan,
    settings: Settings,
    keeping: Keeping,
    reporting: Reporting,
    stop: Interruption,
    *,
    as_json: bool,
) -> int:
    """Carry out all jobs of ``plan``; returns the exit code, raises what stopped it.

    A batch goes on past a job that fails and ends in :class:`~glstylenet.errors.BatchError`.
    """
    check_plan(plan, settings, keeping)
    choose_device(settings.device, settings.precision)  # a device that is not there: say so before reading
    if plan.is_batch:
        return _paint_batch(plan, settings, keeping, reporting, stop, as_json=as_json)
    [job] = plan.jobs
    curve = LossCurve()
    result = _paint_one(job, settings, keeping, reporting, stop, curve=curve)
    table = report(result, job.output)
    _explain(job, keeping, reporting, stop, result=result, curve=curve, table=table)
    if as_json:
        print_json(table)
    return stop.exit_code if result.interrupted else 0


def check_plan(plan: BatchPlan, settings: Settings, keeping: Keeping) -> None:
    """Refuse, before anything is computed, what could not be kept as ``keeping`` says."""
    if keeping.explain:
        require_matplotlib()
    _check_checkpoint(plan, keeping)
    check_jobs(
        plan,
        settings,
        bits=keeping.bits,
        overwrite=keeping.overwrite,
        save_every=keeping.save_every,
        explain=keeping.explain,
    )


def report(result: Result, output: Path) -> dict[str, object]:
    """The JSON object of one result; ``size`` is [width, height]."""
    height, width = result.size
    table: dict[str, object] = {
        "output": str(output),
        "size": [width, height],
        "seconds": round(result.timings.total, 3),
        "evaluations": result.evaluations,
        "device": result.device,
        "precision": result.precision,
        "peak_memory_bytes": result.peak_memory_bytes,
        "losses": result.losses.as_dict(),
        "settings": result.settings.model_dump(mode="json"),
    }
    if result.interrupted:
        table["interrupted"] = True
    return table


@contextlib.contextmanager
def using_threads(count: int) -> Iterator[None]:
    """Compute with ``count`` threads meanwhile: how a sum is split decides how it is rounded."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _paint_batch(
    plan: BatchPlan,
    settings: Settings,
    keeping: Keeping,
    reporting: Reporting,
    stop: Interruption,
    *,
    as_json: bool,
) -> int:
    results: list[dict[str, object]] = []
    failures: list[dict[str, object]] = []
    code = 0
    for number, job in enumerate(plan.jobs, start=1):
        if not reporting.quiet:
            inform(f"[{number}/{len(plan.jobs)}] {job.name}")
        is_whole = True
        try:
            curve = LossCurve()
            result = _paint_one(job, settings, keeping, reporting, stop, curve=curve)
            is_whole = not result.interrupted
            results.append(report(result, job.output))
            _explain(job, keeping, reporting, stop, result=result, curve=curve, table=results[-1])
        except WeightsError:
            raise  # no other picture would fare better
        except Exception as error:  # the one boundary: whatever befell this picture, the others are painted
            failed_with = tell_failure(error, debug=reporting.debug)
            failures.append(
                {"content": job.name, "message": describe_failure(error), "exit_code": failed_with}
            )
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        # A signal that came when the last picture was whole has nothing left to cut short.
        if stop.requested and not code and not (is_whole and number == len(plan.jobs)):
            code = stop.exit_code
        if code:
            complain(f"interrupted; {len(results)} of {len(plan.jobs)} pictures are written")
            break
    if as_json:
        print_json({"results": results, "failures": failures})
    if failures and not code:
        names = ", ".join(str(failure["content"]) for failure in failures)
        raise BatchError(f"{len(failures)} of {len(plan.jobs)} pictures failed: {names}; the others are done")
    return code


def _paint_one(
    job: Job,
    settings: Settings,
    keeping: Keeping,
    reporting: Reporting,
    stop: Interruption,
    *,
    curve: LossCurve,
) -> Result:
    """Paint one picture and write it; whatever fails, what there is of the picture is kept.

    ``curve`` hears the run's events.
    """
    stop.something_to_save(False)
    with claim_output(job.output), _claim_checkpoint(keeping), open_progress(reporting) as tell:
        watch = _Watch(job, keeping, stop, tell, curve)
        try:
            result = stylize(
                job.content,
                job.style,
                content_map=job.map_of_content(),
                style_map=job.style_map,
                settings=settings,
                on_event=watch,
                should_stop=watch.should_stop,
                checkpoint=keeping.checkpoint,
                resume=keeping.resume,
            )
        except Exception as error:
            _rescue(error, watch)
            raise
        try:
            _write(result, job.output, keeping, tell, overwrite=keeping.overwrite)
        except Exception as error:
            _write_elsewhere(error, job.output, lambda place: _write(result, place, keeping, tell))
            raise
        if keeping.checkpoint is not None and not result.interrupted:
            _remove_checkpoint(keeping.checkpoint, tell)
    if result.interrupted:
        complain(
            f"stopped after {result.evaluations} of {settings.iterations} evaluations; the best picture so "
            f"far is in {job.output}{_way_on(keeping)}"
        )
    _describe(result, job.output, reporting)
    return result


@dataclass
class _Watch:
    """Listens to one run: passes events on, keeps previews, and remembers the latest picture."""

    job: Job
    keeping: Keeping
    stop: Interruption
    tell: Listener
    curve: LossCurve
    full_size: tuple[int, int] = (0, 0)
    latest: Step | None = field(default=None)

    def __call__(self, event: Event) -> None:
        """Hear ``event``."""
        match event:
            case Started():
                self.full_size = event.scales[-1].size
            case Step():
                self.latest = event
                self.stop.something_to_save(True)
        self.curve(event)
        self.tell(event)
        every = self.keeping.save_every
        if isinstance(event, Step) and every is not None and event.evaluation % every == 0:
            self._save_preview(event)

    def should_stop(self) -> bool:
        """Whether a signal asked to stop before the last evaluation: after it, nothing is cut short."""
        is_last = self.latest is not None and self.latest.evaluation >= self.latest.evaluations
        return self.stop.should_stop() and not is_last

    def _save_preview(self, step: Step) -> None:
        place = preview_path(self.job.output, step.evaluation)
        try:
            write_picture(place, step.pixels, overwrite=self.keeping.overwrite)
        except OutputError as error:
            # A preview is not worth the run.
            self.tell(Warned(f"a preview was left out: {error}"))


def _explain(
    job: Job,
    keeping: Keeping,
    reporting: Reporting,
    stop: Interruption,
    *,
    result: Result,
    curve: LossCurve,
    table: dict[str, object],
) -> None:
    """Explain a result that is written, where that was asked for, and add the folder to its ``table``.

    Who asked the run to stop waits for no explanation; and a signal from here on leaves at once, for the
    picture is safe.
    """
    if not keeping.explain:
        return
    if stop.requested:
        complain(f"{job.output}: asked to stop, so the explanation is left out")
        return
    stop.something_to_save(False)
    folder = explanation_folder(job.output)
    try:
        write_explanation(explain(result, curve), folder, overwrite=keeping.overwrite)
    except Exception as error:
        error.add_note(f"the picture itself is in {job.output}")
        raise
    table["explanation"] = str(folder)
    if not reporting.quiet:
        inform(f"{folder / 'index.html'}: what painted what")


def _rescue(error: Exception, watch: _Watch) -> None:
    """Write the best picture of a run that broke off, and note on ``error`` where it is."""
    step, output, keeping = watch.latest, watch.job.output, watch.keeping
    if step is None:
        return
    if way_on := _way_on(keeping):
        error.add_note(way_on.removeprefix("; "))

    def write(place: Path, *, overwrite: bool = False) -> None:
        # On the CPU: the device may be what failed.
        pixels = resize(step.pixels.cpu(), watch.full_size)
        write_picture(place, pixels, bits=keeping.bits, overwrite=overwrite)

    try:
        write(output, overwrite=keeping.overwrite)
        error.add_note(f"the best picture so far is in {output}")
    except Exception:  # what is raised afterwards is the run's own error
        _write_elsewhere(error, output, write)


def _write(result: Result, place: Path, keeping: Keeping, tell: Listener, *, overwrite: bool = False) -> None:
    """Write a result that is done."""
    recipe = make_recipe(result, folder=place.parent, bits=keeping.bits) if keeping.metadata else None
    notes = write_picture(
        place, result.pixels, alpha=result.alpha, bits=keeping.bits, recipe=recipe, overwrite=overwrite
    )
    for note in notes:
        tell(Warned(note))


def _write_elsewhere(error: Exception, output: Path, write: Callable[[Path], None]) -> None:
    """Write beside ``output`` under a free name, else in the temporary folder; note on ``error`` where."""
    stem, suffix = output.stem, output.suffix
    numbered = (output.with_name(f"{stem}.rescued{number}{suffix}") for number in itertools.count(2))
    names = itertools.chain([output.with_name(f"{stem}.rescued{suffix}")], numbered)
    beside = next(place for place in names if not os.path.lexists(place))
    try:
        write(beside)
        place = beside
    except Exception:
        try:
            folder = Path(tempfile.mkdtemp(prefix="glstylenet-"))
            place = folder / f"rescued{suffix}"
            try:
                write(place)
            except BaseException:
                folder.rmdir()
                raise
        except Exception as reason:
            error.add_note(f"the picture could not be saved ({describe_failure(reason)})")
            return
    error.add_note(f"the picture is in {place}")


def _check_checkpoint(plan: BatchPlan, keeping: Keeping) -> None:
    """Refuse what a checkpoint cannot serve, and the place of one that is still wanted."""
    folder = keeping.checkpoint
    if folder is None:
        if keeping.resume:
            raise UsageError("--resume goes on from a checkpoint; name its folder with --checkpoint DIR")
        return
    if plan.is_batch:
        raise UsageError("--checkpoint keeps the state of one run, and a batch is several; paint them apart")
    file = checkpoint_file(folder)
    if os.path.lexists(file) and not (keeping.resume or keeping.overwrite):
        raise OutputError(
            f"{file}: is the checkpoint of a run that was interrupted; go on from it with --resume, give "
            f"--overwrite to begin anew, or choose another folder"
        )


def _claim_checkpoint(keeping: Keeping) -> contextlib.AbstractContextManager[None]:
    folder = keeping.checkpoint
    return contextlib.nullcontext() if folder is None else claim_output(checkpoint_file(folder))


def _remove_checkpoint(folder: Path, tell: Listener) -> None:
    """Nobody goes on from a picture that is written."""
    try:
        remove_checkpoint(folder)
    except OutputError as error:
        tell(Warned(str(error)))


def _way_on(keeping: Keeping) -> str:
    """How to go on after an interruption, if there is a checkpoint."""
    if keeping.checkpoint is None or not checkpoint_file(keeping.checkpoint).exists():
        return ""
    return (
        f"; its state is in {checkpoint_file(keeping.checkpoint)}: to go on, give the same command with "
        f"--resume --overwrite"
    )


def _describe(result: Result, output: Path, reporting: Reporting) -> None:
    """Tell of a result that is written."""
    if reporting.quiet:
        return
    height, width = result.size
    inform(
        f"{output}: {width} x {height} pixels, {result.evaluations} evaluations in "
        f"{duration(result.timings.total)}, {describe_losses(result.losses)}"
    )
    if reporting.verbose:
        inform(f"peak memory {format_bytes(result.peak_memory_bytes)}, weights {result.weights.digest}")
