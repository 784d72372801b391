"""Sweep: paints every cell of a grid, and shows them as a contact sheet and a page.

Sheet and page are drawn again after every picture, so that they are complete at any time, also after a crash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from glstylenet.errors import OutputError
from glstylenet.files import FileSet, write_text
from glstylenet.pictures import check_output, read_picture, write_picture
from glstylenet.report.gallery import Gallery, GalleryItem
from glstylenet.report.grid import Cell, Grid
from glstylenet.report.page import render
from glstylenet.report.results_file import Record, ResultsFile, Task
from glstylenet.report.runner import refuse_written_inputs
from glstylenet.report.sheet import draw_sheet
from glstylenet.run import given_styles, prepare_inputs, read_sources, styles_of
from glstylenet.settings import INIT_CHOICES, ONE_STYLE, Pictures, Settings

__all__ = ["PAGE", "SHEET", "Sweep", "facts_of", "given_pictures", "open_sweep"]

PAGE = "index.html"
"""The name of the page in its folder."""

SHEET = "sheet.png"
"""The name of the contact sheet."""


@dataclass(frozen=True)
class Sweep:
    """`Sweep` is a grid of settings for one content and its styles, in the folder of ``results``.

    ``notes``: sentences about the pictures, for the user.
    """

    grid: Grid
    pictures: Pictures
    results: ResultsFile
    notes: tuple[str, ...] = ()

    @property
    def tasks(self) -> list[Task]:
        """One task for each cell, row by row."""
        return [
            Task(cell.name, self._pictures_of(cell), cell.settings, cell.preset) for cell in self.grid.cells
        ]

    def _pictures_of(self, cell: Cell) -> Pictures:
        """Return the pictures with the weights that their styles have in ``cell``."""
        if not cell.style_weights:
            return self.pictures
        return replace(self.pictures, further=replace(self.pictures.further, weights=cell.style_weights))

    @property
    def title(self) -> str:
        """The varying settings in words."""
        return " and ".join(axis.title for axis in self.grid.axes)

    def publish(self, records: Sequence[Record]) -> None:
        """Draw sheet and page of the cells in ``records``.

        Raises :class:`~glstylenet.errors.OutputError` if they cannot be written.
        """
        gallery = self._gallery({record.name: record for record in records})
        folder = self.results.folder
        write_picture(folder / SHEET, draw_sheet(gallery), overwrite=True)
        done = sum(record.is_done for record in records)
        seconds = sum(record.seconds for record in records)
        facts = {
            "title": f"Sweep: {self.title}",
            "summary": f"{done} of {len(self.grid.cells)} pictures, painted in {seconds:.0f} seconds",
            "inputs": given_pictures(self.pictures),
            "grid": gallery,
        }
        write_text(folder / PAGE, render("sweep.html", facts), overwrite=True)

    def _gallery(self, records: Mapping[str, Record]) -> Gallery:
        columns = len(self.grid.column_labels)
        items = [self._item(cell.name, cell.values, records.get(cell.name)) for cell in self.grid.cells]
        rows = [tuple(items[at : at + columns]) for at in range(0, len(items), columns)]
        return Gallery(self.title, self.grid.row_labels, self.grid.column_labels, tuple(rows))

    def _item(self, name: str, values: Mapping[str, str], record: Record | None) -> GalleryItem:
        title = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items())
        if record is None:
            return GalleryItem(title or name, None, "not painted yet")
        if record.file is None:
            return GalleryItem(title, None, f"failed: {record.error}", command=record.command)
        return GalleryItem(
            title, self.results.folder / record.file, facts=facts_of(record), command=record.command
        )


def open_sweep(
    grid: Grid, pictures: Pictures, folder: Path, *, overwrite: bool, also_read: Sequence[Path] = ()
) -> Sweep:
    """Open a sweep in ``folder``, which may already hold a part of it.

    Checks that every picture can be read, that the folder can be written, that it holds no other sweep
    (unless ``overwrite``), that the styles have weights and their classes are in the maps, and that nothing
    written there is an input or one of the files ``also_read``.
    Raises :class:`~glstylenet.errors.UsageError`, :class:`~glstylenet.errors.InputError` and
    :class:`~glstylenet.errors.OutputError`.
    """
    settings = [cell.settings for cell in grid.cells]
    for file in _files(pictures, settings):
        read_picture(file, max_pixels=max(each.max_pixels for each in settings))
    results = ResultsFile.read(folder, overwrite=overwrite)
    results.about = {"inputs": {role: str(path) for role, path in pictures.as_dict().items()}}
    place = folder if folder.is_dir() else folder.parent
    sweep = Sweep(grid, pictures, results)
    sweep = replace(sweep, notes=_check_styles(sweep.tasks))
    refuse_written_inputs(folder, sweep.tasks, (SHEET, PAGE), also_read)
    check_output(place / SHEET, (1, 1), overwrite=True, inputs=FileSet())
    others = set(results.records) - {task.name for task in sweep.tasks}
    mine = [task for task in sweep.tasks if task.name in results.records]
    changed = [task.name for task in mine if _is_another(results.records[task.name], task)]
    if (changed or (others and not mine)) and not overwrite:
        named = ", ".join((changed or sorted(others))[:3])
        raise OutputError(
            f"{folder}: holds another sweep ({named}, painted from other pictures or settings); choose "
            f"another folder, or give --overwrite to replace it"
        )
    if overwrite and (changed or not mine):
        results.records = {task.name: results.records[task.name] for task in mine if task.name not in changed}
    return sweep


def _check_styles(tasks: Sequence[Task]) -> tuple[str, ...]:
    """Check the styles of all ``tasks``, where there are several; return sentences about them for the user.

    The maps are those of the first task: it stands for the others, which differ in a setting.
    """
    first = tasks[0]
    if first.pictures.further == ONE_STYLE:
        return ()
    for task in tasks:
        style, style_map = styles_of(task.pictures)
        given_styles(style, style_map)
    style, style_map = styles_of(first.pictures)
    sources = read_sources(
        first.pictures.content,
        style,
        content_map=first.pictures.content_map,
        style_map=style_map,
        settings=first.settings,
    )
    return prepare_inputs(sources, first.settings).warnings


def facts_of(record: Record) -> dict[str, str]:
    """Return the facts for the caption of a painted picture: total loss, seconds, then each term."""
    losses = dict(record.losses or {})
    total = losses.pop("total", float("nan"))
    facts = {"loss": f"{total:.4g}", "seconds": f"{record.seconds:.1f}"}
    return facts | {name: f"{value:.4g}" for name, value in losses.items()}


def given_pictures(pictures: Pictures) -> Gallery:
    """Return a gallery of the inputs, in one row."""
    items = [
        GalleryItem(f"{role.replace('_', ' ')}: {path.name}", path)
        for role, path in pictures.as_dict().items()
    ]
    labels = tuple(role.replace("_", " ") for role in pictures.as_dict())
    return Gallery("Painted from", ("",), labels, (tuple(items),))


def _files(pictures: Pictures, settings: Sequence[Settings]) -> list[Path]:
    inits = {each.init for each in settings} - set(INIT_CHOICES)
    return [*pictures.as_dict().values(), *map(Path, sorted(inits))]


def _is_another(record: Record, task: Task) -> bool:
    """Return whether a record of the same name was painted from other inputs or settings than ``task``."""
    return record.is_done and record.key != task.key({})
