"""Outputs: how results are kept, and the refusal, before a run, of results that could not be written.

Nothing that a call reads may be written by it: neither the pictures and maps of any of its jobs, nor the
weights, the config file and the picture whose recipe is repeated.
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from glstylenet.cli.checkpoints import check_checkpoint
from glstylenet.cli.jobs import BatchPlan, Job
from glstylenet.cli.paths import output_path
from glstylenet.errors import OutputError, UsageError
from glstylenet.explain import check_folder, explanation_folder, require_matplotlib
from glstylenet.files import FileSet
from glstylenet.pictures import check_output, fitted_size, output_format, read_picture
from glstylenet.run import checkpoint_file, most_evaluations, named_files
from glstylenet.settings import Settings

__all__ = ["OutputOptions", "check_outputs", "preview_path"]


@dataclass(frozen=True)
class OutputOptions:
    """`OutputOptions` says how the results of a run are kept.

    ``overwrite`` allows to replace what exists, ``skip_existing`` leaves out what exists. ``bits`` are those
    of each colour of the result. ``metadata`` writes the recipe into it, with ``recipe_paths`` instead of the
    mere names of its inputs. ``save_every`` is the number of evaluations between two previews, ``None`` for
    no previews. ``explain`` writes a folder that explains each result. ``checkpoint`` is the folder for the
    state of the run, and with ``resume`` the run continues from there.
    """

    overwrite: bool = False
    skip_existing: bool = False
    bits: int = 8
    metadata: bool = True
    recipe_paths: bool = False
    save_every: int | None = None
    explain: bool = False
    checkpoint: Path | None = None
    resume: bool = False

    def of_job(self, job: Job) -> "OutputOptions":
        """Return the options for ``job``, which may replace its own unfinished result."""
        return replace(self, overwrite=True) if job.replaces else self


def check_outputs(plan: BatchPlan, settings: Settings, options: OutputOptions) -> None:
    """Refuse, before anything is computed, results, previews and explanations that could not be written.

    Raises :class:`~glstylenet.errors.UsageError` or :class:`~glstylenet.errors.OutputError`.
    """
    if options.explain:
        require_matplotlib()
    if options.checkpoint is None and options.resume:
        raise UsageError("--resume continues from a checkpoint; name its folder with --checkpoint DIR")
    inputs = FileSet(_files_read(plan, settings))
    if options.checkpoint is not None:
        if plan.is_batch:
            raise UsageError(
                "--checkpoint keeps the state of one run, and a batch is several; paint them one by one"
            )
        check_checkpoint(options.checkpoint, may_exist=options.resume or options.overwrite)
        if (source := inputs.find(file := checkpoint_file(options.checkpoint))) is not None:
            raise OutputError(
                f"{file}: is the input {source} itself, and the checkpoint would replace it; choose another "
                f"folder"
            )
    _refuse_existing_results(plan, options)
    for job in plan.jobs:
        _check_job(job, settings, options.of_job(job), inputs)


def preview_path(output: Path, evaluation: int) -> Path:
    """Return the file of the preview after ``evaluation``.

    >>> preview_path(Path("portrait.png"), 40).name
    'portrait.0040.png'
    """
    return output.with_name(f"{output.stem}.{evaluation:04d}.png")


def _files_read(plan: BatchPlan, settings: Settings) -> list[Path]:
    """Return every file that the jobs of ``plan`` read, those of jobs that were refused included."""
    pictures = [path for job in plan.jobs for path in job.inputs]
    refused = [Path(each.name) for each in plan.refused]
    return [*pictures, *refused, *named_files(settings), *plan.also_read]


def _refuse_existing_results(plan: BatchPlan, options: OutputOptions) -> None:
    """Say of a batch how many results exist, rather than of the first that it does."""
    if not plan.is_batch or options.overwrite:
        return
    existing = [job.output for job in plan.jobs if os.path.lexists(job.output) and not job.replaces]
    if existing:
        raise OutputError(
            f"{existing[0]}: exists already, as {len(existing)} of {len(plan.jobs)} results do; give "
            f"--skip-existing to paint the others, or --overwrite to replace them"
        )


def _check_job(job: Job, settings: Settings, options: OutputOptions, inputs: FileSet) -> None:
    overwrite, bits, every = options.overwrite, options.bits, options.save_every
    check_output(job.output, (1, 1), bits=bits, overwrite=overwrite, inputs=inputs)
    if options.explain:
        folder = output_path(str(explanation_folder(job.output)))
        check_folder(folder, overwrite=overwrite, inputs=inputs)
    if every is not None:
        most = most_evaluations(settings)
        output_path(str(preview_path(job.output, most)))
        _refuse_inputs_named_as_previews(job.output, inputs)
        if not overwrite:
            _refuse_existing_previews(job.output, range(every, most + 1, every))
    form = output_format(job.output)
    if form is not None and form.longest_side is not None:
        shape_giver = job.content or job.content_map
        if shape_giver is not None:
            natural = read_picture(shape_giver, max_pixels=settings.max_pixels).size
            size = fitted_size(natural, settings.size)
            check_output(job.output, size, bits=bits, overwrite=overwrite, inputs=inputs)


def _refuse_inputs_named_as_previews(output: Path, inputs: Iterable[Path]) -> None:
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
