"""``glstylenet maps``: the commands on semantic maps, and the one that proposes them for two pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glstylenet.cli.console import inform, print_json, print_result
from glstylenet.cli.maps_check import check_command
from glstylenet.cli.maps_snap import snap_command
from glstylenet.cli.options import (
    ConfigOption,
    ContentArgument,
    DebugOption,
    JsonOption,
    OverwriteOption,
    StyleArgument,
    resolve_settings,
    with_options_of,
)
from glstylenet.cli.paths import output_path

if TYPE_CHECKING:
    from glstylenet.proposals import Proposal

__all__ = ["maps_app"]

maps_app = typer.Typer(help="Propose, snap and check semantic maps.")
maps_app.command("check")(check_command)
maps_app.command("snap")(snap_command)

_ROLES = ("content", "style")


@maps_app.callback()
def _maps() -> None:
    """Propose, snap and check semantic maps."""


@maps_app.command("propose")
@with_options_of("classes", "seed", "max_pixels")
def _propose_command(
    content: ContentArgument,
    style: StyleArgument,
    *,
    folder: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            parser=output_path,
            help="folder for the two maps, CONTENT_map.png and STYLE_map.png",
            show_default=False,
        ),
    ],
    portrait: Annotated[
        bool,
        typer.Option(
            "--portrait",
            help="propose background, clothes, skin, hair, eyes and mouth (needs the extra 'maps'), unless a "
            "picture shows no face",
        ),
    ] = False,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Propose maps for CONTENT and STYLE in the same colours, to be used as they are or edited."""
    settings = resolve_settings(options, preset=None, config=config)
    # PyTorch is slow to import.
    from glstylenet.cli.jobs import make_output_folder
    from glstylenet.files import FileSet, claim_output
    from glstylenet.pictures import check_output, read_picture, write_picture
    from glstylenet.proposals import DEFAULT_CLASSES, propose_maps, propose_portrait_maps

    pictures = []
    for path in (content, style):
        picture = read_picture(path, max_pixels=settings.max_pixels)
        # As bytes, two large pictures take less than one in float32.
        pictures.append(picture.over_white.round().byte())
        del picture
    make_output_folder(folder)
    files = [folder / name for name in _map_names(content, style)]
    inputs = FileSet([content, style])
    for path, pixels in zip(files, pictures, strict=True):
        check_output(path, (pixels.shape[2], pixels.shape[3]), overwrite=overwrite, inputs=inputs)
    classes, seed = settings.classes, settings.seed
    if portrait:
        proposal = propose_portrait_maps(pictures, roles=_ROLES, classes=classes, seed=seed)
    else:
        proposal = propose_maps(pictures, roles=_ROLES, classes=classes or DEFAULT_CLASSES, seed=seed)
    for number, path in enumerate(files):
        with claim_output(path):
            write_picture(path, proposal.picture(number), overwrite=overwrite)
    for note in proposal.notes:
        inform(note)
    if as_json:
        print_json(_as_dict(proposal, files))
    else:
        print_result(_table(proposal))
    return 0


def _map_names(content: Path, style: Path) -> tuple[str, str]:
    """Return the names of the maps, different ones even where letter cases are not told apart.

    >>> _map_names(Path("me.jpg"), Path("painting.png")), _map_names(Path("a/x.png"), Path("b/X.jpg"))
    (('me_map.png', 'painting_map.png'), ('x_content_map.png', 'X_style_map.png'))
    """
    if content.stem.casefold() == style.stem.casefold():
        return f"{content.stem}_content_map.png", f"{style.stem}_style_map.png"
    return f"{content.stem}_map.png", f"{style.stem}_map.png"


def _name(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _as_dict(proposal: "Proposal", files: list[Path]) -> dict[str, object]:
    classes = [
        {"number": number, "colour": _name(colour), **dict(zip(_ROLES, shares, strict=True))}
        for number, (colour, shares) in enumerate(
            zip(proposal.colours, proposal.shares, strict=True), start=1
        )
    ]
    for each, name in zip(classes, proposal.names, strict=False):
        each["name"] = name
    maps = {f"{role}_map": str(path) for role, path in zip(_ROLES, files, strict=True)}
    return {**maps, "classes": classes, "notes": list(proposal.notes)}


def _table(proposal: "Proposal") -> str:
    """Return a line for each class: its number, its colour, its share of both pictures, and any name."""
    names = proposal.names or ("",) * len(proposal.colours)
    rows = [
        f"{number:>5}  {_name(colour)}  {'  '.join(f'{share:>8.2%}' for share in shares)}  {name}".rstrip()
        for number, (colour, shares, name) in enumerate(
            zip(proposal.colours, proposal.shares, names, strict=True), start=1
        )
    ]
    head = "class  colour   " + "  ".join(f"{role:>8}" for role in _ROLES)
    return "\n".join((head, *rows))
