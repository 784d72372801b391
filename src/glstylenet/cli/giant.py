"""``glstylenet giant``: the command that paints a picture of any size, area by area."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glstylenet.cli.console import complain, inform, print_json, print_result
from glstylenet.cli.durations import duration, time_left
from glstylenet.cli.further_styles import (
    AddStyleMapOption,
    AddStyleOption,
    RegionOption,
    StyleOptions,
    StyleWeightsOption,
)
from glstylenet.cli.options import (
    ConfigOption,
    ContentArgument,
    ContentMapOption,
    DebugOption,
    JsonOption,
    OverwriteOption,
    PresetOption,
    QuietOption,
    StyleMapOption,
    config_files,
    resolve_settings,
    with_options_of,
)
from glstylenet.cli.paths import input_path, output_path
from glstylenet.cli.signals import StopSignals
from glstylenet.errors import SettingsError, UsageError
from glstylenet.settings import Pictures, Settings

if TYPE_CHECKING:
    from glstylenet.cli.giant_outputs import GiantOutputs
    from glstylenet.giant import Cluster, GiantPicture, Manifest, PartsDone
    from glstylenet.run import Event

__all__ = ["giant_command"]

_WHOLE_PICTURE = frozenset({"colours", "finish", "iterations", "maps", "soft_maps"})
"""Settings that need the whole picture at once, or count over it."""

_LINE_SECONDS = 5.0
"""Seconds between two lines on areas that are done."""


@with_options_of(*(name for name in Settings.model_fields if name not in _WHOLE_PICTURE))
def giant_command(
    content: ContentArgument,
    style: Annotated[
        Path,
        typer.Argument(
            metavar="STYLE",
            parser=input_path,
            help="the picture that gives the brushwork, large if it can be",
        ),
    ],
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="OUT.tif", parser=output_path, help="tiled BigTIFF file for the result"
        ),
    ],
    content_map: ContentMapOption = None,
    style_map: StyleMapOption = None,
    add_style: AddStyleOption = None,
    add_style_map: AddStyleMapOption = None,
    style_weights: StyleWeightsOption = None,
    region: RegionOption = None,
    area: Annotated[
        int,
        typer.Option(
            "--area", metavar="PIXELS", min=128, help="longest side of an area; larger needs more memory"
        ),
    ] = 1024,
    sweeps: Annotated[
        int, typer.Option("--sweeps", metavar="N", min=1, help="how often each area is visited at each size")
    ] = 2,
    coarse: Annotated[
        int,
        typer.Option(
            "--coarse-pixels",
            metavar="N",
            min=4096,
            help="up to so many pixels the picture is painted whole; from there on by areas",
        ),
    ] = 4_000_000,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="DIR",
            parser=output_path,
            help="folder for all that the run holds, from which --resume continues; by default "
            "OUT.tif.store, which is removed when the result is written",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="continue from the store; the result is the same picture")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            help="paint N areas at once on this machine, each in a process with one thread and with the "
            "memory of an area; by default one after another, with all threads",
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="ADDRESS",
            help="paint on the workers of a dask scheduler, tls://host:port, that share the store's folder",
        ),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            help="allow a --scheduler tcp://host:port on another machine, without encryption or passwords",
        ),
    ] = False,
    deepzoom: Annotated[
        Path | None,
        typer.Option(
            "--deepzoom",
            metavar="DIR",
            parser=output_path,
            help="also write tiles in the Deep Zoom format into this folder, and a page that pans and zooms "
            "the picture from disk",
        ),
    ] = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="print sizes, areas, memory, disk and time; paint nothing"),
    ] = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Repaint CONTENT with the brushwork of STYLE, area by area, at any size that the disk holds."""
    del debug  # read where errors are printed
    if output.suffix.lower() not in (".tif", ".tiff"):
        raise SettingsError(f"output {output}: has the suffix {output.suffix!r}. Expected .tif or .tiff.")
    if workers is not None and scheduler is not None:
        raise UsageError("got --workers and --scheduler; give one of them, or neither")
    if insecure and scheduler is None:
        raise UsageError("got --insecure without --scheduler, whose connection it is about; leave it out")
    settings = resolve_settings(options, preset=preset, config=config)
    with StopSignals() as stop:
        from glstylenet.cli.giant_outputs import GiantOutputs
        from glstylenet.files import FileSet, claim_output
        from glstylenet.giant import GiantOptions, paint_giant, plan_giant, run_here
        from glstylenet.run import named_files, styles_of

        further = StyleOptions(add_style or [], add_style_map or [], style_weights, region or []).parsed()
        pictures = Pictures(content, style, content_map, style_map, further=further)
        styles, only_map = styles_of(pictures)
        giant_options = GiantOptions(area, sweeps, None, coarse)
        manifest = plan_giant(
            content,
            styles,
            content_map=content_map,
            style_map=only_map,
            settings=settings,
            options=giant_options,
        )
        inputs = FileSet([*pictures.as_dict().values(), *named_files(settings), *config_files(config)])
        folder = store or output.with_name(f"{output.name}.store")
        outputs = GiantOutputs(output, folder, deepzoom, pictures)
        outputs.check(manifest, overwrite=overwrite, resume=resume, inputs=inputs)
        if dry_run:
            return _print_forecast(manifest, outputs, workers=workers, as_json=as_json)
        outputs.check_room(manifest)
        began = time.perf_counter()
        with claim_output(output), _cluster(workers, scheduler, insecure=insecure) as cluster:
            if cluster is not None and cluster.dashboard is not None and not quiet:
                inform(f"the workers can be watched at {cluster.dashboard}")
            stop.graceful = True  # whatever was painted is in the store
            picture = paint_giant(
                content,
                styles,
                store=folder,
                content_map=content_map,
                style_map=only_map,
                settings=settings,
                options=giant_options,
                resume=resume,
                run_parts=run_here if cluster is None else cluster.run_parts,
                on_event=_progress(quiet=quiet),
                should_stop=stop.should_stop,
            )
            if picture is None:
                complain(f"stopped; what was painted is in {folder}; the same command with --resume goes on")
                return stop.exit_code
            outputs.write(picture, overwrite=overwrite, resume=resume)
        if store is None:
            shutil.rmtree(folder, ignore_errors=True)
    table = _as_dict(picture, outputs, time.perf_counter() - began)
    if as_json:
        print_json(table)
    elif not quiet:
        height, width = picture.size
        by_areas = f", loss {picture.losses.total:.4g}" if picture.losses.values else ", painted whole"
        inform(f"{output}: {width} x {height} pixels{by_areas}")
        if deepzoom is not None:
            inform(f"{deepzoom / 'index.html'}: the picture at any zoom")
    return 0


def _progress(*, quiet: bool) -> "Callable[[Event | PartsDone], None]":
    """Return the listener that prints plain lines about a run."""
    from glstylenet.cli.progress import PlainProgress, Verbosity
    from glstylenet.giant import PartsDone
    from glstylenet.run import Warned

    plain = PlainProgress(inform, Verbosity(quiet=quiet))
    last = 0.0

    def listen(event: "Event | PartsDone") -> None:
        nonlocal last
        if not isinstance(event, PartsDone):
            if not quiet or isinstance(event, Warned):
                plain(event)
            return
        now = time.monotonic()
        if not quiet and (event.done == event.parts or now - last >= _LINE_SECONDS):
            last = now
            inform(_describe(event))

    return listen


def _describe(event: "PartsDone") -> str:
    """Return one line about parts of a step that are done."""
    parts = "tiles" if event.step.startswith("style") else "areas"
    return (
        f"size {event.size}/{event.sizes}, {event.step}: {event.done} of {event.parts} {parts}, "
        f"{event.megapixels_a_minute:.3g} megapixels a minute{time_left(event.seconds_left, after='; ')}"
    )


@contextmanager
def _cluster(workers: int | None, scheduler: str | None, *, insecure: bool) -> "Iterator[Cluster | None]":
    """Yield the workers that were asked for, ``None`` if this process is to paint alone."""
    from glstylenet.giant import cluster_at, local_cluster

    if workers is not None:
        with local_cluster(workers) as cluster:
            yield cluster
    elif scheduler is not None:
        with cluster_at(scheduler, insecure=insecure) as cluster:
            yield cluster
    else:
        yield None


def _as_dict(picture: "GiantPicture", outputs: "GiantOutputs", seconds: float) -> dict[str, object]:
    """Return the JSON object of a result; sizes are [width, height]."""
    manifest = picture.manifest
    return {
        "output": str(outputs.file),
        "deepzoom": None if outputs.deep_zoom is None else str(outputs.deep_zoom),
        "size": [picture.size[1], picture.size[0]],
        "seconds": round(seconds, 3),
        "sizes": [[width, height] for height, width in manifest.sizes],
        "losses": picture.losses.as_dict(),
        "sweeps": list(picture.sweep_losses),
        "giant": asdict(manifest.options),
        "settings": manifest.settings,
    }


def _print_forecast(
    manifest: "Manifest",
    outputs: "GiantOutputs",
    *,
    workers: int | None,
    as_json: bool,
) -> int:
    """Print what the run would take; ``workers`` is ``None`` if this process would paint alone."""
    from glstylenet.giant import coarse_settings, forecast_sizes, plan_coarse, small_style_warnings
    from glstylenet.machine import choose_device, using_threads
    from glstylenet.memory import format_bytes
    from glstylenet.network import load_weights
    from glstylenet.run import estimate_seconds, measure_speed, styles_of

    for warning in small_style_warnings(manifest):
        complain(f"warning: {warning}")
    settings = coarse_settings(manifest)
    device = choose_device(settings.device, settings.precision)
    weights = load_weights(settings.weights)
    speed = measure_speed(settings, device, weights)
    with using_threads(None if workers is None else 1):
        speed_of_worker = speed if workers is None else measure_speed(settings, device, weights)
    styles, only_map = styles_of(outputs.inputs)
    started = plan_coarse(manifest, styles, content_map=outputs.inputs.content_map, style_map=only_map)
    coarse = estimate_seconds(started, settings, speed)
    sizes = forecast_sizes(manifest, device, speed_of_worker, workers=workers or 1)
    seconds = coarse + sum(each.seconds for each in sizes)
    memory_of_worker = max((each.memory_bytes for each in sizes), default=0)
    memory = max(started.memory_bytes, memory_of_worker * (workers or 1))
    disk = outputs.needed_bytes(manifest)
    if as_json:
        print_json(
            {
                "size": [manifest.sizes[-1][1], manifest.sizes[-1][0]],
                "seconds": round(seconds, 1),
                "memory_bytes": memory,
                "disk_bytes": sum(disk.values()),
                "disk": {what.replace(" ", "_"): count for what, count in disk.items()},
                "coarse": {"size": list(reversed(manifest.sizes[0])), "seconds": round(coarse, 1)},
                "sizes": [{**asdict(each), "size": list(reversed(each.size))} for each in sizes],
                "workers": workers or 0,
            }
        )
        return 0
    height, width = manifest.sizes[0]
    lines = [f"size 1, {width} x {height}: painted whole, about {duration(coarse)}"]
    for number, each in enumerate(sizes, start=2):
        height, width = each.size
        lines.append(
            f"size {number}, {width} x {height}: {each.areas} areas, {each.evaluations} evaluations each, "
            f"about {duration(each.seconds)}"
        )
    shares = ", ".join(f"{format_bytes(count)} for the {what}" for what, count in disk.items())
    lines.append(
        f"in all about {duration(seconds)}, {format_bytes(memory)} of memory, "
        f"{format_bytes(sum(disk.values()))} of disk ({shares})"
    )
    print_result("\n".join(lines))
    return 0
