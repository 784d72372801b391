"""``glstylenet evaluate``: the command that prints metrics of any picture."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glstylenet.cli.console import print_json, print_result
from glstylenet.cli.further_styles import (
    AddStyleMapOption,
    AddStyleOption,
    RegionOption,
    StyleOptions,
    StyleWeightsOption,
)
from glstylenet.cli.options import (
    ConfigOption,
    ContentMapOption,
    DebugOption,
    JsonOption,
    StyleMapOption,
    resolve_settings,
    with_options_of,
)
from glstylenet.cli.paths import input_path
from glstylenet.settings import Pictures

if TYPE_CHECKING:
    from glstylenet.metrics import Metrics

__all__ = ["evaluate_command"]

# A copy of `glstylenet.metrics.evaluation.USED_SETTINGS`, whose import loads PyTorch; a test compares.
_OPTIONS = ("size", "style_scale", "max_pixels", "maps", "classes", "seed", "strict", "device")


@with_options_of(*_OPTIONS)
def evaluate_command(
    image: Annotated[
        Path,
        typer.Argument(metavar="IMAGE", parser=input_path, help="the picture to measure", show_default=False),
    ],
    content: Annotated[
        Path,
        typer.Argument(
            metavar="CONTENT", parser=input_path, help="the picture it was painted from", show_default=False
        ),
    ],
    style: Annotated[
        Path,
        typer.Argument(
            metavar="STYLE", parser=input_path, help="the picture whose brushwork it has", show_default=False
        ),
    ],
    *,
    content_map: ContentMapOption = None,
    style_map: StyleMapOption = None,
    add_style: AddStyleOption = None,
    add_style_map: AddStyleMapOption = None,
    style_weights: StyleWeightsOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Print metrics of IMAGE that a run does not minimise: structure, texture, colour, blur and lines."""
    settings = resolve_settings(options, preset=None, config=config)
    further = StyleOptions(add_style or [], add_style_map or [], style_weights, region or []).parsed()
    # PyTorch is slow to import.
    from glstylenet.cli.progress import print_warnings
    from glstylenet.metrics import evaluate_picture
    from glstylenet.run import styles_of

    styles, map_of_style = styles_of(Pictures(content, style, content_map, style_map, further=further))
    metrics = evaluate_picture(
        image,
        content,
        styles,
        content_map=content_map,
        style_map=map_of_style,
        settings=settings,
        on_event=print_warnings,
    )
    if as_json:
        print_json(
            {
                "image": str(image),
                "metrics": metrics.as_dict(),
                "classes": [dataclasses.asdict(each) for each in metrics.classes],
                "styles": [dataclasses.asdict(each) for each in metrics.styles],
                "settings": {name: getattr(settings, name) for name in _OPTIONS},
            }
        )
    else:
        print_result(_table(metrics))
    return 0


def _table(metrics: "Metrics") -> str:
    """Return a line for each metric, then one for each map class, then one for each of several styles."""
    from glstylenet.metrics import METRICS

    values = metrics.as_dict()
    lines = [f"{'metric':<28}{'value':>9}  {'better':<8}meaning"]
    lines += [
        f"{metric.name:<28}{_number(values[metric.name]):>9}  {metric.direction:<8}{metric.sentence}"
        for metric in METRICS
    ]
    if metrics.classes:
        lines += ["", f"{'class':<12}{'share':>9}{'texture':>11}{'colour':>10}"]
        lines += [
            f"{each.colour:<12}{each.share:>9.2%}{_number(each.texture_distance):>11}"
            f"{_number(each.colour_distance):>10}"
            for each in metrics.classes
        ]
    if metrics.styles:
        width = max(len(each.name) for each in metrics.styles)
        lines += ["", f"{'style':<{width}}{'weight':>9}{'share':>9}{'texture':>11}{'colour':>10}"]
        lines += [
            f"{each.name:<{width}}{each.weight:>9.2%}{each.share:>9.2%}{_number(each.texture_distance):>11}"
            f"{_number(each.colour_distance):>10}"
            for each in metrics.styles
        ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
