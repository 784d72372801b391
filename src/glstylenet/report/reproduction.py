"""Reproduction: runs the paper's experiments one after the other and writes one report of all."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from glstylenet.errors import UsageError
from glstylenet.files import write_text
from glstylenet.metrics import evaluate_picture
from glstylenet.report.experiment import Experiment, Finding, Panel, Table, format_number, repetitions
from glstylenet.report.experiments import EXPERIMENTS
from glstylenet.report.gallery import Gallery, GalleryItem
from glstylenet.report.inputs import Gathered
from glstylenet.report.page import render
from glstylenet.report.results_file import ResultsFile, Task
from glstylenet.report.runner import Runner, refuse_written_inputs
from glstylenet.report.sweep import PAGE, facts_of, given_pictures
from glstylenet.settings import Pictures

__all__ = ["Chapter", "Reproduction", "chosen_experiments", "measured"]

_TABLE = TypeAdapter(Table)
"""The schema of a table in the results file."""

_CAPTIONED = {
    "texture_distance_by_class": "texture, by class",
    "texture_distance": "texture",
    "plausibility_distance": "patches",
    "self_similarity_distance": "structure",
    "colour_distance": "colour",
    "leaks": "leaks",
    "glitches": "glitches",
    "line_deviation": "lines",
    "symmetry": "symmetry",
}
"""The metrics in a caption, with their short names."""


@dataclass
class Chapter:
    """`Chapter` is one experiment of the report; ``reason``: why it was not run, if it was not."""

    experiment: Experiment
    panels: list[Panel] = field(default_factory=list)
    table: Table | None = None
    reason: str | None = None

    repetitions: list[Task] = field(default_factory=list)

    @property
    def tasks(self) -> list[Task]:
        """The tasks of all its panels, and those that tell how far numbers move by chance."""
        shown = [task for panel in self.panels for task in panel.tasks]
        return list({task.name: task for task in (*shown, *self.repetitions)}.values())


@dataclass
class Reproduction:
    """`Reproduction` runs the experiments ``chosen`` on ``gathered`` inputs.

    ``shared``: settings of every run. ``folder``: that of the inputs, ``None`` for the samples.
    """

    chosen: Sequence[Experiment]
    gathered: Gathered
    folder: Path | None
    shared: Mapping[str, Any]
    results: ResultsFile

    def __post_init__(self) -> None:
        self.chapters = [self._chapter(experiment) for experiment in self.chosen]

    def refuse_written_inputs(self) -> None:
        """Raise :class:`~glstylenet.errors.OutputError` if a file of the report is one of the inputs."""
        refuse_written_inputs(
            self.results.folder,
            [task for chapter in self.chapters for task in chapter.tasks],
            (PAGE,),
            [cut.file for cut in self.gathered.published.values()],
        )

    @property
    def tasks(self) -> list[Task]:
        """The tasks of all chapters that can be run, each once: figures share pictures."""
        chapters = [chapter for chapter in self.chapters if chapter.reason is None]
        return list({task.name: task for chapter in chapters for task in chapter.tasks}.values())

    def run(self, runner: Runner) -> bool:
        """Measure all tables, paint all pictures, and write the page; return whether everything is done.

        Pictures that an earlier run in the same folder has finished are kept. Tables come first: they hold
        seconds, which pictures that are painted at the same time would lengthen.
        """
        self.results.folder.mkdir(parents=True, exist_ok=True)
        self.results.write()  # by which the same command knows its folder again
        self.publish()
        for chapter in self.chapters:
            if runner.should_stop():
                return False
            if chapter.reason is None and chapter.experiment.table is not None:
                self._measure(chapter)
        tasks = self.tasks
        records = runner.paint(tasks)
        self.publish()
        is_whole = len(records) == len(tasks) and all(record.is_done for record in records)
        return is_whole and all(chapter.reason is None for chapter in self.chapters)

    def completes_chapter(self, name: str) -> bool:
        """Return whether the picture ``name`` was the last that one of its chapters lacked."""
        records = self.results.records
        return any(
            any(task.name == name for task in chapter.tasks)
            and all(task.name in records for task in chapter.tasks)
            for chapter in self.chapters
        )

    def findings(self, chapter: Chapter) -> list[Finding]:
        """Return the findings of ``chapter`` from the results so far."""
        if chapter.reason is not None:
            return []
        if chapter.experiment.table is not None:
            return [] if chapter.table is None else list(chapter.table.findings)
        names = {task.name for task in chapter.tasks}
        return chapter.experiment.judge(
            {name: record for name, record in self.results.records.items() if name in names}
        )

    def publish(self) -> None:
        """Write the page; raise :class:`~glstylenet.errors.OutputError` if that fails."""
        self.results.folder.mkdir(parents=True, exist_ok=True)
        facts = {
            "title": "GLStyleNet reproduced",
            "summary": ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.shared.items()),
            "inputs": "the shipped samples, in the place of every pair"
            if self.folder is None
            else "the paper's own inputs",
            "chapters": [self._shown(chapter) for chapter in self.chapters],
        }
        write_text(self.results.folder / PAGE, render("reproduction.html", facts), overwrite=True)

    def claims(self) -> list[tuple[str, Finding]]:
        """Return every claim with its figure, in the paper's order."""
        return [
            (chapter.experiment.name, finding)
            for chapter in self.chapters
            for finding in self.findings(chapter)
        ]

    def as_dict(self) -> dict[str, object]:
        """Return claims and verdicts by figure, for JSON."""
        return {
            chapter.experiment.name: {
                "title": chapter.experiment.title,
                "claim": chapter.experiment.claim,
                "not_run": chapter.reason,
                "seconds": self._seconds(chapter),
                "findings": [asdict(finding) for finding in self.findings(chapter)],
            }
            for chapter in self.chapters
        }

    def _chapter(self, experiment: Experiment) -> Chapter:
        missing = [self.gathered.missing[name] for name in experiment.pairs if name in self.gathered.missing]
        if missing:
            return Chapter(experiment, reason="; ".join(missing))
        chapter = Chapter(experiment, experiment.panels(self.gathered, self.shared))
        for name, preset in experiment.pairs.items():
            chapter.repetitions += repetitions(name, self.gathered.pairs[name], preset, self.shared)
        if experiment.table is not None:
            chapter.table = self.results.fact(experiment.name, _TABLE)
        return chapter

    def _measure(self, chapter: Chapter) -> None:
        """Measure the chapter's table, unless the results file has it, and write it there."""
        if chapter.table is None and chapter.experiment.table is not None:
            chapter.table = chapter.experiment.table(self.shared)
            self.results.about[chapter.experiment.name] = asdict(chapter.table)
            self.results.write()

    def _seconds(self, chapter: Chapter) -> float:
        painted = [
            self.results.records[task.name].seconds
            for task in chapter.tasks
            if task.name in self.results.records
        ]
        return round(sum(painted) + (chapter.table.seconds if chapter.table is not None else 0.0), 1)

    def _shown(self, chapter: Chapter) -> dict[str, object]:
        seen: dict[Pictures, None] = dict.fromkeys(panel.pictures for panel in chapter.panels)
        return {
            "experiment": chapter.experiment,
            "reason": chapter.reason,
            "inputs": [given_pictures(pictures) for pictures in seen],
            "galleries": [self._gallery(panel) for panel in chapter.panels],
            "table": chapter.table,
            "findings": self.findings(chapter),
            "seconds": self._seconds(chapter),
        }

    def _gallery(self, panel: Panel) -> Gallery:
        rows = tuple(tuple(self._item(task) for task in row) for row in panel.rows)
        return Gallery(panel.title, panel.row_labels, panel.column_labels, rows)

    def _item(self, task: Task) -> GalleryItem:
        record = self.results.records.get(task.name)
        if record is None:
            return GalleryItem(task.name, None, "not painted yet")
        if record.file is None:
            return GalleryItem(task.name, None, f"failed: {record.error}", command=record.command)
        # A published picture has no losses, and took nobody any time here.
        painted = facts_of(record) if record.losses else {}
        facts = {name: value for name, value in painted.items() if name in ("loss", "seconds")}
        facts |= {
            words: format_number(record.metrics[key])
            for key, words in _CAPTIONED.items()
            if record.metrics.get(key) is not None
        }
        return GalleryItem(task.name, self.results.folder / record.file, facts=facts, command=record.command)


def chosen_experiments(names: Sequence[str]) -> list[Experiment]:
    """Return the experiments with ``names``, in the paper's order; all for "all" or no name.

    Raises :class:`~glstylenet.errors.UsageError` for an unknown name.

    >>> [experiment.name for experiment in chosen_experiments(["fig8", "fig6"])]
    ['fig6', 'fig8']
    """
    unknown = [name for name in names if name not in (*EXPERIMENTS, "all")]
    if unknown:
        raise UsageError(f"there is no figure {', '.join(unknown)}; expected all or {', '.join(EXPERIMENTS)}")
    if not names or "all" in names:
        return list(EXPERIMENTS.values())
    return [experiment for name, experiment in EXPERIMENTS.items() if name in names]


def measured(task: Task, picture: Path) -> dict[str, float | None]:
    """Return the metrics of a painted picture, as the results file holds them."""
    pictures = task.pictures
    if pictures.content is None:
        return {}
    return dict(
        evaluate_picture(
            picture,
            pictures.content,
            pictures.style,
            content_map=pictures.content_map,
            style_map=pictures.style_map,
            settings=task.settings,
        ).as_dict()
    )
