"""Jobs: from the words of a command line to what is painted from what, and where it goes.

``CONTENT... STYLE`` with one content is one job. Several contents, or a folder of them, are a batch: the
results are named ``{content}__{style}.png`` in the output folder.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from glstylenet.errors import InputError, OutputError, UsageError
from glstylenet.explain import check_folder, explanation_folder
from glstylenet.pictures import (
    check_output,
    find_pictures,
    fitted_size,
    output_format,
    read_picture,
    readable_names,
)
from glstylenet.settings import INIT_CHOICES, Settings

__all__ = ["BatchPlan", "Job", "check_jobs", "plan_jobs", "preview_path"]


@dataclass(frozen=True)
class Job:
    """One picture to paint. ``content`` is ``None`` for a doodle. ``content_map`` may be a folder: then the
    map in it with the content's name is meant (:meth:`map_of_content`)."""

    content: Path | None
    style: Path
    content_map: Path | None
    style_map: Path | None
    output: Path

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.content or self.content_map)

    def map_of_content(self) -> Path | None:
        """The content's own map.

        Raises :class:`~glstylenet.errors.InputError` if the map folder has none or several.
        """
        if self.content_map is None or self.content is None or not self.content_map.is_dir():
            return self.content_map
        stem = self.content.stem
        found = [path for path in find_pictures(self.content_map) if path.stem == stem]
        if len(found) != 1:
            raise InputError(
                f"{self.content}: the map folder {self.content_map} holds {len(found)} pictures named "
                f"{stem}, expected one; add or remove maps there"
            )
        return found[0]


@dataclass(frozen=True)
class BatchPlan:
    """The jobs of a call. ``is_batch``: results are reported together, and one failure does not end it."""

    jobs: tuple[Job, ...]
    is_batch: bool


def plan_jobs(
    pictures: Sequence[str], output: str, *, content_map: Path | None, style_map: Path | None
) -> BatchPlan:
    """Sort out ``CONTENT... STYLE`` (a doodle: ``STYLE`` alone, with both maps) and where results go.

    A missing output folder is made if the folder above it exists: further up, a missing folder is more likely
    a slip of the keyboard. Raises :class:`~glstylenet.errors.UsageError`,
    :class:`~glstylenet.errors.InputError` or :class:`~glstylenet.errors.OutputError`.
    """
    if not all(pictures) or not output:
        raise UsageError("a picture's or the output's name is empty; is a variable of your script not set?")
    contents, is_batch = _contents(pictures, content_map, style_map)
    style = Path(pictures[-1])
    several = len(contents) > 1
    if several and content_map is not None and not content_map.is_dir():
        raise UsageError(
            f"got one content map, {content_map}, for {len(contents)} contents; give a folder that holds a "
            f"map of the same name for each content"
        )
    names = [f"{(content or content_map or style).stem}__{style.stem}.png" for content in contents]
    is_folder = is_batch or Path(output).is_dir() or output.endswith((os.sep, "/"))
    if is_batch and output_format(Path(output)) is not None:
        raise UsageError(f"-o {output} names one file, and a batch makes several; give a folder")
    if is_folder:
        _refuse_equal_names(contents, names)
        folder = _output_folder(Path(output))
        outputs = [folder / name for name in names]
    else:
        outputs = [Path(output)]
    jobs = tuple(
        Job(content, style, content_map, style_map, target)
        for content, target in zip(contents, outputs, strict=True)
    )
    return BatchPlan(jobs, is_batch)


def check_jobs(
    plan: BatchPlan,
    settings: Settings,
    *,
    bits: int,
    overwrite: bool,
    save_every: int | None,
    explain: bool = False,
) -> None:
    """Refuse, before anything is computed, results, previews and explanations that could not be written."""
    for job in plan.jobs:
        inputs = _files(job, settings)
        check_output(job.output, (1, 1), bits=bits, overwrite=overwrite, inputs=inputs)
        if explain:
            check_folder(explanation_folder(job.output), overwrite=overwrite, inputs=inputs)
        if save_every is not None:
            _check_previews(job.output, inputs)
            if not overwrite:
                _refuse_existing_previews(job.output, range(save_every, settings.iterations + 1, save_every))
        form = output_format(job.output)
        if form is not None and form.longest_side is not None:
            shape_giver = job.content or job.map_of_content()
            if shape_giver is not None:
                size = read_picture(shape_giver, max_pixels=settings.max_pixels).size
                check_output(
                    job.output,
                    fitted_size(size, settings.size),
                    bits=bits,
                    overwrite=overwrite,
                    inputs=inputs,
                )


def preview_path(output: Path, evaluation: int) -> Path:
    """Where the preview after ``evaluation`` goes: ``portrait.png`` has ``portrait.0040.png``."""
    return output.with_name(f"{output.stem}.{evaluation:04d}.png")


def _contents(
    pictures: Sequence[str], content_map: Path | None, style_map: Path | None
) -> tuple[list[Path | None], bool]:
    """The contents, and whether they are a batch."""
    if len(pictures) == 1 and content_map is not None and style_map is not None:
        if content_map.is_dir():
            raise UsageError(f"a doodle is painted from one map, and {content_map} is a folder; name a file")
        return [None], False
    if len(pictures) < 2:
        raise UsageError(
            f"got {'one picture' if pictures else 'no pictures'}, expected CONTENT and STYLE; STYLE alone is "
            f"enough for a doodle, which needs --content-map and --style-map"
        )
    contents: list[Path | None] = []
    is_batch = len(pictures) > 2
    for text in pictures[:-1]:
        path = Path(text)
        if not path.is_dir():
            contents.append(path)
            continue
        is_batch = True
        inside = find_pictures(path)
        if not inside:
            raise InputError(f"{path}: the folder holds no picture; expected {readable_names()}")
        contents.extend(inside)
    return contents, is_batch


def _refuse_equal_names(contents: Sequence[Path | None], names: Sequence[str]) -> None:
    taken: dict[str, Path | None] = {}
    for content, name in zip(contents, names, strict=True):
        # Some file systems take names that differ in case only for one.
        other = taken.setdefault(name.lower(), content)
        if other is not content:
            raise UsageError(
                f"{other} and {content} would both become {name}; rename one, or paint them apart"
            )


def _output_folder(folder: Path) -> Path:
    """The folder for results, made if only it is missing."""
    if folder.is_dir():
        return folder
    if folder.exists():
        raise OutputError(f"{folder}: is a file, expected a folder for the results; choose another name")
    try:
        folder.mkdir()
    except FileNotFoundError as error:
        raise OutputError(
            f"{folder}: the folder {folder.parent} does not exist; create it, or choose another one"
        ) from error
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror})") from error
    return folder


def _files(job: Job, settings: Settings) -> list[Path]:
    """The files that a job reads."""
    init = None if settings.init in INIT_CHOICES else Path(settings.init)
    return [
        path for path in (job.content, job.style, job.content_map, job.style_map, init) if path is not None
    ]


def _check_previews(output: Path, inputs: Sequence[Path]) -> None:
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
