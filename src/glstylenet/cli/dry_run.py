"""Dry run: what ``stylize --dry-run`` prints, which is what a run would do and need."""

from collections.abc import Iterator, Sequence

from glstylenet.cli.console import PROGRAM, complain, inform, print_json, print_result
from glstylenet.cli.durations import duration
from glstylenet.cli.existing import split_existing
from glstylenet.cli.giant_advice import giant_advice
from glstylenet.cli.jobs import BatchPlan, Job
from glstylenet.cli.outputs import OutputOptions, check_outputs
from glstylenet.cli.progress import describe_plan
from glstylenet.errors import BatchError
from glstylenet.machine import choose_device
from glstylenet.network import load_weights
from glstylenet.run import Started, estimate_seconds, measure_speed, plan_run
from glstylenet.settings import Settings

__all__ = ["print_dry_run"]


def print_dry_run(plan: BatchPlan, settings: Settings, options: OutputOptions, *, as_json: bool) -> int:
    """Check all jobs of ``plan`` as a run would; print sizes, tiles, memory and time of each; return 0.

    Raises :class:`~glstylenet.errors.BatchError` at the end if pictures of a batch cannot be painted.
    """
    if options.skip_existing:
        plan, _existing = split_existing(plan)
    check_outputs(plan, settings, options)
    for note in plan.notes:
        inform(note)
    tables = []
    for job, started, seconds in _estimated(plan.jobs, settings):
        tables.append(_as_dict(str(job.output), started, seconds))
        advice = giant_advice(job, settings, started)
        if advice is not None:
            inform(f"{PROGRAM}: warning: {advice}")
        if not as_json:
            lines = [f"{job.output}: about {duration(seconds)}", *describe_plan(started)]
            print_result("\n".join(lines))
    if as_json:
        is_one = len(tables) == 1 and not plan.is_batch
        print_json(tables[0] if is_one else {"results": tables})
    for each in plan.refused:
        complain(str(each.error))
    if plan.refused:
        names = ", ".join(each.name for each in plan.refused)
        raise BatchError(f"{len(plan.refused)} pictures would fail: {names}")
    return 0


def _estimated(jobs: Sequence[Job], settings: Settings) -> Iterator[tuple[Job, Started, float]]:
    """Yield each job with what its run would do and the seconds that it would take."""
    if not jobs:
        return
    device = choose_device(settings.device, settings.precision)
    speed = measure_speed(settings, device, load_weights(settings.weights))
    for job in jobs:
        started = plan_run(
            job.content,
            job.styles,
            content_map=job.content_map,
            style_map=job.map_of_style,
            settings=settings,
        )
        yield job, started, estimate_seconds(started, settings, speed)


def _as_dict(output: str, started: Started, seconds: float) -> dict[str, object]:
    """Return one job as a JSON object; sizes are [width, height]."""
    return {
        "output": output,
        "seconds": round(seconds, 1),
        "memory_bytes": started.memory_bytes,
        "device": started.device,
        "precision": started.precision,
        "scales": [
            {
                "size": [scale.size[1], scale.size[0]],
                "evaluations": scale.evaluations,
                "tiles": plan.tiles,
                "memory_bytes": plan.needed_bytes,
            }
            for scale, plan in zip(started.scales, started.plans, strict=True)
        ],
    }
