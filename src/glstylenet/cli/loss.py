"""``glstylenet loss``: the command that prints the loss terms of any picture."""

from pathlib import Path
from typing import Annotated

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
    PresetOption,
    StyleMapOption,
    resolve_settings,
    with_setting_options,
)
from glstylenet.cli.paths import input_path
from glstylenet.errors import UsageError
from glstylenet.settings import Pictures

__all__ = ["loss_command"]


@with_setting_options
def loss_command(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE CONTENT STYLE",
            parser=input_path,
            help="the picture to measure, then those it was painted from; a doodle has no CONTENT",
            show_default=False,
        ),
    ],
    *,
    content_map: ContentMapOption = None,
    style_map: StyleMapOption = None,
    add_style: AddStyleOption = None,
    add_style_map: AddStyleMapOption = None,
    style_weights: StyleWeightsOption = None,
    region: RegionOption = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Print the weighted loss terms of IMAGE, at full size and in float32."""
    further = StyleOptions(add_style or [], add_style_map or [], style_weights, region or []).parsed()
    has_style_map = style_map is not None or further.need_no_first_map
    is_doodle = len(pictures) == 2 and content_map is not None and has_style_map
    if len(pictures) != 3 and not is_doodle:
        raise UsageError(
            f"got {len(pictures)} pictures, expected IMAGE CONTENT STYLE; IMAGE STYLE is enough for a "
            f"doodle, which needs --content-map and --style-map"
        )
    settings = resolve_settings(options, preset=preset, config=config)
    # PyTorch is slow to import.
    from glstylenet.cli.progress import print_warnings
    from glstylenet.run import picture_losses, styles_of

    painted_from = Pictures(
        None if is_doodle else pictures[1], pictures[-1], content_map, style_map, further=further
    )
    style, map_of_style = styles_of(painted_from)
    terms = picture_losses(
        pictures[0],
        painted_from.content,
        style,
        content_map=content_map,
        style_map=map_of_style,
        settings=settings,
        on_event=print_warnings,
    )
    losses = terms.as_dict()
    if as_json:
        print_json(
            {"image": str(pictures[0]), "losses": losses, "settings": settings.model_dump(mode="json")}
        )
    else:
        print_result("\n".join(f"{name:<12}{value:>14.6g}" for name, value in losses.items()))
    return 0
