"""``glstylenet maps snap``: the command that brings a coarse map to its picture's edges."""

from pathlib import Path
from typing import Annotated

import typer

from glstylenet.cli.console import inform, print_json, print_result
from glstylenet.cli.options import (
    ConfigOption,
    DebugOption,
    JsonOption,
    OverwriteOption,
    resolve_settings,
    with_options_of,
)
from glstylenet.cli.paths import input_path, output_path

__all__ = ["snap_command"]


@with_options_of("classes", "max_pixels")
def snap_command(
    picture: Annotated[
        Path,
        typer.Argument(metavar="PICTURE", parser=input_path, help="the picture", show_default=False),
    ],
    drawn: Annotated[
        Path,
        typer.Argument(
            metavar="MAP", parser=input_path, help="its map, drawn with a coarse brush", show_default=False
        ),
    ],
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            parser=output_path,
            help="file for the map at the picture's size; PNG keeps its colours exactly",
            show_default=False,
        ),
    ],
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Bring the borders of MAP, by at most 3 % of the longest side, to the edges of PICTURE."""
    settings = resolve_settings(options, preset=None, config=config)
    # PyTorch is slow to import.
    from glstylenet.files import FileSet, claim_output
    from glstylenet.pictures import check_output, read_picture, write_picture
    from glstylenet.proposals import snap_map

    # As bytes, a large picture and its map take less than one of them in float32.
    pixels, labels = (
        read_picture(path, max_pixels=settings.max_pixels).over_white.round().byte()
        for path in (picture, drawn)
    )
    size = (pixels.shape[2], pixels.shape[3])
    check_output(output, size, overwrite=overwrite, inputs=FileSet([picture, drawn]))
    snapped = snap_map(labels, pixels, classes=settings.classes)
    with claim_output(output):
        write_picture(output, snapped.picture(0), overwrite=overwrite)
    classes = [
        {"number": number, "colour": "#{:02x}{:02x}{:02x}".format(*colour), "share": share}
        for number, (colour, (share,)) in enumerate(
            zip(snapped.colours, snapped.shares, strict=True), start=1
        )
    ]
    if as_json:
        print_json({"output": str(output), "classes": classes, "notes": list(snapped.notes)})
        return 0
    rows = [f"{each['number']:>5}  {each['colour']}  {each['share']:>8.2%}" for each in classes]
    print_result("\n".join(("class  colour       share", *rows)))
    for note in snapped.notes:
        inform(note)
    return 0
