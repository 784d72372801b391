"""Painting: carrying out the jobs of a batch and reporting their results."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from glstylenet.cli.checkpoints import claim_checkpoint, discard_checkpoint, resume_hint
from glstylenet.cli.console import complain, inform, print_json
from glstylenet.cli.durations import duration
from glstylenet.cli.existing import split_existing
from glstylenet.cli.exit_codes import describe_failure, report_failure
from glstylenet.cli.giant_advice import giant_advice
from glstylenet.cli.jobs import BatchPlan, Job
from glstylenet.cli.outputs import OutputOptions, check_outputs, preview_path
from glstylenet.cli.progress import Listener, Verbosity, describe_losses, open_progress
from glstylenet.cli.saving import rescue_best_picture, save_result
from glstylenet.cli.signals import StopSignals
from glstylenet.errors import BatchError, OutputError, WeightsError
from glstylenet.explain import LossCurve, explain, explanation_folder, write_explanation
from glstylenet.files import claim_output
from glstylenet.machine import choose_device
from glstylenet.memory import format_bytes
from glstylenet.pictures import write_picture
from glstylenet.run import Event, Result, Started, Step, Voted, Warned, stylize
from glstylenet.settings import Settings

__all__ = ["paint"]


@dataclass(frozen=True)
class _Context:
    """`_Context` holds what all jobs of a call share."""

    settings: Settings
    options: OutputOptions
    verbosity: Verbosity
    stop: StopSignals


def paint(
    plan: BatchPlan,
    settings: Settings,
    options: OutputOptions,
    verbosity: Verbosity,
    stop: StopSignals,
    *,
    as_json: bool,
) -> int:
    """Carry out all jobs of ``plan`` and return the exit code.

    A batch goes on past a job that fails and ends in :class:`~glstylenet.errors.BatchError`; a single job
    raises its own error.
    """
    existing: Sequence[Job] = ()
    if options.skip_existing:
        plan, existing = split_existing(plan)
    check_outputs(plan, settings, options)
    if not verbosity.quiet:
        for note in plan.notes:
            inform(note)
    choose_device(settings.device, settings.precision)  # a missing device fails before pictures are read
    context = _Context(settings, options, verbosity, stop)
    if plan.is_batch:
        return _paint_batch(plan, existing, context, as_json=as_json)
    if existing:
        if as_json:
            print_json({"output": str(existing[0].output), "skipped": True})
        return 0
    [job] = plan.jobs
    curve = LossCurve()
    result = _paint_one(job, context, curve=curve)
    table = _as_dict(result, job.output)
    _explain(job, context, result=result, curve=curve, table=table)
    if as_json:
        print_json(table)
    return stop.exit_code if result.interrupted else 0


def _paint_batch(plan: BatchPlan, existing: Sequence[Job], context: _Context, *, as_json: bool) -> int:
    results: list[dict[str, object]] = []
    skipped = [{"content": job.name, "output": str(job.output)} for job in existing]
    failures: list[dict[str, object]] = []

    def fail(name: str, error: Exception) -> None:
        code = report_failure(error, debug=context.verbosity.debug)
        failures.append({"content": name, "message": describe_failure(error), "exit_code": code})

    for each in plan.refused:
        fail(each.name, each.error)
    stop, count = context.stop, len(plan.jobs)
    code = 0
    for number, job in enumerate(plan.jobs, start=1):
        if not context.verbosity.quiet:
            inform(f"[{number}/{count}] {job.name}")
        is_whole = True
        try:
            curve = LossCurve()
            result = _paint_one(job, context, curve=curve)
            is_whole = not result.interrupted
            results.append(_as_dict(result, job.output))
            _explain(job, context, result=result, curve=curve, table=results[-1])
        except WeightsError:
            raise  # every other picture would fail, too
        except Exception as error:  # whatever went wrong with this picture, the others are painted
            fail(job.name, error)
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        # A signal that came when the last picture was whole has nothing left to cut short.
        if stop.requested and not code and not (is_whole and number == count):
            code = stop.exit_code
        if code:
            complain(f"interrupted; {len(results)} of {count} pictures are written")
            break
    if as_json:
        print_json({"results": results, "skipped": skipped, "failures": failures})
    if failures and not code:
        names = ", ".join(str(failure["content"]) for failure in failures)
        every = count + len(plan.refused) + len(existing)
        raise BatchError(f"{len(failures)} of {every} pictures failed: {names}; the others are done")
    return code


def _paint_one(job: Job, context: _Context, *, curve: LossCurve) -> Result:
    """Paint one picture and write it; whatever fails, the best picture so far is kept.

    ``curve`` receives the run's events.
    """
    settings, options, stop = context.settings, context.options.of_job(job), context.stop
    stop.graceful = False
    with (
        claim_output(job.output),
        claim_checkpoint(options.checkpoint),
        open_progress(context.verbosity) as emit,
    ):
        observer = _RunObserver(job, settings, options, stop, emit, curve)
        try:
            result = stylize(
                job.content,
                job.styles,
                content_map=job.content_map,
                style_map=job.map_of_style,
                settings=settings,
                on_event=observer,
                should_stop=stop.should_stop,
                checkpoint=options.checkpoint,
                resume=options.resume,
            )
        except Exception as error:
            if observer.latest is not None:
                rescue_best_picture(error, observer.latest, observer.full_size, job.output, options)
            raise
        save_result(result, job.output, options, emit)
        if options.checkpoint is not None and not result.interrupted:
            warning = discard_checkpoint(options.checkpoint)
            if warning is not None:
                emit(Warned(warning))
    if result.interrupted:
        hint = resume_hint(options.checkpoint)
        done = (
            f"{result.evaluations} evaluations" if result.evaluations else "the style's strokes were copied"
        )
        complain(
            f"stopped after {done}; the best picture so far is in {job.output}"
            + (f"; {hint}" if hint else "")
        )
    _print_summary(result, job.output, context.verbosity)
    return result


@dataclass
class _RunObserver:
    """The listener of one run: it passes events on, writes previews and keeps the latest picture.

    ``latest``: the event with that picture, ``None`` as long as there is nothing to save.
    """

    job: Job
    settings: Settings
    options: OutputOptions
    stop: StopSignals
    emit: Listener
    curve: LossCurve
    full_size: tuple[int, int] = (0, 0)
    latest: Step | Voted | None = field(default=None)

    def __call__(self, event: Event) -> None:
        """Handle ``event``."""
        match event:
            case Started():
                self.full_size = event.scales[-1].size
                advice = giant_advice(self.job, self.settings, event)
                if advice is not None:
                    self.emit(Warned(advice))
            case Step() | Voted():
                self.latest = event
                self.stop.graceful = True
        self.curve(event)
        self.emit(event)
        every = self.options.save_every
        if isinstance(event, Step) and every is not None and event.evaluation % every == 0:
            self._save_preview(event)

    def _save_preview(self, step: Step) -> None:
        path = preview_path(self.job.output, step.evaluation)
        try:
            write_picture(path, step.pixels.cpu(), alpha=step.alpha, overwrite=self.options.overwrite)
        except OutputError as error:
            # A failed preview must not end the run.
            self.emit(Warned(f"a preview was left out: {error}"))


def _explain(
    job: Job, context: _Context, *, result: Result, curve: LossCurve, table: dict[str, object]
) -> None:
    """Explain a result that is written, if that was asked for, and add the folder to its ``table``.

    A run that was asked to stop leaves the explanation out. A signal during the explanation ends the program
    at once, since the picture is saved.
    """
    options, stop = context.options.of_job(job), context.stop
    if not options.explain:
        return
    if stop.requested:
        complain(f"{job.output}: asked to stop, so the explanation is left out")
        return
    stop.graceful = False
    folder = explanation_folder(job.output)
    try:
        write_explanation(explain(result, curve), folder, overwrite=options.overwrite)
    except Exception as error:
        error.add_note(f"the picture itself is in {job.output}")
        raise
    table["explanation"] = str(folder)
    if not context.verbosity.quiet:
        inform(f"{folder / 'index.html'}: the explanation")


def _as_dict(result: Result, output: Path) -> dict[str, object]:
    """Return the JSON object of one result; ``size`` is [width, height]."""
    height, width = result.size
    table: dict[str, object] = {
        "output": str(output),
        "size": [width, height],
        "seconds": round(result.timings.total, 3),
        "evaluations": result.evaluations,
        "full_size_evaluations": round(result.full_size_evaluations, 3),
        "device": result.device,
        "precision": result.precision,
        "peak_memory_bytes": result.peak_memory_bytes,
        "losses": result.losses.as_dict(),
        "settings": result.settings.model_dump(mode="json"),
    }
    if result.interrupted:
        table["interrupted"] = True
    return table


def _print_summary(result: Result, output: Path, verbosity: Verbosity) -> None:
    """Print one line about a result that is written; with ``verbose`` a second one."""
    if verbosity.quiet:
        return
    height, width = result.size
    work = f"{result.evaluations} evaluations" if result.evaluations else "strokes copied"
    losses = f", {describe_losses(result.losses)}" if result.losses.values else ""
    inform(f"{output}: {width} x {height} pixels, {work} in {duration(result.timings.total)}{losses}")
    if verbosity.verbose:
        inform(f"peak memory {format_bytes(result.peak_memory_bytes)}, weights {result.weights.digest}")
