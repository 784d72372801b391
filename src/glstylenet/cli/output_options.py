"""Output options: the options of ``stylize`` that say where its results go and how they are kept."""

from pathlib import Path
from typing import Annotated

import typer

from glstylenet.cli.paths import output_path

__all__ = [
    "BitsOption",
    "CheckpointOption",
    "ExplainOption",
    "NoMetadataOption",
    "OutputOption",
    "ResumeOption",
    "SaveEveryOption",
    "SkipExistingOption",
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="file for the result, whose suffix (.png, .jpg, ...) is its format, or a folder for results "
        "named CONTENT__STYLE.png; required, except with --recipe OLD.png (default OLD.again.png)",
    ),
]
SkipExistingOption = Annotated[
    bool,
    typer.Option(
        "--skip-existing",
        help="leave out what has a finished result already; so the same command goes on with a batch",
    ),
]
NoMetadataOption = Annotated[bool, typer.Option("--no-metadata", help="leave the recipe out of the result")]
BitsOption = Annotated[
    int | None,
    typer.Option(
        "--bits", metavar="8|16", help="bits per colour of the result (default 8, or those of the recipe)"
    ),
]
SaveEveryOption = Annotated[
    int | None,
    typer.Option(
        "--save-every",
        metavar="N",
        min=1,
        help="write a preview every N evaluations, such as OUT.0040.png after 40",
    ),
]
ExplainOption = Annotated[
    bool,
    typer.Option(
        "--explain",
        help="write a page into the folder OUT.explain beside OUT.png: which part of the style painted which "
        "part of the result, the loss of each map class, and the loss curve (needs the extra 'report')",
    ),
]
CheckpointOption = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="DIR",
        parser=output_path,
        help="folder for the state of the run, from which --resume continues after an interruption; the "
        "state is removed when the result is written",
    ),
]
ResumeOption = Annotated[
    bool,
    typer.Option(
        "--resume", help="continue from the state in --checkpoint DIR; the result is the same picture"
    ),
]
