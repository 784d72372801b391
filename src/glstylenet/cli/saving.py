"""Saving: writing a result where it belongs, or the best picture of a run that failed wherever it can."""

import itertools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from glstylenet.cli.checkpoints import resume_hint
from glstylenet.cli.exit_codes import describe_failure
from glstylenet.cli.outputs import OutputOptions
from glstylenet.cli.progress import Listener
from glstylenet.pictures import resize, write_picture
from glstylenet.run import Result, Step, Voted, Warned, make_recipe

__all__ = ["rescue_best_picture", "save_result"]


def save_result(result: Result, output: Path, options: OutputOptions, emit: Listener) -> None:
    """Write ``result`` into ``output``.

    If that fails, it is written beside it or into the temporary folder, and a note on the error says where.
    """

    def write(path: Path, *, overwrite: bool = False) -> None:
        recipe = None
        if options.metadata:
            recipe = make_recipe(
                result, folder=path.parent, bits=options.bits, with_folders=options.recipe_paths
            )
        notes = write_picture(
            path, result.pixels, alpha=result.alpha, bits=options.bits, recipe=recipe, overwrite=overwrite
        )
        for note in notes:
            emit(Warned(note))

    try:
        write(output, overwrite=options.overwrite)
    except Exception as error:
        _write_elsewhere(error, output, write)
        raise


def rescue_best_picture(
    error: Exception, latest: Step | Voted, full_size: tuple[int, int], output: Path, options: OutputOptions
) -> None:
    """Write the best picture, that of ``latest``, of a run that ended with ``error``, and note where."""
    if hint := resume_hint(options.checkpoint):
        error.add_note(hint)

    def write(path: Path, *, overwrite: bool = False) -> None:
        # On the CPU: the device may be what failed.
        pixels = resize(latest.pixels.cpu(), full_size)
        alpha = None if latest.alpha is None else resize(255.0 * latest.alpha, full_size) / 255.0
        write_picture(path, pixels, alpha=alpha, bits=options.bits, overwrite=overwrite)

    try:
        write(output, overwrite=options.overwrite)
        error.add_note(f"the best picture so far is in {output}")
    except Exception:  # the caller raises the run's own error
        _write_elsewhere(error, output, write)


def _write_elsewhere(error: Exception, output: Path, write: Callable[[Path], None]) -> None:
    """Write beside ``output`` under a free name, else in the temporary folder; note on ``error`` where."""
    stem, suffix = output.stem, output.suffix
    numbered = (output.with_name(f"{stem}.rescued{number}{suffix}") for number in itertools.count(2))
    names = itertools.chain([output.with_name(f"{stem}.rescued{suffix}")], numbered)
    beside = next(path for path in names if not os.path.lexists(path))
    try:
        write(beside)
        written = beside
    except Exception:
        try:
            folder = Path(tempfile.mkdtemp(prefix="glstylenet-"))
            written = folder / f"rescued{suffix}"
            try:
                write(written)
            except BaseException:
                folder.rmdir()
                raise
        except Exception as reason:
            error.add_note(f"the picture could not be saved ({describe_failure(reason)})")
            return
    error.add_note(f"the picture is in {written}")
