"""Tuning: tries weights of the losses at a small size, and finds what structure costs in style.

Every trial paints one picture with the weights that the sampler suggests, and measures two distances that no
loss minimises, each relative to the preset's picture:

    s = self similarity distance / the preset's
    t = (texture distance / the preset's + plausibility distance / the preset's) / 2

s tells how much of the content is lost, t how far the style is. No picture is best in both. Those to which no
other is nearer in both at once are the front, and its ends become recipes. A third recipe is the picture
whose worst number is the best: of s, both parts of t, and the coverage and colour distances, each relative to
the preset's, the largest counts. A mean would let it buy nearer patches with wrong colours.

The sampler is Optuna's tree of Parzen estimators for several objectives (Ozaki et al. 2022), which proposes
weights near those of the front.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glstylenet.errors import OutputError, UsageError
from glstylenet.files import write_text
from glstylenet.pictures import read_picture, write_picture
from glstylenet.report.experiment import format_number
from glstylenet.report.gallery import Gallery, GalleryItem
from glstylenet.report.page import render
from glstylenet.report.results_file import Record, ResultsFile, Task
from glstylenet.report.runner import Runner, refuse_written_inputs
from glstylenet.report.sheet import draw_sheet
from glstylenet.report.sweep import PAGE, SHEET, given_pictures
from glstylenet.settings import PRESETS, Pictures, Settings

if TYPE_CHECKING:
    import optuna

__all__ = ["RECIPES", "Trial", "Tuning", "chosen_recipes", "front_of", "open_tuning", "require_optuna"]

RECIPES = ("closer to the content", "balanced", "closer to the style")
"""The names of the three recipes."""

_RANGES: Mapping[str, float] = {
    "content_weight": 6.0,
    "local_weight": 6.0,
    "global_weight": 10.0,
    "semantic_weight": 4.0,
}
"""The weights that are tried, from the preset's over this factor to the preset's times this factor."""

_FIRST = 6
"""Trials with random weights, before the sampler has something to learn from."""

_MOST_LOST = 1.25
"""A recipe that is closer to one side may be this much farther from the other than the preset."""


_CLEARLY_BETTER = 0.97
"""All distances of the balanced recipe are at most this, relative to the preset's.

A content weight that differs by 3 %, too little to be seen, moves most of them by less than that
(docs/reproduction.md), and at another size weights do not have quite the same effect.
"""


@dataclass(frozen=True)
class Trial:
    """`Trial` is one picture with its ``weights``: ``structure`` is s, ``style`` is t; 1 is the preset's.

    ``worst``: the largest of all distances relative to the preset's.
    """

    record: Record
    weights: Mapping[str, float]
    structure: float
    style: float
    worst: float


@dataclass
class Tuning:
    """`Tuning` tries weights for ``pictures`` around those of ``base``, in the folder of ``results``.

    ``preset``: the name that ``base`` starts from; ``seed``: that of the sampler. The same call in the same
    folder continues: pictures that are there are not painted again, and the sampler suggests the same ones.
    """

    pictures: Pictures
    base: Settings
    preset: str | None
    results: ResultsFile
    seed: int = 0

    def __post_init__(self) -> None:
        self.trials: list[Trial] = []

    def run(self, runner: Runner, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> bool:
        """Try weights for ``seconds``, the preset's first; return whether at least three could be compared.

        Raises :class:`~glstylenet.errors.UsageError` if the preset's picture has no distance to compare with,
        and what :meth:`Runner.paint <glstylenet.report.runner.Runner.paint>` raises.
        """
        began = clock()
        study = self._study()
        while clock() - began < seconds and not runner.should_stop():
            suggested = study.ask(self._distributions())
            weights = {name: float(value) for name, value in suggested.params.items()}
            records = runner.paint([self._task(suggested.number, weights)])
            if not records:
                break
            self._add(study, suggested, records[0], weights)
        return len(self.trials) >= len(RECIPES)

    def recipes(self) -> dict[str, Trial]:
        """Return the recipes by name; see :func:`chosen_recipes`."""
        return chosen_recipes(self.trials)

    def publish(self, minutes: Mapping[str, float]) -> list[Path]:
        """Write sheet and page of the front and a config file for each recipe; return the config files.

        ``minutes``: those of a run at the pictures' own size, by the recipe's name.
        """
        folder, recipes = self.results.folder, self.recipes()
        gallery = self._gallery(recipes)
        write_picture(folder / SHEET, draw_sheet(gallery), overwrite=True)
        facts = {
            "title": "Weights tried",
            "summary": f"{len(self.trials)} pictures, {len(front_of(self.trials))} of them on the front",
            "inputs": given_pictures(self.pictures),
            "grid": gallery,
        }
        write_text(folder / PAGE, render("sweep.html", facts), overwrite=True)
        files = []
        for name, trial in recipes.items():
            files.append(folder / f"{name.replace(' ', '-')}.toml")
            write_text(files[-1], self._config(name, trial, minutes.get(name)), overwrite=True)
        return files

    def settings_of(self, trial: Trial) -> Settings:
        """Return the settings of a trial at the pictures' own size."""
        return self.base.replace(**trial.weights, size=None)

    def _study(self) -> "optuna.Study":
        import optuna  # noqa: PLC0415 - an extra

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=self.seed, n_startup_trials=_FIRST)
        study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
        study.enqueue_trial({name: self._weight(name) for name in self._distributions()})
        return study

    def _weight(self, name: str) -> float:
        value: float = getattr(self.base, name)
        return value

    def _distributions(self) -> "dict[str, optuna.distributions.BaseDistribution]":
        """Return the range of each weight; one that is 0 stays 0, and maps are needed for theirs."""
        from optuna.distributions import FloatDistribution  # noqa: PLC0415

        return {
            name: FloatDistribution(value / factor, value * factor, log=True)
            for name, factor in _RANGES.items()
            if (value := self._weight(name)) > 0
            and (name != "semantic_weight" or self.pictures.content_map is not None)
        }

    def _task(self, number: int, weights: Mapping[str, float]) -> Task:
        settings = self.base.replace(**weights)
        return Task(f"trial-{number:03d}", self.pictures, settings, self.preset)

    def _add(
        self, study: "optuna.Study", suggested: "optuna.Trial", record: Record, weights: Mapping[str, float]
    ) -> None:
        """Tell the sampler what came of its suggestion, and keep it if it can be compared."""
        from optuna.trial import TrialState  # noqa: PLC0415

        first = self.trials[0].record if self.trials else record
        distances = _relative(record, first)
        if distances is None:
            if not self.trials:
                raise UsageError(
                    f"the preset's picture cannot be compared "
                    f"({record.error or 'it has nothing to measure'}); use larger pictures or another preset"
                )
            study.tell(suggested, state=TrialState.FAIL)
            return
        study.tell(suggested, distances[:2])
        self.trials.append(Trial(record, weights, *distances))

    def _gallery(self, recipes: Mapping[str, Trial]) -> Gallery:
        """Return the preset and the front in one row, from the content's side to the style's."""
        names = {trial.record.name: name for name, trial in recipes.items()}
        first, front = self.trials[0], front_of(self.trials)
        others = {trial.record.name: trial for trial in (*front, *recipes.values()) if trial != first}
        shown = [first, *sorted(others.values(), key=lambda trial: trial.structure)]
        items = tuple(self._item(trial, names.get(trial.record.name, "")) for trial in shown)
        labels = ("preset", *(names.get(trial.record.name, "front") for trial in shown[1:]))
        return Gallery("From the content's side to the style's", ("",), labels, (items,))

    def _item(self, trial: Trial, recipe: str) -> GalleryItem:
        facts = {
            "structure": format_number(trial.structure),
            "style": format_number(trial.style),
            "worst": format_number(trial.worst),
        }
        facts |= {name.replace("_", " "): format_number(value) for name, value in trial.weights.items()}
        file = self.results.folder / str(trial.record.file)
        return GalleryItem(recipe or trial.record.name, file, facts=facts, command=trial.record.command)

    def _config(self, name: str, trial: Trial, minutes: float | None) -> str:
        """Return the config file of a recipe."""
        lines = [
            f"# Weights found by glstylenet tune: {name}.",
            f"# Beside the preset's picture: {trial.structure:.2f} of its distance to the content,",
            f"# {trial.style:.2f} of that to the style; at most {trial.worst:.2f} of each of five distances.",
        ]
        if minutes is not None:
            lines.append(f"# A run at the pictures' own size takes about {minutes:.1f} minutes here.")
        if self.preset in PRESETS:
            lines.append(f'preset = "{self.preset}"')
        lines += [f"{weight} = {value:.6g}" for weight, value in trial.weights.items()]
        return "\n".join(lines) + "\n"


def open_tuning(
    pictures: Pictures, base: Settings, preset: str | None, folder: Path, *, overwrite: bool
) -> Tuning:
    """Open a tuning in ``folder``, which may hold a part of it.

    Raises :class:`~glstylenet.errors.InputError` for a picture that cannot be read, and
    :class:`~glstylenet.errors.OutputError` if the folder holds other files or another tuning, unless
    ``overwrite``, or if an input would be replaced there.
    """
    for file in pictures.as_dict().values():
        read_picture(file, max_pixels=base.max_pixels)
    results = ResultsFile.read(folder, overwrite=overwrite)
    tuning = Tuning(pictures, base, preset, results, seed=base.seed)
    first = Task("trial-000", pictures, base, preset)
    configs = [f"{name.replace(' ', '-')}.toml" for name in RECIPES]
    refuse_written_inputs(folder, [first], (SHEET, PAGE, *configs), ())
    known = results.records.get(first.name)
    is_another = known.key != first.key({}) if known is not None else bool(results.records)
    if is_another and not overwrite:
        raise OutputError(
            f"{folder}: holds pictures of other inputs or settings; choose another folder, or give "
            f"--overwrite to replace them"
        )
    if is_another:
        results.records = {}
    return tuning


def front_of(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that no other is better than in both distances, the best structure first."""
    front = [
        trial
        for trial in trials
        if not any(
            other.structure <= trial.structure
            and other.style <= trial.style
            and (other.structure, other.style) != (trial.structure, trial.style)
            for other in trials
        )
    ]
    return sorted(front, key=lambda trial: trial.structure)


def chosen_recipes(trials: Sequence[Trial]) -> dict[str, Trial]:
    """Return the recipes by name: the best structure of the front, the best worst number, the best style.

    The first of ``trials`` has the preset's weights, and is the balanced one where no other is clearly better
    in every distance. Of the front only pictures count that lose at most a quarter on the other side, so that
    no recipe is the content or the style itself.
    """
    front = front_of(trials)
    content = [trial for trial in front if trial.style <= _MOST_LOST] or front
    style = [trial for trial in front if trial.structure <= _MOST_LOST] or front
    best = min(trials, key=lambda trial: trial.worst)
    chosen = (
        min(content, key=lambda trial: trial.structure),
        best if best.worst <= _CLEARLY_BETTER else trials[0],
        min(style, key=lambda trial: trial.style),
    )
    return dict(zip(RECIPES, chosen, strict=True))


def _relative(record: Record, first: Record) -> tuple[float, float, float] | None:
    """Return s, t and the worst of ``record``, relative to ``first``; ``None`` if a number is missing."""
    structure, texture, plausibility, *others = (
        _ratio(record.metrics.get(key), first.metrics.get(key))
        for key in (
            "self_similarity_distance",
            _by_class(first, "texture_distance"),
            "plausibility_distance",
            "coverage_distance",
            _by_class(first, "colour_distance"),
        )
    )
    if not record.is_done or structure is None or texture is None or plausibility is None:
        return None
    known = [ratio for ratio in others if ratio is not None]
    return structure, (texture + plausibility) / 2, max(structure, texture, plausibility, *known)


def _by_class(first: Record, key: str) -> str:
    """Return the key of the distance by class, where there are classes."""
    return f"{key}_by_class" if first.metrics.get(f"{key}_by_class") is not None else key


def _ratio(value: Any, base: Any) -> float | None:
    return float(value) / float(base) if value is not None and base else None


def require_optuna() -> None:
    """Raise :class:`~glstylenet.errors.UsageError` if Optuna is not installed."""
    try:
        import optuna  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "tuning needs Optuna, which is not installed; install it with: pip install 'glstylenet[tune]'"
        ) from error
