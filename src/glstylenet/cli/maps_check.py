"""``glstylenet maps check``: the command that says what the program makes of two maps."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glstylenet.cli.console import complain, print_json, print_result
from glstylenet.cli.options import (
    ConfigOption,
    DebugOption,
    JsonOption,
    OverwriteOption,
    resolve_settings,
    with_options_of,
)
from glstylenet.cli.paths import input_path, output_path

if TYPE_CHECKING:
    from glstylenet.maps import Semantics

__all__ = ["check_command"]

_ROLES = ("content", "style")


@with_options_of("classes", "strict", "max_pixels")
def check_command(
    content_map: Annotated[
        Path,
        typer.Argument(
            metavar="CONTENT_MAP", parser=input_path, help="the content's map", show_default=False
        ),
    ],
    style_map: Annotated[
        Path,
        typer.Argument(metavar="STYLE_MAP", parser=input_path, help="the style's map", show_default=False),
    ],
    *,
    content: Annotated[
        Path | None,
        typer.Option(
            "--content", metavar="PICTURE", parser=input_path, help="the content, to be shown under its map"
        ),
    ] = None,
    style: Annotated[
        Path | None,
        typer.Option(
            "--style", metavar="PICTURE", parser=input_path, help="the style, to be shown under its map"
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            parser=output_path,
            help="file for a picture of both maps side by side, as the program understood them",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Print the classes of two maps, with their colours and shares, and what may spoil a run with them."""
    settings = resolve_settings(options, preset=None, config=config)
    # PyTorch is slow to import.
    from glstylenet.files import FileSet, claim_output
    from glstylenet.maps import PictureMap, draw_sheet, label_maps
    from glstylenet.pictures import check_output, read_picture, write_picture

    given = [path for path in (content_map, style_map, content, style) if path is not None]
    if sheet is not None:
        # The sheet's size follows from the classes; every format holds it.
        check_output(sheet, (1, 1), overwrite=overwrite, inputs=FileSet(given))
    maps, pictures = [], []
    for role, map_path, path in zip(_ROLES, (content_map, style_map), (content, style), strict=True):
        pixels = read_picture(map_path, max_pixels=settings.max_pixels).over_white
        picture = None if path is None else read_picture(path, max_pixels=settings.max_pixels).over_white
        shown = pixels if picture is None else picture
        maps.append(PictureMap(pixels, role, (shown.shape[2], shown.shape[3])))
        pictures.append(picture)
    semantics = label_maps(maps, classes=settings.classes, strict=settings.strict)
    if sheet is not None:
        with claim_output(sheet):
            write_picture(sheet, draw_sheet(semantics, pictures), overwrite=overwrite)
    if as_json:
        print_json(_as_dict(semantics, content_map, style_map, sheet))
        return 0
    print_result(semantics.describe())
    unused = ", ".join(each.colour_name for each in semantics.classes if not each.shares[0])
    if unused:
        print_result(f"the content map lacks {unused}; no region of the content is matched with that")
    for warning in semantics.warnings:
        complain(warning)
    return 0


def _as_dict(
    semantics: "Semantics", content_map: Path, style_map: Path, sheet: Path | None
) -> dict[str, object]:
    classes = [
        {"number": number, "colour": each.colour_name, **dict(zip(_ROLES, each.shares, strict=True))}
        for number, each in enumerate(semantics.classes, start=1)
    ]
    missing = {
        role: [each.colour_name for each in semantics.classes if not each.shares[m]]
        for m, role in enumerate(_ROLES)
    }
    return {
        "content_map": str(content_map),
        "style_map": str(style_map),
        "sheet": None if sheet is None else str(sheet),
        "classes": classes,
        "missing": missing,
        "warnings": list(semantics.warnings),
        "notes": list(semantics.notes),
    }
