"""Outputs: how results are kept, and the refusal, before a run, of results that could not be written."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from glstylenet.cli.checkpoints import check_checkpoint
from glstylenet.cli.jobs import BatchPlan, Job
from glstylenet.errors import OutputError, UsageError
from glstylenet.explain import check_folder, explanation_folder, require_matplotlib
from glstylenet.pictures import check_output, fitted_size, output_format, read_picture
from glstylenet.settings import INIT_CHOICES, Settings

__all__ = ["OutputOptions", "check_outputs", "preview_path"]


@dataclass(frozen=True)
class OutputOptions:
    """`OutputOptions` says how the results of a run are kept.

    ``overwrite`` allows to replace what exists. ``bits`` are those of each colour of the result. ``metadata``
    writes the recipe into it. ``save_every`` is the number of evaluations between two previews, ``None`` for
    no previews. ``explain`` writes a folder that explains each result. ``checkpoint`` is the folder for the
    state of the run, and with ``resume`` the run continues from there.
    """

    overwrite: bool = False
    bits: int = 8
    metadata: bool = True
    save_every: int | None = None
    explain: bool = False
    checkpoint: Path | None = None
    resume: bool = False


def check_outputs(plan: BatchPlan, settings: Settings, options: OutputOptions) -> None:
    """Refuse, before anything is computed, results, previews and explanations that could not be written.

    Raises :class:`~glstylenet.errors.UsageError` or :class:`~glstylenet.errors.OutputError`.
    """
    if options.explain:
        require_matplotlib()
    if options.checkpoint is None and options.resume:
        raise UsageError("--resume continues from a checkpoint; name its folder with --checkpoint DIR")
    if options.checkpoint is not None:
        if plan.is_batch:
            raise UsageError(
                "--checkpoint keeps the state of one run, and a batch is several; paint them one by one"
            )
        check_checkpoint(options.checkpoint, may_exist=options.resume or options.overwrite)
    for job in plan.jobs:
        _check_job(job, settings, options)


def preview_path(output: Path, evaluation: int) -> Path:
    """Return the file of the preview after ``evaluation``.

    >>> preview_path(Path("portrait.png"), 40).name
    'portrait.0040.png'
    """
    return output.with_name(f"{output.stem}.{evaluation:04d}.png")


def _check_job(job: Job, settings: Settings, options: OutputOptions) -> None:
    overwrite, bits, every = options.overwrite, options.bits, options.save_every
    inputs = _input_files(job, settings)
    check_output(job.output, (1, 1), bits=bits, overwrite=overwrite, inputs=inputs)
    if options.explain:
        check_folder(explanation_folder(job.output), overwrite=overwrite, inputs=inputs)
    if every is not None:
        _refuse_inputs_named_as_previews(job.output, inputs)
        if not overwrite:
            _refuse_existing_previews(job.output, range(every, settings.iterations + 1, every))
    form = output_format(job.output)
    if form is not None and form.longest_side is not None:
        shape_giver = job.content or job.map_of_content()
        if shape_giver is not None:
            natural = read_picture(shape_giver, max_pixels=settings.max_pixels).size
            size = fitted_size(natural, settings.size)
            check_output(job.output, size, bits=bits, overwrite=overwrite, inputs=inputs)


def _input_files(job: Job, settings: Settings) -> list[Path]:
    init = None if settings.init in INIT_CHOICES else Path(settings.init)
    return [
        path for path in (job.content, job.style, job.content_map, job.style_map, init) if path is not None
    ]


def _refuse_inputs_named_as_previews(output: Path, inputs: Sequence[Path]) -> None:
    pattern = re.compile(re.escape(output.stem) + r"\.\d{4,}\.png", re.IGNORECASE)
    for path in inputs:
        if pattern.fullmatch(path.name) and path.resolve().parent == output.resolve().parent:
            raise OutputError(
                f"{path}: is an input and has the name of a preview of {output.name}, which would replace "
                f"it; choose another output, or leave out --save-every"
            )


def _refuse_existing_previews(output: Path, evaluations: Sequence[int]) -> None:
    for path in (preview_path(output, evaluation) for evaluation in evaluations):
        if os.path.lexists(path):
            raise OutputError(
                f"{path}: exists already, and a preview of this run would replace it; choose another output, "
                f"or give --overwrite"
            )
