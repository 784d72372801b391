"""Grid: one or two varying settings; every combination of their values is a cell."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from glstylenet.errors import SettingsError, UsageError
from glstylenet.settings import PRESETS, Settings, field_help, number_text, preset_settings

__all__ = ["PRESET", "STYLE_WEIGHTS", "Axis", "Cell", "Grid", "make_grid", "split_values"]

PRESET = "preset"
"""The name of an axis of presets."""

STYLE_WEIGHTS = "style_weights"
"""The name of an axis of the weights of several styles; all other axes have the names of settings."""

_NO_SETTINGS = frozenset({PRESET, STYLE_WEIGHTS})

_MOST_CELLS = 400
_FIXED = frozenset({"strict", "device", "memory", "max_pixels", "weights"})
"""Settings that cannot vary: they say how to compute, and pictures do not differ by them on purpose."""


@dataclass(frozen=True)
class Axis:
    """`Axis` is a setting, the preset or the styles' weights, with its ``values`` as text, in their order."""

    name: str
    values: tuple[str, ...]

    def label(self, value: str) -> str:
        """Return the head of the row or column of ``value``.

        >>> Axis("local_weight", ("50", "100")).label("100")
        'local weight (beta) 100'
        """
        return f"{self.title} {_shown(value)}"

    @property
    def title(self) -> str:
        """The setting in words, with the paper's symbol."""
        symbol = "" if self.name in _NO_SETTINGS else field_help(self.name).symbol
        words = self.name.replace("_", " ")
        return f"{words} ({symbol})" if symbol else words


@dataclass(frozen=True)
class Cell:
    """`Cell` is one combination: its place in the grid, its own ``values`` by name, all its ``settings``.

    ``preset``: the preset that the settings start from, if any. ``style_weights``: those of the styles, none
    where they do not vary.
    """

    row: int
    column: int
    values: Mapping[str, str]
    settings: Settings
    preset: str | None
    style_weights: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """The stem of the cell's file name, such as "local_weight-50__semantic_weight-10"."""
        return "__".join(f"{name}-{_in_file_name(value)}" for name, value in self.values.items())


@dataclass(frozen=True)
class Grid:
    """`Grid` holds the axes and the ``cells``, row by row; without ``rows`` it has one row."""

    rows: Axis | None
    columns: Axis
    cells: tuple[Cell, ...]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The one or two axes."""
        return (self.columns,) if self.rows is None else (self.rows, self.columns)

    @property
    def row_labels(self) -> tuple[str, ...]:
        """The head of each row; empty for a single row."""
        return ("",) if self.rows is None else tuple(map(self.rows.label, self.rows.values))

    @property
    def column_labels(self) -> tuple[str, ...]:
        """The head of each column."""
        return tuple(map(self.columns.label, self.columns.values))


def split_values(text: str) -> tuple[str, ...]:
    """Split ``text`` at its commas; a text without commas, or the name of a file, is one value.

    Raises :class:`~glstylenet.errors.UsageError` if a value is empty or given twice.

    >>> split_values("50, 100,500")
    ('50', '100', '500')
    """
    if "," not in text or os.path.isfile(text):
        return (text,)
    values = tuple(value.strip() for value in text.split(","))
    if not all(values):
        raise UsageError(
            f"the values {text!r} hold an empty one; expected values with commas between, such as 50,100,500"
        )
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise UsageError(f"the values {text!r} hold {', '.join(repeated)} more than once; give each once")
    return values


def make_grid(
    given: Mapping[str, str | bool],
    base: Mapping[str, object],
    *,
    preset: str | None = None,
    style_weights: Sequence[Sequence[float]] = (),
) -> Grid:
    """Create the grid of ``given`` options; those with several values are its axes.

    ``given``: the text of each setting; ``preset``: one or several with commas. ``base``: settings that
    ``given`` overrides (environment, config file). ``style_weights``: sets of the styles' weights; several
    are the last axis. The first of two axes gives the rows. The settings of every cell are checked. Raises
    :class:`~glstylenet.errors.UsageError` if nothing or more than two things vary, and
    :class:`~glstylenet.errors.SettingsError` for an impossible value.

    >>> grid = make_grid({"local_weight": "50,100", "scheme": "c,g"}, {})
    >>> [cell.name for cell in grid.cells][:2]
    ['local_weight-50__scheme-c', 'local_weight-50__scheme-g']
    """
    texts: dict[str, str | bool] = {} if preset is None else {PRESET: preset}
    texts.update(given)
    axes: list[Axis] = []
    fixed: dict[str, object] = {}
    for name, text in texts.items():
        values = split_values(text) if isinstance(text, str) else ()
        if len(values) < 2:
            fixed[name] = text
            continue
        if name in _FIXED:
            raise UsageError(f"{name} has several values, {text}, and cannot vary in a sweep; give it one")
        axes.append(Axis(name, values))
    weights = {",".join(map(number_text, each)): tuple(each) for each in style_weights}
    if len(weights) < len(style_weights):
        raise UsageError("a set of style weights is given more than once; give each once")
    if len(weights) > 1:
        axes.append(Axis(STYLE_WEIGHTS, tuple(weights)))
    _check_axes(axes)
    rows, columns = (None, axes[0]) if len(axes) == 1 else (axes[0], axes[1])
    cells = []
    starts = [dict[str, str]()] if rows is None else [{rows.name: value} for value in rows.values]
    for row, start in enumerate(starts):
        for column, value in enumerate(columns.values):
            combination = {**start, columns.name: value}
            cell = _cell(row, column, combination, base, fixed)
            cells.append(replace(cell, style_weights=weights.get(combination.get(STYLE_WEIGHTS, ""), ())))
    _refuse_twins(cells)
    return Grid(rows, columns, tuple(cells))


def _check_axes(axes: Sequence[Axis]) -> None:
    if not axes:
        raise UsageError(
            "nothing varies; give one or two settings several values, such as --local-weight 50,100,500"
        )
    if len(axes) > 2:
        names = ", ".join(axis.name for axis in axes)
        raise UsageError(f"{names} vary; a sheet has rows and columns, so at most two settings may")
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > _MOST_CELLS:
        raise UsageError(f"the grid has {count} cells; expected at most {_MOST_CELLS}, so give fewer values")


def _cell(
    row: int, column: int, values: Mapping[str, str], base: Mapping[str, object], fixed: Mapping[str, object]
) -> Cell:
    chosen = {**base, **fixed, **values}
    preset = chosen.pop(PRESET, None)
    chosen.pop(STYLE_WEIGHTS, None)
    if preset is None:
        return Cell(row, column, values, Settings(**chosen), None)
    if str(preset) not in PRESETS:
        raise SettingsError(f"there is no preset {preset!r}; the presets are {', '.join(PRESETS)}")
    return Cell(row, column, values, preset_settings(str(preset), **chosen), str(preset))


def _refuse_twins(cells: Iterable[Cell]) -> None:
    """Raise :class:`~glstylenet.errors.UsageError` if two cells have the same settings or the same name.

    Two spellings of one value, such as 1 and 1.0, would be one picture under two names. Two files of one name
    in different folders would be two pictures under one name.
    """
    seen: dict[str, Cell] = {}
    names: dict[str, Cell] = {}
    for cell in cells:
        if names.setdefault(cell.name.lower(), cell) is not cell:
            raise UsageError(f"two cells would be named {cell.name}; rename one of the files they start from")
        other = seen.setdefault(f"{cell.settings.model_dump_json()} {_relative(cell.style_weights)}", cell)
        if other is not cell and other.preset == cell.preset:
            raise UsageError(f"{other.name} and {cell.name} are the same settings; leave one of them out")


def _relative(weights: Sequence[float]) -> list[float]:
    """Return ``weights`` relative to the largest: 2,1 and 1,0.5 are the same."""
    largest = max(weights, default=0.0)
    return [weight / largest if largest else weight for weight in weights]


def _shown(value: str) -> str:
    return Path(value).name if os.path.isfile(value) else value


def _in_file_name(value: str) -> str:
    """Replace everything in ``value`` but letters, digits, dots, dashes and plus signs."""
    return "".join(letter if letter.isalnum() or letter in ".-+" else "_" for letter in _shown(value))[:60]
