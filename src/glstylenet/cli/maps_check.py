"""``glstylenet maps check``: the command that says what the program makes of the maps of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glstylenet.cli.console import complain, print_json, print_result
from glstylenet.cli.further_styles import (
    AddStyleMapOption,
    AddStyleOption,
    RegionOption,
    StyleOptions,
    StyleWeightsOption,
)
from glstylenet.cli.options import (
    ConfigOption,
    DebugOption,
    JsonOption,
    OverwriteOption,
    resolve_settings,
    with_options_of,
)
from glstylenet.cli.paths import input_path, output_path
from glstylenet.errors import UsageError
from glstylenet.settings import FurtherStyles, Pictures

if TYPE_CHECKING:
    from glstylenet.run import MapCheck, Style

__all__ = ["check_command"]


@with_options_of("classes", "strict", "soft_maps", "max_pixels")
def check_command(
    content_map: Annotated[
        Path,
        typer.Argument(
            metavar="CONTENT_MAP", parser=input_path, help="the content's map", show_default=False
        ),
    ],
    style_map: Annotated[
        Path | None,
        typer.Argument(
            metavar="STYLE_MAP",
            parser=input_path,
            help="the style's map; may be left out where another style has one, or classes of its own",
            show_default=False,
        ),
    ] = None,
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
    add_style: AddStyleOption = None,
    add_style_map: AddStyleMapOption = None,
    style_weights: StyleWeightsOption = None,
    region: RegionOption = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            parser=output_path,
            help="file for a picture of all maps side by side, as the program understood them",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Print the classes of the maps, with their colours and shares, and what may spoil a run with them."""
    settings = resolve_settings(options, preset=None, config=config)
    further = StyleOptions(add_style or [], add_style_map or [], style_weights, region or []).parsed()
    # PyTorch is slow to import.
    from glstylenet.files import FileSet, claim_output
    from glstylenet.maps import draw_sheet
    from glstylenet.pictures import check_output, write_picture
    from glstylenet.run import check_maps

    if sheet is not None:
        given = [path for path in (content_map, style_map, content, style) if path is not None]
        # The sheet's size follows from the classes; every format holds it.
        check_output(sheet, (1, 1), overwrite=overwrite, inputs=FileSet([*given, *further.files]))
    check = check_maps(content_map, _styles(style, style_map, further), content=content, settings=settings)
    if sheet is not None:
        with claim_output(sheet):
            write_picture(
                sheet, draw_sheet(check.semantics, check.pictures, bound=check.bound), overwrite=overwrite
            )
    if as_json:
        files = {"content_map": content_map, "style_map": style_map, "sheet": sheet}
        print_json(_as_dict(check, further, files))
        return 0
    print_result("\n".join((check.semantics.describe(), *_sentences(check))))
    for warning in check.warnings:
        complain(warning)
    return 0


def _styles(style: Path | None, style_map: Path | None, further: FurtherStyles) -> "list[Style]":
    """Return the styles; the first one's map stands for its picture, where that is not given."""
    from glstylenet.run import Style, styles_of

    if style_map is None and not further.need_no_first_map:
        raise UsageError(
            "got one map, the content's; give STYLE_MAP, too, or a further style with a map or a class"
        )
    first = style if style is not None else style_map
    if first is None:
        raise UsageError("got neither map nor picture of the first style; give STYLE_MAP, or --style PICTURE")
    styles, _ = styles_of(Pictures(None, first, style_map=style_map, further=further))
    return styles if isinstance(styles, list) else [Style(first, style_map)]


def _sentences(check: "MapCheck") -> list[str]:
    """Return lines about the classes that the content lacks, and about what is painted from which style."""
    classes = check.semantics.classes
    unused = ", ".join(each.colour_name for each in classes if not each.shares[0])
    lines = []
    if unused:
        lines.append(f"the content map lacks {unused}; no region of the content is matched with that")
    for name, numbers in check.bound.items():
        names = ", ".join(classes[number].colour_name for number in sorted(numbers))
        if names:
            lines.append(f"painted from {name} alone: {names}")
        elif name not in check.semantics.roles:
            lines.append(f"{name} has no map; all of it is matched with any class")
    return lines


def _as_dict(
    check: "MapCheck", further: FurtherStyles, files: Mapping[str, Path | None]
) -> dict[str, object]:
    """Return the JSON object; ``files`` are by name those that are not of ``further`` styles."""
    semantics = check.semantics
    owners = check.owners
    classes = []
    for number, each in enumerate(semantics.classes):
        shares = dict(zip(semantics.roles, each.shares, strict=True))
        classes.append(
            {
                "number": number + 1,
                "colour": each.colour_name,
                **{_key(name): shares.get(name) for name in check.pictures},
                "painted_from": _key(owners[number]) if number in owners else None,
            }
        )
    missing = {
        _key(role): [each.colour_name for each in semantics.classes if not each.shares[m]]
        for m, role in enumerate(semantics.roles)
    }
    return {
        **{name: None if path is None else str(path) for name, path in files.items()},
        "further_styles": [
            {"style": str(picture), "style_map": None if own_map is None else str(own_map)}
            for picture, own_map in zip(further.pictures, further.maps, strict=True)
        ],
        "classes": classes,
        "missing": missing,
        "warnings": list(check.warnings),
        "notes": list(semantics.notes),
    }


def _key(name: str) -> str:
    return name.replace(" ", "_")
