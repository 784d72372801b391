"""``glstylenet bench``: the command that measures speed and memory on this machine, as ratios."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glstylenet.cli.console import inform, print_json, print_result
from glstylenet.cli.options import (
    ContentMapOption,
    DebugOption,
    JsonOption,
    OverwriteOption,
    QuietOption,
    StyleMapOption,
    environment_settings,
    given_settings,
    with_options_of,
)
from glstylenet.cli.paths import input_path, output_path
from glstylenet.cli.signals import StopSignals
from glstylenet.errors import UsageError
from glstylenet.settings import Settings

if TYPE_CHECKING:
    from glstylenet.bench import Pair

__all__ = ["bench_command"]

_QuickOption = Annotated[
    bool, typer.Option("--quick", help="smaller pictures and fewer evaluations: under two minutes")
]
_FullOption = Annotated[
    bool,
    typer.Option(
        "--full",
        help="the literal method's 500 evaluations, and pictures up to 24 megapixels: an hour or more",
    ),
]
_ContentOption = Annotated[
    Path | None,
    typer.Option(
        "--content",
        metavar="CONTENT",
        parser=input_path,
        help="content for measuring speedup and time to quality, instead of the samples",
    ),
]
_StyleOption = Annotated[
    Path | None,
    typer.Option("--style", metavar="STYLE", parser=input_path, help="style for measuring them"),
]
_PlotOption = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        parser=output_path,
        help="also draw the schemes and the scaling into this picture",
    ),
]


@with_options_of(
    "content_weight",
    "local_weight",
    "semantic_weight",
    "classes",
    "global_weight",
    "smoothness",
    "size",
    "device",
    "precision",
    "weights",
)
def bench_command(
    *,
    quick: _QuickOption = False,
    full: _FullOption = False,
    content: _ContentOption = None,
    style: _StyleOption = None,
    content_map: ContentMapOption = None,
    style_map: StyleMapOption = None,
    plot: _PlotOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Measure this machine: overhead, speedup over the paper's own method, first picture, schemes, scaling.

    Every figure is a ratio within this one run; run nothing else meanwhile. Loss weights, classes and size
    apply to speedup and time to quality; device, precision and the network's weights apply to everything.
    """
    if quick and full:
        raise UsageError("got --quick and --full; give one of them, or neither")
    if (content is None) != (style is None):
        lacking = "--content" if content is None else "--style"
        raise UsageError(f"a pair needs both its pictures: add {lacking}, or leave both out for the samples")
    if content is None and (content_map is not None or style_map is not None):
        raise UsageError("got maps without their pictures; add --content and --style, or leave the maps out")
    # The user's config file is not read: the figures are those of the defaults.
    settings = Settings(**{**environment_settings(), **given_settings(options)})
    with StopSignals(), contextlib.ExitStack() as files:
        from glstylenet.bench import (  # PyTorch is slow to import
            PLANS,
            Pair,
            Subjects,
            measure,
            sample_pair,
            speedup_settings,
        )
        from glstylenet.cli.bench_tables import format_report

        plan = PLANS["quick" if quick else "full" if full else "default"]
        samples = sample_pair(files)
        pair = samples
        if content is not None and style is not None:
            pair = Pair(content, style, content_map, style_map)
        if plot is not None:
            _check_plot(plot, pair, settings, overwrite=overwrite)
        pair.read(speedup_settings(plan, settings))  # errors of the pair are raised before time is spent
        report = measure(plan, Subjects(samples, pair), settings, _print_nothing if quiet else inform)
        if as_json:
            print_json(report.as_dict())
        else:
            print_result(format_report(report))
        if plot is not None:
            from glstylenet.bench import drawn_report
            from glstylenet.pictures import write_picture

            write_picture(plot, drawn_report(report), overwrite=overwrite)
    return 0


def _print_nothing(_sentence: str) -> None:
    return None


def _check_plot(plot: Path, pair: "Pair", settings: Settings, *, overwrite: bool) -> None:
    """Refuse a plot that could not be drawn or written, before anything is measured."""
    from glstylenet.bench import PLOT_SIZE, require_matplotlib
    from glstylenet.files import FileSet
    from glstylenet.pictures import check_output
    from glstylenet.run import named_files

    require_matplotlib()
    files = (pair.content, pair.style, pair.content_map, pair.style_map)
    inputs = [file for file in files if file is not None]
    check_output(plot, PLOT_SIZE, overwrite=overwrite, inputs=FileSet([*inputs, *named_files(settings)]))
