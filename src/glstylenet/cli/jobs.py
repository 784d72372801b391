"""Jobs: the pictures of a command line, sorted into runs with their outputs.

``CONTENT... STYLE`` with one content is one job. Several contents, or a folder of them, are a batch: the
results are named ``{content}__{style}.png`` in the output folder.
"""

import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from glstylenet.cli.content_maps import ContentMaps
from glstylenet.cli.contents import Contents, Refused, describe_skipped, gather_contents
from glstylenet.cli.paths import input_path, output_path
from glstylenet.errors import InputError, OutputError, UsageError
from glstylenet.pictures import output_format
from glstylenet.run import GivenStyle, styles_of
from glstylenet.settings import ONE_STYLE, FurtherStyles, Pictures

__all__ = ["BatchPlan", "Job", "make_output_folder", "plan_jobs"]


@dataclass(frozen=True)
class Job:
    """One picture to paint; ``content`` is ``None`` for a doodle.

    ``replaces`` says that the file at ``output`` is an unfinished result, which this run is to replace.
    """

    content: Path | None
    style: Path
    content_map: Path | None
    style_map: Path | None
    output: Path
    replaces: bool = False
    further: FurtherStyles = ONE_STYLE

    @property
    def pictures(self) -> Pictures:
        """Every picture and map that is read."""
        return Pictures(self.content, self.style, self.content_map, self.style_map, further=self.further)

    @property
    def inputs(self) -> list[Path]:
        """The files of these pictures."""
        return list(self.pictures.as_dict().values())

    @property
    def styles(self) -> GivenStyle:
        """What :func:`~glstylenet.stylize` takes as its style, beside :attr:`map_of_style`."""
        return styles_of(self.pictures)[0]

    @property
    def map_of_style(self) -> Path | None:
        """What :func:`~glstylenet.stylize` takes as the style's map: several styles have their own."""
        return styles_of(self.pictures)[1]

    @property
    def name(self) -> str:
        """The name of the job in messages."""
        return str(self.content or self.content_map)


@dataclass(frozen=True)
class BatchPlan:
    """The jobs of a call. In a batch, results are reported together, and a failure does not end it.

    ``refused`` are the pictures that cannot be painted, ``notes`` say what else was left out, and
    ``also_read`` are files that the call reads besides its pictures: none of them may be written.
    """

    jobs: tuple[Job, ...]
    is_batch: bool
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()
    also_read: tuple[Path, ...] = ()


def plan_jobs(
    pictures: Sequence[str],
    output: str,
    *,
    content_map: Path | None,
    style_map: Path | None,
    also_read: Sequence[Path] = (),
    further: FurtherStyles = ONE_STYLE,
) -> BatchPlan:
    """Return the jobs of ``CONTENT... STYLE``; ``STYLE`` alone, with both maps, is a doodle.

    All jobs have the same ``further`` styles.

    A missing output folder is made if the folder above it exists: further up, a missing folder is more likely
    a typing error. Raises :class:`~glstylenet.errors.UsageError`,
    :class:`~glstylenet.errors.InputError` or :class:`~glstylenet.errors.OutputError`.
    """
    target = output_path(output)
    is_folder = target.is_dir() or output.endswith((os.sep, "/"))
    has_style_map = style_map is not None or further.need_no_first_map
    style = _style(pictures, is_doodle=content_map is not None and has_style_map)
    if len(pictures) == 1:
        job = _plan_doodle(style, content_map, style_map, target, is_folder=is_folder)
        return BatchPlan((replace(job, further=further),), is_batch=False, also_read=tuple(also_read))
    contents = gather_contents(pictures[:-1])
    if not contents.is_batch and not is_folder:
        [content] = contents.paths
        own_map = None if content_map is None else ContentMaps.of(content_map).map_of(content)
        job = Job(content, style, own_map, style_map, target, further=further)
        return BatchPlan((job,), is_batch=False, also_read=tuple(also_read))
    if contents.is_batch and output_format(target) is not None:
        raise UsageError(f"-o {output} names one file, and a batch makes several; give a folder")
    outputs = {content: target / _result_name(content, style) for content in contents.paths}
    notes = [describe_skipped(contents.skipped, "no pictures")] if contents.skipped else []
    earlier = _earlier_results(contents, outputs, target)
    if earlier:
        notes.append(describe_skipped(earlier, "results of this batch"))
        outputs = {content: path for content, path in outputs.items() if content not in earlier}
    _refuse_equal_names(outputs)
    make_output_folder(target)
    maps = None if content_map is None else ContentMaps.of(content_map)
    jobs: list[Job] = []
    refused = list(contents.refused)
    for content, path in outputs.items():
        try:
            own_map = None if maps is None else maps.map_of(content)
            result = output_path(str(path))
            jobs.append(Job(content, style, own_map, style_map, result, further=further))
        except (InputError, OutputError) as error:
            if not contents.is_batch:
                raise
            refused.append(Refused(str(content), error))
    return BatchPlan(tuple(jobs), contents.is_batch, tuple(refused), tuple(notes), tuple(also_read))


def _style(pictures: Sequence[str], *, is_doodle: bool) -> Path:
    """Return the last of ``pictures``, if there are as many as a run needs."""
    if len(pictures) < 2 and not (pictures and is_doodle):
        raise UsageError(
            f"got {'one picture' if pictures else 'no pictures'}, expected CONTENT and STYLE; STYLE alone is "
            f"enough for a doodle, which needs --content-map and --style-map"
        )
    return input_path(pictures[-1])


def _plan_doodle(
    style: Path,
    content_map: Path | None,
    style_map: Path | None,
    target: Path,
    *,
    is_folder: bool,
) -> Job:
    if content_map is not None and content_map.is_dir():
        raise UsageError(f"a doodle is painted from one map, and {content_map} is a folder; name a file")
    if is_folder:
        make_output_folder(target)
        target /= _result_name(content_map or style, style)
    return Job(None, style, content_map, style_map, target)


def _result_name(content: Path, style: Path) -> str:
    return f"{content.stem}__{style.stem}.png"


def _earlier_results(contents: Contents, outputs: Mapping[Path, Path], folder: Path) -> list[Path]:
    """Return the pictures of listed folders that are results of this batch, to be written into ``folder``.

    They are there when contents and results share a folder, and the batch is started again.
    """
    names = {path.name for path in outputs.values()}
    here = os.path.realpath(folder)
    return [
        path
        for path in contents.paths
        if path in contents.listed and path.name in names and os.path.realpath(path.parent) == here
    ]


def _refuse_equal_names(outputs: Mapping[Path, Path]) -> None:
    taken: dict[str, Path] = {}
    for content, path in outputs.items():
        other = taken.setdefault(_name_as_one(path.name), content)
        if other is not content:
            raise UsageError(
                f"{other} and {content} would both become {path.name}, at least where a file system does not "
                f"tell letter cases or the spellings of accents apart; rename one, or paint them one by one"
            )


def _name_as_one(name: str) -> str:
    """Return the same text for all names that some file system takes for one.

    >>> _name_as_one("IMG_2.png") == _name_as_one("img_2.png")
    True
    >>> _name_as_one("caf\\u00e9.png") == _name_as_one("cafe\\u0301.png")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def make_output_folder(folder: Path) -> None:
    """Create the folder for results if only it is missing; raise OutputError if that cannot be done."""
    if folder.is_dir():
        return
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
