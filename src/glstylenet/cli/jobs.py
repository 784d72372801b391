"""Jobs: the pictures of a command line, sorted into runs with their outputs.

``CONTENT... STYLE`` with one content is one job. Several contents, or a folder of them, are a batch: the
results are named ``{content}__{style}.png`` in the output folder.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from glstylenet.errors import InputError, OutputError, UsageError
from glstylenet.pictures import find_pictures, output_format, readable_names

__all__ = ["BatchPlan", "Job", "plan_jobs"]


@dataclass(frozen=True)
class Job:
    """One picture to paint.

    ``content`` is ``None`` for a doodle. ``content_map`` may be a folder that holds a map with the content's
    name (:meth:`map_of_content`).
    """

    content: Path | None
    style: Path
    content_map: Path | None
    style_map: Path | None
    output: Path

    @property
    def name(self) -> str:
        """The name of the job in messages."""
        return str(self.content or self.content_map)

    def map_of_content(self) -> Path | None:
        """Return the content's own map.

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
    """The jobs of a call. In a batch, results are reported together, and a failure does not end it."""

    jobs: tuple[Job, ...]
    is_batch: bool


def plan_jobs(
    pictures: Sequence[str], output: str, *, content_map: Path | None, style_map: Path | None
) -> BatchPlan:
    """Return the jobs of ``CONTENT... STYLE``; ``STYLE`` alone, with both maps, is a doodle.

    A missing output folder is made if the folder above it exists: further up, a missing folder is more likely
    a typing error. Raises :class:`~glstylenet.errors.UsageError`,
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


def _contents(
    pictures: Sequence[str], content_map: Path | None, style_map: Path | None
) -> tuple[list[Path | None], bool]:
    """Return the contents, and whether they are a batch."""
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
        # Some file systems treat names that differ only in case as one.
        other = taken.setdefault(name.lower(), content)
        if other is not content:
            raise UsageError(
                f"{other} and {content} would both become {name}; rename one, or paint them one by one"
            )


def _output_folder(folder: Path) -> Path:
    """Return the folder for results; create it if only it is missing."""
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
